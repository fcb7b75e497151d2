//! The edge to people and programs: languages, errors in words, and (later) the one list of routes.

pub mod edge;
pub mod i18n;
pub mod problem;
