//! Challenges: what a bidder's receipts say against a close, and when that counts.
//!
//! Invariant: a bid is in the close unless its bidder's own next statement, on the record below the
//! close's size, took it out. Custodian, platform and verifier judge the same receipts by this one
//! rule, so that no word of a single custodian, and no silence of the platform, decides.

use serde::{Deserialize, Serialize};

use super::lodged::Words;
use crate::bid::rules::{check_signature, line};
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::NoteError;
use crate::crypto::statement::{Statement, StatementError};
use crate::custodian::roster::Roster;
use crate::custodian::wire::{Account, MAX_CREDENTIALS, MAX_RECEIPTS, MAX_SHOWN, Shown};
use crate::enterprise::credentials::{CredentialError, credential, signer};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{Challenged, Close, Verdict};
use crate::record::proof::{Receipt, ReceiptError};

/// What receipts say of one bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Whose: two bidders may sign one text.
    pub bidder: EnterpriseId,
    /// Its line, if it is in the close.
    pub line: Hash,
    /// Whether it should be in the close.
    pub lives: Lives,
    /// Of its manifest.
    pub manifest_sha256: Hash,
    /// Of its manifest: its place in the bidder's chain.
    pub seq: u32,
}

/// Whether a bid should be in the close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lives {
    /// Nothing shown took it out.
    In,
    /// Its bidder's next statement took it out.
    Out,
}

impl Told {
    /// Whether the close agrees.
    #[must_use]
    pub fn agrees(&self, close: &Close) -> bool {
        let is_in = close.lines.binary_search(&self.line).is_ok();
        is_in == (self.lives == Lives::In)
    }

    /// How much hangs on it beside what else its bidder shows: most on a bid that was brought back, then
    /// on the last version.
    #[must_use]
    pub const fn weight(&self) -> (Lives, u32) {
        (self.lives, self.seq)
    }
}

/// Whether a custodian's word answers its own finding: about the same line, and later. One from before
/// tells only what it was shown then.
#[must_use]
pub fn answers_finding(word: &Challenged, finding: &Challenged) -> bool {
    let is_same = word.custodian == finding.custodian
        && word.line == finding.line
        && word.close_sha256 == finding.close_sha256;
    is_same && word.verdict == Verdict::Answered && word.received_at > finding.received_at
}

/// Why receipts say nothing about a close.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingTold {
    /// A receipt does not verify.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A statement is malformed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// What follows was not signed by the bidder.
    #[error(transparent)]
    Signature(#[from] NoteError),
    /// The bidder's key is not shown by an operator.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// They are about something else, or more than what is needed stands beside them.
    #[error("the receipts tell nothing about this close")]
    Unrelated,
    /// More bytes than everybody takes who must read them.
    #[error("what is shown is too long")]
    TooLong,
}

/// By whose keys receipts are judged.
#[derive(Clone, Debug)]
pub struct Keys<'a> {
    /// The unit's own roster.
    pub roster: &'a Roster,
    /// The one that credentials begin with.
    pub first: &'a Statement<Roster>,
    /// Those that have signed the record's checkpoints, the last first.
    pub log: Vec<&'a VerifyingKey>,
}

/// Reads the receipts of one bid against a close.
///
/// # Errors
/// [`NothingTold`] with the first thing that does not hold.
pub fn told(keys: &Keys<'_>, account: &Account, close: &Close) -> Result<Told, NothingTold> {
    told_of(keys, account, close).map(|(told, _)| told)
}

/// The same with the manifest as it was accepted.
///
/// # Errors
/// [`NothingTold`] with the first thing that does not hold.
pub fn told_of(
    keys: &Keys<'_>,
    account: &Account,
    close: &Close,
) -> Result<(Told, Statement<Manifest>), NothingTold> {
    let (accepted, manifest) = accepted(keys, account, close.unit_id)?;
    let bidder = signer(manifest.note()).ok_or(NoteError::MissingSignature)?;
    let told = Told {
        bidder,
        line: line(accepted.salt.as_bytes(), &manifest.sha256()),
        lives: Lives::In,
        manifest_sha256: manifest.sha256(),
        seq: manifest.body().seq,
    };
    let Some(later) = &account.later else { return Ok((told, manifest)) };
    let later = receipt(keys, later)?;
    require_next(keys, account, (bidder, &manifest), &later, close.unit_id)?;
    // What came on the record behind the frozen set takes nothing out of it.
    let lives = if later.index < close.size { Lives::Out } else { Lives::In };
    Ok((Told { lives, ..told }, manifest))
}

/// A receipt under the log key in force; under one before it only with q cosignatures, because a key
/// that was succeeded may be anybody's.
pub(super) fn receipt(keys: &Keys<'_>, text: &str) -> Result<Receipt, NothingTold> {
    let receipt = Receipt::parse(text.as_bytes())?;
    let (witnesses, q) = (keys.roster.witness_keys(), keys.roster.q());
    let mut last = NothingTold::Unrelated;
    for (place, key) in keys.log.iter().enumerate() {
        match receipt.verify(key, &witnesses) {
            Ok(found) if place == 0 || found.cosignatures().len() >= q => return Ok(receipt),
            Ok(_) => {}
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

fn accepted(
    keys: &Keys<'_>,
    account: &Account,
    unit_id: UnitId,
) -> Result<(Receipt, Statement<Manifest>), NothingTold> {
    let receipt = receipt(keys, &account.accepted)?;
    match json::parse(&receipt.event) {
        Ok(BidEvent::Accepted { manifest, manifest_sha256, unit_id: of, .. }) if of == unit_id => {
            let manifest = Statement::<Manifest>::parse(manifest.as_bytes())?;
            let fits = manifest.sha256() == manifest_sha256 && manifest.body().unit_id == unit_id;
            if fits { Ok((receipt, manifest)) } else { Err(NothingTold::Unrelated) }
        }
        _ => Err(NothingTold::Unrelated),
    }
}

/// Whether a bidder signed what an account says was accepted of it: a name on a signature proves
/// nothing. Its own note, known otherwise, needs no more; another of the same text is by one of its keys.
pub(super) fn is_signed(
    keys: &Keys<'_>,
    (bidder, own): (EnterpriseId, &Statement<Manifest>),
    account: &Account,
    accepted: &Statement<Manifest>,
) -> bool {
    if accepted.note() == own.note() {
        return true;
    }
    let speaker = credential(keys.first, &account.credentials).ok();
    let speaker = speaker.filter(|speaker| speaker.enterprise == bidder);
    let mut own_keys = speaker.iter().flat_map(|speaker| &speaker.lines).flatten();
    own_keys.any(|key| check_signature(accepted, key).is_ok())
}

/// Demands that `later` is the same bidder's next statement after `manifest`, signed by the key of
/// `manifest` or one that this handed over to: a successor by a key that an operator vouched for
/// meanwhile must not push a bid out.
fn require_next(
    keys: &Keys<'_>,
    account: &Account,
    (signer, manifest): (EnterpriseId, &Statement<Manifest>),
    later: &Receipt,
    unit_id: UnitId,
) -> Result<(), NothingTold> {
    let bidder = credential(keys.first, &account.credentials)?;
    let (note, prev) = match json::parse(&later.event) {
        Ok(BidEvent::Withdrawn { withdrawal, .. }) => {
            let statement = Statement::<Withdrawal>::parse(withdrawal.as_bytes())?;
            let of_unit = statement.body().unit_id == unit_id;
            let prev = of_unit.then_some(statement.body().manifest_sha256);
            (statement.note().clone(), prev)
        }
        Ok(BidEvent::Accepted { manifest, .. }) => {
            let statement = Statement::<Manifest>::parse(manifest.as_bytes())?;
            let of_unit = statement.body().unit_id == unit_id;
            let prev = of_unit.then_some(statement.body().prev_sha256).flatten();
            (statement.note().clone(), prev)
        }
        _ => return Err(NothingTold::Unrelated),
    };
    if bidder.enterprise != signer || !bidder.followed(manifest.note(), &note) {
        return Err(NoteError::MissingSignature.into());
    }
    if prev == Some(manifest.sha256()) { Ok(()) } else { Err(NothingTold::Unrelated) }
}

/// Reads what a bidder shows against a close: receipts of the record, or a custodian's word, which has
/// their force when it was given before `deadline`. A word alone shows no line: the platform answers.
/// Whoever takes it keeps it and hands it on whole, so nothing is taken that others would not read.
///
/// # Errors
/// [`NothingTold`] with the first thing that does not hold.
pub fn shown(
    keys: &Keys<'_>,
    shown: &Shown,
    close: &Close,
    deadline: Time,
) -> Result<Told, NothingTold> {
    let (credentials, receipts) = match shown {
        Shown::Receipts(account) => (account.credentials.len(), 0),
        Shown::Word(word) => (word.credentials.len(), word.receipts.len()),
    };
    // Counted before a signature among them is checked.
    if shown.size() > MAX_SHOWN || credentials > MAX_CREDENTIALS || receipts > MAX_RECEIPTS {
        return Err(NothingTold::TooLong);
    }
    match shown {
        // Nothing reads them then, and they might say anything.
        Shown::Receipts(Account { credentials, later: None, .. }) if !credentials.is_empty() => {
            Err(NothingTold::Unrelated)
        }
        Shown::Receipts(account) => told(keys, account, close),
        Shown::Word(word) => Ok(Words::read(keys, word, (close.unit_id, deadline))?.told()),
    }
}

/// Whether what is shown denies the close about this line.
#[must_use]
pub fn denies(
    keys: &Keys<'_>,
    what: &Shown,
    (close, deadline): (&Close, Time),
    line: Hash,
) -> bool {
    let told = shown(keys, what, close, deadline);
    told.is_ok_and(|told| told.line == line && !told.agrees(close))
}

/// Whether accounts of the record answer what was shown about this line: the bid is in the close by
/// another entry, to which its bidder brought it again after a succession, or its bidder's next
/// statement took it out. Where that statement was shown, nothing puts the bid back into the close.
#[must_use]
pub fn answers(
    keys: &Keys<'_>,
    what: &Shown,
    (close, deadline): (&Close, Time),
    line: Hash,
    accounts: &[Account],
) -> bool {
    match what {
        Shown::Receipts(shown) => {
            let Ok((own, manifest)) = told_of(keys, shown, close) else { return false };
            let is_same = |told: &Told| {
                (told.bidder, told.manifest_sha256) == (own.bidder, own.manifest_sha256)
            };
            let explains = |account: &Account| {
                told_of(keys, account, close).is_ok_and(|(told, accepted)| {
                    let signed = || is_signed(keys, (own.bidder, &manifest), account, &accepted);
                    is_same(&told) && told.agrees(close) && signed()
                })
            };
            own.line == line && own.lives == Lives::In && accounts.iter().any(explains)
        }
        Shown::Word(word) => {
            Words::read(keys, word, (close.unit_id, deadline)).is_ok_and(|words| {
                words.told().line == line && words.are_accounted(keys, close, accounts)
            })
        }
    }
}

/// Whether a custodian's finding came in time to stop the release: the window's end is no longer in
/// it. What comes later is a finding, never a stop. Without an end yet the window is open.
#[must_use]
pub fn is_in_time(received_at: Time, window_end: Option<Time>) -> bool {
    window_end.is_none_or(|end| !is_closed(received_at, end))
}

/// Whether a finding voids the unit: open, in time, and its receipts deny the close.
#[must_use]
pub fn is_grave(
    keys: &Keys<'_>,
    (close, deadline): (&Close, Time),
    window_end: Option<Time>,
    found: &Challenged,
    what: &Shown,
) -> bool {
    found.verdict == Verdict::Open
        && is_in_time(found.received_at, window_end)
        && denies(keys, what, (close, deadline), found.line)
}
