//! A bid's folder: what is offered, and where the bidder's chain stands.
//!
//! ```text
//! bid.toml          the unit, the offer and the names of the files, written by people
//! chain.json        the last statement that the platform accepted, with a receipt that held
//! credentials.json  what shows the bidder's key, for a custodian when the platform is gone
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bid::rules::ChainKind;
use crate::bid::statements::{Manifest, Offer};
use crate::crypto::entropy::Entropy;
use crate::crypto::hash::Hash;
use crate::crypto::seal::payload::Attachment;
use crate::crypto::statement::Statement;
use crate::error::Said;
use crate::ids::{BidId, UnitId};

use super::seal::Place;
use super::send::Standing;
use crate::cli::failed::Failed;
use crate::cli::output::{Access, replace, write_new};
use crate::cli::read_text;

/// What shows the bidder's key to a custodian.
pub(super) const CREDENTIALS: &str = "credentials.json";

/// `bid.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// For which unit.
    pub unit: UnitId,
    /// One id for all versions of this bid.
    pub bid: BidId,
    /// Files to be sealed, relative to the folder.
    pub files: Vec<PathBuf>,
    /// What is read out.
    pub offer: Offer,
}

impl Plan {
    /// The plan in the text of a `bid.toml`.
    ///
    /// # Errors
    /// TOML's own.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// `chain.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// One id for all versions.
    pub bid_id: BidId,
    /// Of the last accepted statement.
    pub seq: u32,
    /// SHA-256 of its text.
    pub sha256: Hash,
    /// Whether it withdrew the bid.
    pub withdrawn: bool,
}

/// A bid's folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder with a `bid.toml` to be filled in.
    ///
    /// # Errors
    /// [`Failed::Exists`], [`Failed::File`].
    pub fn create(path: &Path, unit: UnitId, entropy: &dyn Entropy) -> Result<Self, Failed> {
        let bid = BidId::random(entropy)?;
        if path.join("bid.toml").exists() {
            return Err(Failed::Exists(path.join("bid.toml").display().to_string()));
        }
        if path.exists() && !path.is_dir() {
            return Err(Failed::Exists(path.display().to_string()));
        }
        std::fs::create_dir_all(path).map_err(|e| Failed::file(path, &e))?;
        let text = format!(
            "unit = \"{unit}\"\n# One id for all versions of this bid: leave it.\nbid = \"{bid}\"\n\
             # Names of files in this folder, such as [\"technical.pdf\", \"prices.xlsx\"].\n\
             files = []\n\n[offer]\ncurrency = \"CNY\"\n# A decimal; leave it out in a technical \
             envelope.\n# price = \"1234567.89\"\n# duration_days = 120\npromises = []\n"
        );
        write_new(&path.join("bid.toml"), text.as_bytes(), Access::Usual)?;
        Ok(Self(path.to_owned()))
    }

    /// The folder at a path; nothing is read yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder of a bid for this unit: a receipt put into another bid's would be missed there, and
    /// lead that one astray.
    ///
    /// # Errors
    /// As [`plan`](Self::plan); [`Failed::Content`] when it is another unit's.
    pub fn of(path: &Path, unit: &UnitId) -> Result<(Self, Plan), Failed> {
        let folder = Self::at(path);
        let plan = folder.plan()?;
        if plan.unit == *unit {
            Ok((folder, plan))
        } else {
            let file = path.join("bid.toml");
            Err(Failed::in_file(&file, Said::bare("cli-say-why-bid-unit")))
        }
    }

    /// What is to be sealed.
    ///
    /// # Errors
    /// [`Failed::File`], [`Failed::Content`].
    pub fn plan(&self) -> Result<Plan, Failed> {
        let path = self.0.join("bid.toml");
        let text = read_text(&path)?;
        Plan::parse(&text).map_err(|e| Failed::toml(&path, &text, &e))
    }

    /// The files of a plan, under their own names.
    ///
    /// # Errors
    /// [`Failed::File`], [`Failed::Content`].
    pub fn attachments(&self, plan: &Plan) -> Result<Vec<Attachment>, Failed> {
        let attachment = |file: &PathBuf| {
            let path = self.0.join(file);
            let name = path.file_name().and_then(|name| name.to_str());
            let name =
                name.ok_or_else(|| Failed::in_file(&path, Said::bare("cli-say-why-name")))?;
            Attachment::file(name, &path).map_err(|e| Failed::file(&path, &e))
        };
        plan.files.iter().map(attachment).collect()
    }

    /// Where the next version stands: after what the platform says, or after what this folder
    /// remembers when nobody can be asked.
    ///
    /// # Errors
    /// [`Failed::Content`] when the two are of different bids.
    pub fn next(&self, plan: &Plan, standing: Option<&Standing>) -> Result<Place, Failed> {
        let known = match standing {
            Some(standing) => Some(Chain::from(standing)),
            None => self.chain()?,
        };
        let Some(known) = known else {
            return Ok(Place { bid_id: plan.bid, seq: 1, prev_sha256: None });
        };
        if known.bid_id != plan.bid {
            return Err(Failed::content("bid.toml", Said::bare("cli-say-why-other-bid")));
        }
        let seq = known.seq.saturating_add(1);
        Ok(Place { bid_id: known.bid_id, seq, prev_sha256: Some(known.sha256) })
    }

    /// What this folder remembers of the chain.
    ///
    /// # Errors
    /// [`Failed::File`], [`Failed::Content`].
    pub fn chain(&self) -> Result<Option<Chain>, Failed> {
        let path = self.0.join("chain.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read(&path).map_err(|e| Failed::file(&path, &e))?;
        serde_json::from_slice(&text).map(Some).map_err(|e| Failed::in_file(&path, e))
    }

    /// Remembers the last accepted statement.
    ///
    /// # Errors
    /// [`Failed::File`].
    pub fn remember(&self, chain: &Chain) -> Result<(), Failed> {
        let text = serde_json::to_vec(chain).map_err(|e| Failed::content("chain.json", e))?;
        replace(&self.0.join("chain.json"), &text)
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A file of this folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Chain {
    /// Where it stands with an accepted manifest.
    #[must_use]
    pub fn of(manifest: &Statement<Manifest>) -> Self {
        let body = manifest.body();
        let sha256 = manifest.sha256();
        Self { bid_id: body.bid_id, seq: body.seq, sha256, withdrawn: false }
    }
}

impl From<&Standing> for Chain {
    fn from(standing: &Standing) -> Self {
        Self {
            bid_id: standing.bid_id,
            seq: standing.seq,
            sha256: standing.sha256,
            withdrawn: standing.kind() == ChainKind::Withdrawal,
        }
    }
}
