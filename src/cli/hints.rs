//! What to do next on a command line, where the platform's own hint speaks to programs.
//!
//! Invariant: the platform answers programs, so its hints name routes, headers and sessions; whoever
//! runs a command has options and files instead. A code that is not here has a hint that is good for
//! both, and a test sees to it that none of those names a route or a header.

use crate::config::ConfigError;
use crate::custodian::home::HomeError;

/// The sentence that takes the place of the platform's hint for this code.
#[must_use]
pub(super) fn instead(code: &str) -> Option<&'static str> {
    Some(match code {
        "auth-login-needed" => "cli-say-hint-key",
        "auth-forbidden" => "cli-say-hint-other-key",
        "auth-revoked" | "auth-signature" => "cli-say-hint-key-now",
        "auth-origin" => "cli-say-hint-server",
        "auth-clock" => "cli-say-hint-clock",
        "auth-not-found" | "bid-not-found" | "db-not-found" | "tender-not-found"
        | "web-not-found" => "cli-say-hint-not-found",
        "auth-token"
        | "auth-expired"
        | "auth-challenge"
        | "bid-upload-busy"
        | "bid-upload-checksum"
        | "bid-upload-incomplete"
        | "bid-upload-offset"
        | "web-idempotency-running"
        | "web-too-many" => "cli-say-hint-again",
        "bid-envelope" | "bid-envelope-lost" => "cli-say-hint-send-again",
        "bid-seq-taken" | "bid-seq-not-next" | "bid-wrong-prev" => "cli-say-hint-seal-on",
        "tender-stale" | "tender-unit" => "cli-say-hint-publish",
        "bid-upload-media"
        | "bid-upload-too-long"
        | "bid-upload-version"
        | "web-body-json"
        | "web-idempotency-key"
        | "web-idempotency-reused"
        | "web-method"
        | "web-query" => "cli-say-hint-version",
        "web-body-size" | "web-fields" => "cli-say-hint-texts",
        "web-misaddressed" => "cli-say-hint-unit",
        _ => return None,
    })
}

/// What to do about a custodian's folder that cannot be used.
#[must_use]
pub(super) fn of_home(error: &HomeError) -> &'static str {
    match error {
        HomeError::Io { .. } | HomeError::Seed(ConfigError::Unreadable { .. }) => {
            "cli-say-next-home-place"
        }
        HomeError::Seed(_) => "cli-say-next-home-seed",
        HomeError::Content { .. } => "cli-say-next-home-altered",
        HomeError::LostState => "cli-say-next-home-lost",
        HomeError::Exists(_) => "cli-say-next-home-exists",
        HomeError::NotEnrolled => "cli-say-next-home-other",
        HomeError::InUse(_) => "cli-say-next-home-in-use",
        HomeError::Whole(_) => "cli-say-next-home-whole",
    }
}
