//! Bids: sealed envelopes, their manifests, and which of them are accepted.
//!
//! Invariant: whatever a bidder truly signed is answered with an entry of the record, accepted or
//! refused with the reason and who is at fault; the rows and the entry are one commit. Deliberately
//! absent: any key that could open an envelope.

pub mod arrivals;
pub mod envelope;
mod gate;
mod held;
pub mod http;
pub mod offer;
pub mod refusal;
pub mod refusing;
mod resupply;
pub mod rules;
mod standing;
pub mod statements;
pub mod store;
pub mod submit;
pub mod tus;
pub mod upload;
pub mod withdraw;
mod words;

pub use refusal::Error;
pub use resupply::{bring, is_awaited, resupply};
pub use standing::{standings, status};
pub use store::uploads::Purpose;
pub use submit::{Answer, Outcome, Submission, submit};
pub use withdraw::{sweep, withdraw};
