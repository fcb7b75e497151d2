//! Why a custodian's folder cannot be used.

use std::io;
use std::path::PathBuf;

use crate::error::Arg;

/// Why a folder is not an agent's.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The disk refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The seed's file is missing, readable by others, or no seed.
    #[error(transparent)]
    Seed(#[from] crate::config::ConfigError),
    /// A file's content is not what this program wrote.
    #[error("{path}: {reason:?}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: Arg,
    },
    /// There is a roster but no memory: it must be started with --recover, once.
    #[error("this agent has a roster but no memory of what it signed")]
    LostState,
    /// Another process serves from it.
    #[error("another process works on {0}")]
    InUse(PathBuf),
    /// It was to be started as lost, and its memory is whole.
    #[error("the memory in {0} is whole")]
    Whole(PathBuf),
    /// The folder exists already.
    #[error("{0} exists already; it is not touched")]
    Exists(PathBuf),
    /// The roster does not name this seed's keys.
    #[error("the roster does not name the keys of this seed")]
    NotEnrolled,
}
