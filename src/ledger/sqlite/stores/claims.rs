//! Implements what the sending loop needs from the ledger: selecting and claiming recipients,
//! leasing rates, and recovering claims of interrupted processes.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::sqlite::{SqliteLedger, claim, known, lease, read, recover};
use crate::ledger::{
    Ask, ClaimStore, Claimed, Draft, Leased, LedgerResult, LedgerRow, LedgerSuppression, Recovered,
    Settled, Spent, Through, Wish,
};
use crate::model::literal::Rate;
use crate::model::outcome::Cohort;
use crate::provider::{BoxFuture, Feedback, RowNumber};

impl ClaimStore for SqliteLedger {
    fn next(&self, run: &str, ask: Ask) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::next(conn, &run, &ask, Timestamp::now()))
    }

    fn next_retry_at(
        &self,
        run: &str,
        cohort: Option<Cohort>,
        through: Through,
    ) -> BoxFuture<'_, LedgerResult<Option<Timestamp>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::next_retry_at(conn, &run, cohort, &through))
    }

    fn claim(&self, draft: Draft) -> BoxFuture<'_, LedgerResult<Claimed>> {
        let (origin, place, path) =
            (self.origin(), Arc::clone(&self.place), Arc::clone(&self.path));
        self.write(move |conn| match place.lost() {
            Some(what) => {
                known::note_loss(conn, place.directory(), &draft.run)?;
                Ok(Claimed::Lost { ledger: path.to_string(), what })
            }
            None => claim::claim(conn, &origin, &draft, Timestamp::now()),
        })
    }

    fn settle(
        &self,
        run: &str,
        batch: i64,
        items: Vec<(RowNumber, Settled)>,
        feedback: Vec<(RowNumber, Feedback)>,
    ) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| {
            claim::settle(conn, &run, batch, &items, &feedback, Timestamp::now())
        })
    }

    fn recover(&self, run: &str) -> BoxFuture<'_, LedgerResult<Recovered>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        Box::pin(async move {
            let name = run.clone();
            let recovered = self
                .writer
                .ask(move |conn| {
                    recover::recover(conn, &origin.boot, &trace_dir, &name, Timestamp::now())
                })
                .await?;
            self.sweep(&run);
            Ok(recovered)
        })
    }

    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        self.write(move |conn| {
            recover::unlearned(conn, &origin.boot, &trace_dir, &run, Timestamp::now())
        })
    }

    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>> {
        let key = key.to_owned();
        self.write(move |conn| lease::lease(conn, &key, rate, &wish, Timestamp::now()))
    }

    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>> {
        let key = key.to_owned();
        self.write(move |conn| lease::take_back(conn, &key, &spent))
    }
}
