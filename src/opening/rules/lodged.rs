//! Lodged bids: what accounts for one, and what a custodian's word about one says against a close.
//!
//! Invariant: a bid that a custodian received in time is in the close, out of it by its bidder's own
//! next statement, or refused on record for a reason that what its bidder showed cannot disprove.
//! Whoever signed the word, whoever it is shown to, the platform and the verifier judge by this one
//! rule.

use std::collections::BTreeMap;

use super::challenge::{Keys, Lives, NothingTold, Told, receipt, told};
use crate::bid::rules::{Refused, Stood, check_signature};
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::labels;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::custodian::wire::{Account, LodgedBid, ShownWord};
use crate::enterprise::credentials::{Credential, credential, enterprise_of};
use crate::enterprise::statements::{KeyRotation, Kind};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{Close, Lodged};

/// Versions of one bidder that a word shows before its own, at most: an agent takes no more.
const MAX_BEFORE: usize = 8;

/// A bid that a custodian received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
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

/// What stands for the line of a bid that has none: no leaf of the record accepted it.
#[must_use]
pub fn lodged_line(manifest_sha256: &Hash) -> Hash {
    Hash::of_parts(&[labels::LODGED_LINE.as_bytes(), manifest_sha256.as_bytes()])
}

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
        let manifest = received(keys, &shown.word, unit_id, deadline)?;
        let speaker = speaker(keys, shown, &manifest)?;
        if shown.before.len() > MAX_BEFORE {
            return Err(NothingTold::Unrelated);
        }
        let word = |manifest: Statement<Manifest>| {
            let is_own = speaker.lines.iter().flatten().any(|key| signs(&manifest, key));
            let (bidder, credentials) = (speaker.enterprise, shown.credentials.clone());
            let word = Word { manifest, bidder, credentials };
            if is_own { Ok(word) } else { Err(NoteError::MissingSignature) }
        };
        let mut before = BTreeMap::new();
        for bid in &shown.before {
            let word = word(received(keys, bid, unit_id, deadline)?)?;
            before.insert(word.manifest.sha256(), word);
        }
        let own = word(manifest)?;
        let all = || before.values().chain([&own]);
        let has_place = |word: &Word| has_place(keys, shown, &before, word, unit_id);
        if !all().all(has_place) {
            return Err(NothingTold::Unrelated);
        }
        Ok(Self { own, before })
    }

    /// What the close must answer for.
    pub fn told(&self) -> Told {
        let manifest_sha256 = self.own.manifest.sha256();
        Told { line: lodged_line(&manifest_sha256), manifest_sha256, lives: Lives::In }
    }

    /// Whether the record accounts for it.
    pub fn are_accounted(&self, keys: &Keys<'_>, close: &Close, accounts: &[Account]) -> bool {
        let before = |sha256: &Hash| self.before.get(sha256).cloned();
        Accounts::read(keys, close, accounts).of(&self.own, &before).is_some()
    }
}

/// The manifest of a word that a custodian of the roster gave in time.
fn received(
    keys: &Keys<'_>,
    bid: &LodgedBid,
    unit_id: UnitId,
    deadline: Time,
) -> Result<Statement<Manifest>, NothingTold> {
    let lodged = Statement::<Lodged>::parse(bid.lodged.as_bytes())?;
    let manifest = Statement::<Manifest>::parse(bid.manifest.as_bytes())?;
    let body = lodged.body();
    let member = keys.roster.member(&body.custodian).ok_or(NothingTold::Unrelated)?;
    lodged.note().require(&member.statement_key)?;
    lodged.note().only_by(std::slice::from_ref(&member.statement_key))?;
    let fits = body.unit_id == unit_id
        && manifest.body().unit_id == unit_id
        && body.manifest_sha256 == manifest.sha256()
        && !is_closed(body.arrived_at, deadline);
    if fits { Ok(manifest) } else { Err(NothingTold::Unrelated) }
}

/// Who spoke for the bidder when it lodged. Anybody can hand its own key over in private: a rotation
/// counts with its receipt.
fn speaker(
    keys: &Keys<'_>,
    shown: &ShownWord,
    manifest: &Statement<Manifest>,
) -> Result<Credential, NothingTold> {
    let signer = manifest.note().signatures().first().and_then(|s| enterprise_of(&s.name));
    let speaker = credential(keys.first, &shown.credentials)?;
    let is_its = speaker.key.as_ref().is_some_and(|key| signs(manifest, key));
    if signer != Some(speaker.enterprise) || speaker.kind != Kind::Enterprise || !is_its {
        return Err(NoteError::MissingSignature.into());
    }
    let is_rotation = |text: &&String| type_of(text) == Some(KeyRotation::TYPE);
    for text in shown.credentials.iter().filter(is_rotation) {
        let rotation = Note::parse(text.as_bytes()).map_err(|_| NothingTold::Unrelated)?;
        let is_it = |event: &[u8]| Note::parse(event).is_ok_and(|it| it.text() == rotation.text());
        let mut recorded = shown.receipts.iter().filter_map(|text| receipt(keys, text).ok());
        if !recorded.any(|receipt| is_it(&receipt.event)) {
            return Err(NothingTold::Unrelated);
        }
    }
    Ok(speaker)
}

fn signs(manifest: &Statement<Manifest>, key: &crate::crypto::key::VerifyingKey) -> bool {
    check_signature(manifest, key).is_ok()
}

/// Whether it is a first version, or follows one that is shown: whatever an agent takes does.
fn has_place(
    keys: &Keys<'_>,
    shown: &ShownWord,
    before: &BTreeMap<Hash, Word>,
    word: &Word,
    unit_id: UnitId,
) -> bool {
    let body = word.manifest.body();
    let Some(prev) = body.prev_sha256 else { return body.seq == 1 };
    let lodged = before.get(&prev).map(|word| Stood::manifest(&word.manifest));
    let recorded = shown.receipts.iter().filter_map(|text| stood(keys, text, unit_id));
    lodged.into_iter().chain(recorded.map(|(stood, _)| stood)).any(|stood| stood.is_before(body))
}

/// The accepted statement of a receipt.
fn stood(keys: &Keys<'_>, text: &str, unit_id: UnitId) -> Option<(Stood, Note)> {
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
    /// Accepted ones about which the close is right.
    agreed: BTreeMap<Hash, Lives>,
    /// Refused ones by their notes, byte for byte: one text has many signatures.
    refused: BTreeMap<String, Vec<(Refused, &'a Account)>>,
}

impl<'a> Accounts<'a> {
    /// Reads them; what does not verify tells nothing.
    #[must_use]
    pub fn read(keys: &'a Keys<'a>, close: &Close, all: &'a [Account]) -> Self {
        let (mut agreed, mut refused) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for account in all {
            if let Ok(told) = told(keys, account, close) {
                if told.agrees(close) {
                    agreed.insert(told.manifest_sha256, told.lives);
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
        Self { keys, unit_id: close.unit_id, agreed, refused }
    }

    /// What became of a lodged bid, if that is shown; `before` gives the lodged versions before it.
    #[must_use]
    pub fn of(&self, bid: &Word, before: &dyn Fn(&Hash) -> Option<Word>) -> Option<Accounted> {
        match self.agreed.get(&bid.manifest.sha256()) {
            Some(Lives::In) => Some(Accounted::In),
            Some(Lives::Out) => Some(Accounted::Out),
            None => self.is_rightly_refused(bid, before).then_some(Accounted::Out),
        }
    }

    /// Whether the record refuses this bid for a reason that cannot be disproved. It was in time,
    /// signed and whole when it was lodged, so only two are left: its key is no longer the
    /// bidder's, or the bidder's own chain went another way.
    fn is_rightly_refused(&self, bid: &Word, before: &dyn Fn(&Hash) -> Option<Word>) -> bool {
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

    fn is_out_of_chain(
        &self,
        bid: &Word,
        account: &Account,
        before: &dyn Fn(&Hash) -> Option<Word>,
    ) -> bool {
        let prev = bid.manifest.body().prev_sha256;
        // What follows a bid that was rightly refused has nothing to follow. It ends: seq falls.
        let followed = prev.as_ref().and_then(before);
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
