//! Applications as rows, each by itself: what one claims is kept apart from who a body is until an
//! operator decides. Rows are read as evidence: what does not parse is `Corrupt`.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::rules::Others;
use super::statements::{Application, Declined};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::db::schema::{application, enterprise};
use crate::db::{Conn, Error, Tx};
use crate::ids::EnterpriseId;
use crate::on_each;
use crate::record::store as record;

/// What became of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for an operator.
    Waiting,
    /// An operator vouched for it.
    Vouched,
    /// An operator declined it.
    Declined,
    /// An operator vouched for another one in the same name.
    Passed,
}

impl Standing {
    /// The word in columns.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Vouched => "vouched",
            Self::Declined => "declined",
            Self::Passed => "passed",
        }
    }

    fn read(code: &str) -> Result<Self, Error> {
        let all = [Self::Waiting, Self::Vouched, Self::Declined, Self::Passed];
        all.into_iter().find(|it| it.code() == code).ok_or_else(|| corrupt("standing"))
    }
}

/// An application.
#[derive(Clone, Debug, PartialEq)]
pub struct Filed {
    /// As it was signed.
    pub statement: Statement<Application>,
    /// What became of it.
    pub standing: Standing,
    /// Its place in the record.
    pub index: u64,
    /// When it was made.
    pub applied_at: Time,
    /// The operator's statement on it: its SHA-256 and its place in the record.
    pub decided: Option<(Hash, u64)>,
}

type Row = (String, String, String, String, i64, i64, Option<String>, Option<i64>, String);

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt(format!("an application's {what}"))
}

fn read(row: Row) -> Result<Filed, Error> {
    let (_, _, note, standing, index, applied_at, decided_sha256, decided_index, _) = row;
    let place = |index: i64| u64::try_from(index).map_err(|_| corrupt("place"));
    let decided = match (decided_sha256, decided_index) {
        (Some(hash), Some(index)) => {
            Some((hash.parse().map_err(|_| corrupt("decision"))?, place(index)?))
        }
        _ => None,
    };
    Ok(Filed {
        statement: Statement::parse(note.as_bytes()).map_err(|_| corrupt("note"))?,
        standing: Standing::read(&standing)?,
        index: place(index)?,
        applied_at: Time::from_millis(applied_at),
        decided,
    })
}

/// An application by its SHA-256.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn find(conn: &mut Conn, sha256: &Hash) -> Result<Option<Filed>, Error> {
    let query = application::table.find(sha256.to_string());
    let row: Option<Row> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(read).transpose()
}

/// What became of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Which, by its SHA-256.
    pub sha256: Hash,
    /// Where it stands.
    pub standing: Standing,
    /// What to mend, when it was declined.
    pub reason: Option<String>,
}

/// What became of the latest application that a key made in a body's name. `key` is the public key in
/// hexadecimal digits.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn fate(conn: &mut Conn, id: EnterpriseId, key: &str) -> Result<Option<Fate>, Error> {
    let query = application::table
        .filter(application::enterprise.eq(id.to_string()).and(application::key.eq(key)))
        .order(application::idx.desc());
    let row: Option<Row> = on_each!(conn, |c| query.first(c).optional())?;
    let Some(filed) = row.map(read).transpose()? else { return Ok(None) };
    let (sha256, standing) = (filed.statement.sha256(), filed.standing);
    let reason = match (standing, filed.decided) {
        (Standing::Declined, Some((_, index))) => Some(reason(conn, index)?),
        _ => None,
    };
    Ok(Some(Fate { sha256, standing, reason }))
}

/// Why an application was declined, as its operator signed it.
fn reason(conn: &mut Conn, index: u64) -> Result<String, Error> {
    let entry = record::entry(conn, index)?.ok_or_else(|| corrupt("decision"))?;
    let declined = Statement::<Declined>::parse(&entry.event);
    Ok(declined.map_err(|_| corrupt("decision"))?.body().reason.clone())
}

/// Whether applications in a body's name wait besides this one.
///
/// # Errors
/// `Backend`.
pub fn others(conn: &mut Conn, id: EnterpriseId, sha256: &Hash) -> Result<Others, Error> {
    let query = application::table
        .filter(application::enterprise.eq(id.to_string()))
        .filter(application::standing.eq(Standing::Waiting.code()))
        .filter(application::sha256.ne(sha256.to_string()))
        .select(application::idx);
    let other: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    Ok(if other.is_some() { Others::Wait } else { Others::None })
}

/// Applications that wait for an operator, the oldest first, after `after` and at most `limit`, each
/// with the state of the body in whose name it was made.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn waiting(
    conn: &mut Conn,
    after: Option<(Time, Hash)>,
    limit: u32,
) -> Result<Vec<(Filed, String)>, Error> {
    let (time, hash) =
        after.map_or((i64::MIN, String::new()), |(t, hash)| (t.millis(), hash.to_string()));
    // The first half alone is a range of the index; without it each page would walk those before it.
    let later = application::applied_at
        .ge(time)
        .and(application::applied_at.gt(time).or(application::sha256.gt(hash)));
    let query = application::table
        .inner_join(enterprise::table.on(enterprise::id.eq(application::enterprise)))
        .filter(sql::<Bool>("application.standing = 'waiting'"))
        .filter(later)
        .select((application::all_columns, enterprise::state))
        .order((application::applied_at, application::sha256))
        .limit(limit.into());
    let rows: Vec<(Row, String)> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(|(row, state)| Ok((read(row)?, state))).collect()
}

/// An application waits: a new one, or one that was decided on and is made again.
///
/// # Errors
/// `Backend`.
pub fn file(tx: &mut Tx<'_>, made: &Statement<Application>, index: u64) -> Result<(), Error> {
    let index = i64::try_from(index).map_err(|_| corrupt("place"))?;
    let none = (None::<String>, None::<i64>);
    let changes = (
        application::standing.eq(Standing::Waiting.code()),
        application::idx.eq(index),
        application::applied_at.eq(tx.now().millis()),
        application::decided_sha256.eq(none.0),
        application::decided_idx.eq(none.1),
    );
    let row = (
        application::sha256.eq(made.sha256().to_string()),
        application::enterprise.eq(made.body().enterprise.to_string()),
        application::note.eq(made.encode()),
        changes.clone(),
    );
    let again = diesel::update(application::table.find(made.sha256().to_string())).set(changes);
    if on_each!(tx.conn(), |c| again.execute(c))? == 0 {
        let key = application::key.eq(hex::encode(made.body().key.public()));
        let insert =
            diesel::insert_into(application::table).values((row.0, row.1, row.2, row.3, key));
        on_each!(tx.conn(), |c| insert.execute(c))?;
    }
    Ok(())
}

/// An operator decided on an application that waits.
///
/// # Errors
/// `Conflict` when it does not wait; `Backend`.
pub fn decide(
    tx: &mut Tx<'_>,
    sha256: &Hash,
    standing: Standing,
    decision: (Hash, u64),
) -> Result<(), Error> {
    let index = i64::try_from(decision.1).map_err(|_| corrupt("place"))?;
    let waits = application::table
        .find(sha256.to_string())
        .filter(application::standing.eq(Standing::Waiting.code()));
    let update = diesel::update(waits).set((
        application::standing.eq(standing.code()),
        application::decided_sha256.eq(decision.0.to_string()),
        application::decided_idx.eq(index),
    ));
    let decided = on_each!(tx.conn(), |c| update.execute(c))?;
    if decided == 1 { Ok(()) } else { Err(Error::lost_race("the application")) }
}

/// What else waited in a body's name is passed over: its key is known now.
///
/// # Errors
/// `Backend`.
pub fn pass_over(tx: &mut Tx<'_>, id: EnterpriseId) -> Result<(), Error> {
    let waits = application::table
        .filter(application::enterprise.eq(id.to_string()))
        .filter(application::standing.eq(Standing::Waiting.code()));
    let update = diesel::update(waits).set(application::standing.eq(Standing::Passed.code()));
    on_each!(tx.conn(), |c| update.execute(c))?;
    Ok(())
}
