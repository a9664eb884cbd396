//! Ends an execution: writes the reports and prints the summary.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{Ledger, Run};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Reason;
use crate::report::{self, Closing, SummaryExtra};
use crate::run::conclude::Conclusion;
use crate::run::context::Context;
use crate::run::reports::{kept_reports, write_asked};
use crate::run::settings::RunSettings;
use crate::run::verdict::{self, ClosingOptions};

/// The inputs of the summary in addition to the result of the execution.
pub(crate) struct Summary<'a> {
    pub(crate) context: &'a Context,
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) options: &'a ClosingOptions,
    pub(crate) frozen: &'a RunSettings,
    /// When the execution began, after a retry only. Recipients may have got their earlier outcome
    /// back since then.
    pub(crate) gave_back_since: Option<Timestamp>,
    pub(crate) elapsed: Duration,
}

impl Summary<'_> {
    /// Writes the reports and prints the summary. The summary is printed even if a report fails,
    /// because the ledger has all results.
    pub(crate) async fn print(
        &self,
        conclusion: Conclusion,
        mut notes: Vec<String>,
    ) -> Result<Exit> {
        let Conclusion { run, standing, handed_over, earned, next } = conclusion;
        let standard = kept_reports(self.context, &run.id)?.next();
        let exit = verdict::most_telling(&earned);
        let closing = Closing {
            reasons: earned.iter().map(|(_, reason)| reason.clone()).collect(),
            ..Closing::new(exit)
        };
        let written = write_asked(
            self.context,
            self.ledger,
            (&run, &standing, closing),
            self.options,
            Some(&standard),
        )
        .await;
        notes.extend(self.given_back(&run).await?);
        if self.frozen.provider_sandbox {
            notes.push("sent to the provider's sandbox: no recipient got mail; a send without --provider-sandbox sends to all recipients".into());
        }
        if self.frozen.redirect.is_some() {
            notes.push("redirected: no recipient of the list was reached; a send without --redirect-all-to sends to all recipients".into());
        }
        let next = match next {
            Some(next) => with_version(&next, &run),
            None => format!("mailbatch report {}", run.id),
        };
        let shown = self.context.settings.workspace.shown(&standard);
        let extra = SummaryExtra {
            elapsed: self.elapsed,
            handed_over,
            report: written.is_ok().then(|| PathBuf::from(shown)),
            next: Some(self.context.command(&next)),
            exit,
            exit_reasons: earned,
            notes,
        };
        if self.options.json {
            let line = report::summary_json(&run, &standing, &extra);
            self.context.print(&format!("{line}\n"))?;
        } else {
            self.context.summarise(&report::summary(&run, &standing, &extra), exit)?;
        }
        written.map(|()| exit)
    }

    /// Returns a note on recipients that a retry reopened but did not attempt. They keep their
    /// earlier outcome, so they look as if they had been refused again.
    async fn given_back(&self, run: &Run) -> Result<Option<String>> {
        let Some(since) = self.gave_back_since else { return Ok(None) };
        let is_screened = |reason| {
            matches!(
                reason,
                Reason::HardBounce | Reason::Complaint | Reason::Unsubscribe | Reason::Manual
            )
        };
        let kept = self.ledger.kept(&run.id, since).await?;
        let (screened, others): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|(reason, _)| is_screened(*reason));
        let in_words = |what: &str, kept: Vec<(Reason, u64)>| {
            let all: u64 = kept.iter().map(|(_, count)| count).sum();
            let reasons: Vec<String> =
                kept.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            (all > 0).then(|| format!("{all} {what} ({})", reasons.join(", ")))
        };
        let parts: Vec<String> =
            [in_words("suppressed meanwhile", screened), in_words("not begun", others)]
                .into_iter()
                .flatten()
                .collect();
        Ok((!parts.is_empty())
            .then(|| format!("not attempted, and with the outcome they had: {}", parts.join(", "))))
    }
}

/// Adds the message version to a command that continues a run.
fn with_version(next: &str, run: &Run) -> String {
    if !["mailbatch resume", "mailbatch retry"].iter().any(|command| next.contains(command)) {
        return next.to_owned();
    }
    let remark = if next.contains('#') { ";" } else { "    #" };
    format!("{next}{remark} with the message as planned, {}", run.message_version())
}
