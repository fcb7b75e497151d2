//! Does the verifier find exactly what is wrong with a case, and nothing wrong with a good one?

mod absence;
mod bytes;
mod command;
mod receipts;
mod twists;

use std::collections::BTreeSet;

use sealbid::cli::verify::{json, text};
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Claim, Pin, Report, Trust, Verdict, verify_bytes};
use sealbid::web::i18n::Lang;

use crate::case_maker::{Maker, Twist, make, make_many};

const KINDS: [CaseKind; 2] = [CaseKind::Public, CaseKind::Auditor];

fn report(maker: &Maker, kind: CaseKind) -> Report {
    verify_bytes(&maker.case(kind), Some(&Trust::Roster(maker.roster.sha256())), None)
}

fn with(report: &Report, verdict: Verdict) -> BTreeSet<&'static str> {
    report.claims.iter().filter(|c| c.verdict == verdict).map(|c| c.id).collect()
}

fn set(ids: &[&'static str]) -> BTreeSet<&'static str> {
    ids.iter().copied().collect()
}

#[test]
fn a_good_case_holds_in_every_claim() {
    let maker = make(Twist::None);
    for kind in KINDS {
        let report = report(&maker, kind);
        for claim in &report.claims {
            assert_ne!(claim.verdict, Verdict::Failed, "{kind:?} {claim:?}");
        }
        assert_eq!((report.pin, report.exit()), (Pin::Pinned, 0));
    }
}

fn trust(maker: &Maker) -> Trust {
    Trust::Roster(maker.roster.sha256())
}

#[test]
fn an_invented_but_consistent_case_is_refused_by_the_pin_alone() {
    let (true_one, invented) = (make(Twist::None), make(Twist::OtherRegulator));
    let key = |maker: &Maker| Trust::Regulator(maker.keys.regulator.verifying().clone());
    for kind in KINDS {
        let bytes = invented.case(kind);
        for pin in [trust(&true_one), key(&true_one)] {
            let report = verify_bytes(&bytes, Some(&pin), None);
            assert_eq!(with(&report, Verdict::Failed), set(&["pin"]));
            assert_eq!((report.pin, report.exit()), (Pin::Mismatch, 4));
            assert!(text(&report, Lang::En).starts_with("not pinned: "));
        }
        let own = verify_bytes(&bytes, Some(&key(&invented)), None);
        assert_eq!((own.pin, own.exit()), (Pin::Pinned, 0), "its own world is consistent");
        let unpinned = verify_bytes(&bytes, None, None);
        assert_eq!((unpinned.pin, unpinned.exit()), (Pin::NotPinned, 3));
        assert!(text(&unpinned, Lang::En).starts_with("not pinned: "));
    }
}

#[test]
fn a_claim_that_a_file_cannot_decide_says_so_and_is_never_left_out() {
    let maker = make(Twist::None);
    let (public, auditor) = (report(&maker, KINDS[0]), report(&maker, KINDS[1]));
    let ids = |report: &Report| report.claims.iter().map(|c| (c.id, c.unit)).collect::<Vec<_>>();
    assert_eq!(ids(&public), ids(&auditor));
    let of_first = |report: &Report| -> BTreeSet<&'static str> {
        let first = Some(maker.units[0]);
        let open = report.claims.iter().filter(|c| c.unit.is_none() || c.unit == first);
        open.filter(|c| c.verdict == Verdict::NotDecidable).map(|c| c.id).collect()
    };
    let bidders = ["bids-after-unit", "close-complete", "identities", "leaves", "refusals"];
    let whole = ["one-close", "one-opening", "outcomes", "shares", "tree", "void"];
    let absent = ["amendments", "challenge-window", "read-outs", "release-time", "unstopped"];
    assert_eq!(of_first(&public), set(&[bidders.as_slice(), &whole, &absent].concat()));
    assert_eq!(of_first(&auditor), set(&[]));
    let below = report(&make(Twist::HeadBelowQ), KINDS[0]);
    assert!(with(&below, Verdict::NotDecidable).contains("checkpoints"));
    assert_eq!(below.exit(), 0);
    let unshown = report(&make(Twist::AmendmentUnshown), KINDS[1]);
    assert!(with(&unshown, Verdict::NotDecidable).contains("amendments"));
    let closed = report(&make(Twist::LeafClosed), KINDS[1]);
    assert!(with(&closed, Verdict::NotDecidable).is_superset(&set(&["leaves", "one-close"])));
    assert_eq!(closed.exit(), 0);
}

#[test]
fn second_envelopes_open_by_order_and_only_those_ordered() {
    let maker = make(Twist::Ordered);
    for kind in KINDS {
        let report = report(&maker, kind);
        assert_eq!(with(&report, Verdict::Failed), set(&[]));
        let first = |c: &&Claim| c.id == "order" && c.unit == Some(maker.units[0]);
        let order = report.claims.iter().find(first).unwrap();
        let expected = match kind {
            CaseKind::Public => "verify-say-here",
            CaseKind::Auditor => "verify-say-order-holds",
        };
        assert_eq!(order.detail.key, expected);
    }
}

#[test]
fn a_damaged_file_is_named_and_is_no_verdict_about_the_tender() {
    let maker = make(Twist::None);
    let good = maker.case(CaseKind::Public);
    let at = good.len() - 3000;
    let mut damaged = good.clone();
    damaged[at] ^= 1;
    for bytes in [damaged.as_slice(), &good[..at], b"", b"no case at all"] {
        let report = verify_bytes(bytes, Some(&trust(&maker)), None);
        assert_eq!((report.exit(), report.claims.len()), (2, 1));
        assert_eq!((report.claims[0].id, report.claims[0].verdict), ("archive", Verdict::Failed));
        let first = text(&report, Lang::En);
        assert!(first.starts_with("not compared with your pin"), "a pin was given: {first}");
    }
    let report = verify_bytes(&damaged, None, None);
    assert!(text(&report, Lang::En).starts_with("not pinned"), "none was");
    assert!(text(&report, Lang::En).contains("roster-0000000000000001"));
}

#[test]
fn the_report_reads_the_same_for_people_and_programs() {
    let maker = make(Twist::LateByOne);
    let report = report(&maker, CaseKind::Auditor);
    let json: serde_json::Value = serde_json::from_str(&json(&report, Lang::En)).unwrap();
    assert_eq!((json["pinned"].as_str(), json["exit"].as_u64()), (Some("pinned"), Some(1)));
    assert_eq!(json["claims"].as_array().unwrap().len(), report.claims.len());
    let counts = report.counts();
    assert_eq!(json["counts"]["ok"].as_u64().unwrap(), counts.ok as u64);
    assert_eq!(json["counts"]["failed"], 1);
    assert_eq!(json["counts"]["not-decidable"].as_u64().unwrap(), counts.not_decidable as u64);
    let late = json["claims"].as_array().unwrap().iter().find(|c| c["verdict"] == "failed");
    let late = late.unwrap();
    assert_eq!(
        (late["id"].as_str(), late["code"].as_str()),
        (Some("deadline"), Some("verify-say-late"))
    );
    assert_eq!(late["unit"].as_str(), Some(maker.units[0].to_string().as_str()));
    for (lang, word) in [(Lang::En, "FAILED"), (Lang::Zh, "不成立")] {
        let said = text(&report, lang);
        let last = said.lines().last().unwrap();
        assert!(last.contains(&counts.not_decidable.to_string()), "{last}");
        let claims = said.strip_suffix(&format!("{last}\n")).unwrap();
        assert_eq!(claims.matches(word).count(), 1, "{said}");
        assert!(!said.contains("verify-say"), "a sentence is missing: {said}");
        assert!(said.starts_with("pinned") || said.starts_with("已锚定"));
    }
}

#[test]
fn a_case_of_many_bids_holds() {
    let maker = make_many(40);
    for kind in KINDS {
        assert_eq!(with(&report(&maker, kind), Verdict::Failed), set(&[]));
    }
}
