//! What the loop knows of one provider: whose first choice it is, how it fares, how much it may take now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::ledger::{LedgerSuppression, Through};
use crate::outcome::Reason;
use crate::pipeline::breaker::{Breaker, State};
use crate::pipeline::heard::Heard;
use crate::pipeline::lanes::Lanes;
use crate::pipeline::sameness::Sameness;
use crate::pipeline::wire::Pacers;
use crate::pipeline::{Outlet, Parts, retry};
use crate::provider::{Health, JobId, Refusal};

/// Recipients of the first chunks; the number doubles with each chunk of which something was accepted.
const FIRST_CHUNK: u64 = 2;

/// One provider of an execution.
pub(super) struct Station {
    /// The recipients that are to go through it, by receiving domain.
    pub(super) lanes: Lanes,
    /// Who they are in the ledger.
    pub(super) recipients: Through,
    pub(super) breaker: Breaker,
    pub(super) pacers: Pacers,
    pub(super) connections: Arc<Semaphore>,
    pub(super) heard: Arc<Heard>,
    /// True as soon as nothing more may be begun there.
    pub(super) stop: watch::Sender<bool>,
    /// Chunks on their way there.
    pub(super) under_way: usize,
    /// Admit nothing before then: it asked to be left alone.
    quiet_until: Option<Instant>,
    /// A cap is full until then, with what to say about it.
    capped: Option<(Instant, String)>,
    /// Room under the tightest cap when it was last met.
    room: Option<u64>,
    /// The most recipients of a chunk until it has shown that it takes mail: what refuses everybody must not burn the list.
    trusted_with: u64,
    /// What stopped it last is remembered: one recipient at a time goes until it has accepted one.
    pub(super) is_braked: bool,
    /// Its refusals have proved that it refuses everybody, and those recipients were opened again.
    pub(super) is_proved: bool,
    /// It has asked for less since then and accepted nothing.
    limited_since: Option<Instant>,
    /// What was learned and may still turn out to be its own fault.
    pub(super) pending: Vec<(JobId, LedgerSuppression)>,
    /// Who was last seen taking its recipients instead.
    pub(super) instead: Option<usize>,
}

/// Whether a provider may be given a chunk now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Takes,
    /// It has as many as it can have: the next one goes when one comes back.
    Busy,
    /// It is waited for.
    Later(Instant),
    /// It takes nothing, and others take over. It may come back by itself then, or for good when a probe returns; not when it is final.
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
    /// It will take nothing until somebody mends it.
    Stopped(Refusal),
    /// It has failed for longer than retries last.
    GaveUp(Refusal),
    Capped(String),
    /// Its own quota is used up.
    Exhausted(Refusal),
}

impl Absence {
    /// What is said about a provider that is passed over.
    pub(super) fn words(&self) -> String {
        let said = |refusal: &Refusal| format!("{} {}", refusal.code, refusal.detail).trim().to_owned();
        match self {
            Self::Failing(refusal) => format!("its breaker is open ({})", said(refusal)),
            Self::Stopped(refusal) => format!("it takes nothing more ({})", said(refusal)),
            Self::GaveUp(refusal) => format!("it failed for too long ({})", said(refusal)),
            Self::Capped(text) => text.clone(),
            Self::Exhausted(refusal) => format!("its quota is used up ({})", said(refusal)),
        }
    }
}

impl Station {
    /// The station of the provider at `place`.
    pub(super) fn new(parts: &Parts, place: usize, same: Sameness, is_braked: bool) -> Self {
        let outlet = &parts.outlets[place];
        let pacers = Pacers::new(&parts.ledger, outlet);
        let stop = watch::Sender::new(false);
        let others = || parts.outlets.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, other)| other.name.clone()).collect();
        // Each recipient is somebody's: the first provider has those as well whose provider is not among them any more.
        let recipients = match (parts.outlets.len(), place) {
            (1, _) => Through::Any,
            (_, 0) => Through::Not(others()),
            _ => Through::Only(outlet.name.clone()),
        };
        let shared = parts.outlets.iter().flat_map(|other| &other.per_domain).map(|(domain, _)| domain);
        Self {
            lanes: Lanes::new(&outlet.per_domain, shared),
            recipients,
            breaker: Breaker::new(outlet.retry),
            pacers,
            connections: Arc::new(Semaphore::new(outlet.in_flight)),
            heard: Arc::new(Heard::new(stop.clone(), same)),
            stop,
            under_way: 0,
            quiet_until: None,
            capped: None,
            room: None,
            trusted_with: FIRST_CHUNK,
            is_braked,
            is_proved: false,
            limited_since: None,
            pending: Vec::new(),
            instead: None,
        }
    }

    pub(super) fn readiness(&self, outlet: &Outlet, now: Instant, waits_on_cap: bool) -> Readiness {
        let out = |back, is_final, why| Readiness::Out { back, is_final, why };
        let failing = || Absence::Failing(self.breaker.last().cloned().unwrap_or_else(|| Refusal::new(Reason::Session, "", "")));
        let state = self.breaker.state(now);
        match state {
            State::Broken(refusal) => return out(None, true, Absence::Stopped(refusal)),
            State::Exhausted(refusal) => return out(None, true, Absence::Exhausted(refusal)),
            State::GaveUp(refusal) => return out(None, true, Absence::GaveUp(refusal)),
            _ => {}
        }
        if let Some((until, text)) = self.capped.as_ref().filter(|(until, _)| *until > now) {
            return out(Some(*until), !waits_on_cap, Absence::Capped(text.clone()));
        }
        match state {
            State::Open(until) => return out(Some(until), false, failing()),
            State::HalfOpen if self.under_way > 0 && self.breaker.is_open() => return out(None, false, failing()),
            _ => {}
        }
        if self.is_braked && self.under_way > 0 {
            return Readiness::Busy;
        }
        if let Some(until) = self.quiet_until.filter(|until| *until > now) {
            return Readiness::Later(until);
        }
        // A paced provider gains nothing from claims that wait for their slots; an unpaced one keeps a chunk ready for each connection.
        let ahead = if self.pacers.all.is_some() || !self.may_request_each(Duration::from_millis(100)) { 1 } else { 2 };
        match state {
            State::Waits(until) => Readiness::Later(until),
            State::HalfOpen if self.under_way > 0 => Readiness::Busy,
            _ if self.under_way >= outlet.in_flight * ahead => Readiness::Busy,
            _ => Readiness::Takes,
        }
    }

    /// The most recipients of its next chunk: the provider's limit, a fair share of what is left, a second's worth of the rate, the room
    /// under a cap, and one for a probe.
    pub(super) fn most(&self, outlet: &Outlet, fair_share: u64, now: Instant) -> u64 {
        if self.is_braked || self.breaker.state(now) == State::HalfOpen {
            return 1;
        }
        let can = outlet.provider.capabilities();
        let mut most = (can.max_recipients as u64).min(fair_share.max(can.per_request as u64)).min(self.trusted_with);
        if let Some(rate) = outlet.rate {
            // A batch leaves when all of it may; single messages go one by one, and a second's worth is shared by the connections.
            let paced = match can.per_request {
                1 => (rate.per_second() / outlet.in_flight as f64).ceil() as u64,
                per_request => rate.lot(per_request as u64),
            };
            most = most.min(paced).max(1);
        }
        self.room.map_or(most, |room| most.min(room.max(1)))
    }

    /// Some of a chunk was accepted: the next one may be larger, and much larger where requests are few.
    pub(super) fn trust(&mut self) {
        self.is_braked = false;
        self.limited_since = None;
        let times = if self.may_request_each(Duration::from_secs(1)) { 2 } else { 8 };
        self.trusted_with = self.trusted_with.saturating_mul(times);
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
        let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
        self.capped = Instant::now().checked_add(wait).map(|until| (until, text));
    }

    /// Takes note of how it fares. `answered` tells whether anybody of the chunk was.
    pub(super) fn fares(&mut self, outlet: &Outlet, health: &Health, answered: bool, now: Instant) {
        match health {
            Health::Fine if answered => self.breaker.succeeded(),
            Health::Fine => {}
            Health::SlowDown(wait) => {
                let quiet = (*wait).min(outlet.retry.max);
                self.quiet_until = Some(now + quiet);
                let since = *self.limited_since.get_or_insert(now);
                if now + quiet > since + outlet.retry.give_up_after {
                    let detail = format!("it has asked for less and accepted nothing for {:?}", outlet.retry.give_up_after);
                    self.breaker.give_up(Refusal::new(Reason::Rate, "", detail));
                }
                self.pacers.throttle.slow_down(quiet, now);
            }
            Health::Failing(refusal) => self.breaker.failed(refusal.clone(), now, retry::draw()),
            Health::Exhausted(refusal) => self.breaker.exhausted(refusal.clone()),
            Health::Stop(refusal) => self.breaker.stop(refusal.clone()),
        }
        if matches!(self.breaker.state(now), State::Broken(_) | State::Exhausted(_) | State::GaveUp(_)) {
            self.stop.send_replace(true);
        }
    }
}
