//! Does the verifier find exactly what is wrong with a case, and nothing wrong with a good one?

mod absence;
mod receipts;

use std::collections::BTreeSet;

use proptest::prelude::*;
use sealbid::cli::verify as command;
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

/// Each twist, and the claims that fail by it in a public and in an auditor's file. Where more than
/// one fails, the one thing that is wrong contradicts each of them.
const TWISTS: &[(Twist, &[&str], &[&str])] = &[
    (Twist::RosterKeyTwice, &["roster"], &["roster"]),
    (Twist::CheckpointForged, &["checkpoints"], &["checkpoints"]),
    (Twist::CheckpointFew, &["checkpoints"], &["checkpoints"]),
    (Twist::Fork, &["consistency"], &["consistency"]),
    (Twist::WrongProof, &["inclusion"], &["inclusion"]),
    (Twist::OtherLeaf, &[], &["tree"]),
    (Twist::NotCanonical, &["statements"], &["statements"]),
    (Twist::HungSignature, &["statements"], &["statements"]),
    (Twist::RotationUnsigned, &["credentials"], &["credentials"]),
    (Twist::UnitUnsigned, &["unit"], &["unit"]),
    (Twist::UnitSameRecipients, &["unit"], &["unit"]),
    (Twist::UnitThreshold, &["unit"], &["unit"]),
    (Twist::UnitMinimum, &["unit"], &["unit"]),
    (Twist::UnitByBidder, &["unit"], &["unit"]),
    (Twist::AmendmentNumber, &["amendments"], &["amendments"]),
    (Twist::AmendmentLate, &["amendments"], &["amendments"]),
    (Twist::AmendmentBySelf, &["amendments"], &["amendments"]),
    (Twist::BidBeforeUnit, &[], &["bids-after-unit"]),
    (Twist::ManifestByOther, &["manifests"], &["manifests"]),
    (Twist::SeqSkipped, &[], &["manifests"]),
    (Twist::LateByOne, &["deadline"], &["deadline"]),
    (Twist::LodgedByNobody, &[], &["deadline"]),
    (Twist::CloseBelowQ, &["close"], &["close"]),
    (Twist::CloseUnsorted, &["close"], &["close"]),
    (Twist::CloseStale, &["close"], &["close"]),
    (Twist::CloseOtherTimes, &["close"], &["close"]),
    (Twist::CloseLineLater, &[], &["close", "close-complete", "opening"]),
    (Twist::TwoCloses, &["one-close"], &["one-close"]),
    (Twist::LineLeftOut, &[], &["close-complete"]),
    (Twist::WithdrawnKept, &[], &["close-complete"]),
    (Twist::WindowEarly, &["challenge-window"], &["challenge-window"]),
    (Twist::ReleaseEarly, &["release-time"], &["release-time"]),
    (Twist::ReleaseOtherClose, &["released"], &["released"]),
    (Twist::ReleasedFew, &["opening", "released"], &["opening", "outcomes", "released"]),
    (Twist::OtherIdentity, &[], &["identities"]),
    (Twist::OrderMissing, &["order"], &["order"]),
    (Twist::OrderBySelf, &["order"], &["order"]),
    (Twist::OpeningMisses, &["opening"], &["opening"]),
    (Twist::OpeningFault, &["opening"], &["opening"]),
    (Twist::OpeningReleases, &["opening"], &["opening"]),
    (Twist::SupersededHidden, &["opening"], &["close-complete", "opening"]),
    (Twist::OtherPrice, &[], &["outcomes"]),
    (Twist::FailedFalsely, &[], &["outcomes"]),
    (Twist::VoidWithoutReason, &["void"], &["void"]),
    (Twist::VoidOpened, &["void"], &["void"]),
    (Twist::TooFewOpened, &["void"], &["void"]),
    (Twist::Suspended, &["unstopped"], &["unstopped"]),
    (Twist::LostFalsely, &[], &["outcomes"]),
    (Twist::TakenOver, &[], &["manifests"]),
    (Twist::ReplacedByOther, &[], &["manifests"]),
    (Twist::BuyerTakenOver, &["amendments"], &["amendments"]),
    (Twist::WithdrawalForged, &[], &["manifests"]),
    (Twist::NoticeMissing, &[], &["notice"]),
    (Twist::NoticeUnsigned, &["notice"], &["notice"]),
    (Twist::NoticeOther, &["notice"], &["notice"]),
    (Twist::SecondUnit, &["unit"], &["unit"]),
    (Twist::OutageBackwards, &["amendments"], &["amendments"]),
    (Twist::BehindClose, &[], &["close-complete"]),
    (Twist::Doubled, &["opening"], &["manifests", "opening"]),
    (Twist::RefusedInTime, &[], &["refusals"]),
    (Twist::RefusedByNobody, &[], &["refusals", "statements"]),
    (Twist::RefusedFault, &[], &["refusals"]),
    (Twist::RefusedUndecided, &[], &["refusals"]),
    (Twist::EnvelopeLostFault, &[], &["refusals"]),
    (Twist::SignedEarly, &[], &["challenge-window", "release-time"]),
    (Twist::ReleaseChallenged, &["unstopped"], &["unstopped"]),
    (Twist::IdentityMissing, &[], &["identities"]),
    (Twist::SealedMissing, &[], &["outcomes"]),
    (Twist::SecondOpening, &["one-opening"], &["one-opening"]),
    (Twist::VoidChallenge, &[], &["void"]),
    (Twist::VoidCancelled, &["void"], &["void"]),
];

#[test]
fn what_breaks_one_claim_fails_that_claim_and_no_other() {
    for (twist, public, auditor) in TWISTS {
        let maker = make(*twist);
        for (kind, expected) in KINDS.into_iter().zip([public, auditor]) {
            let report = report(&maker, kind);
            assert_eq!(with(&report, Verdict::Failed), set(expected), "{twist:?} {kind:?}");
            assert_eq!(report.exit(), u8::from(!expected.is_empty()), "{twist:?} {kind:?}");
        }
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
            assert!(command::text(&report, Lang::En).starts_with("not pinned: "));
        }
        let own = verify_bytes(&bytes, Some(&key(&invented)), None);
        assert_eq!((own.pin, own.exit()), (Pin::Pinned, 0), "its own world is consistent");
        let unpinned = verify_bytes(&bytes, None, None);
        assert_eq!((unpinned.pin, unpinned.exit()), (Pin::NotPinned, 3));
        assert!(command::text(&unpinned, Lang::En).starts_with("not pinned: "));
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
    let absent = ["amendments", "challenge-window", "release-time", "unstopped"];
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
        let first = command::text(&report, Lang::En);
        assert!(first.starts_with("not compared with your pin"), "a pin was given: {first}");
    }
    let report = verify_bytes(&damaged, None, None);
    assert!(command::text(&report, Lang::En).starts_with("not pinned"), "none was");
    assert!(command::text(&report, Lang::En).contains("roster-0000000000000001"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_altered_byte_of_a_case_is_noticed(at in any::<prop::sample::Index>(), flip in 1u8..) {
        static CASE: std::sync::OnceLock<(Vec<u8>, Trust)> = std::sync::OnceLock::new();
        let (good, pin) = CASE.get_or_init(|| {
            let maker = make(Twist::None);
            (maker.case(CaseKind::Auditor), trust(&maker))
        });
        let mut bytes = good.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert_ne!(verify_bytes(&bytes, Some(pin), None).exit(), 0, "byte {}", at);
    }
}

#[test]
fn the_report_reads_the_same_for_people_and_programs() {
    let maker = make(Twist::LateByOne);
    let report = report(&maker, CaseKind::Auditor);
    let json: serde_json::Value = serde_json::from_str(&command::json(&report, Lang::En)).unwrap();
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
        let text = command::text(&report, lang);
        let last = text.lines().last().unwrap();
        assert!(last.contains(&counts.not_decidable.to_string()), "{last}");
        let claims = text.strip_suffix(&format!("{last}\n")).unwrap();
        assert_eq!(claims.matches(word).count(), 1, "{text}");
        assert!(!text.contains("verify-say"), "a sentence is missing: {text}");
        assert!(text.starts_with("pinned") || text.starts_with("已锚定"));
    }
}

#[test]
fn every_sentence_of_a_failure_has_its_words_in_both_languages() {
    for (twist, _, _) in TWISTS {
        let maker = make(*twist);
        for report in KINDS.map(|kind| report(&maker, kind)) {
            for lang in [Lang::En, Lang::Zh] {
                assert!(!command::text(&report, lang).contains("verify-say"), "{twist:?}");
            }
        }
    }
}

#[test]
fn a_case_of_many_bids_holds() {
    let maker = make_many(40);
    for kind in KINDS {
        assert_eq!(with(&report(&maker, kind), Verdict::Failed), set(&[]));
    }
}
