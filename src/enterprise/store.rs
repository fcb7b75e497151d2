//! Registrations, keys and their statements as rows. Rows are read as evidence: what does not parse
//! is `Corrupt`.

use diesel::prelude::*;

use super::rules::{Ended, KeySpan, State};
use super::statements::{Application, Kind};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Body as _;
use crate::custodian::roster::Roster;
use crate::db::schema::{credential, enterprise, enterprise_key, entry};
use crate::db::{Conn, Error, Tx};
use crate::ids::EnterpriseId;
use crate::on_each;

/// A registration as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enterprise {
    /// Who it is: by the application that was vouched for, or by the latest while none was.
    pub application: Application,
    /// Of that application's text.
    pub application_sha256: Hash,
    /// Where it stands.
    pub state: State,
    /// Of the last statement that changed it.
    pub last_sha256: Hash,
    /// And that statement's place in the record.
    pub last_index: u64,
    /// When it first applied.
    pub applied_at: Time,
    /// When it was first vouched for.
    pub verified_at: Option<Time>,
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = enterprise)]
#[diesel(treat_none_as_null = true)]
struct Row {
    id: String,
    kind: String,
    name: String,
    uscc: String,
    contact: String,
    state: String,
    application_sha256: String,
    key: String,
    reason: String,
    last_sha256: String,
    last_idx: i64,
    applied_at: i64,
    verified_at: Option<i64>,
}

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt(format!("an enterprise's {what}"))
}

impl Row {
    fn of(it: &Enterprise) -> Result<Self, Error> {
        let reason = match &it.state {
            State::Declined { reason } => reason.clone(),
            _ => String::new(),
        };
        let key = match &it.state {
            State::Verified { key } => key,
            _ => &it.application.key,
        };
        Ok(Self {
            id: it.application.enterprise.to_string(),
            kind: it.application.kind.code().to_owned(),
            name: it.application.name.clone(),
            uscc: it.application.uscc.clone(),
            contact: it.application.contact.clone(),
            state: it.state.code().to_owned(),
            application_sha256: it.application_sha256.to_string(),
            key: key.to_string(),
            reason,
            last_sha256: it.last_sha256.to_string(),
            last_idx: i64::try_from(it.last_index).map_err(|_| corrupt("last index"))?,
            applied_at: it.applied_at.millis(),
            verified_at: it.verified_at.map(Time::millis),
        })
    }

    fn read(self) -> Result<Enterprise, Error> {
        let key: VerifyingKey = self.key.parse().map_err(|_| corrupt("key"))?;
        let application_sha256 =
            self.application_sha256.parse().map_err(|_| corrupt("application"))?;
        let state = match self.state.as_str() {
            "applied" => State::Applied,
            "verified" => State::Verified { key: key.clone() },
            "declined" => State::Declined { reason: self.reason },
            "keyless" => State::Keyless,
            "reapplied" => State::Reapplied,
            _ => return Err(corrupt("state")),
        };
        let kind = match self.kind.as_str() {
            "enterprise" => Kind::Enterprise,
            "organisation" => Kind::Organisation,
            _ => return Err(corrupt("kind")),
        };
        let enterprise = self.id.parse().map_err(|_| corrupt("id"))?;
        let (contact, name, uscc) = (self.contact, self.name, self.uscc);
        Ok(Enterprise {
            application: Application { contact, enterprise, key, kind, name, uscc },
            application_sha256,
            state,
            last_sha256: self.last_sha256.parse().map_err(|_| corrupt("last statement"))?,
            last_index: u64::try_from(self.last_idx).map_err(|_| corrupt("last index"))?,
            applied_at: Time::from_millis(self.applied_at),
            verified_at: self.verified_at.map(Time::from_millis),
        })
    }
}

/// A registration by its id.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn find(conn: &mut Conn, id: EnterpriseId) -> Result<Option<Enterprise>, Error> {
    let query = enterprise::table.find(id.to_string());
    let row: Option<Row> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(Row::read).transpose()
}

/// The verified registration of a code, if there is one.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn verified_with_code(
    conn: &mut Conn,
    kind: Kind,
    uscc: &str,
) -> Result<Option<Enterprise>, Error> {
    let query = enterprise::table
        .filter(enterprise::kind.eq(kind.code()).and(enterprise::uscc.eq(uscc)))
        .filter(enterprise::verified_at.is_not_null());
    let row: Option<Row> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(Row::read).transpose()
}

/// A body that nobody knew.
///
/// # Errors
/// `Conflict` when the id is taken; `Backend`.
pub fn insert(tx: &mut Tx<'_>, new: &Enterprise) -> Result<(), Error> {
    let row = Row::of(new)?;
    on_each!(tx.conn(), |c| diesel::insert_into(enterprise::table).values(&row).execute(c))?;
    Ok(())
}

/// Saves a registration if its last statement is still `expected`.
///
/// # Errors
/// `Conflict` when it is not, or when the code is verified already; `Backend`.
pub fn save(tx: &mut Tx<'_>, expected: &Hash, new: &Enterprise) -> Result<(), Error> {
    let row = Row::of(new)?;
    let unchanged = enterprise::table
        .find(row.id.clone())
        .filter(enterprise::last_sha256.eq(expected.to_string()));
    let saved = on_each!(tx.conn(), |c| diesel::update(unchanged).set(&row).execute(c))?;
    if saved == 1 { Ok(()) } else { Err(Error::lost_race("the registration")) }
}

/// A key begins to speak.
///
/// # Errors
/// `Conflict` when it spoke before, for anybody; `Backend`.
pub fn insert_key(tx: &mut Tx<'_>, id: EnterpriseId, key: &VerifyingKey) -> Result<(), Error> {
    let row = diesel::insert_into(enterprise_key::table).values((
        enterprise_key::public.eq(hex::encode(key.public())),
        enterprise_key::enterprise.eq(id.to_string()),
        enterprise_key::key.eq(key.to_string()),
        enterprise_key::from_at.eq(tx.now().millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Whether a public key speaks, or ever spoke, for anybody.
///
/// # Errors
/// `Backend`.
pub fn is_key_used(conn: &mut Conn, key: &VerifyingKey) -> Result<bool, Error> {
    let query =
        enterprise_key::table.find(hex::encode(key.public())).select(enterprise_key::from_at);
    let found: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    Ok(found.is_some())
}

/// A key speaks no more.
///
/// # Errors
/// `Conflict` when it was not in force; `Backend`.
pub fn end_key(tx: &mut Tx<'_>, key: &VerifyingKey, why: Ended) -> Result<(), Error> {
    let now = tx.now().millis();
    let in_force = enterprise_key::table
        .find(hex::encode(key.public()))
        .filter(enterprise_key::until_at.is_null());
    let update = diesel::update(in_force)
        .set((enterprise_key::until_at.eq(now), enterprise_key::ended.eq(why.code())));
    let ended = on_each!(tx.conn(), |c| update.execute(c))?;
    if ended == 1 { Ok(()) } else { Err(Error::lost_race("the key")) }
}

type SpanTuple = (String, i64, Option<i64>, Option<String>);

/// Every key of a body with its time, in order.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn keys(conn: &mut Conn, id: EnterpriseId) -> Result<Vec<KeySpan>, Error> {
    let query = enterprise_key::table
        .filter(enterprise_key::enterprise.eq(id.to_string()))
        .select((
            enterprise_key::key,
            enterprise_key::from_at,
            enterprise_key::until_at,
            enterprise_key::ended,
        ))
        .order((enterprise_key::from_at, enterprise_key::public));
    let rows: Vec<SpanTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(span_of).collect()
}

fn span_of((key, from, until, ended): SpanTuple) -> Result<KeySpan, Error> {
    let until = match (until, ended.as_deref()) {
        (None, None) => None,
        (Some(at), Some("rotated")) => Some((Time::from_millis(at), Ended::Rotated)),
        (Some(at), Some("revoked")) => Some((Time::from_millis(at), Ended::Revoked)),
        _ => return Err(corrupt("key's end")),
    };
    let key = key.parse().map_err(|_| corrupt("key"))?;
    Ok(KeySpan { key, from: Time::from_millis(from), until })
}

/// For whom a key speaks now.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn speaks_for(
    conn: &mut Conn,
    key: &VerifyingKey,
) -> Result<Option<(EnterpriseId, Kind)>, Error> {
    let query = enterprise_key::table
        .inner_join(enterprise::table.on(enterprise::id.eq(enterprise_key::enterprise)))
        .filter(enterprise_key::public.eq(hex::encode(key.public())))
        .filter(enterprise_key::key.eq(key.to_string()))
        .filter(enterprise_key::until_at.is_null())
        .select((enterprise::id, enterprise::kind));
    let row: Option<(String, String)> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(|(id, kind)| {
        let kind = match kind.as_str() {
            "enterprise" => Kind::Enterprise,
            "organisation" => Kind::Organisation,
            _ => return Err(corrupt("kind")),
        };
        Ok((id.parse().map_err(|_| corrupt("id"))?, kind))
    })
    .transpose()
}

/// Keeps a public statement about a body behind those it has: they make its credential. Before its
/// first stand the rosters after version 1, for they say whose word counted.
///
/// # Errors
/// `Backend`.
pub fn insert_statement(
    tx: &mut Tx<'_>,
    id: EnterpriseId,
    note: &str,
    index: u64,
) -> Result<(), Error> {
    let of_body = credential::table.filter(credential::enterprise.eq(id.to_string()));
    let count: i64 = on_each!(tx.conn(), |c| of_body.count().get_result(c))?;
    let mut notes = if count == 0 { rosters_after_first(tx)? } else { Vec::new() };
    notes.push((i64::try_from(index).map_err(|_| corrupt("place"))?, note.to_owned()));
    for (no, (index, note)) in (count + 1..).zip(notes) {
        insert_credential(tx, &id.to_string(), no, (&note, index))?;
    }
    Ok(())
}

fn insert_credential(
    tx: &mut Tx<'_>,
    id: &str,
    no: i64,
    (note, index): (&str, i64),
) -> Result<(), Error> {
    let row = diesel::insert_into(credential::table).values((
        credential::enterprise.eq(id),
        credential::no.eq(no),
        credential::note.eq(note),
        credential::idx.eq(index),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

fn rosters_after_first(tx: &mut Tx<'_>) -> Result<Vec<(i64, String)>, Error> {
    let query = entry::table
        .filter(entry::kind.eq(Roster::TYPE).and(entry::idx.gt(0)))
        .order(entry::idx)
        .select((entry::idx, entry::event));
    let rows: Vec<(i64, Vec<u8>)> = on_each!(tx.conn(), |c| query.load(c))?;
    let text = |event| String::from_utf8(event).map_err(|_| corrupt("roster"));
    rows.into_iter().map(|(index, event)| Ok((index, text(event)?))).collect()
}

/// Places a roster that comes into force behind every body's statements so far.
///
/// # Errors
/// `Backend`.
pub fn place_roster(tx: &mut Tx<'_>, note: &str, index: u64) -> Result<(), Error> {
    use diesel::dsl::max;
    let index = i64::try_from(index).map_err(|_| corrupt("place"))?;
    let query = credential::table
        .group_by(credential::enterprise)
        .select((credential::enterprise, max(credential::no)));
    let last: Vec<(String, Option<i64>)> = on_each!(tx.conn(), |c| query.load(c))?;
    for (id, no) in last {
        insert_credential(tx, &id, no.unwrap_or_default() + 1, (note, index))?;
    }
    Ok(())
}

/// The statements that make a body's credential, in record order.
///
/// # Errors
/// `Backend`.
pub fn statements(conn: &mut Conn, id: EnterpriseId) -> Result<Vec<String>, Error> {
    let query = credential::table
        .filter(credential::enterprise.eq(id.to_string()))
        .select(credential::note)
        .order(credential::no);
    Ok(on_each!(conn, |c| query.load(c))?)
}

/// The entries of the statements that make a body's credential, in record order.
///
/// # Errors
/// `Backend`.
pub fn places(conn: &mut Conn, id: EnterpriseId) -> Result<Vec<i64>, Error> {
    let query = credential::table
        .filter(credential::enterprise.eq(id.to_string()))
        .select(credential::idx)
        .order(credential::no);
    Ok(on_each!(conn, |c| query.load(c))?)
}
