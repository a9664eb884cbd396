//! When may how many go: grants leased from the ledger, paced by governor inside each lease.
//!
//! The ledger keeps the promise (no sliding window of any run of the workspace ever holds more than the rate); governor only
//! spreads the grants of one lease evenly, so that a server sees a steady stream and not a burst at each lease's start.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ledger::{Lease, Leased, Ledger, LedgerResult, Portion};
use crate::literal::Rate;

/// Hands out the slots of one rate, one at a time, in the order in which they were asked for.
pub struct Pacer {
    ledger: Arc<dyn Ledger>,
    key: String,
    rate: Rate,
    slice: Duration,
    want: u32,
    spread: DefaultDirectRateLimiter,
    clock: DefaultClock,
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
    next: Option<Granted>,
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
            match self.ask(Portion::Whole(count), moment.min(self.rate.per)).await? {
                Granted::Lease(held) => {
                    tokio::time::sleep_until(held.from).await;
                    return Ok(Leave { until: held.until, by_the_clock: held.lease.until });
                }
                Granted::NotBefore(then) => tokio::time::sleep_until(then).await,
            }
        }
    }

    /// Waits until one more may go. Dropping the future gives nothing away that had been granted to others.
    pub async fn slot(&self) -> LedgerResult<()> {
        let mut state = self.state.lock().await;
        loop {
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
                let wait = tokio::time::sleep(not_until.wait_time_from(self.clock.now()));
                if state.left == 1 && state.next.is_none() {
                    let (next, ()) = futures_util::future::join(self.ask_some(), wait).await;
                    state.next = Some(next?);
                } else {
                    wait.await;
                }
            } else {
                state.left -= 1;
                return Ok(());
            }
        }
    }

    async fn renew(&self, state: &mut State) -> LedgerResult<()> {
        let granted = match state.next.take() {
            Some(granted) => granted,
            None => self.ask_some().await?,
        };
        match granted {
            Granted::Lease(held) => {
                state.left = held.lease.count;
                state.held = Some(held);
            }
            Granted::NotBefore(then) => tokio::time::sleep_until(then).await,
        }
        Ok(())
    }

    async fn ask_some(&self) -> LedgerResult<Granted> {
        self.ask(Portion::UpTo(self.want), self.slice).await
    }

    async fn ask(&self, want: Portion, slice: Duration) -> LedgerResult<Granted> {
        let leased = self.ledger.lease(&self.key, self.rate, want, slice).await?;
        let (wall, now) = (Timestamp::now(), Instant::now());
        let after = |then: Timestamp| Duration::try_from(then.duration_since(wall)).unwrap_or(Duration::ZERO);
        Ok(match leased {
            Leased::Granted(lease) => {
                let from = now + after(lease.from).min(self.rate.per);
                Granted::Lease(Held { lease, from, until: now + after(lease.until) })
            }
            // Bounded, so that a clock that is set back just now cannot stop the run for longer than the window.
            Leased::NotBefore(then) => Granted::NotBefore(now + after(then).clamp(Duration::from_micros(200), self.rate.per)),
        })
    }
}
