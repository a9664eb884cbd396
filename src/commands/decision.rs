//! What `resume` and `retry` do about inputs that are not as the run was planned: they stop until
//! it is said which are meant.

use std::path::PathBuf;

use crate::cli::{ChangesArgs, SendArgs};
use crate::commands::campaign::{argument, typable};
use crate::commands::comparison::{Changed, Comparison};
use crate::commands::running::{frozen, in_this_workspace};
use crate::commands::workbench::Workbench;
use crate::ledger::{Ledger, Run};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;

/// How a run goes on.
pub(crate) enum Goes {
    /// From the ledger alone; screened by these suppression files too.
    AsPlanned(Vec<PathBuf>),
    /// Whom it has not reached is planned anew, from what is there now.
    Anew(Box<SendArgs>),
}

/// Compares, and stops with exit 14 where something differs and it was not said what is meant.
/// `command` is what was typed, such as `resume RUN`.
pub(crate) async fn decide(
    bench: &Workbench,
    ledger: &dyn Ledger,
    run: &Run,
    typed: &ChangesArgs,
    command: &str,
) -> Result<Goes> {
    let frozen = frozen(run)?;
    let comparison = Comparison { bench, ledger, run, frozen: &frozen };
    let changed = comparison.changed().await?;
    changed.notes.iter().for_each(|note| bench.note(&format!("mailbatch: {note}")));
    if changed.what.is_empty() {
        return Ok(Goes::AsPlanned(Vec::new()));
    }
    if typed.accept_changes {
        return match comparison.send_args()? {
            Some(args) => Ok(Goes::Anew(Box::new(args))),
            None => {
                let typed = argument(&typable(ledger, &run.head.campaign).await?);
                Err(no_list(bench, run, &typed, &changed))
            }
        };
    }
    if typed.as_planned && !changed.cannot_go_as_planned {
        bench.note(&format!(
            "mailbatch: run {} goes on as planned, with message {}; not used:\n{}",
            run.id,
            run.message_version(),
            lines(&changed)
        ));
        // One that is gone from the disk too screens by nothing.
        return Ok(Goes::AsPlanned(
            changed.suppression_files.into_iter().filter(|file| file.exists()).collect(),
        ));
    }
    Err(differs(bench, run, &changed, command))
}

fn lines(changed: &Changed) -> String {
    changed
        .what
        .iter()
        .map(|(about, what)| format!("  {about}: {what}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn differs(bench: &Workbench, run: &Run, changed: &Changed, command: &str) -> Error {
    let what = format!(
        "not everything is as it was when run {} of {} was planned:\n{}",
        run.id,
        run.head.name(),
        lines(changed)
    );
    let command = in_this_workspace(bench, &format!("mailbatch {command}"));
    let anew = format!(
        "`{command} --accept-changes` plans those who were not reached anew, with everything as it is now"
    );
    Error::new(Exit::CHANGED, what).hint(match changed.cannot_go_as_planned {
        true => format!("configure the provider as it was; {anew}"),
        false => format!(
            "`{command} --as-planned` goes on with message {} and what else was planned; {anew}",
            run.message_version()
        ),
    })
}

/// The rest cannot be planned anew without the list.
fn no_list(bench: &Workbench, run: &Run, typed: &str, changed: &Changed) -> Error {
    let id = &run.id;
    let rest = in_this_workspace(
        bench,
        &format!("mailbatch report {id} --outcome held,deferred -o rest.csv"),
    );
    let send =
        in_this_workspace(bench, &format!("mailbatch send rest.csv {typed} --accept-changes"));
    Error::new(
        Exit::CHANGED,
        format!(
            "the list of run {id} cannot be read again, so its rest cannot be planned anew:\n{}",
            lines(changed)
        ),
    )
    .hint(format!(
        "`{rest}` writes its rest into a list, and `{send}` sends that with everything as it is now"
    ))
}
