//! When may how many go: grants leased from the ledger, paced by governor inside each lease.
//!
//! The ledger keeps the promise (no sliding window of any run of the workspace ever holds more than the rate); governor only
//! spreads the grants of one lease evenly, so that a server sees a steady stream and not a burst at each lease's start.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ledger::{LEASED_AHEAD, Lease, Leased, Ledger, LedgerError, LedgerResult, Portion};
use crate::literal::Rate;

/// The most leases that are asked for at once.
const MOST_AHEAD: f64 = 64.0;
/// One disk that hangs for a minute is no reason to lease the next minute: leases far ahead look like ones from before the clock was set
/// back. A disk that takes over three times this for every sync leaves no lease to use.
const MOST_LAG: Duration = Duration::from_millis(500);

/// Hands out the slots of one rate, one at a time, in the order in which they were asked for.
pub struct Pacer {
    ledger: Arc<dyn Ledger>,
    key: String,
    rate: Rate,
    slice: Duration,
    want: u32,
    spread: DefaultDirectRateLimiter,
    clock: DefaultClock,
    lag: Lag,
    state: Mutex<State>,
    /// Held by whoever asks for a whole batch until it may go.
    turn: Mutex<()>,
}

/// Leave for a whole batch to go at one instant, until it has expired.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    until: Instant,
    by_the_clock: Timestamp,
}

impl Leave {
    /// Whether the batch may still go.
    pub fn holds(&self) -> bool {
        Instant::now() < self.until && Timestamp::now() < self.by_the_clock
    }
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    left: u32,
    /// Leases that begin after the held one, in their order.
    ahead: VecDeque<Held>,
    /// Leases that were asked for. The question outlives whoever waits for its answer.
    asked: Option<JoinHandle<LedgerResult<Vec<Granted>>>>,
    /// The window is full until then.
    not_before: Option<Instant>,
}

impl State {
    /// From when on there is no leave to go yet.
    fn ends(&self, now: Instant) -> Instant {
        self.ahead.back().or(self.held.as_ref().filter(|_| self.left > 0)).map_or(now, |latest| latest.until.max(now))
    }
}

/// A lease with its bounds on the clock that nobody sets.
#[derive(Clone, Copy)]
struct Held {
    lease: Lease,
    from: Instant,
    until: Instant,
}

/// An answer of the ledger, as it was understood when it came: later the wall clock may be another.
enum Granted {
    Lease(Held),
    NotBefore(Instant),
}

impl Pacer {
    /// A pacer for the rate known in the ledger as `key` (`relay`, or `relay/gmail.com`).
    pub fn new(ledger: Arc<dyn Ledger>, key: String, rate: Rate) -> Self {
        // A twentieth of the window loses at most a twentieth of the rate to the window's edge, and keeps what a crash forfeits small.
        let slice = (rate.per / 20).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let per_slice = rate.per_second() * slice.as_secs_f64();
        let want = (per_slice.floor() as u32).clamp(1, rate.count.get());
        // Timers are late by a millisecond or so; two at once, or what goes in 10 ms, lets a lease catch up before it expires.
        let burst = NonZeroU32::new(((rate.per_second() * 0.01).ceil() as u32).max(2)).unwrap_or(NonZeroU32::MIN);
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
            lag: Lag(AtomicU64::new(5_000)),
            state: Mutex::new(State::default()),
            turn: Mutex::new(()),
        }
    }

    /// The rate that is kept.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// How long a batch may hold its leave before it goes. What it is longer than needed is lost to the next window.
    pub fn moment(&self) -> Duration {
        self.slice
    }

    /// How long so many take at an even pace.
    pub fn pace(&self, count: u32) -> Duration {
        self.rate.per.mul_f64(f64::from(count) / f64::from(self.rate.count.get()))
    }

    /// Waits until `count` may go at one instant, which must then come within `moment`. More than the rate's number can never go at once:
    /// whoever asks cuts batches to fit.
    pub async fn together(&self, count: u32, moment: Duration) -> LedgerResult<Leave> {
        let _turn = self.turn.lock().await;
        loop {
            match self.ask(Portion::Whole(count), moment.min(self.rate.per), self.lag.safely()).await? {
                Granted::Lease(held) => {
                    tokio::time::sleep_until(held.from).await;
                    return Ok(Leave { until: held.until, by_the_clock: held.lease.until });
                }
                Granted::NotBefore(then) => tokio::time::sleep_until(then).await,
            }
        }
    }

    /// Waits until one more may go. Dropping the future gives nothing away that had been granted to others.
    pub async fn slot(self: &Arc<Self>) -> LedgerResult<()> {
        let mut state = self.state.lock().await;
        loop {
            self.ask_ahead(&mut state).await?;
            if state.left == 0 {
                self.renew(&mut state).await?;
                continue;
            }
            let Some(held) = state.held else {
                state.left = 0;
                continue;
            };
            let now = Instant::now();
            if now < held.from {
                tokio::time::sleep_until(held.from).await;
            } else if now >= held.until || Timestamp::now() >= held.lease.until {
                // Grants that were not used in time have expired: using them late is what would make a burst.
                state.left = 0;
            } else if let Err(not_until) = self.spread.check() {
                tokio::time::sleep(not_until.wait_time_from(self.clock.now())).await;
            } else {
                state.left -= 1;
                return Ok(());
            }
        }
    }

    /// Asks for the next leases so early that they are there when the last one ends, also where the disk is slow.
    async fn ask_ahead(self: &Arc<Self>, state: &mut State) -> LedgerResult<()> {
        if state.asked.as_ref().is_some_and(JoinHandle::is_finished) {
            self.hear(state).await?;
        }
        // The next look is when the next one goes.
        let (now, lead) = (Instant::now(), self.lag.double() + self.pace(1).min(self.slice));
        let begins = state.ends(now).max(state.not_before.unwrap_or(now));
        if state.asked.is_none() && begins <= now + lead {
            let after = self.lag.safely().max(state.not_before.take().map_or(Duration::ZERO, |then| then.duration_since(now)));
            let many = lead.div_duration_f64(self.pace(self.want).max(Duration::from_millis(1))).ceil().clamp(1.0, MOST_AHEAD) as usize;
            let pacer = Arc::clone(self);
            state.asked = Some(tokio::spawn(async move {
                let asks = (0..many).map(|_| pacer.ask(Portion::UpTo(pacer.want), pacer.slice, after));
                futures_util::future::try_join_all(asks).await
            }));
        }
        Ok(())
    }

    /// Waits for the answers to what was asked ahead.
    async fn hear(&self, state: &mut State) -> LedgerResult<()> {
        let Some(asked) = state.asked.as_mut() else { return Ok(()) };
        let heard = asked.await;
        state.asked = None;
        let answers = heard.map_err(|e| LedgerError::Gone(format!("a lease was not asked for to the end: {e}")))??;
        for granted in answers {
            match granted {
                Granted::Lease(held) => state.ahead.push_back(held),
                Granted::NotBefore(then) => state.not_before = Some(state.not_before.map_or(then, |other| other.min(then))),
            }
        }
        Ok(())
    }

    /// Waits for the next lease.
    async fn renew(&self, state: &mut State) -> LedgerResult<()> {
        if let Some(held) = state.ahead.pop_front() {
            state.left = held.lease.count;
            state.held = Some(held);
        } else if state.asked.is_some() {
            self.hear(state).await?;
        } else if let Some(then) = state.not_before {
            tokio::time::sleep(then.duration_since(Instant::now()).saturating_sub(self.lag.double())).await;
        }
        Ok(())
    }

    /// Asks the ledger, and notes how long it takes to answer.
    async fn ask(&self, want: Portion, slice: Duration, after: Duration) -> LedgerResult<Granted> {
        let asked = Instant::now();
        let leased = self.ledger.lease(&self.key, self.rate, want, slice, after).await?;
        let (wall, now) = (Timestamp::now(), Instant::now());
        self.lag.learn(now - asked);
        // Bounded, so that a clock that is set back just now cannot stop the run for much longer than the window.
        let since = |then: Timestamp| Duration::try_from(then.duration_since(wall)).unwrap_or(Duration::ZERO).min(self.rate.per + LEASED_AHEAD);
        Ok(match leased {
            Leased::Granted(lease) => Granted::Lease(Held { lease, from: now + since(lease.from), until: now + since(lease.until) }),
            Leased::NotBefore(then) => Granted::NotBefore(now + since(then).max(Duration::from_micros(200))),
        })
    }
}

/// How long the ledger takes to answer: the longest time that it took, forgotten by and by.
struct Lag(AtomicU64);

impl Lag {
    fn learn(&self, took: Duration) {
        let took = took.min(MOST_LAG).as_micros() as u64;
        // Of two that learn at once either may win.
        self.0.store(took.max(self.0.load(Relaxed) / 32 * 31), Relaxed);
    }

    /// By then a lease that begins then has been granted.
    fn safely(&self) -> Duration {
        self.double() * 3 / 4
    }

    fn double(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed)).saturating_mul(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_learnt_at_once_and_forgotten_slowly_and_never_too_long() {
        let lag = Lag(AtomicU64::new(0));
        lag.learn(Duration::from_millis(40));
        lag.learn(Duration::from_millis(1));
        assert!(lag.double() > Duration::from_millis(75) && lag.safely() > Duration::from_millis(55), "{:?}", lag.double());
        (0..200).for_each(|_| lag.learn(Duration::from_millis(1)));
        assert!(lag.double() < Duration::from_millis(3), "{:?}", lag.double());
        lag.learn(Duration::from_secs(60));
        assert_eq!(lag.double(), 2 * MOST_LAG);
    }
}
