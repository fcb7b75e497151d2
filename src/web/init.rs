//! Making a platform's database, and bringing it up to date.

use super::rosters;
use super::start::{StartError, refused};
use crate::config::Config;
use crate::db::{self, Db, OpenError, Options};
use crate::record::name;

/// Makes the database's tables in a database that has none, and fixes the record's name. Blocks.
///
/// # Errors
/// [`StartError::Database`] when it is a platform's or another program's already, or cannot be
/// reached.
pub fn init(config: &Config, options: Options) -> Result<(), StartError> {
    let url = config.database()?;
    let made = db::init(&url);
    if let Err(error) = &made
        && !matches!(error, OpenError::AlreadyInitialised(_))
    {
        return Err(error.clone().into());
    }
    let db = Db::open(&url, options)?;
    if db.read(name::find).map_err(refused)?.is_some() {
        return Err(OpenError::AlreadyInitialised(url.to_string()).into());
    }
    // Also the tables of an `init` that was cut off: this one ends it.
    let origin = config.origin.as_str().to_owned();
    db.write_blocking(move |tx| name::fix(tx, &origin)).map_err(refused)
}

/// Whether the configured roster is in place, signed by its regulator.
#[must_use]
pub fn has_roster(config: &Config) -> bool {
    rosters::read(&config.roster_file).is_ok()
}

/// The record that the configuration names must be the one that [`init`] made.
pub(super) async fn check_origin(db: &Db, config: &Config) -> Result<(), StartError> {
    let found = db.query(name::find).await.map_err(refused)?;
    let found = found.ok_or(StartError::Unnamed)?;
    let named = config.origin.as_str().to_owned();
    if found == named { Ok(()) } else { Err(StartError::Origin { named, found }) }
}

/// Brings an older database up to this program's schema; gives the names of what was applied.
///
/// # Errors
/// [`StartError::Database`].
pub fn migrate(config: &Config) -> Result<Vec<String>, StartError> {
    Ok(db::migrate(&config.database()?)?)
}
