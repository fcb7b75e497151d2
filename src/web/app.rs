//! What every handler works with: one value per running server.

use std::sync::Arc;
use std::time::Duration;

use super::idempotency::Running;
use super::limit::Limiter;
use crate::auth::standing::Standing;
use crate::auth::token::TokenKey;
use crate::bid::arrivals::Arrivals;
use crate::clock::Time;
use crate::crypto::entropy::Entropy;
use crate::custodian::chain::Rosters;
use crate::custodian::roster::Roster;
use crate::db::Db;
use crate::opening::Opener;
use crate::record::leaf::PadKey;
use crate::rulepack::Pack;
use crate::tender::Platform;

/// A running platform.
pub struct App {
    /// What the use-cases stand on: database, record, sealed files, the platform's key.
    pub platform: Platform,
    /// Signs session tokens; never a statement.
    pub tokens: TokenKey,
    /// Whether a token's session still stands.
    pub sessions: Arc<Standing>,
    /// How often anybody may knock.
    pub limiter: Limiter,
    /// The law as data.
    pub pack: Arc<Pack>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Opens pads in the auditors' file.
    pub pads: PadKey,
    /// Statements under way.
    pub arrivals: Arrivals,
    /// Acts under way under a key.
    pub running: Running,
    /// How long the sender of a file may be silent within it.
    pub silence: Duration,
    /// Carries units from their deadline to their end.
    pub opener: Arc<Opener>,
}

impl App {
    /// The database and its one door.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.platform.db
    }

    /// Who vouches for whom, as it was signed.
    #[must_use]
    pub fn rosters(&self) -> &Rosters {
        &self.platform.rosters
    }

    /// The roster in force.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        self.platform.roster()
    }

    /// The current instant, by the one clock that judges deadlines.
    #[must_use]
    pub fn now(&self) -> Time {
        self.platform.now()
    }
}
