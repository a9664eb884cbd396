//! `send --dry-run`: every step except sending. It writes only its output and the requested CI
//! reports.
//!
//! Invariant: only the ledger decides what a new run keeps from earlier runs. If the send would
//! continue an unfinished run, the rows of that run are read without changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::OnUnknown;
use crate::ledger::{CarryQuery, Ledger, People, PlannedPerson, PlannedRow, Run};
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Tally};
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target};
use crate::plan::{self, Survey};
use crate::report::{self, ci};
use crate::run::campaign::{argument, shown};
use crate::run::lists::{judgement, say_without_rows, survey_notes};
use crate::run::providers;
use crate::run::reports::{each_row, format_of};
use crate::run::request::SendRequest;
use crate::suppression::Suppressions;

/// Reads, screens and renders everything. Prints what a send would do, and how long sending would
/// take under the limits.
pub(crate) async fn run(
    request: &SendRequest<'_>,
    ledger: Option<Arc<dyn Ledger>>,
) -> Result<Exit> {
    let context = request.context;
    let secret = match &ledger {
        Some(ledger) => ledger.secret_key().await?,
        None => [0; 32],
    };
    let ledger = ledger.as_deref();
    let suppressions = context
        .suppressions(&request.args.list.screening.suppress, ledger, request.message.kind())
        .await?;
    let mut planned = Planned::default();
    if let Some(ledger) = ledger {
        planned.is_kept = ledger.foresee(query(request, Vec::new())).await?.is_some();
    }
    let mut sink = |rows: Vec<PlannedRow>| {
        rows.into_iter().for_each(|row| planned.add(row));
        Ok(())
    };
    let screening = request.screening(&suppressions, secret);
    let mut survey = tokio::task::block_in_place(|| {
        plan::read(&request.lists, request.filter.as_ref(), &screening, &mut sink)
    })?;
    survey.judge(&judgement(&request.args.list.screening), None)?;
    say_without_rows(context, &survey);

    let people = std::mem::take(&mut survey.people).finish();
    let mut notes = survey_notes(&survey);
    let chosen = request.chosen.providers.iter().copied();
    notes.extend(providers::requests_notes(&context.settings, chosen, &survey)?);
    let prediction = match ledger {
        Some(ledger) => {
            notes.extend(twice(ledger, request, people).await?);
            predict(request, ledger, &survey, planned, &suppressions).await?
        }
        None => Prediction::new(survey.tally, planned.by_provider, request.args.limit),
    };
    notes.extend(write_checks(request, &survey, &prediction)?);
    let text = match context.globals.json {
        true => prediction.json(request, &survey, &notes)?,
        false => prediction.text(request, &survey, &notes)?,
    };
    context.print(&text)?;
    Ok(Exit::OK)
}

/// Builds the query that asks the ledger which outcomes of earlier runs a new run would keep.
fn query(request: &SendRequest<'_>, people: Vec<PlannedPerson>) -> CarryQuery {
    CarryQuery {
        campaign: request.campaign.id.clone(),
        env: request.context.settings.env.clone(),
        dedupe: request.args.list.screening.dedupe,
        people,
    }
}

/// The planned rows, as far as the prediction needs them.
#[derive(Default)]
struct Planned {
    /// Whether to keep the rows in memory, which is needed if outcomes of earlier runs may apply.
    is_kept: bool,
    people: Vec<PlannedPerson>,
    /// The planned provider of each of `people`, as an index into `providers`.
    through: Vec<usize>,
    providers: Vec<String>,
    /// The number of recipients planned for each provider; the name is empty if there is only one
    /// provider.
    by_provider: BTreeMap<String, u64>,
}

impl Planned {
    fn add(&mut self, row: PlannedRow) {
        let is_open = row.outcome.is_none();
        let is_suppressed = matches!(row.outcome, Some((Outcome::Suppressed, ..)));
        if is_open {
            *self.by_provider.entry(row.provider.clone()).or_default() += 1;
        }
        if !self.is_kept || row.key.is_empty() || !(is_open || is_suppressed) {
            return;
        }
        let known = self.providers.iter().position(|known| *known == row.provider);
        self.through.push(known.unwrap_or(self.providers.len()));
        if known.is_none() {
            self.providers.push(row.provider);
        }
        self.people.push(PlannedPerson { key: row.key, email: row.email, is_open });
    }
}

/// The predicted result of a send.
struct Prediction {
    /// The number of rows per outcome after screening, without outcomes from earlier runs.
    tally: Tally,
    /// Recipients that keep the outcome of an earlier run of the campaign.
    earlier: u64,
    by_provider: BTreeMap<String, u64>,
    /// Recipients that would be submitted to a provider.
    would_send: u64,
    /// Recipients that `--limit` would hold.
    held: u64,
}

impl Prediction {
    fn new(tally: Tally, by_provider: BTreeMap<String, u64>, limit: Option<u64>) -> Self {
        let open: u64 = by_provider.values().sum();
        let would_send = limit.map_or(open, |limit| limit.min(open));
        Self { tally, earlier: 0, by_provider, would_send, held: open - would_send }
    }
}

/// Predicts the result of a send, including the outcomes that the ledger has for the campaign.
async fn predict(
    request: &SendRequest<'_>,
    ledger: &dyn Ledger,
    survey: &Survey,
    planned: Planned,
    suppressions: &Suppressions,
) -> Result<Prediction> {
    let env = request.context.settings.env.as_deref();
    if let Some(run) = ledger.latest_run(&request.campaign.id, env).await?
        && request.goes_on(ledger, &run, &request.changes(&run, &survey.fingerprint)).await?
    {
        let by_provider = left_of(request, ledger, &run, suppressions).await?;
        let left: u64 = by_provider.values().sum();
        let mut prediction = Prediction::new(survey.tally, by_provider, request.args.limit);
        prediction.earlier = survey.tally.open.saturating_sub(left);
        return Ok(prediction);
    }
    let Planned { people, through, providers, by_provider, .. } = planned;
    let is_open: Vec<bool> = people.iter().map(|person| person.is_open).collect();
    let Some(outcomes) = ledger.foresee(query(request, people)).await? else {
        return Ok(Prediction::new(survey.tally, by_provider, request.args.limit));
    };
    let mut by_provider: BTreeMap<String, u64> = BTreeMap::new();
    let (mut earlier, mut unsuppressed, mut opened_again) = (0, 0, 0);
    let retries = request.args.sending.on_unknown == OnUnknown::Retry;
    for ((outcome, is_open), through) in outcomes.into_iter().zip(is_open).zip(through) {
        match outcome {
            // Recipients that were reopened are added after the limit has been applied, because the
            // limit does not cover them.
            Some(Outcome::Unknown) if retries => opened_again += 1,
            Some(_) => earlier += 1,
            None if is_open => *by_provider.entry(providers[through].clone()).or_default() += 1,
            None => {}
        }
        unsuppressed += u64::from(outcome.is_some() && !is_open);
    }
    let tally = survey.tally.without(Outcome::Suppressed, unsuppressed);
    let mut prediction = Prediction::new(tally, by_provider, request.args.limit);
    prediction.earlier = earlier;
    prediction.would_send += opened_again;
    Ok(prediction)
}

/// Counts the recipients that a send would reopen in an unfinished run, by provider. Recipients
/// suppressed since then are left out.
async fn left_of(
    request: &SendRequest<'_>,
    ledger: &dyn Ledger,
    run: &Run,
    suppressions: &Suppressions,
) -> Result<BTreeMap<String, u64>> {
    let retries = request.args.sending.on_unknown == OnUnknown::Retry;
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    each_row(ledger, &run.id, |row| {
        let is_opened = match row.outcome {
            None | Some(Outcome::Held | Outcome::Deferred) => true,
            Some(Outcome::Unknown) => retries,
            Some(_) => false,
        };
        let is_sendable =
            || Address::parse(&row.email).is_ok_and(|to| suppressions.screen(&to).is_none());
        if is_opened && is_sendable() {
            let is_chosen = request.chosen.providers.contains(&row.provider.as_str());
            let name = if is_chosen { row.provider } else { String::new() };
            *left.entry(name).or_default() += 1;
        }
        Ok(())
    })
    .await?;
    Ok(left)
}

impl Prediction {
    /// Returns the number of recipients in the canary; `None` without a canary.
    fn canary(&self, request: &SendRequest<'_>) -> Option<u64> {
        let size = request.args.canary.or(request.context.settings.canary.size);
        size.map(|size| size.of(self.would_send))
    }

    fn json(&self, request: &SendRequest<'_>, survey: &Survey, notes: &[String]) -> Result<String> {
        let counts: serde_json::Map<_, _> = Outcome::ALL
            .iter()
            .map(|outcome| (outcome.to_string(), self.tally.get(*outcome).into()))
            .collect();
        let object = serde_json::json!({
            "v": 1,
            "type": "dry_run",
            "campaign": shown(&request.campaign.id),
            "input": survey.rows(),
            "counts": counts,
            "already_reached": self.earlier,
            "would_send": self.would_send,
            "canary": self.canary(request),
            "provider": request.chosen.label(),
            "seconds_under_limits": self.seconds_under_limits(request)?,
            "filtered": survey.filtered,
            "notes": notes,
        });
        Ok(format!("{object}\n"))
    }

    fn text(&self, request: &SendRequest<'_>, survey: &Survey, notes: &[String]) -> Result<String> {
        let mut text = format!(
            "dry run of {}: nothing is sent, nothing is written\n",
            shown(&request.campaign.id)
        );
        for (outcome, count) in self.tally.non_zero() {
            text.push_str(&format!("  {count:>9}  {outcome}\n"));
        }
        if self.earlier > 0 {
            let earlier = self.earlier;
            text.push_str(&format!(
                "  {earlier:>9}  with an outcome from an earlier run of the campaign\n"
            ));
        }
        if self.held > 0 {
            text.push_str(&format!("  {:>9}  held by --limit\n", self.held));
        }
        let label = request.chosen.label();
        text.push_str(&format!("  {:>9}  would go through {label}", self.would_send));
        text.push_str(&self.canary(request).map_or_else(
            || "\n".to_owned(),
            |canary| format!(", {canary} of them as a canary first\n"),
        ));
        text.push_str(&format!("  {:>9}  rows in\n", survey.rows()));
        if survey.filtered > 0 {
            text.push_str(&format!("  {:>9}  more rows left out by --where\n", survey.filtered));
        }
        text.push_str(&match self.seconds_under_limits(request)? {
            Some(seconds) => {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                let time = jiff::SignedDuration::from_secs(seconds);
                format!("under the limits this takes {time:#} or longer\n")
            }
            None => {
                "no rate and no cap is configured: mail is sent as fast as the provider accepts it\n".to_owned()
            }
        });
        for note in request.message.lint().iter().chain(notes) {
            text.push_str(&format!("note: {note}\n"));
        }
        Ok(text)
    }

    /// Returns how long the slowest provider needs for its recipients; `None` if no provider has a
    /// limit.
    fn seconds_under_limits(&self, request: &SendRequest<'_>) -> Result<Option<u64>> {
        let mut longest: Option<u64> = None;
        let open: u64 = self.by_provider.values().sum();
        for (name, count) in &self.by_provider {
            let name = if name.is_empty() {
                request.chosen.providers.first().copied()
            } else {
                Some(name.as_str())
            };
            let (_, config) = request.context.settings.provider(name)?;
            let rate = [config.rate, request.args.sending.rate]
                .into_iter()
                .flatten()
                .min_by(|a, b| a.per_second().total_cmp(&b.per_second()));
            let limits = rate.iter().chain(&config.caps);
            let slowest = limits.map(|rate| rate.per_second()).min_by(f64::total_cmp);
            let share = *count as f64 * self.would_send as f64 / open.max(1) as f64;
            longest = longest.max(slowest.map(|per_second| (share / per_second).ceil() as u64));
        }
        Ok(longest)
    }
}

/// Writes the results into the requested CI reports. Returns a note for each requested report of
/// another format, because a dry run has no outcomes to list in it.
fn write_checks(
    request: &SendRequest<'_>,
    survey: &Survey,
    prediction: &Prediction,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for path in &request.args.sending.report {
        let place = request.context.settings.workspace.path_from_arguments(path);
        let format = format_of(&place)?;
        if !ci::is_for_ci(format) {
            notes.push(format!(
                "--report {}: a dry run writes reports for CI only (.xml, .md)",
                path.shown()
            ));
            continue;
        }
        // The path of the report was checked before the lists were read.
        let target =
            Target::of(&place, &format!("--report {}", path.shown()), &OwnFiles::default())?;
        let text = ci::dry_run(
            format,
            &ci::class(path),
            (&prediction.tally, survey.unrendered),
            survey.filtered,
            prediction.would_send,
        );
        report::write_text(&target, format, &text)?;
    }
    Ok(notes)
}

/// Returns a note about people who received the message under another campaign.
async fn twice(
    ledger: &dyn Ledger,
    request: &SendRequest<'_>,
    people: People,
) -> Result<Option<String>> {
    let question = request.question();
    let Some(found) = question.find(ledger, people).await? else { return Ok(None) };
    let is_allowed = question.is_again || (question.is_named && !found.is_refused_under_a_name());
    let refused = format!("; a send is refused without {} or --again", argument(&found.campaign));
    Ok(Some(if is_allowed { found.what } else { found.what + &refused }))
}
