//! Does the tar reader accept exactly what the writer writes, and does stock tar agree?

use std::io::{Cursor, Read};
use std::process::Command;

use proptest::prelude::*;
use sealbid::crypto::seal::padme::{is_padme, padme};
use sealbid::crypto::tar::{BadName, Limits, Reader, TarError, Writer, check_name, length};

use crate::outside::{self, Folder};

const LIMITS: Limits = Limits { members: 10, member_size: 1 << 20, total: 1 << 20 };
const GOLDEN: &[u8] = include_bytes!("../golden/tar/payload.tar");

type Files = Vec<(String, Vec<u8>)>;

fn pack(files: &[(&str, &[u8])]) -> Result<Vec<u8>, TarError> {
    let first = files.first().map_or("bid.json", |f| f.0);
    let mut writer = Writer::new(Vec::new(), first);
    for (name, body) in files {
        writer.member(name, body.len() as u64, &mut Cursor::new(body))?;
    }
    writer.finish().map(|(bytes, _)| bytes)
}

fn unpack_within(bytes: &[u8], limits: Limits) -> Result<Files, TarError> {
    let mut reader = Reader::new(bytes, "bid.json", limits);
    let mut files = Vec::new();
    while let Some(member) = reader.next_member()? {
        let name = member.name().to_owned();
        files.push((name, member.read_all(1 << 20)?));
    }
    Ok(files)
}

fn unpack(bytes: &[u8]) -> Result<Files, TarError> {
    unpack_within(bytes, LIMITS)
}

fn refusal(bytes: &[u8]) -> &'static str {
    unpack(bytes).expect_err("a refusal").code()
}

/// A header as an attacker would write it: every field free, the checksum right.
pub fn raw(name: &[u8], size: &[u8; 12], kind: u8) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..124].copy_from_slice(b"0000644\x000000000\x000000000\0");
    block[124..136].copy_from_slice(size);
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[329..345].copy_from_slice(b"0000000\x000000000\0");
    checksum(&mut block);
    block
}

pub fn checksum(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block[..512].iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// `bid.json` followed by `more`, ended and padded rightly.
fn after_bid_json(more: &[u8]) -> Vec<u8> {
    let mut bytes = raw(b"bid.json", b"00000000000\0", b'0');
    bytes.extend_from_slice(more);
    let ended = bytes.len() + 1024;
    bytes.resize(usize::try_from(padme(ended as u64).unwrap()).unwrap(), 0);
    bytes
}

#[test]
fn a_payload_is_byte_for_byte_what_gnu_tar_writes() {
    let files: [(&str, &[u8]); 4] = [
        ("bid.json", b"{\"seq\":1}"),
        ("a.txt", b"technical offer\n"),
        ("empty.bin", b""),
        ("报价.txt", "报价".as_bytes()),
    ];
    assert_eq!(pack(&files).unwrap(), GOLDEN);
    let planned = length(files.iter().map(|(n, b)| (n.len(), b.len() as u64))).unwrap();
    assert_eq!(planned, GOLDEN.len() as u64);
    let read = unpack(GOLDEN).unwrap();
    assert!(read.iter().map(|(n, b)| (n.as_str(), b.as_slice())).eq(files));
}

#[test]
fn stock_tar_extracts_a_name_too_long_for_its_header() {
    let Some(tar) = outside::program("tar") else { return };
    let long = format!("{}.pdf", "技术方案".repeat(12));
    assert!(long.len() > 100);
    let bytes = pack(&[("bid.json", b"{}"), (&long, b"drawings")]).unwrap();
    assert_eq!(unpack(&bytes).unwrap()[1], (long.clone(), b"drawings".to_vec()));
    let folder = Folder::new("long-name");
    let archive = folder.write("x.tar", &bytes);
    let mut list = Command::new(&tar);
    list.arg("tf").arg(&archive).arg("--quoting-style=literal");
    let list = list.output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap(), format!("bid.json\n{long}\n"));
    let body = Command::new(&tar).arg("xOf").arg(&archive).arg(&long).output().unwrap();
    assert_eq!(body.stdout, b"drawings");
}

#[test]
fn every_altered_byte_is_refused_or_changes_only_a_body() {
    let before = unpack(GOLDEN).unwrap();
    for at in 0..GOLDEN.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = GOLDEN.to_vec();
            bytes[at] ^= flip;
            if let Ok(after) = unpack(&bytes) {
                let differ: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
                assert_eq!((differ.len(), after.len()), (1, before.len()), "byte {at} ^ {flip}");
                assert_eq!(differ[0].0.0, differ[0].1.0, "byte {at} ^ {flip} changed a name");
            }
        }
    }
}

#[test]
fn every_shorter_and_every_longer_file_is_refused() {
    for end in 0..GOLDEN.len() {
        assert!(unpack(&GOLDEN[..end]).is_err(), "cut to {end}");
    }
    for more in [1, 256, 512, 10_240] {
        let mut bytes = GOLDEN.to_vec();
        bytes.resize(GOLDEN.len() + more, 0);
        assert_eq!(refusal(&bytes), "tar-length");
    }
}

#[test]
fn a_file_without_its_padme_zeros_is_refused() {
    let body = vec![7; 70_200];
    let bytes = pack(&[("bid.json", &body)]).unwrap();
    let unpadded = 512 + 70_656 + 1024;
    assert!(bytes.len() > unpadded, "the example must need padding");
    assert_eq!(refusal(&bytes[..unpadded]), "tar-length");
    assert_eq!(refusal(&bytes[..bytes.len() - 512]), "tar-length");
    let mut dirty = bytes.clone();
    *dirty.last_mut().unwrap() = 1;
    assert_eq!(refusal(&dirty), "tar-padding");
    let mut dirty = bytes;
    dirty[512 + 70_200] = 1;
    assert_eq!(refusal(&dirty), "tar-padding");
}

#[test]
fn links_folders_and_devices_are_refused() {
    let zero = b"00000000000\0";
    for (kind, code) in [
        (b'1', "tar-link"),
        (b'2', "tar-link"),
        (b'3', "tar-kind"),
        (b'4', "tar-kind"),
        (b'5', "tar-folder"),
        (b'6', "tar-kind"),
        (b'7', "tar-kind"),
        (b'L', "tar-kind"),
        (b'g', "tar-kind"),
        (b'S', "tar-kind"),
        (0, "tar-kind"),
    ] {
        assert_eq!(refusal(&after_bid_json(&raw(b"x", zero, kind))), code, "type {kind}");
    }
}

#[test]
fn names_that_climb_hide_or_look_alike_are_refused() {
    for (name, why) in [
        ("", BadName::Empty),
        (".", BadName::Path),
        ("..", BadName::Path),
        ("../x", BadName::Path),
        ("/etc/passwd", BadName::Path),
        ("a/b", BadName::Path),
        ("a\\b", BadName::Path),
        ("a\u{0}b", BadName::Hidden),
        ("a\nb", BadName::Hidden),
        ("a\u{7f}b", BadName::Hidden),
        ("a\u{85}b", BadName::Hidden),
        ("a\u{202e}fdp.exe", BadName::Hidden),
        ("a\u{2066}b", BadName::Hidden),
        ("a\u{200f}b", BadName::Hidden),
        ("e\u{301}.pdf", BadName::NotNfc),
    ] {
        assert_eq!(check_name(name), Err(why), "{name:?}");
        assert_eq!(
            pack(&[("bid.json", b""), (name, b"")]).expect_err("refused").code(),
            "tar-name"
        );
        if !name.contains('\0') {
            let bytes = after_bid_json(&raw(name.as_bytes(), b"00000000000\0", b'0'));
            assert_eq!(refusal(&bytes), "tar-name", "{name:?}");
        }
    }
    let not_utf8 = after_bid_json(&raw(b"caf\xe9", b"00000000000\0", b'0'));
    assert_eq!(refusal(&not_utf8), "tar-name");
    assert_eq!(check_name(&"x".repeat(256)), Err(BadName::Long));
    assert_eq!(check_name("投标文件 (1).pdf"), Ok(()));
}

#[test]
fn the_first_member_leads_and_the_others_ascend() {
    let order = |names: &[&str]| {
        let mut writer = Writer::new(Vec::new(), "bid.json");
        names.iter().try_for_each(|n| writer.member(n, 0, &mut Cursor::new(b"")))
    };
    assert_eq!(order(&["a"]).expect_err("refused").code(), "tar-first");
    for wrong in [["bid.json", "b", "a"], ["bid.json", "a", "a"], ["bid.json", "c", "bid.json"]] {
        assert_eq!(order(&wrong).expect_err("refused").code(), "tar-order");
        let more: Vec<u8> =
            wrong[1..].iter().flat_map(|n| raw(n.as_bytes(), b"00000000000\0", b'0')).collect();
        assert_eq!(refusal(&after_bid_json(&more)), "tar-order");
    }
    assert_eq!(refusal(&raw(b"other", b"00000000000\0", b'0')), "tar-first");
    assert_eq!(refusal(&[0; 1024]), "tar-first");
    assert_eq!(Writer::new(Vec::new(), "x").finish().expect_err("refused").code(), "tar-first");
}

#[test]
fn bombs_are_refused_by_their_declared_size() {
    let bomb = after_bid_json(&raw(b"x", b"77777777777\0", b'0'));
    assert_eq!(refusal(&bomb), "tar-too-large");
    let tight = |members, member_size, total| {
        let limits = Limits { members, member_size, total };
        unpack_within(GOLDEN, limits).expect_err("refused").code()
    };
    assert_eq!(tight(3, 100, 100), "tar-too-many");
    assert_eq!(tight(4, 15, 100), "tar-too-large");
    assert_eq!(tight(4, 100, 30), "tar-too-large");
}

#[test]
fn the_same_said_in_other_bytes_is_refused() {
    for size in [
        b"          0\0",
        b"00000000000 ",
        b"0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x80\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        assert_eq!(refusal(&after_bid_json(&raw(b"x", size, b'0'))), "tar-header");
    }
    let altered = |at: usize, bytes: &[u8]| {
        let mut block = raw(b"x", b"00000000000\0", b'0');
        block[at..at + bytes.len()].copy_from_slice(bytes);
        checksum(&mut block);
        refusal(&after_bid_json(&block))
    };
    assert_eq!(altered(100, b"0000755\0"), "tar-header");
    assert_eq!(altered(108, b"0000001\0"), "tar-header");
    assert_eq!(altered(136, b"00000000001\0"), "tar-header");
    assert_eq!(altered(257, b"ustar  \0"), "tar-header");
    assert_eq!(altered(265, b"root\0"), "tar-header");
    assert_eq!(altered(345, b"folder\0"), "tar-header");
    assert_eq!(altered(2, b"hidden"), "tar-header");
    let mut block = raw(b"x", b"00000000000\0", b'0');
    block[148..156].copy_from_slice(b"0000000\0");
    assert_eq!(refusal(&after_bid_json(&block)), "tar-header");
}

#[test]
fn a_pax_header_is_only_for_a_long_name() {
    let pax = |record: &[u8], name: &[u8]| {
        let size = format!("{:011o}\0", record.len());
        let mut more = raw(b"././@PaxHeader", size.as_bytes().try_into().unwrap(), b'x');
        let end = more.len() + 512;
        more.extend_from_slice(record);
        more.resize(end, 0);
        more.extend_from_slice(&raw(name, b"00000000000\0", b'0'));
        after_bid_json(&more)
    };
    assert_eq!(refusal(&pax(b"9 path=x\n", b"x")), "tar-header");
    let long = "n".repeat(120);
    let record = format!("131 path={long}\n").replace("131", "130");
    let right = pax(record.as_bytes(), &long.as_bytes()[..100]);
    assert_eq!(record.len(), 130);
    assert_eq!(unpack(&right).unwrap()[1].0, long);
    assert_eq!(refusal(&pax(record.as_bytes(), b"other")), "tar-header");
    let extra = format!("{record}12 mtime=1\n");
    assert_ne!(
        unpack(&pax(extra.as_bytes(), &long.as_bytes()[..100])).map_err(|e| e.code()).err(),
        None
    );
    let climbing = format!("130 path={}\n", format!("../{long}").get(..120).unwrap());
    assert_eq!(refusal(&pax(climbing.as_bytes(), &climbing.as_bytes()[9..109])), "tar-name");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_sealed() {
    for real in [3_usize, 5] {
        let mut writer = Writer::new(Vec::new(), "bid.json");
        let refused = writer.member("bid.json", 4, &mut Cursor::new(vec![0; real]));
        assert_eq!(refused.expect_err("refused").code(), "tar-size-changed");
    }
}

#[test]
fn an_unread_body_is_skipped_and_one_member_is_found() {
    let mut reader = Reader::new(GOLDEN, "bid.json", LIMITS);
    let mut count = 0;
    while reader.next_member().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 4);
    let mut found = Reader::new(GOLDEN, "bid.json", LIMITS).find("a.txt").unwrap().unwrap();
    let mut text = String::new();
    found.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), found.size()), ("technical offer\n", 16));
    found.prove_rest().unwrap();
    assert!(Reader::new(GOLDEN, "bid.json", LIMITS).find("b.txt").unwrap().is_none());
}

#[test]
fn padme_sizes_are_those_of_the_paper() {
    let table = [
        (0, 0),
        (1, 1),
        (2, 2),
        (8, 8),
        (9, 10),
        (100, 104),
        (1000, 1024),
        (2048, 2048),
        (4609, 4864),
        (71_680, 71_680),
        (71_681, 73_728),
        (1_000_000, 1_015_808),
        (1 << 30, 1 << 30),
        ((1 << 30) + 1, (1 << 30) + (1 << 25)),
    ];
    for (length, padded) in table {
        assert_eq!(padme(length), Some(padded), "{length}");
    }
    assert_eq!(padme(u64::MAX), None);
}

proptest! {
    #[test]
    fn padme_costs_at_most_an_eighth(length in 1_u64..1 << 50) {
        let padded = padme(length).unwrap();
        prop_assert!(padded >= length && padded - length <= length / 8);
        prop_assert!(is_padme(padded));
        prop_assert!(!length.is_multiple_of(512) || padded.is_multiple_of(512));
    }

    #[test]
    fn what_is_written_is_read_again(
        names in proptest::collection::btree_set("[a-z报价一二.]{1,60}", 0..6),
        sizes in proptest::collection::vec(0_usize..2000, 7),
    ) {
        let names: Vec<_> = names.into_iter().filter(|n| check_name(n).is_ok()).collect();
        let bodies: Vec<_> = sizes.iter().enumerate().map(|(i, s)| vec![i as u8; *s]).collect();
        let files: Vec<(&str, &[u8])> = std::iter::once("bid.json")
            .chain(names.iter().map(String::as_str))
            .zip(bodies.iter().map(Vec::as_slice))
            .collect();
        let bytes = pack(&files).unwrap();
        prop_assert!(is_padme(bytes.len() as u64));
        let planned = length(files.iter().map(|(n, b)| (n.len(), b.len() as u64))).unwrap();
        prop_assert_eq!(planned, bytes.len() as u64);
        let read = unpack(&bytes).unwrap();
        prop_assert!(read.iter().map(|(n, b)| (n.as_str(), b.as_slice())).eq(files));
    }

    #[test]
    fn what_is_accepted_would_be_written_so(
        at in 0..GOLDEN.len(), bytes in proptest::collection::vec(any::<u8>(), 1..24)
    ) {
        let mut altered = GOLDEN.to_vec();
        for (to, from) in altered.iter_mut().skip(at).zip(bytes) {
            *to = from;
        }
        if let Ok(files) = unpack(&altered) {
            let again: Vec<_> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
            prop_assert_eq!(pack(&again).unwrap(), altered);
        }
    }
}
