//! Finds what differs between a campaign's latest run and the inputs of a new send, and decides
//! whether the send may continue the campaign.

use std::collections::HashSet;

use crate::run::reports::each_row;

use crate::ledger::{Ledger, LedgerRow, Run, RunState};
use crate::model::error::{Error, Subject};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::run::context::Context;

/// Names the inputs that differ from an earlier run of the campaign.
pub(crate) fn changes(
    run: &Run,
    list_fingerprint: &str,
    message_fingerprint: &str,
) -> Vec<&'static str> {
    let mut changed = Vec::new();
    if run.head.list_fingerprint != list_fingerprint {
        changed.push("the list");
    }
    if run.head.message_fingerprint != message_fingerprint {
        changed.push("the message");
    }
    changed
}

/// The changed inputs as a subject with a verb, for example `the list has`.
pub(crate) fn has(changed: &[&'static str]) -> String {
    format!("{} {}", changed.join(" and "), if changed.len() > 1 { "have" } else { "has" })
}

/// Builds the refusal to continue a campaign with changed inputs; `None` if the send may continue.
/// `typed` is the `--campaign` argument for the hint. `is_named` is true if `--campaign` was given,
/// `is_accepted` if `--accept-changes` was given.
pub(crate) fn refusal(
    run: &Run,
    typed: &str,
    changed: &[&'static str],
    is_named: bool,
    is_accepted: bool,
) -> Option<Error> {
    let subject = if changed.contains(&"the list") { Subject::List } else { Subject::Template };
    let refuse = |hint: String| {
        Some(
            Error::new(
                Exit::CHANGED,
                format!("{} changed since run {} of {}", has(changed), run.id, run.head.name()),
            )
            .hint(hint)
            .about(subject),
        )
    };
    if changed.is_empty() {
        return None;
    }
    if !is_named {
        let unreached = match run.state {
            RunState::Open => format!(
                "; `mailbatch resume {} --as-planned` first sends to the recipients that run has not reached",
                run.id
            ),
            _ => String::new(),
        };
        return refuse(format!(
            "name the campaign: {typed} continues it and sends to added rows only; a new name starts a new campaign{unreached}"
        ));
    }
    if changed.contains(&"the message") && !is_accepted {
        return refuse("--accept-changes sends the changed message to the recipients not yet reached; a new campaign name sends it to all recipients".into());
    }
    None
}

/// Warns, even under `-q`, if an unfinished run had recipients that are missing from the list of
/// the run that replaces it.
pub(crate) async fn warn_of_left_out(
    context: &Context,
    ledger: &dyn Ledger,
    old: &str,
    new: &str,
) -> crate::model::error::Result<()> {
    let is_left =
        |row: &LedgerRow| matches!(row.outcome, None | Some(Outcome::Held | Outcome::Deferred));
    let mut left: HashSet<String> = HashSet::new();
    each_row(ledger, old, |row| {
        if is_left(&row) {
            left.insert(row.key);
        }
        Ok(())
    })
    .await?;
    if !left.is_empty() {
        each_row(ledger, new, |row| {
            left.remove(&row.key);
            Ok(())
        })
        .await?;
    }
    if !left.is_empty() {
        let report = context.command(&format!("mailbatch report {old} --outcome held,deferred"));
        context.warn(&format!(
            "warning: run {old} was not finished, and {} of its recipients are not in this list: nothing is sent to them; `{report}` names them",
            left.len()
        ));
    }
    Ok(())
}

/// Whether the run was abandoned. An abandoned run is not continued: the same command plans a new
/// run, which skips recipients already reached.
pub(crate) async fn is_abandoned(
    ledger: &dyn Ledger,
    run: &Run,
) -> crate::model::error::Result<bool> {
    Ok(run.state == RunState::Finished
        && ledger.standing(&run.id).await?.tally.get(Outcome::Held) > 0)
}
