//! The one integration-test binary: each module answers one question about the whole.

mod configuration;
mod identifiers;
mod languages;
mod record_tree;
