//! Bids on the bidder's side: sealed on its own machine, checked again, sent, and proven by receipts.
//!
//! Invariant: nothing is sealed for a unit that the pinned roster's parties did not all sign; the
//! plain offer and the one-time identity never leave this machine; an act is reported as done only
//! when its receipt holds. Everything here takes plain arguments and needs no terminal.

mod challenge;
pub mod check;
mod commands;
mod credentials;
mod ended;
mod folder;
mod lodge;
mod prepare;
mod seal;
mod send;
mod status;
mod unit;
mod withdraw;

pub use challenge::{Found, shown_word};
pub use check::{Envelope, Findings, check, read};
pub use commands::{BidCommand, Send};
pub use folder::{Chain, Folder, Plan};
pub use lodge::{Lodge, Shown};
pub use seal::{Draft, Made, Place, Sealer, seal};
pub(crate) use send::accepted;
pub use send::{Accepted, Sending, Standing};
pub use status::Status;
pub use unit::{CheckedUnit, Inclusion, UnitView};
