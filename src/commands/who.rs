//! `mailbatch who`: shows the history of one address in all runs.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::{Globals, WhoArgs};
use crate::ledger::{EventQuery, KeptEvent, Ledger, LedgerRow, Run};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::figures::time;
use crate::report::{Moment, who_table};
use crate::run::console::say;
use crate::run::console::width;
use crate::run::context::Context;
use crate::run::places::places;
use crate::run::settings::RunSettings;
use crate::suppression::Entry;

/// The number of events to read at once.
const PAGE: usize = 1_000;

/// All records about one address.
struct Known {
    runs: Vec<(Run, LedgerRow)>,
    events: Vec<KeptEvent>,
    suppressions: Vec<(String, Entry)>,
}

/// Prints every run, outcome, event and suppression of one address, newest first.
pub(crate) async fn run(globals: &Globals, args: &WhoArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    let ledger = context.used_ledger_to_read()?;
    // An invalid address may occur in lists, but not in events or suppressions.
    let address = Address::parse(&args.email).ok();
    let email = address.as_ref().map_or_else(|| args.email.clone(), ToString::to_string);
    let known = Known {
        runs: runs(ledger.as_ref(), &email).await?,
        events: events(ledger.as_ref(), &email).await?,
        suppressions: match &address {
            Some(address) => suppressions(&context, ledger.as_ref(), address).await?,
            None => Vec::new(),
        },
    };
    if known.runs.is_empty() && known.events.is_empty() && known.suppressions.is_empty() {
        return Err(Error::usage(
            "this address occurs in no run, event or suppression of this workspace",
        )
        .hint("pass the complete address; `mailbatch runs list` lists the runs in the ledger"));
    }
    let text = if globals.json {
        format!("{}\n", known.json(&email))
    } else {
        who_table(&known.moments(), width())
    };
    say(&mut std::io::stdout(), &text)?;
    Ok(Exit::OK)
}

async fn runs(ledger: &dyn Ledger, email: &str) -> Result<Vec<(Run, LedgerRow)>> {
    let mut found = Vec::new();
    for (id, row) in ledger.rows_of(email).await? {
        if let Some(run) = ledger.run(&id).await? {
            found.push((run, row));
        }
    }
    Ok(found)
}

async fn events(ledger: &dyn Ledger, email: &str) -> Result<Vec<KeptEvent>> {
    let mut query =
        EventQuery { limit: PAGE, email: Some(email.to_owned()), ..EventQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = ledger.events(query.clone()).await?;
        let (count, last) = (page.len(), page.last().map(|event| event.number));
        found.extend(page);
        match last {
            Some(last) if count == query.limit => query.after = last,
            _ => return Ok(found),
        }
    }
}

/// Finds the entries for an address in the configured suppression files, in the files that earlier
/// runs used, and in the ledger.
async fn suppressions(
    context: &Context,
    ledger: &dyn Ledger,
    address: &Address,
) -> Result<Vec<(String, Entry)>> {
    let mut files: Vec<PathBuf> = context.settings.suppression_files.clone();
    for run in ledger.runs().await? {
        files.extend(RunSettings::of(&run)?.suppress);
    }
    files.sort();
    files.dedup();
    // A file that an earlier run used may have been deleted.
    files.retain(|file| file.exists());
    places(context, &files, address)
}

/// Returns the outcome and reason of a row, in the words of reports.
fn outcome(row: &LedgerRow) -> String {
    let outcome = row.outcome.map_or("open", |outcome| outcome.as_str());
    [outcome, row.reason.map_or("", |reason| reason.as_str())]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns the first characters of the message's fingerprint, which distinguish versions of the
/// message.
fn version(run: &Run) -> String {
    run.head.message_fingerprint.chars().take(12).collect()
}

/// Returns the run whose message the recipient got or may have got. It is an earlier run if that
/// run reached the recipient. Returns `None` if no attempt was made.
fn sent_by<'a>(runs: &'a [(Run, LedgerRow)], run: &'a Run, row: &LedgerRow) -> Option<&'a Run> {
    if row.batch.is_some() {
        return Some(run);
    }
    let from = row.carried_from.as_ref()?;
    runs.iter().map(|(other, _)| other).find(|other| other.id == *from)
}

fn place(run: &Run, row: &LedgerRow) -> String {
    let list = run.head.lists.get(row.list as usize).map_or("list", String::as_str);
    format!("{list}:{}", row.line)
}

impl Known {
    fn moments(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        for (run, row) in &self.runs {
            let env = run.head.env.as_ref().map(|env| format!(" ({env})")).unwrap_or_default();
            let provider = if row.batch.is_some() {
                format!("through {}", row.provider)
            } else {
                String::new()
            };
            let said = format!("{} {}", row.code, row.detail);
            let message = match sent_by(&self.runs, run, row) {
                Some(sent) if sent.id == run.id => format!("message {}", version(sent)),
                Some(sent) => format!("message {} of run {}", version(sent), sent.id),
                None => String::new(),
            };
            let parts = [
                format!("{}{env}", run.head.name()),
                place(run, row),
                message,
                provider,
                said.trim().to_owned(),
            ];
            moments.push(Moment {
                at: Some(row.last_at.unwrap_or(run.started_at)),
                what: outcome(row),
                about: run.id.clone(),
                detail: parts
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        for kept in &self.events {
            let event = &kept.event;
            let from =
                if event.provider.is_empty() { event.source.as_str() } else { &event.provider };
            let class = event.class.map_or("", |class| class.as_str());
            let parts = [
                class.to_owned(),
                format!("{} {}", event.code, event.status).trim().to_owned(),
                format!("reported by {from}"),
            ];
            moments.push(Moment {
                at: Some(event.at),
                what: event.word().to_owned(),
                about: kept.run.clone().unwrap_or_default(),
                detail: parts
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        for (place, entry) in &self.suppressions {
            let expires =
                entry.expires_at.map(|at| format!("until {}", time(at))).unwrap_or_default();
            let parts = [
                format!("in {place}"),
                format!("scope {}", entry.scope.as_str()),
                entry.source.clone(),
                expires,
            ];
            moments.push(Moment {
                at: entry.created_at,
                what: format!("suppressed now {}", entry.reason),
                about: String::new(),
                detail: parts
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        // Entries are sorted newest first. A suppression without a date comes first, because it is
        // in force now.
        moments.sort_by_key(|moment| std::cmp::Reverse(moment.at.unwrap_or(Timestamp::MAX)));
        moments
    }

    fn json(&self, email: &str) -> Value {
        let run = |(run, row): &(Run, LedgerRow)| {
            json!({
                "run": run.id,
                "campaign": run.head.name(),
                "env": run.head.env,
                "kind": run.head.kind,
                "message": sent_by(&self.runs, run, row).map(|run| &run.head.message_fingerprint),
                "started_at": time(run.started_at),
                "row": row.row,
                "list": run.head.lists.get(row.list as usize),
                "line": row.line,
                "outcome": row.outcome,
                "reason": row.reason,
                "code": row.code,
                "detail": row.detail,
                "provider": row.batch.map(|_| &row.provider),
                "attempts": row.attempts,
                "message_id": row.message_id,
                "provider_id": row.provider_id,
                "first_at": row.first_at.map(time),
                "last_at": row.last_at.map(time),
                "feedback": row.feedback,
            })
        };
        let mut events: Vec<&KeptEvent> = self.events.iter().collect();
        events.sort_by_key(|kept| std::cmp::Reverse((kept.event.at, kept.number)));
        let event = |kept: &&KeptEvent| {
            let event = &kept.event;
            json!({
                "number": kept.number,
                "type": event.kind,
                "bounce": event.bounce,
                "class": event.class,
                "at": time(event.at),
                "code": event.code,
                "status": event.status,
                "reason": event.reason,
                "provider": event.provider,
                "source": event.source,
                "run": kept.run,
                "row": kept.row,
            })
        };
        let suppression = |(place, entry): &(String, Entry)| {
            json!({
                "where": place,
                "reason": entry.reason,
                "scope": entry.scope.as_str(),
                "source": entry.source,
                "created_at": entry.created_at.map(time),
                "expires_at": entry.expires_at.map(time),
            })
        };
        json!({
            "v": 1,
            "type": "who",
            "email": email,
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "events": events.iter().map(event).collect::<Vec<_>>(),
            "suppressions": self.suppressions.iter().map(suppression).collect::<Vec<_>>(),
        })
    }
}
