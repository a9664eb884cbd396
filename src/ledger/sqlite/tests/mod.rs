//! Tests of the SQLite ledger in addition to the common suite: its file, its tables, and rules that
//! need a clock set by the test.

mod caps;
mod disk;
mod recovery;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::fault::{self, Fault};
use super::{SqliteLedger, claim, schema};
use crate::ledger::conformance::{Bed, accepted, asks, draft, head, rejected, row, seal};
use crate::ledger::{
    Ask, ClaimStore, Claimed, Draft, EventQuery, FeedbackStore, Gate, Ledger, LedgerError,
    LedgerSuppression, Member, NewPause, Pause, PauseScope, People, PlanStore, ReadStore,
    Recovered, RunHead, RunState, RunStore, Settled, UsedToken, WorkspaceStore,
};
use crate::model::event::{Believe, Event};
use crate::model::literal::Rate;
use crate::model::outcome::{Outcome, Reason};
use crate::provider::{BoxFuture, RowNumber};

/// Opens the ledger as the program does.
fn open(state_dir: PathBuf) -> BoxFuture<'static, Arc<dyn Ledger>> {
    Box::pin(async move { crate::ledger::open(&state_dir).unwrap() })
}

mod conformance {
    crate::ledger::conformance::conformance_of!(crate::ledger::sqlite::tests::open);
}

/// Opens the ledger as `SqliteLedger`, for tests that read its tables.
fn here(state_dir: PathBuf) -> BoxFuture<'static, Arc<SqliteLedger>> {
    Box::pin(async move { Arc::new(SqliteLedger::open(&state_dir).unwrap()) })
}

impl Bed<SqliteLedger> {
    /// Runs statements on the connection that writes.
    async fn sql(&self, text: &'static str) {
        self.ledger.write(move |conn| Ok(conn.execute_batch(text)?)).await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.ledger.long(move |conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
    }
}
