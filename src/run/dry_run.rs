//! `send --dry-run`: everything but the wire. Writes nothing but what it prints, and the reports
//! for CI that were asked for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::ledger::{Ledger, People, PlannedRow, Run, RunState};
use crate::model::address::key_of;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target};
use crate::plan::{self, Survey};
use crate::report::{self, ci};
use crate::run::campaign::argument;
use crate::run::lists::{judgement, say_without_rows, survey_notes};
use crate::run::reports::format_of;
use crate::run::request::SendRequest;

/// Reads, screens and renders everything, and says what a send would do and how long it would take
/// under the limits.
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
    let reached = match ledger {
        Some(ledger) => Reached::read(ledger, request).await?,
        None => Reached::default(),
    };
    let mut earlier = 0;
    // How many would go through each provider first; under no name where there is only one.
    let mut by_provider: BTreeMap<String, u64> = BTreeMap::new();
    let mut sink = |rows: Vec<PlannedRow>| {
        for row in rows.iter().filter(|row| row.outcome.is_none() && !reached.has(row)) {
            *by_provider.entry(row.provider.clone()).or_default() += 1;
        }
        earlier +=
            rows.iter().filter(|row| row.outcome.is_none() && reached.has(row)).count() as u64;
        Ok(())
    };
    let screening = request.screening(&suppressions, secret);
    let mut survey = tokio::task::block_in_place(|| {
        plan::read(&request.lists, request.filter.as_ref(), &screening, &mut sink)
    })?;
    survey.judge(&judgement(&request.args.list.screening), None)?;
    say_without_rows(context, &survey);

    let people = std::mem::take(&mut survey.people).finish();
    let warning = match ledger {
        Some(ledger) => twice(ledger, request, people).await?,
        None => None,
    };
    let mut notes = survey_notes(&survey);
    notes.extend(warning);

    let sendable = survey.tally.open - earlier;
    let going = request.args.limit.map_or(sendable, |limit| limit.min(sendable));
    let size = request.args.canary.or(context.settings.canary.size);
    let canary = size.map(|size| size.of(going));
    let seconds = seconds_under_limits(request, &by_provider, going, sendable)?;
    notes.extend(write_checks(request, &survey, going)?);

    if context.globals.json {
        let counts: serde_json::Map<_, _> = Outcome::ALL
            .iter()
            .map(|outcome| (outcome.to_string(), survey.tally.get(*outcome).into()))
            .collect();
        let object = serde_json::json!({
            "v": 1, "type": "dry_run", "campaign": crate::run::campaign::shown(&request.campaign.id), "input": survey.rows(), "counts": counts,
            "already_reached": earlier, "would_send": going, "canary": canary, "provider": request.chosen.label(),
            "seconds_under_limits": seconds, "filtered": survey.filtered, "notes": notes,
        });
        context.print(&format!("{object}\n"))?;
        return Ok(Exit::OK);
    }
    let mut text = format!(
        "dry run of {}: nothing is sent, nothing is written\n",
        crate::run::campaign::shown(&request.campaign.id)
    );
    for (outcome, count) in survey.tally.non_zero() {
        text.push_str(&format!("  {count:>9}  {outcome}\n"));
    }
    if earlier > 0 {
        text.push_str(&format!("  {earlier:>9}  decided by an earlier run of the campaign\n"));
    }
    if going < sendable {
        text.push_str(&format!("  {:>9}  held by --limit\n", sendable - going));
    }
    text.push_str(&format!("  {going:>9}  would go through {}", request.chosen.label()));
    text.push_str(&canary.map_or_else(
        || "\n".to_owned(),
        |canary| format!(", {canary} of them as a canary first\n"),
    ));
    text.push_str(&format!("  {:>9}  rows in\n", survey.rows()));
    if survey.filtered > 0 {
        text.push_str(&format!("  {:>9}  more left out by --where\n", survey.filtered));
    }
    match seconds {
        Some(seconds) => {
            let time = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            text.push_str(&format!("under the limits this takes {time:#} or longer\n"));
        }
        None => {
            text.push_str("no rate and no cap is configured: as fast as the provider takes it\n")
        }
    }
    for note in request.message.lint().iter().chain(&notes) {
        text.push_str(&format!("note: {note}\n"));
    }
    context.print(&text)?;
    Ok(Exit::OK)
}

/// Writes the checks of the dry run into the reports for CI that were asked for. Returns a line
/// about each report of another form, which would name outcomes that there are not.
fn write_checks(
    request: &SendRequest<'_>,
    survey: &Survey,
    would_send: u64,
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
        // Found fit before the lists were read.
        let target =
            Target::of(&place, &format!("--report {}", path.shown()), &OwnFiles::default())?;
        let text = ci::dry_run(
            format,
            &ci::class(path),
            (&survey.tally, survey.unrendered),
            survey.filtered,
            would_send,
        );
        report::write_text(&target, format, &text)?;
    }
    Ok(notes)
}

/// What a send would say about people who had the message under another campaign.
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

/// How long the slowest provider needs for its share of those who go; `None` where none of them is
/// limited.
fn seconds_under_limits(
    request: &SendRequest<'_>,
    by_provider: &BTreeMap<String, u64>,
    going: u64,
    sendable: u64,
) -> Result<Option<u64>> {
    let mut longest: Option<u64> = None;
    for (name, count) in by_provider {
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
        let slowest =
            rate.iter().chain(&config.caps).map(|rate| rate.per_second()).min_by(f64::total_cmp);
        let share = *count as f64 * going as f64 / sendable.max(1) as f64;
        longest = longest.max(slowest.map(|per_second| (share / per_second).ceil() as u64));
    }
    Ok(longest)
}

/// Whom earlier runs of the campaign have settled for good, by hashes of their keys and addresses.
#[derive(Default)]
struct Reached {
    settled: HashMap<u64, ()>,
}

impl Reached {
    async fn read(ledger: &dyn Ledger, request: &SendRequest<'_>) -> Result<Self> {
        let mut reached = Self::default();
        let ours = |run: &Run| {
            request.campaign.ids.contains(&run.head.campaign)
                && run.head.env == request.context.settings.env
                && run.state != RunState::Planning
        };
        let runs = ledger.runs().await?;
        for run in runs.iter().filter(|run| ours(run)) {
            crate::run::reports::each_row(ledger, &run.id, |row| {
                if matches!(
                    row.outcome,
                    Some(
                        Outcome::Accepted
                            | Outcome::Rejected
                            | Outcome::Unknown
                            | Outcome::AlreadyAccepted
                    )
                ) {
                    reached.settled.insert(hash(&row.key), ());
                    reached.settled.insert(hash(&key_of(&row.email)), ());
                }
                Ok::<(), Error>(())
            })
            .await?;
        }
        Ok(reached)
    }

    fn has(&self, row: &PlannedRow) -> bool {
        !self.settled.is_empty()
            && (self.settled.contains_key(&hash(&row.key))
                || self.settled.contains_key(&hash(&key_of(&row.email))))
    }
}

fn hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
