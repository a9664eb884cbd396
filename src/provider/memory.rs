//! What providers keep from one run of the workspace to the next.

use super::BoxFuture;

/// A store of facts about servers and accounts. Lives behind a trait because a provider is connected before there is a ledger, or without one.
pub trait Memory: Send + Sync {
    /// All facts of a kind, as subject and value. The error is one line for the log.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, Result<Vec<(String, String)>, String>>;
    /// Stores a fact in place of an earlier one of the same kind and subject. It is durable when this has succeeded.
    fn remember(&self, kind: &'static str, subject: String, value: String) -> BoxFuture<'_, Result<(), String>>;
}
