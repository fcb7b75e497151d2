//! Sealbid 封标: a public-resource e-bidding platform in which nobody has to be trusted.
//!
//! # Map
//! Arrows run downward only, and a test reads the `use` lines:
//! `cli, web, demo → features' http → features' mod → rules, store → record, auth, rulepack →
//! db, blob → crypto, ids, clock`. [`verify`] shares `rules` and formats with the platform, and
//! neither its database nor its network.
//!
//! # Invariants, in words
//! - No key, password or page of the operator can read a sealed envelope before its release.
//! - No row changes without its event in the same transaction; the record only grows.
//! - One deadline, one predicate, one clock.
//! - The bid set is fixed and signed before any key is released; every acknowledged bid is opened
//!   or visibly refused with the party at fault.
//! - The verifier needs no server and no secret.
//! - Statements are signed by the actor's own key; a session token alone never binds anybody.

pub mod auth;
pub mod bid;
pub mod blob;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod custodian;
pub mod db;
pub mod demo;
pub mod draw;
pub mod enterprise;
pub mod error;
pub mod ids;
pub mod opening;
pub mod record;
pub mod rulepack;
pub mod tender;
pub mod timer;
pub mod verify;
pub mod web;
