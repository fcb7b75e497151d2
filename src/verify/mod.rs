//! The off-line verifier: formats and rules, no database, no network, no clock.

pub mod casefile;
