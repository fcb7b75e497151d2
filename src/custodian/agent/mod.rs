//! The agent as a pure function: (state, request, now) → (changes, reply).
//!
//! Invariant: a signature is returned only together with the change that remembers it, and the
//! server stores the change durably before the signature leaves. What an agent signed once it
//! never contradicts: one close per unit, no close older than an amendment it signed, no release
//! against an open challenge. Deliberately absent: files, sockets, clocks.

mod challenge;
mod close;
mod kept;
mod lodge;
mod query;
mod refusal;
mod release;
mod silence;
mod state;
mod unit;
mod witness;

pub use challenge::{MAX_OPEN, answer, challenge, challenges};
pub use close::sign_close;
pub use kept::{Kept, KeptBid, KeptChallenge, KeptFile};
pub use lodge::{Coming, MAX_VERSIONS, Welcome, consider, lodge, lodged, lodged_bid};
pub use refusal::Refusal;
pub use release::{cancel, note_window, release, suspend};
pub use silence::{Silences, Watch};
pub use state::{Agent, Change, Keys, State};
pub use unit::{recipient, sign_amendment, sign_unit};
pub use witness::{adopt, cosign, last_checkpoint};
