//! `sealbid demo`: the main job from registration to an off-line verification, with the real
//! server, real custodians in their own processes, and the client code that a bidder uses.

pub mod files;
pub mod stage;
