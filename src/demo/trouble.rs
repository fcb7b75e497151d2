//! Why the demo stopped: what, in the reader's language, what to do next, and where the logs are.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::failed::Failed;
use crate::crypto::entropy::NoEntropy;
use crate::error::{Arg, Args, Refusal, Said};
use crate::web::i18n::{self, Lang};

/// Something in the demo went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The port that was asked for is somebody else's.
    #[error("port {0} is taken")]
    PortTaken(u16),
    /// The folder holds something already.
    #[error("{0} is not empty")]
    NotEmpty(String),
    /// The folder cannot be made or written to.
    #[error("{path}: {reason}")]
    NotWritable {
        /// Which.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// Less space than the demo fills.
    #[error("{path} has {free} MiB of {needed} MiB free")]
    NoSpace {
        /// Where.
        path: String,
        /// What is free, in MiB.
        free: u64,
        /// What the demo needs, in MiB.
        needed: u64,
    },
    /// What a bidder's client, or the platform, said.
    #[error(transparent)]
    Client(#[from] Failed),
    /// A process of the demo ended or never answered.
    #[error("{0} ended or does not answer")]
    Process(String),
    /// What was waited for did not come.
    #[error("what was waited for did not come")]
    Stuck,
    /// The bids were not all in before the deadline.
    #[error("the bids were not in before the deadline")]
    Slow,
    /// Something became of a bid that the story does not tell.
    #[error("{who}: {found}")]
    Unexpected {
        /// Whose, or what.
        who: String,
        /// What was found.
        found: String,
    },
    /// The verifier said no.
    #[error("{file} does not verify: exit code {exit}: {claims}")]
    NotVerified {
        /// Which case file.
        file: String,
        /// The verifier's exit code.
        exit: String,
        /// The claims that failed.
        claims: String,
    },
    /// Anything else, in the words of whoever says it.
    #[error("{0}")]
    Other(String),
}

/// Wraps an error that has words of its own.
pub fn other(error: impl std::fmt::Display) -> Trouble {
    Trouble::Other(error.to_string())
}

/// Wraps what the system said of a file.
pub fn at(path: &Path) -> impl Fn(io::Error) -> Trouble {
    move |error| Trouble::Client(Failed::file(path, &error))
}

impl From<NoEntropy> for Trouble {
    fn from(error: NoEntropy) -> Self {
        other(error)
    }
}

impl Trouble {
    /// The sentence and its hint.
    fn words(&self, lang: Lang) -> (String, String) {
        let (key, args) = match self {
            Self::Client(failed) => (failed.code(), failed.args()),
            own => (own.key(), own.values()),
        };
        let said = i18n::say(lang, &Said::new(key, args.clone()));
        (said, i18n::hint(lang, key, &args).unwrap_or_default())
    }

    const fn key(&self) -> &'static str {
        match self {
            Self::PortTaken(_) => "demo-port-taken",
            Self::NotEmpty(_) => "demo-not-empty",
            Self::NotWritable { .. } => "demo-not-writable",
            Self::NoSpace { .. } => "demo-no-space",
            Self::Process(_) => "demo-process",
            Self::Stuck => "demo-stuck",
            Self::Slow => "demo-slow",
            Self::Unexpected { .. } => "demo-unexpected",
            Self::NotVerified { .. } => "demo-not-verified",
            Self::Client(_) | Self::Other(_) => "demo-other",
        }
    }

    fn values(&self) -> Args {
        let text = |value: &String| Arg::Text(value.clone());
        match self {
            Self::PortTaken(port) => vec![("port", Arg::Number(i64::from(*port)))],
            Self::NotEmpty(path) => vec![("path", text(path))],
            Self::NotWritable { path, reason } => {
                vec![("path", text(path)), ("reason", text(reason))]
            }
            Self::NoSpace { path, free, needed } => vec![
                ("path", text(path)),
                ("free", Arg::Text(free.to_string())),
                ("needed", Arg::Text(needed.to_string())),
            ],
            Self::Process(name) => vec![("name", text(name))],
            Self::Unexpected { who, found } => vec![("who", text(who)), ("found", text(found))],
            Self::NotVerified { file, exit, claims } => {
                vec![("file", text(file)), ("exit", text(exit)), ("claims", text(claims))]
            }
            Self::Other(reason) => vec![("reason", text(reason))],
            Self::Client(_) | Self::Stuck | Self::Slow => Args::new(),
        }
    }
}

/// The demo refuses to begin: nothing was started and nothing made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NotBegun(pub Trouble);

impl Refusal for NotBegun {
    fn code(&self) -> &'static str {
        match &self.0 {
            Trouble::Client(failed) => failed.code(),
            own => own.key(),
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn args(&self) -> Args {
        match &self.0 {
            Trouble::Client(failed) => failed.args(),
            own => own.values(),
        }
    }
}

/// The demo stopped in the middle; its folder is kept for whoever looks for the reason.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}")]
pub struct Stopped {
    /// The key of what was being done.
    pub step: &'static str,
    /// Why.
    pub trouble: Trouble,
    /// The folder with the logs.
    pub dir: PathBuf,
    /// The reader's language.
    pub lang: Lang,
}

impl Refusal for Stopped {
    fn code(&self) -> &'static str {
        "demo-stopped"
    }

    fn status(&self) -> u16 {
        500
    }

    fn args(&self) -> Args {
        let (reason, hint) = self.trouble.words(self.lang);
        vec![
            ("step", Arg::Word(self.step)),
            ("reason", reason.into()),
            ("hint", hint.into()),
            ("logs", self.dir.join("logs").display().to_string().into()),
        ]
    }
}
