//! The loop's state of one provider: the recipients planned for it, its health, and how much it may
//! be sent now.

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

mod readiness;

pub(super) use readiness::{Absence, Readiness};

/// While retries are due soon, a claim of single messages is sized to last at most this long,
/// because the retries must wait for earlier claims.
const BESIDE_RETRIES: Duration = Duration::from_millis(300);

/// The values that limit the size of the next chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// The remaining recipients divided by the number of connections.
    pub(super) fair: u64,
    /// The size of the canary, while the canary is being sent.
    pub(super) canary: Option<u64>,
    /// Whether a retry is due within seconds.
    pub(super) is_due_soon: bool,
}

/// One provider of an execution.
pub(super) struct ProviderState {
    /// The recipients planned for this provider, by receiving domain.
    pub(super) queues: DomainQueues,
    /// The ledger's filter that selects these recipients.
    pub(super) recipients: Through,
    pub(super) breaker: Breaker,
    pub(super) pacers: Pacers,
    pub(super) connections: Arc<Semaphore>,
    pub(super) verdicts: Arc<PendingVerdicts>,
    /// True as soon as nothing more may start at this provider.
    pub(super) stop: watch::Sender<bool>,
    /// Tells claims to give back the members that have not started, for example when the breaker
    /// opens.
    opened: watch::Sender<()>,
    /// Whether the provider has accepted a recipient in this execution.
    has_accepted: bool,
    first_request: FirstRequest,
    /// The number of chunks under way through the provider.
    pub(super) under_way: usize,
    /// Until when nothing is admitted, because the provider asked for a pause.
    quiet_until: Option<Instant>,
    /// Until when the provider wants no mail, if that is longer than the retry period; with a line
    /// for the operator.
    left_alone: Option<(Instant, String)>,
    /// An operator has paused this provider.
    pub(super) paused: Option<Pause>,
    /// Until when a cap is full; with a line for the operator.
    capped: Option<(Instant, String)>,
    /// How many recipients the cap allowed when it last stopped a claim.
    room: Option<u64>,
    /// Whether it is unknown if the provider accepts the login: at the start, and after a refused
    /// login. If so, recipients are sent one at a time until the provider answers one.
    awaits_login: bool,
    /// Whether the provider asked for a lower rate and has accepted nothing since. If so,
    /// recipients are sent one at a time until the provider accepts one.
    wanted_less: bool,
    /// Whether a brake or a wait stored by an earlier run applies. If so, recipients are sent one
    /// at a time until the provider accepts one.
    pub(super) is_braked: bool,
    /// Whether the provider was proved to refuse every recipient, so that the refused recipients
    /// were reopened.
    pub(super) is_proved: bool,
    /// Suppressions that are not recorded yet, because the refusals may still prove to be the
    /// provider's fault.
    pub(super) to_learn: Vec<(RowNumber, LedgerSuppression)>,
    /// Whether the provider has temporarily refused recipients of this execution.
    puts_off: bool,
    pub(super) trust: Trust,
    /// When to ask the ledger again for due retries that it did not show yet.
    pub(super) ask_due_at: Option<Instant>,
    /// The index of the provider that last took over this provider's recipients.
    pub(super) instead: Option<usize>,
    /// Domains and recipients that the provider refuses although it accepts others.
    pub(super) exceptions: Exceptions,
}

impl ProviderState {
    /// Creates the state of the provider with index `place`.
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
        // The first provider also gets the recipients whose planned provider was removed from the
        // configuration, so that each recipient belongs to exactly one provider.
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

    /// The most recipients that the next chunk may have: the minimum of the provider's limit, a
    /// fair share of the remaining recipients, one second of the rate, and the room under a cap. A
    /// probe has one recipient.
    pub(super) fn most(&self, configured: &ConfiguredProvider, share: Share, now: Instant) -> u64 {
        if self.goes_one_by_one() || self.breaker.state(now) == BreakerState::HalfOpen {
            return 1;
        }
        let can = configured.provider.capabilities();
        let mut most = (can.max_recipients as u64)
            .min(share.fair.max(can.per_request as u64))
            .min(self.trust.most(share.canary));
        // A claim ends soon after a temporary refusal, so it is kept short while such refusals
        // occur. Otherwise, full claims save a round trip each.
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
            // A batch is sent when the rate allows all of it. Single messages are sent one by one,
            // and the connections share the messages that the rate allows in one second.
            let paced = match can.per_request {
                1 => (rate.per_second() / configured.in_flight as f64).ceil() as u64,
                per_request => rate.lot(per_request as u64),
            };
            most = most.min(paced).max(1);
        }
        self.room.map_or(most, |room| most.min(room.max(1)))
    }

    /// Whether recipients are sent one at a time, to see if the provider accepts any.
    pub(super) fn goes_one_by_one(&self) -> bool {
        self.is_braked || self.awaits_login || self.wanted_less || self.exceptions.is_asking()
    }

    /// Whether the provider has refused all mail and accepted nothing since.
    pub(super) fn is_cautious(&self) -> bool {
        self.is_braked || self.awaits_login || self.wanted_less || self.breaker.last().is_some()
    }

    /// Receiving domains to try last while recipients are sent one at a time.
    pub(super) fn asked_last(&self) -> Vec<String> {
        if self.goes_one_by_one() { self.exceptions.refused_domains() } else { Vec::new() }
    }

    /// The most chunks that may be under way. The number is smaller for a provider that takes one
    /// recipient per request while its speed is reduced.
    fn most_under_way(&self, configured: &ConfiguredProvider, now: Instant) -> usize {
        // With a rate, additional claims would only wait for the rate. Without a rate, one chunk is
        // kept ready for each connection.
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

    /// Records that some recipients of a chunk were accepted.
    pub(super) fn accepted(&mut self) {
        self.is_braked = false;
        // A message that was in flight when the provider asked for a lower rate does not show
        // whether the provider accepts mail now.
        self.wanted_less &= self.quiet_until.is_some_and(|until| until > Instant::now());
        self.has_accepted = true;
        self.breaker.took_some();
        self.trust.accepted(!self.may_request_each(Duration::from_secs(1)));
    }

    /// Whether the request rate allows at least one request per `time`.
    fn may_request_each(&self, time: Duration) -> bool {
        self.pacers.requests.as_ref().is_none_or(|requests| requests.pace(1) <= time)
    }

    /// Records that a cap stopped a claim. `room` is how many recipients the cap still allows; the
    /// whole chunk fits at `until`.
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

    /// Applies an operator's pause: nothing more starts, and members that have not started are
    /// given back.
    pub(super) fn pause(&mut self, pause: Pause) {
        self.paused = Some(pause);
        self.opened.send_replace(());
    }

    /// Applies the pause that the provider asked for; after it, one recipient is sent first. If the
    /// pause is longer than the retry period, members that have not started are given back.
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

    /// Returns a line for the operator while the provider's pause lasts.
    pub(super) fn left_alone(&self, now: Instant) -> Option<&str> {
        self.left_alone.as_ref().filter(|(until, _)| *until > now).map(|(_, text)| text.as_str())
    }

    /// Makes the claims under way give back the members that have not started.
    pub(super) fn withdraw(&self) {
        self.opened.send_replace(());
    }

    /// Returns a receiver that is notified each time the breaker opens from now on.
    pub(super) fn opened(&self) -> watch::Receiver<()> {
        self.opened.subscribe()
    }

    /// How long a request of the next chunk may be repeated while the provider accepts none of it.
    /// A probe is not repeated. Before the first acceptance the time is short if another provider
    /// can take over.
    pub(super) fn patience(&self, configured: &ConfiguredProvider, has_stand_in: bool) -> Duration {
        let patience = match () {
            () if self.breaker.is_open() => Duration::ZERO,
            () if has_stand_in && !self.has_accepted => ENOUGH_AT_FIRST,
            () => PATIENCE,
        };
        patience.min(configured.retry.give_up_after)
    }

    /// Notes when the first request of a claim is written, until the provider accepts a recipient.
    pub(super) fn first_request(&self) -> Option<FirstRequest> {
        (!self.has_accepted).then(|| self.first_request.clone())
    }

    /// Whether the first request has taken so long that other providers take over.
    pub(super) fn first_request_lasts(&self, now: Instant) -> bool {
        !self.has_accepted
            && !self.breaker.is_open()
            && self.first_request.lasts(now) >= ENOUGH_AT_FIRST
    }

    /// Opens the breaker because the first request has taken too long.
    pub(super) fn took_nothing_so_far(&mut self, now: Instant) {
        let words = format!("nothing was accepted within {} s", ENOUGH_AT_FIRST.as_secs());
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

    /// Updates the provider's health from the result of a chunk.
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
            // The pause has already been applied, and it is not a failure.
            Health::SlowDown(wait)
                if result.reply.is_wait_named && self.left_alone(now).is_some() =>
            {
                tracing::debug!(seconds = wait.as_secs(), "left alone");
            }
            Health::SlowDown(wait) => {
                let refusal = result.reply.given_back_for().unwrap_or_else(|| {
                    Refusal::new(Reason::Rate, "", "the provider asks to be left alone")
                });
                let quiet = self.breaker.throttled(refusal, *wait, result.reply, now);
                // The provider may have answered two concurrent requests with different waits.
                self.quiet_until = self.quiet_until.max(now.checked_add(quiet));
                self.pacers.throttle.slow_down(quiet, now);
                if !self.trust.takes_batches() {
                    self.wanted_less = true;
                    // Members that have not started would otherwise start during the pause.
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
                // A rejected API key says nothing about the request sizes that the provider
                // accepts.
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

/// The result of a chunk that the provider's health depends on.
pub(super) struct ChunkResult<'a> {
    pub(super) reply: &'a Reply,
    /// Whether another provider can take over.
    pub(super) has_stand_in: bool,
}

impl ChunkResult<'_> {
    /// Whether the provider answered any member, rather than only gave members back.
    fn was_answered(&self) -> bool {
        self.reply
            .items
            .iter()
            .any(|(_, verdict)| !matches!(verdict, Verdict::NotTaken { counts: false, .. }))
    }
}
