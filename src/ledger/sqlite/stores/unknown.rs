//! Implements resolving recipients whose outcome is unknown.

use jiff::Timestamp;

use crate::ledger::sqlite::{SqliteLedger, reconcile};
use crate::ledger::{BatchRecord, LedgerResult, Proof, Reconciled, UnknownStore};
use crate::provider::BoxFuture;

impl UnknownStore for SqliteLedger {
    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>> {
        let run = run.to_owned();
        self.long(move |conn| reconcile::proofs(conn, &run))
    }

    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>> {
        let run = run.to_owned();
        self.quick(move |conn| reconcile::batch(conn, &run, batch))
    }

    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| reconcile::reconcile(conn, &run, &verdicts, Timestamp::now()))
    }
}
