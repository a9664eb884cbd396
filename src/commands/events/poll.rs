//! `mailbatch events poll`: reads a provider's event log, to find events that no webhook delivered.
//!
//! The stored position moves only past events that are in the ledger. An event that a webhook or
//! mail already reported is not counted again. The command always ends, even if the provider
//! repeats its pages.

use std::collections::HashSet;
use std::io::{BufWriter, Write};
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::cursor::{Cursor, SKEW, back, mark};
use super::{AT_ONCE, Counts, Intake, flushed};
use crate::cli::{Globals, PollArgs};
use crate::ledger::{EventQuery, KeptEvent};
use crate::model::error::{Error, Result};
use crate::model::event::{Believe, Event};
use crate::model::exit::Exit;
use crate::model::figures::{clean, time};
use crate::model::outcome::Reason;
use crate::provider::account::{Entry, EventLog, Span, Trouble};
use crate::provider::table::webhook;
use crate::provider::webhook::Webhook;
use crate::provider::{Provider, Refusal};
use crate::run::console::eprintln_quietly;
use crate::run::console::say;
use crate::run::context::Context;
use crate::run::provider_trouble::failed;

/// How far back the first poll reads.
const FIRST: Duration = Duration::from_secs(24 * 3_600);
/// The wait between two pages. It leaves most of the API's request rate to sending.
const PAUSE: Duration = Duration::from_millis(250);
/// The number of pages in a row with only known entries after which the poll fails.
const MOST_STALE: u32 = 10;
/// The maximum number of entries that one poll reads.
const MOST: usize = 2_000_000;
/// The maximum difference between the times that the log and a webhook give for the same event. It
/// is used if their ids differ.
const SAME: SignedDuration = SignedDuration::from_mins(10);

pub(super) async fn run(globals: &Globals, env: Option<&str>, args: &PollArgs) -> Result<Exit> {
    let context = Context::new(globals, env)?;
    let (name, config) = context.settings.provider(Some(&args.provider))?;
    let (name, kind) = (name.to_owned(), config.kind.clone());
    let provider = tokio::task::block_in_place(|| context.settings.connect(&name))?;
    let webhook = webhook(&kind);
    let log = provider.account_api().and_then(|account| account.event_log());
    let (Some(log), Some(reader)) = (log, webhook.filter(|webhook| webhook.log.is_some())) else {
        return Err(has_no_log(&name, provider.as_ref(), webhook));
    };
    let dir = context.settings.workspace.state_dir.join("poll");
    let cursor = Cursor::open(&dir, &name, &kind, context.settings.env.as_deref(), !args.dry_run)?;
    let ledger = if args.dry_run { context.existing_ledger()? } else { Some(context.ledger()?) };
    let account = match &ledger {
        Some(ledger) => Some(mark(&log.whose(), &ledger.secret_key().await?)),
        None => None,
    };
    let believe = Believe { soft: context.settings.soft_bounces, mail_about_anybody: false };
    let intake = ledger.filter(|_| !args.dry_run).map(|ledger| Intake { context, ledger, believe });
    let now = Timestamp::now();
    let (span, progress) = (Span { from: now, until: now }, Progress::default());
    let mut poll = Poll {
        name,
        log,
        reader,
        since: args.since,
        span,
        cursor,
        account,
        doubt: None,
        intake,
        progress,
    };
    poll.set_out(now);
    let read = poll.read(globals).await;
    provider.close().await;
    read?;
    poll.print(globals)
}

/// Returns the time from which a poll reads.
fn begin(
    since: Option<Duration>,
    read_until: Option<Timestamp>,
    unsettled: Duration,
    now: Timestamp,
) -> Timestamp {
    match (since, read_until) {
        (Some(since), _) => back(now, since),
        (None, Some(place)) => back(place.min(now), unsettled),
        (None, None) => back(now, FIRST),
    }
}

/// Creates the error for a provider without an event log. Its hint names the alternatives.
fn has_no_log(name: &str, provider: &dyn Provider, webhook: Option<&Webhook>) -> Error {
    let mut instead = Vec::new();
    if webhook.is_some() {
        instead.push(format!("`mailbatch listen` receives its webhooks at /events/{name}"));
    }
    if provider.account_api().is_some_and(|account| account.suppressions().is_some()) {
        instead.push(format!(
            "`mailbatch suppress sync {name}` copies the addresses that it suppresses"
        ));
    }
    if instead.is_empty() {
        instead.push(
            "`mailbatch events ingest PATH` reads bounces and complaints that arrive as mail"
                .to_owned(),
        );
    }
    Error::usage(format!("providers.{name}: the API of this provider has no log of events"))
        .hint(instead.join("; "))
}

/// The entries that a poll has read.
#[derive(Debug, Default)]
struct Progress {
    counts: Counts,
    entries: u64,
    left_out: Vec<String>,
}

/// One poll of a provider's event log.
struct Poll<'a> {
    name: String,
    log: &'a dyn EventLog,
    reader: &'static Webhook,
    /// The value of `--since`.
    since: Option<Duration>,
    span: Span,
    cursor: Cursor,
    /// The keyed hash of the polled account, or `None` without a ledger.
    account: Option<String>,
    /// The problem with the stored position, if there is one.
    doubt: Option<String>,
    /// Records the events. `None` for a dry run.
    intake: Option<Intake>,
    progress: Progress,
}

impl Poll<'_> {
    /// Sets the time span to read, which ends at `now`.
    fn set_out(&mut self, now: Timestamp) {
        self.doubt = self.cursor.doubt(now, self.account.as_deref(), FIRST);
        self.span = Span {
            from: begin(self.since, self.cursor.read_until(), self.log.unsettled_for(), now),
            until: now,
        };
    }

    /// Compares the local clock with the service's clock. If they differ too much, sets the span
    /// again by the service's clock and returns true. With a local clock that is ahead, later
    /// events would count as read. Also reports a problem with the stored position once.
    fn compare_clocks(&mut self, theirs: Option<Timestamp>) -> bool {
        let ahead = theirs.map(|theirs| Timestamp::now().duration_since(theirs));
        let wrong = theirs.filter(|_| ahead.is_some_and(|ahead| ahead.abs() > SKEW));
        if let (Some(theirs), Some(ahead)) = (wrong, ahead) {
            let word = if ahead.is_positive() { "ahead of" } else { "behind" };
            let (name, minutes) = (&self.name, ahead.abs().as_mins());
            eprintln_quietly(&format!(
                "mailbatch: providers.{name}: the local clock is {minutes} minutes {word} the service's clock; the service's clock is used"
            ));
            self.set_out(theirs);
        }
        if let Some(doubt) = self.doubt.take() {
            eprintln_quietly(&format!(
                "mailbatch: {doubt}; reading the log from {}",
                time(self.span.from)
            ));
        }
        wrong.is_some()
    }

    /// Reads all pages of the span.
    async fn read(&mut self, globals: &Globals) -> Result<()> {
        let mut out = BufWriter::new(std::io::stdout());
        let (mut next, mut cursors, mut seen, mut stale) =
            (None::<String>, HashSet::new(), HashSet::new(), 0);
        let mut is_first = true;
        loop {
            let stretch = self
                .log
                .stretch(self.span, next.as_deref())
                .await
                .map_err(|trouble| failed(&self.name, &trouble))?;
            if std::mem::take(&mut is_first) && self.compare_clocks(stretch.clock) {
                continue;
            }
            let entries = stretch.entries.len();
            let before = seen.len();
            let events: Vec<Event> = stretch
                .entries
                .iter()
                .filter_map(|entry| self.event(entry))
                .filter(|event| seen.insert(xxh3_128(event.id.as_bytes())))
                .collect();
            stale = if entries > 0 && seen.len() == before { stale + 1 } else { 0 };
            if globals.json || self.intake.is_none() {
                events.iter().try_for_each(|event| {
                    flushed(writeln!(
                        out,
                        "{}",
                        if globals.json { line(event) } else { in_words(event) }
                    ))
                })?;
                flushed(out.flush())?;
            }
            self.keep(events).await?;
            self.progress.left_out.extend(stretch.left_out);
            if let (Some(_), Some(read)) = (&self.intake, stretch.read_until) {
                // The provider may still add events of the latest period, so it does not count as
                // read.
                let read =
                    read.min(back(self.span.until, self.log.unsettled_for())).max(self.span.from);
                self.cursor.advance(self.span.from, read)?;
            }
            let Some(goes_on) = stretch.next else { break };
            let trouble = if !cursors.insert(xxh3_128(goes_on.as_bytes())) {
                "the log leads back to a page that was already read"
            } else if stale >= MOST_STALE {
                "the log returns the same entries over and over"
            } else if seen.len() >= MOST {
                "the log is longer than one poll can read"
            } else {
                next = Some(goes_on);
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            return Err(failed(
                &self.name,
                &Trouble::Failing(Refusal::new(Reason::NoReply, "", trouble)),
            ));
        }
        if self.intake.is_some() {
            self.cursor.advance(self.span.from, self.span.until)?;
        }
        Ok(())
    }

    /// Converts a log entry to an event. An unreadable entry is counted and reported, and yields
    /// `None`.
    fn event(&mut self, entry: &Entry) -> Option<Event> {
        self.progress.entries += 1;
        match self.reader.read_log(entry.list, &entry.value, Timestamp::now()) {
            Ok(mut event) => {
                event.provider.clone_from(&self.name);
                Some(event)
            }
            Err(why) => {
                self.progress.counts.unreadable += 1;
                eprintln_quietly(&format!(
                    "mailbatch: providers.{}: {}: {why}; continuing with the other entries",
                    self.name, entry.list
                ));
                None
            }
        }
    }

    /// Records events in the ledger, and appends the suppressions learned from them to the
    /// suppression file.
    async fn keep(&mut self, events: Vec<Event>) -> Result<()> {
        let Self { intake, progress, reader, .. } = self;
        for event in &events {
            *progress.counts.words.entry(event.word()).or_default() += 1;
        }
        let Some(intake) = intake else { return Ok(()) };
        let shares_ids = reader.log.as_ref().is_some_and(|log| log.shares_ids);
        let mut events = events.into_iter();
        loop {
            let mut some: Vec<Event> = events.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            if !shares_ids {
                let were_known =
                    try_join_all(some.iter().map(|event| was_known(intake, event))).await?;
                progress.counts.again += were_known.iter().filter(|known| **known).count() as u64;
                let mut were_known = were_known.into_iter();
                some.retain(|_| !were_known.next().unwrap_or(false));
            }
            intake.write_down(some, &mut progress.counts).await?;
        }
        // Also appends suppressions that an earlier process left unfiled.
        intake.file().await
    }

    fn print(&self, globals: &Globals) -> Result<Exit> {
        let Progress { counts, entries, left_out } = &self.progress;
        for what in left_out {
            eprintln_quietly(&format!("mailbatch: providers.{}: {}", self.name, clean(what)));
        }
        let dry_run = self.intake.is_none();
        let Span { from, until } = self.span;
        if globals.json {
            let object = json!({
                "v": 1, "type": "events.polled", "provider": self.name, "from": time(from), "until": time(until), "dry_run": dry_run,
                "entries": entries, "counts": counts.words, "new": counts.new, "known": counts.again, "strangers": counts.strangers,
                "suppressed": counts.learned, "unreadable": counts.unreadable, "left_out": left_out,
            });
            say(&mut std::io::stdout(), &format!("{object}\n"))?;
        } else if !globals.quiet {
            let text = format!(
                "{} since {}, {}\n{}",
                self.name,
                time(from),
                self.log.holds(),
                counts.text("entry", "entries", *entries, dry_run)
            );
            say(&mut std::io::stdout(), &text)?;
        }
        Ok(if counts.unreadable > 0 { Exit::RETRYABLE } else { Exit::OK })
    }
}

/// Whether the ledger has this event under another id: an event about the same message, or about
/// the same address at nearly the same time. If the event suppresses its recipient, the known event
/// must suppress for the same reason.
async fn was_known(intake: &Intake, event: &Event) -> Result<bool> {
    let Some(email) = event.recipient.clone() else { return Ok(false) };
    let is_it = |kept: &KeptEvent| {
        let known = &kept.event;
        let is_one_message =
            !event.provider_id.is_empty() && known.provider_id == event.provider_id;
        let is_one_time = event.provider_id.is_empty()
            && known.bounce == event.bounce
            && known.at.duration_since(event.at).abs() <= SAME;
        let says_as_much = event.suppresses().is_none() || known.suppresses() == event.suppresses();
        known.provider == event.provider
            && known.id != event.id
            && (is_one_message || is_one_time)
            && says_as_much
    };
    let mut query = EventQuery {
        limit: 1_000,
        kind: Some(event.kind),
        email: Some(email),
        ..EventQuery::default()
    };
    loop {
        let page = intake.ledger.events(query.clone()).await?;
        if page.iter().any(is_it) {
            return Ok(true);
        }
        match page.last() {
            Some(last) if page.len() == query.limit => query.after = last.number,
            _ => return Ok(false),
        }
    }
}

fn line(event: &Event) -> String {
    let object: Value = json!({
        "v": event.v, "type": event.kind, "bounce": event.bounce, "class": event.class, "recipient": event.recipient, "code": event.code,
        "status": event.status, "reason": event.reason, "at": time(event.at), "provider": event.provider, "source": event.source,
        "provider_id": event.provider_id, "message_id": event.message_id, "token": event.token, "id": event.id,
    });
    object.to_string()
}

fn in_words(event: &Event) -> String {
    let class = event.class.map_or("", |class| class.as_str());
    let recipient = event.recipient.as_deref().unwrap_or("(address not reported)");
    let line = format!(
        "{}  {:<14} {class:<16} {recipient}  {} {} {}",
        time(event.at),
        event.word(),
        event.code,
        event.status,
        event.reason
    );
    clean(&line).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_begins_before_the_end_of_the_last_one_and_never_in_the_future() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let (hour, now) = (Duration::from_secs(3_600), at(1_000_000));
        assert_eq!(begin(None, None, hour, now), at(1_000_000 - 86_400));
        assert_eq!(begin(None, Some(at(900_000)), hour, now), at(900_000 - 3_600));
        assert_eq!(
            begin(None, Some(at(1_000_100)), hour, now),
            at(1_000_000 - 3_600),
            "clocks are never the same"
        );
        assert_eq!(begin(Some(hour * 2), Some(at(900_000)), hour, now), at(1_000_000 - 7_200));
        assert_eq!(begin(Some(hour * 24 * 30), None, hour, at(5)), at(0));
    }
}
