//! Does any altered byte of a case fail, whether or not its index is made to fit?

use proptest::prelude::*;
use sealbid::crypto::hash::Hash;
use sealbid::ids::UnitId;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Report, Trust, Verdict, verify_bytes};

use super::{KINDS, trust, with};
use crate::case_maker::{Twist, make};
use crate::casefile::{members, rebuilt};

const BLOCK: usize = 512;

/// The public's and the auditor's file of one good case, and its pin.
fn good() -> &'static ([Vec<u8>; 2], Trust) {
    static CASES: std::sync::OnceLock<([Vec<u8>; 2], Trust)> = std::sync::OnceLock::new();
    CASES.get_or_init(|| {
        let maker = make(Twist::None);
        (KINDS.map(|kind| maker.case(kind)), trust(&maker))
    })
}

fn judged(bytes: &[u8]) -> Report {
    verify_bytes(bytes, Some(&good().1), None)
}

/// The file is no case file, and that is said as the failure of one claim.
fn assert_unread(bytes: &[u8], what: &str) {
    let report = judged(bytes);
    let claims: Vec<_> = report.claims.iter().map(|claim| (claim.id, claim.verdict)).collect();
    assert_eq!(claims, [("archive", Verdict::Failed)], "{what}");
    assert_eq!(report.exit(), 2, "{what}");
}

/// Where each member's header, body and filling begin, and the end of all of them.
fn places(case: &[u8]) -> (Vec<[usize; 3]>, usize) {
    let (mut found, mut at) = (Vec::new(), 0);
    while case[at] != 0 {
        let digits = std::str::from_utf8(&case[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(digits, 8).unwrap();
        let body = at + BLOCK;
        found.push([at, body, body + size]);
        at = (body + size).next_multiple_of(BLOCK);
    }
    (found, at)
}

#[test]
fn every_kind_of_place_in_a_file_counts() {
    for (case, kind) in good().0.iter().zip(KINDS) {
        let (members, end) = places(case);
        // Headers: every field and what fills them. Bodies: both ends and the middle. What fills them.
        let mut at: Vec<usize> = (0..BLOCK).collect();
        for [header, body, fill] in &members {
            at.extend([0, 99, 100, 124, 148, 156, 157, 257, 265, 345, 511].map(|at| header + at));
            at.extend([*body, usize::midpoint(*body, *fill), fill - 1]);
            let next = fill.next_multiple_of(BLOCK);
            at.extend([*fill, next - 1].into_iter().filter(|at| (*fill..next).contains(at)));
        }
        at.extend([end, end + BLOCK - 1, end + BLOCK, end + 2 * BLOCK - 1, case.len() - 1]);
        at.extend((end..case.len()).step_by(97));
        for at in at {
            let mut bytes = case.clone();
            bytes[at] ^= 1;
            assert_unread(&bytes, &format!("{kind:?} byte {at}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_altered_byte_of_a_case_is_noticed(
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        kind in 0usize..2,
    ) {
        let mut bytes = good().0[kind].clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let report = judged(&bytes);
        prop_assert_eq!(report.exit(), 2, "byte {}", at);
        prop_assert_eq!(report.claims[0].id, "archive");
    }
}

#[test]
fn an_altered_byte_whose_index_was_made_to_fit_fails_a_claim() {
    for (case, kind) in good().0.iter().zip(KINDS) {
        let members = members(case);
        for place in 1..members.len() {
            let length = members[place].1.len();
            for at in [0, length / 3, length / 2, 2 * length / 3, length - 2, length - 1] {
                let mut altered = members.clone();
                let (name, body) = &mut altered[place];
                body[at] ^= 1;
                if name.starts_with("sealed-") {
                    *name = format!("sealed-{}", Hash::of(body));
                }
                let what = format!("{kind:?} {name} byte {at}");
                altered[1..].sort();
                let report = judged(&rebuilt(&altered, true));
                let failed = with(&report, Verdict::Failed);
                assert!(!failed.is_empty() && [1, 2, 4].contains(&report.exit()), "{what}");
            }
        }
    }
}

#[test]
fn a_cut_or_lengthened_file_is_no_case() {
    for (case, kind) in good().0.iter().zip(KINDS) {
        let (members, end) = places(case);
        let mut cuts: Vec<usize> = members.iter().flatten().copied().collect();
        cuts.extend(members.iter().map(|[_, body, fill]| usize::midpoint(*body, *fill)));
        cuts.extend([end, end + 1, end + BLOCK, end + 2 * BLOCK, case.len() - BLOCK]);
        for cut in cuts.into_iter().filter(|cut| *cut < case.len()) {
            assert_unread(&case[..cut], &format!("{kind:?} cut at {cut}"));
        }
        assert_unread(&case[..case.len() - 1], "without its last byte");
        let twice = [case.as_slice(), case].concat();
        assert_unread(&twice, "the same case twice");
        for more in [&[0; 1][..], &[0; BLOCK], &[0; 20 * BLOCK], b"x"] {
            assert_unread(&[case, more].concat(), "with more behind it");
        }
    }
    let [public, auditor] = &good().0;
    assert_unread(&[public.as_slice(), auditor].concat(), "two cases");
    assert_unread(&[auditor.as_slice(), public].concat(), "two cases");
    assert_unread(b"", "nothing");
}

#[test]
fn a_case_is_about_so_many_units_at_most() {
    let maker = make(Twist::None);
    let units = |count: u32| -> Vec<UnitId> {
        (0..count).map(|no| UnitId(Hash::of(&no.to_be_bytes()))).collect()
    };
    let most = judged(&maker.case_without(CaseKind::Public, &units(2000), &[]));
    assert_eq!(with(&most, Verdict::Failed), super::set(&["unit"]), "none of them is there");
    assert_eq!(most.exit(), 1);
    let many = maker.case_without(CaseKind::Public, &units(2001), &[]);
    assert_unread(&many, "2001 units");
    assert!(format!("{:?}", judged(&many).claims[0].detail).contains("verify-case-say-units"));
    let twice = [maker.units[0], maker.units[0]];
    assert_unread(&maker.case_without(CaseKind::Public, &twice, &[]), "a unit twice");
}
