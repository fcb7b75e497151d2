//! Why a command did not do what it was asked to.
//!
//! Invariant: what the platform refused keeps the platform's own code and words; what was refused
//! here never left this machine.

use std::path::Path;
use std::time::Duration;

use super::bid::Accepted;
use super::hints;
pub use super::told::Told;
use crate::clock::Time;
use crate::config::ConfigError;
use crate::crypto::entropy::NoEntropy;
use crate::custodian::by_hand;
use crate::custodian::home::HomeError;
use crate::enterprise::uscc::UsccError;
use crate::error::{Arg, Args, Reason, Refusal, TomlFault};

/// No pause before another try is longer, whatever is asked for: a deadline may be near.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A file could not be read or written.
    #[error("{path}: {reason:?}")]
    File {
        /// Which.
        path: String,
        /// Why: a word of ours, or the system's.
        reason: Arg,
    },
    /// There is something under the name that was to be written.
    #[error("{0} exists already")]
    Exists(String),
    /// A file is not what it should be.
    #[error("{what:?} is not right: {reason:?}")]
    Content {
        /// The file, or what it is.
        what: Arg,
        /// Why.
        reason: Arg,
    },
    /// A Unified Social Credit Code that is none.
    #[error(transparent)]
    Code(#[from] UsccError),
    /// A secret file, or the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A custodian's folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// What a custodian does not sign.
    #[error(transparent)]
    ByHand(#[from] by_hand::Refused),
    /// An option without which the command cannot go on.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// `--server` is no address.
    #[error("{0} is no address of a platform")]
    Server(String),
    /// `--trust` is neither a pin nor a file with one.
    #[error("{0} is no pin")]
    Pin(String),
    /// The roster is not the pinned one.
    #[error("the roster is not the one that was pinned")]
    NotPinned,
    /// The unit is not signed as it must be, or not for this roster.
    #[error("the unit must not be sealed for: {0:?}")]
    Unit(Arg),
    /// What the platform asks to be signed is not what its signer means.
    #[error("nothing was signed: {0:?}")]
    Unsigned(Arg),
    /// The unit takes no order, or not this one.
    #[error("no order was signed: {0:?}")]
    NoOrder(Arg),
    /// The unit's deadline has passed.
    #[error("its deadline {0} has passed")]
    Passed(Time),
    /// The signature of the key given would not count.
    #[error("nothing was signed: {own} does not count here, but {wanted}")]
    OtherKey {
        /// The key given.
        own: String,
        /// The keys whose signatures count.
        wanted: String,
    },
    /// Nothing was sealed.
    #[error("nothing was sealed: {0:?}")]
    Sealing(Arg),
    /// A sealed bid is damaged, or another's.
    #[error("the bid does not hold: {0:?}")]
    Bid(Arg),
    /// A sealed bid that another key signed.
    #[error("the bid is signed by another key")]
    NotYours,
    /// The passphrase is wrong, or the two entries differ.
    #[error("the passphrase: {0:?}")]
    Passphrase(Arg),
    /// The platform holds a live bid: this would replace it.
    #[error("there is a live bid already")]
    LiveBid,
    /// The platform holds no live bid.
    #[error("there is no live bid")]
    NoLiveBid,
    /// There is no file with what shows the bidder's key, and no platform that tells it.
    #[error("{0} is not there, and no platform tells what it should hold")]
    NoCredentials(String),
    /// The bid was accepted once, and another version of it counts now.
    #[error("it was replaced since it was accepted as entry {}", .0.index)]
    ReplacedSince(Box<Accepted>),
    /// The bid was accepted once, and its bidder withdrew it.
    #[error("it was withdrawn since it was accepted as entry {}", .0.index)]
    WithdrawnSince(Box<Accepted>),
    /// Nobody answers.
    #[error("{server} does not answer: {reason}")]
    Unreachable {
        /// Who was asked.
        server: String,
        /// Why.
        reason: String,
    },
    /// Asked and refused.
    #[error("refused with {}: {}", .0.status, .0.code)]
    Refused(Box<Told>),
    /// The answer is not what the API promises.
    #[error("the answer is not understood: {0:?}")]
    Answer(Arg),
    /// An exported record is not what its checkpoint says.
    #[error("the export does not hold: {0:?}")]
    Export(Arg),
    /// The receipt does not show what the platform says.
    #[error("the receipt does not hold: {0:?}")]
    Receipt(Arg),
    /// The platform asks to be logged in to under a name that the key is not for.
    #[error("the key is not for the platform {0}")]
    OtherPlatform(String),
    /// The machine gave no random bytes, no thread, no socket.
    #[error("the machine refused: {0}")]
    Machine(String),
}

impl Failed {
    /// A file that the system refused.
    #[must_use]
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        let reason = error.arg();
        Self::File { path: path.display().to_string(), reason }
    }

    /// Something that is not what it should be.
    pub fn content(what: impl Into<Arg>, reason: impl Reason) -> Self {
        Self::Content { what: what.into(), reason: reason.into() }
    }

    /// A file that is not what it should be.
    pub fn in_file(path: &Path, reason: impl Reason) -> Self {
        Self::content(path.display().to_string(), reason)
    }

    /// A TOML file with something that has no place in it.
    #[must_use]
    pub fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        Self::in_file(path, TomlFault::new(text, error))
    }

    /// What the platform asks to be signed is not what its signer means.
    pub fn unsigned(reason: impl Reason) -> Self {
        Self::Unsigned(reason.into())
    }

    /// The answer is not what the API promises.
    pub fn answer(reason: impl Reason) -> Self {
        Self::Answer(reason.into())
    }

    /// The receipt does not show what the platform says.
    pub fn receipt(reason: impl Reason) -> Self {
        Self::Receipt(reason.into())
    }

    /// How long the platform asks to wait before the next try.
    pub(super) fn asked_pause(&self) -> Duration {
        let seconds = self.told().and_then(|told| told.retry_after).unwrap_or_default();
        Duration::from_secs(seconds.into()).min(LONGEST_PAUSE)
    }

    /// The platform's own code, when it was the platform that refused.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        match self {
            Self::Refused(told) => Some(told),
            _ => None,
        }
    }
}

impl From<NoEntropy> for Failed {
    fn from(error: NoEntropy) -> Self {
        Self::Machine(error.to_string())
    }
}

impl Refusal for Failed {
    fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "cli-file",
            Self::Exists(_) => "cli-exists",
            Self::Content { .. } => "cli-content",
            Self::Code(error) => error.code(),
            Self::Config(error) => error.code(),
            Self::Home(_) => "cli-home",
            Self::ByHand(refused) => refused.code(),
            Self::Missing(_) => "cli-missing",
            Self::Server(_) => "cli-server",
            Self::Pin(_) => "cli-pin",
            Self::NotPinned => "cli-not-pinned",
            Self::Unit(_) => "cli-unit",
            Self::Unsigned(_) => "cli-unsigned",
            Self::NoOrder(_) => "cli-no-order",
            Self::Passed(_) => "cli-passed",
            Self::OtherKey { .. } => "cli-other-key",
            Self::Sealing(_) => "cli-sealing",
            Self::Bid(_) => "cli-bid",
            Self::NotYours => "cli-not-yours",
            Self::Passphrase(_) => "cli-passphrase",
            Self::LiveBid => "cli-live-bid",
            Self::NoLiveBid => "cli-no-live-bid",
            Self::NoCredentials(_) => "cli-no-credentials",
            Self::ReplacedSince(_) => "cli-replaced-since",
            Self::WithdrawnSince(_) => "cli-withdrawn-since",
            Self::Unreachable { .. } => "cli-unreachable",
            Self::Refused(_) => "cli-refused",
            Self::Answer(_) => "cli-answer",
            Self::Export(_) => "cli-export",
            Self::Receipt(_) => "cli-receipt",
            Self::OtherPlatform(_) => "cli-other-platform",
            Self::Machine(_) => "cli-machine",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Unreachable { .. } | Self::Home(HomeError::InUse(_)) => 503,
            Self::Refused(told) => told.status,
            Self::ByHand(refused) => refused.status(),
            Self::Machine(_) => 500,
            _ => 422,
        }
    }

    fn exit(&self) -> Option<u8> {
        matches!(self, Self::Missing(_) | Self::Server(_) | Self::Pin(_)).then_some(2)
    }

    fn args(&self) -> Args {
        match self {
            Self::File { path, reason } => {
                vec![("path", Arg::Text(path.clone())), ("reason", reason.clone())]
            }
            Self::Exists(path) | Self::NoCredentials(path) => text(&[("path", path)]),
            Self::Content { what, reason } => {
                vec![("what", what.clone()), ("reason", reason.clone())]
            }
            Self::Code(error) => error.args(),
            Self::Config(error) => error.args(),
            Self::Home(error) => {
                vec![("reason", error.arg()), ("next", Arg::Word(hints::of_home(error)))]
            }
            Self::ByHand(refused) => refused.args(),
            Self::Missing(option) => vec![("option", (*option).into())],
            Self::ReplacedSince(accepted) | Self::WithdrawnSince(accepted) => {
                text(&[("index", &accepted.index.to_string())])
            }
            Self::Server(given) | Self::Pin(given) => text(&[("given", given)]),
            Self::Unreachable { server, reason } => text(&[("server", server), ("reason", reason)]),
            Self::OtherKey { own, wanted } => text(&[("own", own), ("wanted", wanted)]),
            Self::OtherPlatform(origin) => text(&[("origin", origin)]),
            Self::Refused(told) => told.args(),
            Self::Passphrase(reason)
            | Self::Unit(reason)
            | Self::Unsigned(reason)
            | Self::NoOrder(reason)
            | Self::Sealing(reason)
            | Self::Bid(reason)
            | Self::Answer(reason)
            | Self::Export(reason)
            | Self::Receipt(reason) => vec![("reason", reason.clone())],
            Self::Passed(deadline) => vec![("deadline", (*deadline).into())],
            Self::Machine(reason) => text(&[("reason", reason)]),
            Self::NotPinned | Self::NotYours | Self::LiveBid | Self::NoLiveBid => Args::new(),
        }
    }
}

fn text(pairs: &[(&'static str, &String)]) -> Args {
    pairs.iter().map(|(name, value)| (*name, Arg::Text((*value).clone()))).collect()
}
