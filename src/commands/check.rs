//! `mailbatch check`: finds everything for which `send` would refuse a list, without sending.
//! Writes the bad rows to LIST.rejected.csv.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::{CheckArgs, Globals};
use crate::run::foresight::{self, Foreseen};
use crate::run::lists::{judgement, lists, say_decisive};
use crate::run::own_files::{add_inputs, own_files, target};
use crate::run::providers::{self, Waived};

use crate::input::{Filter, Kind, ReadAs};
use crate::ledger::{PlannedRow, Standing};
use crate::message::Message;
use crate::model::address::{Address, Note};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target, is_in_place};
use crate::plan::{self, Defect, Screening, Survey};
use crate::report::{Format, Head, Options, ReportFile, ReportRow};
use crate::run::console::say;
use crate::run::context::Context;
use crate::suppression::{Places, Suppressions};

/// Runs the command. The exit code is 4 if `send` would refuse the list, and 14 if it would refuse
/// because of earlier runs.
pub(crate) async fn run(globals: &Globals, args: &CheckArgs) -> Result<Exit> {
    let context = Context::new(globals, args.target.env.as_deref())?;
    let (mut message, source) = context.message(&args.message, &args.list.reads())?;
    check_provider(&context, args, &mut message)?;
    let mut lists = lists(&context, &args.list.lists, &args.list.reading, args.list.email.clone());
    // A guessed encoding is accepted here, so that all other findings are reported. The guess is
    // refused at the end.
    lists.options.accept_guess = true;
    let filter = args.list.reading.filter.as_deref().map(Filter::parse).transpose()?;
    let rejected_to = match &args.rejected {
        Some(path) => Some(place_of_rejected(&context, args, path, &message).await?),
        None => None,
    };
    let ledger = context.readable_ledger()?;
    let secret = match &ledger {
        Some(ledger) => ledger.secret_key().await?,
        None => [0; 32],
    };
    let ledger = ledger.as_deref();
    let mut own = own_files(&context, ledger).await;
    add_inputs(&mut own, &context, &args.list.lists, &args.list.screening.suppress, &message);
    let suppressions =
        context.suppressions(&args.list.screening.suppress, ledger, message.kind()).await?;
    let screening = Screening {
        suppressions: &suppressions,
        allow: context.settings.allow.as_deref(),
        dedupe: args.list.screening.dedupe,
        always: &context.settings.canary.always,
        message: &message,
        secret,
        campaign: "",
        router: None,
    };
    let mut rejected = Vec::new();
    let mut odd = Odd::new();
    let names = lists.names();
    let mut sink = |rows: Vec<PlannedRow>| {
        for row in rows {
            note_odd(&row, &names, &mut odd);
            if matches!(row.outcome, Some((Outcome::Invalid, ..))) {
                rejected.push(report_row(row));
            }
        }
        Ok(())
    };
    let mut survey =
        tokio::task::block_in_place(|| plan::read(&lists, filter.as_ref(), &screening, &mut sink))?;
    let people = std::mem::take(&mut survey.people).finish();
    let foreseen = match ledger {
        Some(ledger) => {
            foresight::look(
                &context,
                &args.target,
                ledger,
                (&message, &source),
                (&args.list.lists, &survey.fingerprint),
                people,
            )
            .await?
        }
        None => None,
    };
    let written = write_rejected(&context, args, &survey, rejected, (&own, rejected_to.as_ref()))
        .unwrap_or_else(|error| {
            warn_of_unwritten(&context, &error);
            Vec::new()
        });
    context.warn_of_unwritable_suppressions();
    let lines = table(&survey, &odd, foreseen.as_ref());
    print(&context, &survey, &written, lines, (&suppressions, &odd))?;
    say_decisive(&context, &survey);
    context.note_all(&survey.with_another());
    context.note_all(survey.trimmed_note().as_slice());
    context.note_all(&message.lint());
    let through = context.settings.chosen(args.target.provider.as_deref())?;
    let through = through.providers.iter().copied();
    context.note_all(&providers::requests_notes(&context.settings, through, &survey)?);
    let written: Vec<String> =
        written.iter().map(|path| context.settings.workspace.shown(path)).collect();
    survey.judge(&judgement(&args.list.screening), Some(&written.join(", ")))?;
    survey.judge_encoding()?;
    foreseen.and_then(|foreseen| foreseen.refusal).map_or(Ok(Exit::OK), Err)
}

/// Checks that the providers can express the message and may send it, as `send` does.
fn check_provider(context: &Context, args: &CheckArgs, message: &mut Message) -> Result<()> {
    let chosen = context.settings.chosen(args.target.provider.as_deref())?;
    let waived = Waived {
        is_sandboxed: false,
        examples: args.allow_example,
        unsubscribe: args.allow_no_unsubscribe,
    };
    providers::check(context, &chosen, message, waived)
}

/// Warns that the bad rows could not be written to a file. This is not an error, because they are
/// still in the list and were counted.
fn warn_of_unwritten(context: &Context, error: &Error) {
    let why = error.to_string();
    context.warn(&format!(
        "warning: {}; the counts are complete; use --rejected FILE to write the bad rows to another file",
        why.lines().next().unwrap_or_default()
    ));
}

/// Suspicious addresses by kind. Each kind has a count and the places of its first addresses.
type Odd = BTreeMap<&'static str, (u64, Vec<String>)>;

/// Counts a row if its address is valid but suspicious.
fn note_odd(row: &PlannedRow, lists: &[String], odd: &mut Odd) {
    const PLACES: usize = 3;
    if row.key.is_empty() {
        return;
    }
    let Ok(address) = Address::parse(&row.email) else { return };
    for note in address.notes() {
        let (count, places) = odd.entry(note.as_str()).or_default();
        *count += 1;
        if places.len() < PLACES {
            places.push(format!(
                "{}:{}",
                lists.get(row.list as usize).map_or("", String::as_str),
                row.line
            ));
        }
    }
}

fn report_row(row: PlannedRow) -> ReportRow {
    let (outcome, reason, detail) =
        row.outcome.map_or((None, None, String::new()), |(o, r, d)| (Some(o), Some(r), d));
    ReportRow {
        row: row.row,
        list: row.list,
        line: row.line,
        email: row.email,
        outcome,
        reason,
        detail,
        fields: row.fields,
        ..ReportRow::default()
    }
}

/// Returns the file for `--rejected`. Fails with exit code 2 if the file cannot be written, before
/// the list is read.
async fn place_of_rejected(
    context: &Context,
    args: &CheckArgs,
    path: &Path,
    message: &Message,
) -> Result<Target> {
    let ledger = context.existing_ledger().ok().flatten();
    let mut own = own_files(context, ledger.as_deref()).await;
    add_inputs(&mut own, context, &args.list.lists, &args.list.screening.suppress, message);
    let target = target(context, "--rejected", path, &own)?;
    target.try_out().map_err(|e| {
        Error::usage(format!("--rejected {}: cannot be written there: {e}", path.shown()))
            .hint("choose a file in a directory that you can write to")
    })?;
    Ok(target)
}

/// Writes the rejected rows. By default a file is written next to each list that has bad rows; for
/// standard input it is written to the start directory. With `--rejected` a single file is written,
/// even if no row is bad, so that it replaces an old file.
fn write_rejected(
    context: &Context,
    args: &CheckArgs,
    survey: &Survey,
    rows: Vec<ReportRow>,
    (own, place): (&OwnFiles, Option<&Target>),
) -> Result<Vec<PathBuf>> {
    let lists = &args.list.lists;
    let options = || Options { spreadsheet_safe: args.spreadsheet_safe, ..Options::default() };
    let head =
        Head::of_lists(lists.iter().map(|path| path.shown()).collect(), survey.columns.clone());
    if let Some(place) = place {
        let mut file =
            ReportFile::create(place, Format::Csv, &head, &Standing::default(), options())?;
        rows.iter().try_for_each(|row| file.row(row))?;
        return Ok(vec![file.finish()?]);
    }
    let mut by_list = BTreeMap::<u32, Vec<ReportRow>>::new();
    for row in rows {
        by_list.entry(row.list).or_default().push(row);
    }
    let mut written = Vec::new();
    for (list, rows) in by_list {
        let list = lists
            .get(list as usize)
            .ok_or_else(|| Error::internal("a row refers to a list that was not read"))?;
        let name =
            if list.as_os_str() == "-" { "stdin".into() } else { list.clone().into_os_string() };
        let mut name = name;
        name.push(".rejected.csv");
        let path = PathBuf::from(name);
        if is_in_place(&context.settings.workspace.path_from_arguments(&path)) {
            return Err(Error::usage(format!(
                "{} is not a regular file; use --rejected to write the bad rows elsewhere",
                path.shown()
            )));
        }
        let target = target(context, "the file of bad rows,", &path, own)?;
        let mut file =
            ReportFile::create(&target, Format::Csv, &head, &Standing::default(), options())?;
        rows.iter().try_for_each(|row| file.row(row))?;
        written.push(file.finish()?);
    }
    Ok(written)
}

/// One kind of finding: its number, its first places, and how to fix it.
struct Line {
    rule: &'static str,
    what: String,
    count: u64,
    places: Vec<String>,
    fix: String,
}

impl Line {
    fn text(&self) -> String {
        let more = if self.count > self.places.len() as u64 { ", …" } else { "" };
        // A finding about the whole list has no places.
        let places = if self.places.is_empty() {
            String::new()
        } else {
            format!(": {}{more}", self.places.join(", "))
        };
        format!("{:>9} x {}{places}\n            fix: {}\n", self.count, self.what, self.fix)
    }

    fn json(&self) -> serde_json::Value {
        let Self { rule, what, count, places, fix } = self;
        serde_json::json!({"rule": rule, "what": what, "count": count, "places": places, "fix": fix})
    }
}

/// Collects all findings: reasons in earlier runs to refuse the send, invalid rows, corrections
/// made while reading, and suspicious addresses.
fn table(survey: &Survey, odd: &Odd, foreseen: Option<&Foreseen>) -> Vec<Line> {
    let whole = foreseen.into_iter().map(|f| Line {
        rule: f.rule,
        what: f.what.clone(),
        count: 1,
        places: Vec::new(),
        fix: f.fix.clone(),
    });
    let defects = survey.defects().into_iter().map(|Defect { what, count, places, fix }| Line {
        rule: "invalid",
        what,
        count,
        places,
        fix,
    });
    let findings = survey.findings.iter().map(|found| Line {
        rule: found.kind.rule(),
        what: found.kind.what().to_owned(),
        count: found.count,
        places: found.places.clone(),
        fix: found.kind.fix().to_owned(),
    });
    let odd = odd.iter().map(|(what, (count, places))| Line {
        rule: "odd_address",
        what: format!("legal, but look: {what}"),
        count: *count,
        places: places.clone(),
        fix: odd_fix(what).to_owned(),
    });
    let mut lines: Vec<Line> = whole.chain(defects).chain(findings).chain(odd).collect();
    if survey.always_missing > 0 {
        lines.push(Line {
            rule: "always_missing",
            what: "addresses under canary.always are not in the list and are not mailed".to_owned(),
            count: survey.always_missing as u64,
            places: vec!["mailbatch.toml".to_owned()],
            fix: "add them to the list, or remove them from canary.always".to_owned(),
        });
    }
    lines
}

/// Returns how to fix suspicious addresses of one kind.
fn odd_fix(what: &str) -> &'static str {
    if what == Note::NoDot.as_str() {
        return "correct the addresses, or remove the rows; nothing to do where a local network delivers them";
    }
    if [Note::OneLetter, Note::Invalid].iter().any(|note| what == note.as_str()) {
        return "correct the addresses, or remove the rows";
    }
    "no change is needed if these recipients asked for the mail"
}

/// Returns the entries that begin or end with invisible characters, for the JSON output. The text
/// output reports them in a separate sentence.
fn unseen_ends(context: &Context, survey: &Survey, suppressions: &Suppressions) -> Vec<Line> {
    let kind = Kind::UnseenEnds;
    let line = |rule, count, places| Line {
        rule,
        what: kind.what().to_owned(),
        count,
        places,
        fix: kind.fix().to_owned(),
    };
    let (count, places) = &survey.trimmed;
    let in_lists = (*count > 0).then(|| line(kind.rule(), *count, places.clone()));
    let in_files = suppressions.noted().iter().flat_map(|(file, noted)| {
        let file = context.settings.workspace.shown(file);
        let places =
            |found: &Places| found.lines.iter().map(|line| format!("{file}:{line}")).collect();
        let (unseen, odd) = (&noted.unseen_ends, &noted.odd);
        let unseen = (unseen.count > 0)
            .then(|| line("suppression_unseen_ends", unseen.count, places(unseen)));
        let odd = (odd.count > 0).then(|| Line {
            what: "entries that may be cut off or misspelt".to_owned(),
            fix: "correct the entries; no change is needed if they are as intended".to_owned(),
            ..line("suppression_odd", odd.count, places(odd))
        });
        unseen.into_iter().chain(odd)
    });
    in_lists.into_iter().chain(in_files).collect()
}

/// Describes the encoding of each list that is not UTF-8, for the text output.
fn encodings_in_words(survey: &Survey) -> String {
    let mut text = String::new();
    for (list, read_as) in
        survey.encodings.iter().filter(|(_, read_as)| read_as.encoding != encoding_rs::UTF_8)
    {
        text.push_str(&format!(
            "{list} is read as {}, {}\n",
            read_as.label(),
            read_as.known_by.in_words()
        ));
        if let Some((_, guess)) = survey.guesses.iter().find(|(guessed, _)| guessed == list) {
            guess.lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
            text.push_str(&format!("            fix: {}\n", guess.hint()));
        }
    }
    text
}

fn encodings_in_json(survey: &Survey) -> Vec<serde_json::Value> {
    let lines = |list: &String| {
        survey
            .guesses
            .iter()
            .find(|(guessed, _)| guessed == list)
            .map(|(_, guess)| guess.lines.clone())
    };
    let object = |(list, read_as): &(String, ReadAs)| {
        serde_json::json!({
            "list": list, "encoding": read_as.label(), "known_by": read_as.known_by.as_str(), "lines": lines(list).unwrap_or_default(),
        })
    };
    survey.encodings.iter().map(object).collect()
}

fn print(
    context: &Context,
    survey: &Survey,
    written: &[PathBuf],
    mut lines: Vec<Line>,
    (suppressions, odd): (&Suppressions, &Odd),
) -> Result<()> {
    if context.globals.json {
        lines.extend(unseen_ends(context, survey, suppressions));
        let mut counts: serde_json::Map<String, serde_json::Value> = Outcome::ALL
            .iter()
            .map(|outcome| (outcome.to_string(), survey.tally.get(*outcome).into()))
            .collect();
        counts.insert("sendable".into(), survey.tally.open.into());
        let odd: serde_json::Map<String, serde_json::Value> =
            odd.iter().map(|(what, (count, _))| ((*what).to_owned(), (*count).into())).collect();
        let object = serde_json::json!({
            "v": 1, "type": "check", "input": survey.rows(), "filtered": survey.filtered, "counts": counts, "odd": odd,
            "findings": lines.iter().map(Line::json).collect::<Vec<_>>(), "encodings": encodings_in_json(survey),
            "rejected": written.iter().map(|path| context.settings.workspace.shown(path)).collect::<Vec<_>>(),
        });
        return say(&mut std::io::stdout(), &format!("{object}\n"));
    }
    if context.globals.quiet {
        return Ok(());
    }
    let mut text = format!("  {:>9}  sendable\n", survey.tally.open);
    for (outcome, count) in survey.tally.non_zero() {
        text.push_str(&format!("  {count:>9}  {outcome}\n"));
    }
    text.push_str(&format!("  {:>9}  rows in\n", survey.rows()));
    if survey.filtered > 0 {
        text.push_str(&format!("  {:>9}  more excluded by --where\n", survey.filtered));
    }
    for line in &lines {
        text.push_str(&line.text());
    }
    text.push_str(&encodings_in_words(survey));
    for path in written {
        text.push_str(&format!("bad rows are in {}\n", context.settings.workspace.shown(path)));
    }
    say(&mut std::io::stdout(), &text)
}
