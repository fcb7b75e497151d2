//! Lodged bids: what accounts for one, and what a custodian's word about one says against a close.
//!
//! Invariant: a bid that a custodian received in time is in the close, out of it by its bidder's own
//! next statement, or refused on record for a reason that what its bidder showed cannot disprove. One
//! that a custodian received at or after the deadline in force is refused as late.
//! Whoever signed the word, whoever it is shown to, the platform and the verifier judge by this one
//! rule.

use std::collections::{BTreeMap, BTreeSet};

use super::challenge::{Keys, Lives, NothingTold, Told, is_signed, receipt, told_of};
use crate::bid::rules::{Refused, Stood, check_signature};
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::labels;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::custodian::wire::{Account, LodgedBid, ShownWord};
use crate::enterprise::credentials::{Credential, credential, signer};
use crate::enterprise::statements::{KeyRotation, Kind};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{Close, Lodged};

/// Versions of one bidder that a word shows before its own, at most: an agent takes no more.
const MAX_BEFORE: usize = 8;

/// A bid that a custodian received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// When its custodian had its last byte.
    pub arrived_at: Time,
    /// The manifest as it came.
    pub manifest: Statement<Manifest>,
    /// Whose.
    pub bidder: EnterpriseId,
    /// The statements by which its key was known when it was lodged.
    pub credentials: Vec<String>,
}

/// What became of a lodged bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounted {
    /// It is in the close.
    In,
    /// Its bidder's own next statement took it out, or it was rightly refused.
    Out,
}

/// What names a lodged bid, and stands for its line in a challenge: no leaf of the record accepted it.
/// Two bidders may sign one text, so it is of both.
#[must_use]
pub fn lodged_line(bidder: EnterpriseId, manifest_sha256: &Hash) -> Hash {
    let bidder = format!("{bidder}\n");
    let parts = [labels::LODGED_LINE.as_bytes(), bidder.as_bytes(), manifest_sha256.as_bytes()];
    Hash::of_parts(&parts)
}

/// Gives a bidder's lodged bid by its text's hash.
pub type Before<'a> = dyn Fn(EnterpriseId, &Hash) -> Option<Word> + 'a;

/// The words that a bidder shows: of the bid itself, and of the versions before it.
pub(super) struct Words {
    pub own: Word,
    before: BTreeMap<Hash, Word>,
}

impl Words {
    /// Reads what a bidder shows of a lodged bid.
    ///
    /// # Errors
    /// [`NothingTold`] unless a custodian of the roster received it before the deadline, signed by its
    /// bidder's key in force, behind a statement that is shown too.
    pub fn read(
        keys: &Keys<'_>,
        shown: &ShownWord,
        (unit_id, deadline): (UnitId, Time),
    ) -> Result<Self, NothingTold> {
        let (manifest, arrived_at) = received(keys, &shown.word, unit_id, deadline)?;
        let speaker = speaker(keys, shown, &manifest)?;
        if shown.before.len() > MAX_BEFORE {
            return Err(NothingTold::Unrelated);
        }
        let word = |(manifest, arrived_at): (Statement<Manifest>, Time)| {
            let is_own = speaker.lines.iter().flatten().any(|key| signs(&manifest, key));
            let (bidder, credentials) = (speaker.enterprise, shown.credentials.clone());
            let word = Word { arrived_at, manifest, bidder, credentials };
            if is_own { Ok(word) } else { Err(NoteError::MissingSignature) }
        };
        let mut before = BTreeMap::new();
        for bid in &shown.before {
            let word = word(received(keys, bid, unit_id, deadline)?)?;
            before.insert(word.manifest.sha256(), word);
        }
        let own = word((manifest, arrived_at))?;
        let recorded = recorded(keys, shown, unit_id)?;
        if !before.values().chain([&own]).all(|word| has_place(&recorded, &before, word)) {
            return Err(NothingTold::Unrelated);
        }
        Ok(Self { own, before })
    }

    /// What the close must answer for.
    pub fn told(&self) -> Told {
        let (bidder, manifest_sha256) = (self.own.bidder, self.own.manifest.sha256());
        let line = lodged_line(bidder, &manifest_sha256);
        let seq = self.own.manifest.body().seq;
        Told { bidder, line, lives: Lives::In, manifest_sha256, seq }
    }

    /// Whether the record accounts for it.
    pub fn are_accounted(&self, keys: &Keys<'_>, close: &Close, accounts: &[Account]) -> bool {
        let before = |bidder: EnterpriseId, sha256: &Hash| {
            self.before.get(sha256).filter(|word| word.bidder == bidder).cloned()
        };
        Accounts::read(keys, close, accounts).of(&self.own, &before).is_some()
    }
}

/// The manifest of a word that a custodian of the roster gave in time, and when.
fn received(
    keys: &Keys<'_>,
    bid: &LodgedBid,
    unit_id: UnitId,
    deadline: Time,
) -> Result<(Statement<Manifest>, Time), NothingTold> {
    let lodged = Statement::<Lodged>::parse(bid.lodged.as_bytes())?;
    let manifest = Statement::<Manifest>::parse(bid.manifest.as_bytes())?;
    let body = lodged.body();
    let member = keys.roster.member(&body.custodian).ok_or(NothingTold::Unrelated)?;
    lodged.note().require(&member.statement_key)?;
    lodged.note().only_by(std::slice::from_ref(&member.statement_key))?;
    let fits = body.unit_id == unit_id
        && manifest.body().unit_id == unit_id
        && body.manifest_sha256 == manifest.sha256()
        && signer(manifest.note()) == Some(body.bidder)
        && !is_closed(body.arrived_at, deadline);
    if fits { Ok((manifest, body.arrived_at)) } else { Err(NothingTold::Unrelated) }
}

/// Who spoke for the bidder when it lodged.
fn speaker(
    keys: &Keys<'_>,
    shown: &ShownWord,
    manifest: &Statement<Manifest>,
) -> Result<Credential, NothingTold> {
    let signer = signer(manifest.note());
    let speaker = credential(keys.first, &shown.credentials)?;
    let is_its = speaker.key.as_ref().is_some_and(|key| signs(manifest, key));
    if signer != Some(speaker.enterprise) || speaker.kind != Kind::Enterprise || !is_its {
        return Err(NoteError::MissingSignature.into());
    }
    if !are_recorded(keys, &shown.credentials, &shown.receipts) {
        return Err(NothingTold::Unrelated);
    }
    Ok(speaker)
}

/// Whether receipts show every rotation among the statements about a body to be on the record: anybody
/// can hand its own key over in private, and the platform would know nothing of it.
#[must_use]
pub fn are_recorded(keys: &Keys<'_>, credentials: &[String], receipts: &[String]) -> bool {
    let is_rotation = |text: &&String| type_of(text) == Some(KeyRotation::TYPE);
    let mut rotations = credentials.iter().filter(is_rotation).peekable();
    if rotations.peek().is_none() {
        return true;
    }
    let text = |bytes: &[u8]| Note::parse(bytes).map(|note| note.text().to_owned()).ok();
    let recorded: BTreeSet<String> = receipts
        .iter()
        .filter_map(|receipt_text| text(&receipt(keys, receipt_text).ok()?.event))
        .collect();
    rotations.all(|note| text(note.as_bytes()).is_some_and(|text| recorded.contains(&text)))
}

/// The accepted statements among the receipts that a bidder shows. Everybody keeps what is shown, so each
/// receipt is one of those or of a rotation among the credentials: what nobody reads might say anything.
fn recorded(
    keys: &Keys<'_>,
    shown: &ShownWord,
    unit_id: UnitId,
) -> Result<Vec<(Stood, Note)>, NothingTold> {
    let is_rotation = |receipt: &String| {
        let rotation = rotation_in(keys, receipt);
        rotation.is_some_and(|note| shown.credentials.iter().any(|text| is_text(text, &note)))
    };
    let mut all = Vec::new();
    for text in &shown.receipts {
        match stood(keys, text, unit_id) {
            Some(stood) => all.push(stood),
            None if is_rotation(text) => {}
            None => return Err(NothingTold::Unrelated),
        }
    }
    Ok(all)
}

fn rotation_in(keys: &Keys<'_>, receipt_text: &str) -> Option<Note> {
    let note = Note::parse(&receipt(keys, receipt_text).ok()?.event).ok()?;
    (type_of(note.text()) == Some(KeyRotation::TYPE)).then_some(note)
}

fn is_text(statement: &str, note: &Note) -> bool {
    Note::parse(statement.as_bytes()).is_ok_and(|it| it.text() == note.text())
}

fn signs(manifest: &Statement<Manifest>, key: &crate::crypto::key::VerifyingKey) -> bool {
    check_signature(manifest, key).is_ok()
}

/// Whether it is a first version, or follows one that is shown: whatever an agent takes does.
fn has_place(recorded: &[(Stood, Note)], before: &BTreeMap<Hash, Word>, word: &Word) -> bool {
    let body = word.manifest.body();
    let Some(prev) = body.prev_sha256 else { return body.seq == 1 };
    let lodged = before.get(&prev).map(|word| Stood::manifest(&word.manifest));
    let is_before = |stood: &Stood| stood.is_before(body);
    lodged.as_ref().is_some_and(is_before) || recorded.iter().any(|(stood, _)| is_before(stood))
}

/// The accepted statement that a receipt shows, and its note.
#[must_use]
pub fn stood(keys: &Keys<'_>, text: &str, unit_id: UnitId) -> Option<(Stood, Note)> {
    match json::parse(&receipt(keys, text).ok()?.event) {
        Ok(BidEvent::Accepted { manifest, unit_id: of, .. }) if of == unit_id => {
            let manifest = Statement::<Manifest>::parse(manifest.as_bytes()).ok()?;
            Some((Stood::manifest(&manifest), manifest.note().clone()))
        }
        Ok(BidEvent::Withdrawn { withdrawal, unit_id: of, .. }) if of == unit_id => {
            let withdrawal = Statement::<Withdrawal>::parse(withdrawal.as_bytes()).ok()?;
            Some((Stood::withdrawal(&withdrawal), withdrawal.note().clone()))
        }
        _ => None,
    }
}

/// What the platform shows of bids, read once against a close.
pub struct Accounts<'a> {
    keys: &'a Keys<'a>,
    unit_id: UnitId,
    /// Of the close.
    deadline: Time,
    /// Accepted ones about which the close is right, by whom their signatures name and their text: one
    /// text may be several bidders'.
    agreed: BTreeMap<(EnterpriseId, Hash), Vec<Agreed<'a>>>,
    /// Refused ones by their notes, byte for byte: one text has many signatures.
    refused: BTreeMap<String, Vec<(Refused, &'a Account)>>,
}

/// An accepted bid about which the close is right.
struct Agreed<'a> {
    manifest: Statement<Manifest>,
    lives: Lives,
    account: &'a Account,
}

impl<'a> Accounts<'a> {
    /// Reads them; what does not verify tells nothing.
    #[must_use]
    pub fn read(keys: &'a Keys<'a>, close: &Close, all: &'a [Account]) -> Self {
        let (mut agreed, mut refused) =
            (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for account in all {
            if let Ok((told, manifest)) = told_of(keys, account, close) {
                if told.agrees(close) {
                    let (bid, lives) = ((told.bidder, told.manifest_sha256), told.lives);
                    agreed.entry(bid).or_default().push(Agreed { manifest, lives, account });
                }
                continue;
            }
            let Ok(receipt) = receipt(keys, &account.accepted) else { continue };
            if let Ok(BidEvent::Refused { statement, code, .. }) = json::parse(&receipt.event)
                && let Some(why) = Refused::of_code(&code)
            {
                refused.entry(statement).or_default().push((why, account));
            }
        }
        Self { keys, unit_id: close.unit_id, deadline: close.deadline, agreed, refused }
    }

    /// What became of a lodged bid, if that is shown; `before` gives the lodged versions before it.
    #[must_use]
    pub fn of(&self, bid: &Word, before: &Before<'_>) -> Option<Accounted> {
        let agreed = self.agreed.get(&(bid.bidder, bid.manifest.sha256()));
        let own = agreed.into_iter().flatten().find(|agreed| {
            let lodged = (bid.bidder, &bid.manifest);
            is_signed(self.keys, lodged, agreed.account, &agreed.manifest)
        });
        match own.map(|own| own.lives) {
            Some(Lives::In) => Some(Accounted::In),
            Some(Lives::Out) => Some(Accounted::Out),
            None => self.is_rightly_refused(bid, before).then_some(Accounted::Out),
        }
    }

    /// Whether the record refuses this bid for a reason that cannot be disproved. It was signed and
    /// whole when it was lodged, so only three are left: its key is no longer the bidder's, the
    /// bidder's own chain went another way, or its custodian took it on the strength of a later
    /// deadline, which never came into force.
    fn is_rightly_refused(&self, bid: &Word, before: &Before<'_>) -> bool {
        let shown = self.refused.get(&bid.manifest.encode());
        shown.into_iter().flatten().any(|(refused, account)| match refused {
            Refused::Signature => {
                let speaker = self.speaker(bid, &account.credentials);
                let is_its = |speaker: &Credential| {
                    let key = speaker.key.as_ref();
                    speaker.kind == Kind::Enterprise
                        && key.is_some_and(|key| signs(&bid.manifest, key))
                };
                speaker.is_some_and(|speaker| !is_its(&speaker))
            }
            Refused::Late => is_closed(bid.arrived_at, self.deadline),
            Refused::SeqTaken
            | Refused::SeqNotNext
            | Refused::WrongPrev
            | Refused::BidId
            | Refused::OtherKey => self.is_out_of_chain(bid, account, before),
            _ => false,
        })
    }

    /// Who spoke for the bidder in the end, by statements that go on from those known when it lodged.
    fn speaker(&self, bid: &Word, shown: &[String]) -> Option<Credential> {
        let text = |note: &String| Note::parse(note.as_bytes()).map(|note| note.sha256()).ok();
        let goes_on = bid.credentials.len() <= shown.len()
            && bid.credentials.iter().zip(shown).all(|(a, b)| text(a) == text(b));
        let found = goes_on.then(|| credential(self.keys.first, shown));
        found?.ok().filter(|found| found.enterprise == bid.bidder)
    }

    fn is_out_of_chain(&self, bid: &Word, account: &Account, before: &Before<'_>) -> bool {
        let prev = bid.manifest.body().prev_sha256;
        // What follows a bid that was rightly refused has nothing to follow. It ends: seq falls.
        let followed = prev.as_ref().and_then(|prev| before(bid.bidder, prev));
        let is_after = |before: &Word| before.manifest.body().seq < bid.manifest.body().seq;
        let followed = followed.filter(is_after);
        if followed.is_some_and(|followed| self.is_rightly_refused(&followed, before)) {
            return true;
        }
        let later = account.later.as_ref();
        let Some((stood, note)) = later.and_then(|text| stood(self.keys, text, self.unit_id))
        else {
            return false;
        };
        let Some(speaker) = self.speaker(bid, &account.credentials) else { return false };
        let is_own = speaker.lines.iter().flatten().any(|key| note.require(key).is_ok());
        let handed_over = speaker.followed(&note, bid.manifest.note());
        is_own && (stood.is_against(&bid.manifest) || (Some(stood.sha256) == prev && !handed_over))
    }
}
