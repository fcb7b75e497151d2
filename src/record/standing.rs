//! Whether this instance may write: what its witnesses say of the record, and what that shuts.
//!
//! Invariant: behind enough witnesses nothing is written, neither at the start nor later; once the
//! door is shut for that, only a restart opens it, and only when the witnesses agree again. Reads go
//! on all the while. Deliberately absent: the way on from there, which is a succession.

use std::time::Duration;

use crate::db::Db;

use super::feed::{Feed, FeedError};
use super::store::{self, StoredCheckpoint};

/// The door's reason: enough witnesses cosigned more or other than the database holds.
pub const BEHIND: &str = "record-behind-witnesses";
/// The door's reason: too few witnesses have said yet that they hold what the database holds.
pub const WAITING: &str = "record-waiting-for-witnesses";
/// The door's reason: the database contradicts what was published.
pub const CONTRADICTED: &str = "record-contradicted";

/// Between two questions to witnesses that have not all answered.
const AGAIN: Duration = Duration::from_secs(1);

/// What one roster's witnesses say of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// t of them hold it, and not so many are silent or beyond it that it could be behind.
    Confirmed,
    /// Too few have answered.
    Waiting,
    /// t of them have shown their own cosignature of more or of something else; one of them.
    Behind(String, FeedError),
}

/// Shuts the door before the first act of a record that is not new; `confirm` opens it.
pub fn wait_for_witnesses(db: &Db, head: &StoredCheckpoint) {
    if head.size > 0 {
        db.shut(WAITING);
    }
}

/// Asks the witnesses of every feed about the head. Opens the door when all of them confirm it, shuts
/// it when any says that it is behind; until then it stays as it is.
///
/// # Errors
/// Behind whom, and how.
pub async fn confirm(
    db: &Db,
    feeds: &[Feed],
    head: &StoredCheckpoint,
) -> Result<Standing, (String, FeedError)> {
    let mut together = Standing::Confirmed;
    for feed in feeds {
        match feed.compare(head).await {
            Standing::Behind(witness, error) => {
                db.shut(BEHIND);
                return Err((witness, error));
            }
            Standing::Waiting => together = Standing::Waiting,
            Standing::Confirmed => {}
        }
    }
    if together == Standing::Confirmed {
        db.admit(WAITING);
    }
    Ok(together)
}

/// Asks again and again until the door is open; for ever once it is shut for more than waiting.
pub async fn until_confirmed(db: &Db, feeds: &[Feed]) {
    let mut shut = db.shut_for();
    while *shut.borrow() == Some(WAITING) {
        tokio::time::sleep(AGAIN).await;
        // Another instance may have gone on meanwhile.
        let head = db.query(store::latest_checkpoint).await;
        let asked = match head {
            Ok(Some(head)) => {
                confirm(db, feeds, &head).await.map_err(|(who, why)| (who, why.to_string()))
            }
            Ok(None) => Ok(Standing::Waiting),
            Err(error) => Err(("the database".to_owned(), error.to_string())),
        };
        if let Err((witness, error)) = asked {
            tracing::error!(witness, error, "the record is not confirmed");
        }
    }
    // The sender lives as long as the database.
    drop(shut.wait_for(Option::is_none).await);
}
