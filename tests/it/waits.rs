//! Is everybody told, from a unit's deadline on, that it takes no bids any more and what it waits for?

use sealbid::cli::opening::OpeningCommand;
use sealbid::clock::Time;
use sealbid::opening::rules::waiting::{Standing, WaitsFor};
use sealbid::opening::rules::{Terms, UnitState};
use sealbid::tender::outage::waits_for;
use sealbid::tender::statements::Stage;
use sealbid::web::i18n::Lang;

use crate::on_both;
use crate::opening_world::{self, World};
use crate::openings::with_bids;
use crate::play::{self, Play};
use crate::support::{TestBase, wait};

const HOUR: Time = Time::from_millis(1_000_000);
const TERMS: Terms = Terms { deadline: HOUR, open_at: HOUR, challenge_ms: 1 };
const NOTHING: Standing = Standing { amending: false, outage_undecided: false, freeze: None };

#[test]
fn what_an_open_unit_waits_for_is_told_by_its_record_and_the_hour() {
    use WaitsFor::{Amendment, Cancellation, Close, Outage};
    let frozen = Standing { freeze: Some(8), ..NOTHING };
    let outage = Standing { outage_undecided: true, ..NOTHING };
    let amending = Standing { amending: true, ..outage };
    let cases = [
        (NOTHING, -1, None),
        (NOTHING, 0, Some(Close)),
        (NOTHING, 69_999, Some(Close)),
        (NOTHING, 70_000, Some(Cancellation)),
        (frozen, 70_000, Some(Close)),
        (outage, 70_000, Some(Outage)),
        (amending, 70_000, Some(Amendment)),
        (amending, -1, None),
    ];
    for (standing, after, expected) in cases {
        let of = |state| WaitsFor::of((state, &TERMS), standing, HOUR.plus(after));
        assert_eq!(of(UnitState::Open), expected, "{standing:?} {after}");
        assert_eq!(of(UnitState::Closing), None);
        assert_eq!(of(UnitState::Void), None);
    }
}

fn waits(world: &World) -> Option<WaitsFor> {
    wait(waits_for(&world.platform, &world.row())).unwrap()
}

on_both! {
    fn a_unit_whose_set_nobody_froze_in_time_waits_for_its_cancellation(base: TestBase) {
        let world = with_bids(base);
        assert_eq!(waits(&world), None);
        world.agents.sleep(&[1, 2, 3, 4, 5]);
        world.to(opening_world::DEADLINE);
        world.settle(2);
        assert_eq!(waits(&world), Some(WaitsFor::Close));
        world.to(opening_world::DEADLINE.plus(70_000));
        world.agents.sleep(&[]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Open);
        assert_eq!(waits(&world), Some(WaitsFor::Cancellation));
    }
}

#[test]
fn a_unit_whose_deadline_has_passed_is_shown_as_shut() {
    let base = TestBase::sqlite();
    let play = Play::new(&base, 1);
    let unit = play.publish(&[Stage::Single])[0];
    let shown = |lang| {
        let told = OpeningCommand::Show { unit }.run(&play.context(None)).unwrap();
        told.text(lang)
    };
    assert!(play.unit(&unit)["waits_for"].is_null());
    assert!(shown(Lang::En).contains("open for bids"));
    play.to(play::DEADLINE);
    assert_eq!(play.unit(&unit)["waits_for"], "close");
    let (en, zh) = (shown(Lang::En), shown(Lang::Zh));
    assert!(!en.contains("open for bids") && en.contains("shut for bids"), "{en}");
    assert!(en.contains("It waits for the close"), "{en}");
    assert!(zh.contains("已停止接受投标") && zh.contains("等待截标"), "{zh}");
}
