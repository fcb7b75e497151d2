//! Does each thing that can be wrong with a case fail the claim that it contradicts, with its own code,
//! and no other claim? And is there such a case for every claim and code that the verifier has?

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use sealbid::cli::verify as command;
use sealbid::error::{Arg, Said};
use sealbid::verify::{Pin, Report, Verdict, verify_bytes};
use sealbid::web::i18n::Lang;

use super::{KINDS, report, set, trust, with};
use crate::case_maker::{Twist, make};

/// A twist, the code by which it is told, and the claims that fail by it in a public and in an
/// auditor's file. Where more than one fails, the one thing that is wrong contradicts each of them.
type Row = (Twist, &'static str, &'static [&'static str], &'static [&'static str]);

const TWISTS: &[Row] = &[
    (Twist::RosterKeyTwice, "verify-say-roster-bad", &["roster"], &["roster"]),
    (Twist::CheckpointForged, "verify-say-checkpoint-bad", &["checkpoints"], &["checkpoints"]),
    (Twist::CheckpointFew, "verify-say-checkpoint-few", &["checkpoints"], &["checkpoints"]),
    (Twist::Fork, "verify-say-growth-bad", &["consistency"], &["consistency"]),
    (Twist::WrongProof, "verify-say-entry-bad", &["inclusion"], &["inclusion"]),
    (Twist::OtherLeaf, "verify-say-tree-bad", &[], &["tree"]),
    (Twist::NotCanonical, "verify-say-statement-bad", &["statements"], &["statements"]),
    (Twist::HungSignature, "verify-say-statement-bad", &["statements"], &["statements"]),
    (Twist::RotationUnsigned, "verify-say-credential-bad", &["credentials"], &["credentials"]),
    (Twist::UnitUnsigned, "verify-say-why-not-all-signed", &["unit"], &["unit"]),
    (Twist::UnitSameRecipients, "verify-say-why-same-recipients", &["unit"], &["unit"]),
    (Twist::UnitThreshold, "verify-say-why-threshold", &["unit"], &["unit"]),
    (Twist::UnitMinimum, "verify-say-why-minimum", &["unit"], &["unit"]),
    (Twist::UnitByBidder, "verify-say-why-no-buyer", &["unit"], &["unit"]),
    (Twist::AmendmentNumber, "verify-say-why-amendment-chain", &["amendments"], &["amendments"]),
    (Twist::AmendmentBySelf, "verify-say-why-signatures", &["amendments"], &["amendments"]),
    (Twist::BidBeforeUnit, "verify-say-bid-before-unit", &[], &["bids-after-unit"]),
    (Twist::ManifestByOther, "verify-say-manifest-bad", &["manifests"], &["manifests"]),
    (Twist::SeqSkipped, "verify-say-manifest-bad", &[], &["manifests"]),
    (Twist::LateByOne, "verify-say-late", &["deadline"], &["deadline"]),
    (Twist::LodgedByNobody, "verify-say-lodged-bad", &[], &["deadline"]),
    (Twist::CloseBelowQ, "verify-say-why-no-quorum", &["close"], &["close"]),
    (Twist::CloseUnsorted, "verify-say-why-not-ascending", &["close"], &["close"]),
    (Twist::CloseStale, "verify-say-close-size", &["close"], &["close"]),
    (Twist::CloseOtherTimes, "verify-say-why-other-times", &["close"], &["close"]),
    (
        Twist::CloseLineLater,
        "verify-say-close-line-later",
        &[],
        &["close", "close-complete", "opening"],
    ),
    (Twist::TwoCloses, "verify-say-two-closes", &["one-close"], &["one-close"]),
    (Twist::LineLeftOut, "verify-say-line-left-out", &[], &["close-complete"]),
    (Twist::WithdrawnKept, "verify-say-line-too-many", &[], &["close-complete"]),
    (Twist::WindowEarly, "verify-say-window-early", &["challenge-window"], &["challenge-window"]),
    (Twist::ReleaseEarly, "verify-say-release-early", &["release-time"], &["release-time"]),
    (Twist::ReleaseOtherClose, "verify-say-release-other", &["released"], &["released"]),
    (
        Twist::ReleasedFew,
        "verify-say-released-few",
        &["opening", "released"],
        &["opening", "outcomes", "released"],
    ),
    (Twist::OtherIdentity, "verify-say-identity-bad", &[], &["identities"]),
    (Twist::OrderMissing, "verify-say-order-missing", &["order"], &["order"]),
    (Twist::OrderBySelf, "verify-say-order-bad", &["order"], &["order"]),
    (Twist::OpeningMisses, "verify-say-why-other-lines", &["opening"], &["opening"]),
    (Twist::OpeningFault, "verify-say-why-fault", &["opening"], &["opening"]),
    (Twist::OpeningReleases, "verify-say-why-other-releases", &["opening"], &["opening"]),
    (
        Twist::SupersededHidden,
        "verify-say-why-standing",
        &["opening"],
        &["close-complete", "opening"],
    ),
    (Twist::OtherPrice, "verify-say-outcome-bad", &[], &["outcomes"]),
    (Twist::FailedFalsely, "verify-say-outcome-bad", &[], &["outcomes"]),
    (Twist::VoidWithoutReason, "verify-say-void-bad", &["void"], &["void"]),
    (Twist::VoidOpened, "verify-say-void-opened", &["void"], &["void"]),
    (Twist::TooFewOpened, "verify-say-few-opened", &["void"], &["void"]),
    (Twist::Suspended, "verify-say-release-stopped", &["unstopped"], &["unstopped"]),
    (Twist::LostFalsely, "verify-say-outcome-bad", &[], &["outcomes"]),
    (Twist::TakenOver, "verify-say-manifest-bad", &[], &["manifests"]),
    (Twist::ReplacedByOther, "verify-say-manifest-bad", &[], &["manifests"]),
    (Twist::BuyerTakenOver, "verify-say-why-signatures", &["amendments"], &["amendments"]),
    (Twist::WithdrawalForged, "verify-say-manifest-bad", &[], &["manifests"]),
    (Twist::NoticeMissing, "verify-say-notice-missing", &[], &["notice"]),
    (Twist::NoticeUnsigned, "verify-say-notice-bad", &["notice"], &["notice"]),
    (Twist::NoticeOther, "verify-say-notice-other", &["notice"], &["notice"]),
    (Twist::SecondUnit, "verify-say-why-second-unit", &["unit"], &["unit"]),
    (Twist::OutageBackwards, "verify-say-why-amendment-outage", &["amendments"], &["amendments"]),
    (Twist::OutageSeen, "verify-say-why-amendment-seen", &["amendments"], &["amendments"]),
    (Twist::BehindClose, "verify-say-act-behind-close", &[], &["close-complete"]),
    (Twist::Doubled, "verify-say-why-standing", &["opening"], &["manifests", "opening"]),
    (Twist::RefusedInTime, "verify-say-why-acceptable", &[], &["refusals"]),
    (Twist::RefusedByNobody, "verify-say-why-unsigned", &[], &["refusals", "statements"]),
    (Twist::RefusedFault, "verify-say-why-fault", &[], &["refusals"]),
    (Twist::RefusedUndecided, "verify-say-why-acceptable", &[], &["refusals"]),
    (Twist::RefusedSigned, "verify-say-why-acceptable", &[], &["refusals"]),
    (Twist::EnvelopeLostFault, "verify-say-why-fault", &[], &["refusals"]),
    (Twist::SignedEarly, "verify-say-window-early", &[], &["challenge-window", "release-time"]),
    (Twist::ReleaseChallenged, "verify-say-release-stopped", &[], &["unstopped"]),
    (Twist::IdentityMissing, "verify-say-identity-missing", &[], &["identities"]),
    (Twist::SealedMissing, "verify-say-sealed-missing", &[], &["outcomes"]),
    (Twist::SecondOpening, "verify-say-two-openings", &["one-opening"], &["one-opening"]),
    (Twist::VoidChallenge, "verify-say-void-bad", &[], &["void"]),
    (Twist::VoidCancelled, "verify-say-void-bad", &["void"], &["void"]),
    (Twist::RosterName, "verify-say-roster-name", &["roster"], &["roster"]),
    (Twist::RosterOrigin, "verify-say-roster-origin", &["roster"], &["roster"]),
    (Twist::RosterUnshown, "verify-say-roster-unshown", &["roster"], &["roster"]),
    (Twist::NextRosterFew, "verify-say-roster-bad", &["roster"], &["roster"]),
    (Twist::RosterNotInForce, "verify-say-why-roster-not-in-force", &["unit"], &["unit"]),
    (Twist::OperatorBefore, "verify-say-credential-bad", &["credentials"], &["credentials"]),
    (Twist::OperatorAfter, "verify-say-credential-bad", &["credentials"], &["credentials"]),
    (Twist::SuccessionFew, "verify-say-succession-bad", &["roster"], &["roster"]),
    (Twist::SuccessionTree, "verify-say-why-succession-tree", &["roster"], &["roster"]),
    (Twist::SuccessionSide, "verify-say-succession-side", &["roster"], &["roster"]),
    (Twist::SealedStray, "verify-say-sealed-stray", &[], &["inclusion"]),
    (Twist::EnvelopeSize, "verify-say-outcome-bad", &[], &["outcomes"]),
    (Twist::UnitMissing, "verify-say-no-unit", &["unit"], &["unit"]),
    (Twist::UnitOtherRoster, "verify-say-why-no-roster", &["unit"], &["unit"]),
    (Twist::UnitSuite, "verify-say-why-suite", &["unit"], &["unit"]),
    (Twist::UnitTimes, "verify-say-why-times", &["unit"], &["unit"]),
    (Twist::UnitRecipients, "verify-say-why-recipients", &["unit"], &["unit"]),
    (Twist::UnitRecipient, "verify-say-why-recipient", &["unit"], &["unit"]),
    (Twist::AmendmentLate, "verify-say-why-amendment-late", &["amendments"], &["amendments"]),
    (Twist::AmendmentPlace, "verify-say-why-amendment-place", &["amendments"], &["amendments"]),
    (Twist::AmendmentEarlier, "verify-say-why-amendment-earlier", &["amendments"], &["amendments"]),
    (Twist::AcceptedOther, "verify-say-why-other-manifest", &[], &["manifests"]),
    (Twist::KeyRevoked, "verify-say-why-no-key", &[], &["manifests"]),
    (Twist::WithdrawnOther, "verify-say-why-other-withdrawn", &[], &["manifests"]),
    (Twist::WithdrawnTwice, "verify-say-why-not-live", &[], &["manifests"]),
    (Twist::SuspensionForeign, "verify-say-suspension-bad", &["unstopped"], &["unstopped"]),
    (
        Twist::ReleasedBeforeClose,
        "verify-say-released-before-close",
        &[],
        &["challenge-window", "release-time"],
    ),
    (Twist::WindowUnseen, "verify-say-window-open", &["challenge-window"], &["challenge-window"]),
    (Twist::SharesFalse, "verify-say-shares-bad", &[], &["shares"]),
    (Twist::SharesAbsent, "verify-say-shares-bad", &["shares"], &["shares"]),
    (Twist::SharesLate, "verify-say-shares-late", &[], &["shares"]),
    (Twist::OpeningByOther, "verify-say-why-no-platform", &["opening"], &["opening"]),
    (Twist::OpeningOtherClose, "verify-say-why-other-close", &["opening"], &["opening"]),
    (Twist::OpeningEarly, "verify-say-why-opened-early", &["opening"], &["opening"]),
    (
        Twist::LineManifest,
        "verify-say-why-no-manifest",
        &["manifests", "opening"],
        &["manifests", "opening", "outcomes"],
    ),
    (Twist::LineSalt, "verify-say-why-not-this-line", &["opening"], &["opening"]),
    (
        Twist::LineBidder,
        "verify-say-why-other-signer",
        &["manifests", "opening"],
        &["manifests", "opening"],
    ),
    (Twist::LineTime, "verify-say-why-other-time", &[], &["opening"]),
    (Twist::RefusedNothing, "verify-say-why-no-statement", &[], &["refusals"]),
    (Twist::RefusedElsewhere, "verify-say-why-refused-elsewhere", &[], &["refusals"]),
    (Twist::ReadOutEarly, "verify-say-read-out-early", &["read-outs"], &["read-outs"]),
    (Twist::ReadOutLate, "verify-say-read-out-late", &["read-outs"], &["read-outs"]),
    (Twist::ReadOutForeign, "verify-say-read-out-foreign", &["read-outs"], &["read-outs"]),
    (Twist::ReadOutOther, "verify-say-read-out-other", &["read-outs"], &["read-outs"]),
    (Twist::ReadOutStopped, "verify-say-opening-stopped", &["unstopped"], &["unstopped"]),
    (Twist::OpenedStopped, "verify-say-opening-stopped", &["unstopped"], &["unstopped"]),
    (Twist::FalseReleaseTrue, "verify-say-false-release-bad", &[], &["identities"]),
    (Twist::LostUnnamed, "verify-say-lost-unnamed", &[], &["losses"]),
    (Twist::LostAgain, "verify-say-lost-unnamed", &[], &["losses"]),
    (Twist::LossOther, "verify-say-loss-bad", &["losses"], &["losses"]),
    (Twist::VoidReplaced, "verify-say-void-bad", &[], &["void"]),
];

/// Nothing is wrong, though it is not the usual story.
const SOUND: &[Twist] = &[
    Twist::None,
    Twist::HeadBelowQ,
    Twist::LeafClosed,
    Twist::AmendmentUnshown,
    Twist::OutageOver,
    Twist::Ordered,
    Twist::Undecided,
    Twist::EnvelopeLost,
    Twist::NeverTakenIn,
    Twist::NextRoster,
    Twist::Succession,
    Twist::OrderPending,
    Twist::IdentitiesPublic,
    Twist::SharesOfNobody,
    Twist::FalseRelease,
    Twist::Lost,
    Twist::BroughtAgain,
    Twist::CopyLost,
];

/// The reports about every case, public and auditor's, made once.
fn gallery() -> &'static [(Twist, [Report; 2])] {
    static GALLERY: OnceLock<Vec<(Twist, [Report; 2])>> = OnceLock::new();
    GALLERY.get_or_init(|| {
        let twists = TWISTS.iter().map(|(twist, ..)| twist).chain(SOUND);
        let reports = |twist: &Twist| {
            let maker = make(*twist);
            (*twist, KINDS.map(|kind| report(&maker, kind)))
        };
        twists.map(reports).collect()
    })
}

/// Every code of a sentence, with those of the sentences and words in it.
fn codes(said: &Said) -> BTreeSet<&'static str> {
    let inner = said.args.iter().flat_map(|(_, arg)| match arg {
        Arg::Word(key) => BTreeSet::from([*key]),
        Arg::Said(inner) => codes(inner),
        _ => BTreeSet::new(),
    });
    inner.chain([said.key]).collect()
}

fn failed_codes(report: &Report) -> BTreeSet<&'static str> {
    let failed = report.claims.iter().filter(|claim| claim.verdict == Verdict::Failed);
    failed.flat_map(|claim| codes(&claim.detail)).collect()
}

#[test]
fn what_breaks_one_claim_fails_that_claim_by_its_code_and_no_other() {
    for ((twist, code, public, auditor), (_, reports)) in TWISTS.iter().zip(gallery()) {
        for (report, expected) in reports.iter().zip([public, auditor]) {
            assert_eq!(with(report, Verdict::Failed), set(expected), "{twist:?} {report:?}");
            assert_eq!(report.exit(), u8::from(!expected.is_empty()), "{twist:?}");
        }
        let told = failed_codes(&reports[1]);
        assert!(told.contains(code), "{twist:?} is told by {told:?}");
    }
}

#[test]
fn what_is_unusual_and_sound_fails_no_claim() {
    for (twist, reports) in gallery().iter().filter(|(twist, _)| SOUND.contains(twist)) {
        for report in reports {
            assert_eq!(with(report, Verdict::Failed), set(&[]), "{twist:?} {report:?}");
            assert_eq!((report.pin, report.exit()), (Pin::Pinned, 0), "{twist:?}");
        }
    }
}

#[test]
fn every_sentence_of_a_report_has_its_words_in_both_languages() {
    for (twist, reports) in gallery() {
        for (report, lang) in reports.iter().flat_map(|r| [(r, Lang::En), (r, Lang::Zh)]) {
            assert!(!command::text(report, lang).contains("verify-say"), "{twist:?}");
        }
    }
}

/// Every code of the verifier that stands in these sources.
fn codes_in(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| codes_in(&entry.unwrap().path(), found));
    } else if path.extension().is_some_and(|e| e == "rs") {
        let text = fs::read_to_string(path).unwrap();
        let literals = text.split('"').filter(|part| part.starts_with("verify-say-"));
        found.extend(literals.map(str::to_owned));
    }
}

#[test]
fn every_claim_and_every_code_has_a_case_that_shows_it() {
    let mut reports: Vec<Report> = gallery().iter().flat_map(|(_, two)| two.clone()).collect();
    reports.extend(unpinned_and_unread());
    reports.extend(super::receipts::all());
    let shown: BTreeSet<String> = reports
        .iter()
        .flat_map(|report| &report.claims)
        .flat_map(|claim| codes(&claim.detail))
        // Why a file cannot be read at all stands in words of its own, `verify-case-say-…`.
        .filter(|code| code.starts_with("verify-say-"))
        .map(str::to_owned)
        .collect();
    let mut all = BTreeSet::new();
    for sources in ["src/verify", "src/tender/rules/unit.rs"] {
        codes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sources), &mut all);
    }
    assert!(all.len() > 150, "{}", all.len());
    assert_eq!(all.difference(&shown).collect::<Vec<_>>(), [""; 0], "no case shows these");
    assert_eq!(shown.difference(&all).collect::<Vec<_>>(), [""; 0], "these stand elsewhere");

    let claims: BTreeSet<&str> =
        reports.iter().flat_map(|report| &report.claims).map(|claim| claim.id).collect();
    let failed: BTreeSet<&str> =
        reports.iter().flat_map(|report| with(report, Verdict::Failed)).collect();
    // A leaf that stays closed proves nothing against anybody: units may still be sealed.
    let never: Vec<_> = claims.difference(&failed).copied().collect();
    assert_eq!(never, ["leaves"]);
}

/// Reports on a case that nobody vouches for, that was cut, or that changes while it is read.
fn unpinned_and_unread() -> Vec<Report> {
    let good = make(Twist::None);
    let public = good.case(KINDS[0]);
    let pin = trust(&good);
    let said = |report: Report, code| {
        let all: BTreeSet<_> = report.claims.iter().flat_map(|c| codes(&c.detail)).collect();
        assert!(all.contains(code), "{code} {report:?}");
        report
    };
    let none = make(Twist::RosterNone);
    let no_roster = verify_bytes(&none.case(KINDS[0]), None, None);
    assert_eq!((no_roster.pin, no_roster.exit()), (Pin::NotPinned, 1));
    let other = make(Twist::OtherRegulator);
    let part = good.case_without(KINDS[0], &good.units[..1], &[]);
    let no_close = good.case_without(KINDS[0], &good.units, &["sealbid/close/v1"]);
    vec![
        said(verify_bytes(&public, None, None), "verify-say-pin-none"),
        said(verify_bytes(&public, Some(&trust(&other)), None), "verify-say-pin-differs"),
        said(verify_bytes(&public[1..], Some(&pin), None), "verify-say-archive-bad"),
        said(no_roster, "verify-say-no-roster"),
        said(verify_bytes(&part, Some(&pin), None), "verify-say-notice-part"),
        said(verify_bytes(&no_close, Some(&pin), None), "verify-say-no-close"),
    ]
}

#[test]
fn a_file_that_is_another_at_its_second_reading_fails_by_the_envelopes() {
    let good = make(Twist::None);
    let first = good.case(KINDS[1]);
    let mut damaged = first.clone();
    damaged[600] ^= 1;
    let missing = make(Twist::SealedMissing).case(KINDS[1]);
    for (second, code) in
        [(damaged, "verify-say-archive-bad"), (missing, "verify-say-sealed-missing")]
    {
        let mut readings = [first.clone()].into_iter();
        let mut source = || -> std::io::Result<Box<dyn std::io::Read + Send>> {
            let bytes = readings.next().unwrap_or_else(|| second.clone());
            Ok(Box::new(std::io::Cursor::new(bytes)))
        };
        let report = sealbid::verify::verify(&mut source, Some(&trust(&good)), None);
        assert_eq!(with(&report, Verdict::Failed), set(&["outcomes"]), "{report:?}");
        assert!(failed_codes(&report).contains(code), "{report:?}");
        assert_eq!(report.exit(), 1);
    }
}
