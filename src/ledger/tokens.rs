//! One-time tokens of webhooks. The webhook's signature covers the token, but not the body.

use jiff::Timestamp;

/// A token that came with a body. The ledger stores only hashes of both, until the token expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedToken {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// SHA-256 of the body.
    pub body: Vec<u8>,
    /// When the webhook came.
    pub at: Timestamp,
    /// After this time the signature is too old to be accepted, so the token need not be
    /// remembered.
    pub expires_at: Timestamp,
}
