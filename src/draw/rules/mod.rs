//! The rules of a draw: pure decisions that platform, contributors and verifier share.
//!
//! Who could be drawn: [`committee`], [`recusal`], [`pool`]. What a draw must be: [`statement`]. What
//! comes of it: [`seed`], [`selection`], [`strata`]; and whether it did: [`result`].

pub mod committee;
pub mod pool;
pub mod recusal;
pub mod result;
pub mod seed;
pub mod selection;
pub mod statement;
pub mod strata;
