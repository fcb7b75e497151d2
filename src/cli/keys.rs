//! Key files: who a key is for stands beside its seed, and the two are compared on every use.
//!
//! ```text
//! # sealbid key: <name>+<id>+<base64>
//! <64 hexadecimal digits>
//! ```
//! Invariant: a key file is readable by its owner only and never replaced. The platform's
//! configuration reads the same files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::config::{Origin, read_secret, read_seed};
use crate::crypto::entropy::Entropy;
use crate::crypto::key::{KeyKind, SigningKey, VerifyingKey};
use crate::enterprise::credentials::key_name;
use crate::enterprise::statements::Kind;
use crate::error::{Arg, Said};
use crate::ids::EnterpriseId;

use super::Context;
use super::failed::Failed;
use super::output::{Access, Report, write_new};

/// How the public half is marked.
const MARK: &str = "# sealbid key: ";

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// A bidder
    Enterprise,
    /// A procuring entity, or who acts for one
    Organisation,
    /// Somebody who verifies enterprises
    Operator,
    /// The supervising authority
    Regulator,
    /// The platform's statements
    Platform,
    /// The record's checkpoints, and nothing else
    Log,
    /// A secret that signs nothing outside the platform: session tokens, pad leaves
    Secret,
}

/// `sealbid key …`
#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Make a new signing key
    New(NewKey),
    /// Print a key file's public half
    Show {
        /// The key file
        file: PathBuf,
    },
}

/// `sealbid key new`
#[derive(Debug, clap::Args)]
pub struct NewKey {
    /// The record's origin, as in the platform's roster
    #[arg(long)]
    origin: String,
    /// What the key is for
    #[arg(long, value_enum)]
    role: Role,
    /// Its holder: an enterprise's id (made if absent), an operator's name, "1"
    #[arg(long)]
    id: Option<String>,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl KeyCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        let key = match self {
            Self::New(new) => {
                let name = new.name(&*context.entropy)?;
                create(&new.out, &name, &*context.entropy)?
            }
            Self::Show { file } => load(file)?.verifying().clone(),
        };
        Ok(Report::plain(key.to_string()))
    }
}

impl NewKey {
    fn name(&self, entropy: &dyn Entropy) -> Result<String, Failed> {
        let origin = Origin::parse(&self.origin)?;
        let origin = origin.as_str();
        let id = |usual: &str| self.id.clone().unwrap_or_else(|| usual.to_owned());
        let body = |kind| {
            let id = match &self.id {
                Some(id) => id.parse().map_err(|e| Failed::content("--id", e))?,
                None => EnterpriseId::random(entropy)?,
            };
            Ok::<_, Failed>(key_name(origin, kind, id))
        };
        Ok(match self.role {
            Role::Enterprise => body(Kind::Enterprise)?,
            Role::Organisation => body(Kind::Organisation)?,
            Role::Operator => format!("{origin}/operator/{}", id("1")),
            Role::Regulator => format!("{origin}/regulator/{}", id("1")),
            Role::Platform => format!("{origin}/platform/{}", id("1")),
            Role::Log => origin.to_owned(),
            Role::Secret => format!("{origin}/secret/{}", id("1")),
        })
    }
}

/// Makes a key of this name in a new file; gives its public half.
///
/// # Errors
/// [`Failed::Exists`], [`Failed::File`], or a name that no key may have.
pub fn create(path: &Path, name: &str, entropy: &dyn Entropy) -> Result<VerifyingKey, Failed> {
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(seed.as_mut())?;
    let key = SigningKey::from_seed(name, KeyKind::Statement, &seed)
        .map_err(|e| Failed::content(name, e))?;
    let digits = Zeroizing::new(hex::encode(seed.as_slice()));
    let text = Zeroizing::new(format!("{MARK}{}\n{}\n", key.verifying(), *digits));
    write_new(path, text.as_bytes(), Access::Private)?;
    Ok(key.verifying().clone())
}

/// Demands that a key is one of those whose signatures count.
///
/// # Errors
/// [`Failed::OtherKey`], which names them.
pub(super) fn require_one_of(own: &VerifyingKey, wanted: &[VerifyingKey]) -> Result<(), Failed> {
    if wanted.contains(own) {
        return Ok(());
    }
    let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    Err(Failed::OtherKey { own: own.to_string(), wanted: wanted.join(", ") })
}

/// Reads a key file.
///
/// # Errors
/// [`Failed::Config`] when others can read it, [`Failed::Content`] when its halves do not belong
/// together.
pub fn load(path: &Path) -> Result<Arc<SigningKey>, Failed> {
    let wrong = |reason: Said| Failed::in_file(path, reason);
    let text = read_secret(path)?;
    let public = text.lines().find_map(|line| line.strip_prefix(MARK));
    let public = public.ok_or_else(|| wrong(Said::bare("cli-say-why-nameless")))?;
    let public: VerifyingKey =
        public.trim().parse().map_err(|e| Failed::content(Arg::Word("cli-say-what-key"), e))?;
    let seed = read_seed(path)?;
    let key = SigningKey::from_seed(public.name(), public.kind(), &seed)
        .map_err(|e| Failed::in_file(path, e))?;
    if *key.verifying() != public {
        return Err(wrong(Said::bare("cli-say-why-halves")));
    }
    Ok(Arc::new(key))
}
