//! The draw (protocol §3): who is seated is decided by nobody, and recomputed by anybody.
//!
//! Invariant: pool, strata and exclusions are committed on the record before anybody can know the seed;
//! the seed follows from contributions that are sealed like bids, so the last one to speak knows no more
//! than the first; what is drawn follows from seed and pool by RFC 3797. The same rules draw experts,
//! tie-breaks, price coefficients and audit samples.

pub mod refusal;
pub mod rules;
pub mod statements;
