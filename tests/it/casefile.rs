//! Does a case file keep what it was given, and is every altered byte noticed and named?

use proptest::prelude::*;
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::note::Note;
use sealbid::crypto::tar::{Limits, Reader, Writer};
use sealbid::ids::UnitId;
use sealbid::record::checkpoint::{Checkpoint, Cosigned, cosign};
use sealbid::record::leaf::{PadKey, Salt, leaf};
use sealbid::record::tiles::encode_bundle;
use sealbid::record::tree;
use sealbid::verify::casefile::{
    self, CaseEntry, CaseError, CaseFile, CaseHeader, CaseHeads, CaseKind, CaseWriter, FORMAT,
    MemberName, NotABeginning, NotInRecord, OpenedLeaf, OtherTree, encode_opened, parse_opened,
};

use crate::record_formats::{ORIGIN, Plain, log_key, witness_key, witnesses};

const HEAD: u64 = 300;
const OLDER: u64 = 41;
const CIPHERTEXT: &[u8] = &[0xA5; 3000];

/// A record of 300 leaves: events at 3, 40 and 299, pads elsewhere.
struct Record {
    source: Plain,
    opened: Vec<OpenedLeaf>,
}

fn record() -> Record {
    let pads = PadKey::from_bytes([9; 32]);
    let mut opened: Vec<OpenedLeaf> = (0..HEAD)
        .map(|index| OpenedLeaf { index, salt: pads.salt(index), event: Vec::new() })
        .collect();
    for index in [3, 40, 299] {
        let event = format!("sealbid/example/v1\n{{\"no\":{index}}}\n").into_bytes();
        let salt = Salt::from_bytes([u8::try_from(index % 251).unwrap(); 32]);
        opened[index] = OpenedLeaf { index: u64::try_from(index).unwrap(), salt, event };
    }
    Record { source: Plain(opened.iter().map(OpenedLeaf::leaf).collect()), opened }
}

impl Record {
    fn head(&self, size: u64) -> Note {
        let root = tree::root(&self.source, size).unwrap();
        let head = Checkpoint { origin: ORIGIN.into(), size, root };
        let mut note = head.signed(&log_key()).unwrap();
        for number in 1..=3 {
            let line = cosign(note.text(), &witness_key(number), Time::from_seconds(1000)).unwrap();
            note.push(line);
        }
        note
    }

    fn entry(&self, index: u64) -> CaseEntry {
        let OpenedLeaf { salt, event, .. } = &self.opened[usize::try_from(index).unwrap()];
        let proof = tree::prove_inclusion(&self.source, index, HEAD).unwrap();
        CaseEntry { index, salt: *salt, event: event.clone(), proof }
    }
}

fn roster() -> Note {
    let name = format!("{ORIGIN}/regulator/r");
    let mut note = Note::new("sealbid/roster/v1\n{}\n".into()).unwrap();
    note.sign(&SigningKey::from_seed(&name, KeyKind::Statement, &[50; 32]).unwrap());
    note
}

fn header(kind: CaseKind) -> CaseHeader {
    let units = vec![UnitId(Hash::of(b"unit"))];
    CaseHeader { format: FORMAT, kind, origin: ORIGIN.into(), units }
}

fn writer(kind: CaseKind) -> CaseWriter {
    let record = record();
    let mut case = CaseWriter::new(&header(kind)).unwrap();
    case.roster(1, &roster());
    case.checkpoint(&record.head(OLDER)).unwrap();
    case.checkpoint(&record.head(HEAD)).unwrap();
    case.consistency(OLDER, &tree::prove_consistency(&record.source, OLDER, HEAD).unwrap());
    case.entry(&record.entry(40));
    case.entry(&record.entry(3));
    if kind == CaseKind::Auditor {
        case.opened(&record.opened);
        for (number, bundle) in (0..).zip(record.source.0.chunks(256)) {
            case.bundle(number, encode_bundle(bundle));
        }
        case.sealed(Hash::of(CIPHERTEXT), 3000);
    }
    case
}

fn write(case: CaseWriter) -> Result<Vec<u8>, CaseError> {
    let mut out = Vec::new();
    let length = case.write(&mut out, &mut |_| Ok(Box::new(CIPHERTEXT)))?;
    assert_eq!(length, u64::try_from(out.len()).unwrap());
    Ok(out)
}

fn file(kind: CaseKind) -> Vec<u8> {
    write(writer(kind)).unwrap()
}

fn read(bytes: &[u8]) -> Result<CaseFile, CaseError> {
    casefile::read(bytes)
}

/// The checkpoints of a case, as the verifier reads them.
fn heads(case: &CaseFile) -> CaseHeads {
    let (log, keys) = (log_key(), witnesses(3));
    let read = |note| Cosigned::from_case(note, log.verifying(), &keys).unwrap();
    let mut older: Vec<Cosigned> = case.checkpoints.iter().map(read).collect();
    let head = older.pop().unwrap();
    CaseHeads { older, head }
}

#[test]
fn a_case_gives_back_what_it_was_given_and_its_record_holds() {
    for kind in [CaseKind::Public, CaseKind::Auditor] {
        let case = read(&file(kind)).unwrap();
        let record = record();
        assert_eq!(case.header, header(kind));
        assert_eq!(case.rosters, [(1, roster())]);
        assert_eq!(case.checkpoints, [record.head(OLDER), record.head(HEAD)]);
        assert_eq!(case.entries, [record.entry(3), record.entry(40)]);
        let heads = heads(&case);
        assert_eq!(heads.head.checkpoint().size, HEAD);
        assert_eq!(case.check_growth(&heads), Ok(()));
        assert_eq!(case.check_entries(&heads), Ok(()));
        assert_eq!(case.check_tree(&heads), Ok(()));
        let events: Vec<u64> = case.events().map(|leaf| leaf.index).collect();
        if kind == CaseKind::Auditor {
            assert_eq!(case.opened, record.opened);
            assert_eq!(case.tree.unwrap().leaves, record.source.0);
            assert_eq!(case.sealed, [(Hash::of(CIPHERTEXT), 3000)]);
            assert_eq!(events, [3, 40, 299]);
        } else {
            assert!(case.opened.is_empty() && case.tree.is_none() && case.sealed.is_empty());
            assert_eq!(events, [3, 40]);
        }
    }
}

#[test]
fn stock_tar_lists_the_members_in_the_order_of_the_index() {
    let names = names(&file(CaseKind::Auditor));
    assert_eq!(names[0], "index.json");
    assert_eq!(names[1], "bundle-0000000000000000");
    assert_eq!(names.last().unwrap(), &format!("sealed-{}", Hash::of(CIPHERTEXT)));
    assert_eq!(names.len(), 13);
}

fn names(bytes: &[u8]) -> Vec<String> {
    members(bytes).into_iter().map(|(name, _)| name).collect()
}

pub fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let limits = Limits { members: 100, member_size: 1 << 20, total: 1 << 20 };
    let mut tar = Reader::new(bytes, "index.json", limits);
    let mut members = Vec::new();
    while let Some(member) = tar.next_member().unwrap() {
        let name = member.name().to_owned();
        members.push((name, member.read_all(1 << 20).unwrap()));
    }
    members
}

/// The members as a tar file again, the index kept as it is or made anew.
pub fn rebuilt(members: &[(String, Vec<u8>)], new_index: bool) -> Vec<u8> {
    let mut members = members.to_vec();
    if new_index {
        let lines: Vec<_> = members[1..]
            .iter()
            .map(|(name, body)| {
                let sha256 = Hash::of(body);
                format!("{{\"name\":\"{name}\",\"sha256\":\"{sha256}\",\"size\":{}}}", body.len())
            })
            .collect();
        members[0].1 = format!("{{\"members\":[{}]}}", lines.join(",")).into_bytes();
    }
    let mut tar = Writer::new(Vec::new(), "index.json");
    for (name, body) in &members {
        tar.member(name, u64::try_from(body.len()).unwrap(), &mut body.as_slice()).unwrap();
    }
    tar.finish().unwrap().0
}

#[test]
fn every_flipped_byte_of_a_case_is_refused() {
    let good = file(CaseKind::Public);
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(read(&bytes).is_err(), "byte {at}");
    }
    for end in (0..good.len()).step_by(509) {
        assert!(read(&good[..end]).is_err(), "cut at {end}");
    }
    assert!(read(&[good.as_slice(), &[0; 512]].concat()).is_err());
}

#[test]
fn the_member_with_an_altered_byte_is_named() {
    let good = members(&file(CaseKind::Auditor));
    for place in 1..good.len() {
        let mut altered = good.clone();
        altered[place].1[17] ^= 4;
        let error = read(&rebuilt(&altered, false)).unwrap_err();
        assert!(matches!(error, CaseError::Altered { .. }));
        assert_eq!(error.member(), Some(good[place].0.as_str()));
        let mut missing = good.clone();
        missing.remove(place);
        let error = read(&rebuilt(&missing, false)).unwrap_err();
        assert_eq!(error.member(), Some(good[place].0.as_str()));
    }
    let mut more = good;
    more.push(("surplus".into(), vec![1]));
    assert_eq!(read(&rebuilt(&more, false)).unwrap_err().member(), Some("surplus"));
    assert_eq!(read(&rebuilt(&more, true)).unwrap_err().member(), Some("index.json"));
}

#[test]
fn an_index_made_anew_does_not_hide_what_is_missing_or_misplaced() {
    let good = members(&file(CaseKind::Auditor));
    assert!(read(&rebuilt(&good, true)).is_ok());
    for gone in [
        "kind.json",
        "roster",
        "checkpoint-0000000000000041",
        "consistency",
        "bundle-0000000000000000",
    ] {
        let mut members = good.clone();
        members.retain(|(name, _)| !name.starts_with(gone));
        assert!(read(&rebuilt(&members, true)).is_err(), "{gone}");
    }
    let mut bare = good.clone();
    bare.retain(|(name, _)| !name.starts_with("bundle"));
    assert!(matches!(read(&rebuilt(&bare, true)), Err(CaseError::Incomplete(_))));
    let mut public = good.clone();
    for (_, body) in public.iter_mut().filter(|(name, _)| name == "kind.json") {
        *body = String::from_utf8_lossy(body).replace("auditor", "public").into_bytes();
    }
    assert!(read(&rebuilt(&public, true)).is_err());
    let mut renamed = good.clone();
    for (name, _) in renamed.iter_mut().filter(|(name, _)| name.starts_with("sealed")) {
        *name = format!("sealed-{}", Hash::of(b"another"));
    }
    assert!(read(&rebuilt(&renamed, true)).is_err());
    for (from, to) in [("format\":1", "format\":2"), ("units", "unitz"), ("{", " {")] {
        let mut wrong = good.clone();
        for (_, body) in wrong.iter_mut().filter(|(name, _)| name == "kind.json") {
            *body = String::from_utf8_lossy(body).replacen(from, to, 1).into_bytes();
        }
        assert_eq!(read(&rebuilt(&wrong, true)).unwrap_err().member(), Some("kind.json"));
    }
}

#[test]
fn each_claim_about_the_record_fails_by_itself() {
    let good = read(&file(CaseKind::Auditor)).unwrap();
    let heads = heads(&good);
    let fewer = Cosigned::from_case(&good.checkpoints[0], log_key().verifying(), &witnesses(2));
    assert!(fewer.is_err(), "a line by nobody");
    let mut case = good.clone();
    case.consistency[0].1[0] = Hash::of(b"");
    assert!(matches!(case.check_growth(&heads), Err(NotABeginning { size: OLDER, .. })));
    let mut case = good.clone();
    case.entries[1].event.push(b'x');
    assert!(matches!(case.check_entries(&heads), Err(NotInRecord { index: 40, .. })));
    let mut case = good.clone();
    case.opened[7].salt = Salt::from_bytes([0; 32]);
    assert!(matches!(case.check_entries(&heads), Err(NotInRecord { index: 7, .. })));
    let mut case = good;
    let whole = case.tree.as_mut().unwrap();
    whole.root = Hash::of(b"");
    assert_eq!(case.check_tree(&heads), Err(OtherTree));
}

#[test]
fn sealed_files_pass_by_with_the_whole_case_beside_them() {
    let bytes = file(CaseKind::Auditor);
    let mut seen = Vec::new();
    casefile::read_with(bytes.as_slice(), &mut |case, sealed| {
        assert_eq!(case.entries.len(), 2);
        let mut head = [0; 5];
        sealed.body.read_exact(&mut head)?;
        seen.push((sealed.sha256, sealed.size, head));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(Hash::of(CIPHERTEXT), 3000, [0xA5; 5])]);
    let stopped =
        casefile::read_with(bytes.as_slice(), &mut |_, _| Err(std::io::Error::other("no room")));
    assert!(matches!(stopped, Err(CaseError::Io(_))));
}

#[test]
fn a_sealed_file_that_changed_on_the_way_is_not_written() {
    let mut case = writer(CaseKind::Auditor);
    case.sealed(Hash::of(b"not what comes"), 3000);
    assert!(matches!(write(case), Err(CaseError::Altered { .. })));
    let mut case = writer(CaseKind::Auditor);
    case.sealed(Hash::of(CIPHERTEXT), 2999);
    assert!(matches!(write(case), Err(CaseError::Tar { .. })));
}

#[test]
fn member_names_have_one_spelling_and_sort_as_their_numbers() {
    let hash = Hash::of(b"x");
    let names = [
        MemberName::Bundle(9),
        MemberName::Bundle(10),
        MemberName::Checkpoint(1),
        MemberName::Consistency(1),
        MemberName::Entry(1),
        MemberName::Kind,
        MemberName::Opened(2),
        MemberName::Roster(1),
        MemberName::Sealed(hash),
    ];
    let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert!(names.is_sorted() && texts.is_sorted());
    for (name, text) in names.iter().zip(&texts) {
        assert_eq!(text.parse(), Ok(*name));
    }
    for wrong in
        ["entry-1", "entry-+000000000000001", "Entry-0000000000000001", "kind", "index.json"]
    {
        assert!(wrong.parse::<MemberName>().is_err(), "{wrong}");
    }
}

#[test]
fn entries_and_opened_leaves_have_one_spelling() {
    let entry = record().entry(40);
    let text = entry.encode();
    assert_eq!(CaseEntry::parse(text.as_bytes()), Some(entry.clone()));
    assert_eq!(entry.leaf(), leaf(&entry.salt, &entry.event));
    let pad = CaseEntry { event: Vec::new(), ..entry };
    assert_eq!(CaseEntry::parse(pad.encode().as_bytes()), Some(pad));
    for (from, to) in [
        ("index 40", "index 040"),
        ("salt ", "salt  "),
        ("event ", "event"),
        ("\nevent ", "\npad\nevent "),
        ("=\n", "\n"),
        ("/v1", "/v2"),
    ] {
        assert_eq!(CaseEntry::parse(text.replacen(from, to, 1).as_bytes()), None, "{from}");
    }
    let leaves = record().opened[2..5].to_vec();
    let text = encode_opened(&leaves);
    assert_eq!(parse_opened(text.as_bytes()), Some(leaves));
    for (from, to) in [("2 ", "02 "), ("4 ", "3 "), (" pad", ""), (" pad", " "), ("\n2", "\n\n2")] {
        assert_eq!(parse_opened(text.replacen(from, to, 1).as_bytes()), None, "{from}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_altered_byte_of_an_auditors_file_is_refused(at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut bytes = file(CaseKind::Auditor);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn what_parses_as_an_entry_is_spelt_that_way(
        text in "sealbid/case-entry/v1\nindex [0-9]{1,2}\nsalt A{43}=\n(pad|event [A-Za-z0-9+/=]{1,8})\n(A{43}=\n){0,2}"
    ) {
        if let Some(entry) = CaseEntry::parse(text.as_bytes()) {
            prop_assert_eq!(entry.encode(), text);
        }
    }
}
