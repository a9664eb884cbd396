//! `mailbatch preview`: shows the message that a recipient gets. If `send` would not mail the row,
//! also shows the reason.

mod judge;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::{Globals, PreviewArgs};
use crate::input::context::ColumnIndex;
use crate::input::{Filter, Finding, Kind, ListRow, Place};
use crate::ledger::Ledger;
use crate::message::{Ident, Message, MessageSource, Rendered, preview_text};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::{self, Outcome};
use crate::model::recipient::Fields;
use crate::model::shown::Shown as _;
use crate::output::{self, Target};
use crate::plan::{Lists, Screening, ambiguous_id, missing};
use crate::run::console::eprintln_quietly;
use crate::run::console::say;
use crate::run::context::Context;
use crate::run::lists::lists;
use crate::run::own_files::{add_inputs, own_files, target};
use crate::run::state_dir::make_private_dir;
use crate::suppression::Suppressions;

use judge::{Earlier, Judge, Judged, NotSent, first_line, name_the_entries};

/// A rendered row.
struct Shown {
    row: u64,
    line: u64,
    to: Address,
    key: String,
    rendered: Rendered,
    not_sent: Option<NotSent>,
}

pub(crate) async fn run(globals: &Globals, args: &PreviewArgs) -> Result<Exit> {
    let context = Context::new(globals, args.target.env.as_deref())?;
    let (message, source) = context
        .message(&args.message, &[std::slice::from_ref(&args.list), &args.suppress].concat())?;
    // The message can be shown without a ledger, so a ledger that cannot be read is not an error.
    let ledger = context.readable_ledger().unwrap_or_else(|error| {
        context.warn(&format!("warning: {}; the preview ignores earlier runs", first_line(&error)));
        None
    });
    let ledger = ledger.as_deref();
    let suppressions = suppressions(&context, args, &message, ledger).await?;
    let secret = match ledger {
        Some(ledger) => ledger.secret_key().await?,
        None => [0; 32],
    };
    let screening = Screening {
        suppressions: &suppressions,
        allow: context.settings.allow.as_deref(),
        dedupe: args.dedupe,
        always: &[],
        message: &message,
        secret,
        campaign: "",
        router: None,
    };
    let mut shown = tokio::task::block_in_place(|| pick(&context, args, &screening))?;
    ask_earlier_runs(&context, args, (&source, message.kind()), ledger, &mut shown).await?;
    for one in &mut shown {
        if let Some(not_sent) = &mut one.not_sent {
            name_the_entries(&context, args, &message, &one.to, not_sent)?;
            let place = format!("row {} ({}:{})", one.row, args.list.shown(), one.line);
            context.warn(&format!("`send` would not mail {place}: {not_sent}"));
        }
    }
    if let Some(dir) = &args.out {
        let mut own = own_files(&context, ledger).await;
        add_inputs(&mut own, &context, std::slice::from_ref(&args.list), &args.suppress, &message);
        refuse_link(&context, dir)?;
        let place = |one: &Shown| {
            let file = dir.join(format!("row-{}.eml", one.row));
            refuse_link(&context, &file)?;
            target(&context, "--out", &file, &own)
        };
        let targets = shown.iter().map(place).collect::<Result<Vec<Target>>>()?;
        for (one, target) in shown.iter().zip(&targets) {
            write(target, &one.rendered.bytes)?;
            context.note(&format!("wrote {}", context.settings.workspace.shown(target.typed())));
        }
    } else if args.open {
        let dir = context.settings.workspace.state_dir.join("preview");
        make_private_dir(&dir)?;
        for one in &shown {
            let path = dir.join(format!("row-{}.eml", one.row));
            write(&Target::chosen(&path), &one.rendered.bytes)?;
            open(&path)?;
        }
    } else {
        print(&context, &shown)?;
    }
    let is_nobody = shown.iter().all(|one| one.not_sent.is_some());
    Ok(if args.error_on_empty && is_nobody { Exit::EMPTY } else { Exit::OK })
}

fn print(context: &Context, shown: &[Shown]) -> Result<()> {
    if context.globals.json {
        let line = |one: &Shown| {
            let not_sent = one.not_sent.as_ref();
            let object = serde_json::json!({
                "v": 1, "type": "preview", "row": one.row, "line": one.line, "text": preview_text(&one.rendered),
                "would_send": not_sent.is_none(), "outcome": not_sent.map(|why| why.outcome), "detail": not_sent.map(|why| why.detail.as_str()),
            });
            format!("{object}\n")
        };
        return say(&mut std::io::stdout(), &shown.iter().map(line).collect::<String>());
    }
    let texts: Vec<String> =
        shown.iter().map(|one| harmless(&preview_text(&one.rendered))).collect();
    say(&mut std::io::stdout(), &format!("{}\n", texts.join("\n────────\n").trim_end()))
}

/// Loads the suppressions for screening. If a file cannot be read, `send` would fail, but a preview
/// only warns.
async fn suppressions(
    context: &Context,
    args: &PreviewArgs,
    message: &Message,
    ledger: Option<&dyn Ledger>,
) -> Result<Suppressions> {
    match context.suppressions(&args.suppress, ledger, message.kind()).await {
        Ok(found) => Ok(found),
        Err(error) => {
            context.warn(&format!(
                "warning: {}; `send` would refuse to begin; the preview ignores suppressions",
                first_line(&error)
            ));
            Suppressions::load(&[], std::iter::empty(), message.kind(), Timestamp::now())
        }
    }
}

/// Adds the decisions of the campaign's earlier runs to the rows that passed the screening.
async fn ask_earlier_runs(
    context: &Context,
    args: &PreviewArgs,
    source: (&MessageSource, outcome::Kind),
    ledger: Option<&dyn Ledger>,
    shown: &mut [Shown],
) -> Result<()> {
    let Some(ledger) = ledger else { return Ok(()) };
    let Some(earlier) = Earlier::find(context, args, source, ledger).await? else { return Ok(()) };
    for one in shown.iter_mut().filter(|one| one.not_sent.is_none()) {
        one.not_sent = earlier.about(&one.to, &one.key).await?;
    }
    Ok(())
}

/// Replaces control characters, because a terminal would interpret them.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// Reads and screens the list until all requested rows are found.
fn pick(context: &Context, args: &PreviewArgs, screening: &Screening<'_>) -> Result<Vec<Shown>> {
    let mut lists =
        lists(context, std::slice::from_ref(&args.list), &args.reading, args.email_column.clone());
    lists.options.accept_guess = true;
    let filter = args.reading.filter.as_deref().map(Filter::parse).transpose()?;
    let (source, name) = &lists.sources[0];
    let mut reader = Lists::open(source, name, &lists.options)?;
    let email = Place::of_email(&reader, lists.email.as_deref(), name)?;
    email.mark_in(&mut reader);
    let id =
        lists.id.as_deref().map(|id| Place::named(&reader, id, "list.id", name)).transpose()?;
    if let Some(guess) = reader.guess() {
        eprintln_quietly(&format!(
            "mailbatch: {name}: {}\nhint: {}",
            guess.message(),
            guess.hint()
        ));
    }
    let mut index = Arc::new(ColumnIndex::new(reader.columns()));
    let mut judge = Judge::new(screening, name);
    let mut picked = Picked::new(args);
    while let Some(row) = reader.next_row() {
        let row = row.map_err(Error::from)?;
        if index.columns().names().len() != reader.columns().names().len() {
            index = Arc::new(ColumnIndex::new(reader.columns()));
        }
        let cell = email.of(&row.fields);
        if let Some(filter) = &filter
            && !filter.admits(&index, &row, name)?
        {
            picked.leave_out(&cell, row.line);
            continue;
        }
        picked.row += 1;
        let cell_of_id = id.as_ref().map(|id| id.of(&row.fields));
        let judged =
            judge.row(&cell, cell_of_id.as_deref(), row.defect.as_deref(), (picked.row, row.line));
        let judged = judged.map_err(|what| ambiguous_id(name, row.line, &what))?;
        if !picked.wants(judged.to.as_ref()) {
            continue;
        }
        let rendered = judged
            .to
            .as_ref()
            .ok_or_else(String::new)
            .and_then(|to| render(context, screening.message, &index, &row.fields, to));
        if picked.take((name, index.columns().names()), &row, judged, rendered)? {
            break;
        }
    }
    picked.finish(name, &reader.findings())
}

/// The requested rows found so far, and the numbers of rows before them.
struct Picked<'a> {
    args: &'a PreviewArgs,
    found: Vec<Shown>,
    /// The number of the last row that was read, as in reports.
    row: u64,
    renderable: u64,
    draws: Draws,
    /// The number of rows that `--where` excludes, and the lines of the first three.
    filtered: (u64, Vec<u64>),
    filtered_wanted: Option<u64>,
}

impl<'a> Picked<'a> {
    fn new(args: &'a PreviewArgs) -> Self {
        Self {
            args,
            found: Vec::new(),
            row: 0,
            renderable: 0,
            draws: Draws::new(),
            filtered: (0, Vec::new()),
            filtered_wanted: None,
        }
    }

    fn leave_out(&mut self, cell: &str, line: u64) {
        const PLACES: usize = 3;
        self.filtered.0 += 1;
        if self.filtered.1.len() < PLACES {
            self.filtered.1.push(line);
        }
        let is_wanted = |wanted: &Address| {
            Address::parse(cell).is_ok_and(|address| address.folded() == wanted.folded())
        };
        if self.filtered_wanted.is_none() && self.args.email.as_ref().is_some_and(is_wanted) {
            self.filtered_wanted = Some(line);
        }
    }

    fn is_named(&self) -> bool {
        self.args.row.is_some() || self.args.email.is_some()
    }

    fn wants(&self, to: Option<&Address>) -> bool {
        match (self.args.row, &self.args.email) {
            (Some(wanted), _) => wanted == self.row,
            (_, Some(wanted)) => to.is_some_and(|to| to.folded() == wanted.folded()),
            _ => true,
        }
    }

    /// Adds a requested row, and returns true if no further row is needed. If the operator asked
    /// for a row that cannot be mailed, returns an error.
    fn take(
        &mut self,
        (name, columns): (&str, &[String]),
        row: &ListRow,
        judged: Judged,
        rendered: Result<Rendered, String>,
    ) -> Result<bool> {
        let Judged { to, key, not_sent } = judged;
        let invalid = not_sent
            .as_ref()
            .filter(|not_sent| not_sent.outcome == Outcome::Invalid)
            .map(|not_sent| not_sent.detail.clone());
        let (to, rendered) = match (to, rendered, invalid) {
            (Some(to), Ok(rendered), None) => (to, rendered),
            (_, rendered, invalid) if self.is_named() => {
                let (why, fix) = match invalid {
                    Some(why) => (why, "correct the row".to_owned()),
                    None => {
                        let why = rendered.err().unwrap_or_default();
                        let fix = missing::fix(&why, columns.iter().map(String::as_str));
                        (why, fix)
                    }
                };
                let what = format!(
                    "{name}:{}: `send` would not mail row {}: {}: {why}",
                    row.line,
                    self.row,
                    Outcome::Invalid
                );
                return Err(Error::refused(what).hint(fix));
            }
            _ => return Ok(false),
        };
        self.renderable += 1;
        let one = Shown { row: self.row, line: row.line, to, key, rendered, not_sent };
        if self.args.worst {
            if self
                .found
                .first()
                .is_none_or(|longest| longest.rendered.bytes.len() < one.rendered.bytes.len())
            {
                self.found = vec![one];
            }
        } else if let Some(sample) = self.args.sample {
            self.draws.keep(
                &mut self.found,
                one,
                self.renderable,
                usize::try_from(sample).unwrap_or(usize::MAX),
            );
        } else {
            self.found.push(one);
            return Ok(true);
        }
        Ok(false)
    }

    /// Returns the rows in input order, or an error if there are none.
    fn finish(mut self, name: &str, findings: &[Finding]) -> Result<Vec<Shown>> {
        let left_out = self.left_out(name, findings);
        if self.found.is_empty() {
            if let Some(line) = self.filtered_wanted {
                return Err(Error::refused(format!(
                    "{name}:{line}: `send` would not mail this row: --where leaves it out"
                ))
                .hint("correct --where, or omit it"));
            }
            let what = match self.args.row {
                Some(wanted) => {
                    format!("{name}: there is no row {wanted}: the list has {} rows", self.row)
                }
                None => format!("{name}: the list has no such row"),
            };
            return Err(Error::refused(what + &left_out)
                .hint("`mailbatch check` reports what is wrong with the rows"));
        }
        if let Some(one) =
            self.found.first().filter(|_| self.args.row.is_some() && !left_out.is_empty())
        {
            eprintln_quietly(&format!(
                "mailbatch: row {} is {name}:{}{left_out}",
                one.row, one.line
            ));
        }
        self.found.sort_by_key(|one| one.row);
        Ok(self.found)
    }

    /// Describes the skipped lines, which `send` would not count as rows either. Empty if no line
    /// was skipped.
    fn left_out(&self, name: &str, findings: &[Finding]) -> String {
        let is_about_rows = |finding: &&Finding| {
            matches!(finding.kind, Kind::Struck | Kind::HeaderRows | Kind::Footer)
        };
        let mut parts: Vec<String> =
            findings.iter().filter(is_about_rows).map(ToString::to_string).collect();
        let (count, lines) = &self.filtered;
        if *count > 0 {
            let places: Vec<String> = lines.iter().map(|line| format!("{name}:{line}")).collect();
            let more = if *count > lines.len() as u64 { ", …" } else { "" };
            parts.push(format!(
                "rows are left out by --where ({count}): {}{more}",
                places.join(", ")
            ));
        }
        if parts.is_empty() { String::new() } else { format!("; {}", parts.join("; ")) }
    }
}

/// Draws a random sample from a list of unknown length (algorithm R). The same list always gives
/// the same sample.
struct Draws {
    state: u64,
}

impl Draws {
    fn new() -> Self {
        Self { state: 0 }
    }

    fn keep(&mut self, sample: &mut Vec<Shown>, one: Shown, seen: u64, size: usize) {
        if sample.len() < size {
            sample.push(one);
            return;
        }
        self.state += 1;
        let at = xxhash_rust::xxh3::xxh3_64(&self.state.to_le_bytes()) % seen;
        if let Some(place) = usize::try_from(at).ok().and_then(|at| sample.get_mut(at)) {
            *place = one;
        }
    }
}

fn render(
    context: &Context,
    message: &Message,
    index: &Arc<ColumnIndex>,
    fields: &Fields,
    to: &Address,
) -> Result<Rendered, String> {
    let key = to.folded();
    let ident = Ident {
        campaign: "preview",
        env: context.settings.env.as_deref(),
        key: &key,
        secret: &[0; 32],
        date: Timestamp::now(),
    };
    message.render(index, fields, to, &ident).map_err(|e| e.to_string())
}

/// Refuses a symbolic link. The file names of previews are predictable, so in a shared directory
/// another user could place a link that redirects the file.
fn refuse_link(context: &Context, path: &Path) -> Result<()> {
    // A trailing slash is removed, because `read_link` would follow the link.
    let bare: PathBuf = path.components().collect();
    let Ok(leads_to) = std::fs::read_link(context.settings.workspace.path_from_arguments(bare))
    else {
        return Ok(());
    };
    Err(Error::usage(format!(
        "--out {}: is a symbolic link, to {}; previews are not written through symbolic links",
        path.shown(),
        leads_to.shown()
    ))
    .hint("remove the link, or choose a directory that is not a link"))
}

fn write(target: &Target, bytes: &[u8]) -> Result<()> {
    output::write(target, bytes).map_err(|e| {
        Error::internal(format!("{}: {e}", target.path().shown()))
            .hint("choose a directory that you can write to")
    })
}

fn open(path: &PathBuf) -> Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let status = std::process::Command::new(opener).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Error::internal(format!("{opener} could not open {}", path.shown()))
            .hint("open the file manually, or use --out DIR")),
    }
}
