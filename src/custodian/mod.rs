//! Custodians: the roster that names them, and the agent each of them runs.

pub mod agent;
pub mod roster;
pub mod wire;
