//! Are the byte-exact examples in docs/FORMATS.md what the code writes?
//!
//! An example stands between `<!-- example: name -->` and the end of the next fenced block.

use std::fmt::Write;

use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::tar::{Limits, Reader};
use sealbid::ids::UnitId;
use sealbid::record::checkpoint::{Checkpoint, cosign};
use sealbid::record::leaf::{PadKey, Salt, leaf};
use sealbid::record::policy::Policy;
use sealbid::record::proof::Receipt;
use sealbid::record::tiles::{Tile, changed, encode_bundle};
use sealbid::record::tree::{self, leaf_hash, node_hash};
use sealbid::record::witness::AddCheckpoint;
use sealbid::verify::casefile::{
    CaseEntry, CaseHeader, CaseKind, CaseWriter, FORMAT, OpenedLeaf, encode_opened, read,
};

use crate::record_formats::{ORIGIN, Plain, log_key, witness_key};

const DOCUMENT: &str = include_str!("../../docs/FORMATS.md");

/// The example of that name as the document has it.
pub fn documented(name: &str) -> Option<&'static str> {
    let (_, rest) = DOCUMENT.split_once(&format!("<!-- example: {name} -->\n```text\n"))?;
    rest.split_once("```").map(|(example, _)| example)
}

/// A record of three leaves: an event at 0, pads at 1 and 2.
struct Example {
    salt: Salt,
    event: &'static [u8],
    pads: PadKey,
    source: Plain,
}

impl Example {
    fn new() -> Self {
        let event = b"{\"type\":\"sealbid/example/v1\"}";
        let (salt, pads) = (Salt::from_bytes([7; 32]), PadKey::from_bytes([9; 32]));
        let source = Plain(vec![leaf(&salt, event), pads.leaf(1), pads.leaf(2)]);
        Self { salt, event, pads, source }
    }

    fn checkpoint(&self, size: u64) -> sealbid::crypto::note::Note {
        let root = tree::root(&self.source, size).unwrap();
        let head = Checkpoint { origin: ORIGIN.into(), size, root };
        let mut note = head.signed(&log_key()).unwrap();
        let time = Time::from_seconds(1_795_478_400);
        note.push(cosign(note.text(), &witness_key(1), time).unwrap());
        note
    }

    fn leaves(&self) -> String {
        let entries = &self.source.0;
        let hashes: Vec<Hash> = entries.iter().map(|e| leaf_hash(e.as_bytes())).collect();
        let left = node_hash(&hashes[0], &hashes[1]);
        format!(
            "event     {}\nsalt      {}\nentry 0   {}\n\npad key   {}\npad salt  {} (index 1)\n\
             entry 1   {}\nentry 2   {}\n\nleaf 0    {}\nleaf 1    {}\nleaf 2    {}\n\
             node 0-1  {left}\nroot      {}\n",
            String::from_utf8_lossy(self.event),
            hex(self.salt.as_bytes()),
            entries[0],
            hex(&[9; 32]),
            hex(self.pads.salt(1).as_bytes()),
            entries[1],
            entries[2],
            hashes[0],
            hashes[1],
            hashes[2],
            node_hash(&left, &hashes[2]),
        )
    }

    fn receipt(&self) -> String {
        let hashes = tree::prove_inclusion(&self.source, 0, 3).unwrap();
        let checkpoint = self.checkpoint(3);
        let event = self.event.to_vec();
        Receipt { salt: self.salt, event, index: 0, hashes, checkpoint }.encode()
    }

    fn request(&self) -> String {
        let mut checkpoint = self.checkpoint(3);
        checkpoint = checkpoint.ordered(&[log_key().verifying().clone()]);
        let proof = tree::prove_consistency(&self.source, 2, 3).unwrap();
        AddCheckpoint { old_size: 2, proof, checkpoint }.encode()
    }

    fn entry(&self) -> CaseEntry {
        let proof = tree::prove_inclusion(&self.source, 0, 3).unwrap();
        CaseEntry { index: 0, salt: self.salt, event: self.event.to_vec(), proof }
    }

    fn opened(&self) -> Vec<OpenedLeaf> {
        let salt = self.pads.salt(1);
        vec![self.entry().opened(), OpenedLeaf { index: 1, salt, event: Vec::new() }]
    }

    fn case(&self) -> Vec<u8> {
        let units = vec![UnitId(Hash::of(b"unit"))];
        let kind = CaseKind::Auditor;
        let header = CaseHeader { format: FORMAT, kind, origin: ORIGIN.into(), units };
        let mut case = CaseWriter::new(&header).unwrap();
        // Any note will do where the reader judges only the form.
        case.roster(1, &self.checkpoint(3));
        case.checkpoint(&self.checkpoint(2)).unwrap();
        case.checkpoint(&self.checkpoint(3)).unwrap();
        case.consistency(2, &tree::prove_consistency(&self.source, 2, 3).unwrap());
        case.entry(&self.entry());
        case.opened(&self.opened());
        case.bundle(0, encode_bundle(&self.source.0));
        case.sealed(Hash::of(b"ciphertext"), 10);
        let mut out = Vec::new();
        case.write(&mut out, &mut |_| Ok(Box::new(b"ciphertext".as_slice()))).unwrap();
        out
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// Names and contents of a case's members as the document shows them.
fn listing(case: &[u8]) -> (String, String) {
    let limits = Limits { members: 20, member_size: 1 << 20, total: 1 << 20 };
    let mut tar = Reader::new(case, "index.json", limits);
    let (mut names, mut index) = (String::new(), String::new());
    while let Some(member) = tar.next_member().unwrap() {
        writeln!(names, "{:6}  {}", member.size(), member.name()).unwrap();
        if member.name() == "index.json" {
            index = String::from_utf8(member.read_all(1 << 20).unwrap()).unwrap();
        }
    }
    (names, index.replace("},{", "},\n{") + "\n")
}

/// The document's example of a case file.
pub fn example_case() -> Vec<u8> {
    Example::new().case()
}

fn examples() -> Vec<(&'static str, String)> {
    let example = Example::new();
    let paths = changed(0, 70_000).into_iter().filter(Tile::is_partial);
    let paths: String = paths.map(|tile| format!("{tile}\n")).collect();
    let (names, index) = listing(&example.case());
    let witnesses = [1, 2, 3].map(|n| (witness_key(n).verifying().clone(), ""));
    vec![
        ("leaf-and-tree", example.leaves()),
        ("entry-bundle", hex(&encode_bundle(&example.source.0[..1])) + "\n"),
        ("tile-paths", paths),
        ("log-key", format!("{}\n", log_key().verifying())),
        ("checkpoint", example.checkpoint(3).encode()),
        ("receipt", example.receipt()),
        ("add-checkpoint", example.request()),
        ("policy", Policy::of_roster(log_key().verifying(), &witnesses, 2).to_string()),
        ("case-entry", example.entry().encode()),
        ("case-opened", encode_opened(&example.opened())),
        ("case-members", names),
        ("case-index", index),
    ]
}

#[test]
fn the_examples_of_the_record_and_the_case_file_are_what_the_code_writes() {
    for (name, written) in examples() {
        assert_eq!(documented(name), Some(written.as_str()), "docs/FORMATS.md, example {name}");
    }
}

#[test]
fn the_documents_example_case_is_readable() {
    assert_eq!(read(example_case().as_slice()).unwrap().entries.len(), 1);
}

#[test]
fn every_request_to_an_agent_is_in_the_document_and_no_other() {
    let source = include_str!("../../src/custodian/http.rs");
    let routes = source.split(".route(\"").skip(1).map(|rest| {
        let (path, rest) = rest.split_once('"').unwrap();
        let (method, _) = rest.trim_start_matches(", web::").split_once('(').unwrap();
        format!("{} {path}", method.to_uppercase())
    });
    let (_, section) = DOCUMENT.split_once("## A custodian's agent").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let routes: std::collections::BTreeSet<String> = routes.collect();
    let rows = rows.map(|(request, _)| request.to_owned()).collect();
    assert_eq!(routes, rows);
}
