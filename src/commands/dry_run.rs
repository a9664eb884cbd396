//! `send --dry-run`: everything but the wire. Writes nothing but what it prints.

use std::collections::HashMap;

use crate::commands::running::canary_size;
use crate::commands::say;
use crate::commands::send::{Sending, survey_notes};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, PlannedRow, Run, RunState};
use crate::outcome::Outcome;
use crate::pipeline::ledger_error;
use crate::plan;

/// Reads, screens and renders everything, and says what a send would do and how long it would take under the limits.
pub(crate) async fn run(sending: &Sending<'_>) -> Result<Exit> {
    let bench = sending.bench;
    let ledger = bench.existing_ledger()?;
    let secret = match &ledger {
        Some(ledger) => ledger.secret_key().await.map_err(ledger_error)?,
        None => [0; 32],
    };
    let ledger = ledger.as_deref().map(|ledger| ledger as &dyn Ledger);
    let suppressions = bench.suppressions(&sending.args.list.screening.suppress, ledger, sending.message.kind()).await?;
    let reached = match ledger {
        Some(ledger) => Reached::read(ledger, sending).await?,
        None => Reached::default(),
    };
    let mut earlier = 0;
    let mut sink = |rows: Vec<PlannedRow>| {
        earlier += rows.iter().filter(|row| row.outcome.is_none() && reached.has(row)).count() as u64;
        Ok(())
    };
    let screening = sending.screening(&suppressions, secret);
    let survey = tokio::task::block_in_place(|| plan::read(&sending.lists, sending.filter.as_ref(), &screening, &mut sink))?;
    survey.judge(sending.args.list.screening.max_invalid, sending.args.list.screening.expect_count.as_ref())?;

    let (_, config) = bench.settings.provider(Some(&sending.provider))?;
    let sendable = survey.tally.open - earlier;
    let going = sending.args.limit.map_or(sendable, |limit| limit.min(sendable));
    let size = sending.args.canary.or(bench.settings.canary.size).map(|size| size.to_string());
    let canary = canary_size(size.as_deref())?.map(|size| size.of(going));
    let rate = [config.rate, sending.args.sending.rate].into_iter().flatten().min_by(|a, b| a.per_second().total_cmp(&b.per_second()));
    let slowest = rate.iter().chain(&config.caps).map(|rate| rate.per_second()).min_by(f64::total_cmp);
    let seconds = slowest.map(|per_second| (going as f64 / per_second).ceil() as u64);

    if bench.globals.json {
        let counts: serde_json::Map<_, _> = Outcome::ALL.iter().map(|outcome| (outcome.to_string(), survey.tally.get(*outcome).into())).collect();
        let object = serde_json::json!({
            "v": 1, "type": "dry_run", "campaign": crate::commands::campaign::shown(&sending.campaign), "input": survey.rows(), "counts": counts,
            "already_reached": earlier, "would_send": going, "canary": canary, "provider": sending.provider,
            "seconds_under_limits": seconds, "filtered": survey.filtered, "notes": survey_notes(&survey),
        });
        say(&mut std::io::stdout(), &format!("{object}\n"))?;
        return Ok(Exit::OK);
    }
    let mut text = format!("dry run of {}: nothing is sent, nothing is written\n", crate::commands::campaign::shown(&sending.campaign));
    for (outcome, count) in survey.tally.non_zero() {
        text.push_str(&format!("  {count:>9}  {outcome}\n"));
    }
    if earlier > 0 {
        text.push_str(&format!("  {earlier:>9}  settled by an earlier run of the campaign\n"));
    }
    if going < sendable {
        text.push_str(&format!("  {:>9}  held by --limit\n", sendable - going));
    }
    text.push_str(&format!("  {going:>9}  would go through {}", sending.provider));
    text.push_str(&canary.map_or_else(|| "\n".to_owned(), |canary| format!(", {canary} of them as a canary first\n")));
    text.push_str(&format!("  {:>9}  rows in\n", survey.rows()));
    if survey.filtered > 0 {
        text.push_str(&format!("  {:>9}  more left out by --where\n", survey.filtered));
    }
    match (slowest, seconds) {
        (Some(_), Some(seconds)) => {
            let time = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            text.push_str(&format!("under the limits this takes {time:#} or longer\n"));
        }
        _ => text.push_str("no rate and no cap is configured: as fast as the provider takes it\n"),
    }
    for note in sending.message.lint().iter().chain(&survey_notes(&survey)) {
        text.push_str(&format!("note: {note}\n"));
    }
    say(&mut std::io::stdout(), &text)?;
    Ok(Exit::OK)
}

/// Whom earlier runs of the campaign have settled for good, by hashes of their keys and addresses.
#[derive(Default)]
struct Reached {
    settled: HashMap<u64, ()>,
}

impl Reached {
    async fn read(ledger: &dyn Ledger, sending: &Sending<'_>) -> Result<Self> {
        let mut reached = Self::default();
        let ours = |run: &Run| run.head.campaign == sending.campaign && run.head.env == sending.bench.settings.env && run.state != RunState::Planning;
        let runs = ledger.runs().await.map_err(ledger_error)?;
        for run in runs.iter().filter(|run| ours(run)) {
            crate::commands::running::each_row(ledger, &run.id, |row| {
                if matches!(row.outcome, Some(Outcome::Accepted | Outcome::Rejected | Outcome::Unknown | Outcome::AlreadyAccepted)) {
                    reached.settled.insert(hash(&row.key), ());
                    reached.settled.insert(hash(&row.email.to_lowercase()), ());
                }
                Ok::<(), Error>(())
            })
            .await?;
        }
        Ok(reached)
    }

    fn has(&self, row: &PlannedRow) -> bool {
        !self.settled.is_empty() && (self.settled.contains_key(&hash(&row.key)) || self.settled.contains_key(&hash(&row.email.to_lowercase())))
    }
}

fn hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
