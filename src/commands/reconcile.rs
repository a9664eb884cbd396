//! `mailbatch reconcile`: resolves recipients whose outcome is unknown.

use std::time::Duration;

use serde_json::json;

use crate::cli::{Globals, ReconcileArgs};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::run::campaign;
use crate::run::open::open;
use crate::run::reconcile::{Reconciliation, reconcile};

pub(crate) async fn run(globals: &Globals, args: &ReconcileArgs) -> Result<Exit> {
    let (context, ledger, run) = open(globals, Some(&args.run)).await?;
    let _lock = campaign::lock_of(
        &context.settings.workspace.state_dir,
        ledger.as_ref(),
        &run,
        Duration::ZERO,
    )
    .await?;
    let Reconciliation { settled, notes, standing } =
        reconcile(&context, ledger, &run, args).await?;
    let count = |outcome| standing.tally.get(outcome);
    let unknown = count(Outcome::Unknown);
    let exit = if unknown > 0 { Exit::UNKNOWN } else { Exit::OK };
    let next = match (unknown, count(Outcome::Deferred)) {
        (0, 0) => format!("mailbatch report {}", run.id),
        (0, _) => format!("mailbatch retry {}", run.id),
        _ => format!(
            "mailbatch reconcile {} --assume taken EMAIL    # or not-taken, according to the provider's log",
            run.id
        ),
    };
    let next = context.command(&next);
    if context.globals.json {
        let settled: Vec<_> =
            settled.iter().map(|((by, outcome), count)| json!({ "by": by, "outcome": outcome.as_str(), "count": count })).collect();
        let line = json!({ "v": 1, "type": "reconcile.completed", "run": run.id, "settled": settled, "unknown": unknown,
            "exit": exit.code(), "notes": notes, "next": next });
        context.print(&format!("{line}\n"))?;
    } else {
        let mut text = format!("run {} of {}\n", run.id, run.head.name());
        for ((by, outcome), count) in &settled {
            text.push_str(&format!("  {count} {outcome} by {by}\n"));
        }
        notes.iter().for_each(|note| text.push_str(&format!("  {note}\n")));
        text.push_str(&format!("  {unknown} unknown\nnext: {next}\n"));
        context.summarise(&text, exit)?;
    }
    Ok(exit)
}
