//! `mailbatch why`: shows every decision about one recipient of a run.

use crate::cli::{Globals, WhyArgs};
use crate::ledger::Run;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::report;
use crate::run::console::width;
use crate::run::context::Context;
use crate::run::places::places;
use crate::run::settings::RunSettings;

pub(crate) async fn run(globals: &Globals, args: &WhyArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    let ledger = context.used_ledger_to_read()?;
    let run = context.run(ledger.as_ref(), Some(&args.run)).await?;
    let email = Address::parse(&args.email)
        .map_or_else(|_| args.email.clone(), |address| address.to_string());
    let decisions = ledger.why(&run.id, &email).await?;
    if decisions.is_empty() {
        return Err(Error::usage(format!("run {} has no such recipient", run.id))
            .hint(format!("`mailbatch report {}` lists its recipients", run.id)));
    }
    let text = if context.globals.json {
        format!("{}\n", report::why_json(&run, &email, &decisions))
    } else {
        report::why_table(&decisions, width())
    };
    context.print(&text)?;
    if decisions.iter().any(|decision| decision.what == Outcome::Suppressed.as_str()) {
        note_where_listed(&context, &run, &email)?;
    }
    Ok(Exit::OK)
}

/// Prints the places where a suppressed recipient is listed now. The ledger stores only the reason
/// at the time of the decision.
fn note_where_listed(context: &Context, run: &Run, email: &str) -> Result<()> {
    let Ok(address) = Address::parse(email) else { return Ok(()) };
    let mut files = context.settings.suppression_files.clone();
    files.extend(RunSettings::of(run)?.suppress);
    // A file that the run used may have been deleted.
    files.retain(|file| file.exists());
    let found = places(context, &files, &address)?;
    if found.is_empty() {
        context.note("mailbatch: this address is now in no suppression file and not in the ledger");
    }
    found.iter().for_each(|(place, entry)| {
        context.note(&format!("mailbatch: listed now in {place} ({})", entry.reason))
    });
    Ok(())
}
