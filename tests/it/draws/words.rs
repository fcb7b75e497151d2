//! Is everything that a draw refuses said in both languages, with what it is about?

use sealbid::clock::Time;
use sealbid::draw::refusal::{Refused, ResultFault};
use sealbid::draw::rules::committee::NoCommittee;
use sealbid::draw::rules::strata::Shortage;
use sealbid::draw::statements::{Code, Contributor, Label};
use sealbid::error::{Reason, Refusal, Said};
use sealbid::web::i18n::{self, Lang};

use super::label;
use crate::opening_world::id;
use crate::reasons::is_chinese;

fn both(said: &Said) -> [String; 2] {
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| {
        let sentence = i18n::sentence(lang, said.key, &said.args);
        sentence.unwrap_or_else(|| panic!("{said:?} has no whole sentence"))
    });
    assert!(is_chinese(&zh) && !is_chinese(&en), "{zh} {en}");
    [en, zh]
}

#[test]
fn every_refusal_is_said_with_its_values() {
    let roads = || label("roads");
    for (refused, holds) in [
        (Refused::Labels, ""),
        (Refused::Seats { label: roads() }, "roads"),
        (Refused::Twice { label: roads() }, "roads"),
        (Refused::Large { label: roads() }, "roads"),
        (Refused::Short(Shortage { label: roads(), there: 123, needed: 456 }), "123"),
        (Refused::Short(Shortage { label: roads(), there: 123, needed: 456 }), "456"),
        (Refused::Values { label: roads() }, "roads"),
        (Refused::Source, ""),
        (Refused::Exclusions, ""),
        (Refused::Filter, ""),
        (Refused::Law, ""),
        (Refused::Early { earliest: Time::from_millis(1_795_482_000_000) }, "2026-11-24 09:00"),
        (Refused::Contributors, ""),
        (Refused::FewCustodians { t: 3 }, "3"),
        (Refused::Unit, ""),
        (Refused::Chain, ""),
        (Refused::UnderWay, ""),
        (Refused::NoReason, ""),
        (Refused::Otherwise, ""),
        (Refused::Barred { contributor: Contributor::Custodian(id(2)) }, "c2"),
    ] {
        for text in both(&Said::of(&refused)) {
            assert!(text.contains(holds), "{text}");
        }
        assert!([409, 422].contains(&refused.status()) && !refused.to_string().is_empty());
    }
    for refused in [
        NoCommittee::Even { members: 6 },
        NoCommittee::Small { members: 6, least: 7 },
        NoCommittee::FewExperts { experts: 3, members: 6, needed: 4 },
        NoCommittee::Strata { drawn: 6, experts: 7 },
    ] {
        let texts = both(&Said::of(&refused));
        assert!(texts.iter().all(|text| text.contains('6')), "{texts:?}");
    }
}

#[test]
fn every_fault_of_a_result_is_said_with_its_place() {
    let (label, contributor) = (label("roads"), Contributor::Custodian(id(2)));
    for (fault, holds) in [
        (ResultFault::Other, ""),
        (ResultFault::Lines, ""),
        (ResultFault::Contributors, ""),
        (ResultFault::Signature { contributor: contributor.clone() }, "c2"),
        (ResultFault::Identity { contributor }, "c2"),
        (ResultFault::FewCustodians, ""),
        (ResultFault::Beacon, ""),
        (ResultFault::Seed, ""),
        (ResultFault::Strata, ""),
        (ResultFault::Pick { label: label.clone(), position: 41 }, "41"),
        (ResultFault::End { label }, "roads"),
    ] {
        for text in both(&fault.said()) {
            assert!(text.contains(holds), "{text}");
        }
    }
    both(&"Roads".parse::<Label>().unwrap_err().said());
    both(&"a08".parse::<Code>().unwrap_err().said());
}
