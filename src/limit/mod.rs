//! Decides when messages may be sent. The ledger leases grants, each for one message, and the crate
//! `governor` spreads the grants of a lease evenly.
//!
//! The ledger enforces the rate: in any sliding window, all runs of the workspace together stay
//! within it. Governor prevents a burst at the start of each lease.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{self, Arc, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ledger::{
    LEASED_AHEAD, Lease, Leased, Ledger, LedgerError, LedgerResult, Portion, Spent, Wish,
};
use crate::model::literal::Rate;

mod together;

pub(crate) use together::together;

/// The maximum number of leases requested at once.
const MOST_AHEAD: f64 = 64.0;
/// The longest response time of the ledger for which leases are requested early. The ledger takes
/// leases far ahead for a sign that the clock was set back, so one slow sync must not cause them.
/// On a disk whose every sync takes over three times this long, all leases expire unused.
const MOST_LAG: Duration = Duration::from_millis(500);

/// Grants messages of one rate, one at a time, in the order of the requests.
pub(crate) struct Pacer {
    ledger: Arc<dyn Ledger>,
    key: String,
    rate: Rate,
    slice: Duration,
    want: u32,
    spread: DefaultDirectRateLimiter,
    clock: DefaultClock,
    lag: Lag,
    /// How long callers with a grant of this rate have waited for a grant of another rate.
    waits: Lag,
    state: Mutex<PacerState>,
    /// The queue of callers that need only this rate; the next one holds the lock. A caller that
    /// already has a grant of another rate does not join this queue.
    queue: Mutex<()>,
    /// Locked by a caller that requests a whole batch, until the batch may be sent.
    turn: Mutex<()>,
    /// Unused parts of leases. The next request reports them to the ledger.
    spent: sync::Mutex<Vec<Spent>>,
}

#[derive(Default)]
struct PacerState {
    /// Ordered by time. The first lease is in use or will be next.
    leases: VecDeque<Held>,
    /// A pending request for leases. The request outlives the caller that waits for its answer.
    asked: Option<JoinHandle<LedgerResult<Vec<Granted>>>>,
    /// The time until which the window is full.
    not_before: Option<Instant>,
    /// Whether governor has granted a message that has not been sent yet.
    paced: bool,
}

/// A lease with its start and end on the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Held {
    lease: Lease,
    left: u32,
    from: Instant,
    until: Instant,
}

impl Held {
    fn is_over(&self, now: Instant) -> bool {
        now >= self.until || Timestamp::now() >= self.lease.until
    }
}

/// The ledger's answer with times on the monotonic clock. They are converted on arrival, because
/// the wall clock may change later.
enum Granted {
    Lease(Held),
    NotBefore(Instant),
}

impl Pacer {
    /// Creates a pacer for the rate with this key in the ledger (`relay`, or `relay/gmail.com`).
    pub(crate) fn new(ledger: Arc<dyn Ledger>, key: String, rate: Rate) -> Self {
        // A lease covers a twentieth of the window. At most a twentieth of the rate is thus lost at
        // the edges of windows, and a crash wastes few grants.
        let slice = (rate.per / 20).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let per_slice = rate.per_second() * slice.as_secs_f64();
        let want = (per_slice.floor() as u32).clamp(1, rate.count.get());
        // Timers fire about a millisecond late. A burst of two messages, or of 10 ms worth of
        // messages, uses up a lease before it expires.
        let burst = NonZeroU32::new(((rate.per_second() * 0.01).ceil() as u32).max(2))
            .unwrap_or(NonZeroU32::MIN);
        let apart = rate.per.div_f64(f64::from(rate.count.get())).max(Duration::from_nanos(1));
        let quota = Quota::with_period(apart).expect("the period is not zero").allow_burst(burst);
        Self {
            ledger,
            key,
            rate,
            slice,
            want,
            spread: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
            lag: Lag::of(5_000),
            waits: Lag::of(0),
            state: Mutex::new(PacerState::default()),
            queue: Mutex::new(()),
            turn: Mutex::new(()),
            spent: sync::Mutex::default(),
        }
    }

    /// The rate that this pacer enforces.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// How long `count` messages take at an even pace.
    pub(crate) fn pace(&self, count: u32) -> Duration {
        self.rate.per.mul_f64(f64::from(count) / f64::from(self.rate.count.get()))
    }

    /// Waits until one message may be sent. No grant is lost if the future is dropped.
    pub(crate) async fn slot(self: &Arc<Self>) -> LedgerResult<()> {
        let _queue = self.queue.lock().await;
        let mut state = self.state.lock().await;
        self.ready(&mut state).await?;
        self.go(&mut state, Instant::now());
        Ok(())
    }

    /// Waits until both this rate and `wider` allow one message at the same time. To lock in the
    /// same order everywhere, `wider` must be the provider's rate and `self` the rate of a
    /// receiving domain.
    pub(crate) async fn slot_of_both(self: &Arc<Self>, wider: &Arc<Self>) -> LedgerResult<()> {
        let mut own = self.state.lock().await;
        loop {
            self.ready(&mut own).await?;
            own.paced = true;
            let ready = Instant::now();
            let mut other = wider.state.lock().await;
            wider.ready(&mut other).await?;
            other.paced = true;
            self.waits.learn(ready.elapsed());
            // If the wait outlasted this rate's lease, a new lease may still arrive while the lease
            // of `wider` is valid.
            let over = wider.lease(&mut other, Instant::now()).map_or(ready, |lease| lease.until);
            if let Ok(ready) = tokio::time::timeout_at(over, self.ready(&mut own)).await {
                ready?;
                let now = Instant::now();
                if [self.lease(&mut own, now), wider.lease(&mut other, now)]
                    .iter()
                    .all(|lease| lease.is_some_and(|lease| lease.from <= now))
                {
                    self.go(&mut own, now);
                    wider.go(&mut other, now);
                    return Ok(());
                }
            }
        }
    }

    /// Returns the unused leases to the ledger, so that other runs can use them at once.
    pub(crate) async fn close(&self) -> LedgerResult<()> {
        // If a caller still waits for a grant, the leases are kept.
        if let Ok(mut state) = self.state.try_lock() {
            self.collect(&mut state).await?;
            for lease in mem::take(&mut state.leases) {
                self.gives_back(
                    &lease,
                    lease.lease.count - lease.left,
                    Instant::now() + self.slice,
                );
            }
        }
        let spent = mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner));
        if spent.is_empty() { Ok(()) } else { self.ledger.take_back(&self.key, spent).await }
    }

    /// The current lease. Unused grants of ended leases have expired, because their late use would
    /// cause a burst.
    fn lease(&self, state: &mut PacerState, now: Instant) -> Option<Held> {
        while let Some(over) = state.leases.pop_front_if(|lease| lease.is_over(now)) {
            self.gives_back(&over, over.lease.count - over.left, over.until);
        }
        state.leases.front().copied()
    }

    /// Uses one grant of the current lease.
    fn go(&self, state: &mut PacerState, now: Instant) {
        state.paced = false;
        if let Some(lease) = state.leases.front_mut() {
            lease.left = lease.left.saturating_sub(1);
        }
        if let Some(all) = state.leases.pop_front_if(|lease| lease.left == 0) {
            self.gives_back(&all, all.lease.count, now + self.slice);
        }
    }

    /// Records the end of a lease. `used` of its grants were used, and none after `until`. The next
    /// request returns the unused part to the ledger.
    fn gives_back(&self, held: &Held, used: u32, until: Instant) {
        let until = held
            .lease
            .from
            .checked_add(until.saturating_duration_since(held.from))
            .map_or(held.lease.until, |t| t.min(held.lease.until));
        if used < held.lease.count || until < held.lease.until {
            self.spent.lock().unwrap_or_else(PoisonError::into_inner).push(Spent {
                lease: held.lease,
                used,
                until,
            });
        }
    }

    /// Waits until a message may be sent at once. The caller then calls `go` to use the grant, or
    /// sets `paced` to keep it.
    async fn ready(self: &Arc<Self>, state: &mut PacerState) -> LedgerResult<()> {
        loop {
            let lease = self.lease(state, Instant::now());
            self.ask_ahead(state).await?;
            let Some(lease) = lease else {
                self.renew(state).await?;
                continue;
            };
            if Instant::now() < lease.from {
                tokio::time::sleep_until(lease.from).await;
            } else if !state.paced
                && let Err(not_until) = self.spread.check()
            {
                tokio::time::sleep(not_until.wait_time_from(self.clock.now())).await;
            } else {
                return Ok(());
            }
        }
    }

    /// Requests the next leases early enough that they arrive before the current ones end, even if
    /// the disk is slow.
    async fn ask_ahead(self: &Arc<Self>, state: &mut PacerState) -> LedgerResult<()> {
        if state.asked.as_ref().is_some_and(JoinHandle::is_finished) {
            self.collect(state).await?;
        }
        let now = Instant::now();
        let (lag, patience) = (self.lag.double(), self.waits.double());
        let single = self.pace(1) > self.slice;
        if single && lag <= self.pace(1) && !state.leases.is_empty() {
            // The request can wait until this grant was used and the rest of its lease was
            // returned.
            return Ok(());
        }
        // A lease for a single message must last as long as the message may wait for another rate.
        // Leases for several messages follow each other, so they are requested earlier by that
        // time.
        let (portion, slice, lead) = match single {
            true => (Portion::Whole(1), self.slice + patience, lag),
            false => (Portion::UpTo(self.want), self.slice, lag + self.pace(1) + patience),
        };
        let begins = state
            .leases
            .back()
            .map_or(now, |last| last.from + self.pace(last.lease.count))
            .max(state.not_before.unwrap_or(now));
        if state.asked.is_none() && begins <= now + lead {
            let after = self.lag.mostly().max(
                state.not_before.take().map_or(Duration::ZERO, |then| then.duration_since(now)),
            );
            let many = lead
                .div_duration_f64(self.pace(self.want).max(Duration::from_millis(1)))
                .ceil()
                .clamp(1.0, MOST_AHEAD) as usize;
            let pacer = Arc::clone(self);
            state.asked = Some(tokio::spawn(async move {
                let asks = (0..many).map(|_| pacer.ask(portion, slice, after));
                futures_util::future::try_join_all(asks).await
            }));
        }
        Ok(())
    }

    /// Waits for the answers to pending requests.
    async fn collect(&self, state: &mut PacerState) -> LedgerResult<()> {
        let Some(asked) = state.asked.as_mut() else { return Ok(()) };
        let answer = asked.await;
        state.asked = None;
        let answers = answer.map_err(|e| {
            LedgerError::Gone(format!("the request for a lease was interrupted: {e}"))
        })??;
        for granted in answers {
            match granted {
                Granted::Lease(held) => state.leases.push_back(held),
                Granted::NotBefore(then) => {
                    state.not_before = Some(state.not_before.map_or(then, |other| other.min(then)))
                }
            }
        }
        Ok(())
    }

    /// Waits for the next lease.
    async fn renew(&self, state: &mut PacerState) -> LedgerResult<()> {
        if !state.leases.is_empty() {
            return Ok(());
        }
        if state.asked.is_some() {
            self.collect(state).await?;
        } else if let Some(then) = state.not_before {
            tokio::time::sleep(
                then.duration_since(Instant::now()).saturating_sub(self.lag.double()),
            )
            .await;
        }
        Ok(())
    }

    /// Requests a lease from the ledger, and measures how long the answer takes.
    async fn ask(
        &self,
        portion: Portion,
        slice: Duration,
        after: Duration,
    ) -> LedgerResult<Granted> {
        let spent = mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner));
        let (asked_at, asked) = (Timestamp::now(), Instant::now());
        let wish = Wish { portion, slice, asked: asked_at, after, spent };
        let leased = self.ledger.lease(&self.key, self.rate, wish).await?;
        let (answered_at, answered) = (Timestamp::now(), Instant::now());
        self.lag.learn(answered - asked);
        // The clock may have been set between request and answer, before or after the ledger read
        // it. The earlier of the two conversions is correct or lies in the past. The bound keeps a
        // clock change from delaying the run by much more than one window.
        let since = |then: Timestamp, at: Timestamp| {
            Duration::try_from(then.duration_since(at))
                .unwrap_or(Duration::ZERO)
                .min(self.rate.per + LEASED_AHEAD)
        };
        let when = |then: Timestamp| {
            (asked + since(then, asked_at)).min(answered + since(then, answered_at))
        };
        Ok(match leased {
            Leased::Granted(lease) => Granted::Lease(Held {
                lease,
                left: lease.count,
                from: when(lease.from),
                until: when(lease.until),
            }),
            Leased::NotBefore(then) => {
                Granted::NotBefore(when(then).max(answered + Duration::from_micros(200)))
            }
        })
    }
}

/// Statistics of a duration in microseconds, such as the response time of the ledger.
struct Lag {
    /// The longest recent duration, which decreases slowly.
    longest: AtomicU64,
    /// The usual duration. A single slow answer increases it only a little.
    least: AtomicU64,
}

impl Lag {
    fn of(micros: u64) -> Self {
        Self { longest: AtomicU64::new(micros), least: AtomicU64::new(micros) }
    }

    fn learn(&self, took: Duration) {
        let took = took.min(MOST_LAG).as_micros() as u64;
        // If two callers update at once, either value may win.
        self.longest.store(took.max(self.longest.load(Relaxed) / 32 * 31), Relaxed);
        let least = self.least.load(Relaxed);
        self.least.store(took.min(least + took.saturating_sub(least) / 16), Relaxed);
    }

    /// How far ahead to request a lease so that it is usually granted before it starts. A lease
    /// that arrives late is returned.
    fn mostly(&self) -> Duration {
        Duration::from_micros(self.least.load(Relaxed)) * 3 / 2
    }

    /// How far ahead to request a lease so that it is almost certainly granted before it starts.
    fn safely(&self) -> Duration {
        self.double() * 3 / 4
    }

    fn double(&self) -> Duration {
        Duration::from_micros(self.longest.load(Relaxed)).saturating_mul(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_learnt_at_once_and_forgotten_slowly_and_never_too_long() {
        let lag = Lag::of(0);
        lag.learn(Duration::from_millis(40));
        lag.learn(Duration::from_millis(1));
        assert!(
            lag.double() > Duration::from_millis(75) && lag.safely() > Duration::from_millis(55),
            "{:?}",
            lag.double()
        );
        (0..200).for_each(|_| lag.learn(Duration::from_millis(1)));
        assert!(lag.double() < Duration::from_millis(3), "{:?}", lag.double());
        let mostly = lag.mostly();
        lag.learn(Duration::from_secs(60));
        assert_eq!(lag.double(), 2 * MOST_LAG);
        assert!(lag.mostly() < mostly + MOST_LAG / 10, "{:?} after {mostly:?}", lag.mostly());
        (0..200).for_each(|_| lag.learn(Duration::from_millis(60)));
        assert!((80..=90).contains(&lag.mostly().as_millis()), "{:?}", lag.mostly());
    }
}
