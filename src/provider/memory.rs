//! What providers keep from one run of the workspace to the next.

use super::types::BoxFuture;

/// Whether a fact may be stored, decided from all facts of its kind, as subject and value.
pub(crate) type Condition = Box<dyn Fn(&[(String, String)]) -> bool + Send>;

/// A store of facts about servers and accounts. Lives behind a trait because a provider is
/// connected before there is a ledger, or without one.
pub trait Memory: Send + Sync {
    /// All facts of a kind, as subject and value. The error is one line for the log.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, Result<Vec<(String, String)>, String>>;
    /// Stores a fact in place of an earlier one of the same kind and subject. It is durable when
    /// this has succeeded.
    fn remember(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
    ) -> BoxFuture<'_, Result<(), String>>;
    /// The same if `may` allows it. Reading, deciding and storing are one step for every process of
    /// the workspace. Returns whether it was stored.
    fn remember_if(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
        may: Condition,
    ) -> BoxFuture<'_, Result<bool, String>>;
}
