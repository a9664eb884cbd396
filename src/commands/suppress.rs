//! `mailbatch suppress`: adds, removes, lists, imports and exports suppressions. Added entries are
//! written to a file and to the ledger, and removed entries are deleted from both.

mod entries;
pub(crate) mod sync;

use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::Path;

use jiff::Timestamp;

use self::entries::{all, first_file};
use crate::cli::{
    self, AddArgs, ExportArgs, Globals, ImportArgs, RemoveArgs, SuppressArgs, SuppressCommand,
};
use crate::files;
use crate::input::{Finding, Kind, ReadOptions};
use crate::ledger::LedgerSuppression;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::Shown;
use crate::output::{Output, Target};
use crate::run::console::eprintln_quietly;
use crate::run::console::say;
use crate::run::context::Context;
use crate::run::own_files::{own_files, target};
use crate::run::places::places;
use crate::suppression::{self, Entry, ExportFormat, Exported, Import, Preset};

pub(crate) async fn run(globals: &Globals, args: &SuppressArgs) -> Result<Exit> {
    let context = Context::new(globals, args.env.as_deref())?;
    match &args.command {
        SuppressCommand::Add(add) => self::add(&context, add).await,
        SuppressCommand::Remove(remove) => self::remove(&context, remove).await,
        SuppressCommand::Check(check) => self::check(&context, &check.entry).await,
        SuppressCommand::List => list(&context, None, ExportFormat::Csv).await,
        SuppressCommand::Import(import) => self::import(&context, import).await,
        SuppressCommand::Export(export) => self::export(&context, export).await,
        SuppressCommand::Sync(args) => sync::sync(&context, args).await,
        SuppressCommand::Diff(args) => sync::diff(&context, args).await,
    }
}

fn parse(text: &str) -> Result<String> {
    suppression::parse_entry(text)
        .map_err(|why| Error::usage(why).hint("write ann@example.com, @example.com or sha256:HEX"))
}

async fn keep(
    context: &Context,
    file: &std::path::Path,
    entries: Vec<LedgerSuppression>,
) -> Result<u64> {
    let ledger = context.ledger()?;
    suppression::append(file, &entries)?;
    Ok(ledger.suppress(entries).await?)
}

async fn add(context: &Context, args: &AddArgs) -> Result<Exit> {
    let file = match &args.file {
        Some(file) => context.settings.workspace.path_from_arguments(file),
        None => first_file(context)?,
    };
    let now = Timestamp::now();
    let entries = args.entries.iter().map(|entry| {
        Ok(LedgerSuppression {
            entry: parse(entry)?,
            reason: args.reason,
            scope: args.scope.map_or_else(String::new, |scope| scope.as_str().to_owned()),
            source: "mailbatch suppress add".into(),
            created_at: now,
            expires_at: args.expires,
            note: args.note.clone(),
        })
    });
    let entries: Vec<_> = entries.collect::<Result<_>>()?;
    for (number, note) in (1..).zip(entries.iter().map(|entry| suppression::odd_note(&entry.entry)))
    {
        if let Some(note) = note {
            context.warn(&format!("warning: entry {number} may be cut off or misspelt ({}); only this exact entry is suppressed", note.as_str()));
        }
    }
    let count = entries.len();
    keep(context, &file, entries).await?;
    context
        .note(&format!("mailbatch: {count} added to {}", context.settings.workspace.shown(&file)));
    Ok(Exit::OK)
}

async fn remove(context: &Context, args: &RemoveArgs) -> Result<Exit> {
    let entries: Vec<String> =
        args.entries.iter().map(|entry| parse(entry)).collect::<Result<_>>()?;
    let mut lines = 0;
    let mut domains = Vec::new();
    for file in context.settings.suppression_files.iter().filter(|file| file.exists()) {
        let removed = suppression::remove(file, &entries)?;
        lines += removed.lines;
        domains.extend(removed.domains);
    }
    if let Some(ledger) = context.existing_ledger()? {
        let by = std::env::var("USER")
            .ok()
            .filter(|user| !user.is_empty())
            .unwrap_or_else(|| "mailbatch suppress remove".into());
        lines += ledger.unsuppress(entries, &by).await?;
    }
    for domain in domains {
        context.note(&format!("mailbatch: the entry {domain} still suppresses its addresses"));
    }
    if lines == 0 {
        context.note("mailbatch: none of these entries was suppressed");
    }
    Ok(Exit::OK)
}

/// Checks an address. The exit code is 0 if it is suppressed for any kind of mail, and 9 if it is
/// not.
async fn check(context: &Context, text: &str) -> Result<Exit> {
    let address = Address::parse(text).map_err(|e| Error::usage(e.to_string()))?;
    let found = places(context, &context.settings.suppression_files, &address)?;
    let text: String = if context.globals.json {
        let hits: Vec<_> =
            found.iter().map(|(place, e)| serde_json::json!({"where": place, "reason": e.reason, "scope": e.scope.as_str()})).collect();
        format!(
            "{}\n",
            serde_json::json!({"v": 1, "type": "suppress.check", "suppressed": !found.is_empty(), "entries": hits})
        )
    } else if found.is_empty() {
        "not suppressed\n".to_owned()
    } else {
        let stops =
            |e: &Entry| if e.scope.is_marketing_only(e.reason) { "marketing" } else { "all mail" };
        found
            .iter()
            .map(|(place, e)| format!("suppressed: {} (stops {}), {place}\n", e.reason, stops(e)))
            .collect()
    };
    say(&mut std::io::stdout(), &text)?;
    Ok(if found.is_empty() { Exit::EMPTY } else { Exit::OK })
}

async fn import(context: &Context, args: &ImportArgs) -> Result<Exit> {
    let target = first_file(context)?;
    let name = args.file.shown();
    let reading = ReadOptions {
        encoding: args.encoding.map(|encoding| encoding.name().to_owned()),
        delimiter: args.delimiter,
        skip_lines: args.skip_lines,
        ..ReadOptions::default()
    };
    let (column, now) = (args.column.as_deref(), Timestamp::now());
    let how = Import {
        name: &name,
        column,
        reason: Some(args.reason),
        source: "mailbatch suppress import",
        now,
        reading,
    };
    let preset = args.preset.map(|preset| match preset {
        cli::Preset::HubSpot => Preset::HubSpot,
        cli::Preset::Mailchimp => Preset::Mailchimp,
        cli::Preset::SendGrid => Preset::SendGrid,
        cli::Preset::Ses => Preset::Ses,
    });
    let read = |reader: Box<dyn std::io::Read + Send>| match preset {
        Some(preset) => suppression::import_preset(reader, &name, &how.reading, preset, now),
        None => suppression::import(reader, &how).map(|found| Exported {
            entries: found.entries,
            findings: found.findings,
            left_out: 0,
        }),
    };
    let Exported { entries, left_out, findings } = if args.file.as_os_str() == "-" {
        read(Box::new(std::io::stdin()))?
    } else {
        let path = context.settings.workspace.path_from_arguments(&args.file);
        let file = files::open_once(&path).map_err(|e| {
            Error::refused(format!("{name}: {e}")).hint("choose a readable CSV file")
        })?;
        read(Box::new(BufReader::new(file)))?
    };
    say_what_was_found(context, &findings);
    let count = entries.len();
    let fresh = keep(context, &target, entries).await?;
    let also = match left_out {
        0 => String::new(),
        rows => {
            format!(
                "; {rows} rows left out because they concern only part of the mail or suppress no address"
            )
        }
    };
    context.note(&format!(
        "mailbatch: {count} entries imported into {}, {fresh} of them new{also}",
        context.settings.workspace.shown(&target)
    ));
    Ok(Exit::OK)
}

/// Prints what the reader skipped or corrected. With `-q`, prints only findings that change which
/// addresses are suppressed.
fn say_what_was_found(context: &Context, findings: &[Finding]) {
    for finding in findings {
        let line = match finding.kind {
            Kind::Struck => {
                let places = finding.places.join(", ");
                format!(
                    "mailbatch: rows commented out with #, //, --, * or ! are left out and suppress no address ({}): {places}",
                    finding.count
                )
            }
            _ => format!("mailbatch: {finding}"),
        };
        if finding.kind.changes_who() {
            eprintln_quietly(&line);
        } else {
            context.note(&line);
        }
    }
}

async fn export(context: &Context, args: &ExportArgs) -> Result<Exit> {
    let format = match args.format {
        cli::ExportFormat::Csv => ExportFormat::Csv,
        cli::ExportFormat::Ndjson => ExportFormat::Ndjson,
    };
    list(context, args.output.as_deref(), format).await
}

async fn list(context: &Context, output: Option<&Path>, format: ExportFormat) -> Result<Exit> {
    let ledger = context.ledger_to_read()?;
    let ledger = ledger.as_deref();
    let output = match output {
        Some(path) => Some(target(context, "-o", path, &own_files(context, ledger).await)?),
        None => None,
    };
    let format = if context.globals.json { ExportFormat::Ndjson } else { format };
    tokio::task::block_in_place(|| match output {
        Some(target) => to_file(&target, format, all(context, ledger)),
        None => {
            let (mut failure, mut out) = (None, BufWriter::new(std::io::stdout().lock()));
            match suppression::export(sound(all(context, ledger), &mut failure), format, &mut out) {
                // The reader of standard output closed the pipe, which is not an error.
                Err(e) if e.kind() != ErrorKind::BrokenPipe => {
                    return Err(Error::internal(format!("standard output: {e}")));
                }
                _ => {}
            }
            failure.map_or(Ok(()), Err)
        }
    })?;
    Ok(Exit::OK)
}

/// Writes the export to a file. An existing file is replaced only after all entries have been
/// written.
fn to_file(
    target: &Target,
    format: ExportFormat,
    entries: impl Iterator<Item = Result<Entry>>,
) -> Result<()> {
    let failed = |e: std::io::Error| {
        Error::internal(format!("{}: the export cannot be written: {e}", target.path().shown()))
            .hint("choose a file that you can write to")
    };
    let mut file = BufWriter::new(Output::begin(target).map_err(failed)?);
    let mut failure = None;
    suppression::export(sound(entries, &mut failure), format, &mut file).map_err(failed)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    file.flush().map_err(failed)?;
    file.into_inner().map_err(|e| failed(e.into_error()))?.finish().map_err(failed)?;
    Ok(())
}

/// Returns the items before the first error, and stores the error in `failure`.
fn sound<'a>(
    items: impl Iterator<Item = Result<Entry>> + 'a,
    failure: &'a mut Option<Error>,
) -> impl Iterator<Item = Entry> + 'a {
    items.map_while(|item| item.map_err(|error| *failure = Some(error)).ok())
}
