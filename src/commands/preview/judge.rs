//! Decides whether `send` would mail the previewed rows, by screening them and by asking earlier
//! runs of the campaign.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::cli::PreviewArgs;
use crate::ledger::{Ledger, LedgerRow, Run, RunState};
use crate::message::{Message, MessageSource};
use crate::model::address::{Address, Dedupe, key_of};
use crate::model::error::{Error, Result};
use crate::model::outcome::{Kind, Outcome, Reason};
use crate::plan::{Screen, Screened, Screening};
use crate::run::campaign::{self, Apart, Campaign};
use crate::run::context::Context;
use crate::run::gates::latched;
use crate::run::pausing::{Start, refuse_while_paused};
use crate::run::places::places;
use crate::run::reports::each_row;

/// The reason why `send` would not mail a row.
#[derive(Clone, Debug)]
pub(super) struct NotSent {
    /// The outcome that `send` would give the row.
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    /// The reason as text. It does not contain the address.
    pub(super) detail: String,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.outcome, self.detail)
    }
}

/// A row with the result of the screening.
pub(super) struct Judged {
    /// The address, or `None` if the row has no valid one.
    pub(super) to: Option<Address>,
    pub(super) key: String,
    pub(super) not_sent: Option<NotSent>,
}

/// Screens the rows of a list in order, as `send` does.
pub(super) struct Judge<'a> {
    screen: Screen<'a>,
    dedupe: Dedupe,
    list: &'a str,
    /// The number and line of each recipient's first row, by a hash of the recipient's key.
    first: HashMap<u64, (u64, u64)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(screening: &'a Screening<'a>, list: &'a str) -> Self {
        Self {
            screen: Screen::new(screening),
            dedupe: screening.dedupe,
            list,
            first: HashMap::new(),
        }
    }

    /// Screens one row, given its number and line. An error means that `send` would refuse the
    /// whole list.
    pub(super) fn row(
        &mut self,
        cell: &str,
        id: Option<&str>,
        defect: Option<&str>,
        (row, line): (u64, u64),
    ) -> Result<Judged, String> {
        let Screened { to, key, outcome, .. } = self.screen.row(cell, id, defect)?;
        let mut not_sent = outcome.map(|(outcome, reason, detail)| NotSent {
            outcome,
            reason: Some(reason),
            detail,
        });
        if let Some(to) = &to {
            let first = match self.first.entry(xxh3_64(to.key(self.dedupe).as_bytes())) {
                Slot::Vacant(slot) => *slot.insert((row, line)),
                Slot::Occupied(slot) => *slot.get(),
            };
            if let Some(not_sent) =
                not_sent.as_mut().filter(|not_sent| not_sent.outcome == Outcome::Duplicate)
            {
                not_sent.detail = format!(
                    "the address stands earlier, in row {} ({}:{})",
                    first.0, self.list, first.1
                );
            }
        }
        Ok(Judged { to, key, not_sent })
    }
}

/// Adds to `not_sent` where the entries are that suppress the address.
pub(super) fn name_the_entries(
    context: &Context,
    args: &PreviewArgs,
    message: &Message,
    to: &Address,
    not_sent: &mut NotSent,
) -> Result<()> {
    if not_sent.outcome != Outcome::Suppressed || not_sent.reason == Some(Reason::Policy) {
        return Ok(());
    }
    let mut files = context.settings.suppression_files.clone();
    files.extend(
        args.suppress.iter().map(|file| context.settings.workspace.path_from_arguments(file)),
    );
    let found = places(context, &files, to)?;
    let stops = found.iter().filter(|(_, entry)| entry.scope.stops(entry.reason, message.kind()));
    let named: Vec<String> =
        stops.map(|(place, entry)| format!("{} in {place}", entry.reason)).collect();
    if !named.is_empty() {
        not_sent.detail = format!("{}: {}", not_sent.detail, named.join(", "));
    }
    Ok(())
}

/// Looks up what earlier runs of the campaign decided about a recipient.
pub(super) struct Earlier<'a> {
    ledger: &'a dyn Ledger,
    dedupe: Dedupe,
    campaign: String,
    kind: Kind,
    /// The names of the providers that `send` would use. Empty if none is configured.
    providers: Vec<String>,
    /// The campaign's runs, newest first.
    runs: Vec<Run>,
}

impl<'a> Earlier<'a> {
    /// Finds the runs of the campaign to which `send` would add this list. Returns `None` if the
    /// campaign has no name, because the list is read from standard input.
    pub(super) async fn find(
        context: &Context,
        args: &PreviewArgs,
        (source, kind): (&MessageSource, Kind),
        ledger: &'a dyn Ledger,
    ) -> Result<Option<Self>> {
        let campaign = args.target.campaign.as_deref();
        if campaign.is_none() && args.list.as_os_str() == "-" {
            return Ok(None);
        }
        let lists = std::slice::from_ref(&args.list);
        let choice = campaign::choice(context, campaign, source.path(), lists)?;
        let env = context.settings.env.as_deref();
        let apart = Apart { env, redirect: None, provider_sandbox: false };
        let Campaign { id, ids, .. } =
            choice.find(Some(ledger), &context.settings.workspace, &apart).await?;
        let mut runs = ledger.runs().await?;
        runs.retain(|run| {
            ids.contains(&run.head.campaign)
                && run.head.env.as_deref() == env
                && run.state != RunState::Planning
        });
        let chosen = context
            .settings
            .chosen(args.target.provider.as_deref())
            .map(|chosen| chosen.providers)
            .unwrap_or_default();
        let providers = chosen.into_iter().map(str::to_owned).collect();
        Ok(Some(Self { ledger, dedupe: args.dedupe, campaign: id, kind, providers, runs }))
    }

    /// Returns the reason why `send` would not mail a recipient that passed the screening, or
    /// `None`.
    pub(super) async fn about(&self, to: &Address, key: &str) -> Result<Option<NotSent>> {
        if let Some(decided) = self.decided(to, key).await? {
            return Ok(Some(decided));
        }
        let providers = self.providers.iter().map(String::as_str).collect();
        let held = match refuse_while_paused(
            self.ledger,
            &Start { campaign: &self.campaign, kind: self.kind, providers },
        )
        .await
        {
            Err(why) => Err(why),
            Ok(()) => {
                self.runs.first().filter(|run| run.state == RunState::Open).map_or(Ok(()), latched)
            }
        };
        let in_words =
            |why: Error| NotSent { outcome: Outcome::Held, reason: None, detail: first_line(&why) };
        Ok(held.err().map(in_words))
    }

    /// Returns the decision of earlier runs. If any run reached the recipient, that decides.
    /// Otherwise the newest run with this recipient decides.
    async fn decided(&self, to: &Address, key: &str) -> Result<Option<NotSent>> {
        let (mut newest, mut is_open) = (None, false);
        for run in &self.runs {
            let mut found: Option<LedgerRow> = None;
            each_row(self.ledger, &run.id, |row| {
                if self.is_same(&row, to, key) && !matches!(row.outcome, Some(Outcome::Duplicate)) {
                    found = Some(row);
                }
                Ok(())
            })
            .await?;
            let Some(row) = found else { continue };
            let outcome = row.outcome;
            if matches!(outcome, Some(Outcome::Accepted | Outcome::AlreadyAccepted)) {
                let detail = format!("run {} of the campaign reached this recipient", run.id);
                return Ok(Some(NotSent {
                    outcome: Outcome::AlreadyAccepted,
                    reason: Some(Reason::EarlierRun),
                    detail,
                }));
            }
            if newest.is_some() || is_open {
                continue;
            }
            match outcome {
                Some(outcome @ (Outcome::Rejected | Outcome::Unknown)) => {
                    let id = &run.id;
                    let next = if outcome == Outcome::Rejected {
                        format!("retry {id} --only rejected")
                    } else {
                        format!("reconcile {id}")
                    };
                    let detail = format!(
                        "the recipient has this outcome in run {id} of the campaign; to change it, run `mailbatch {next}`"
                    );
                    newest = Some(NotSent { outcome, reason: row.reason, detail });
                }
                Some(Outcome::Held | Outcome::Deferred) | None => is_open = true,
                Some(_) => {}
            }
        }
        Ok(newest)
    }

    fn is_same(&self, row: &LedgerRow, to: &Address, key: &str) -> bool {
        row.key == key
            || match self.dedupe {
                Dedupe::Off => false,
                Dedupe::Exact => row.email == to.as_str(),
                Dedupe::Ci => key_of(&row.email) == to.folded(),
            }
    }
}

/// Returns the first line of an error, without its hint.
pub(super) fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
