//! Implements planning and sealing of runs.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::ledger::sqlite::plan::Sealed;
use crate::ledger::sqlite::{SqliteLedger, aliases, foresee, plan, sketches};
use crate::ledger::{
    CarryQuery, LedgerResult, Overlap, OverlapQuery, PlanStore, PlannedRow, RunHead, RunId, Seal,
};
use crate::model::outcome::Outcome;
use crate::provider::BoxFuture;

impl PlanStore for SqliteLedger {
    fn begin(&self, head: RunHead) -> BoxFuture<'_, LedgerResult<RunId>> {
        self.begins(move |conn| plan::begin(conn, &head, Timestamp::now()))
    }

    fn plan(&self, run: &str, rows: Vec<PlannedRow>) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        // A run has no effect before it is sealed, so the commits of its rows need not wait for the
        // disk.
        Box::pin(self.writer.ask_early(move |conn| plan::plan(conn, &run, &rows)))
    }

    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<Option<Overlap>>> {
        let (run, origin, trace_dir, place) =
            (run.to_owned(), self.origin(), self.trace_dir.clone(), Arc::clone(&self.place));
        Box::pin(async move {
            let seal = move |conn: &Connection| {
                place.check()?;
                plan::seal(conn, &origin.boot, &trace_dir, &run, &seal, Timestamp::now())
            };
            match self.writer.ask(seal).await? {
                Sealed::Open { closed } => closed.iter().for_each(|old| self.sweep(old)),
                Sealed::Overlaps(found) => return Ok(Some(found)),
            }
            Ok(None)
        })
    }

    fn foresee(
        &self,
        query: CarryQuery,
    ) -> BoxFuture<'_, LedgerResult<Option<Vec<Option<Outcome>>>>> {
        self.long(move |conn| foresee::foresee(conn, &query))
    }

    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::discard(conn, &run))
    }

    fn overlap(&self, query: OverlapQuery) -> BoxFuture<'_, LedgerResult<Option<Overlap>>> {
        self.long(move |conn| sketches::overlap(conn, &query, Timestamp::now()))
    }

    fn aliases(&self) -> BoxFuture<'_, LedgerResult<Vec<(String, String)>>> {
        self.quick(aliases::all)
    }

    fn add_aliases(&self, pairs: Vec<(String, String)>) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| aliases::add(conn, &pairs))
    }

    fn kin(&self, campaign: &str) -> BoxFuture<'_, LedgerResult<Vec<String>>> {
        let campaign = campaign.to_owned();
        self.quick(move |conn| aliases::kin(conn, &campaign))
    }
}
