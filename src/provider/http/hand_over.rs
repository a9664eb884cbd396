//! Submits a claim (a batch of messages recorded in the ledger) to an API: repeats, waits and
//! verdicts. [`pieces`](super::pieces) divides a claim into requests.
//!
//! The rules:
//!
//! - If the outcome of a request is unknown, the repeat has the same bytes and the same key. It is
//!   sent within a minute of the first attempt, and only if the service supports idempotency keys.
//! - A service that accepts nothing for as long as [`Wire::patience`] has failed. A wait that the
//!   service asks for counts as throttling.
//! - An unknown outcome is resolved only by a reply about each message. A refusal of the repeat
//!   proves nothing about the first request, unless the service marks the reply as a repetition of
//!   its first one.
//! - A replay repeats a request whose outcome is unknown, so it is never divided.
//! - A batch is bisected only if nothing in it was accepted. Each half gets its own key.
//! - If the service reports results later, [`follow`] polls for them. The batch is never sent again
//!   for that reason.
//! - If a service refuses the key, the request is repeated once with a key fetched again.
//! - A problem of the service or account, such as credentials, quota, or a web page instead of a
//!   reply, is charged to no recipient.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::answer::{Answer, Fault, LONGEST_WISH};
use super::api::{Api, Later, Read};
use super::client::{FIRST_WAIT, Http};
use super::follow::follow;
use super::request::Request;
use crate::model::outcome::Reason;
use crate::provider::{
    Claim, Health, Job, Refusal, Reply, RowNumber, Verdict, Wire, without_addresses,
};
use crate::replies::{Meaning, Place, Reading, classify};

/// The time after its first attempt in which a request may be repeated as part of the same
/// submission.
const SAME_HAND_OVER: Duration = Duration::from_secs(60);
/// The longest wait before a repeat. If the service asks for a longer wait, the messages are
/// returned to the pipeline, which can then react to a signal to stop.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The prefix of a refusal's code if the request was too large.
const TOO_LARGE: &str = "413";

impl Http {
    /// Submits one claim in as many requests as the API's limits require.
    pub(in crate::provider) async fn hand_over(
        &self,
        claim: &Claim,
        wire: &dyn Wire,
        api: &dyn Api,
    ) -> Reply {
        let size = api.limits().recipients.min(self.most.load(Ordering::Acquire)).max(1);
        let jobs: Vec<&Job> = claim.jobs.iter().collect();
        let todo = jobs.chunks(size).map(<[&Job]>::to_vec).collect();
        let mut hand_over = HandOver {
            http: self,
            api,
            wire,
            claim,
            todo,
            reply: Reply::default(),
            was_too_large: false,
        };
        while let Some(jobs) = hand_over.todo.pop_front() {
            if hand_over.batch(jobs).await.is_err() {
                break;
            }
        }
        hand_over.reply
    }
}

/// The error that stops a claim: no further message of it may be started.
pub(super) struct Halt;

/// The state of a claim while it is submitted.
pub(super) struct HandOver<'a> {
    pub(super) http: &'a Http,
    pub(super) api: &'a dyn Api,
    wire: &'a dyn Wire,
    pub(super) claim: &'a Claim,
    /// The remaining requests, each as a list of its messages.
    pub(super) todo: VecDeque<Vec<&'a Job>>,
    pub(super) reply: Reply,
    /// Whether a request was refused because it was too large. The next accepted request then shows
    /// which size is accepted.
    was_too_large: bool,
}

/// The result of sending a request, including its repeats.
enum Ended {
    Read(Read),
    NotWritten(Health),
    /// The service asked for a wait that is too long for this function.
    TooLong(Duration, Refusal),
    /// Nothing was accepted within the time allowed for repeats.
    UsedUp(Refusal),
    /// The run stops, and nothing was accepted.
    Stopped(Refusal),
}

impl<'a> HandOver<'a> {
    /// Sends one request and settles its messages. The function is long because it has one arm for
    /// each way in which a request can end.
    async fn batch(&mut self, jobs: Vec<&'a Job>) -> Result<(), Halt> {
        if let Some(wait) = self.asked_to_wait() {
            if wait > LONGEST_WAIT {
                self.reply.is_wait_named = true;
                return self.note_health(Health::SlowDown(wait));
            }
            self.unless_withdrawn(tokio::time::sleep(wait)).await.ok_or(Halt)?;
        }
        let fit = self.wire.fit(&jobs);
        if fit < jobs.len() && !self.claim.is_replay {
            let (first, rest) = jobs.split_at(fit.max(1));
            self.todo.push_front(rest.to_vec());
            self.todo.push_front(first.to_vec());
            return Ok(());
        }
        let Some(mut request) = self.request(&jobs)? else { return Ok(()) };
        let Ok(permitted) = self.wire.together(&jobs).await else { return Err(Halt) };
        let going: Vec<&Job> =
            jobs.iter().copied().filter(|job| permitted.contains(&job.id)).collect();
        if going.is_empty() || (self.claim.is_replay && going.len() < jobs.len()) {
            return Ok(());
        }
        if going.len() < jobs.len() {
            match self.request(&going)? {
                Some(fewer) => request = fewer,
                None => return Ok(()),
            }
        }
        let ids: Vec<RowNumber> = going.iter().map(|job| job.id).collect();
        if let Err(error) = self.wire.crossing(&ids) {
            return self.note_health(untraced(&error));
        }
        let begun = Instant::now();
        let ended = self.exchange(&going, &request).await;
        self.reply.lasted = begun.elapsed();
        match ended {
            Ended::Read(Read::Each(verdicts)) => {
                self.http.is_the_api.store(true, Ordering::Release);
                self.ease(&verdicts);
                self.note_size(&verdicts);
                self.settle_each(&going, verdicts);
                Ok(())
            }
            Ended::Read(Read::EachAndStop(verdicts, refusal)) => {
                self.http.is_the_api.store(true, Ordering::Release);
                self.settle_each(&going, verdicts);
                self.note_health(stops(refusal))
            }
            Ended::Read(Read::Later(later)) => {
                let verdicts = follow(self.http, self.api, self.wire, &going, later).await;
                self.settle_each(&going, verdicts);
                Ok(())
            }
            // The first request was refused too. Its messages were then tried in other requests,
            // which settle them.
            Ended::Read(Read::Unnamed(_)) if self.claim.is_replay && going.len() > 1 => Ok(()),
            Ended::Read(Read::Unnamed(refusal)) => match going.as_slice() {
                [job] => {
                    self.settle(job, Verdict::Rejected(refusal));
                    Ok(())
                }
                _ => {
                    going.iter().try_for_each(|job| self.trace(job, &not_taken(&refusal)))?;
                    self.was_too_large |= refusal.code.starts_with(TOO_LARGE);
                    self.cut(&going, 2);
                    Ok(())
                }
            },
            Ended::Read(Read::TooMany(most, refusal)) => self.smaller(&going, most, &refusal),
            Ended::Read(Read::Named(refused)) => self.without(&going, refused),
            Ended::Read(Read::Doubt(refusal)) => {
                let detail = format!("{} {}", refusal.code, refusal.detail).trim().to_owned();
                for job in &going {
                    self.settle(job, Verdict::Unknown { detail: detail.clone() });
                }
                self.note_health(Health::Failing(without_addresses(refusal)))
            }
            Ended::Read(Read::Stop(refusal)) => {
                self.refused(&going, &refusal, stops(refusal.clone()))
            }
            Ended::Read(Read::Again { refusal, .. }) | Ended::Stopped(refusal) => {
                self.refused(&going, &refusal, Health::Fine)
            }
            Ended::NotWritten(health) => {
                let refusal = match &health {
                    Health::Failing(refusal)
                    | Health::Stop(refusal)
                    | Health::Exhausted(refusal) => refusal.clone(),
                    Health::Fine | Health::SlowDown(_) => {
                        Refusal::new(Reason::Session, "", "not written")
                    }
                };
                self.refused(&going, &refusal, health)
            }
            Ended::TooLong(wait, refusal) => {
                self.reply.is_wait_named = true;
                self.refused(&going, &refusal, Health::SlowDown(wait))
            }
            Ended::UsedUp(refusal) => {
                self.refused(&going, &refusal, Health::Failing(without_addresses(refusal.clone())))
            }
        }
    }

    /// Waits for a future. Returns `None` if the run withdraws the claim first.
    async fn unless_withdrawn<T>(&self, waited_for: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wire.withdrawn() => None,
            waited = waited_for => Some(waited),
        }
    }

    /// Sends a request. If that is safe, repeats it until its result is known or its time has
    /// ended.
    ///
    /// The function is long because every step reads or changes the same state: the first unknown
    /// outcome, its key and the wait.
    async fn exchange(&mut self, jobs: &[&Job], request: &Request) -> Ended {
        let first = Instant::now();
        let patience = self.wire.patience();
        let mut doubt = self
            .claim
            .is_replay
            .then(|| Refusal::new(Reason::NoReply, "", "the first request was not answered"));
        // The number of the key sent with the request whose outcome is unknown. A replay starts
        // with the key that the provider was set up with.
        let mut key = 0;
        let mut wait = FIRST_WAIT;
        loop {
            let answered = match self.api.sign(request, Timestamp::now()).await {
                Ok(signed) if doubt.is_some() => {
                    self.http.exchange_under(key, request, signed).await
                }
                Ok(signed) => {
                    key = self.http.key_number();
                    self.http.exchange(request, signed).await
                }
                Err(refusal) => Err(Fault::NotWritten(Health::Stop(refusal))),
            };
            // If the reply to a success is unreadable, a repeat would get the same reply and prove
            // nothing.
            let is_final = matches!(&answered, Ok(answer) if answer.status.is_success());
            let is_the_firsts = matches!(&answered, Ok(answer) if self.api.is_replay(answer));
            let read = match answered {
                Ok(answer) => match self.read(jobs, &answer) {
                    Read::Stop(refusal)
                        if refusal.reason == Reason::Auth
                            && doubt.is_none()
                            && self.http.has_another_key(&answer).await =>
                    {
                        Read::Again { wait: None, refusal }
                    }
                    read => read,
                },
                Err(Fault::Lost(refusal)) => Read::Doubt(refusal),
                Err(Fault::NotWritten(health)) if doubt.is_none() => {
                    return Ended::NotWritten(health);
                }
                Err(Fault::NotWritten(
                    Health::Failing(refusal) | Health::Stop(refusal) | Health::Exhausted(refusal),
                )) => Read::Doubt(refusal),
                Err(Fault::NotWritten(_)) => Read::Doubt(Refusal::new(Reason::NoReply, "", "")),
            };
            let mut pause = wait;
            let mut held_up = Refusal::new(Reason::Session, "", "");
            let mut is_named = false;
            match (read, &doubt) {
                (named @ (Read::Each(_) | Read::EachAndStop(..)), _) => return Ended::Read(named),
                (Read::Later(later), _) => return Ended::Read(Read::Later(later)),
                (Read::Again { wait: asked, refusal }, _) => {
                    // A wait of zero counts as no wait. The maximum keeps the time within the range
                    // of the clock.
                    let named =
                        asked.filter(|asked| !asked.is_zero()).map(|asked| asked.min(LONGEST_WISH));
                    let left = patience.saturating_sub(first.elapsed());
                    pause = named
                        .unwrap_or_else(|| if doubt.is_none() { wait.min(left) } else { wait });
                    if refusal.reason == Reason::Rate {
                        self.http.quiet_until().replace(Instant::now() + pause);
                        self.wire.throttled(pause);
                    }
                    if doubt.is_none() {
                        match named {
                            Some(named) if named > LONGEST_WAIT || named > left => {
                                return Ended::TooLong(named, refusal);
                            }
                            None if left.is_zero() => return Ended::UsedUp(refusal),
                            _ if self.wire.is_withdrawn() => return Ended::Stopped(refusal),
                            Some(_) => {
                                is_named = true;
                                self.wire.waits_as_asked();
                            }
                            None => {}
                        }
                    }
                    held_up = refusal;
                }
                (Read::Doubt(refusal), _) => {
                    // The first cause of the unknown outcome is reported. Later causes only explain
                    // why a repeat did not resolve it.
                    doubt.get_or_insert(refusal);
                }
                (decided, None) => return Ended::Read(decided),
                (decided, Some(_)) if is_the_firsts => return Ended::Read(decided),
                // The repeat was refused for its own reason, so the outcome of the first request is
                // still unknown.
                (
                    Read::Stop(_) | Read::Unnamed(_) | Read::Named(_) | Read::TooMany(..),
                    Some(doubt),
                ) => {
                    return Ended::Read(Read::Doubt(doubt.clone()));
                }
            }
            if let Some(doubt) = &doubt
                && (is_final || key != self.http.key_number() || !self.may_repeat(first, pause))
            {
                return Ended::Read(Read::Doubt(doubt.clone()));
            }
            // A certain result is recorded before the pause, because the process may be killed
            // during the pause. The next request is announced again before it is sent.
            if doubt.is_none()
                && let Err(error) =
                    jobs.iter().try_for_each(|job| self.wire.answered(job.id, &not_taken(&held_up)))
            {
                return Ended::NotWritten(untraced(&error));
            }
            let slept = tokio::time::sleep(pause);
            match &doubt {
                Some(_) => slept.await,
                None if self.unless_withdrawn(slept).await.is_none() => {
                    return Ended::Stopped(held_up);
                }
                None => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
            let left = SAME_HAND_OVER.saturating_sub(first.elapsed());
            match (tokio::time::timeout(left, self.wire.again(jobs, doubt.is_some())).await, &doubt)
            {
                (Ok(Ok(())), Some(_)) => {}
                (Ok(Ok(())), None) => {
                    let ids: Vec<RowNumber> = jobs.iter().map(|job| job.id).collect();
                    if let Err(error) = self.wire.crossing(&ids) {
                        return Ended::NotWritten(untraced(&error));
                    }
                }
                (_, Some(doubt)) => return Ended::Read(Read::Doubt(doubt.clone())),
                (Ok(Err(_)), None) => return Ended::Stopped(held_up),
                (Err(_), None) if is_named => return Ended::TooLong(pause, held_up),
                (Err(_), None) => return Ended::UsedUp(held_up),
            }
        }
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        let read = self
            .http
            .foreign(answer)
            .unwrap_or_else(|| about_us(self.api.read(jobs, answer), answer));
        let count = match &read {
            Read::Each(verdicts)
            | Read::EachAndStop(verdicts, _)
            | Read::Later(Later { so_far: verdicts, .. }) => verdicts.len(),
            _ => jobs.len(),
        };
        if count == jobs.len() {
            return read;
        }
        Read::Doubt(answer.refusal(
            Reason::NoReply,
            "",
            &format!("{count} results for {} messages", jobs.len()),
        ))
    }

    /// Returns whether a request with an unknown outcome may be repeated after `pause`. The repeat
    /// must be within a minute of the first attempt, and within two thirds of the time in which the
    /// service recognises the key.
    fn may_repeat(&self, first: Instant, pause: Duration) -> bool {
        let Some(window) = self.api.limits().idempotency_window else { return false };
        let since_claim =
            Duration::try_from(Timestamp::now().duration_since(self.claim.claimed_at))
                .unwrap_or(Duration::ZERO);
        first.elapsed() + pause <= SAME_HAND_OVER && since_claim + pause <= window * 2 / 3
    }

    /// Lowers the rate if the service throttled some messages of a request and accepted others.
    fn ease(&self, verdicts: &[Verdict]) {
        if verdicts.iter().any(|verdict| matches!(verdict, Verdict::NotTaken { refusal, .. } if refusal.reason == Reason::Rate)) {
            self.http.quiet_until().replace(Instant::now() + FIRST_WAIT);
            self.wire.throttled(FIRST_WAIT);
        }
    }

    /// Records the size of an accepted request if a larger one was refused as too large.
    fn note_size(&mut self, verdicts: &[Verdict]) {
        let was_taken = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted { .. }));
        if !self.was_too_large || !was_taken {
            return;
        }
        self.was_too_large = false;
        self.http.most.fetch_min(verdicts.len(), Ordering::AcqRel);
        self.reply.most_per_request = Some(verdicts.len());
        self.cut_to(verdicts.len());
    }

    fn asked_to_wait(&self) -> Option<Duration> {
        let until = (*self.http.quiet_until())?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// Returns messages to the pipeline that were not accepted and are not to blame for it.
    pub(super) fn refused(
        &mut self,
        jobs: &[&Job],
        refusal: &Refusal,
        health: Health,
    ) -> Result<(), Halt> {
        jobs.iter().for_each(|job| self.settle(job, not_taken(refusal)));
        self.note_health(health)?;
        Err(Halt)
    }

    fn settle_each(&mut self, jobs: &[&Job], verdicts: Vec<Verdict>) {
        jobs.iter().zip(verdicts).for_each(|(job, verdict)| self.settle(job, verdict));
    }

    /// Records a verdict. If the trace cannot be written, no further message of the claim is
    /// started.
    pub(super) fn settle(&mut self, job: &Job, verdict: Verdict) {
        // A message without a reply is not recorded as answered.
        let traced = if matches!(verdict, Verdict::Unknown { .. }) {
            Ok(())
        } else {
            self.wire.answered(job.id, &verdict)
        };
        self.reply.items.push((job.id, verdict));
        // The verdicts are certain even if the trace cannot be written, so all of them are
        // returned.
        if let Err(error) = traced {
            self.reply.health = untraced(&error);
            self.todo.clear();
        }
    }

    /// Records in the trace that a message was not accepted, before the message is sent again.
    pub(super) fn trace(&mut self, job: &Job, verdict: &Verdict) -> Result<(), Halt> {
        self.wire.answered(job.id, verdict).or_else(|error| self.note_health(untraced(&error)))
    }

    /// Records the health of the service. Returns an error unless the service is healthy.
    fn note_health(&mut self, health: Health) -> Result<(), Halt> {
        if health == Health::Fine {
            return Ok(());
        }
        self.reply.health = health;
        Err(Halt)
    }
}

/// Stops the provider if the text of a refusal shows that it concerns the account, whatever status
/// and code the API gives. A used-up quota is not an invalid key.
fn about_us(read: Read, answer: &Answer) -> Read {
    let (Read::Stop(refusal) | Read::Unnamed(refusal) | Read::Again { wait: None, refusal }) =
        &read
    else {
        return read;
    };
    let Reading { means, is_known } =
        classify(answer.status.as_u16(), None, &refusal.detail, Place::Api);
    let with = |reason: Reason| Read::Stop(Refusal { reason, ..refusal.clone() });
    match means {
        Meaning::Quota if is_known => with(Reason::Cap),
        Meaning::Credentials if is_known && matches!(read, Read::Unnamed(_)) => with(Reason::Auth),
        Meaning::Sender | Meaning::Relay if is_known && matches!(read, Read::Unnamed(_)) => {
            with(Reason::Policy)
        }
        _ => read,
    }
}

/// Returns the provider's health after a refusal that concerns the account.
fn stops(refusal: Refusal) -> Health {
    let refusal = without_addresses(refusal);
    if refusal.reason == Reason::Cap { Health::Exhausted(refusal) } else { Health::Stop(refusal) }
}

pub(super) fn not_taken(refusal: &Refusal) -> Verdict {
    Verdict::NotTaken { refusal: refusal.clone(), counts: false }
}

fn untraced(error: &std::io::Error) -> Health {
    Health::Failing(Refusal::new(
        Reason::Session,
        "",
        format!("the trace cannot be written: {error}"),
    ))
}
