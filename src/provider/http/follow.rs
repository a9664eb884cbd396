//! A batch that was taken as a whole is followed until it is known what became of each member.
//!
//! The rules it keeps: what it is asked for by is in the trace before anything is waited for, so
//! that the next process can go on asking; it is asked for within a bounded time, and for a few
//! seconds more where the run stops; a question that fails is asked again.

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

/// For so long a batch is still asked for when the run stops; after that a member without a result
/// is in doubt, and the next start goes on.
const AFTER_STOP: Duration = Duration::from_secs(10);
/// The longest pause between two questions then.
const HURRY: Duration = Duration::from_secs(1);

/// What became of each member, in the order of the request; what was concluded so far where the
/// time for it is over.
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
        // Without the record a process that is killed leaves the members in doubt, as they are
        // anyhow; they are followed all the same.
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
            // To ask changes nothing, so a question may be left without its answer.
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
            // A wait beyond the time that is left would be the end of the questions: the last one
            // goes at its end.
            Read::Again { wait: Some(asked), .. } => {
                wait = asked.max(growing).min(end.saturating_duration_since(Instant::now()))
            }
            // Whatever is wrong with the question says nothing about the batch.
            _ => {}
        }
    }
    later.so_far
}

/// The answer to a question that is asked after a pause.
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
