//! The record: an append-only, publicly checkable log of every act, in standard formats (C2SP).
//!
//! Invariant: what this room calls proven depends on bytes and trusted keys alone: no database,
//! no network, no clock. Only [`append`], [`feed`], [`name`], [`said`], [`sequencer`], [`standing`] and [`store`]
//! know the database.

pub mod append;
pub mod checkpoint;
pub mod cosigned;
pub mod disclosure;
pub mod edge;
pub mod feed;
pub mod hours;
pub mod http;
pub mod leaf;
pub mod name;
pub mod policy;
pub mod proof;
pub mod said;
pub mod sequencer;
pub(crate) mod spelling;
pub mod standing;
pub mod store;
pub mod succession;
pub mod tiles;
pub mod tree;
pub mod witness;
mod words;
