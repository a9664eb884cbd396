//! What `resume` and `retry` do about inputs that are not as the run was planned: they stop until
//! it is said which are meant.

use std::path::PathBuf;

use crate::cli::{ChangesArgs, SendArgs};
use crate::ledger::{Ledger, Run};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::campaign::{argument, typable};
use crate::run::comparison::{Changed, Comparison};
use crate::run::context::Context;
use crate::run::settings::RunSettings;

/// How a run goes on.
pub(crate) enum GoesOn {
    /// From the ledger alone; screened by these suppression files too.
    AsPlanned(Vec<PathBuf>),
    /// The recipients that it has not reached are planned anew, from what is there now.
    Anew(Box<SendArgs>),
}

/// Compares, and stops with exit 14 where something differs and it was not said what is meant.
/// `command` is what was typed, such as `resume RUN`.
pub(crate) async fn decide(
    context: &Context,
    ledger: &dyn Ledger,
    run: &Run,
    typed: &ChangesArgs,
    command: &str,
) -> Result<GoesOn> {
    let frozen = RunSettings::of(run)?;
    let comparison = Comparison { context, ledger, run, frozen: &frozen };
    let changed = comparison.changed().await?;
    changed.notes.iter().for_each(|note| context.note(&format!("mailbatch: {note}")));
    if changed.what.is_empty() {
        return Ok(GoesOn::AsPlanned(Vec::new()));
    }
    if typed.accept_changes {
        return match comparison.send_args()? {
            Some(args) => Ok(GoesOn::Anew(Box::new(args))),
            None => {
                let typed = argument(&typable(ledger, &run.head.campaign).await?);
                Err(no_list(context, run, &typed, &changed))
            }
        };
    }
    if typed.as_planned && !changed.cannot_go_as_planned {
        context.note(&format!(
            "mailbatch: run {} goes on as planned, with message {}; not used:\n{}",
            run.id,
            run.message_version(),
            lines(&changed)
        ));
        // One that is gone from the disk too screens by nothing.
        return Ok(GoesOn::AsPlanned(
            changed.suppression_files.into_iter().filter(|file| file.exists()).collect(),
        ));
    }
    Err(differs(context, run, &changed, command))
}

fn lines(changed: &Changed) -> String {
    changed
        .what
        .iter()
        .map(|(about, what)| format!("  {about}: {what}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn differs(context: &Context, run: &Run, changed: &Changed, command: &str) -> Error {
    let what = format!(
        "not everything is as it was when run {} of {} was planned:\n{}",
        run.id,
        run.head.name(),
        lines(changed)
    );
    let command = context.command(&format!("mailbatch {command}"));
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
fn no_list(context: &Context, run: &Run, typed: &str, changed: &Changed) -> Error {
    let id = &run.id;
    let rest =
        context.command(&format!("mailbatch report {id} --outcome held,deferred -o rest.csv"));
    let send = context.command(&format!("mailbatch send rest.csv {typed} --accept-changes"));
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
