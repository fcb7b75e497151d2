//! Names of a case file's members. Numbers are padded to 16 digits, so that the byte order which
//! canonical tar demands is the order of the numbers; sealed files come last, when all that is
//! needed to judge them has been read.

use std::fmt;
use std::str::FromStr;

use crate::crypto::hash::Hash;

/// What a member holds, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberName {
    /// `bundle-<N>`: entry bundle N of the record, as in tlog-tiles.
    Bundle(u64),
    /// `checkpoint-<size>`: a checkpoint with its cosignatures.
    Checkpoint(u64),
    /// `consistency-<size>`: proof lines from that size to the head.
    Consistency(u64),
    /// `entry-<index>`: one disclosed entry with its inclusion proof to the head.
    Entry(u64),
    /// `kind.json`: what the file is.
    Kind,
    /// `opened-<N>`: salts and events of leaves in bundle N.
    Opened(u64),
    /// `roster-<version>`: a roster statement.
    Roster(u32),
    /// `sealed-<sha256>`: an envelope's or a share's ciphertext.
    Sealed(Hash),
}

/// A text that is no member's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a case file's member")]
pub struct NotAMember;

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle(index) => write!(f, "bundle-{index:016}"),
            Self::Checkpoint(size) => write!(f, "checkpoint-{size:016}"),
            Self::Consistency(size) => write!(f, "consistency-{size:016}"),
            Self::Entry(index) => write!(f, "entry-{index:016}"),
            Self::Kind => f.write_str("kind.json"),
            Self::Opened(index) => write!(f, "opened-{index:016}"),
            Self::Roster(version) => write!(f, "roster-{version:016}"),
            Self::Sealed(sha256) => write!(f, "sealed-{sha256}"),
        }
    }
}

impl FromStr for MemberName {
    type Err = NotAMember;

    fn from_str(text: &str) -> Result<Self, NotAMember> {
        if text == "kind.json" {
            return Ok(Self::Kind);
        }
        let (kind, rest) = text.split_once('-').ok_or(NotAMember)?;
        let number = || rest.parse::<u64>().map_err(|_| NotAMember);
        let name = match kind {
            "bundle" => Self::Bundle(number()?),
            "checkpoint" => Self::Checkpoint(number()?),
            "consistency" => Self::Consistency(number()?),
            "entry" => Self::Entry(number()?),
            "opened" => Self::Opened(number()?),
            "roster" => Self::Roster(rest.parse().map_err(|_| NotAMember)?),
            "sealed" => Self::Sealed(rest.parse().map_err(|_| NotAMember)?),
            _ => return Err(NotAMember),
        };
        if name.to_string() == text { Ok(name) } else { Err(NotAMember) }
    }
}
