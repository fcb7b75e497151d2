//! The record: an append-only, publicly checkable log of every act, in standard formats (C2SP).
//!
//! Invariant: what this room calls proven depends on bytes and trusted keys alone: no database,
//! no network, no clock. Writing to the record stands with the one door for writes.

pub mod checkpoint;
pub mod edge;
pub mod leaf;
pub mod policy;
pub mod proof;
pub(crate) mod spelling;
pub mod succession;
pub mod tiles;
pub mod tree;
pub mod witness;
