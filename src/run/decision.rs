//! Decides how `resume` and `retry` treat inputs that have changed since the run was planned.
//! Without `--as-planned` or `--accept-changes`, both stop.

use std::path::PathBuf;

use crate::cli::{ChangesArgs, SendArgs};
use crate::ledger::{Ledger, Run};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::campaign::{argument, typable};
use crate::run::comparison::{Changed, Comparison};
use crate::run::context::Context;
use crate::run::settings::RunSettings;

/// How a run continues.
pub(crate) enum GoesOn {
    /// As planned, with the recipients and the message from the ledger. The paths are suppression
    /// files of the run that are no longer configured; they are used in addition to the configured
    /// ones.
    AsPlanned(Vec<PathBuf>),
    /// With a new plan, made from the present inputs, for the recipients that were not reached.
    Anew(Box<SendArgs>),
}

/// Compares the inputs. Stops with exit 14 if an input differs and no flag says which version to
/// use. `command` is the command as typed, for example `resume RUN`.
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
            "mailbatch: run {} continues as planned, with message {}; these changes are ignored:\n{}",
            run.id,
            run.message_version(),
            lines(&changed)
        ));
        // Suppression files that no longer exist are left out.
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
        "these inputs have changed since run {} of {} was planned:\n{}",
        run.id,
        run.head.name(),
        lines(changed)
    );
    let command = context.command(&format!("mailbatch {command}"));
    let anew = format!(
        "`{command} --accept-changes` plans a new run, with the present inputs, for the recipients not reached so far"
    );
    Error::new(Exit::CHANGED, what).hint(match changed.cannot_go_as_planned {
        true => format!("configure the provider as it was; {anew}"),
        false => format!(
            "`{command} --as-planned` goes on with message {} and the other inputs that the run was planned with; {anew}",
            run.message_version()
        ),
    })
}

/// Builds the refusal if the list cannot be read, so that the remaining recipients cannot be
/// planned again.
fn no_list(context: &Context, run: &Run, typed: &str, changed: &Changed) -> Error {
    let id = &run.id;
    let rest =
        context.command(&format!("mailbatch report {id} --outcome held,deferred -o rest.csv"));
    let send = context.command(&format!("mailbatch send rest.csv {typed} --accept-changes"));
    Error::new(
        Exit::CHANGED,
        format!(
            "the list of run {id} cannot be read again, so its remaining recipients cannot be planned again:\n{}",
            lines(changed)
        ),
    )
    .hint(format!(
        "`{rest}` writes the remaining recipients to a list; `{send}` sends to them with the present inputs"
    ))
}
