//! `mailbatch report`: writes the outcomes of the recipients of one or more runs, or the feedback
//! per week.

use std::io::{BufWriter, Write};

use jiff::Timestamp;

use crate::cli::{Globals, ReportArgs, ReportFormat};
use crate::ledger::{Ledger, LedgerRow, Run, RunState, Standing};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::report::{self, Closing, Format, Head, Options, ReportFile, ReportRow, Writer};
use crate::run::console::say;
use crate::run::console::width;
use crate::run::context::Context;
use crate::run::own_files::{own_files, target};
use crate::run::reports::{each_row, format_of, versions};

/// The selected runs, and filters for their rows.
struct Wanted {
    /// The runs in the order of the command line, or oldest first if none was given.
    runs: Vec<Run>,
    domains: Vec<String>,
    since: Option<Timestamp>,
}

pub(crate) async fn run(globals: &Globals, args: &ReportArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    let ledger = context.used_ledger_to_read()?;
    if let Some(weeks) = args.trend {
        return trend(&context, ledger.as_ref(), args, weeks).await;
    }
    let wanted = Wanted {
        runs: runs(&context, ledger.as_ref(), args).await?,
        domains: args.domain.clone(),
        since: args.since,
    };
    let head = Head { versions: versions(ledger.as_ref()).await?, ..wanted.head() };
    let standing = wanted.standing(ledger.as_ref()).await?;
    let options = Options {
        outcomes: (!args.outcome.is_empty()).then(|| args.outcome.clone()),
        spreadsheet_safe: args.spreadsheet_safe,
        width: Some(width()),
        ..Options::default()
    };
    let format = format_asked(&context, args)?;
    if let Some(path) = &args.output {
        let target =
            target(&context, "-o", path, &own_files(&context, Some(ledger.as_ref())).await)?;
        let mut file = ReportFile::create(&target, format, &head, &standing, options)?;
        wanted.each(ledger.as_ref(), |row| file.row(&row)).await?;
        file.finish()?;
        return Ok(Exit::OK);
    }
    let closed = |e: std::io::Error| {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            Error::new(Exit::OK, "")
        } else {
            Error::internal(format!("standard output: {e}"))
        }
    };
    let written = async {
        let mut writer =
            Writer::new(format, &head, &standing, options, BufWriter::new(std::io::stdout()))
                .map_err(closed)?;
        wanted.each(ledger.as_ref(), |row| writer.row(&row).map_err(closed)).await?;
        writer.finish().and_then(|mut out| out.flush()).map_err(closed)
    };
    match written.await {
        // The reader closed the pipe, which is not an error.
        Err(error) if error.exit() == Exit::OK => Ok(Exit::OK),
        Err(error) => Err(error),
        Ok(()) => Ok(Exit::OK),
    }
}

/// Returns the given runs, each once. Without arguments, returns all runs whose planning has ended.
async fn runs(context: &Context, ledger: &dyn Ledger, args: &ReportArgs) -> Result<Vec<Run>> {
    let mut found: Vec<Run> = Vec::new();
    for name in &args.runs {
        let run = context.run(ledger, Some(name)).await?;
        if found.iter().all(|known| known.id != run.id) {
            found.push(run);
        }
    }
    if args.runs.is_empty() {
        found = ledger.runs().await?;
        found.retain(|run| run.state != RunState::Planning);
        found.reverse();
    }
    Ok(found)
}

impl Wanted {
    fn takes_everything(&self) -> bool {
        self.domains.is_empty() && self.since.is_none()
    }

    fn takes(&self, row: &LedgerRow) -> bool {
        let is_at_domain = self.domains.is_empty() || self.domains.contains(&row.domain);
        is_at_domain && self.since.is_none_or(|since| row.last_at.is_some_and(|at| at >= since))
    }

    /// Returns the facts about the runs. In a report of several runs, the name of each list is
    /// prefixed with the id of its run.
    fn head(&self) -> Head {
        if let [run] = self.runs.as_slice() {
            return Head::from(run);
        }
        let mut head = Head { as_of: Some(Timestamp::now()), ..Head::default() };
        // If all runs have ended, the report has their most significant exit code.
        let exits: Option<Vec<Exit>> =
            self.runs.iter().map(|run| run.exit.and_then(Exit::from_code)).collect();
        head.closing = exits.map(|exits| Closing::new(Exit::most_telling(&exits)));
        let mut campaigns: Vec<&str> = Vec::new();
        for run in &self.runs {
            head.lists.extend(run.head.lists.iter().map(|list| format!("{}/{list}", run.id)));
            let mut columns = run.columns.clone();
            columns.resize(run.head.lists.len(), Vec::new());
            head.columns.extend(columns);
            head.by_list.extend(run.head.lists.iter().map(|_| run.message_version()));
            head.filtered += run.filtered;
            head.started_at = head.started_at.into_iter().chain([run.started_at]).min();
            head.finished_at = head.finished_at.max(run.finished_at);
            if !campaigns.contains(&run.head.name()) {
                campaigns.push(run.head.name());
            }
        }
        head.run = self.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>().join(", ");
        head.campaign = campaigns.join(", ");
        head
    }

    /// Counts the selected rows by outcome.
    async fn standing(&self, ledger: &dyn Ledger) -> Result<Standing> {
        if let ([run], true) = (self.runs.as_slice(), self.takes_everything()) {
            return Ok(ledger.standing(&run.id).await?);
        }
        let mut standing = Standing::default();
        for run in &self.runs {
            each_row(ledger, &run.id, |row| {
                if self.takes(&row) {
                    count(&mut standing, &row);
                }
                Ok(())
            })
            .await?;
        }
        Ok(standing)
    }

    /// Calls `visit` for every selected row.
    async fn each(
        &self,
        ledger: &dyn Ledger,
        mut visit: impl FnMut(ReportRow) -> Result<()>,
    ) -> Result<()> {
        let mut before = 0;
        for run in &self.runs {
            each_row(ledger, &run.id, |mut row| {
                if !self.takes(&row) {
                    return Ok(());
                }
                row.list += before;
                visit(row.into())
            })
            .await?;
            before += u32::try_from(run.head.lists.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }
}

fn count(standing: &mut Standing, row: &LedgerRow) {
    match row.outcome {
        Some(outcome) => standing.tally.add(outcome, 1),
        None => standing.tally.open += 1,
    }
    if let (Some(outcome), Some(reason)) = (row.outcome, row.reason) {
        *standing.reasons.entry((outcome, reason)).or_default() += 1;
    }
    if !row.feedback.is_empty() {
        *standing.feedback.entry(row.feedback.clone()).or_default() += 1;
    }
}

/// Returns the format given by `--format`, by the suffix of the output file, or by `--json`, in
/// this order.
fn format_asked(context: &Context, args: &ReportArgs) -> Result<Format> {
    match (args.format, &args.output) {
        (Some(format), _) => Ok(of(format)),
        (None, Some(path)) => format_of(&context.settings.workspace.path_from_arguments(path)),
        (None, None) if context.globals.json => Ok(Format::Ndjson),
        (None, None) => Ok(Format::Table),
    }
}

/// Writes the feedback per week.
async fn trend(
    context: &Context,
    ledger: &dyn Ledger,
    args: &ReportArgs,
    weeks: u32,
) -> Result<Exit> {
    let format = format_asked(context, args)?;
    let mut rows = ledger.trend(weeks).await?;
    rows.retain(|row| args.domain.is_empty() || args.domain.contains(&row.domain));
    let text = report::trend(&rows, format, width())?;
    match &args.output {
        None => say(&mut std::io::stdout(), &text)?,
        Some(path) => report::write_text(
            &target(context, "-o", path, &own_files(context, Some(ledger)).await)?,
            Format::Csv,
            &text,
        )?,
    }
    Ok(Exit::OK)
}

fn of(format: ReportFormat) -> Format {
    match format {
        ReportFormat::Table => Format::Table,
        ReportFormat::Csv => Format::Csv,
        ReportFormat::Ndjson => Format::Ndjson,
        ReportFormat::Json => Format::Json,
        ReportFormat::Html => Format::Html,
        ReportFormat::Junit => Format::Junit,
        ReportFormat::Md => Format::Markdown,
    }
}
