//! Does the verifier find exactly what is wrong with a case, and nothing wrong with a good one?

use std::collections::BTreeSet;

use proptest::prelude::*;
use sealbid::cli::verify as command;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Claim, Pin, Receipts, Report, Trust, Verdict, verify_bytes};
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
    (Twist::UnitByBidder, &["unit"], &["unit"]),
    (Twist::AmendmentNumber, &["amendments"], &["amendments"]),
    (Twist::AmendmentBySelf, &["amendments"], &["amendments"]),
    (Twist::BidBeforeUnit, &[], &["bids-after-unit"]),
    (Twist::ManifestByOther, &["manifests"], &["manifests"]),
    (Twist::SeqSkipped, &[], &["manifests"]),
    (Twist::LateByOne, &["deadline"], &["deadline"]),
    (Twist::LodgedByNobody, &[], &["deadline"]),
    (Twist::CloseBelowQ, &["close"], &["close"]),
    (Twist::CloseUnsorted, &["close"], &["close"]),
    (Twist::CloseStale, &["close"], &["close"]),
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
    let whole = ["one-close", "one-opening", "outcomes", "tree", "void"];
    let absent = ["amendments", "challenge-window", "release-time", "unstopped"];
    assert_eq!(of_first(&public), set(&[bidders.as_slice(), &whole, &absent].concat()));
    assert_eq!(of_first(&auditor), set(&[]));
    let below = report(&make(Twist::HeadBelowQ), KINDS[0]);
    assert!(with(&below, Verdict::NotDecidable).contains("checkpoints"));
    assert_eq!(below.exit(), 0);
    let closed = report(&make(Twist::LeafClosed), KINDS[1]);
    assert!(with(&closed, Verdict::NotDecidable).is_superset(&set(&["leaves", "one-close"])));
    assert_eq!(closed.exit(), 0);
}

/// What a public file's maker may leave out, and which claim then must not hold.
const LEFT_OUT: &[(Twist, &str, &str)] = &[
    (Twist::Suspended, "sealbid/suspension/v1", "unstopped"),
    (Twist::ReleaseChallenged, "sealbid/challenged/v1", "unstopped"),
    (Twist::ReleaseEarly, "sealbid/released/v1", "release-time"),
    (Twist::WindowEarly, "sealbid/released/v1", "challenge-window"),
    (Twist::AmendmentBySelf, "sealbid/amendment/v1", "amendments"),
    (Twist::SecondOpening, "sealbid/opening/v1", "one-opening"),
    (Twist::VoidWithoutReason, "sealbid/void/v1", "void"),
    (Twist::TwoCloses, "sealbid/close/v1", "one-close"),
    (Twist::OrderBySelf, "sealbid/order/v1", "order"),
];

#[test]
fn nothing_holds_by_what_a_files_maker_may_have_left_out() {
    for (twist, left_out, id) in LEFT_OUT {
        let maker = make(*twist);
        let bytes = maker.case_without(CaseKind::Public, &maker.units, &[left_out]);
        let report = verify_bytes(&bytes, Some(&trust(&maker)), None);
        let claims = report.claims.iter().filter(|claim| claim.id == *id);
        let held: Vec<_> = claims.filter(|claim| claim.verdict == Verdict::Ok).collect();
        // The second unit of the order's case opens by time: no order is needed there.
        let by_time = |claim: &&Claim| claim.detail.key == "verify-say-order-none";
        assert!(held.iter().all(by_time), "{twist:?} {held:?}");
    }
}

#[test]
fn a_file_about_a_part_of_the_tender_says_so() {
    let maker = make(Twist::None);
    for kind in KINDS {
        let bytes = maker.case_without(kind, &maker.units[..1], &[]);
        let report = verify_bytes(&bytes, Some(&trust(&maker)), None);
        let notice = report.claims.iter().find(|claim| claim.id == "notice").unwrap();
        let told = (notice.verdict, notice.detail.key);
        assert_eq!(told, (Verdict::NotDecidable, "verify-say-notice-part"));
    }
}

#[test]
fn a_refusal_by_the_platforms_own_fault_is_named() {
    let maker = make(Twist::Undecided);
    let report = report(&maker, CaseKind::Auditor);
    let refusals = report.claims.iter().find(|claim| claim.id == "refusals").unwrap();
    let told = (refusals.verdict, refusals.detail.key, report.exit());
    assert_eq!(told, (Verdict::Ok, "verify-say-refusals-own", 0));
    let entry = maker.refusal.as_ref().unwrap().index;
    assert!(command::text(&report, Lang::En).contains(&format!("at entries {entry}.")));
}

#[test]
fn second_envelopes_open_by_order_and_only_those_ordered() {
    let maker = make(Twist::Ordered);
    for kind in KINDS {
        let report = report(&maker, kind);
        assert_eq!(with(&report, Verdict::Failed), set(&[]));
        assert!(report.claims.iter().any(|c| c.detail.key == "verify-say-order-holds"));
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

/// The claim about what a bidder shows.
fn shown(maker: &Maker, kind: CaseKind, receipts: Receipts<'_>) -> Claim {
    let report = verify_bytes(&maker.case(kind), Some(&trust(maker)), Some(receipts));
    let claim = report.claims.last().unwrap().clone();
    assert_eq!(claim.id, "my-line");
    let open = claim.verdict == Verdict::NotDecidable;
    assert!(!open || report.exit() == 5, "what was asked and not answered is no success");
    claim
}

/// The claim about a receipt of who and seq, cosigned by so many.
fn mine(maker: &Maker, kind: CaseKind, who: (usize, u32), count: usize) -> Claim {
    shown(maker, kind, Receipts::one(&maker.receipt(&maker.entered[&who], count)))
}

#[test]
fn a_bidder_sees_whether_its_line_is_in() {
    let maker = make(Twist::None);
    for kind in KINDS {
        let key = |who, count| {
            let claim = mine(&maker, kind, who, count);
            (claim.verdict, claim.detail.key)
        };
        assert_eq!(key((2, 1), 4), (Verdict::Ok, "verify-say-my-line-in"));
        assert_eq!(key((0, 1), 4), (Verdict::Ok, "verify-say-my-line-followed"));
        assert_eq!(key((2, 1), 3).1, "verify-say-receipt-provisional");
    }
    let gone = |kind| mine(&maker, kind, (1, 1), 4).verdict;
    assert_eq!(gone(CaseKind::Auditor), Verdict::Ok, "its withdrawal is on the record");
    assert_eq!(
        gone(CaseKind::Public),
        Verdict::NotDecidable,
        "the public file shows no withdrawal"
    );
}

#[test]
fn a_bidder_that_withdrew_shows_the_later_receipt_and_accuses_nobody() {
    let maker = make(Twist::None);
    let receipt = maker.receipt(&maker.entered[&(1, 1)], 4);
    let later = maker.receipt(maker.withdrawal.as_ref().unwrap(), 4);
    let key = |later| {
        let claim = shown(&maker, CaseKind::Public, Receipts { receipt: &receipt, later });
        (claim.verdict, claim.detail.key)
    };
    assert_eq!(key(None), (Verdict::NotDecidable, "verify-say-my-line-unexplained"));
    assert_eq!(key(Some(later.as_slice())), (Verdict::Ok, "verify-say-my-line-followed"));
    let others = maker.receipt(&maker.entered[&(0, 2)], 4);
    assert_eq!(
        key(Some(others.as_slice())).0,
        Verdict::NotDecidable,
        "another bidder's explains nothing"
    );
    assert_eq!(key(Some(b"no receipt".as_slice())).0, Verdict::Failed);
}

#[test]
fn a_refusal_is_judged_for_its_bidder_as_for_the_regulator() {
    for (twist, public, auditor) in [
        (Twist::None, Verdict::NotDecidable, Verdict::Ok),
        (Twist::RefusedInTime, Verdict::Failed, Verdict::Failed),
        (Twist::RefusedFault, Verdict::NotDecidable, Verdict::Failed),
        (Twist::Undecided, Verdict::Ok, Verdict::Ok),
    ] {
        let maker = make(twist);
        let receipt = maker.receipt(maker.refusal.as_ref().unwrap(), 4);
        for (kind, expected) in KINDS.into_iter().zip([public, auditor]) {
            let claim = shown(&maker, kind, Receipts::one(&receipt));
            assert_eq!(claim.verdict, expected, "{twist:?} {kind:?} {claim:?}");
        }
    }
}

#[test]
fn a_custodians_word_that_a_bid_was_lodged_has_a_receipts_force() {
    let told = |maker: &Maker, kind| {
        let word = maker.word.clone().unwrap();
        let claim = shown(maker, kind, Receipts::one(word.as_bytes()));
        (claim.verdict, claim.detail.key)
    };
    let good = make(Twist::None);
    for kind in KINDS {
        assert_eq!(told(&good, kind), (Verdict::Ok, "verify-say-my-line-in"));
        let nobody = told(&make(Twist::LodgedByNobody), kind);
        assert_eq!(nobody, (Verdict::Failed, "verify-say-receipt-bad"));
    }
    let out = make(Twist::NeverTakenIn);
    let unexplained = (Verdict::NotDecidable, "verify-say-my-lodged-unexplained");
    assert_eq!(told(&out, CaseKind::Public), unexplained);
    assert_eq!(told(&out, CaseKind::Auditor), (Verdict::Failed, "verify-say-my-lodged-out"));
}

#[test]
fn a_bidder_whose_line_was_left_out_sees_it_and_a_forged_receipt_is_refused() {
    let maker = make(Twist::LineLeftOut);
    for (kind, expected) in
        KINDS.into_iter().zip(["verify-say-my-line-unexplained", "verify-say-my-line-out"])
    {
        let left_out = maker.entered.iter().filter(|(who, _)| ![(0, 1), (1, 1)].contains(*who));
        let verdicts = left_out.map(|(who, _)| mine(&maker, kind, *who, 4).detail.key);
        let out: Vec<_> = verdicts.filter(|key| *key != "verify-say-my-line-in").collect();
        assert_eq!(out, [expected]);
    }
    let maker = make(Twist::None);
    let mut receipt = maker.receipt(&maker.entered[&(2, 1)], 4);
    let at = receipt.len() / 2;
    receipt[at] ^= 1;
    let pin = trust(&maker);
    let mine = Some(Receipts::one(&receipt));
    let report = verify_bytes(&maker.case(CaseKind::Public), Some(&pin), mine);
    assert_eq!(with(&report, Verdict::Failed), set(&["my-line"]));
    let other = make(Twist::OtherRegulator);
    let foreign = other.receipt(&other.entered[&(2, 1)], 4);
    let case = maker.case(CaseKind::Auditor);
    let report = verify_bytes(&case, Some(&pin), Some(Receipts::one(&foreign)));
    assert_eq!(with(&report, Verdict::Failed), set(&["my-line"]), "another history's receipt");
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
