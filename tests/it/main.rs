//! The one integration-test binary: each module answers one question about the whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test that meets the unexpected must stop loudly"
)]

mod configuration;
mod identifiers;
mod languages;
mod record_formats;
mod record_tree;
mod record_trust;
