//! Every label that starts a hash, a derivation or a statement. One file, so that a collision of
//! meanings is seen in review.

/// Record leaf: label ‖ salt(32) ‖ event bytes.
pub const LEAF: &str = "sealbid/leaf/v1\n";
/// Close line: label ‖ salt of the accepted leaf ‖ SHA-256 of the manifest's text.
pub const LINE: &str = "sealbid/line/v1\n";
/// What stands for the line of a lodged bid that has none: label ‖ SHA-256 of the manifest's text.
pub const LODGED_LINE: &str = "sealbid/lodged-line/v1\n";
/// A draft's id under an Idempotency-Key: label ‖ its buyer's id ‖ "\n" ‖ the key.
pub const TENDER: &str = "sealbid/tender/v1\n";
/// Unit id: label ‖ canonical draft of the unit without `recipients`.
pub const UNIT: &str = "sealbid/unit/v1\n";
/// HKDF info of a custodian's per-unit age identity: label ‖ unit id (32 bytes).
pub const UNIT_KEY: &str = "sealbid/unit-key/v1\n";
/// HKDF info of a custodian's statement-signing key.
pub const STATEMENT_KEY: &str = "sealbid/statement-key/v1";
/// HKDF info of a custodian's checkpoint-cosigning key.
pub const WITNESS_KEY: &str = "sealbid/witness-key/v1";
/// HMAC message of a pad leaf's salt: label ‖ index (8 bytes, big-endian).
pub const PAD: &str = "sealbid/pad/v1\n";
/// Login challenge that a key holder signs.
pub const LOGIN: &str = "sealbid/login/v1";
/// HMAC message by which the token key gives the key of login challenges: label ‖ origin.
pub const LOGIN_NONCE_KEY: &str = "sealbid/login-nonce-key/v1\n";
/// HMAC message of a login challenge: label ‖ expiry (8 bytes, big-endian) ‖ 8 random bytes.
pub const LOGIN_NONCE: &str = "sealbid/login-nonce/v1\n";
/// Leaf of a draw's pool: label ‖ salt (32 bytes) ‖ the candidate's printed id, or the value's text.
pub const POOL: &str = "sealbid/pool/v1\n";
/// HMAC message of a pool leaf's salt: label ‖ the draw's printed id ‖ "\n" ‖ candidate.
pub const POOL_SALT: &str = "sealbid/pool-salt/v1\n";
/// Leaf of a draw's exclusions: label ‖ salt (the candidate's in this draw) ‖ reason ‖ "\n" ‖ candidate.
pub const EXCLUSION: &str = "sealbid/exclusion/v1\n";
/// Seed of a draw: label ‖ SHA-256 of the draw ‖ of its close ‖ the contributions ‖ the beacon's value.
pub const DRAW_SEED: &str = "sealbid/draw-seed/v1\n";
