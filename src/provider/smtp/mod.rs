//! Mail over SMTP (RFC 5321), by a session of our own on the wire.
//!
//! The rules it keeps: never more than `in_flight` connections, idle ones included; a connection
//! that was left in the middle of anything, as when a send is dropped, is closed and never used
//! again; a closed connection is nobody's fault.
//!
//! - Limits: `SIZE` as the server announces it; `per_connection` messages over one connection.
//! - One request: one message to one recipient; with PIPELINING its MAIL, RCPT and DATA share a
//!   write, and the next message's follow the final dot where the server is known to take that
//!   (`pipelining`). With `window = N`, where the server announces CHUNKING too, up to N messages
//!   are under way on a connection, each as one chunk; elsewhere `window` does nothing.
//! - Partial failure: none, since every transaction has one recipient.
//! - Idempotency: none. A message whose last octet was written and not answered is `Unknown`; with
//!   a window that can be N on each connection.
//! - Quirks: a server may close at any time with 421, or silently when idle; the same message then
//!   goes over a new connection, once.

mod addresses;
mod auth;
mod behind;
pub(crate) mod body;
mod by_hand;
mod change;
pub(crate) mod classify;
mod connection;
mod extensions;
mod greeting;
mod logins;
mod pipelining;
mod relay;
pub(crate) mod reply;
mod room;
mod sender;
mod session;
mod settings;
pub(crate) mod step;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
pub(crate) mod url;
mod window;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use self::addresses::Addresses;
use self::change::{After, Change};
use self::greeting::is_crowded;
use self::logins::Logins;
use self::relay::Relays;
use self::reply::Answer;
use self::room::Room;
use self::sender::names_our_sender;
use self::session::{Session, Surroundings, Unopened};
use self::settings::Settings;
use self::step::{Fault, Step};
use self::transaction::{Ended, check};
use self::window::Experience;
use super::{
    BoxFuture, Capabilities, Claim, Health, Job, Provider, ProviderSettings, ProviderSpec, Refusal,
    Reply, RowNumber, Stopped, Verdict, Wire,
};
use crate::model::error::Result;
use crate::model::outcome::Reason;

/// SMTP's row in the table of providers.
pub(crate) const SPEC: ProviderSpec = ProviderSpec {
    kind: "smtp",
    summary: "an SMTP relay: plain, STARTTLS or TLS; AUTH PLAIN, LOGIN, XOAUTH2",
    keys: settings::KEYS,
    connect,
};

/// So many permanent refusals of MAIL in a row, nothing taken between, are no passing failure.
const REFUSED_OUTRIGHT: u32 = 3;

/// The most recipients of one claim.
const MOST_RECIPIENTS: usize = 100;

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let own = Settings::read(settings)?;
    // Whole windows: the last of a claim's would be a round trip for a few messages only.
    let max_recipients = MOST_RECIPIENTS - MOST_RECIPIENTS % own.window;
    Ok(Box::new(Smtp {
        capabilities: Capabilities { max_recipients, ..Capabilities::mime() },
        settings: own,
        room: Room::new(settings.in_flight.max(1)),
        idle: Mutex::new(Vec::new()),
        experience: Experience::default(),
        refused_outright: AtomicU32::new(0),
        addresses: Addresses::default(),
        relays: Relays::default(),
        logins: Logins::default(),
    }))
}

/// A relay with its idle sessions.
struct Smtp {
    capabilities: Capabilities,
    settings: Settings,
    /// A permit for each connection in use. Idle sessions hold none, and still the two never exceed
    /// the limit together, because an idle session is taken up or closed before a new one is
    /// opened.
    room: Room,
    idle: Mutex<Vec<Session>>,
    experience: Experience,
    /// Permanent refusals before any recipient was named, in a row.
    refused_outright: AtomicU32,
    addresses: Addresses,
    relays: Relays,
    logins: Logins,
}

impl Provider for Smtp {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn use_memory(&mut self, memory: std::sync::Arc<dyn super::memory::Memory>) {
        self.relays.use_memory(memory);
    }

    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let permit = self.room.enter().await;
            let todo = claim.jobs.iter().collect();
            let begun_at = Instant::now();
            let reply = Reply::default();
            let mut hand_over = HandOver {
                smtp: self,
                wire,
                todo,
                granted: None,
                session: None,
                begun_at,
                is_crowded: false,
                at_hand: None,
                reply,
            };
            while !hand_over.todo.is_empty() && hand_over.advance().await.is_ok() {}
            let HandOver { session, reply, is_crowded, .. } = hand_over;
            if is_crowded {
                self.room.is_smaller(permit);
            }
            // An envelope that is out belongs to a job of this claim; nothing else may follow it on
            // this connection.
            self.idle().extend(session.filter(|session| !session.envelope_is_out));
            reply
        })
    }

    fn logs_in(&self) -> bool {
        self.settings.credentials.is_some()
    }

    fn by_hand(&self) -> Option<&dyn super::by_hand::ByHand> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let sessions = std::mem::take(&mut *self.idle());
            futures_util::future::join_all(
                sessions.into_iter().map(|session| session.connection.quit()),
            )
            .await;
            self.relays.close().await;
        })
    }
}

impl Smtp {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        // Sessions are pushed and popped whole, so a panic elsewhere leaves none of them half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages may be under way on this session as chunks; `None` where it is to be one
    /// at a time by DATA.
    fn width(&self, session: &Session) -> Option<usize> {
        self.experience.width(&self.settings, session)
    }

    /// A transaction that is refused for good before it names its recipient is no passing failure
    /// once that has happened a few times.
    fn weighed(&self, health: Health) -> Health {
        match health {
            Health::Failing(refusal) if refusal.code.starts_with('5') => {
                match self.refused_outright.fetch_add(1, Ordering::Relaxed) + 1 {
                    REFUSED_OUTRIGHT.. => Health::Stop(refusal),
                    _ => Health::Failing(refusal),
                }
            }
            other => other,
        }
    }

    /// A session that can take a message now: the given one, an idle one, or else a new one, for a
    /// claim that began then.
    async fn ready(
        &self,
        session: Option<Session>,
        begun_at: Instant,
    ) -> Result<Session, Unopened> {
        let pooled = || self.idle().pop();
        if let Some(mut session) = session.or_else(pooled) {
            if session.is_usable(&self.settings) {
                return Ok(session);
            }
            session.connection.quit().await;
        }
        self.open(begun_at).await
    }

    /// A new session. Where another claim's login has been refused since this one began, none is
    /// tried: that refusal speaks for both, and what has not been begun is given back.
    async fn open(&self, begun_at: Instant) -> Result<Session, Unopened> {
        if self.logins.were_refused_since(begun_at) {
            return Err(Health::Fine.into());
        }
        // A future of many kilobytes, which the claims that wait for other things need not carry
        // about.
        Box::pin(Session::open(self.surroundings(), begun_at)).await
    }

    /// What a new session is opened by.
    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            settings: &self.settings,
            known: &self.addresses,
            relays: &self.relays,
            logins: &self.logins,
        }
    }
}

/// Nothing more of the claim is to be begun.
struct Halt;

/// One claim on its way.
struct HandOver<'a> {
    smtp: &'a Smtp,
    wire: &'a dyn Wire,
    /// The jobs that have not been begun, in order.
    todo: VecDeque<&'a Job>,
    /// The job that has its slot already, because its envelope was to leave with the message before
    /// it or it waited for its turn.
    granted: Option<RowNumber>,
    /// The session in use, with nothing under way on it but the envelope of the granted job.
    session: Option<Session>,
    begun_at: Instant,
    /// The server had no room for the connection that it needed.
    is_crowded: bool,
    /// The recipient that the answer which is settled may be about alone.
    at_hand: Option<RowNumber>,
    reply: Reply,
}

impl<'a> HandOver<'a> {
    /// Goes on with what is left, in the way that the session at hand allows.
    async fn advance(&mut self) -> Result<(), Halt> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.ready(None).await?,
        };
        if !session.envelope_is_out && self.smtp.width(&session).is_some() {
            return self.stream(session).await;
        }
        match self.todo.pop_front() {
            Some(job) => self.one(job, session).await,
            None => Ok(()),
        }
    }

    async fn one(&mut self, job: &Job, mut session: Session) -> Result<(), Halt> {
        if let Some((verdict, health)) = check(&session, job) {
            self.session = Some(session);
            self.reply.items.push((job.id, verdict));
            return self.fares(health);
        }
        let mut may_reconnect = true;
        let mut change: Option<Change> = None;
        loop {
            if let Err(stopped) = self.permitted(job).await {
                // A server that waits for this job's message can only be left.
                self.session = Some(session).filter(|session| !session.envelope_is_out);
                return match stopped {
                    Stopped::Member => Ok(()),
                    Stopped::Run => Err(Halt),
                };
            }
            // The slot may have been long in coming, and the server may have closed meanwhile.
            if !session.envelope_is_out {
                session = self.ready(Some(session)).await?;
            }
            let was_used = session.transactions > 0;
            let was_behind = session.envelope_is_out;
            let next = self.next_behind(&mut session).await;
            let ended = session.deliver(job, next, self.wire).await;
            self.learn_behind(&mut session, was_behind, &ended).await;
            match ended {
                Ended::Settled { verdict, refused: Some((step, answer)), .. }
                    if self.has_no_room(step, &answer) =>
                {
                    drop(session);
                    self.is_crowded = true;
                    return self.settle(job, blameless(verdict), Health::Fine).and(Err(Halt));
                }
                Ended::Settled { verdict, health, is_usable, refused } => {
                    let after = match &refused {
                        Some((step, answer)) if may_reconnect && session.taken > 0 => {
                            Change::after(&session.relay, *step, answer, job)
                        }
                        _ => After::Nothing,
                    };
                    if let Some(change) = change.take() {
                        change.ended(refused.as_ref(), job);
                    }
                    match after {
                        After::Change(begun) => {
                            (change, may_reconnect) = (Some(begun), false);
                            if let Err(error) = self.wire.answered(job.id, &blameless(verdict)) {
                                return self.fares(untraced(&error));
                            }
                            drop(session);
                            session = self.opened(self.smtp.open(self.begun_at).await)?;
                            continue;
                        }
                        After::Unclear => {
                            let health = if matches!(health, Health::Failing(_)) {
                                Health::Fine
                            } else {
                                health
                            };
                            let is_at_it = refused
                                .is_some_and(|(step, answer)| step.names_a_recipient(&answer));
                            return self.settle_at(job, blameless(verdict), health, is_at_it);
                        }
                        After::Nothing if is_usable => self.session = Some(session),
                        After::Nothing => {}
                    }
                    let is_at_it = refused.is_some_and(|(step, answer)| {
                        step.names_a_recipient(&answer) || names_our_sender(&answer, job)
                    });
                    return self.settle_at(job, verdict, health, is_at_it);
                }
                Ended::Broken(fault)
                    if was_used && may_reconnect && fault.is_closed_connection() =>
                {
                    // Asks for another slot then: reconnecting takes time, in which the limits'
                    // windows and the suppressions move on.
                    may_reconnect = false;
                    if let Fault::Spent(..) = &fault
                        && let Err(error) = self.wire.answered(
                            job.id,
                            &Verdict::NotTaken { refusal: fault.refusal(), counts: false },
                        )
                    {
                        return self.fares(untraced(&error));
                    }
                    drop(session);
                    session = self.opened(self.smtp.open(self.begun_at).await)?;
                }
                Ended::Broken(fault) => {
                    let verdict = Verdict::NotTaken { refusal: fault.refusal(), counts: false };
                    if let Fault::Closing(step, answer) = &fault
                        && self.has_no_room(*step, answer)
                    {
                        self.is_crowded = true;
                        return self.settle(job, verdict, Health::Fine).and(Err(Halt));
                    }
                    return self.settle_at(job, verdict, fault.health(), fault.is_at_a_recipient());
                }
                // Nothing of it was begun; alone it fares like any other.
                Ended::NotBehind => {
                    drop(session);
                    session = self.opened(self.smtp.open(self.begun_at).await)?;
                }
                Ended::Untraced(error) => return self.fares(untraced(&error)),
            }
        }
    }

    /// Whether the server serves as many connections as it wants to, which some say only when there
    /// is a message, and has others of ours.
    fn has_no_room(&self, step: Step, answer: &Answer) -> bool {
        matches!(step, Step::Mail | Step::Data | Step::Message)
            && answer.class() == 4
            && is_crowded(answer)
            && self.smtp.room.has_others()
    }

    /// Waits until the job may be begun, unless it has its slot.
    async fn permitted(&mut self, job: &Job) -> Result<(), Stopped> {
        if self.granted.take() == Some(job.id) {
            // The message before it took its time; a suppression or a stop that came meanwhile
            // still counts.
            self.wire.slot_now(job).unwrap_or(Ok(()))
        } else {
            self.wire.slot(job).await
        }
    }

    /// The job whose envelope may leave with the message that is sent now: the next one, where it
    /// can be begun without waiting.
    fn ahead(&mut self, session: &Session) -> Option<&'a Job> {
        if !session.groups || session.transactions + 1 >= self.smtp.settings.per_connection.get() {
            return None;
        }
        loop {
            let job = *self.todo.front()?;
            if check(session, job).is_some() {
                return None;
            }
            match self.wire.slot_now(job)? {
                Ok(()) => {
                    self.granted = Some(job.id);
                    return Some(job);
                }
                Err(Stopped::Member) => drop(self.todo.pop_front()),
                Err(Stopped::Run) => return None,
            }
        }
    }

    async fn ready(&mut self, session: Option<Session>) -> Result<Session, Halt> {
        self.opened(self.smtp.ready(session, self.begun_at).await)
    }

    /// Where the server has no room for one more connection beside others of ours, what is left
    /// goes over those, and nothing is wrong.
    fn opened(&mut self, session: Result<Session, Unopened>) -> Result<Session, Halt> {
        session.map_err(|unopened| {
            match unopened {
                Unopened::Crowded(_) if self.smtp.room.has_others() => self.is_crowded = true,
                Unopened::Crowded(health) | Unopened::Other(health) => self.reply.health = health,
            }
            Halt
        })
    }

    fn settle(&mut self, job: &Job, verdict: Verdict, health: Health) -> Result<(), Halt> {
        // What was not answered is not recorded as answered.
        let traced = if matches!(verdict, Verdict::Unknown { .. }) {
            Ok(())
        } else {
            self.wire.answered(job.id, &verdict)
        };
        if matches!(verdict, Verdict::Accepted { .. }) {
            self.smtp.refused_outright.store(0, Ordering::Relaxed);
        }
        self.reply.items.push((job.id, verdict));
        self.fares(health)?;
        traced.or_else(|error| self.fares(untraced(&error)))
    }

    /// Settles a job whose answer may be about its recipient alone.
    fn settle_at(
        &mut self,
        job: &Job,
        verdict: Verdict,
        health: Health,
        is_at_it: bool,
    ) -> Result<(), Halt> {
        self.at_hand = is_at_it.then_some(job.id);
        let settled = self.settle(job, verdict, health);
        self.at_hand = None;
        settled
    }

    /// Goes on only with a provider that fares well.
    fn fares(&mut self, health: Health) -> Result<(), Halt> {
        // What may be about one recipient is weighed where others are known.
        let health = if self.at_hand.is_some() { health } else { self.smtp.weighed(health) };
        let is_fine = health == Health::Fine;
        if !is_fine {
            // Of several that went wrong at once none was about one recipient.
            self.reply.concerns = self.at_hand.take().filter(|_| self.reply.health == Health::Fine);
        }
        // Of several that went wrong at once, what tells most.
        if gravity(&health) > gravity(&self.reply.health) {
            self.reply.health = health;
        }
        if is_fine { Ok(()) } else { Err(Halt) }
    }
}

/// The same verdict, charged to no recipient.
fn blameless(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::NotTaken { refusal, .. } => Verdict::NotTaken { refusal, counts: false },
        other => other,
    }
}

fn gravity(health: &Health) -> u8 {
    match health {
        Health::Fine => 0,
        Health::Failing(_) => 1,
        Health::SlowDown(_) => 2,
        Health::Exhausted(_) => 3,
        Health::Stop(_) => 4,
    }
}

fn untraced(error: &std::io::Error) -> Health {
    Health::Failing(Refusal::new(
        Reason::Session,
        "",
        format!("the trace cannot be written: {error}"),
    ))
}
