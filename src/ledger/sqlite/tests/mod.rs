//! The ledger as its callers see it, on a directory of its own for each test.

mod caps;
mod carry;
mod claims;
mod disk;
mod events;
mod evidence;
mod former;
mod overlap;
mod plan;
mod recovery;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::fault::{self, Fault};
use super::{SqliteLedger, claim, schema};
use crate::events::{Believe, Event};
use crate::ledger::{
    Ask, CanaryEvidence, ClaimStore, Claimed, Draft, EventQuery, Fact, FeedbackStore, Gate, Hold, Ledger, LedgerError, LedgerRow, LedgerSuppression,
    LossStore, Member, NewPause, OverlapQuery, Pause, PauseScope, People, PlanStore, PlannedRow, ReadStore, Reconciled, Recovered, RunHead, RunId,
    RunState, RunStore, Seal, Seen, Settled, Sketch, Through, UnknownStore, UsedToken, WorkspaceStore, person_seed, trace,
};
use crate::literal::{CanarySize, Rate};
use crate::outcome::{Cohort, Kind, Outcome, Reason};
use crate::pause::Watched;
use crate::provider::{JobId, Refusal, Verdict};

/// A ledger in a directory that goes with it.
struct Bed {
    ledger: SqliteLedger,
    dir: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { ledger: SqliteLedger::open(dir.path()).unwrap(), dir }
    }

    /// Runs statements on the connection that writes.
    async fn sql(&self, text: &'static str) {
        self.ledger.write(move |conn| Ok(conn.execute_batch(text)?)).await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.ledger.long(move |conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
    }

    /// Plans and seals a run of these rows.
    async fn sealed(&self, head: RunHead, rows: Vec<PlannedRow>, seal: Seal) -> RunId {
        let run = self.ledger.begin(head).await.unwrap();
        self.ledger.plan(&run, rows).await.unwrap();
        assert_eq!(self.ledger.seal(&run, seal).await.unwrap(), None);
        run
    }

    /// A sealed run of so many recipients at one domain.
    async fn simple(&self, count: u64) -> RunId {
        self.sealed(head(), (1..=count).map(|n| row(n, &format!("u{n}@example.com"))).collect(), seal()).await
    }

    /// Claims these rows for `relay` and returns the batch.
    async fn claimed(&self, run: &str, rows: &[JobId]) -> i64 {
        match self.ledger.claim(draft(run, rows)).await.unwrap() {
            Claimed::Batch(batch) => batch,
            other => panic!("not claimed: {other:?}"),
        }
    }

    async fn settled(&self, run: &str, items: Vec<(JobId, Settled)>) -> i64 {
        let rows: Vec<JobId> = items.iter().map(|(row, _)| *row).collect();
        let batch = self.claimed(run, &rows).await;
        self.ledger.settle(run, batch, items, vec![]).await.unwrap();
        batch
    }

    async fn row(&self, run: &str, row: JobId) -> LedgerRow {
        self.ledger.rows(run, row - 1, 1).await.unwrap().remove(0)
    }

    async fn outcomes(&self, run: &str) -> Vec<(Option<Outcome>, Option<Reason>)> {
        self.ledger.rows(run, 0, 10_000).await.unwrap().into_iter().map(|row| (row.outcome, row.reason)).collect()
    }

    async fn next(&self, run: &str) -> Vec<JobId> {
        self.ledger.next(run, Ask { limit: 1_000, ..Ask::default() }).await.unwrap().into_iter().map(|row| row.row).collect()
    }
}

fn head() -> RunHead {
    RunHead {
        campaign: "spring".into(),
        env: None,
        kind: Kind::Marketing,
        provider: "relay".into(),
        lists: vec!["list.csv".into()],
        list_fingerprint: String::new(),
        message_fingerprint: "m1".into(),
        message: serde_json::json!({"subject": "Hello"}),
        settings: serde_json::json!({"dedupe": "ci"}),
    }
}

fn seal() -> Seal {
    Seal {
        only: None,
        list_fingerprint: "l1".into(),
        columns: vec![vec!["email".into()]],
        filtered: 0,
        canary: None,
        limit: None,
        cohorts: vec![],
        people: None,
        overlap: None,
    }
}

/// Asks about people who are to have the message of [`head`] under a campaign.
fn asks(campaign: &str, people: People) -> OverlapQuery {
    OverlapQuery {
        campaign: campaign.into(),
        env: None,
        apart: String::new(),
        message_fingerprint: "m1".into(),
        people,
        since: Timestamp::now() - jiff::SignedDuration::from_hours(30 * 24),
        sandboxes: vec![],
    }
}

fn row(row: JobId, email: &str) -> PlannedRow {
    PlannedRow {
        row,
        list: 0,
        line: row + 1,
        email: email.to_owned(),
        domain: email.split_once('@').map_or("", |(_, domain)| domain).to_owned(),
        key: email.to_lowercase(),
        fields: format!("[{email:?}]"),
        outcome: None,
        draw: row as i64,
        always: false,
        provider: String::new(),
    }
}

fn screened(n: JobId, email: &str, outcome: Outcome, reason: Reason) -> PlannedRow {
    PlannedRow { outcome: Some((outcome, reason, "screened".into())), ..row(n, email) }
}

fn draft(run: &str, rows: &[JobId]) -> Draft {
    Draft {
        run: run.to_owned(),
        provider: "relay".into(),
        key: "key".into(),
        generation: 0,
        claimed_at: Timestamp::now(),
        members: rows.iter().map(|row| Member { row: *row, message_id: format!("{row}@id") }).collect(),
        suppressed: vec![],
        caps: vec![],
        ramp: vec![],
        instead_of: None,
    }
}

fn accepted() -> Settled {
    Settled::Final(Verdict::Accepted { provider_id: Some("q1".into()), code: "250 2.0.0".into(), detail: "ok".into() })
}

fn refusal() -> Refusal {
    Refusal { reason: Reason::MailboxGone, code: "550 5.1.1".into(), detail: "no such user".into(), mailbox_gone: true }
}

fn rejected() -> Settled {
    Settled::Final(Verdict::Rejected(refusal()))
}

fn unknown() -> Settled {
    Settled::Final(Verdict::Unknown { detail: "lost".into() })
}
