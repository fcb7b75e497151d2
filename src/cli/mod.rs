//! (being built)

pub mod verify;
