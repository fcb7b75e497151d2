//! The opening itself: with t identities the envelopes are read out, then checked whole, and the
//! opening record names what became of every line.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use super::close::{missing_event, named_missing};
use super::decrypt::{self, Ciphertext, Envelope, UnitKey, on_all};
use super::release::unit_keys;
use super::rules::shares::FIRST_MS;
use super::rules::{Claimed, Decryption, outcome, standing};
use super::statements::{LineStatus, OpenedLine, Opening, OpeningEvent, Order, ReadOutLine};
use super::store::{self, EnvelopeRow};
use super::{Case, Error, Misplaced, Opener, blocking, moves, public};
use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::Manifest;
use crate::blob::{self, Blobs};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::seal::payload::Listed;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::roster::CustodianId;
use crate::db::{self, Tx};
use crate::ids::{UnitId, UploadId};
use crate::record::store as record;
use crate::tender::units::{self, UnitRow};

const READ_OUT: &str = "sealbid/read-out/v1";
/// Lines read out in one event: the first prices are shown while the rest is still being opened.
const BATCH: usize = 250;

/// A line of the close with its bid.
struct Line {
    hash: Hash,
    bid: EnvelopeRow,
    manifest: Statement<Manifest>,
    envelope: Envelope,
}

impl Opener {
    /// Reads out, checks and records the opening. Both passes can be repeated.
    pub(super) async fn open(&self, case: &Case, now: Time) -> Result<(), Error> {
        let row = case.row.clone();
        let id = row.id;
        let (releases, bids) = self
            .db()
            .query(move |conn| {
                Ok::<_, db::Error>((store::releases(conn, &id)?, store::envelopes(conn, &id)?))
            })
            .await?;
        let Some(keys) = unit_keys(&row, &releases) else {
            return Err(db::Error::Corrupt("fewer valid releases than counted".to_owned()).into());
        };
        let releases = keys.iter().map(|key| key.custodian.clone()).collect();
        let (keys, lines) = (Arc::new(keys), Arc::new(lines(&row, bids)?));
        self.read_out(id, &keys, &lines).await?;
        self.record_opening(&row, releases, &keys, &lines, now).await
    }

    async fn read_out(
        &self,
        id: UnitId,
        keys: &Arc<Vec<UnitKey>>,
        lines: &Arc<Vec<Line>>,
    ) -> Result<(), Error> {
        let known = self.db().query(move |conn| already_read(conn, &id)).await?;
        let todo: Vec<usize> = (0..lines.len())
            .filter(|at| lines.get(*at).is_some_and(|line| !known.contains(&line.hash)))
            .collect();
        for batch in todo.chunks(BATCH) {
            let (keys, lines) = (Arc::clone(keys), Arc::clone(lines));
            let (blobs, batch) = (Arc::clone(&self.parts.blobs), batch.to_vec());
            let read = blocking(move || {
                let claimed = claims(&lines);
                let one = |at: &usize| read_line(id, lines.get(*at)?, &claimed, &keys, &*blobs);
                on_all(&batch, one).into_iter().flatten().collect::<Vec<_>>()
            });
            let lines = read.await?;
            if lines.is_empty() {
                continue;
            }
            let event = OpeningEvent::ReadOut { lines, unit_id: id };
            let event = public(id, READ_OUT, json::to_string(&event)?);
            self.db()
                .write(move |tx| {
                    moves::require_unstopped(tx, id)?;
                    tx.record(event)
                })
                .await?;
        }
        Ok(())
    }

    async fn record_opening(
        &self,
        row: &UnitRow,
        releases: Vec<CustodianId>,
        keys: &Arc<Vec<UnitKey>>,
        lines: &Arc<Vec<Line>>,
        now: Time,
    ) -> Result<(), Error> {
        let (keys, lines, blobs) =
            (Arc::clone(keys), Arc::clone(lines), Arc::clone(&self.parts.blobs));
        let id = row.id;
        let read_from = blobs_of(&lines);
        let ciphertexts = lines.iter().map(|line| (line.hash, line.bid.blob_sha256)).collect();
        let checked = blocking(move || {
            let claimed = claims(&lines);
            let check = |line: &Line| {
                let checked = check_line(id, line, &claimed, &keys, &*blobs);
                checked.inspect_err(|error| say_unreadable(id, line, error))
            };
            on_all(&lines, check).into_iter().collect::<io::Result<Vec<_>>>()
        });
        let lines = checked.await?.map_err(blob::Error::Io)?;
        let lost = lost(&lines, &ciphertexts);
        let close = row.close.as_ref().ok_or(Misplaced::NotClosed)?;
        let body =
            Opening { close_sha256: close.sha256(), lines, opened_at: now, releases, unit_id: id };
        let opening = Statement::signed(body, &self.parts.key)?;
        let event = public(id, Opening::TYPE, opening.encode());
        let row = row.clone();
        self.db()
            .write_after_entries(move |tx| {
                // A ciphertext that was brought again meanwhile is read in the next step.
                if store::blobs_kept(tx.conn(), &id)?.iter().any(|kept| is_other(&read_from, kept))
                {
                    return Err(db::Error::lost_race("the envelopes").into());
                }
                moves::require_unstopped(tx, id)?;
                name_missing(tx, id, lost)?;
                let at = tx.record(event)?;
                Ok::<_, Error>(moves::open(tx, &row, at.index, now.plus(FIRST_MS))?)
            })
            .await?;
        Ok(())
    }

    /// The files of an opened bid, `bid.json` left out; `None` when there is no such line. Reads the
    /// whole envelope. Blocks.
    ///
    /// # Errors
    /// As [`document`](Self::document).
    pub fn listing(&self, id: UnitId, line: Hash) -> Result<Option<Vec<Listed>>, Error> {
        let Some((line, keys)) = self.opened_line(id, line)? else { return Ok(None) };
        let reopen = reopen(line.bid.blob, &*self.parts.blobs);
        let files = decrypt::listing(&line.envelope, &keys, &reopen);
        files.map(Some).map_err(|_| Misplaced::LineNotOpened.into())
    }

    /// One file of an opened bid, decrypted while it is read; `None` when there is no such line or
    /// file. Blocks.
    ///
    /// # Errors
    /// [`Error::Misplaced`] before the opening and for bids that did not open.
    pub fn document(
        &self,
        id: UnitId,
        line: Hash,
        name: &str,
    ) -> Result<Option<Box<dyn io::Read + Send>>, Error> {
        let Some((line, keys)) = self.opened_line(id, line)? else { return Ok(None) };
        let reopen = reopen(line.bid.blob, &*self.parts.blobs);
        match decrypt::document(&line.envelope, &keys, &reopen, name) {
            Ok(Some(file)) => Ok(Some(Box::new(file))),
            Ok(None) => Ok(None),
            Err(_) => Err(Misplaced::LineNotOpened.into()),
        }
    }

    /// A line of the opening record that opened, and the identities that open it. What did not open
    /// as its signer's bid is shown to nobody: a copied envelope is its author's.
    fn opened_line(&self, id: UnitId, line: Hash) -> Result<Option<(Line, Vec<UnitKey>)>, Error> {
        let loaded = self.db().read(|conn| {
            let row = units::unit(conn, id)?;
            let entry = match row.opening_index {
                Some(index) => record::entry(conn, index)?,
                None => None,
            };
            let releases = store::releases(conn, &id)?;
            Ok::<_, db::Error>((row, entry, releases, store::envelopes(conn, &id)?))
        });
        let (row, entry, releases, bids) = loaded?;
        let opening = Statement::<Opening>::parse(&entry.ok_or(Misplaced::NotOpened)?.event)?;
        let recorded = opening.body().lines.iter().find(|recorded| recorded.line == line);
        match recorded.map(|recorded| &recorded.outcome) {
            None => return Ok(None),
            Some(LineStatus::Opened { .. }) => {}
            Some(_) => return Err(Misplaced::LineNotOpened.into()),
        }
        let keys = unit_keys(&row, &releases).ok_or(Misplaced::NotOpened)?;
        let found = lines(&row, bids)?.into_iter().find(|found| found.hash == line);
        Ok(found.map(|line| (line, keys)))
    }
}

/// The lines that are recorded as lost, each with the SHA-256 of its ciphertext.
fn lost(lines: &[OpenedLine], ciphertexts: &BTreeMap<Hash, Hash>) -> Vec<(Hash, Hash)> {
    let lost = lines.iter().filter(|line| line.outcome == LineStatus::Lost);
    lost.filter_map(|line| Some((line.line, *ciphertexts.get(&line.line)?))).collect()
}

/// Names what was lost since the close, before the opening says what became of it.
fn name_missing(tx: &mut Tx<'_>, id: UnitId, lost: Vec<(Hash, Hash)>) -> Result<(), Error> {
    if lost.is_empty() {
        return Ok(());
    }
    let named = named_missing(tx.conn(), &id)?;
    for (line, sha256) in lost.into_iter().filter(|(line, _)| !named.contains(line)) {
        tx.record(missing_event(id, line, sha256)?)?;
    }
    Ok(())
}

fn already_read(conn: &mut db::Conn, id: &UnitId) -> Result<BTreeSet<Hash>, db::Error> {
    let mut known = BTreeSet::new();
    for entry in record::entries_of_unit(conn, id, READ_OUT)? {
        if let Ok(OpeningEvent::ReadOut { lines, .. }) = json::parse(&entry.event) {
            known.extend(lines.into_iter().map(|line| line.line));
        }
    }
    Ok(known)
}

/// The lines that open: the close's, or the order's for second envelopes.
fn lines(row: &UnitRow, bids: Vec<EnvelopeRow>) -> Result<Vec<Line>, Error> {
    let close = row.close.as_ref().ok_or(Misplaced::NotClosed)?;
    let wanted = match &row.order {
        Some(order) => Statement::<Order>::parse(order.as_bytes())?.body().lines.clone(),
        None => close.body().lines.clone(),
    };
    let mut bids: BTreeMap<Hash, EnvelopeRow> =
        bids.into_iter().map(|bid| (bid.line(), bid)).collect();
    let line = |hash: Hash| {
        let unknown = || db::Error::Corrupt("a line without its bid below the close".to_owned());
        // Decided after the set was frozen: a clock went back, and a rule above failed.
        let bid = bids.remove(&hash).filter(|bid| bid.accepted_index < close.body().size);
        let bid = bid.ok_or_else(unknown)?;
        let manifest = Statement::<Manifest>::parse(bid.manifest.as_bytes())?;
        let shares = bid.shares.clone();
        let envelope = Envelope { manifest: manifest.body().clone(), shares };
        Ok(Line { hash, bid, manifest, envelope })
    };
    wanted.into_iter().map(line).collect()
}

fn claim(line: &Line) -> Claimed {
    Claimed {
        bidder: line.bid.bidder,
        seq: line.manifest.body().seq,
        manifest_sha256: line.bid.manifest_sha256,
    }
}

/// What the lines claim, by bidder: only rivals of one bidder matter to each other.
fn claims(lines: &[Line]) -> BTreeMap<crate::ids::EnterpriseId, Vec<Claimed>> {
    let mut claims = BTreeMap::<_, Vec<Claimed>>::new();
    for line in lines {
        claims.entry(line.bid.bidder).or_default().push(claim(line));
    }
    claims
}

type Claims = BTreeMap<crate::ids::EnterpriseId, Vec<Claimed>>;

fn standing_of(line: &Line, claims: &Claims) -> Option<LineStatus> {
    standing(&claim(line), claims.get(&line.bid.bidder).map_or(&[], Vec::as_slice))
}

fn reopen(blob: UploadId, blobs: &dyn Blobs) -> impl Fn(&Envelope) -> io::Result<Ciphertext> {
    move |_| {
        let blob: Ciphertext = Box::new(blobs.open(blob).map_err(|error| match error {
            blob::Error::NotFound => io::ErrorKind::NotFound.into(),
            blob::Error::Io(error) => error,
            other => io::Error::other(other),
        })?);
        Ok(blob)
    }
}

/// From which file each bid was read.
fn blobs_of(lines: &[Line]) -> BTreeMap<EnvelopeId, UploadId> {
    lines.iter().map(|line| (line.bid.id(), line.bid.blob)).collect()
}

/// Whether a bid's ciphertext is now another file than the one that was read.
fn is_other(read: &BTreeMap<EnvelopeId, UploadId>, (bid, blob): &(EnvelopeId, UploadId)) -> bool {
    read.get(bid).is_some_and(|read| read != blob)
}

/// What is read out of one line, provisionally; nothing for a line that does not open.
fn read_line(
    id: UnitId,
    line: &Line,
    claims: &Claims,
    keys: &[UnitKey],
    blobs: &dyn Blobs,
) -> Option<ReadOutLine> {
    if standing_of(line, claims).is_some() {
        return None;
    }
    let reopen = reopen(line.bid.blob, blobs);
    let bid_json = decrypt::read_out(&line.envelope, keys, &reopen).ok()?;
    // The hash is not known yet and plays no part in the outcome.
    let payload =
        Decryption::Payload { bid_json: Box::new(bid_json), payload_sha256: line.bid.blob_sha256 };
    match outcome(id, &line.envelope.manifest, line.bid.bidder, payload) {
        LineStatus::Opened { offer, .. } => {
            Some(ReadOutLine { bidder: line.bid.bidder, line: line.hash, offer })
        }
        _ => None,
    }
}

/// A file that is there and cannot be read may be read yet, so it is no loss and the opening waits. The
/// operator must know which, and that it is its own disk.
fn say_unreadable(unit: UnitId, line: &Line, error: &io::Error) {
    tracing::error!(
        %unit, line = %line.hash, upload = %line.bid.blob, %error,
        "a ciphertext cannot be read, and the opening waits: mend the disk, or have the bid brought again"
    );
}

fn check_line(
    id: UnitId,
    line: &Line,
    claims: &Claims,
    keys: &[UnitKey],
    blobs: &dyn Blobs,
) -> io::Result<OpenedLine> {
    let bid = &line.bid;
    let outcome = match standing_of(line, claims) {
        Some(standing) => standing,
        None => {
            let decryption = decrypt::check(&line.envelope, keys, &reopen(bid.blob, blobs))?;
            outcome(id, &line.envelope.manifest, bid.bidder, decryption)
        }
    };
    Ok(OpenedLine {
        arrived_at: bid.arrived_at,
        bidder: bid.bidder,
        fault: outcome.fault(),
        line: line.hash,
        manifest: bid.manifest.clone(),
        outcome,
        salt: Hash::from_bytes(*bid.salt.as_bytes()),
    })
}
