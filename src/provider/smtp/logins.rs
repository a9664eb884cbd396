//! Limits logins to one at a time until one has succeeded.
//!
//! Servers lock accounts with too many login attempts. If a server closes all connections at once,
//! all of them would otherwise log in again at the same time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::provider::Health;
use crate::provider::renewable::Renewable;

/// The time after a successful login in which other logins may start without waiting.
const VOUCHES_FOR: Duration = Duration::from_secs(1);

/// The results of the latest logins, shared by the connections of a relay.
#[derive(Debug, Default)]
pub(super) struct Logins {
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Last>,
    /// The server's refusal of a password that has no replacement.
    verdict: Mutex<Option<Health>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    passed_at: Option<Instant>,
    refused_at: Option<Instant>,
}

/// The error of a login that is not tried, because another login was refused meanwhile.
#[derive(Debug)]
pub(super) struct Refused;

/// The right to log in, until it is dropped.
pub(super) type Turn<'a> = Option<tokio::sync::MutexGuard<'a, ()>>;

impl Logins {
    fn last(&self) -> MutexGuard<'_, Last> {
        // Each time is replaced in one step, so the value is usable even if the lock is poisoned.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a login was refused after this time.
    pub(super) fn were_refused_since(&self, then: Instant) -> bool {
        self.last().refused_at.is_some_and(|at| at >= then)
    }

    fn are_vouched_for(&self) -> bool {
        let Last { passed_at, refused_at } = *self.last();
        passed_at.is_some_and(|passed| {
            passed.elapsed() < VOUCHES_FOR && refused_at.is_none_or(|refused| refused < passed)
        })
    }

    /// Waits until a login may be tried. `begun_at` is the start of the claim.
    pub(super) async fn turn(&self, begun_at: Instant) -> Result<Turn<'_>, Refused> {
        if self.are_vouched_for() {
            return Ok(None);
        }
        let turn = self.turn.lock().await;
        match () {
            () if self.were_refused_since(begun_at) => Err(Refused),
            () if self.are_vouched_for() => Ok(None),
            () => Ok(Some(turn)),
        }
    }

    /// Returns the server's permanent refusal of this password, if there is no other password to
    /// try.
    pub(super) fn verdict(&self, password: &Renewable) -> Option<Health> {
        if !password.is_spent() {
            return None;
        }
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records the server's permanent refusal of a login.
    pub(super) fn stopped(&self, health: &Health) {
        // The value is replaced in one step, so it is usable even if the lock is poisoned.
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        *verdict = Some(health.clone()).filter(|health| matches!(health, Health::Stop(_)));
    }

    /// Records that a login succeeded or was refused.
    pub(super) fn ended(&self, passed: bool) {
        let mut last = self.last();
        *if passed { &mut last.passed_at } else { &mut last.refused_at } = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_is_tried_and_its_end_speaks_for_those_that_wait() {
        let logins = Logins::default();
        let begun_at = Instant::now();
        let first = logins.turn(begun_at).await.unwrap();
        assert!(first.is_some());
        let waiting =
            async { tokio::time::timeout(Duration::from_millis(20), logins.turn(begun_at)).await };
        assert!(waiting.await.is_err(), "a second one waits");
        logins.ended(true);
        assert!(
            logins.turn(begun_at).await.unwrap().is_none(),
            "it passed: the others need no turn"
        );
        drop(first);

        logins.ended(false);
        assert!(logins.turn(begun_at).await.is_err() && logins.were_refused_since(begun_at));
        let later = Instant::now() + Duration::from_millis(1);
        assert!(
            logins.turn(later).await.unwrap().is_some(),
            "a claim that began later tries it once"
        );
    }
}
