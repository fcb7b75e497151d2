//! Formats and primitives that everything else stands on: no database, no network, no clock.

pub mod entropy;
pub mod hash;
pub mod json;
pub mod key;
pub mod labels;
pub mod note;
pub mod seal;
pub mod shares;
pub mod statement;
pub mod tar;
mod words;
