//! Reads a case file as a stream, strictly: each member must be the next one that the index lists,
//! with its size and SHA-256, and of its form.

use std::io::{self, Read};

use super::{
    CaseEntry, CaseError, CaseFile, CaseHeader, CaseKind, Hashing, INDEX, Index, IndexLine,
    MemberName, OpenedLeaf, WholeTree, parse_opened,
};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::tar::{Limits, Member, Reader, TarError};
use crate::error::{Reason, Said};
use crate::record::checkpoint::Checkpoint;
use crate::record::spelling;
use crate::record::tiles::{WIDTH, parse_bundle, push_bundle};
use crate::record::tree::Frontier;

/// `index.json` at most: a record of some 100 million leaves.
const MAX_INDEX: u64 = 256 << 20;
/// Any other member that is held in memory at most: the opening record of ten thousand bids, beside
/// all that was read out before it, whatever their bidders wrote.
pub const MAX_MEMBER: u64 = 256 << 20;
const LIMITS: Limits = Limits { members: 2_000_000, member_size: 1 << 33, total: 1 << 46 };

/// A sealed file as it passes by. Its bytes are compared with the index only when it has passed:
/// what was done with them before counts once [`read_with`] has returned.
pub struct Sealed<'a> {
    /// What the index says, and the bytes will prove.
    pub sha256: Hash,
    /// In bytes.
    pub size: u64,
    /// The ciphertext.
    pub body: &'a mut (dyn Read + Send),
}

/// Reads a case file, checking sealed files without keeping them.
///
/// # Errors
/// [`CaseError`] naming the member at fault.
pub fn read<R: Read + Send>(source: R) -> Result<CaseFile, CaseError> {
    read_with(source, &mut |_, _| Ok(()))
}

/// Reads a case file, showing each sealed file to `visit` beside everything before it. `visit` need
/// not read to the end.
///
/// # Errors
/// [`CaseError`] naming the member at fault; `visit`'s own as [`CaseError::Io`].
pub fn read_with<R: Read + Send>(
    source: R,
    visit: &mut dyn FnMut(&CaseFile, Sealed<'_>) -> io::Result<()>,
) -> Result<CaseFile, CaseError> {
    let mut tar = Reader::new(source, INDEX, LIMITS);
    let index = read_index(&mut tar)?;
    let mut parts = Parts::default();
    let mut case = None;
    for line in &index.members {
        let name: MemberName =
            line.name.parse().map_err(|_| malformed(INDEX, &Said::bare("verify-case-say-name")))?;
        let mut member = next(&mut tar, line)?;
        let mut body = Hashing::new(&mut member);
        if let MemberName::Sealed(sha256) = name {
            // All other members come before, so the case is whole but for the sealed files.
            let case = match &mut case {
                Some(case) => case,
                empty => empty.insert(std::mem::take(&mut parts).finish()?),
            };
            if sha256 != line.sha256 || case.header.kind != CaseKind::Auditor {
                return Err(malformed(&line.name, &Said::bare("verify-case-say-sealed")));
            }
            visit(case, Sealed { sha256, size: line.size, body: &mut body })?;
            io::copy(&mut body, &mut io::sink()).map_err(|e| at(&line.name)(e.into()))?;
            case.sealed.push((sha256, line.size));
            check_hash(line, body)?;
        } else {
            let bytes = read_small(&mut body, line)?;
            check_hash(line, body)?;
            parts.take(name, &bytes).map_err(|reason| malformed(&line.name, &reason))?;
        }
    }
    match tar.next_member().map_err(at(""))? {
        Some(extra) => Err(altered(extra.name(), "verify-case-say-unlisted")),
        None => case.map_or_else(|| parts.finish(), Ok),
    }
}

fn at(member: &str) -> impl Fn(TarError) -> CaseError {
    move |error| CaseError::Tar { member: member.to_owned(), error }
}

fn malformed(member: &str, reason: &impl Reason) -> CaseError {
    CaseError::Malformed { member: member.to_owned(), reason: reason.said() }
}

fn altered(member: &str, reason: &'static str) -> CaseError {
    CaseError::Altered { member: member.to_owned(), reason }
}

fn read_index<R: Read>(tar: &mut Reader<R>) -> Result<Index, CaseError> {
    let member = tar.next_member().map_err(at(INDEX))?;
    let member = member.ok_or(CaseError::Incomplete("verify-case-say-empty"))?;
    let bytes = member.read_all(MAX_INDEX).map_err(at(INDEX))?;
    json::parse(&bytes).map_err(|error| malformed(INDEX, &error))
}

fn next<'a, R: Read>(tar: &'a mut Reader<R>, line: &IndexLine) -> Result<Member<'a, R>, CaseError> {
    let member = tar.next_member().map_err(at(&line.name))?;
    let member = member.ok_or_else(|| altered(&line.name, "verify-case-say-missing"))?;
    if member.name() != line.name {
        return Err(altered(&line.name, "verify-case-say-other"));
    }
    if member.size() != line.size {
        return Err(altered(&line.name, "verify-case-say-length"));
    }
    Ok(member)
}

fn read_small(body: &mut dyn Read, line: &IndexLine) -> Result<Vec<u8>, CaseError> {
    if line.size > MAX_MEMBER {
        return Err(malformed(&line.name, &Said::bare("verify-case-say-large")));
    }
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes).map_err(|e| at(&line.name)(e.into()))?;
    Ok(bytes)
}

fn check_hash<R>(line: &IndexLine, body: Hashing<'_, R>) -> Result<(), CaseError> {
    let found = body.hasher.finish();
    if found == line.sha256 { Ok(()) } else { Err(altered(&line.name, "verify-case-say-hash")) }
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    header: Option<CaseHeader>,
    rosters: Vec<(u32, Note)>,
    checkpoints: Vec<(u64, Note)>,
    consistency: Vec<(u64, Vec<Hash>)>,
    entries: Vec<CaseEntry>,
    opened: Vec<OpenedLeaf>,
    tree: Frontier,
    leaves: Vec<Hash>,
}

impl Parts {
    /// Parses one member. Order and uniqueness of names are canonical tar's.
    fn take(&mut self, name: MemberName, bytes: &[u8]) -> Result<(), Said> {
        let wrong = Said::bare;
        match name {
            MemberName::Bundle(number) => self.take_bundle(number, bytes)?,
            MemberName::Checkpoint(size) => {
                let note = Note::parse(bytes).map_err(|e| e.said())?;
                let head = Checkpoint::parse(note.text()).map_err(|e| e.said())?;
                if head.size != size {
                    return Err(wrong("verify-case-say-size"));
                }
                self.checkpoints.push((size, note));
            }
            MemberName::Consistency(size) => {
                let text = std::str::from_utf8(bytes).map_err(|_| wrong("web-say-utf8"))?;
                let proof =
                    spelling::whole_proof(text).ok_or_else(|| wrong("verify-case-say-proof"))?;
                self.consistency.push((size, proof));
            }
            MemberName::Entry(index) => {
                let entry = CaseEntry::parse(bytes).filter(|entry| entry.index == index);
                self.entries.push(entry.ok_or_else(|| wrong("verify-case-say-entry"))?);
            }
            MemberName::Kind => {
                let header: CaseHeader = json::parse(bytes).map_err(|e| e.said())?;
                if let Some(fault) = header.fault() {
                    return Err(wrong(fault));
                }
                self.header = Some(header);
            }
            MemberName::Opened(number) => self.take_opened(number, bytes)?,
            MemberName::Roster(version) => {
                let note = Note::parse(bytes).map_err(|e| e.said())?;
                self.rosters.push((version, note));
            }
            MemberName::Sealed(_) => return Err(wrong("verify-case-say-place")),
        }
        Ok(())
    }

    fn take_bundle(&mut self, number: u64, bytes: &[u8]) -> Result<(), Said> {
        let wrong = |_| Said::bare("verify-case-say-bundle");
        if number.checked_mul(u64::from(WIDTH)) != Some(self.tree.size()) {
            return Err(Said::bare("verify-case-say-bundles"));
        }
        push_bundle(&mut self.tree, bytes).map_err(wrong)?;
        self.leaves.extend(parse_bundle(bytes).map_err(wrong)?);
        Ok(())
    }

    fn take_opened(&mut self, number: u64, bytes: &[u8]) -> Result<(), Said> {
        let leaves = parse_opened(bytes).ok_or_else(|| Said::bare("verify-case-say-leaves"))?;
        if leaves.iter().any(|leaf| leaf.index / u64::from(WIDTH) != number) {
            return Err(Said::bare("verify-case-say-leaf"));
        }
        self.opened.extend(leaves);
        Ok(())
    }

    /// The case, once everything that must be there is there.
    fn finish(self) -> Result<CaseFile, CaseError> {
        let header = self.header.ok_or(CaseError::Incomplete("verify-case-say-kind"))?;
        let whole = self.tree.size() > 0;
        if header.kind != CaseKind::Auditor && (whole || !self.opened.is_empty()) {
            return Err(CaseError::Incomplete("verify-case-say-whole"));
        }
        if !whole && !self.opened.is_empty() {
            return Err(CaseError::Incomplete("verify-case-say-opened"));
        }
        if self.rosters.is_empty() {
            return Err(CaseError::Incomplete("verify-case-say-roster"));
        }
        let sizes = self.checkpoints.iter().map(|(size, _)| *size);
        let older = sizes.clone().take(self.checkpoints.len().saturating_sub(1));
        if self.checkpoints.is_empty() || !older.eq(self.consistency.iter().map(|(s, _)| *s)) {
            return Err(CaseError::Incomplete("verify-case-say-checkpoints"));
        }
        let tree = WholeTree { root: self.tree.root(), leaves: self.leaves };
        Ok(CaseFile {
            header,
            rosters: self.rosters,
            checkpoints: self.checkpoints.into_iter().map(|(_, note)| note).collect(),
            consistency: self.consistency,
            entries: self.entries,
            opened: self.opened,
            tree: whole.then_some(tree),
            sealed: Vec::new(),
        })
    }
}
