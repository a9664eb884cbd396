//! Implements reading the data of runs and recipients.

use futures_util::future::try_join;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::ledger::sqlite::read::Halves;
use crate::ledger::sqlite::{SqliteLedger, evidence, failures, pauses, read, trend, why};
use crate::ledger::{
    CanaryEvidence, Decision, Failures, FailuresQuery, LedgerResult, LedgerRow, Pause, ReadStore,
    Run, RunId, Standing, Trend, UnderWay,
};
use crate::model::pause::{FeedbackRate, Watched};
use crate::provider::{BoxFuture, RowNumber};

impl ReadStore for SqliteLedger {
    fn runs(&self) -> BoxFuture<'_, LedgerResult<Vec<Run>>> {
        self.long(read::runs)
    }

    fn run(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Run>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::run(conn, &run))
    }

    fn latest_run(
        &self,
        campaign: &str,
        env: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<Option<Run>>> {
        let (campaign, env) = (campaign.to_owned(), env.map(str::to_owned));
        self.quick(move |conn| read::latest_run(conn, &campaign, env.as_deref()))
    }

    fn standing(&self, run: &str) -> BoxFuture<'_, LedgerResult<Standing>> {
        let run = run.to_owned();
        Box::pin(async move {
            let Halves { front, back, feedback } =
                self.quick.ask(move |conn| read::halves(conn, &run)).await?;
            // Both threads read at the same time. A row may change between the two reads, but it
            // stays in its half, so each row is counted once.
            let front = self.long.ask(move |conn| read::alike(conn, &front));
            let (front, back) =
                try_join(front, self.quick.ask(move |conn| read::alike(conn, &back))).await?;
            read::standing(front.into_iter().chain(back), feedback)
                .map_err(|fault| self.quick.blamed(fault))
        })
    }

    fn rows(
        &self,
        run: &str,
        after: RowNumber,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>> {
        let run = run.to_owned();
        let work = move |conn: &Connection| read::rows(conn, &run, after, limit);
        // The two threads read alternating pages at the same time.
        if (after / limit.max(1) as RowNumber).is_multiple_of(2) {
            self.long(work)
        } else {
            self.quick(work)
        }
    }

    fn why(&self, run: &str, email: &str) -> BoxFuture<'_, LedgerResult<Vec<Decision>>> {
        let (run, email) = (run.to_owned(), email.to_owned());
        self.long(move |conn| why::why(conn, &run, &email))
    }

    fn rows_of(&self, email: &str) -> BoxFuture<'_, LedgerResult<Vec<(RunId, LedgerRow)>>> {
        let email = email.to_owned();
        self.long(move |conn| failures::rows_of(conn, &email))
    }

    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>> {
        let run = run.to_owned();
        self.quick(move |conn| evidence::canary(conn, &run))
    }

    fn canary_at(
        &self,
        run: &str,
        domains: &'static [&'static str],
    ) -> BoxFuture<'_, LedgerResult<Vec<(String, u64)>>> {
        let run = run.to_owned();
        self.long(move |conn| evidence::canary_at(conn, &run, domains))
    }

    fn feedback_rates(
        &self,
        run: &str,
        watched: Watched,
        since: Timestamp,
        least: u64,
    ) -> BoxFuture<'_, LedgerResult<Vec<FeedbackRate>>> {
        let run = run.to_owned();
        self.long(move |conn| evidence::feedback_rates(conn, &run, watched, since, least))
    }

    fn failures(&self, run: &str, query: FailuresQuery) -> BoxFuture<'_, LedgerResult<Failures>> {
        let run = run.to_owned();
        self.long(move |conn| failures::failures(conn, &run, &query))
    }

    fn trend(&self, weeks: u32) -> BoxFuture<'_, LedgerResult<Vec<Trend>>> {
        self.long(move |conn| trend::trend(conn, weeks, Timestamp::now()))
    }

    fn under_way(&self) -> BoxFuture<'_, LedgerResult<Vec<UnderWay>>> {
        self.quick(pauses::under_way)
    }

    fn latched_by(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Pause>>> {
        let run = run.to_owned();
        self.quick(move |conn| pauses::latched_by(conn, &run))
    }
}
