//! What every use-case of the platform stands on: the database, the record, the sealed files, the
//! platform's own key and the roster in force.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::bid::upload::Quota;
use crate::blob::Blobs;
use crate::clock::Time;
use crate::crypto::key::{SigningKey, VerifyingKey};
use crate::crypto::statement::Statement;
use crate::custodian::chain::Rosters;
use crate::custodian::client::Custodians;
use crate::custodian::roster::Roster;
use crate::db::{self, Db};
use crate::enterprise::credential_notes;
use crate::enterprise::credentials::{Credential, credential};
use crate::ids::EnterpriseId;
use crate::record::append::Recorded;
use crate::record::cosigned::{self, Which};
use crate::record::hours::Hours;
use crate::record::proof::Receipt;
use crate::record::sequencer::Sequencer;
use crate::record::store as record;

use super::answers::Answers;
use super::rules::Law;
use super::statements::Unit;
use super::store;

/// The platform as its use-cases see it. Clones share everything.
#[derive(Clone)]
pub struct Platform {
    /// The database; all writes go through its door.
    pub db: Db,
    /// Puts what was committed into the published tree.
    pub sequencer: Arc<Sequencer>,
    /// Sealed files and tender documents.
    pub blobs: Arc<dyn Blobs>,
    /// Signs for the platform, and never checkpoints.
    pub key: Arc<SigningKey>,
    /// The rosters: new units stand on the newest, each earlier one on its own for ever.
    pub rosters: Arc<Rosters>,
    /// The rule pack that judges timelines.
    pub law: Arc<dyn Law>,
    /// The largest upload in bytes.
    pub max_upload: u64,
    /// What one enterprise may have on the way at once.
    pub quota: Quota,
    /// Credentials folded before.
    pub credentials: Arc<Credentials>,
    /// How far the one clock may be trusted.
    pub hours: Arc<Hours>,
    /// What custodians last answered to what is asked of them.
    pub answers: Arc<Answers>,
}

impl Platform {
    /// The current instant, for decisions outside of a write.
    #[must_use]
    pub fn now(&self) -> Time {
        self.db.clock().now()
    }

    /// The roster that new units stand on.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        self.rosters.newest().body()
    }

    /// The roster that a unit stands on.
    ///
    /// # Errors
    /// `Corrupt` when the record holds none of that hash.
    pub fn roster_of(&self, unit: &Unit) -> Result<&Roster, db::Error> {
        let found = self.rosters.chain().of(&unit.roster_sha256).map(Statement::body);
        found.ok_or_else(no_roster)
    }

    /// The way to the custodians that a unit stands on.
    ///
    /// # Errors
    /// `Corrupt` when the record holds no such roster.
    pub fn wire_of(&self, unit: &Unit) -> Result<&dyn Custodians, db::Error> {
        let found = self.rosters.wire(&unit.roster_sha256).map(|wire| &**wire);
        found.ok_or_else(no_roster)
    }

    /// The credential of a body, if it has one.
    ///
    /// # Errors
    /// `Corrupt` when its statements do not add up, `Backend`.
    pub async fn credential(&self, body: EnterpriseId) -> Result<Option<Held>, db::Error> {
        let this = self.clone();
        self.db
            .query(move |conn| this.credentials.of(conn, this.rosters.chain().first(), body))
            .await
    }

    /// The key that speaks for a body now, if one does.
    ///
    /// # Errors
    /// Those of [`credential`](Self::credential).
    pub async fn key_of(&self, body: EnterpriseId) -> Result<Option<VerifyingKey>, db::Error> {
        Ok(self.credential(body).await?.and_then(|held| held.credential.key))
    }

    /// The receipt of an act that was just recorded, with its event, once the tree holds it: from
    /// memory when this instance integrated it. Cosignatures come later: it is provisional.
    ///
    /// # Errors
    /// Those of [`receipt`](Self::receipt).
    pub async fn prompt(&self, recorded: &Recorded, event: Vec<u8>) -> Result<Receipt, db::Error> {
        let published = self.sequencer.integrated(recorded.index).await?;
        let Some(hashes) = published.proof(recorded.index) else {
            return self.receipt(recorded.index).await;
        };
        Ok(Receipt {
            salt: recorded.salt,
            event,
            index: recorded.index,
            hashes: hashes.to_vec(),
            checkpoint: published.checkpoint.note.clone(),
        })
    }

    /// Waits until the entry at `index` is in the published tree, and proves it: under the newest
    /// checkpoint that q of the custodians have cosigned, or, while none holds it, under the last. Who
    /// may see it is the caller's rule.
    ///
    /// # Errors
    /// `NotFound` for pads, `Shut`, `Corrupt`, `Backend`.
    pub async fn receipt(&self, index: u64) -> Result<Receipt, db::Error> {
        let published = self.sequencer.integrated(index).await?;
        let (witnesses, q) = (self.roster().witness_names(), self.roster().q());
        self.db
            .query(move |conn| {
                let ever = Time::from_millis(0);
                match cosigned::by(conn, &witnesses, q, index, ever, Which::Last)? {
                    Some(found) => {
                        let head = record::checkpoint_at(conn, found.size)?;
                        record::receipt(conn, index, &head)
                    }
                    None => record::receipt(conn, index, &published.checkpoint),
                }
            })
            .await
    }

    /// The receipt of an entry under the first checkpoint that shows it was there before a deadline, if
    /// one does: custodians sign nothing that was asked after it.
    ///
    /// # Errors
    /// The database's.
    pub async fn receipt_from_before(
        &self,
        index: u64,
        deadline: Time,
        roster: &Roster,
    ) -> Result<Receipt, db::Error> {
        self.sequencer.integrated(index).await?;
        let (names, few) = (roster.witness_names(), (roster.q(), usize::from(roster.t)));
        let shown = self.db.query(move |conn| {
            match cosigned::from_before(conn, &names, few, index, deadline)? {
                Some(size) => {
                    let head = record::checkpoint_at(conn, size)?;
                    record::receipt(conn, index, &head).map(Some)
                }
                None => Ok(None),
            }
        });
        match shown.await? {
            Some(receipt) => Ok(receipt),
            None => self.receipt(index).await,
        }
    }
}

fn no_roster() -> db::Error {
    db::Error::Corrupt("a unit's roster".to_owned())
}

/// A credential and how many statements it was folded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who speaks with which key.
    pub credential: Credential,
    /// Statements so far: an act in the door compares, so that a key revoked meanwhile binds nobody.
    pub statements: i64,
}

/// Credentials by body. Statements are only ever added, so their number tells whether a fold still
/// holds, and the operator's signature is not checked again for every bid.
#[derive(Debug, Default)]
pub struct Credentials(Mutex<HashMap<EnterpriseId, Held>>);

impl Credentials {
    /// What was last folded for a body. It may be out of date: who decides by it compares the number
    /// of statements at the door.
    #[must_use]
    pub fn remembered(&self, body: EnterpriseId) -> Option<Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&body).cloned()
    }

    /// The credential of a body, if it has one.
    ///
    /// # Errors
    /// `Corrupt` when its statements do not add up, `Backend`.
    pub fn of(
        &self,
        conn: &mut db::Conn,
        first: &Statement<Roster>,
        body: EnterpriseId,
    ) -> Result<Option<Held>, db::Error> {
        let statements = store::credential_count(conn, body)?;
        if statements == 0 {
            return Ok(None);
        }
        if let Some(held) = self.remembered(body).filter(|held| held.statements == statements) {
            return Ok(Some(held));
        }
        let notes = credential_notes(conn, body)?;
        let credential = credential(first, &notes)
            .map_err(|e| db::Error::Corrupt(format!("the credential of {body}: {e}")))?;
        let held = Held { credential, statements };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(body, held.clone());
        Ok(Some(held))
    }
}
