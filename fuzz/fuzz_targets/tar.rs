//! Whatever the tar reader accepts, the writer writes again byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealbid::crypto::tar::{Limits, Reader, Writer};

const LIMITS: Limits = Limits { members: 100, member_size: 1 << 20, total: 1 << 20 };

fn files(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut reader = Reader::new(bytes, "bid.json", LIMITS);
    let mut files = Vec::new();
    while let Some(member) = reader.next_member().ok()? {
        let name = member.name().to_owned();
        files.push((name, member.read_all(1 << 20).ok()?));
    }
    Some(files)
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(files) = files(bytes) {
        let mut writer = Writer::new(Vec::new(), "bid.json");
        for (name, body) in &files {
            writer.member(name, body.len() as u64, &mut body.as_slice()).expect("accepted");
        }
        assert_eq!(writer.finish().expect("accepted").0, bytes);
    }
});
