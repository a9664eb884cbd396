//! `mailbatch preview`: the message as one recipient gets it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::address::Address;
use crate::cli::{Globals, PreviewArgs};
use crate::commands::own_files::{add_inputs, own_files, target};
use crate::commands::send::lists;
use crate::commands::workbench::{Workbench, eprintln_quietly};
use crate::commands::{make_private_dir, say};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::input::context::ColumnIndex;
use crate::input::{Filter, Place};
use crate::ledger::Ledger;
use crate::message::{Ident, Message, Rendered, preview_text};
use crate::output::{self, Target};
use crate::plan::Lists;
use crate::recipient::Fields;

/// One rendered row.
struct Shown {
    row: u64,
    rendered: Rendered,
}

/// Runs the command.
pub(crate) async fn run(globals: &Globals, args: &PreviewArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, args.target.env.as_deref())?;
    let (message, source) = bench.message(&args.message)?;
    let shown = tokio::task::block_in_place(|| pick(&bench, args, &message))?;
    if shown.is_empty() {
        return Err(Error::refused("no row of the list fits").hint("`mailbatch check` says what is wrong with the rows"));
    }
    if let Some(dir) = &args.out {
        // A ledger that cannot be read keeps nobody from looking at a message.
        let ledger = bench.existing_ledger().ok().flatten();
        let mut own = own_files(&bench, ledger.as_deref().map(|ledger| ledger as &dyn Ledger)).await;
        add_inputs(&mut own, &bench, std::slice::from_ref(&args.list), &[], &source);
        let place = |one: &Shown| target(&bench, "--out", &dir.join(format!("row-{}.eml", one.row)), &own);
        let targets = shown.iter().map(place).collect::<Result<Vec<Target>>>()?;
        for (one, target) in shown.iter().zip(&targets) {
            write(target, &one.rendered.bytes)?;
            bench.note(&format!("wrote {}", bench.settings.workspace.shown(target.typed())));
        }
    } else if args.open {
        let dir = bench.settings.workspace.state_dir.join("preview");
        make_private_dir(&dir)?;
        for one in &shown {
            let path = dir.join(format!("row-{}.eml", one.row));
            write(&Target::chosen(&path), &one.rendered.bytes)?;
            open(&path)?;
        }
    } else if bench.globals.json {
        let line = |one: &Shown| format!("{}\n", serde_json::json!({"v": 1, "type": "preview", "row": one.row, "text": preview_text(&one.rendered)}));
        say(&mut std::io::stdout(), &shown.iter().map(line).collect::<String>())?;
    } else {
        let texts: Vec<String> = shown.iter().map(|one| harmless(&preview_text(&one.rendered))).collect();
        say(&mut std::io::stdout(), &format!("{}\n", texts.join("\n────────\n").trim_end()))?;
    }
    Ok(Exit::OK)
}

/// The text without what a terminal would obey.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn pick(bench: &Workbench, args: &PreviewArgs, message: &Message) -> Result<Vec<Shown>> {
    let mut lists = lists(bench, std::slice::from_ref(&args.list), &args.reading, args.email_column.clone());
    lists.options.accept_guess = true;
    let filter = args.reading.filter.as_deref().map(Filter::parse).transpose()?;
    let (source, name) = &lists.sources[0];
    let mut reader = Lists::open(source, name, &lists.options)?;
    let email = Place::of_email(&reader, lists.email.as_deref(), name)?;
    email.mark_in(&mut reader);
    if let Some(guess) = reader.guess() {
        eprintln_quietly(&format!("mailbatch: {name}: {}\nhint: {}", guess.message(), guess.hint()));
    }
    let mut index = Arc::new(ColumnIndex::new(reader.columns()));
    let mut found: Vec<Shown> = Vec::new();
    let (mut number, mut renderable, mut draws) = (0, 0, Draws::new());
    while let Some(row) = reader.next_row() {
        let row = row.map_err(Error::from)?;
        if index.columns().names().len() != reader.columns().names().len() {
            index = Arc::new(ColumnIndex::new(reader.columns()));
        }
        if let Some(filter) = &filter
            && !filter.admits(&index, &row, name)?
        {
            continue;
        }
        number += 1;
        let address = Address::parse(&email.of(&row.fields)).ok();
        let wanted = match (&args.row, &args.email) {
            (Some(wanted), _) => *wanted == number,
            (_, Some(wanted)) => address.as_ref().is_some_and(|address| address.folded() == wanted.folded()),
            _ => true,
        };
        if !wanted {
            continue;
        }
        let named = args.row.is_some() || args.email.is_some();
        let to = match address {
            Some(to) => to,
            None if named => return Err(Error::refused(format!("{name}:{}: the row has no usable address", row.line))),
            None => continue,
        };
        let rendered = match render(bench, message, &index, &row.fields, &to) {
            Ok(rendered) => rendered,
            Err(why) if named => return Err(Error::refused(format!("{name}:{}: {why}", row.line))),
            Err(_) => continue,
        };
        renderable += 1;
        let one = Shown { row: number, rendered };
        if args.worst {
            if found.first().is_none_or(|longest| longest.rendered.bytes.len() < one.rendered.bytes.len()) {
                found = vec![one];
            }
        } else if let Some(sample) = args.sample {
            draws.keep(&mut found, one, renderable, usize::try_from(sample).unwrap_or(usize::MAX));
        } else {
            found.push(one);
            break;
        }
    }
    found.sort_by_key(|one| one.row);
    Ok(found)
}

/// Draws a sample from a stream of unknown length (algorithm R), the same one each time.
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

fn render(bench: &Workbench, message: &Message, index: &Arc<ColumnIndex>, fields: &Fields, to: &Address) -> Result<Rendered, String> {
    let key = to.folded();
    let ident = Ident { campaign: "preview", env: bench.settings.env.as_deref(), key: &key, secret: &[0; 32], date: Timestamp::now() };
    message.render(index, fields, to, &ident).map_err(|e| e.to_string())
}

fn write(target: &Target, bytes: &[u8]) -> Result<()> {
    output::write(target, bytes)
        .map_err(|e| Error::internal(format!("{}: {e}", target.path().display())).hint("name a directory that you can write to"))
}

fn open(path: &PathBuf) -> Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let status = std::process::Command::new(opener).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Error::internal(format!("{opener} could not open {}", path.display())).hint("open the file by hand, or use --out DIR")),
    }
}
