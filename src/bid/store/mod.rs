//! The rows of chains, envelopes and refusals; [`uploads`] has those of uploads.

mod lost;
pub mod uploads;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

pub use lost::{Kept, fill, kept, swap};

use super::envelope::EnvelopeId;
use super::rules::{ChainHead, ChainKind, Intake, UnitTerms};
use super::statements::BlobRef;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::db::schema::{chain, credential, envelope, refused, unit, upload};
use crate::db::{Cached, Conn, Error, Tx};
use crate::ids::{EnterpriseId, UnitId, UploadId};
use crate::on_each;
use crate::opening::rules::UnitState;
use crate::record::leaf::Salt;

fn corrupt<E>(what: &'static str) -> impl Fn(E) -> Error {
    move |_| Error::Corrupt(format!("a bid's {what}"))
}

fn stored(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::NotFound)
}

fn number(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(corrupt("number"))
}

/// Everything in the database that a decision on one statement depends on.
#[derive(Clone, Debug)]
pub struct Place {
    /// The unit's terms.
    pub terms: UnitTerms,
    /// Where the unit stands.
    pub state: UnitState,
    /// Whether an amendment is asked and undecided.
    pub amendment_pending: bool,
    /// The bidder's chain, with the entry that accepted its last statement.
    pub head: Option<(ChainHead, u64)>,
    /// How many statements the bidder's credential has.
    pub statements: i64,
    /// The entry that accepted the manifest asked about, if one did.
    pub accepted: Option<u64>,
    /// The bidder's complete, unused upload of the envelope asked about.
    pub upload: Option<UploadId>,
}

/// The columns of [`RawHead`].
const HEAD: Head =
    (chain::bid_id, chain::seq, chain::sha256, chain::kind, chain::key, chain::accepted_index);
type Head =
    (chain::bid_id, chain::seq, chain::sha256, chain::kind, chain::key, chain::accepted_index);
type RawHead = (String, i64, Vec<u8>, String, String, i64);
type RawAbout = (Option<i64>, Option<i64>, Option<String>);
type RawPlace = (String, i64, i64, bool, Option<RawHead>, RawAbout);

/// Loads what a decision on a bidder's statement depends on, in one query. `about` is a manifest's
/// SHA-256 with the envelope that it names.
///
/// # Errors
/// `NotFound` for an unknown unit, `Corrupt`, `Backend`.
pub fn place(
    conn: &mut Conn,
    id: UnitId,
    bidder: EnterpriseId,
    about: Option<(&Hash, &BlobRef)>,
) -> Result<Place, Error> {
    let row = raw_place(conn, id, &bidder.to_string(), about)?;
    let (state, deadline, n, amendment_pending, head, (statements, accepted, upload)) = row;
    let state = UnitState::of_code(&state).ok_or(()).map_err(corrupt("unit"))?;
    let intake = match state {
        UnitState::Proposed | UnitState::Lapsed | UnitState::Void => Intake::Shut,
        UnitState::Open | UnitState::Closing | UnitState::Closed | UnitState::Opened => {
            Intake::Open
        }
    };
    let terms = UnitTerms {
        unit_id: id,
        deadline: Time::from_millis(deadline),
        n: usize::try_from(n).map_err(corrupt("unit"))?,
        intake,
    };
    Ok(Place {
        terms,
        state,
        amendment_pending,
        head: head.map(head_of).transpose()?,
        statements: statements.unwrap_or(0),
        accepted: accepted.map(number).transpose()?,
        upload: upload.map(|id| id.parse().map_err(corrupt("upload"))).transpose()?,
    })
}

fn raw_place(
    conn: &mut Conn,
    id: UnitId,
    bidder: &str,
    about: Option<(&Hash, &BlobRef)>,
) -> Result<RawPlace, Error> {
    // Nothing has an empty hash.
    let manifest = about.map_or(&[][..], |(manifest, _)| manifest.as_bytes());
    let blob = about.map_or(&[][..], |(_, bid)| bid.sha256.as_bytes());
    let size = about.map_or(Ok(0), |(_, bid)| stored(bid.size))?;
    let accepted = envelope::table.find((manifest, bidder)).select(envelope::accepted_index);
    let complete = upload::owner
        .eq(bidder)
        .and(upload::sha256.eq(blob))
        .and(upload::length.eq(size))
        .and(upload::state.eq("complete"))
        .and(upload::purpose.eq(uploads::Purpose::Bid.code()));
    let upload = upload::table.filter(complete).order(upload::id).select(upload::id).limit(1);
    let own = chain::unit.eq(unit::unit_id).and(chain::bidder.eq(bidder));
    let query = unit::table
        .left_join(chain::table.on(own))
        .filter(unit::unit_id.eq(id.to_string()))
        .select((
            unit::state,
            unit::deadline,
            unit::n,
            unit::amendment_pending.is_not_null(),
            HEAD.nullable(),
            (
                credential::table.filter(credential::enterprise.eq(bidder)).count().single_value(),
                accepted.single_value(),
                upload.single_value(),
            ),
        ));
    Ok(on_each!(conn, |c| query.first(c))?)
}

/// The last accepted statement of a bidder in every unit, by unit.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn heads_of(
    conn: &mut Conn,
    bidder: EnterpriseId,
) -> Result<Vec<(UnitId, ChainHead, u64)>, Error> {
    let query = chain::table
        .filter(chain::bidder.eq(bidder.to_string()))
        .order(chain::unit)
        .select((chain::unit, HEAD));
    let rows: Vec<(String, RawHead)> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter()
        .map(|(unit, head)| {
            let (head, index) = head_of(head)?;
            Ok((unit.parse().map_err(corrupt("unit"))?, head, index))
        })
        .collect()
}

fn head_of((bid_id, seq, sha256, kind, key, index): RawHead) -> Result<(ChainHead, u64), Error> {
    let head = ChainHead {
        bid_id: bid_id.parse().map_err(corrupt("id"))?,
        seq: u32::try_from(seq).map_err(corrupt("seq"))?,
        sha256: Hash::from_slice(&sha256).map_err(corrupt("chain"))?,
        kind: match kind.as_str() {
            "manifest" => ChainKind::Manifest,
            "withdrawal" => ChainKind::Withdrawal,
            _ => return Err(Error::Corrupt("a chain's kind".to_owned())),
        },
        key: key.parse().map_err(corrupt("key"))?,
    };
    Ok((head, number(index)?))
}

/// Sets the last accepted statement of a bidder; `is_first` when there was none.
///
/// # Errors
/// `Conflict` when the chain is not where the caller saw it, `Backend`.
pub fn advance(
    tx: &mut Tx<'_>,
    place: &Place,
    bidder: EnterpriseId,
    head: &ChainHead,
    index: u64,
) -> Result<(), Error> {
    let kind = match head.kind {
        ChainKind::Manifest => "manifest",
        ChainKind::Withdrawal => "withdrawal",
    };
    let values = (
        chain::bid_id.eq(head.bid_id.to_string()),
        chain::seq.eq(i64::from(head.seq)),
        chain::sha256.eq(head.sha256.as_bytes().to_vec()),
        chain::kind.eq(kind),
        chain::key.eq(head.key.to_string()),
        chain::accepted_index.eq(stored(index)?),
    );
    let (unit, bidder) = (place.terms.unit_id.to_string(), bidder.to_string());
    let Some((before, _)) = &place.head else {
        let row = diesel::insert_into(chain::table).values((
            chain::unit.eq(unit),
            chain::bidder.eq(bidder),
            values,
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
        return Ok(());
    };
    let at = chain::unit
        .eq(unit)
        .and(chain::bidder.eq(bidder))
        .and(chain::sha256.eq(before.sha256.as_bytes().to_vec()));
    let change = Cached(diesel::update(chain::table.filter(at)).set(values));
    let changed = on_each!(tx.conn(), |c| change.execute(c))?;
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the bid")) }
}

/// An accepted envelope, as it is stored.
#[derive(Clone, Debug)]
pub struct NewEnvelope {
    /// In which unit.
    pub unit: UnitId,
    /// Whose.
    pub bidder: EnterpriseId,
    /// The signed manifest.
    pub manifest: String,
    /// Of its text.
    pub manifest_sha256: Hash,
    /// When its last byte was in.
    pub arrived_at: Time,
    /// The ciphertext in the store.
    pub blob: UploadId,
    /// Of the ciphertext.
    pub blob_sha256: Hash,
    /// Of the ciphertext, in bytes.
    pub blob_size: u64,
    /// The sealed shares, as [`pack_shares`](crate::bid::envelope::pack_shares) lays them out; empty
    /// while the file of a lodged bid is awaited.
    pub shares: Vec<u8>,
}

/// Adds an accepted envelope.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn insert(tx: &mut Tx<'_>, new: NewEnvelope, salt: &Salt, index: u64) -> Result<(), Error> {
    let row = diesel::insert_into(envelope::table).values((
        envelope::manifest_sha256.eq(new.manifest_sha256.as_bytes().to_vec()),
        envelope::unit.eq(new.unit.to_string()),
        envelope::bidder.eq(new.bidder.to_string()),
        envelope::manifest.eq(new.manifest),
        envelope::salt.eq(salt.as_bytes().to_vec()),
        envelope::accepted_index.eq(stored(index)?),
        envelope::arrived_at.eq(new.arrived_at.millis()),
        envelope::blob.eq(new.blob.to_string()),
        envelope::blob_sha256.eq(new.blob_sha256.as_bytes().to_vec()),
        envelope::blob_size.eq(stored(new.blob_size)?),
        envelope::shares.eq(new.shares),
        envelope::state.eq("live"),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// An envelope's key in its table.
fn key_of(id: &EnvelopeId) -> (Vec<u8>, String) {
    (id.manifest_sha256.as_bytes().to_vec(), id.bidder.to_string())
}

/// Takes a live envelope out: `state` is `replaced` or `withdrawn`.
///
/// # Errors
/// `Conflict` when it is not live, `Backend`.
pub fn retire(tx: &mut Tx<'_>, id: &EnvelopeId, state: &'static str) -> Result<(), Error> {
    let at = envelope::table.find(key_of(id)).filter(envelope::state.eq("live"));
    let change = Cached(diesel::update(at).set(envelope::state.eq(state)));
    let changed = on_each!(tx.conn(), |c| change.execute(c))?;
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the envelope")) }
}

/// Ciphertexts that nothing needs any more: replaced or withdrawn. Those of a void unit are the
/// opening's to delete.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn to_delete(conn: &mut Conn, limit: u32) -> Result<Vec<(EnvelopeId, UploadId)>, Error> {
    let query = envelope::table
        // Said as in the index, or it is not used.
        .filter(sql::<Bool>("state IN ('replaced', 'withdrawn')"))
        .order(envelope::accepted_index)
        .limit(limit.into())
        .select((envelope::manifest_sha256, envelope::bidder, envelope::blob));
    let rows: Vec<(Vec<u8>, String, String)> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter()
        .map(|(sha256, bidder, blob)| {
            let id = EnvelopeId {
                bidder: bidder.parse().map_err(corrupt("bidder"))?,
                manifest_sha256: Hash::from_slice(&sha256).map_err(corrupt("manifest"))?,
            };
            Ok((id, blob.parse().map_err(corrupt("blob"))?))
        })
        .collect()
}

/// Notes that a ciphertext is gone.
///
/// # Errors
/// `Backend`.
pub fn deleted(tx: &mut Tx<'_>, id: &EnvelopeId) -> Result<(), Error> {
    tx.unrecorded("the statement that made it needless is on the record");
    let at = envelope::table.find(key_of(id));
    let change = diesel::update(at).set(envelope::state.eq("deleted"));
    on_each!(tx.conn(), |c| change.execute(c))?;
    Ok(())
}

/// The entry that refused this very note with this code before.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn refused_before(conn: &mut Conn, note: &Hash, code: &str) -> Result<Option<u64>, Error> {
    let query =
        refused::table.find((note.as_bytes().to_vec(), code.to_owned())).select(refused::idx);
    let index: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    index.map(number).transpose()
}

/// Remembers the entry that refused a note: of its bytes, for one text has many signatures.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn insert_refused(
    tx: &mut Tx<'_>,
    unit: UnitId,
    note: &Hash,
    code: &str,
    index: u64,
) -> Result<(), Error> {
    let row = diesel::insert_into(refused::table).values((
        refused::sha256.eq(note.as_bytes().to_vec()),
        refused::unit.eq(unit.to_string()),
        refused::code.eq(code.to_owned()),
        refused::idx.eq(stored(index)?),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}
