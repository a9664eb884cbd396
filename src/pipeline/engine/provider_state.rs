//! What the loop knows of one provider: which recipients are planned for it, its health, how much
//! it may take now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use super::exceptions::Exceptions;
use super::trust::Trust;
use crate::ledger::{LedgerSuppression, Pause, Through};
use crate::model::outcome::Reason;
use crate::model::verdict::{Health, Refusal, Reply, RowNumber, Verdict};
use crate::pipeline::brake::LeftAlone;
use crate::pipeline::breaker::{Breaker, BreakerState, ENOUGH_AT_FIRST, Failure};
use crate::pipeline::queues::DomainQueues;
use crate::pipeline::sameness::Sameness;
use crate::pipeline::verdicts::PendingVerdicts;
use crate::pipeline::wire::{AFTER_PUT_OFF, FirstRequest, Pacers};
use crate::pipeline::{ConfiguredProvider, Parts, retry};
use crate::provider::PATIENCE;

/// A claim of single messages is for so long at most while retries are due soon, which wait for the
/// claims before them.
const BESIDE_RETRIES: Duration = Duration::from_millis(300);

/// What a chunk may have of the recipients that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Its part where all connections have the same.
    pub(super) fair: u64,
    /// The size of the canary, while it goes out.
    pub(super) canary: Option<u64>,
    /// Whether a retry is due soon.
    pub(super) is_due_soon: bool,
}

/// One provider of an execution.
pub(super) struct ProviderState {
    /// The recipients that are to go through it, by receiving domain.
    pub(super) queues: DomainQueues,
    /// How the ledger selects them.
    pub(super) recipients: Through,
    pub(super) breaker: Breaker,
    pub(super) pacers: Pacers,
    pub(super) connections: Arc<Semaphore>,
    pub(super) verdicts: Arc<PendingVerdicts>,
    /// True as soon as nothing more may be begun there.
    pub(super) stop: watch::Sender<bool>,
    /// Sent each time the breaker opens, so that what has not been begun by then is given back.
    opened: watch::Sender<()>,
    /// Whether it has taken anything in this execution.
    has_accepted: bool,
    first_request: FirstRequest,
    /// Chunks on their way there.
    pub(super) under_way: usize,
    /// Admit nothing before then: it asked to be left alone.
    quiet_until: Option<Instant>,
    /// It named a time until which it wants to be left alone, longer than retries last; with what
    /// to say about it.
    left_alone: Option<(Instant, String)>,
    /// A person has stopped what goes through it.
    pub(super) paused: Option<Pause>,
    /// A cap is full until then, with what to say about it.
    capped: Option<(Instant, String)>,
    /// Room under the tightest cap when it was last met.
    room: Option<u64>,
    /// It wants a login, and has answered nothing since one was last refused: one recipient at a
    /// time goes until it has.
    awaits_login: bool,
    /// It wanted less, and has accepted nothing since the pause: one recipient at a time goes until
    /// it has, for it may refuse again.
    wanted_less: bool,
    /// What stopped it last is remembered: one recipient at a time goes until it has accepted one.
    pub(super) is_braked: bool,
    /// Its refusals have proved that it refuses every recipient, and those refused were opened
    /// again.
    pub(super) is_proved: bool,
    /// What was learned and may still turn out to be its own fault.
    pub(super) to_learn: Vec<(RowNumber, LedgerSuppression)>,
    /// It has put off recipients of this execution.
    puts_off: bool,
    pub(super) trust: Trust,
    /// The ledger did not have those who are due: it is asked again then.
    pub(super) ask_due_at: Option<Instant>,
    /// The place of the provider that took its recipients instead last.
    pub(super) instead: Option<usize>,
    /// Domains and recipients that it refuses although it takes others.
    pub(super) exceptions: Exceptions,
}

/// Whether a provider may be given a chunk now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Takes,
    /// It has as many as it can have: the next one goes when one comes back.
    Busy,
    /// It is waited for.
    Later(Instant),
    /// It takes nothing, and others take over. It may come back by itself then, or for good when a
    /// probe returns; not when it is final.
    Out {
        back: Option<Instant>,
        is_final: bool,
        why: Absence,
    },
}

/// Why a provider takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The breaker is open.
    Failing(Refusal),
    /// It will take nothing until a person mends its configuration or account.
    Stopped(Refusal),
    /// It has failed for longer than retries last.
    GaveUp(Refusal),
    Capped(String),
    /// A person has stopped what goes through it.
    Paused(Pause),
    /// It wants to be left alone for longer than retries last.
    LeftAlone(String),
    /// Its own quota is used up.
    Exhausted(Refusal),
}

impl Absence {
    /// What is said about a provider that is passed over.
    pub(super) fn words(&self) -> String {
        let said =
            |refusal: &Refusal| format!("{} {}", refusal.code, refusal.detail).trim().to_owned();
        match self {
            Self::Failing(refusal) => format!("its breaker is open ({})", said(refusal)),
            Self::Stopped(refusal) => format!("it takes nothing more ({})", said(refusal)),
            Self::GaveUp(refusal) => format!("it failed for too long ({})", said(refusal)),
            Self::Capped(text) | Self::LeftAlone(text) => text.clone(),
            Self::Paused(pause) => format!("it has been paused since {}", pause.words()),
            Self::Exhausted(refusal) => format!("its quota is used up ({})", said(refusal)),
        }
    }
}

impl ProviderState {
    /// The state of the provider at `place`.
    pub(super) fn new(parts: &Parts, place: usize, same: Sameness, is_braked: bool) -> Self {
        let configured = &parts.configured[place];
        let pacers = Pacers::new(&parts.ledger, configured);
        let stop = watch::Sender::new(false);
        let others = || {
            parts
                .configured
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != place)
                .map(|(_, other)| other.name.clone())
                .collect()
        };
        // The first provider also has the recipients whose planned provider is not configured any
        // more, so that each recipient belongs to one.
        let recipients = match (parts.configured.len(), place) {
            (1, _) => Through::Any,
            (_, 0) => Through::Not(others()),
            _ => Through::Only(configured.name.clone()),
        };
        let shared =
            parts.configured.iter().flat_map(|other| &other.per_domain).map(|(domain, _)| domain);
        Self {
            queues: DomainQueues::new(&configured.per_domain, shared),
            recipients,
            breaker: Breaker::new(configured.retry),
            pacers,
            connections: Arc::new(Semaphore::new(configured.in_flight)),
            verdicts: Arc::new(PendingVerdicts::new(stop.clone(), same)),
            stop,
            opened: watch::Sender::new(()),
            has_accepted: false,
            first_request: FirstRequest::default(),
            under_way: 0,
            quiet_until: None,
            left_alone: None,
            paused: None,
            capped: None,
            room: None,
            awaits_login: configured.provider.logs_in(),
            wanted_less: false,
            is_braked,
            is_proved: false,
            to_learn: Vec::new(),
            puts_off: false,
            trust: Trust::new(parts, configured),
            ask_due_at: None,
            instead: None,
            exceptions: Exceptions::default(),
        }
    }

    pub(super) fn readiness(
        &self,
        configured: &ConfiguredProvider,
        now: Instant,
        waits_on_cap: bool,
    ) -> Readiness {
        let out = |back, is_final, why| Readiness::Out { back, is_final, why };
        let failing = || {
            Absence::Failing(
                self.breaker
                    .last()
                    .cloned()
                    .unwrap_or_else(|| Refusal::new(Reason::Session, "", "")),
            )
        };
        let state = self.breaker.state(now);
        match state {
            BreakerState::Broken(refusal) => return out(None, true, Absence::Stopped(refusal)),
            BreakerState::Exhausted(refusal) => {
                return out(None, true, Absence::Exhausted(refusal));
            }
            BreakerState::GaveUp(refusal) => return out(None, true, Absence::GaveUp(refusal)),
            _ => {}
        }
        if let Some(pause) = &self.paused {
            return out(None, true, Absence::Paused(pause.clone()));
        }
        if let Some((until, text)) = self.capped.as_ref().filter(|(until, _)| *until > now) {
            return out(Some(*until), !waits_on_cap, Absence::Capped(text.clone()));
        }
        if let Some((until, text)) = self.left_alone.as_ref().filter(|(until, _)| *until > now) {
            return out(Some(*until), !waits_on_cap, Absence::LeftAlone(text.clone()));
        }
        match state {
            BreakerState::Open(until) => return out(Some(until), false, failing()),
            BreakerState::HalfOpen if self.under_way > 0 && self.breaker.is_open() => {
                return out(None, false, failing());
            }
            _ => {}
        }
        if self.goes_one_by_one() && self.under_way > 0 {
            return Readiness::Busy;
        }
        if let Some(until) = self.quiet_until.filter(|until| *until > now) {
            return Readiness::Later(until);
        }
        match state {
            BreakerState::Waits(until) => Readiness::Later(until),
            BreakerState::HalfOpen if self.under_way > 0 => Readiness::Busy,
            _ if self.trust.goes_alone() && self.under_way > 0 => Readiness::Busy,
            _ if self.under_way >= self.most_under_way(configured, now) => Readiness::Busy,
            _ => Readiness::Takes,
        }
    }

    /// The most recipients of its next chunk: the provider's limit, a fair share of what is left, a
    /// second's worth of the rate, the room under a cap, and one for a probe.
    pub(super) fn most(&self, configured: &ConfiguredProvider, share: Share, now: Instant) -> u64 {
        if self.goes_one_by_one() || self.breaker.state(now) == BreakerState::HalfOpen {
            return 1;
        }
        let can = configured.provider.capabilities();
        let mut most = (can.max_recipients as u64)
            .min(share.fair.max(can.per_request as u64))
            .min(self.trust.most(share.canary));
        // A claim that is longer would be cut; full claims spare a round trip each where no
        // recipient is put off.
        if self.puts_off
            && can.per_request == 1
            && configured.rate.is_none()
            && let Some(speed) = self.pacers.throttle.measured(now)
        {
            let lasts = if share.is_due_soon { BESIDE_RETRIES } else { AFTER_PUT_OFF };
            most = most
                .min((lasts.as_secs_f64() * speed / configured.in_flight as f64).ceil() as u64)
                .max(1);
        }
        if let Some(rate) = configured.rate {
            // A batch leaves when all of it may; single messages go one by one, and a second's
            // worth is shared by the connections.
            let paced = match can.per_request {
                1 => (rate.per_second() / configured.in_flight as f64).ceil() as u64,
                per_request => rate.lot(per_request as u64),
            };
            most = most.min(paced).max(1);
        }
        self.room.map_or(most, |room| most.min(room.max(1)))
    }

    /// Whether one recipient at a time shows if it takes anything.
    pub(super) fn goes_one_by_one(&self) -> bool {
        self.is_braked || self.awaits_login || self.wanted_less || self.exceptions.is_asking()
    }

    /// Whether it has refused as a whole, and taken nothing since.
    pub(super) fn is_cautious(&self) -> bool {
        self.is_braked || self.awaits_login || self.wanted_less || self.breaker.last().is_some()
    }

    /// Receiving domains that are not asked first where one recipient shows whether it takes
    /// anything.
    pub(super) fn asked_last(&self) -> Vec<String> {
        if self.goes_one_by_one() { self.exceptions.refused_domains() } else { Vec::new() }
    }

    /// The most chunks that may be under way. One that is given less than one recipient a second
    /// needs no second connection for it.
    fn most_under_way(&self, configured: &ConfiguredProvider, now: Instant) -> usize {
        // A paced provider gains nothing from claims that wait for their slots; an unpaced one
        // keeps a chunk ready for each connection.
        let ahead =
            if self.pacers.all.is_some() || !self.may_request_each(Duration::from_millis(100)) {
                1
            } else {
                2
            };
        let most = configured.in_flight * ahead;
        match self.pacers.throttle.speed(now) {
            Some(speed) if !self.trust.takes_batches() => {
                most.min((10.0 * speed).ceil().max(1.0) as usize)
            }
            _ => most,
        }
    }

    /// Some of a chunk was accepted.
    pub(super) fn accepted(&mut self) {
        self.is_braked = false;
        // What was on its way when it asked for less says nothing about what it takes now.
        self.wanted_less &= self.quiet_until.is_some_and(|until| until > Instant::now());
        self.has_accepted = true;
        self.breaker.took_some();
        self.trust.accepted(!self.may_request_each(Duration::from_secs(1)));
    }

    /// Whether its requests are not limited to less than one each `time`.
    fn may_request_each(&self, time: Duration) -> bool {
        self.pacers.requests.as_ref().is_none_or(|requests| requests.pace(1) <= time)
    }

    /// A claim met a cap that has `room` left, and for all of it at `until`.
    pub(super) fn capped(&mut self, text: String, room: u64, until: Timestamp) {
        if room > 0 {
            self.room = Some(room);
            return;
        }
        self.room = None;
        let wait =
            Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
        self.capped = Instant::now().checked_add(wait).map(|until| (until, text));
    }

    /// Nothing is begun there until the pause is over; what waits for it is given back.
    pub(super) fn pause(&mut self, pause: Pause) {
        self.paused = Some(pause);
        self.opened.send_replace(());
    }

    /// It named a time until which it wants to be left alone. What waits for it is given back where
    /// that is longer than retries last, and it is asked for one recipient first.
    pub(super) fn leave_alone(&mut self, left_alone: &LeftAlone, configured: &ConfiguredProvider) {
        let wait = Duration::try_from(left_alone.until.duration_since(Timestamp::now()))
            .unwrap_or(Duration::ZERO);
        let until = Instant::now().checked_add(wait);
        self.is_braked = true;
        if wait > configured.retry.give_up_after {
            self.left_alone = until.map(|until| (until, left_alone.words(&configured.name)));
            self.opened.send_replace(());
        } else {
            self.quiet_until = self.quiet_until.max(until);
        }
    }

    /// What is said about it while it is left alone.
    pub(super) fn left_alone(&self, now: Instant) -> Option<&str> {
        self.left_alone.as_ref().filter(|(until, _)| *until > now).map(|(_, text)| text.as_str())
    }

    /// Claims on their way give back what they have not begun.
    pub(super) fn withdraw(&self) {
        self.opened.send_replace(());
    }

    /// A receiver that sees the breaker open from now on.
    pub(super) fn opened(&self) -> watch::Receiver<()> {
        self.opened.subscribe()
    }

    /// For how long a request of its next chunk is repeated while nothing of it is taken. A probe
    /// shows at once; and before it has taken anything it is not waited for long where another
    /// stands in for it.
    pub(super) fn patience(&self, configured: &ConfiguredProvider, has_stand_in: bool) -> Duration {
        let patience = match () {
            () if self.breaker.is_open() => Duration::ZERO,
            () if has_stand_in && !self.has_accepted => ENOUGH_AT_FIRST,
            () => PATIENCE,
        };
        patience.min(configured.retry.give_up_after)
    }

    /// Where a claim notes when its first request is written, while the provider has taken nothing
    /// yet.
    pub(super) fn first_request(&self) -> Option<FirstRequest> {
        (!self.has_accepted).then(|| self.first_request.clone())
    }

    /// Whether the first request has gone on for so long that others take over.
    pub(super) fn first_request_lasts(&self, now: Instant) -> bool {
        !self.has_accepted
            && !self.breaker.is_open()
            && self.first_request.lasts(now) >= ENOUGH_AT_FIRST
    }

    /// Opens the breaker for a first request that goes on and on.
    pub(super) fn took_nothing_so_far(&mut self, now: Instant) {
        let words = format!("nothing was taken within {} s", ENOUGH_AT_FIRST.as_secs());
        let refusal = Refusal::new(Reason::NoReply, "", words);
        self.failed(Failure { refusal, took: ENOUGH_AT_FIRST, is_first_chance: true }, now);
    }

    fn failed(&mut self, failure: Failure, now: Instant) {
        let was_open = self.breaker.is_open();
        self.breaker.failed(failure, now, retry::draw());
        if self.breaker.is_open() && !was_open {
            self.opened.send_replace(());
        }
    }

    /// Records what a chunk that came back says about the provider.
    pub(super) fn update_health(&mut self, result: &ChunkResult<'_>, now: Instant) {
        self.first_request.is_over();
        self.awaits_login &= !result.was_answered();
        self.puts_off = self.puts_off
            || result
                .reply
                .items
                .iter()
                .any(|(_, verdict)| matches!(verdict, Verdict::NotTaken { counts: true, .. }));
        match &result.reply.health {
            Health::Fine if result.was_answered() => self.breaker.succeeded(),
            Health::Fine => {}
            // It is left alone for as long as it has said, which is no failure.
            Health::SlowDown(wait)
                if result.reply.is_wait_named && self.left_alone(now).is_some() =>
            {
                tracing::debug!(seconds = wait.as_secs(), "left alone");
            }
            Health::SlowDown(wait) => {
                let refusal = result
                    .reply
                    .given_back_for()
                    .unwrap_or_else(|| Refusal::new(Reason::Rate, "", "it asks to be left alone"));
                let quiet = self.breaker.throttled(refusal, *wait, result.reply, now);
                // Two requests at about the same time may have been answered with different waits.
                self.quiet_until = self.quiet_until.max(now.checked_add(quiet));
                self.pacers.throttle.slow_down(quiet, now);
                if !self.trust.takes_batches() {
                    self.wanted_less = true;
                    // What has not been begun would be begun in the pause.
                    self.opened.send_replace(());
                }
            }
            Health::Failing(refusal) => {
                if result
                    .reply
                    .items
                    .iter()
                    .any(|(_, verdict)| matches!(verdict, Verdict::Unknown { .. }))
                {
                    self.trust.request_unknown();
                }
                self.awaits_login |= refusal.reason == Reason::Auth;
                let is_first_chance = result.has_stand_in && !self.has_accepted;
                self.failed(
                    Failure {
                        refusal: refusal.clone(),
                        took: result.reply.lasted,
                        is_first_chance,
                    },
                    now,
                );
            }
            Health::Exhausted(refusal) => self.breaker.exhausted(refusal.clone()),
            Health::Stop(refusal) => {
                // A key says nothing about what it takes otherwise.
                if refusal.reason != Reason::Auth {
                    self.trust.lost();
                }
                self.breaker.stop(refusal.clone());
            }
        }
        if matches!(
            self.breaker.state(now),
            BreakerState::Broken(_) | BreakerState::Exhausted(_) | BreakerState::GaveUp(_)
        ) {
            self.stop.send_replace(true);
        }
    }
}

/// What came of a chunk, as far as it is about the provider.
pub(super) struct ChunkResult<'a> {
    pub(super) reply: &'a Reply,
    /// Whether another provider takes its recipients meanwhile.
    pub(super) has_stand_in: bool,
}

impl ChunkResult<'_> {
    /// Whether any member was answered, and not only given back.
    fn was_answered(&self) -> bool {
        self.reply
            .items
            .iter()
            .any(|(_, verdict)| !matches!(verdict, Verdict::NotTaken { counts: false, .. }))
    }
}
