//! Custodians: the roster that names them, the agent each of them runs, and what the platform asks.

pub mod agent;
pub mod client;
pub mod home;
pub mod http;
pub mod roster;
pub mod wire;
