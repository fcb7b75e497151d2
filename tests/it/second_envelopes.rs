//! Do the two who order second envelopes know whose they are, and nobody else, and nobody too early?

use reqwest::StatusCode;
use sealbid::bid::rules::line;
use sealbid::cli::Context;
use sealbid::cli::failed::Failed;
use sealbid::cli::opening::OpeningCommand;
use sealbid::cli::output::Report;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::rules::UnitState::{self, Closed, Closing, Opened, Void};
use sealbid::opening::rules::words::shows_lines;
use sealbid::tender::statements::{ReleaseBy, Stage};
use sealbid::web::i18n::Lang;
use serde_json::Value;

use crate::liar::Liar;
use crate::on_both;
use crate::play::{Play, code};
use crate::registration::operator;
use crate::server::regulator;

/// Four bid in the first stage, three of them in the second too.
fn two_stages(base: &crate::support::TestBase) -> (Play, [UnitId; 2]) {
    let play = Play::new(base, 4);
    let units = play.publish(&[Stage::Technical, Stage::Commercial]);
    for bidder in 0..4 {
        play.bid(bidder, &units[0]);
    }
    for bidder in 1..4 {
        play.bid(bidder, &units[1]);
    }
    (play, [units[0], units[1]])
}

fn lines(play: &Play, unit: &UnitId, key: Option<&SigningKey>) -> (u16, Value) {
    let token = key.map(|key| play.server.login(key));
    let (status, view) = play.server.get(&format!("/api/v1/units/{unit}/lines"), token.as_deref());
    (status.as_u16(), view)
}

/// What everybody is answered: buyer, regulator, then all who are neither.
fn answers(play: &Play, unit: &UnitId) -> Vec<u16> {
    let custodian = {
        let home = play.server.home().join("agent1");
        sealbid::custodian::home::Home::keys(
            &home,
            crate::registration::ORIGIN,
            &"c1".parse().unwrap(),
        )
    };
    let custodian = custodian.unwrap().statement;
    let (regulator, operator) = (regulator(), operator());
    let keys: [&SigningKey; 6] = [
        &play.buyer.key,
        &regulator,
        &play.bidders[0].key,
        &play.bidders[1].key,
        &operator,
        &custodian,
    ];
    let some = keys.into_iter().map(|key| lines(play, unit, Some(key)).0);
    some.chain([lines(play, unit, None).0]).collect()
}

const OTHERS: [u16; 5] = [403, 403, 403, 403, 401];

#[test]
fn lines_are_shown_of_a_closed_unit_of_second_envelopes_whose_first_are_open() {
    use ReleaseBy::{Order, Time};
    let shown = |state, release, first| shows_lines(state, release, first).is_ok();
    assert!(shown(Closed, Order, Some(Opened)) && shown(UnitState::Opened, Order, Some(Opened)));
    for state in sealbid::opening::rules::UNIT_STATES {
        assert!(!shown(state, Time, Some(Opened)) && !shown(state, Order, None), "{state:?}");
        assert_eq!(shown(Closed, Order, Some(state)), state == Opened);
        assert_eq!(shown(state, Order, Some(Opened)), [Closed, Opened].contains(&state));
    }
    assert!(!shown(Closing, Order, Some(Opened)) && !shown(Void, Order, Some(Opened)));
}

on_both! {
    fn buyer_and_regulator_learn_whose_second_envelopes_are_once_the_first_are_open(base: TestBase) {
        let (play, [first, second]) = two_stages(&base);
        let before = || [&[409, 409], &OTHERS[..]].concat();
        assert_eq!(answers(&play, &second), before(), "bids come in");
        play.close(&second);
        play.close(&first);
        assert_eq!(answers(&play, &second), before(), "closed, and nothing is open");
        play.open(&first);
        assert_eq!(answers(&play, &second), [&[200, 200], &OTHERS[..]].concat());
        assert_eq!(answers(&play, &first), before(), "of first envelopes there is nothing to order");
        let close = play.unit(&second)["close"].as_str().unwrap().to_owned();
        let (close, _) = play.pinned.close(&close, &second).unwrap();
        for key in [&*play.buyer.key, &regulator()] {
            let (_, view) = lines(&play, &second, Some(key));
            let view = view.as_array().unwrap();
            let mut told = Vec::new();
            for (it, bidder) in view.iter().zip(&play.bidders[1..]) {
                assert_eq!(it["bidder"], bidder.id.to_string());
                let receipt = it["receipt"].as_str().unwrap();
                let receipt = play.pinned.receipt(receipt.as_bytes()).unwrap().receipt;
                let event: Value = serde_json::from_slice(&receipt.event).unwrap();
                let manifest: Hash = event["manifest_sha256"].as_str().unwrap().parse().unwrap();
                let of = line(receipt.salt.as_bytes(), &manifest);
                assert_eq!(it["line"], of.to_string());
                told.push(of);
            }
            told.sort_unstable();
            assert_eq!(told, close.body().lines);
            // The rest of the record stays what it is to them.
            let index = view[0]["index"].as_u64().unwrap();
            let token = play.server.login(key);
            let entry = play.server.get(&format!("/api/v1/record/entries/{index}"), Some(&token));
            assert_eq!(entry.0, StatusCode::NOT_FOUND);
        }
    }
}

/// The line of this bidder, by what is said of it.
fn line_of(play: &Play, said: &str, bidder: usize) -> Hash {
    let id = play.bidders[bidder].id.to_string();
    let line = said.lines().find(|line| line.contains(&id)).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}

on_both! {
    fn an_order_is_chosen_and_signed_by_bidder_and_by_no_key_that_does_not_count(base: TestBase) {
        let (play, [first, second]) = two_stages(&base);
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let supervisor = play.context(Some(play.key_file(&regulator(), 105)));
        let bidder = play.context(Some(play.key_file(&play.bidders[1].key, 2)));
        let show = |context: &Context| {
            OpeningCommand::Show { unit: second }.run(context).unwrap().text(Lang::En)
        };
        let untold = |context: &Context| !show(context).contains("Its lines and their bidders");
        play.close(&second);
        assert!(untold(&buyer) && untold(&supervisor));
        let at = |name: &str| play.server.home().join(name);
        let all = {
            let close = play.unit(&second)["close"].as_str().unwrap().to_owned();
            play.pinned.close(&close, &second).unwrap().0.body().lines.clone()
        };
        let order = |context: &Context, lines: Vec<Hash>, out: &str| {
            OpeningCommand::Order { unit: second, lines, out: at(out) }.run(context)
        };
        assert_eq!(code(order(&buyer, all.clone(), "blind")), "opening-lines-sealed");
        play.open(&first);
        assert!(untold(&bidder) && untold(&play.context(None)));
        let shown = show(&buyer);
        assert_eq!(shown, show(&supervisor));
        let chosen: Vec<Hash> = [1, 3].map(|bidder| line_of(&play, &shown, bidder)).to_vec();
        let foreign = |signed: Result<Report, Failed>, out: &str| {
            let refused = signed.unwrap_err();
            assert_eq!(refused.code(), "cli-other-key");
            let said = format!("{:?}", refused.args());
            let wanted = [play.buyer.key.verifying(), regulator().verifying()].map(ToString::to_string);
            assert!(wanted.iter().all(|key| said.contains(key)) && !at(out).exists(), "{said}");
        };
        foreign(order(&bidder, chosen.clone(), "foreign"), "foreign");
        let told = order(&buyer, chosen.clone(), "order").unwrap().text(Lang::En);
        let sign = |context: &Context, out: Option<&str>| {
            OpeningCommand::SignOrder { file: at("order"), out: out.map(at) }.run(context)
        };
        foreign(sign(&bidder, Some("spoilt")), "spoilt");
        let looked = sign(&bidder, None).unwrap().text(Lang::En);
        assert!(looked.contains("opens    ") && !looked.contains(&play.bidders[1].id.to_string()), "{looked}");
        let seen = sign(&supervisor, None).unwrap().text(Lang::En);
        for said in [&told, &seen] {
            for (bidder, verb) in [(1, "opens "), (2, "deletes "), (3, "opens ")] {
                let id = play.bidders[bidder].id.to_string();
                let line = said.lines().find(|line| line.contains(&id)).unwrap();
                assert!(line.starts_with(verb), "{line}");
            }
        }
        sign(&supervisor, Some("both")).unwrap();
        OpeningCommand::SendOrder { file: at("both") }.run(&buyer).unwrap();
        play.until(&second, "opened");
        let opened = show(&play.context(None));
        assert_eq!(opened.matches(" CNY (line ").count(), 2, "{opened}");
        assert!(!opened.contains(&play.bidders[2].id.to_string()), "{opened}");
    }
}

on_both! {
    fn whose_a_line_is_stands_on_its_receipt_and_not_on_the_platforms_word(base: TestBase) {
        let (play, [first, second]) = two_stages(&base);
        play.close(&second);
        play.open(&first);
        let liar = Liar::before(&play.server);
        let buyer = play.key_file(&play.buyer.key, 90);
        let context = Context { server: Some(liar.address.clone()), ..play.context(Some(buyer)) };
        let show = || OpeningCommand::Show { unit: second }.run(&context);
        assert!(show().unwrap().text(Lang::En).contains("Its lines and their bidders"));
        let changes = |change: fn(&mut Vec<Value>)| {
            let of = format!("/api/v1/units/{second}/lines");
            liar.changes(move |path, view| {
                if path == of {
                    change(view.as_array_mut().unwrap());
                }
            });
            let refused = show();
            assert!(matches!(refused, Err(Failed::Receipt(_))), "{refused:?}");
        };
        // Two change places, one is another's, one is left out.
        changes(|lines| {
            let other = lines[1]["line"].clone();
            lines[1]["line"] = lines[0]["line"].clone();
            lines[0]["line"] = other;
        });
        changes(|lines| lines[0]["bidder"] = lines[1]["bidder"].clone());
        changes(|lines| drop(lines.pop()));
    }
}
