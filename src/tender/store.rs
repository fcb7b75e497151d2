//! The rows of tenders, lots and documents, and of the credentials they are judged by.
//!
//! Rows are read as evidence: whatever does not parse is `Corrupt`.

use diesel::prelude::*;

use super::rules::Plan;
use super::statements::{DocumentRef, Notice};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::db::schema::{credential, document, lot, tender};
use crate::db::{Conn, Error, Tx};
use crate::ids::{DocumentId, EnterpriseId, LotId, TenderId, UploadId};
use crate::on_each;

pub(super) fn corrupt<E>(what: &'static str) -> impl Fn(E) -> Error {
    move |_| Error::Corrupt(format!("a tender's {what}"))
}

/// An index or a count as it is stored.
pub(crate) fn stored(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::NotFound)
}

/// An index or a count as it was stored.
pub(crate) fn number(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(corrupt("number"))
}

/// Where a tender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The buyer's alone.
    Draft,
    /// Its units are asked of the custodians.
    Proposed,
    /// Its units took effect.
    Published,
}

impl State {
    /// Its word in the column.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Proposed => "proposed",
            Self::Published => "published",
        }
    }
}

/// A tender.
#[derive(Clone, Debug)]
pub struct TenderRow {
    /// Its id.
    pub id: TenderId,
    /// Who buys.
    pub procuring_entity: EnterpriseId,
    /// For people.
    pub title: String,
    /// Where it stands.
    pub state: State,
    /// As drafted.
    pub plan: Plan,
    /// The notice, from the proposal on.
    pub notice: Option<Statement<Notice>>,
    /// The entry of the notice, once published.
    pub notice_index: Option<u64>,
}

type RawTender = (String, String, String, String, String, Option<String>, Option<i64>, i64);

fn tender_of(row: RawTender) -> Result<TenderRow, Error> {
    let (id, procuring_entity, title, state, plan, notice, notice_index, _) = row;
    let states = [State::Draft, State::Proposed, State::Published];
    let notice = notice.map(|note| Statement::parse(note.as_bytes())).transpose();
    Ok(TenderRow {
        id: id.parse().map_err(corrupt("id"))?,
        procuring_entity: procuring_entity.parse().map_err(corrupt("buyer"))?,
        title,
        state: states
            .into_iter()
            .find(|s| s.code() == state)
            .ok_or(())
            .map_err(corrupt("state"))?,
        plan: serde_json::from_str(&plan).map_err(corrupt("plan"))?,
        notice: notice.map_err(corrupt("notice"))?,
        notice_index: notice_index.map(number).transpose()?,
    })
}

/// A tender.
///
/// # Errors
/// `NotFound`, `Corrupt`, `Backend`.
pub fn find(conn: &mut Conn, id: TenderId) -> Result<TenderRow, Error> {
    let row: RawTender = on_each!(conn, |c| tender::table.find(id.to_string()).first(c))?;
    tender_of(row)
}

/// When a tender's notice was published, and until when its documents are offered.
///
/// # Errors
/// `NotFound` before its publication, `Corrupt`, `Backend`.
pub fn published_at(conn: &mut Conn, id: TenderId) -> Result<(Time, Time), Error> {
    let row = find(conn, id)?;
    let index = row.notice_index.ok_or(Error::NotFound)?;
    let notice = crate::record::store::entry(conn, index)?.ok_or(Error::NotFound)?;
    Ok((notice.at, row.plan.documents_until))
}

/// The published tenders, by id, from the one after `after` on.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn published(
    conn: &mut Conn,
    after: Option<TenderId>,
    limit: u32,
) -> Result<Vec<TenderRow>, Error> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let query = tender::table
        .filter(tender::state.eq(State::Published.code()).and(tender::id.gt(after)))
        .order(tender::id)
        .limit(limit.into());
    let rows: Vec<RawTender> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(tender_of).collect()
}

/// A buyer's tenders that are not published, by id, from the one after `after` on.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn drafts(
    conn: &mut Conn,
    buyer: EnterpriseId,
    after: Option<TenderId>,
    limit: u32,
) -> Result<Vec<TenderRow>, Error> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let query = tender::table
        .filter(tender::procuring_entity.eq(buyer.to_string()))
        .filter(tender::state.eq_any([State::Draft.code(), State::Proposed.code()]))
        .filter(tender::id.gt(after))
        .order(tender::id)
        .limit(limit.into());
    let rows: Vec<RawTender> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(tender_of).collect()
}

/// How many drafts a buyer made since an instant, counted up to `most`.
///
/// # Errors
/// `Backend`.
pub fn drafted_since(
    conn: &mut Conn,
    buyer: EnterpriseId,
    since: Time,
    most: u32,
) -> Result<u32, Error> {
    let query = tender::table
        .filter(tender::procuring_entity.eq(buyer.to_string()))
        .filter(tender::drafted_at.gt(since.millis()))
        .order(tender::drafted_at)
        .select(tender::drafted_at)
        .limit(most.into());
    let found: Vec<i64> = on_each!(conn, |c| query.load(c))?;
    u32::try_from(found.len()).map_err(corrupt("number"))
}

/// A new draft with its lots.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn insert(
    tx: &mut Tx<'_>,
    id: TenderId,
    buyer: EnterpriseId,
    plan: &Plan,
    lots: &[LotId],
) -> Result<(), Error> {
    let text = serde_json::to_string(plan).map_err(corrupt("plan"))?;
    let row = diesel::insert_into(tender::table).values((
        tender::id.eq(id.to_string()),
        tender::procuring_entity.eq(buyer.to_string()),
        tender::title.eq(plan.title.as_str()),
        tender::state.eq(State::Draft.code()),
        tender::plan.eq(text),
        tender::drafted_at.eq(tx.now().millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    for ((no, lot), plan) in (1_i64..).zip(lots).zip(&plan.lots) {
        let row = diesel::insert_into(lot::table).values((
            lot::id.eq(lot.to_string()),
            lot::tender.eq(id.to_string()),
            lot::no.eq(no),
            lot::title.eq(plan.title.as_str()),
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
    }
    Ok(())
}

/// Moves a tender on; `Conflict` when it is not where the caller saw it.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn set_state(
    tx: &mut Tx<'_>,
    id: TenderId,
    (from, to): (State, State),
    notice: Option<&str>,
    index: Option<u64>,
) -> Result<(), Error> {
    let at = tender::id.eq(id.to_string()).and(tender::state.eq(from.code()));
    let index = index.map(stored).transpose()?;
    let change = diesel::update(tender::table.filter(at)).set((
        tender::state.eq(to.code()),
        tender::notice.eq(notice),
        tender::notice_index.eq(index),
    ));
    one(on_each!(tx.conn(), |c| change.execute(c))?, "the tender")
}

pub(crate) fn one(changed: usize, what: &str) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::lost_race(what)) }
}

/// The lots of a tender in their order, with their titles.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn lots(conn: &mut Conn, id: TenderId) -> Result<Vec<(LotId, String)>, Error> {
    let query = lot::table
        .filter(lot::tender.eq(id.to_string()))
        .order(lot::no)
        .select((lot::id, lot::title));
    let rows: Vec<(String, String)> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(|(id, title)| Ok((id.parse().map_err(corrupt("lot"))?, title))).collect()
}

/// A document of a tender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// As the notice names it.
    pub named: DocumentRef,
    /// Its tender.
    pub tender: TenderId,
    /// Its file in the store.
    pub blob: UploadId,
}

type RawDocument = (String, String, i64, String, Vec<u8>, i64, String);

fn document_of(row: RawDocument) -> Result<DocumentRow, Error> {
    let (id, tender, _, name, sha256, size, blob) = row;
    let named = DocumentRef {
        document: id.parse().map_err(corrupt("document"))?,
        name,
        sha256: Hash::from_slice(&sha256).map_err(corrupt("document"))?,
        size: number(size)?,
    };
    let tender = tender.parse().map_err(corrupt("document"))?;
    Ok(DocumentRow { named, tender, blob: blob.parse().map_err(corrupt("document"))? })
}

/// The documents of a tender in their order.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn documents(conn: &mut Conn, id: TenderId) -> Result<Vec<DocumentRow>, Error> {
    let query = document::table.filter(document::tender.eq(id.to_string())).order(document::no);
    let rows: Vec<RawDocument> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(document_of).collect()
}

/// A document.
///
/// # Errors
/// `NotFound`, `Corrupt`, `Backend`.
pub fn document(conn: &mut Conn, id: DocumentId) -> Result<DocumentRow, Error> {
    let row: RawDocument = on_each!(conn, |c| document::table.find(id.to_string()).first(c))?;
    document_of(row)
}

/// Adds a document behind the others.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn insert_document(tx: &mut Tx<'_>, new: &DocumentRow) -> Result<(), Error> {
    let query = document::table.filter(document::tender.eq(new.tender.to_string())).count();
    let count: i64 = on_each!(tx.conn(), |c| query.get_result(c))?;
    let row = diesel::insert_into(document::table).values((
        document::id.eq(new.named.document.to_string()),
        document::tender.eq(new.tender.to_string()),
        document::no.eq(count + 1),
        document::name.eq(new.named.name.as_str()),
        document::sha256.eq(new.named.sha256.as_bytes().as_slice()),
        document::size.eq(stored(new.named.size)?),
        document::blob.eq(new.blob.to_string()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// How many statements a body's credential has.
///
/// # Errors
/// `Backend`.
pub fn credential_count(conn: &mut Conn, body: EnterpriseId) -> Result<i64, Error> {
    let query = credential::table.filter(credential::enterprise.eq(body.to_string())).count();
    Ok(on_each!(conn, |c| query.get_result(c))?)
}
