//! Polls for the results of a batch that the service accepted as a whole.
//!
//! The batch's id is recorded in the trace before the first wait, so that a later process can
//! continue polling. Polling has a time limit, and continues for a few seconds after the run stops.
//! A failed status request is repeated.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use tokio::time::Instant;

use super::answer::Answer;
use super::api::{Api, Later, Read};
use super::ask::RENEWALS;
use super::client::{FIRST_WAIT, Http};
use crate::provider::{Job, RowNumber, Verdict, Wire};

/// The time for which polling continues after the run stops. The outcome of a message without a
/// result is then unknown, and the next run polls again.
const AFTER_STOP: Duration = Duration::from_secs(10);
/// The longest pause between two status requests while the run stops.
const HURRY: Duration = Duration::from_secs(1);

/// Polls until all results are known or the time ends. Returns one verdict per message, in the
/// order of the request. Messages without a result get the verdicts in `so_far`.
pub(super) async fn follow(
    http: &Http,
    api: &dyn Api,
    wire: &dyn Wire,
    jobs: &[&Job],
    mut later: Later,
) -> Vec<Verdict> {
    http.is_the_api.store(true, Ordering::Release);
    let ids: Vec<RowNumber> = jobs.iter().map(|job| job.id).collect();
    let doubt = later.so_far.iter().find_map(|verdict| {
        if let Verdict::Unknown { detail } = verdict { Some(detail) } else { None }
    });
    if let Some(detail) = doubt {
        // A failed record changes nothing for the messages: their outcome is unknown if the process
        // is killed. Polling continues without the record.
        let _ = wire.pending(&ids, detail);
    }
    let mut end = Instant::now() + later.patience;
    let mut growing = FIRST_WAIT.min(later.every);
    let mut wait = growing;
    let mut stopped = pin!(wire.stopped());
    let mut stops = false;
    while end.saturating_duration_since(Instant::now()) >= wait {
        let answer = tokio::select! {
            biased;
            () = stopped.as_mut(), if !stops => {
                stops = true;
                end = end.min(Instant::now() + AFTER_STOP);
                later.every = later.every.min(HURRY);
                (growing, wait) = (growing.min(HURRY), wait.min(HURRY));
                continue;
            }
            // A status request changes nothing, so it may be abandoned before its reply arrives.
            () = tokio::time::sleep_until(end), if stops => break,
            answer = ask(http, api, &later, wait) => answer,
        };
        growing = (growing * 2).min(later.every);
        wait = growing;
        let Some(answer) = answer else { continue };
        match http.foreign(&answer).unwrap_or_else(|| api.progress(jobs, &answer, &later)) {
            Read::Each(verdicts) if verdicts.len() == jobs.len() => return verdicts,
            Read::Later(next) if next.so_far.len() == jobs.len() => {
                later = Later { every: later.every, ..next }
            }
            // If the service asks for a wait beyond the remaining time, the last status request is
            // sent at the end of that time.
            Read::Again { wait: Some(asked), .. } => {
                wait = asked.max(growing).min(end.saturating_duration_since(Instant::now()))
            }
            // A failed status request proves nothing about the batch.
            _ => {}
        }
    }
    later.so_far
}

/// Sends a status request after a pause.
async fn ask(http: &Http, api: &dyn Api, later: &Later, pause: Duration) -> Option<Answer> {
    tokio::time::sleep(pause).await;
    let mut renewals = RENEWALS;
    loop {
        let signed = api.sign(&later.ask, Timestamp::now()).await.ok()?;
        let answer = http.exchange(&later.ask, signed).await.ok()?;
        if answer.status != StatusCode::UNAUTHORIZED
            || renewals == 0
            || !http.has_another_key(&answer).await
        {
            return Some(answer);
        }
        renewals -= 1;
    }
}
