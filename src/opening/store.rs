//! The rows that the opening reads beside its units: envelopes, releases, challenges.
//!
//! Rows are read as evidence: whatever does not parse is `Corrupt` and never skipped. A unit's own
//! row is `tender::units`'s; what is written stands in `moves`.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Awaited;
use super::rules::{UnitState, quorum_time};
use super::statements::Challenged;
use crate::bid::envelope::{EnvelopeId, unpack_shares};
use crate::bid::rules::Refused;
use crate::bid::statements::Manifest;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Roster};
use crate::db::schema::{chain, challenge, envelope, refused, release, unit};
use crate::db::{Conn, Error};
use crate::ids::{EnterpriseId, UnitId, UploadId};
use crate::on_each;
use crate::record::cosigned::{self, Which};
use crate::record::leaf::Salt;

/// A live bid without shares; said as in the index, or that is not used.
const AWAITED: &str = "envelope.state = 'live' AND length(envelope.shares) = 0";

fn corrupt<E>(what: &'static str) -> impl Fn(E) -> Error {
    move |_| Error::Corrupt(format!("a unit's {what}"))
}

/// The units for which something may be due at `now`: among them voided ones with ciphertext left or a
/// custodian that was not told, and opened ones whose shares are not all checked. Those still have an hour to be looked at.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn due_before(conn: &mut Conn, now: Time) -> Result<Vec<UnitId>, Error> {
    let (open, void) = (UnitState::Open.code(), UnitState::Void.code());
    let later = [UnitState::Closing.code(), UnitState::Closed.code()];
    let opened = unit::state.eq(UnitState::Opened.code()).and(unit::due_at.le(now.millis()));
    // Each of the five is a range of an index: this is asked at every tick.
    let is_closed = unit::state.eq(open).and(unit::due_at.le(now.millis()));
    let amending = unit::state.eq(open).and(unit::amendment_pending.is_not_null());
    let is_void = unit::state.eq(void).and(unit::due_at.le(now.millis()));
    let query = unit::table
        .filter(unit::state.eq_any(later).or(is_closed).or(amending).or(is_void).or(opened))
        .order(unit::unit_id)
        .select(unit::unit_id);
    let ids: Vec<String> = on_each!(conn, |c| query.load(c))?;
    ids.iter().map(|id| id.parse().map_err(corrupt("id"))).collect()
}

/// Whether a body ever bid in a unit.
///
/// # Errors
/// `Backend`.
pub fn has_bid(conn: &mut Conn, id: &UnitId, body: EnterpriseId) -> Result<bool, Error> {
    // What became of its last statement says nothing of that: the row stays.
    let of = chain::table.find((id.to_string(), body.to_string()));
    let query = diesel::select(diesel::dsl::exists(of));
    Ok(on_each!(conn, |c| query.get_result(c))?)
}

/// An accepted bid.
#[derive(Clone, Debug)]
pub struct EnvelopeRow {
    /// Who signed it.
    pub bidder: EnterpriseId,
    /// The whole signed manifest.
    pub manifest: String,
    /// Of the manifest's text.
    pub manifest_sha256: Hash,
    /// The salt of its accepted leaf.
    pub salt: Salt,
    /// The entry that accepted it.
    pub accepted_index: u64,
    /// When its last byte was in.
    pub arrived_at: Time,
    /// The ciphertext in the store.
    pub blob: UploadId,
    /// Of the ciphertext.
    pub blob_sha256: Hash,
    /// The sealed shares, in the order of the unit's recipients.
    pub shares: Vec<Vec<u8>>,
    /// Whether it is the bidder's live bid.
    pub live: bool,
}

impl EnvelopeRow {
    /// Its line, if it is in the close.
    #[must_use]
    pub fn line(&self) -> Hash {
        crate::bid::rules::line(self.salt.as_bytes(), &self.manifest_sha256)
    }

    /// What names it.
    #[must_use]
    pub const fn id(&self) -> EnvelopeId {
        EnvelopeId { bidder: self.bidder, manifest_sha256: self.manifest_sha256 }
    }
}

type RawEnvelope = (String, String, Vec<u8>, Vec<u8>, i64, i64, String, Vec<u8>, Vec<u8>, String);

fn envelope_of(row: RawEnvelope) -> Result<EnvelopeRow, Error> {
    let (bidder, manifest, sha256, salt, accepted, arrived_at, blob, blob_sha256, shares, state) =
        row;
    Ok(EnvelopeRow {
        bidder: bidder.parse().map_err(corrupt("bidder"))?,
        manifest,
        manifest_sha256: Hash::from_slice(&sha256).map_err(corrupt("manifest"))?,
        salt: Salt::from_slice(&salt).map_err(corrupt("salt"))?,
        accepted_index: u64::try_from(accepted).map_err(corrupt("index"))?,
        arrived_at: Time::from_millis(arrived_at),
        blob: blob.parse().map_err(corrupt("blob"))?,
        blob_sha256: Hash::from_slice(&blob_sha256).map_err(corrupt("blob"))?,
        shares: unpack_shares(&shares).ok_or(()).map_err(corrupt("shares"))?,
        live: state == "live",
    })
}

/// Every bid ever accepted in a unit, in record order.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn envelopes(conn: &mut Conn, id: &UnitId) -> Result<Vec<EnvelopeRow>, Error> {
    use envelope as e;
    let query = e::table.filter(e::unit.eq(id.to_string())).order(e::accepted_index).select((
        e::bidder,
        e::manifest,
        e::manifest_sha256,
        e::salt,
        e::accepted_index,
        e::arrived_at,
        e::blob,
        e::blob_sha256,
        e::shares,
        e::state,
    ));
    let rows: Vec<RawEnvelope> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(envelope_of).collect()
}

/// The ciphertexts of a unit that are not deleted yet.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn blobs_kept(conn: &mut Conn, id: &UnitId) -> Result<Vec<(EnvelopeId, UploadId)>, Error> {
    let query = envelope::table
        .filter(envelope::unit.eq(id.to_string()).and(envelope::state.ne("deleted")))
        .order(envelope::accepted_index)
        .select((envelope::manifest_sha256, envelope::bidder, envelope::blob));
    let rows: Vec<(Vec<u8>, String, String)> = on_each!(conn, |c| query.load(c))?;
    let row = |(sha256, bidder, blob): (Vec<u8>, String, String)| {
        let id = EnvelopeId {
            bidder: bidder.parse().map_err(corrupt("bidder"))?,
            manifest_sha256: Hash::from_slice(&sha256).map_err(corrupt("manifest"))?,
        };
        Ok((id, blob.parse().map_err(corrupt("blob"))?))
    };
    rows.into_iter().map(row).collect()
}

/// The units with accepted bids whose files are awaited.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn units_that_await(conn: &mut Conn) -> Result<Vec<UnitId>, Error> {
    let before = [UnitState::Open, UnitState::Closing, UnitState::Closed].map(UnitState::code);
    let query = unit::table
        .inner_join(envelope::table.on(envelope::unit.eq(unit::unit_id)))
        .filter(sql::<Bool>(AWAITED).and(unit::state.eq_any(before)))
        .order(unit::unit_id)
        .select(unit::unit_id)
        .distinct();
    let ids: Vec<String> = on_each!(conn, |c| query.load(c))?;
    ids.iter().map(|id| id.parse().map_err(corrupt("id"))).collect()
}

/// The accepted bids of a unit whose files are awaited.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn awaited(conn: &mut Conn, id: &UnitId) -> Result<Vec<Awaited>, Error> {
    let query = envelope::table
        .filter(sql::<Bool>(AWAITED).and(envelope::unit.eq(id.to_string())))
        .order(envelope::accepted_index)
        .select((envelope::bidder, envelope::manifest));
    let rows: Vec<(String, String)> = on_each!(conn, |c| query.load(c))?;
    let row = |(bidder, manifest): (String, String)| {
        let manifest = Statement::<Manifest>::parse(manifest.as_bytes());
        let manifest = manifest.map_err(corrupt("manifest"))?;
        let bidder = bidder.parse().map_err(corrupt("bidder"))?;
        Ok(Awaited { id: EnvelopeId { bidder, manifest_sha256: manifest.sha256() }, manifest })
    };
    rows.into_iter().map(row).collect()
}

/// A valid release.
pub struct ReleaseRow {
    /// Who.
    pub custodian: CustodianId,
    /// The whole signed release: it carries the identity.
    pub note: String,
}

/// The valid releases of a unit in record order.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn releases(conn: &mut Conn, id: &UnitId) -> Result<Vec<ReleaseRow>, Error> {
    let query = release::table
        .filter(release::unit.eq(id.to_string()))
        .order(release::recorded_index)
        .select((release::custodian, release::note));
    let rows: Vec<(String, String)> = on_each!(conn, |c| query.load(c))?;
    let row = |(custodian, note): (String, String)| {
        let custodian = custodian.parse().map_err(corrupt("custodian"))?;
        Ok(ReleaseRow { custodian, note })
    };
    rows.into_iter().map(row).collect()
}

/// A challenge whose custodian has taken no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChallenge {
    /// The finding as its custodian signed it.
    pub note: String,
    /// Of the finding's text.
    pub sha256: Hash,
    /// Who found it.
    pub custodian: CustodianId,
    /// About which line.
    pub line: Hash,
    /// When its custodian was shown the receipts.
    pub received_at: Time,
}

/// The challenges whose custodians have taken no answer.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn open_challenges(conn: &mut Conn, id: &UnitId) -> Result<Vec<OpenChallenge>, Error> {
    let query = challenge::table
        .filter(challenge::unit.eq(id.to_string()).and(challenge::verdict.eq("open")))
        .order((challenge::custodian, challenge::line))
        .select(challenge::note);
    let notes: Vec<String> = on_each!(conn, |c| query.load(c))?;
    let open = |note: String| {
        let found = Statement::<Challenged>::parse(note.as_bytes());
        let found = found.map_err(corrupt("challenge"))?;
        let Challenged { custodian, line, received_at, .. } = found.body().clone();
        Ok(OpenChallenge { sha256: found.sha256(), note, custodian, line, received_at })
    };
    notes.into_iter().map(open).collect()
}

/// The first checkpoint above an entry that q of the roster have cosigned, and when the q-th did:
/// the challenge window runs from it.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn window(conn: &mut Conn, index: u64, roster: &Roster) -> Result<Option<(u64, Time)>, Error> {
    let (names, q) = (roster.witness_names(), roster.q());
    let first = cosigned::by(conn, &names, q, index, Time::from_millis(0), Which::First)?;
    Ok(first.and_then(|found| Some((found.size, quorum_time(&found.times, q)?))))
}

/// When a custodian received a bid, by the deadline in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Before it: that it reached the platform late or undecided says nothing.
    InTime,
    /// At or after it: then late says all.
    Late,
}

/// The entry that refused this very note of a lodged bid for good, if one did. `note` is of its bytes,
/// signatures included.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn refused_for_good(conn: &mut Conn, note: &Hash, came: Came) -> Result<Option<u64>, Error> {
    let query = refused::table
        .filter(refused::sha256.eq(note.as_bytes().to_vec()))
        .order(refused::idx)
        .select((refused::code, refused::idx));
    let rows: Vec<(String, i64)> = on_each!(conn, |c| query.load(c))?;
    let is_late = |code: &str| came == Came::Late && code == Refused::Late.code();
    let index = rows.into_iter().find(|(code, _)| Refused::is_for_good(code) || is_late(code));
    index.map(|(_, index)| u64::try_from(index).map_err(corrupt("refusal"))).transpose()
}

/// Whether this bidder's manifest was accepted, or this very note of it refused for good.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn is_settled(
    conn: &mut Conn,
    bid: &EnvelopeId,
    (note, came): (&Hash, Came),
) -> Result<bool, Error> {
    let key = (bid.manifest_sha256.as_bytes().to_vec(), bid.bidder.to_string());
    let query = envelope::table.find(key).select(envelope::accepted_index);
    let accepted: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    Ok(accepted.is_some() || refused_for_good(conn, note, came)?.is_some())
}
