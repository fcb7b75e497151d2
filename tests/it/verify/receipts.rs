//! What does a bidder learn from its receipts, and is nobody accused falsely?

use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Claim, Receipts, Report, Verdict, verify_bytes};

use super::{KINDS, set, trust, with};
use crate::case_maker::{DEADLINE, Maker, Twist, make};

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
fn what_an_operators_key_says_in_a_bidders_name_takes_nothing_of_it_out() {
    let usurped = (Verdict::Failed, "verify-say-my-line-usurped");
    let told = |twist, kind, who| {
        let claim = mine(&make(twist), kind, who, 4);
        (claim.verdict, claim.detail.key)
    };
    for kind in KINDS {
        assert_eq!(told(Twist::ReplacedByOther, kind, (0, 1)), usurped, "{kind:?}");
    }
    assert_eq!(told(Twist::TakenOver, CaseKind::Auditor, (1, 1)), usurped, "a withdrawal too");
    let maker = make(Twist::ReplacedByOther);
    let receipt = maker.receipt(&maker.entered[&(0, 1)], 4);
    let others = maker.receipt(&maker.entered[&(0, 2)], 4);
    let both = Receipts { receipt: &receipt, later: Some(&others) };
    assert_eq!(shown(&maker, CaseKind::Public, both).detail.key, usurped.1, "nor its receipt");
    // Of a custodian's word the hash alone is known: any key of the bidder's in force may have followed.
    let word = maker.lodged_word(0, &maker.entered[&(0, 1)], DEADLINE.plus(-1));
    let claim = shown(&maker, CaseKind::Auditor, Receipts::one(word.as_bytes()));
    assert_eq!(claim.detail.key, "verify-say-my-lodged-followed");
}

#[test]
fn a_refusal_is_judged_for_its_bidder_as_for_the_regulator() {
    for (twist, public, auditor) in [
        (Twist::None, Verdict::NotDecidable, Verdict::Ok),
        (Twist::RefusedInTime, Verdict::Failed, Verdict::Failed),
        (Twist::RefusedFault, Verdict::NotDecidable, Verdict::Failed),
        (Twist::Undecided, Verdict::Ok, Verdict::Ok),
        (Twist::EnvelopeLost, Verdict::Ok, Verdict::Ok),
        (Twist::EnvelopeLostFault, Verdict::Failed, Verdict::Failed),
    ] {
        let maker = make(twist);
        let receipt = maker.receipt(maker.refusal.as_ref().unwrap(), 5);
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

/// A bidder's receipt with one character of the record's signature spoilt.
fn forged(receipt: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(receipt.to_vec()).unwrap();
    let line = text.find("\n\u{2014} bids.example/record ").unwrap();
    let at = line + "\n\u{2014} bids.example/record ".len() + 20;
    let other = if text.as_bytes()[at] == b'A' { 'B' } else { 'A' };
    format!("{}{other}{}", &text[..at], &text[at + 1..]).into_bytes()
}

/// One question of a bidder, and the code of the answer.
type Asked<'a> = (&'static str, &'a Maker, CaseKind, Vec<u8>);

/// Reports on everything that a bidder may ask, each of which must be told by its code.
pub(super) fn all() -> Vec<Report> {
    use CaseKind::{Auditor, Public};
    let (good, other) = (make(Twist::None), make(Twist::OtherRegulator));
    let (behind, left_out) = (make(Twist::BehindClose), make(Twist::LineLeftOut));
    let (kept, out) = (make(Twist::WithdrawnKept), make(Twist::NeverTakenIn));
    let (undecided, lodged_late) = (make(Twist::Undecided), make(Twist::LodgedLate));
    let (turned_away, usurped) = (make(Twist::RefusedInTime), make(Twist::ReplacedByOther));
    let of = |maker: &Maker, who| maker.receipt(&maker.entered[&who], 4);
    let gone = |maker: &Maker| maker.receipt(maker.withdrawal.as_ref().unwrap(), 4);
    // Of all five, for the refusal of one case is cosigned by the second to the fifth.
    let refused = |maker: &Maker| maker.receipt(maker.refusal.as_ref().unwrap(), 5);
    let word = |maker: &Maker| maker.word.clone().unwrap().into_bytes();
    let notice = good.receipt(&good.entry_with("sealbid/notice/v1"), 4);
    let between = other.receipt_between(&other.entered[&(2, 1)], 60);
    let replaced = good.lodged_word(0, &good.entered[&(0, 1)], DEADLINE.plus(-1)).into_bytes();
    let missing = left_out.entered.keys().find(|who| {
        let claim = mine(&left_out, Auditor, **who, 4);
        claim.detail.key == "verify-say-my-line-out"
    });
    let missing = of(&left_out, *missing.unwrap());
    let asked: Vec<Asked<'_>> = vec![
        ("receipt-bad", &good, Public, b"no receipt".to_vec()),
        ("why-receipt-foreign", &good, Public, forged(&of(&good, (2, 1)))),
        ("why-receipt-fork", &good, Public, of(&other, (2, 1))),
        ("why-receipt-other", &good, Auditor, between),
        ("why-receipt-not-bid", &good, Public, notice),
        ("receipt-provisional", &good, Public, good.receipt(&good.entered[&(2, 1)], 3)),
        ("receipt-after", &behind, Public, of(&behind, (6, 1))),
        ("my-line-in", &good, Public, of(&good, (2, 1))),
        ("my-line-followed", &good, Auditor, of(&good, (0, 1))),
        ("my-line-unexplained", &left_out, Public, missing.clone()),
        ("my-line-out", &left_out, Auditor, missing),
        ("my-line-usurped", &usurped, Public, of(&usurped, (0, 1))),
        ("my-line-again", &kept, Public, gone(&kept)),
        ("my-withdrawal", &good, Public, gone(&good)),
        ("my-refusal", &good, Auditor, refused(&good)),
        ("my-refusal-here", &good, Public, refused(&good)),
        ("why-not-late", &turned_away, Public, refused(&turned_away)),
        ("my-refusal-own", &undecided, Auditor, refused(&undecided)),
        ("my-lodged-late", &lodged_late, Auditor, word(&lodged_late)),
        ("my-lodged-followed", &good, Auditor, replaced),
        ("my-lodged-unexplained", &out, Public, word(&out)),
        ("my-lodged-out", &out, Auditor, word(&out)),
    ];
    let mut reports = Vec::new();
    for (code, maker, kind, receipt) in &asked {
        let case = maker.case(*kind);
        let report = verify_bytes(&case, Some(&trust(maker)), Some(Receipts::one(receipt)));
        let told = format!("{:?}", report.claims.last().unwrap());
        assert!(told.contains(&format!("\"verify-say-{code}\"")), "{code}: {told}");
        reports.push(report);
    }
    let second = good.case_without(Public, &good.units[1..], &[]);
    let receipt = of(&good, (2, 1));
    let elsewhere = verify_bytes(&second, Some(&trust(&good)), Some(Receipts::one(&receipt)));
    assert_eq!(elsewhere.claims.last().unwrap().detail.key, "verify-say-receipt-elsewhere");
    reports.push(elsewhere);
    reports
}
