//! Custodians: the roster that names them, the agent each of them runs, and what the platform asks.

pub mod agent;
mod asking;
mod body;
pub mod by_hand;
pub mod chain;
pub mod client;
mod edge;
pub mod home;
pub mod http;
mod lodging;
pub mod roster;
pub mod wire;
mod words;
