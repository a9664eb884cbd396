//! `send --ledger-lost`: continues after the ledger was lost, using the reports stored next to it.
//!
//! Invariant: a run counts as taken over only when every recipient that it may have reached has
//! been recorded again. People are stored as keyed hashes, as for a run that was removed.

mod bounded_rows;
mod proof;
mod report;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::files;
use crate::ledger::loss::{Loss, Remains};
use crate::ledger::record::{self, RunRecord, UNREACHED};
use crate::ledger::reports::Reports;
use crate::ledger::state_files::report_directory;
use crate::ledger::trace;
use crate::ledger::{
    Adopted, Ledger, LostPeople, Run, RunId, RunState, Sketch, person_of, person_seed,
};
use crate::model::error::{Error, Result};
use crate::model::outcome::{Outcome, Reason};
use crate::model::shown::Shown;
use crate::provider::RowNumber;

use report::Report;

/// How many people are passed to the ledger at once.
const PAGE: usize = 1_000;

/// The files left from the lost ledger, and the campaign that is being sent.
pub(crate) struct Takeover<'a> {
    pub(crate) ledger: &'a Arc<dyn Ledger>,
    pub(crate) state_dir: &'a Path,
    pub(crate) remains: Remains,
    pub(crate) loss: Loss,
    pub(crate) campaign: &'a str,
    pub(crate) env: Option<&'a str>,
    /// The column of the list with the recipients' ids.
    pub(crate) id: Option<&'a str>,
}

/// The results of reading the reports. Some of them can be applied only when the list is read.
pub(crate) struct TakenOver {
    pub(crate) notes: Vec<String>,
    /// The campaign that is being sent.
    campaign: String,
    env: Option<String>,
    runs: Vec<RunId>,
    /// Lost runs whose last execution left a trace but no report.
    traced: Vec<Traced>,
}

/// The recipients of a lost run for which only row numbers and outcomes are known.
struct Traced {
    run: RunId,
    record: Option<RunRecord>,
    rows: Vec<(RowNumber, Outcome, Option<Reason>)>,
    reached: Reached,
}

/// Messages that a run of another campaign sent after its last report. The recipients become known
/// when that campaign is sent.
pub(crate) struct Unread {
    pub(crate) run: RunId,
    pub(crate) campaign: String,
    pub(crate) messages: u64,
}

/// The people that a lost run has reached, collected from its reports.
#[derive(Clone, Default)]
struct Reached {
    people: Sketch,
    latest: Option<Timestamp>,
}

impl Reached {
    /// Returns the people to store; `None` if the run's mail reached no recipient of its list.
    fn lost_people(
        self,
        run: &str,
        campaign: &str,
        record: Option<&RunRecord>,
    ) -> Option<LostPeople> {
        let apart = record.and_then(|record| record.apart.clone());
        if apart.as_deref() == Some(UNREACHED) || super::campaign::is_sandboxed(campaign) {
            return None;
        }
        Some(LostPeople {
            run: run.to_owned(),
            campaign: campaign.to_owned(),
            env: record.map(|record| record.env.clone()),
            apart,
            message_fingerprint: record.and_then(|record| record.message_fingerprint.clone()),
            people: self.people.finish(),
            at: self.latest.unwrap_or_else(Timestamp::now),
        })
    }
}

impl Takeover<'_> {
    /// Reads the reports into the ledger. Exit 2 if a report cannot be read.
    pub(crate) async fn read(self) -> Result<TakenOver> {
        let mut taken = TakenOver {
            notes: Vec::new(),
            campaign: self.campaign.to_owned(),
            env: self.env.map(str::to_owned),
            runs: Vec::new(),
            traced: Vec::new(),
        };
        if self.loss.is_empty() {
            taken.notes.push("the ledger knows every run that reports and traces name; --ledger-lost changes nothing".to_owned());
            return Ok(taken);
        }
        let runs: Vec<RunId> = self.loss.runs().into_iter().cloned().collect();
        // All runs are checked before anything is changed.
        for run in &runs {
            self.refuse_bare_record(run)?;
            proof::prove(
                &self.reports(run)?,
                self.remains.records.get(run).and_then(Option::as_ref),
                run,
                self.state_dir,
            )?;
        }
        self.close_overtaken(&mut taken).await?;
        for run in runs {
            if self.loss.stale.contains(&run) {
                // The ledger's data about the run is kept. The report adds outcomes that the ledger
                // lacks.
                self.ledger.set_aside(&run).await?;
            }
            let record = self.remains.records.get(&run).cloned().flatten();
            let mut reached = Reached::default();
            let (people, learned) = self.report(&run, record.as_ref(), &mut reached).await?;
            keep(
                &**self.ledger,
                &run,
                self.compared_as(record.as_ref()),
                record.as_ref(),
                reached.clone(),
            )
            .await?;
            let rows = self.trace_rows(&run)?;
            let whose = record.as_ref().map_or_else(
                || {
                    format!(
                        "{}, because no record says which campaign it belongs to",
                        crate::run::campaign::shown(self.campaign)
                    )
                },
                |record| crate::run::campaign::shown(&record.campaign).to_owned(),
            );
            taken.notes.push(format!("run {run}: {people} people read from its report for {whose}; {learned} of them are suppressed"));
            if rows.is_empty() {
                taken.runs.push(run);
            } else {
                taken.traced.push(Traced { run, record, rows, reached });
            }
        }
        Ok(taken)
    }

    /// Returns the campaign under which a run's people are compared with those of other campaigns.
    fn compared_as<'b>(&'b self, record: Option<&'b RunRecord>) -> &'b str {
        // If the run may belong to the campaign that is being sent, that campaign is used.
        self.campaigns(record).last().map_or(self.campaign, |(campaign, _)| campaign)
    }

    /// Returns the campaigns for which a run's people count as reached: the run's own campaign, and
    /// the campaign being sent if it may be the same.
    fn campaigns<'b>(&'b self, record: Option<&'b RunRecord>) -> Vec<(&'b str, Option<&'b str>)> {
        let mine = (self.campaign, self.env);
        let Some(record) = record else { return vec![mine] };
        let own = (record.campaign.as_str(), record.env.as_deref());
        if own == mine {
            vec![own]
        } else if may_be_same(own, mine) {
            vec![own, mine]
        } else {
            vec![own]
        }
    }

    /// Closes unfinished runs of a campaign if the ledger has lost later runs of that campaign,
    /// which may have reached the open rows.
    async fn close_overtaken(&self, taken: &mut TakenOver) -> Result<()> {
        let lost: Vec<_> = self
            .loss
            .runs()
            .into_iter()
            .map(|run| self.remains.records.get(run).cloned().flatten())
            .collect();
        let lost: Vec<_> = lost.iter().flat_map(|record| self.campaigns(record.as_ref())).collect();
        for run in self.ledger.runs().await? {
            let own = (run.head.campaign.as_str(), run.head.env.as_deref());
            if run.state != RunState::Open
                || self.loss.stale.contains(&run.id)
                || !lost.iter().any(|lost| may_be_same(own, *lost))
            {
                continue;
            }
            let rows = self.trace_rows(&run.id)?;
            self.ledger.set_aside(&run.id).await?;
            taken.notes.push(format!(
                "run {} is closed: later runs of {} may have reached its open rows",
                run.id,
                run.head.name()
            ));
            if rows.is_empty() {
                self.ledger.adopted(vec![run.id]).await?;
            } else {
                let record = self.remains.records.get(&run.id).cloned().flatten();
                taken.traced.push(Traced {
                    run: run.id,
                    record,
                    rows,
                    reached: Reached::default(),
                });
            }
        }
        Ok(())
    }

    /// Refuses a lost run that has only a record: its latest execution ended without a report, and
    /// its traces are missing too.
    fn refuse_bare_record(&self, run: &str) -> Result<()> {
        if self.reports(run)?.current().is_some()
            || self.remains.traces.contains_key(run)
            || !self.remains.records.contains_key(run)
        {
            return Ok(());
        }
        let record = record::path(self.state_dir, run);
        Err(Error::usage(format!("run {run} has a record, but neither a report nor a trace that says which recipients it reached")).hint(format!(
            "restore .mailbatch/reports, .mailbatch/trace or the ledger from a backup; moving {} away discards the run, and the recipients that it \
             reached may be mailed twice",
            record.shown()
        )))
    }

    fn reports(&self, run: &str) -> Result<Reports> {
        let dir = report_directory(self.state_dir);
        Reports::of(&dir, run).map_err(|e| {
            Error::usage(format!("{}: {e}", dir.shown()))
                .hint("the directory of the reports must be readable")
        })
    }

    /// Reads a run's newest report, if there is one. Returns how many people it lists as reached or
    /// refused, and how many of them are suppressed.
    async fn report(
        &self,
        run: &str,
        record: Option<&RunRecord>,
        reached: &mut Reached,
    ) -> Result<(usize, usize)> {
        let reports = self.reports(run)?;
        let Some(path) = reports.newest() else { return Ok((0, 0)) };
        let mut report = Report::open(path.to_owned(), self.id)?;
        let campaigns = self.campaigns(record);
        let seed = person_seed(&self.ledger.secret_key().await?);
        let (mut people, mut suppressed) = (0, 0);
        loop {
            let (page, learned) = report.page()?;
            if page.is_empty() {
                reached.latest = report.latest;
                return Ok((people, suppressed));
            }
            let is_reached = |person: &&Adopted| {
                matches!(person.outcome, Some((Outcome::Accepted | Outcome::Unknown, _)))
            };
            page.iter()
                .filter(is_reached)
                .for_each(|person| reached.people.offer(person_of(&person.email, seed), 0));
            people += page.iter().filter(|person| person.outcome.is_some()).count();
            suppressed += learned.len();
            for (campaign, env) in &campaigns {
                self.ledger.adopt(campaign, *env, page.clone()).await?;
            }
            self.ledger.suppress(learned).await?;
        }
    }

    /// Returns the rows that a run's traces list as reached, refused or unknown. Empty if a report
    /// was written later.
    fn trace_rows(&self, run: &str) -> Result<Vec<(RowNumber, Outcome, Option<Reason>)>> {
        if self.reports(run)?.current().is_some() {
            return Ok(Vec::new());
        }
        let mut rows = HashMap::new();
        for file in self.remains.traces.get(run).into_iter().flatten() {
            let path = trace::directory(self.state_dir).join(&file.name);
            let opened = files::open(&path)
                .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", path.shown())));
            let state = opened.and_then(|_| trace::proof::read(&path)).map_err(|e| {
                Error::usage(format!("{e}; the recipients of run {run} cannot be read from it")).hint(format!(
                    "restore it or the ledger from a backup; moving {} away discards its records, so recipients may be mailed twice",
                    path.shown()
                ))
            })?;
            let crossing = state
                .crossing
                .iter()
                .map(|(_, row)| (*row, Outcome::Unknown, Some(Reason::NoReply)));
            let answered = state.answered.iter().filter_map(|((_, row), verdict)| {
                let reached =
                    verdict.outcome().filter(|outcome| *outcome != Outcome::Suppressed)?;
                Some((*row, reached, verdict.reason()))
            });
            for (row, outcome, reason) in crossing.chain(answered) {
                let kept = rows.entry(row).or_insert((outcome, reason));
                if kept.0 != Outcome::Accepted {
                    *kept = (outcome, reason);
                }
            }
        }
        Ok(rows.into_iter().map(|(row, (outcome, reason))| (row, outcome, reason)).collect())
    }
}

impl TakenOver {
    /// Applies the traces' rows to `planned`, a run that is not sealed yet, and records that the
    /// lost runs are taken over. Returns the runs of other campaigns that may have sent this
    /// message, if they have the label `apart`. Exit 2 if messages were sent after a run's last
    /// report and their recipients cannot be determined.
    pub(crate) async fn finish(
        self,
        ledger: &dyn Ledger,
        state_dir: &Path,
        planned: Option<(&Run, &str)>,
    ) -> Result<Vec<Unread>> {
        let mut done = self.runs;
        let mut unread = Vec::new();
        let mine = (self.campaign.as_str(), self.env.as_deref());
        for traced in self.traced {
            let Traced { run, record, rows, mut reached } = traced;
            let own =
                record.as_ref().map(|record| (record.campaign.as_str(), record.env.as_deref()));
            if let Some(own) = own.filter(|own| !may_be_same(*own, mine)) {
                // The lost run belongs to another campaign and is settled when that campaign is
                // sent.
                let is_same = |(planned, apart)| {
                    record
                        .as_ref()
                        .is_some_and(|record| may_be_same_message(record, planned, apart))
                };
                if planned.is_some_and(is_same) {
                    unread.push(Unread {
                        campaign: super::campaign::shown(own.0).to_owned(),
                        messages: rows.len() as u64,
                        run,
                    });
                }
                continue;
            }
            let same_list = planned.filter(|(planned, _)| {
                record.as_ref().is_some_and(|r| r.list_fingerprint == planned.head.list_fingerprint)
            });
            let Some((planned, _)) = same_list else {
                return Err(unnamed(&run, rows.len(), record.is_some(), state_dir));
            };
            for rows in rows.chunks(PAGE) {
                let people = ledger.adopt_rows(&planned.id, rows.to_vec()).await?;
                people.into_iter().for_each(|person| reached.people.offer(person, 0));
            }
            reached.latest = None;
            keep(ledger, &run, &planned.head.campaign, record.as_ref(), reached).await?;
            done.push(run);
        }
        ledger.adopted(done).await?;
        Ok(unread)
    }
}

/// Stores the people that a lost run reached.
async fn keep(
    ledger: &dyn Ledger,
    run: &str,
    campaign: &str,
    record: Option<&RunRecord>,
    reached: Reached,
) -> Result<()> {
    match reached.lost_people(run, campaign, record) {
        Some(people) => Ok(ledger.keep_lost(people).await?),
        None => Ok(()),
    }
}

/// Whether a lost run may have sent the message of a planned run: it is in the same environment and
/// has the label (`apart`) that the planned run is compared with.
fn may_be_same_message(record: &RunRecord, planned: &Run, apart: &str) -> bool {
    let is_or_unknown =
        |known: &Option<String>, text: &str| known.as_deref().is_none_or(|known| known == text);
    record.env == planned.head.env
        && is_or_unknown(&record.message_fingerprint, &planned.head.message_fingerprint)
        && is_or_unknown(&record.apart, apart)
        && apart != UNREACHED
}

/// Builds the error for messages whose recipients cannot be determined.
fn unnamed(run: &str, messages: usize, has_record: bool, state_dir: &Path) -> Error {
    let trace = trace::directory(state_dir).join(format!("{run}-*.log"));
    Error::usage(format!(
        "run {run} sent {messages} messages after its last report, and {}",
        if has_record { "the list has changed since" } else { "their recipients are unknown: its record is missing" }
    ))
    .hint(format!(
        "send the list as it was then, or restore the ledger; moving {} away discards its records, and these people may be mailed twice",
        trace.shown()
    ))
}

/// Whether two campaign ids may belong to the same campaign. Either they are equal, or both have no
/// name and the same display form. Ids without a name depend on paths, which may have been typed
/// differently.
fn may_be_same(one: (&str, Option<&str>), other: (&str, Option<&str>)) -> bool {
    let shown = crate::run::campaign::shown;
    let parts = |campaign: &str| campaign.matches('#').count();
    one == other
        || one.1 == other.1
            && parts(one.0) > 0
            && parts(one.0) == parts(other.0)
            && shown(one.0) == shown(other.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_without_a_name_may_be_one_campaign_when_they_are_shown_alike() {
        let same = |one: &str, other: &str| may_be_same((one, None), (other, None));
        assert!(same("spring", "spring") && same("m/list#aa", "m/list#bb"));
        assert!(
            !same("spring", "autumn")
                && !same("m/list", "m/list#aa")
                && !same("m/list#aa", "m/list#aa#sandbox")
                && !same("m/list#aa", "m/other#aa")
        );
        assert!(!may_be_same(("m/list#aa", None), ("m/list#bb", Some("staging"))));
    }
}
