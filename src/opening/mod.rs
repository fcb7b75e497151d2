//! From the deadline to the opening: close, challenge, release, read-out, opening record.

pub mod decrypt;
pub mod rules;
pub mod statements;
