//! Tenders, lots and opening units: from a draft to signed, effective units, and what moves their
//! deadlines.
//!
//! Invariant: nothing here takes effect by the platform's word. A unit needs its buyer, the platform
//! and every custodian; an amendment needs q of them; each request stands on the record before it
//! leaves. All units of a tender take effect together with its notice, or none does. Deliberately
//! absent: the wire to the custodians, who are asked by whoever calls these acts.

pub mod amend;
pub mod answers;
pub mod consent;
pub mod documents;
pub mod draft;
pub mod http;
pub mod lapse;
mod law;
pub mod outage;
pub mod platform;
pub mod publish;
pub mod refusal;
pub mod rules;
pub mod statements;
pub mod store;
pub mod units;
pub mod views;

pub use platform::{Held, Platform};
pub use refusal::{Error, Refused};
