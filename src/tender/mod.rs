//! Tenders, lots and opening units.

pub mod statements;
