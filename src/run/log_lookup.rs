//! Looks up recipients with an unknown outcome in the providers' logs. `reconcile` asks once. If
//! the provider was still processing the mail, the next start asks again.
//!
//! Invariants: the lookup only queries and never sends mail, and a log entry that proves nothing
//! settles no recipient.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{Ledger, LedgerRow, LedgerSuppression, Reconciled, Run, RunState, Settled};
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::outcome::Outcome;
use crate::pipeline::keep_learned;
use crate::provider::RowNumber;
use crate::provider::account::{InDoubt, Log, Trouble, Unfinished, in_words};
use crate::run::context::Context;
use crate::run::learning::learn;
use crate::run::reports::{each_row, forget_report};
use crate::run::settings::RunSettings;
use crate::run::standing::keep_standing;

/// The result of a log lookup.
#[derive(Debug, Default)]
pub(crate) struct LogLookup {
    pub(crate) found: Vec<Reconciled>,
    /// Why the remaining recipients could not be looked up.
    pub(crate) trouble: Option<Trouble>,
}

/// Looks up these recipients of a run in the log of the provider called `name`.
pub(crate) async fn look_up(
    ledger: &dyn Ledger,
    (run, frozen): (&Run, &RunSettings),
    name: &str,
    log: &dyn Log,
    rows: &[LedgerRow],
) -> Result<LogLookup> {
    let mut asked = LogLookup::default();
    let mut claimed: BTreeMap<i64, Option<Timestamp>> = BTreeMap::new();
    for row in rows {
        let Some(batch) = row.batch else { continue };
        let claimed_at = match claimed.get(&batch) {
            Some(known) => *known,
            None => {
                let found = ledger.batch(&run.id, batch).await?.map(|found| found.claimed_at);
                claimed.insert(batch, found);
                found
            }
        };
        let Some(claimed_at) = claimed_at else { continue };
        let to = frozen.redirect.as_ref().map_or(row.email.as_str(), Address::as_str);
        match log
            .look_up(&InDoubt { to, message_id: &row.message_id, detail: &row.detail, claimed_at })
            .await
        {
            Ok(Some(logged)) => asked.found.push(Reconciled {
                row: row.row,
                settled: Settled::Final(logged.verdict),
                evidence: format!("the log of {name}: {}", logged.words),
            }),
            // A log may lag behind or drop entries, so a message that is missing from it may still
            // have been accepted.
            Ok(None) => {}
            Err(trouble) => {
                asked.trouble = Some(trouble);
                break;
            }
        }
    }
    Ok(asked)
}

/// Records the suppressions that follow from the log entries, unless learning is off.
pub(crate) async fn keep_what_it_teaches(
    context: &Context,
    ledger: &dyn Ledger,
    frozen: &RunSettings,
    name: &str,
    rows: &[LedgerRow],
    found: &[Reconciled],
    no_learn: bool,
) -> Result<()> {
    let Some(learn) = learn(context, frozen, no_learn) else { return Ok(()) };
    let email =
        |job: RowNumber| rows.iter().find(|row| row.row == job).map(|row| row.email.as_str());
    let now = Timestamp::now();
    let taught = |verdict: &Reconciled| match &verdict.settled {
        Settled::Final(settled) => {
            LedgerSuppression::learned(email(verdict.row)?, name, settled, now)
        }
        _ => None,
    };
    let learned: Vec<LedgerSuppression> = found.iter().filter_map(taught).collect();
    if learned.is_empty() { Ok(()) } else { keep_learned(ledger, &learn, learned).await }
}

/// Looks up recipients whose mail a provider had accepted and was still processing when the
/// previous process ended. The lookup is repeated for as long as that process would have waited,
/// counted from the claim, and happens at least once. The caller holds the campaign's lock.
pub(crate) async fn follow_up(
    context: &Context,
    ledger: &Arc<dyn Ledger>,
    run: &Run,
    no_learn: bool,
) -> Result<()> {
    let before = ledger.standing(&run.id).await?;
    if before.tally.get(Outcome::Unknown) == 0 {
        return Ok(());
    }
    let mut by_provider: BTreeMap<String, Vec<LedgerRow>> = BTreeMap::new();
    each_row(ledger.as_ref(), &run.id, |row| {
        if row.outcome == Some(Outcome::Unknown) && row.batch.is_some() {
            by_provider.entry(row.provider.clone()).or_default().push(row);
        }
        Ok(())
    })
    .await?;
    let mut settled = 0;
    for (name, mut rows) in by_provider {
        // If the provider cannot be reached, skip it here. Sending and `reconcile` report the
        // error.
        let Ok(provider) = tokio::task::block_in_place(|| context.settings.connect(&name)) else {
            continue;
        };
        if let Some(log) = provider.account_api().and_then(|account| account.log()) {
            rows.retain(|row| log.unfinished(&row.detail).is_some());
            settled += follow(context, ledger, run, &name, log, rows, no_learn).await?;
        }
        provider.close().await;
    }
    let after = ledger.standing(&run.id).await?;
    let is_over =
        after.tally.open + after.tally.get(Outcome::Held) + after.tally.get(Outcome::Deferred) == 0;
    // A run that continues stores its row counts when it ends, so they are stored here only for a
    // finished run.
    if settled > 0 && (is_over || run.state == RunState::Finished) {
        keep_standing(
            context,
            ledger.as_ref(),
            &Run { state: RunState::Finished, ..run.clone() },
            &before,
        )
        .await?;
    }
    Ok(())
}

/// Looks up recipients of one provider repeatedly. Returns how many were settled.
async fn follow(
    context: &Context,
    ledger: &Arc<dyn Ledger>,
    run: &Run,
    name: &str,
    log: &dyn Log,
    mut rows: Vec<LedgerRow>,
    no_learn: bool,
) -> Result<u64> {
    let Some(Unfinished { every, patience }) =
        rows.first().and_then(|row| log.unfinished(&row.detail))
    else {
        return Ok(0);
    };
    context.note(&format!(
        "mailbatch: asking {name} about {} recipients that it was still processing",
        rows.len()
    ));
    let mut claimed = Timestamp::UNIX_EPOCH;
    for batch in rows.iter().filter_map(|row| row.batch).collect::<BTreeSet<i64>>() {
        claimed = claimed
            .max(ledger.batch(&run.id, batch).await?.map_or(claimed, |batch| batch.claimed_at));
    }
    let frozen = RunSettings::of(run)?;
    let mut settled = 0;
    loop {
        let LogLookup { found, trouble } =
            look_up(ledger.as_ref(), (run, &frozen), name, log, &rows).await?;
        if !found.is_empty() {
            keep_what_it_teaches(context, ledger.as_ref(), &frozen, name, &rows, &found, no_learn)
                .await?;
            settled += found.len() as u64;
            let done: HashSet<RowNumber> = found.iter().map(|found| found.row).collect();
            forget_report(context, run)?;
            ledger.reconcile(&run.id, found).await?;
            rows.retain(|row| !done.contains(&row.row));
        }
        if let Some(trouble) = trouble {
            tracing::warn!(
                "the log of {name} cannot be queried about a batch: {}",
                in_words(trouble.refusal())
            );
            break;
        }
        let age =
            Duration::try_from(Timestamp::now().duration_since(claimed)).unwrap_or(Duration::ZERO);
        if rows.is_empty() || age + every > patience {
            break;
        }
        tokio::time::sleep(every).await;
    }
    Ok(settled)
}
