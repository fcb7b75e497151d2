//! The log of a process that serves: one JSON object a line, on standard output.

use tracing_subscriber::EnvFilter;

/// Begins the log, as `SEALBID_LOG` says, else from `info` on. It is set already when commands are
/// called as functions: then the caller's log is used.
pub fn begin() {
    let filter = EnvFilter::try_from_env("SEALBID_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    drop(tracing_subscriber::fmt().json().with_env_filter(filter).try_init());
}
