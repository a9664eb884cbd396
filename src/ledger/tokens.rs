//! One-time tokens of webhooks whose signature covers the token and not the body.

use jiff::Timestamp;

/// A token that has come with a body. Only hashes of both are kept, and those until the token
/// expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedToken {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// SHA-256 of the body that it came with.
    pub body: Vec<u8>,
    /// When it came.
    pub at: Timestamp,
    /// From when on it need not be known any more, because its signature is too old to be believed.
    pub expires_at: Timestamp,
}
