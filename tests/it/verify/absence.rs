//! Does nothing hold only because whoever made the file left something out?

use sealbid::cli::verify as command;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Claim, Verdict, verify_bytes};
use sealbid::web::i18n::Lang;

use super::{KINDS, report, trust};
use crate::case_maker::{Twist, make};

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
    (Twist::OpenedStopped, "sealbid/suspension/v1", "unstopped"),
    (Twist::ReadOutOther, "sealbid/read-out/v1", "read-outs"),
    (Twist::Lost, "sealbid/missing/v1", "losses"),
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
    for twist in [Twist::Undecided, Twist::EnvelopeLost] {
        let maker = make(twist);
        let report = report(&maker, CaseKind::Auditor);
        let refusals = report.claims.iter().find(|claim| claim.id == "refusals").unwrap();
        let told = (refusals.verdict, refusals.detail.key, report.exit());
        assert_eq!(told, (Verdict::Ok, "verify-say-refusals-own", 0), "{twist:?}");
        let entry = maker.refusal.as_ref().unwrap().index;
        assert!(command::text(&report, Lang::En).contains(&format!("at entries {entry}.")));
    }
}
