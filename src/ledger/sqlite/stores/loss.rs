//! Implements the detection and import of lost runs.

use jiff::Timestamp;

use crate::ledger::sqlite::{SqliteLedger, known, plan, sketches};
use crate::ledger::{Adopted, LedgerResult, LossStore, LostPeople, RunId};
use crate::model::outcome::{Outcome, Reason};
use crate::provider::{BoxFuture, RowNumber};

impl LossStore for SqliteLedger {
    fn batches(&self) -> BoxFuture<'_, LedgerResult<i64>> {
        self.quick(known::batches)
    }

    fn close_batches(&self) -> BoxFuture<'_, LedgerResult<i64>> {
        self.write(known::close_batches)
    }

    fn set_aside(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::set_aside(conn, &run, Timestamp::now()))
    }

    fn adopt(
        &self,
        campaign: &str,
        env: Option<&str>,
        people: Vec<Adopted>,
    ) -> BoxFuture<'_, LedgerResult<()>> {
        let (campaign, env) = (campaign.to_owned(), env.map(str::to_owned));
        self.write(move |conn| known::adopt(conn, &campaign, env.as_deref(), &people))
    }

    fn adopt_rows(
        &self,
        run: &str,
        rows: Vec<(RowNumber, Outcome, Option<Reason>)>,
    ) -> BoxFuture<'_, LedgerResult<Vec<u64>>> {
        let run = run.to_owned();
        self.write(move |conn| known::adopt_rows(conn, &run, &rows))
    }

    fn keep_lost(&self, lost: LostPeople) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| sketches::keep_lost(conn, &lost, Timestamp::now()))
    }

    fn adopted(&self, runs: Vec<RunId>) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| {
            runs.iter().try_for_each(|run| known::note_past(conn, run, Timestamp::now()))
        })
    }
}
