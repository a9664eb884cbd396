//! Implements holding, reopening and ending of runs.

use jiff::Timestamp;

use crate::ledger::sqlite::{SqliteLedger, blame, canary, evidence, former, plan, run_row};
use crate::ledger::{ExitReason, Fact, Gate, Hold, LedgerResult, Refusals, RunState, RunStore};
use crate::model::outcome::{Outcome, Reason};
use crate::provider::{BoxFuture, RowNumber};

impl RunStore for SqliteLedger {
    fn note(&self, run: &str, what: &'static str, detail: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| {
            run_row::note(conn, run_row::seq_of(conn, &run)?, what, &detail, Timestamp::now())
        })
    }

    fn set_gate(&self, run: &str, gate: Gate) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        let host = crate::host::name();
        self.write(move |conn| plan::set_gate(conn, &run, &gate, &host, Timestamp::now()))
    }

    fn hold_rest(
        &self,
        run: &str,
        reason: Reason,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| {
            plan::hold(conn, run_row::seq_of(conn, &run)?, reason, &detail, Timestamp::now())
        })
    }

    fn hold(
        &self,
        run: &str,
        hold: Hold,
        except: Vec<RowNumber>,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| {
            evidence::hold(conn, &run, &hold, &except, &detail, Timestamp::now())
        })
    }

    fn give_up(&self, run: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| plan::give_up(conn, run_row::seq_of(conn, &run)?, Timestamp::now()))
    }

    fn kept(&self, run: &str, since: Timestamp) -> BoxFuture<'_, LedgerResult<Vec<(Reason, u64)>>> {
        let run = run.to_owned();
        self.long(move |conn| former::kept(conn, &run, since))
    }

    fn extend_canary(
        &self,
        run: &str,
        more: u64,
        provider: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, provider) = (run.to_owned(), provider.map(str::to_owned));
        self.write(move |conn| {
            canary::extend(conn, &run, more, provider.as_deref(), Timestamp::now())
        })
    }

    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, outcomes) = (run.to_owned(), outcomes.to_vec());
        self.write(move |conn| plan::reopen(conn, &run, &outcomes, Timestamp::now()))
    }

    fn refusals(
        &self,
        run: &str,
        provider: &str,
        has_history: bool,
    ) -> BoxFuture<'_, LedgerResult<Refusals>> {
        let (run, provider) = (run.to_owned(), provider.to_owned());
        self.write(move |conn| blame::refusals(conn, &run, &provider, has_history))
    }

    fn absolve(
        &self,
        run: &str,
        rows: Vec<RowNumber>,
        fact: Option<Fact>,
    ) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| blame::absolve(conn, &run, &rows, fact.as_ref(), Timestamp::now()))
    }

    fn finish(
        &self,
        run: &str,
        state: RunState,
        exit: u8,
        reasons: Vec<ExitReason>,
    ) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::finish(conn, &run, state, exit, &reasons, Timestamp::now()))
    }

    fn remove(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        Box::pin(async move {
            let name = run.clone();
            self.writer.ask(move |conn| plan::remove(conn, &name, Timestamp::now())).await?;
            self.sweep(&run);
            Ok(())
        })
    }
}
