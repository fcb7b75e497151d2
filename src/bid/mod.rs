//! Bids: sealed envelopes, their manifests, and which of them are accepted.

pub mod envelope;
pub mod rules;
pub mod statements;
