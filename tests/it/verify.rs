//! Does the verifier find exactly what is wrong with a case, and nothing wrong with a good one?

use std::collections::BTreeSet;

use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Pin, Report, Trust, Verdict, verify_bytes};

use crate::case_maker::{Maker, Twist, make};

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
