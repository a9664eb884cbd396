//! Stores facts about servers from one run of the workspace to the next.

use super::types::BoxFuture;

/// Decides whether a fact may be stored, given all facts of its kind as subject and value.
pub(crate) type Condition = Box<dyn Fn(&[(String, String)]) -> bool + Send>;

/// A store of facts about servers and accounts. It is a trait because a provider may be connected
/// before a ledger is open, or without a ledger.
pub trait Memory: Send + Sync {
    /// Returns all facts of a kind, each as subject and value. The error is one line for the log.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, Result<Vec<(String, String)>, String>>;
    /// Stores a fact and replaces an earlier one of the same kind and subject. After success, the
    /// fact is durable.
    fn remember(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
    ) -> BoxFuture<'_, Result<(), String>>;
    /// Stores a fact if `may` allows it. No other process of the workspace can change facts between
    /// the check and the write. Returns whether the fact was stored.
    fn remember_if(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
        may: Condition,
    ) -> BoxFuture<'_, Result<bool, String>>;
}
