//! Custodians: the roster that names them, and the agent each of them runs.

pub mod roster;
pub mod wire;
