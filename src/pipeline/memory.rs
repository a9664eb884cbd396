//! Lets providers store facts in the ledger that the next run reads.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::{Fact, Ledger};
use crate::provider::BoxFuture;
use crate::provider::memory::{Condition, Memory};

/// Gives providers access to the facts in the ledger.
pub(crate) struct LedgerMemory(pub Arc<dyn Ledger>);

impl Memory for LedgerMemory {
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, Result<Vec<(String, String)>, String>> {
        Box::pin(async move {
            let facts = self.0.recall(kind).await.map_err(|error| error.to_string())?;
            Ok(facts.into_iter().map(|fact| (fact.subject, fact.value)).collect())
        })
    }

    fn remember(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let fact = Fact { kind: kind.to_owned(), subject, value, at: Timestamp::now() };
            self.0.remember(fact).await.map_err(|error| error.to_string())
        })
    }

    fn remember_if(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
        may: Condition,
    ) -> BoxFuture<'_, Result<bool, String>> {
        Box::pin(async move {
            let fact = Fact { kind: kind.to_owned(), subject, value, at: Timestamp::now() };
            let may = move |facts: &[Fact]| {
                may(&facts
                    .iter()
                    .map(|fact| (fact.subject.clone(), fact.value.clone()))
                    .collect::<Vec<_>>())
            };
            self.0.remember_if(fact, Box::new(may)).await.map_err(|error| error.to_string())
        })
    }
}
