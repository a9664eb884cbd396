//! Implements the calls about workspace-wide data.

use jiff::Timestamp;

use crate::ledger::sqlite::{SqliteLedger, facts, pauses, workspace};
use crate::ledger::{
    Fact, FactCondition, LedgerResult, LedgerSuppression, NewPause, Pause, PauseScope,
    WorkspaceStore,
};
use crate::provider::BoxFuture;

impl WorkspaceStore for SqliteLedger {
    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| facts::remember(conn, &fact))
    }

    fn remember_if(&self, fact: Fact, may: FactCondition) -> BoxFuture<'_, LedgerResult<bool>> {
        self.write(move |conn| facts::remember_if(conn, &fact, &may))
    }

    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>> {
        self.quick(move |conn| facts::recall(conn, kind))
    }

    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>> {
        let subject = subject.to_owned();
        self.write(move |conn| facts::forget(conn, kind, &subject))
    }

    fn pause(&self, pause: NewPause) -> BoxFuture<'_, LedgerResult<()>> {
        self.begins(move |conn| pauses::begin(conn, &pause, Timestamp::now()))
    }

    fn unpause(&self, scope: PauseScope, by: &str) -> BoxFuture<'_, LedgerResult<bool>> {
        let by = by.to_owned();
        self.write(move |conn| pauses::end(conn, &scope, &by, Timestamp::now()))
    }

    fn pauses(&self) -> BoxFuture<'_, LedgerResult<Vec<Pause>>> {
        self.quick(|conn| pauses::in_force(conn, Timestamp::now()))
    }

    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>> {
        self.write(move |conn| workspace::suppress(conn, &entries))
    }

    fn not_kept(
        &self,
        entries: Vec<LedgerSuppression>,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>> {
        self.quick(move |conn| workspace::not_kept(conn, &entries))
    }

    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let by = by.to_owned();
        self.write(move |conn| workspace::unsuppress(conn, &entries, &by, Timestamp::now()))
    }

    fn suppressions(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>> {
        self.quick(move |conn| workspace::suppressions(conn, after, limit))
    }

    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>> {
        self.write(workspace::secret_key)
    }
}
