//! The roster: who the custodians are, which keys the platform uses, and who vouches for all that.
//!
//! Invariant: everything a verifier trusts follows from one pinned roster (its hash, or the
//! regulator's key). Version v+1 needs the regulator and q custodians of version v.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::{KeyKind, VerifyingKey};
use crate::crypto::note::NoteError;
use crate::crypto::statement::{Body, Statement};

/// A custodian's short name: `[a-z0-9-]`, 1 to 32 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustodianId(String);

/// A text that is no custodian's short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a custodian's id is 1 to 32 characters of a-z, 0-9 and hyphen")]
pub struct NotACustodianId;

impl CustodianId {
    /// The short name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CustodianId {
    type Err = NotACustodianId;

    fn from_str(text: &str) -> Result<Self, NotACustodianId> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotACustodianId)
        }
    }
}

impl fmt::Display for CustodianId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CustodianId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CustodianId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CustodianId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One custodian as the roster names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its agent's address, such as `https://keys.notary.example`.
    pub address: String,
    /// Its short name.
    pub id: CustodianId,
    /// The organisation's name for people.
    pub name: String,
    /// Signs statements.
    pub statement_key: VerifyingKey,
    /// Cosigns checkpoints.
    pub witness_key: VerifyingKey,
}

/// The roster's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The custodians; this order is the order of signatures.
    pub custodians: Vec<Member>,
    /// When the regulator signed.
    pub issued_at: Time,
    /// Signs checkpoints and nothing else; its name is the record's origin.
    pub log_key: VerifyingKey,
    /// Verify enterprises.
    pub operator_keys: Vec<VerifyingKey>,
    /// The record's origin, fixed at its start.
    pub origin: String,
    /// Signs for the platform.
    pub platform_key: VerifyingKey,
    /// SHA-256 of the text of the version before; absent in version 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prev_sha256: Option<Hash>,
    /// Signs rosters, orders and suspensions.
    pub regulator_key: VerifyingKey,
    /// SHA-256 of the off-line sealer that bidders may check; absent until one is published.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sealer_sha256: Option<Hash>,
    /// How many custodians open. Units use the same.
    pub t: u8,
    /// From 1.
    pub version: u32,
}

impl Body for Roster {
    const TYPE: &'static str = "sealbid/roster/v1";
}

/// How many custodians must sign a close: q = ⌈(n+t)/2⌉. Computed, never stated: two different
/// closes would then need t custodians to sign both.
#[must_use]
pub const fn quorum(n: usize, t: usize) -> usize {
    (n + t).div_ceil(2)
}

/// Whether n and t are allowed: 2 ≤ t, t + 2 ≤ n ≤ 7.
#[must_use]
pub const fn is_allowed(n: usize, t: usize) -> bool {
    2 <= t && t + 2 <= n && n <= 7
}

/// Why a roster cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// n or t out of range.
    #[error("2 ≤ t, t + 2 ≤ n ≤ 7 does not hold for its custodians and threshold")]
    Range,
    /// Two custodians share an id or a key, or a key is used for two purposes.
    #[error("two of its keys or ids are the same")]
    NotDistinct,
    /// A key's kind or name does not fit its purpose.
    #[error("the key {0} has the wrong kind or name for its purpose")]
    KeyMisused(String),
    /// Its version or link to the one before is wrong.
    #[error("its version or its link to the version before is wrong")]
    Chain,
    /// Signatures missing or wrong.
    #[error("its signatures: {0}")]
    Signatures(#[from] NoteError),
    /// Fewer than q custodians of the version before signed.
    #[error("fewer than q custodians of the version before signed it")]
    Quorum,
    /// It names another record than the version before.
    #[error("its record's origin or key is not the one of the version before")]
    Record,
    /// A custodian's key stands in the version before: a seed lives for one version (protocol §0).
    #[error("a custodian's key stands in the version before: each version needs new seeds")]
    SeedAgain,
}

impl Roster {
    /// Number of custodians.
    #[must_use]
    pub const fn n(&self) -> usize {
        self.custodians.len()
    }

    /// The quorum for closes, amendments and final receipts.
    #[must_use]
    pub fn q(&self) -> usize {
        quorum(self.n(), usize::from(self.t))
    }

    /// The custodian of that id.
    #[must_use]
    pub fn member(&self, id: &CustodianId) -> Option<&Member> {
        self.custodians.iter().find(|member| &member.id == id)
    }

    /// The custodians' statement keys in roster order.
    #[must_use]
    pub fn statement_keys(&self) -> Vec<VerifyingKey> {
        self.custodians.iter().map(|member| member.statement_key.clone()).collect()
    }

    /// The custodians' witness keys in roster order.
    #[must_use]
    pub fn witness_keys(&self) -> Vec<VerifyingKey> {
        self.custodians.iter().map(|member| member.witness_key.clone()).collect()
    }

    /// The name that a member's cosignatures are kept under: a custodian that stays in the next
    /// version cosigns beside itself, with another key.
    #[must_use]
    pub fn witness_name(&self, member: &Member) -> String {
        format!("{}/{}", self.version, member.id)
    }

    /// The names of all its witnesses, in roster order.
    #[must_use]
    pub fn witness_names(&self) -> Vec<String> {
        self.custodians.iter().map(|member| self.witness_name(member)).collect()
    }

    /// Checks what the roster says of itself, without signatures.
    ///
    /// # Errors
    /// [`RosterError`] with the first fault.
    pub fn check(&self) -> Result<(), RosterError> {
        if !is_allowed(self.n(), usize::from(self.t)) {
            return Err(RosterError::Range);
        }
        self.check_kinds()?;
        let mut keys: Vec<&[u8; 32]> = self.all_keys().map(VerifyingKey::public).collect();
        let mut ids: Vec<_> = self.custodians.iter().map(|member| &member.id).collect();
        keys.sort_unstable();
        ids.sort_unstable();
        if is_repeated(&keys) || is_repeated(&ids) {
            return Err(RosterError::NotDistinct);
        }
        Ok(())
    }

    fn check_kinds(&self) -> Result<(), RosterError> {
        let witness = self.custodians.iter().map(|m| (&m.witness_key, KeyKind::Cosignature));
        let others = self.custodians.iter().map(|m| (&m.statement_key, KeyKind::Statement));
        let own = self.own_keys().map(|key| (key, KeyKind::Statement));
        for (key, kind) in witness.chain(others).chain(own) {
            if key.kind() != kind || !key.name().starts_with(&self.origin) {
                return Err(RosterError::KeyMisused(key.name().to_owned()));
            }
        }
        if self.log_key.name() == self.origin {
            Ok(())
        } else {
            Err(RosterError::KeyMisused(self.log_key.name().to_owned()))
        }
    }

    fn own_keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        [&self.log_key, &self.platform_key, &self.regulator_key]
            .into_iter()
            .chain(&self.operator_keys)
    }

    fn custodian_keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.custodians.iter().flat_map(|m| [&m.statement_key, &m.witness_key])
    }

    fn all_keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.own_keys().chain(self.custodian_keys())
    }
}

fn is_repeated<T: PartialEq>(sorted: &[T]) -> bool {
    sorted.iter().zip(sorted.iter().skip(1)).any(|(a, b)| a == b)
}

/// Checks a roster against the version before it; the first stands on the regulator's signature
/// alone, which the reader must have pinned.
///
/// # Errors
/// [`RosterError`] with the first fault.
pub fn check_next(
    before: Option<&Statement<Roster>>,
    roster: &Statement<Roster>,
) -> Result<(), RosterError> {
    let body = roster.body();
    body.check()?;
    let Some(before) = before else {
        roster.note().require(&body.regulator_key)?;
        let is_first = body.version == 1 && body.prev_sha256.is_none();
        return if is_first { Ok(()) } else { Err(RosterError::Chain) };
    };
    follows(before, roster)?;
    roster.note().require(&before.body().regulator_key)?;
    if roster.note().count(&before.body().statement_keys())? < before.body().q() {
        return Err(RosterError::Quorum);
    }
    Ok(())
}

/// Whether a roster may be the next version, whoever has signed it: what a custodian of the version
/// before asks before it signs.
///
/// # Errors
/// [`RosterError`] with the first fault.
pub fn follows(before: &Statement<Roster>, roster: &Statement<Roster>) -> Result<(), RosterError> {
    let (body, old) = (roster.body(), before.body());
    body.check()?;
    let linked = body.prev_sha256 == Some(before.sha256());
    if !linked || Some(body.version) != old.version.checked_add(1) {
        return Err(RosterError::Chain);
    }
    if body.origin != old.origin || body.log_key != old.log_key {
        return Err(RosterError::Record);
    }
    if old.custodian_keys().any(|key| body.custodian_keys().any(|new| new.public() == key.public()))
    {
        return Err(RosterError::SeedAgain);
    }
    Ok(())
}
