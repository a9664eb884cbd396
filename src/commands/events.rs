//! `mailbatch events`: records and lists feedback about sent mail, such as bounces.

pub(crate) mod cursor;
mod poll;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::{EventListArgs, EventsArgs, EventsCommand, Globals, IngestArgs};
use crate::config::start_dir;
use crate::events::mail::{self, Parsed};
use crate::events::{Letter, each_letter, file_learned};
use crate::ledger::{EventQuery, KeptEvent, Ledger, Seen};
use crate::model::error::{Error, Result};
use crate::model::event::{Believe, Event};
use crate::model::exit::Exit;
use crate::model::figures::{clean, time};
use crate::model::shown::Shown;
use crate::provider::table::read_export;
use crate::run::console::eprintln_quietly;
use crate::run::console::say;
use crate::run::context::Context;
use crate::suppression;

/// The maximum number of events to write in one batch. Also the maximum number of parsed messages
/// that wait to be written.
const AT_ONCE: usize = 256;

pub(crate) async fn run(globals: &Globals, args: &EventsArgs) -> Result<Exit> {
    match &args.command {
        EventsCommand::Ingest(ingest) => self::ingest(globals, args.env.as_deref(), ingest).await,
        EventsCommand::Poll(poll) => poll::run(globals, args.env.as_deref(), poll).await,
        EventsCommand::List(list) => self::list(globals, args.env.as_deref(), list).await,
    }
}

/// The numbers of messages and events that were read and recorded.
#[derive(Debug, Default)]
struct Counts {
    messages: u64,
    nothing: u64,
    unreadable: u64,
    words: BTreeMap<&'static str, u64>,
    new: u64,
    again: u64,
    strangers: u64,
    learned: u64,
    doubted: u64,
    hearsay: u64,
    left_out: u64,
}

impl Counts {
    fn seen(&mut self, seen: &Seen) {
        if !seen.is_new {
            self.again += 1;
            return;
        }
        self.new += 1;
        self.hearsay += u64::from(seen.is_hearsay);
        self.strangers += u64::from(seen.about.is_none());
        self.learned += u64::from(seen.learned.is_some());
        self.doubted += u64::from(seen.doubted);
    }

    /// Formats a summary of `read` items. `one` and `many` are the singular and plural of their
    /// name.
    fn text(&self, one: &str, many: &str, read: u64, dry_run: bool) -> String {
        let words: Vec<String> =
            self.words.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let found = if words.is_empty() { "no events".to_owned() } else { words.join(", ") };
        let mut text = format!("{read} {} read: {found}", if read == 1 { one } else { many });
        if self.messages > 0 {
            text.push_str(&format!("; {} without feedback", self.nothing));
        }
        if self.unreadable > 0 {
            text.push_str(&format!("; {} unreadable", self.unreadable));
        }
        if self.left_out > 0 {
            text.push_str(&format!("; {} recipients left out", self.left_out));
        }
        if dry_run {
            text.push_str("\nnothing was written\n");
            return text;
        }
        text.push_str(&format!(
            "\n{} new, {} known before, {} about no recipient in the ledger; {} suppressed\n",
            self.new, self.again, self.strangers, self.learned
        ));
        if self.doubted > 0 {
            text.push_str(&format!(
                "{} are about recipients that this workspace never mailed, so these were not suppressed; use --any-recipient to suppress them\n",
                self.doubted
            ));
        }
        if self.hearsay > 0 {
            text.push_str(&format!(
                "{} unverifiable bounces: recorded, not acted on\n",
                self.hearsay
            ));
        }
        text
    }
}

/// Records events in the ledger, and learned suppressions in the suppression file.
struct Intake {
    context: Context,
    ledger: std::sync::Arc<dyn Ledger>,
    believe: Believe,
}

impl Intake {
    async fn take(&self, mut events: Vec<Event>, counts: &mut Counts) -> Result<()> {
        for event in &mut events {
            self.name_provider(event);
        }
        self.write_down(events, counts).await
    }

    async fn write_down(&self, events: Vec<Event>, counts: &mut Counts) -> Result<()> {
        let seen =
            try_join_all(events.into_iter().map(|event| self.ledger.event(event, self.believe)))
                .await?;
        seen.iter().for_each(|seen| counts.seen(seen));
        Ok(())
    }

    /// Sets the provider's configured name. An exported event names only the kind of provider,
    /// which is replaced if exactly one configured provider has this kind. An event that was
    /// already received by webhook is then recognized.
    fn name_provider(&self, event: &mut Event) {
        let mut of_kind = self
            .context
            .settings
            .providers
            .iter()
            .filter(|(_, config)| config.kind == event.provider);
        if let (Some((name, _)), None) = (of_kind.next(), of_kind.next()) {
            name.clone_into(&mut event.provider);
        }
    }

    /// Appends newly learned suppressions to the first suppression file.
    async fn file(&self) -> Result<()> {
        static WARNED: std::sync::Once = std::sync::Once::new();
        let settings = &self.context.settings;
        if let Some(file) = settings.suppression_files.first()
            && let Err(error) =
                file_learned(self.ledger.as_ref(), &settings.workspace.state_dir, file).await
        {
            // If the file is not writable, the suppressions stay in the ledger, which every send
            // checks.
            let Some(why) = suppression::unwritable(file) else { return Err(error) };
            let shown = settings.workspace.shown(file);
            WARNED.call_once(|| {
                self.context
                    .warn(&format!("warning: suppression file {shown} cannot be written ({why}): new suppressions are stored only in the ledger"));
            });
        }
        Ok(())
    }
}

async fn ingest(globals: &Globals, env: Option<&str>, args: &IngestArgs) -> Result<Exit> {
    let intake = if args.dry_run {
        None
    } else {
        let context = Context::new(globals, env)?;
        let ledger = context.ledger()?;
        let believe =
            Believe { soft: context.settings.soft_bounces, mail_about_anybody: args.any_recipient };
        Some(Intake { context, ledger, believe })
    };
    let base = start_dir(globals)?;
    let paths: Vec<(PathBuf, String)> =
        args.paths.iter().map(|path| (base.join(path), path.shown())).collect();
    let (sender, mut letters) = tokio::sync::mpsc::channel::<(Letter, Option<Parsed>)>(AT_ONCE);
    let reader = tokio::task::spawn_blocking(move || {
        for (path, shown) in &paths {
            let going = each_letter(path, shown, &mut |letter| {
                let parsed = letter.raw.as_deref().ok().map(read);
                // The raw message is no longer needed and may be large.
                let letter = Letter { raw: letter.raw.map(|_| Vec::new()), ..letter };
                sender.blocking_send((letter, parsed)).is_ok()
            });
            if !going {
                break;
            }
        }
    });
    let mut counts = Counts::default();
    let mut out = BufWriter::new(std::io::stdout());
    let mut waiting: Vec<Event> = Vec::new();
    while let Some((letter, parsed)) = letters.recv().await {
        let events = tally(&letter, parsed, &mut counts);
        if args.dry_run || globals.json {
            print(&mut out, globals, &letter, &events)?;
        }
        if let (Some(intake), Ok(events)) = (&intake, events) {
            waiting.extend(events);
            while waiting.len() >= AT_ONCE || (letters.is_empty() && !waiting.is_empty()) {
                let now: Vec<Event> = waiting.drain(..waiting.len().min(AT_ONCE)).collect();
                intake.take(now, &mut counts).await?;
            }
        }
    }
    reader
        .await
        .map_err(|e| Error::internal(format!("the task that reads the messages failed: {e}")))?;
    if let Some(intake) = &intake {
        intake.take(waiting, &mut counts).await?;
        intake.file().await?;
    }
    flushed(out.flush())?;
    if !globals.quiet && !globals.json {
        say(
            &mut std::io::stdout(),
            &counts.text("message", "messages", counts.messages, args.dry_run),
        )?;
    }
    Ok(if counts.unreadable + counts.left_out > 0 { Exit::RETRYABLE } else { Exit::OK })
}

/// Parses a mail message or a provider's JSON object.
fn read(raw: &[u8]) -> Parsed {
    if raw.first() != Some(&b'{') {
        return mail::read(raw, Timestamp::now());
    }
    read_export(raw, Timestamp::now()).map_or_else(Parsed::Nothing, Parsed::Events)
}

/// Counts a message, and returns its events or the reason why it has none.
fn tally(
    letter: &Letter,
    parsed: Option<Parsed>,
    counts: &mut Counts,
) -> std::result::Result<Vec<Event>, String> {
    if let Err(why) = &letter.raw {
        counts.unreadable += 1;
        eprintln_quietly(&format!(
            "mailbatch: {}: cannot be read: {why}; continuing with the other files",
            clean(&letter.file)
        ));
        return Err(format!("cannot be read: {why}"));
    }
    counts.messages += 1;
    if letter.left_out > 0 {
        counts.left_out += letter.left_out;
        eprintln_quietly(&format!(
            "mailbatch: {}: the report is longer than mailbatch can read: its last {} recipients were left out\nhint: split the report into several files and ingest them",
            clean(&letter.file),
            letter.left_out
        ));
    }
    match parsed {
        Some(Parsed::Events(events)) => {
            for event in &events {
                *counts.words.entry(event.word()).or_default() += 1;
            }
            Ok(events)
        }
        Some(Parsed::Nothing(why)) => {
            counts.nothing += 1;
            Err(why.to_owned())
        }
        None => Err("cannot be read".to_owned()),
    }
}

/// Prints the events of a message, one per line.
fn print(
    out: &mut impl Write,
    globals: &Globals,
    letter: &Letter,
    events: &std::result::Result<Vec<Event>, String>,
) -> Result<()> {
    let place =
        letter.line.map_or_else(|| letter.file.clone(), |line| format!("{}:{line}", letter.file));
    let lines: Vec<String> = match events {
        Ok(events) if globals.json => {
            events.iter().map(|event| event_json(letter, event).to_string()).collect()
        }
        Err(why) if globals.json => {
            vec![
                json!({"v": 1, "file": letter.file, "line": letter.line, "type": "none", "bounce": null, "class": null, "recipient": null,
                "code": "", "status": "", "reason": why})
                .to_string(),
            ]
        }
        Ok(events) => events
            .iter()
            .map(|event| {
                let class = event.class.map_or("", |class| class.as_str());
                let recipient = event.recipient.as_deref().unwrap_or("(address not reported)");
                let hearsay = if event.is_hearsay { " (hearsay)" } else { "" };
                clean(&format!(
                    "{place}: {} {class} {recipient} {} {}{hearsay}",
                    event.word(),
                    event.code,
                    event.status
                ))
                .trim_end()
                .to_owned()
            })
            .collect(),
        Err(why) => vec![clean(&format!("{place}: no event: {why}")).into_owned()],
    };
    for line in lines {
        flushed(writeln!(out, "{line}"))?;
    }
    Ok(())
}

fn event_json(letter: &Letter, event: &Event) -> Value {
    json!({
        "v": event.v,
        "file": letter.file,
        "line": letter.line,
        "type": event.kind,
        "bounce": event.bounce,
        "class": event.class,
        "recipient": event.recipient,
        "code": event.code,
        "status": event.status,
        "reason": event.reason,
        "at": time(event.at),
        "source": event.source,
        "message_id": event.message_id,
        "token": event.token,
        "hearsay": event.is_hearsay,
        "id": event.id,
    })
}

/// Ignores the error if the reader of standard output closed the pipe.
fn flushed(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::internal(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

async fn list(globals: &Globals, env: Option<&str>, args: &EventListArgs) -> Result<Exit> {
    let context = Context::new(globals, env)?;
    let Some(ledger) = context.ledger_to_read()? else { return Ok(Exit::OK) };
    let run = match &args.run {
        Some(name) => Some(context.run(ledger.as_ref(), Some(name)).await?.id),
        None => None,
    };
    let mut query = EventQuery {
        limit: 1_000,
        run,
        kind: args.kind,
        email: args.email.clone(),
        ..EventQuery::default()
    };
    let mut out = BufWriter::new(std::io::stdout());
    loop {
        let page = ledger.events(query.clone()).await?;
        for event in &page {
            let line = if globals.json { kept_json(event).to_string() } else { kept_line(event) };
            flushed(writeln!(out, "{line}"))?;
        }
        match page.last() {
            Some(last) if page.len() == query.limit => query.after = last.number,
            _ => break,
        }
    }
    flushed(out.flush())?;
    Ok(Exit::OK)
}

fn kept_json(kept: &KeptEvent) -> Value {
    let event = &kept.event;
    json!({
        "v": event.v,
        "number": kept.number,
        "type": event.kind,
        "bounce": event.bounce,
        "class": event.class,
        "recipient": event.recipient,
        "code": event.code,
        "status": event.status,
        "reason": event.reason,
        "at": time(event.at),
        "received_at": time(kept.received_at),
        "provider": event.provider,
        "source": event.source,
        "run": kept.run,
        "row": kept.row,
        "linked_by": kept.linked_by,
        "provider_id": event.provider_id,
        "message_id": event.message_id,
        "id": event.id,
    })
}

fn kept_line(kept: &KeptEvent) -> String {
    let event = &kept.event;
    let class = event.class.map_or("-", |class| class.as_str());
    let about = match (&kept.run, kept.row) {
        (Some(run), Some(row)) => format!("{run} row {row}"),
        _ => "no run".to_owned(),
    };
    let from = if event.provider.is_empty() { event.source.as_str() } else { &event.provider };
    let recipient = event.recipient.as_deref().unwrap_or("-");
    let line = format!(
        "{}  {:<14} {class:<16} {recipient}  {about}  {from}  {} {}",
        time(event.at),
        event.word(),
        event.code,
        event.status
    );
    clean(&line).trim_end().to_owned()
}
