//! What every handler works with: one value per running server.

use std::sync::Arc;

use crate::auth::token::TokenKey;
use crate::bid::arrivals::Arrivals;
use crate::blob::Blobs;
use crate::clock::Clock;
use crate::crypto::entropy::Entropy;
use crate::crypto::note::SigningKey;
use crate::crypto::statement::Statement;
use crate::custodian::client::Custodians;
use crate::custodian::roster::Roster;
use crate::db::Db;
use crate::ids::InstanceId;
use crate::opening::Opener;
use crate::record::leaf::PadKey;
use crate::record::proof::Receipt;
use crate::record::sequencer::Sequencer;
use crate::record::store;
use crate::rulepack::Pack;
use crate::tender::Platform;

/// A running platform.
pub struct App {
    /// This instance.
    pub instance: InstanceId,
    /// The database and its one door.
    pub db: Db,
    /// Extends the record.
    pub sequencer: Arc<Sequencer>,
    /// Who vouches for whom.
    pub roster: Arc<Statement<Roster>>,
    /// Signs for the platform; never a checkpoint.
    pub platform_key: Arc<SigningKey>,
    /// Signs session tokens; never a statement.
    pub tokens: TokenKey,
    /// Sealed files and tender documents.
    pub blobs: Arc<dyn Blobs>,
    /// The wire to the custodians' agents.
    pub custodians: Arc<dyn Custodians>,
    /// The law as data.
    pub pack: Arc<Pack>,
    /// The server's one clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// The platform as tenders and bids see it.
    pub platform: Platform,
    /// Opens pads in the auditors' file.
    pub pads: PadKey,
    /// Statements under way.
    pub arrivals: Arrivals,
    /// Carries units from their deadline to their end.
    pub opener: Arc<Opener>,
}

impl App {
    /// The receipt of an entry, once a published tree holds it: the answer to an act.
    ///
    /// # Errors
    /// As [`store::receipt`].
    pub async fn receipt(&self, index: u64) -> Result<Receipt, crate::db::Error> {
        let published = self.sequencer.integrated(index).await;
        self.db.query(move |conn| store::receipt(conn, index, &published.checkpoint)).await
    }
}
