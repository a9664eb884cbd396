//! `mailbatch suppress`: who must not be mailed. What is added goes to a file and to the ledger;
//! what is removed leaves both.

use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use crate::cli::{
    self, AddArgs, ExportArgs, Globals, ImportArgs, RemoveArgs, SuppressArgs, SuppressCommand,
};
use crate::commands::own_files::{own_files, target};
use crate::commands::say;
use crate::commands::workbench::{Workbench, eprintln_quietly, learned};
use crate::files;
use crate::input::{Finding, Kind, ReadOptions};
use crate::ledger::{Ledger, LedgerSuppression};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::Shown;
use crate::output::{Output, Target};
use crate::suppression::{self, Entry, ExportFormat, Exported, Import, Preset};

/// Runs one of the commands.
pub(crate) async fn run(globals: &Globals, args: &SuppressArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, args.env.as_deref())?;
    match &args.command {
        SuppressCommand::Add(add) => self::add(&bench, add).await,
        SuppressCommand::Remove(remove) => self::remove(&bench, remove).await,
        SuppressCommand::Check(check) => self::check(&bench, &check.entry).await,
        SuppressCommand::List => list(&bench, None, ExportFormat::Csv).await,
        SuppressCommand::Import(import) => self::import(&bench, import).await,
        SuppressCommand::Export(export) => self::export(&bench, export).await,
        SuppressCommand::Sync(args) => super::sync::sync(&bench, args).await,
        SuppressCommand::Diff(args) => super::sync::diff(&bench, args).await,
    }
}

/// The file that entries are written to.
pub(super) fn first_file(bench: &Workbench) -> Result<PathBuf> {
    bench.settings.suppression_files.first().cloned().ok_or_else(|| {
        Error::usage("no suppression file is configured")
            .hint("set files = [\"suppressions.csv\"] under [suppression], or pass --file")
    })
}

fn parse(text: &str) -> Result<String> {
    suppression::parse_entry(text)
        .map_err(|why| Error::usage(why).hint("write ann@example.com, @example.com or sha256:HEX"))
}

async fn keep(
    bench: &Workbench,
    file: &std::path::Path,
    entries: Vec<LedgerSuppression>,
) -> Result<u64> {
    let ledger = bench.ledger()?;
    suppression::append(file, &entries)?;
    Ok(ledger.suppress(entries).await?)
}

async fn add(bench: &Workbench, args: &AddArgs) -> Result<Exit> {
    let file = match &args.file {
        Some(file) => bench.settings.workspace.path_from_arguments(file),
        None => first_file(bench)?,
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
            bench.warn(&format!("warning: entry {number} may be cut off or misspelt ({}); it suppresses only what is written", note.as_str()));
        }
    }
    let count = entries.len();
    keep(bench, &file, entries).await?;
    bench.note(&format!("mailbatch: {count} added to {}", bench.settings.workspace.shown(&file)));
    Ok(Exit::OK)
}

async fn remove(bench: &Workbench, args: &RemoveArgs) -> Result<Exit> {
    let entries: Vec<String> =
        args.entries.iter().map(|entry| parse(entry)).collect::<Result<_>>()?;
    let mut lines = 0;
    let mut domains = Vec::new();
    for file in bench.settings.suppression_files.iter().filter(|file| file.exists()) {
        let removed = suppression::remove(file, &entries)?;
        lines += removed.lines;
        domains.extend(removed.domains);
    }
    if let Some(ledger) = bench.existing_ledger()? {
        let by = std::env::var("USER")
            .ok()
            .filter(|user| !user.is_empty())
            .unwrap_or_else(|| "mailbatch suppress remove".into());
        lines += ledger.unsuppress(entries, &by).await?;
    }
    for domain in domains {
        bench.note(&format!("mailbatch: the entry {domain} still suppresses its addresses"));
    }
    if lines == 0 {
        bench.note("mailbatch: nothing was suppressed under these entries");
    }
    Ok(Exit::OK)
}

/// Every entry of the configured files, and those of the ledger that no file has; ends after the
/// first error.
pub(super) fn all<'a>(
    bench: &'a Workbench,
    ledger: Option<&'a dyn Ledger>,
) -> impl Iterator<Item = Result<Entry>> + 'a {
    let hash = |entry: &Entry| xxh3_128(entry.entry.as_bytes());
    let mut known = Some(Vec::new());
    let mut in_files = suppression::list(&bench.settings.suppression_files);
    let mut in_ledger = ledger.into_iter().flat_map(learned);
    let mut sorted: Vec<u128> = Vec::new();
    std::iter::from_fn(move || {
        if let Some(seen) = &mut known {
            match in_files.next() {
                Some(Ok(listed)) if ledger.is_some() => {
                    seen.push(hash(&listed.entry));
                    return Some(Ok(listed.entry));
                }
                Some(listed) => return Some(listed.map(|listed| listed.entry)),
                None => {
                    sorted = known.take().unwrap_or_default();
                    sorted.sort_unstable();
                }
            }
        }
        in_ledger.by_ref().map(|kept| kept.map(|(_, kept)| Entry::from(&kept))).find(|kept| {
            kept.as_ref().map_or(true, |entry| sorted.binary_search(&hash(entry)).is_err())
        })
    })
}

/// Every entry in force that covers the address, each with the file and line where it stands, or
/// `ledger`.
pub(super) fn places(
    bench: &Workbench,
    files: &[PathBuf],
    address: &Address,
) -> Result<Vec<(String, Entry)>> {
    let now = Timestamp::now();
    let mut found = Vec::new();
    for listed in suppression::list(files) {
        let listed = listed?;
        if listed.entry.covers(address) && !listed.entry.has_expired(now) {
            found.push((
                format!("{}:{}", bench.settings.workspace.shown(&listed.file), listed.line),
                listed.entry,
            ));
        }
    }
    if let Some(ledger) = bench.ledger_to_read()? {
        tokio::task::block_in_place(|| {
            for kept in learned(ledger.as_ref()) {
                let entry = Entry::from(&kept?.1);
                if entry.covers(address) && !entry.has_expired(now) {
                    found.push(("ledger".to_owned(), entry));
                }
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok(found)
}

/// Exit 0 when the address is suppressed for any kind of mail, 9 when it is not.
async fn check(bench: &Workbench, text: &str) -> Result<Exit> {
    let address = Address::parse(text).map_err(|e| Error::usage(e.to_string()))?;
    let found = places(bench, &bench.settings.suppression_files, &address)?;
    let text: String = if bench.globals.json {
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

async fn import(bench: &Workbench, args: &ImportArgs) -> Result<Exit> {
    let target = first_file(bench)?;
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
        let path = bench.settings.workspace.path_from_arguments(&args.file);
        let file = files::open_once(&path).map_err(|e| {
            Error::refused(format!("{name}: {e}")).hint("name a CSV file that can be read")
        })?;
        read(Box::new(BufReader::new(file)))?
    };
    say_what_was_found(bench, &findings);
    let count = entries.len();
    let fresh = keep(bench, &target, entries).await?;
    let also = match left_out {
        0 => String::new(),
        rows => {
            format!("; {rows} rows left out, which are about some mail only or suppress nobody")
        }
    };
    bench.note(&format!(
        "mailbatch: {count} entries imported into {}, {fresh} of them new{also}",
        bench.settings.workspace.shown(&target)
    ));
    Ok(Exit::OK)
}

/// Says what the reader skipped or mended; under `-q` only what decides who is suppressed.
fn say_what_was_found(bench: &Workbench, findings: &[Finding]) {
    for finding in findings {
        let line = match finding.kind {
            Kind::Struck => {
                let places = finding.places.join(", ");
                format!(
                    "mailbatch: rows struck out by #, //, --, * or ! are left out and suppress nobody ({}): {places}",
                    finding.count
                )
            }
            _ => format!("mailbatch: {finding}"),
        };
        if finding.kind.changes_who() {
            eprintln_quietly(&line);
        } else {
            bench.note(&line);
        }
    }
}

async fn export(bench: &Workbench, args: &ExportArgs) -> Result<Exit> {
    let format = match args.format {
        cli::ExportFormat::Csv => ExportFormat::Csv,
        cli::ExportFormat::Ndjson => ExportFormat::Ndjson,
    };
    list(bench, args.output.as_deref(), format).await
}

async fn list(bench: &Workbench, output: Option<&Path>, format: ExportFormat) -> Result<Exit> {
    let ledger = bench.ledger_to_read()?;
    let ledger = ledger.as_deref();
    let output = match output {
        Some(path) => Some(target(bench, "-o", path, &own_files(bench, ledger).await)?),
        None => None,
    };
    let format = if bench.globals.json { ExportFormat::Ndjson } else { format };
    tokio::task::block_in_place(|| match output {
        Some(target) => to_file(&target, format, all(bench, ledger)),
        None => {
            let (mut failure, mut out) = (None, BufWriter::new(std::io::stdout().lock()));
            match suppression::export(sound(all(bench, ledger), &mut failure), format, &mut out) {
                // A reader that has left is no error.
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

/// Writes a whole export or none: what is there stays until all has been written.
fn to_file(
    target: &Target,
    format: ExportFormat,
    entries: impl Iterator<Item = Result<Entry>>,
) -> Result<()> {
    let failed = |e: std::io::Error| {
        Error::internal(format!("{}: the export cannot be written: {e}", target.path().shown()))
            .hint("name a file that you can write")
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

/// The items before the first error, which is put aside.
fn sound<'a>(
    items: impl Iterator<Item = Result<Entry>> + 'a,
    failure: &'a mut Option<Error>,
) -> impl Iterator<Item = Entry> + 'a {
    items.map_while(|item| item.map_err(|error| *failure = Some(error)).ok())
}
