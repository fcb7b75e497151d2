//! The regulator's roster: written as TOML, drafted, signed, pinned.
//!
//! Invariant: what is signed is what the draft says, byte for byte; nothing is signed that a
//! verifier would refuse.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::Origin;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::chain::Chain;
use crate::custodian::roster::{Member, Roster, follows};
use crate::error::{Arg, Reason};

use super::failed::Failed;
use super::keys::require_one_of;
use super::output::{Access, Report, write_new};
use super::{Context, args, read_file, read_text};

/// `sealbid roster …`
#[derive(Debug, clap::Subcommand)]
pub enum RosterCommand {
    /// Turn a TOML file (origin, t, the keys, the custodians) into a draft to be signed
    Draft {
        /// The TOML file: origin, t, log_key, platform_key, regulator_key, operator_keys,
        /// `[[custodians]]` as `sealbid custodian member` prints them
        file: PathBuf,
        /// The roster in force, which this one follows, or the chain that ends with it
        #[arg(long, value_name = "FILE")]
        after: Option<PathBuf>,
        /// The draft to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a draft, or add a signature to a signed one
    Sign {
        /// The draft or the signed roster
        file: PathBuf,
        /// The signed roster to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put rosters one after another, version 1 first, if each follows the one before: what a platform
    /// serves under, and what new custodians enrol with
    Chain {
        /// The signed rosters, or chains of them, in their order
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The chain to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the SHA-256 by which others pin a roster: the newest of a chain
    Pin {
        /// The signed roster
        file: PathBuf,
    },
}

/// A roster as the regulator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    origin: String,
    t: u8,
    log_key: VerifyingKey,
    platform_key: VerifyingKey,
    regulator_key: VerifyingKey,
    operator_keys: Vec<VerifyingKey>,
    #[serde(default)]
    sealer_sha256: Option<Hash>,
    custodians: Vec<Member>,
}

impl RosterCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        match self {
            Self::Draft { file, after, out } => {
                let text = read_text(file)?;
                let source: Source =
                    toml::from_str(&text).map_err(|e| Failed::toml(file, &text, &e))?;
                let after =
                    after.as_ref().map(|path| Chain::parse(&read_file(path)?).map_err(wrong));
                let after = after.transpose()?;
                let roster = source.roster(after.as_ref().map(Chain::newest), context)?;
                let draft = Statement::new(roster).map_err(wrong)?;
                write_new(out, draft.note().text().as_bytes(), Access::Usual)?;
                Ok(Report::plain(draft.sha256().to_string()))
            }
            Self::Sign { file, out } => {
                let mut roster = parse(&read_file(file)?)?;
                roster.body().check().map_err(wrong)?;
                let key = context.key()?;
                require_regulator(key.verifying(), roster.body())?;
                roster.sign(&key);
                write_new(out, roster.encode().as_bytes(), Access::Usual)?;
                let values = args([("pin", roster.sha256().to_string())]);
                Ok(Report::said("cli-say-roster-signed", values))
            }
            Self::Chain { files, out } => {
                let mut notes = Vec::new();
                for file in files {
                    notes.extend(read_file(file)?);
                }
                let chain = Chain::parse(&notes).map_err(wrong)?;
                write_new(out, chain.encode().as_bytes(), Access::Usual)?;
                Ok(Report::plain(chain.newest().sha256().to_string()))
            }
            Self::Pin { file } => Ok(Report::plain(pin(&read_file(file)?)?.to_string())),
        }
    }
}

/// The hash of a chain's newest roster, or of one that stands alone and whose regulator signed it.
fn pin(bytes: &[u8]) -> Result<Hash, Failed> {
    if let Ok(chain) = Chain::parse(bytes)
        && chain.first() != chain.newest()
    {
        return Ok(chain.newest().sha256());
    }
    let roster = parse(bytes)?;
    roster.body().check().map_err(wrong)?;
    roster.note().require(&roster.body().regulator_key).map_err(wrong)?;
    Ok(roster.sha256())
}

impl Source {
    fn roster(
        self,
        after: Option<&Statement<Roster>>,
        context: &Context,
    ) -> Result<Roster, Failed> {
        let origin = Origin::parse(&self.origin)?.as_str().to_owned();
        let version = after.map_or(0, |before| before.body().version).saturating_add(1);
        let roster = Roster {
            custodians: self.custodians,
            issued_at: context.clock.now(),
            log_key: self.log_key,
            operator_keys: self.operator_keys,
            origin,
            platform_key: self.platform_key,
            prev_sha256: after.map(Statement::sha256),
            regulator_key: self.regulator_key,
            sealer_sha256: self.sealer_sha256,
            t: self.t,
            version,
        };
        roster.check().map_err(wrong)?;
        if let Some(before) = after {
            let draft = Statement::new(roster.clone()).map_err(wrong)?;
            follows(before, &draft).map_err(wrong)?;
        }
        Ok(roster)
    }
}

/// Only a regulator's signature counts beside the custodians', which they give by their agents: that of
/// the key in the roster or, of a later version, of the regulator before, whom the draft does not name.
fn require_regulator(own: &VerifyingKey, roster: &Roster) -> Result<(), Failed> {
    let place = own.name().strip_prefix(&roster.origin).and_then(|rest| rest.strip_prefix('/'));
    let is_regulator = place.and_then(|rest| rest.split('/').next()) == Some("regulator");
    if roster.version > 1 && is_regulator {
        return Ok(());
    }
    require_one_of(own, std::slice::from_ref(&roster.regulator_key))
}

/// A signed roster, or a draft without signatures.
fn parse(bytes: &[u8]) -> Result<Statement<Roster>, Failed> {
    if let Ok(signed) = Statement::parse(bytes) {
        return Ok(signed);
    }
    let text = String::from_utf8(bytes.to_vec()).map_err(wrong)?;
    Statement::from_note(Note::new(text).map_err(wrong)?).map_err(wrong)
}

fn wrong(reason: impl Reason) -> Failed {
    Failed::content(Arg::Word("cli-say-what-roster"), reason)
}
