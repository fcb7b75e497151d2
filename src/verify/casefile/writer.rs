//! Writes a case file. The index comes first, so every SHA-256 is known before the first byte:
//! small members are held, large and numerous ones are announced, asked for one at a time and
//! compared with what was announced.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::{
    CaseEntry, CaseError, CaseHeader, Hashing, INDEX, Index, IndexLine, MemberName, OpenedLeaf,
    encode_opened,
};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::tar::{TarError, Writer};
use crate::record::checkpoint::{Checkpoint, CheckpointError};
use crate::record::spelling;
use crate::record::tiles::WIDTH;

enum Body {
    Held(Vec<u8>),
    Announced { sha256: Hash, size: u64 },
}

/// Collects a case's members, then writes them. The order of calls does not matter.
pub struct CaseWriter {
    members: BTreeMap<MemberName, Body>,
}

impl CaseWriter {
    /// A case of this kind.
    ///
    /// # Errors
    /// [`CaseError::Json`] when the header holds what JSON of ours must not hold.
    pub fn new(header: &CaseHeader) -> Result<Self, CaseError> {
        let kind = Body::Held(json::to_string(header)?.into_bytes());
        Ok(Self { members: BTreeMap::from([(MemberName::Kind, kind)]) })
    }

    /// Adds a roster statement.
    pub fn roster(&mut self, version: u32, note: &Note) {
        self.hold(MemberName::Roster(version), note.encode().into_bytes());
    }

    /// Adds a checkpoint; the largest becomes the head.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] when it is none.
    pub fn checkpoint(&mut self, note: &Note) -> Result<(), CheckpointError> {
        let size = Checkpoint::parse(note.text())?.size;
        self.hold(MemberName::Checkpoint(size), note.encode().into_bytes());
        Ok(())
    }

    /// Adds the consistency proof of an older checkpoint to the head.
    pub fn consistency(&mut self, size: u64, proof: &[Hash]) {
        self.hold(MemberName::Consistency(size), spelling::proof_lines(proof).into_bytes());
    }

    /// Adds a disclosed entry with its proof to the head.
    pub fn entry(&mut self, entry: &CaseEntry) {
        self.hold(MemberName::Entry(entry.index), entry.encode().into_bytes());
    }

    /// Adds opened leaves, in any order; the bundles they stand in must be added too.
    pub fn opened(&mut self, leaves: &[OpenedLeaf]) {
        let mut bundles: BTreeMap<u64, BTreeMap<u64, OpenedLeaf>> = BTreeMap::new();
        for leaf in leaves {
            let bundle = bundles.entry(leaf.index / u64::from(WIDTH)).or_default();
            bundle.insert(leaf.index, leaf.clone());
        }
        for (number, bundle) in bundles {
            let leaves: Vec<OpenedLeaf> = bundle.into_values().collect();
            self.hold(MemberName::Opened(number), encode_opened(&leaves).into_bytes());
        }
    }

    /// Adds entry bundle `number`; all from 0 to the head's last one.
    pub fn bundle(&mut self, number: u64, bytes: Vec<u8>) {
        self.hold(MemberName::Bundle(number), bytes);
    }

    /// Announces a member; its bytes are asked for in [`write`](Self::write).
    pub fn announce(&mut self, name: MemberName, sha256: Hash, size: u64) {
        self.members.insert(name, Body::Announced { sha256, size });
    }

    /// Announces a sealed file.
    pub fn sealed(&mut self, sha256: Hash, size: u64) {
        self.announce(MemberName::Sealed(sha256), sha256, size);
    }

    fn hold(&mut self, name: MemberName, bytes: Vec<u8>) {
        self.members.insert(name, Body::Held(bytes));
    }

    /// Writes the file; `open` gives the bytes of each member announced, in the file's order. Returns
    /// the length in bytes. What was written before an error is useless.
    ///
    /// # Errors
    /// [`CaseError`], also when a member is not what was announced.
    pub fn write<W: Write>(
        self,
        out: W,
        open: &mut dyn FnMut(&MemberName) -> io::Result<Box<dyn Read>>,
    ) -> Result<u64, CaseError> {
        let index = self.index()?;
        let mut tar = Writer::new(out, INDEX);
        let mut put = |name: &str, size: u64, body: &mut dyn Read| {
            tar.member(name, size, body)
                .map_err(|error| CaseError::Tar { member: name.to_owned(), error })
        };
        put(INDEX, length(&index), &mut index.as_bytes())?;
        for (name, body) in &self.members {
            let member = name.to_string();
            match body {
                Body::Held(bytes) => put(&member, length(bytes), &mut bytes.as_slice())?,
                Body::Announced { sha256, size } => {
                    let mut source = open(name)?;
                    let mut body = Hashing::new(&mut source);
                    put(&member, *size, &mut body)?;
                    if body.hasher.finish() != *sha256 {
                        let reason = "verify-case-say-hash";
                        return Err(CaseError::Altered { member, reason });
                    }
                }
            }
        }
        let end = |error: TarError| CaseError::Tar { member: String::new(), error };
        tar.finish().map(|(_, whole)| whole).map_err(end)
    }

    fn index(&self) -> Result<String, CaseError> {
        let line = |(name, body): (&MemberName, &Body)| {
            let (sha256, size) = match body {
                Body::Held(bytes) => (Hash::of(bytes), length(bytes)),
                Body::Announced { sha256, size } => (*sha256, *size),
            };
            IndexLine { name: name.to_string(), sha256, size }
        };
        Ok(json::to_string(&Index { members: self.members.iter().map(line).collect() })?)
    }
}

fn length(bytes: impl AsRef<[u8]>) -> u64 {
    u64::try_from(bytes.as_ref().len()).unwrap_or(u64::MAX)
}
