//! One-time tokens of webhooks, as used by services whose signature covers the token but not the
//! body.

use jiff::Timestamp;

/// A webhook's token, and the body that it came with. The ledger stores only the hashes of both,
/// until the token expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedToken {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// SHA-256 of the body.
    pub body: Vec<u8>,
    /// When the webhook was received.
    pub at: Timestamp,
    /// When the signature becomes too old to be accepted. The token need not be stored after this
    /// time.
    pub expires_at: Timestamp,
}
