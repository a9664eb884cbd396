//! When may how many go: grants leased from the ledger, paced by governor inside each lease.
//!
//! The ledger keeps the promise (no sliding window of any run of the workspace ever holds more than
//! the rate); governor only spreads the grants of one lease evenly, so that a server sees a steady
//! stream and not a burst at each lease's start.

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

/// The most leases that are asked for at once.
const MOST_AHEAD: f64 = 64.0;
/// One disk that hangs for a minute is no reason to lease the next minute: leases far ahead look
/// like ones from before the clock was set back. A disk that takes over three times this for every
/// sync leaves no lease to use.
const MOST_LAG: Duration = Duration::from_millis(500);

/// Hands out the slots of one rate, one at a time, in the order in which they were asked for.
pub(crate) struct Pacer {
    ledger: Arc<dyn Ledger>,
    key: String,
    rate: Rate,
    slice: Duration,
    want: u32,
    spread: DefaultDirectRateLimiter,
    clock: DefaultClock,
    lag: Lag,
    /// How long callers that had a slot of this rate had to wait for one of another.
    waits: Lag,
    state: Mutex<PacerState>,
    /// Held by the caller that is next, among those that wait for this rate alone: a caller that
    /// already has a slot of another rate does not wait behind them.
    queue: Mutex<()>,
    /// Held by the caller that asks for a whole batch, until it may go.
    turn: Mutex<()>,
    /// What the next request reports to the ledger.
    spent: sync::Mutex<Vec<Spent>>,
}

#[derive(Default)]
struct PacerState {
    /// In their order; the first one is in use, or will be.
    leases: VecDeque<Held>,
    /// Leases that were asked for. The request outlives the caller that waits for its answer.
    asked: Option<JoinHandle<LedgerResult<Vec<Granted>>>>,
    /// The window is full until then.
    not_before: Option<Instant>,
    /// The even pace has let one go that did not go.
    paced: bool,
}

/// A lease with its bounds on the monotonic clock.
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

/// An answer of the ledger, as it was understood when it came: later the wall clock may be another.
enum Granted {
    Lease(Held),
    NotBefore(Instant),
}

impl Pacer {
    /// A pacer for the rate known in the ledger as `key` (`relay`, or `relay/gmail.com`).
    pub(crate) fn new(ledger: Arc<dyn Ledger>, key: String, rate: Rate) -> Self {
        // A twentieth of the window loses at most a twentieth of the rate to the window's edge, and
        // keeps what a crash forfeits small.
        let slice = (rate.per / 20).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let per_slice = rate.per_second() * slice.as_secs_f64();
        let want = (per_slice.floor() as u32).clamp(1, rate.count.get());
        // Timers are late by a millisecond or so; two at once, or what goes in 10 ms, lets a lease
        // catch up before it expires.
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

    /// The rate that is kept.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// How long so many take at an even pace.
    pub(crate) fn pace(&self, count: u32) -> Duration {
        self.rate.per.mul_f64(f64::from(count) / f64::from(self.rate.count.get()))
    }

    /// Waits until one more may go. Dropping the future gives nothing away that had been granted to
    /// others.
    pub(crate) async fn slot(self: &Arc<Self>) -> LedgerResult<()> {
        let _queue = self.queue.lock().await;
        let mut state = self.state.lock().await;
        self.ready(&mut state).await?;
        self.go(&mut state, Instant::now());
        Ok(())
    }

    /// Waits until one more may go by this rate and by `wider`, at the same instant. Both are
    /// locked in this order: `wider` is the rate of all, and no receiving domain's.
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
            // Where the wait was longer than the lease, another one may come while the other rate's
            // still holds.
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

    /// Gives back what will not be used any more, so that other runs need not wait for it.
    pub(crate) async fn close(&self) -> LedgerResult<()> {
        // Who still waits for a slot keeps what there is.
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

    /// The lease by which one may go, now or when it begins. Grants that were not used in time have
    /// expired: using them late is what would make a burst.
    fn lease(&self, state: &mut PacerState, now: Instant) -> Option<Held> {
        while let Some(over) = state.leases.pop_front_if(|lease| lease.is_over(now)) {
            self.gives_back(&over, over.lease.count - over.left, over.until);
        }
        state.leases.front().copied()
    }

    /// One goes now.
    fn go(&self, state: &mut PacerState, now: Instant) {
        state.paced = false;
        if let Some(lease) = state.leases.front_mut() {
            lease.left = lease.left.saturating_sub(1);
        }
        if let Some(all) = state.leases.pop_front_if(|lease| lease.left == 0) {
            self.gives_back(&all, all.lease.count, now + self.slice);
        }
    }

    /// Of a lease that is no longer used, what `used` leaves goes back with the next question, and
    /// the time after `until`.
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

    /// Waits until one may go at once. It goes by `go`, or `paced` keeps its place.
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

    /// Asks for the next leases so early that they are there when the last one ends, also where the
    /// disk is slow.
    async fn ask_ahead(self: &Arc<Self>, state: &mut PacerState) -> LedgerResult<()> {
        if state.asked.as_ref().is_some_and(JoinHandle::is_finished) {
            self.collect(state).await?;
        }
        let now = Instant::now();
        let (lag, patience) = (self.lag.double(), self.waits.double());
        let single = self.pace(1) > self.slice;
        if single && lag <= self.pace(1) && !state.leases.is_empty() {
            // There is time for it when the one has gone and the unused part of its lease has been
            // returned.
            return Ok(());
        }
        // A lease of one is as long as it may have to wait for another rate. Leases of more follow
        // each other, and are there as early. The next look is when the next one goes.
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

    /// Waits for the answers to what was asked ahead.
    async fn collect(&self, state: &mut PacerState) -> LedgerResult<()> {
        let Some(asked) = state.asked.as_mut() else { return Ok(()) };
        let answer = asked.await;
        state.asked = None;
        let answers = answer.map_err(|e| {
            LedgerError::Gone(format!("a lease was not asked for to the end: {e}"))
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

    /// Asks the ledger, and notes how long it takes to answer.
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
        // The clock may have been set between question and answer, before or after the ledger
        // looked at it: what is sooner is right, or is over. Bounded, so that no clock can stop the
        // run for much longer than the window.
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

/// How long something takes, an answer of the ledger for one, in microseconds.
struct Lag {
    /// The longest time that it took, forgotten by and by.
    longest: AtomicU64,
    /// What it takes at least, as long as that lasts: one that hung is no reason to expect it of
    /// the next.
    least: AtomicU64,
}

impl Lag {
    fn of(micros: u64) -> Self {
        Self { longest: AtomicU64::new(micros), least: AtomicU64::new(micros) }
    }

    fn learn(&self, took: Duration) {
        let took = took.min(MOST_LAG).as_micros() as u64;
        // Of two that learn at once either may win.
        self.longest.store(took.max(self.longest.load(Relaxed) / 32 * 31), Relaxed);
        let least = self.least.load(Relaxed);
        self.least.store(took.min(least + took.saturating_sub(least) / 16), Relaxed);
    }

    /// By then a lease that begins then has mostly been granted. One that has not goes back.
    fn mostly(&self) -> Duration {
        Duration::from_micros(self.least.load(Relaxed)) * 3 / 2
    }

    /// By then a lease that begins then has been granted.
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
