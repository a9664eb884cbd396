//! Replaces secrets that expire: if the provider refuses a token, mailbatch fetches it again from
//! its source.
//!
//! A refused secret is not used again. Its replacement is fetched once, however many connections
//! were refused at the same time. A replacement is itself replaced only after the provider has
//! accepted it, or when it is a minute old. If the fetch fails or returns a refused secret, the
//! refusal is final.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use crate::model::error::Result;
use crate::secret::Secret;

/// The age from which a fetched secret is assumed to have expired.
const OLD: Duration = Duration::from_secs(60);

/// Fetches a secret again. The call blocks while a command runs.
pub(super) type Fetch = Arc<dyn Fn() -> Result<Secret> + Send + Sync>;

/// A secret that can be fetched again from its source.
#[derive(Clone)]
pub(super) struct Renewable(Arc<Inner>);

struct Inner {
    /// The full name of the key under `[providers]`, for messages.
    name: String,
    /// `None` if the secret cannot change while the process runs.
    fetch: Option<Fetch>,
    state: Mutex<State>,
    /// The lock held by the task that fetches the secret.
    fetching: tokio::sync::Mutex<()>,
}

struct State {
    current: Current,
    /// The time at which the current secret replaced another one.
    fetched_at: Option<Instant>,
    /// Whether the provider has accepted the current secret.
    has_worked: bool,
    /// Whether the current secret was refused and no replacement is available.
    is_spent: bool,
    /// Hashes of the refused secrets.
    refused: Vec<[u8; 32]>,
}

/// The current secret and its number.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) secret: Secret,
    /// The number of secrets that were in use before this one.
    pub(super) number: u64,
}

impl fmt::Debug for Renewable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renewable({}, {})", self.0.name, self.state().current.number)
    }
}

fn hash(secret: &Secret) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, secret.expose().as_bytes()).as_ref());
    out
}

impl Renewable {
    /// Creates the secret for the key `name`. `fetch` reads the secret again, if it can change.
    pub(super) fn new(name: String, secret: Secret, fetch: Option<Fetch>) -> Self {
        Self(Arc::new(Inner {
            name,
            fetch,
            state: Mutex::new(State {
                current: Current { secret, number: 0 },
                fetched_at: None,
                has_worked: false,
                is_spent: false,
                refused: Vec::new(),
            }),
            fetching: tokio::sync::Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete before the lock is released, so the value is usable even if the
        // lock is poisoned.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current secret.
    pub(super) fn current(&self) -> Current {
        self.state().current.clone()
    }

    /// Returns the number of the current secret.
    pub(super) fn number(&self) -> u64 {
        self.state().current.number
    }

    /// Returns whether the current secret was refused and no replacement is available.
    pub(super) fn is_spent(&self) -> bool {
        self.state().is_spent
    }

    /// Records that the provider accepted the secret with this number.
    pub(super) fn worked(&self, number: u64) {
        let mut state = self.state();
        if state.current.number == number {
            (state.has_worked, state.is_spent) = (true, false);
        }
    }

    /// Handles the refusal of the secret with this number. Returns whether another secret can be
    /// tried now.
    pub(super) async fn renew(&self, number: u64) -> bool {
        let Some(fetch) = self.0.fetch.clone() else { return false };
        let _fetching = self.0.fetching.lock().await;
        if let Some(known) = self.known(number) {
            return known;
        }
        let fetched = tokio::task::spawn_blocking(move || fetch()).await;
        let name = &self.0.name;
        let mut state = self.state();
        let before = hash(&state.current.secret);
        state.refused.push(before);
        match fetched {
            Ok(Ok(secret)) if state.refused.contains(&hash(&secret)) => {
                state.is_spent = true;
                tracing::warn!(
                    "{name}: the provider refused this secret, and its source still has the same one"
                );
                false
            }
            Ok(Ok(secret)) => {
                state.current = Current { secret, number: number + 1 };
                state.has_worked = false;
                state.fetched_at = Some(Instant::now());
                tracing::info!("{name}: the provider refused this secret, so it was fetched again");
                true
            }
            Ok(Err(error)) => {
                state.is_spent = true;
                tracing::warn!(
                    "{name}: the provider refused this secret, and it cannot be fetched again: {error}"
                );
                false
            }
            Err(error) => {
                state.is_spent = true;
                tracing::warn!(
                    "{name}: the provider refused this secret, and it cannot be fetched again: {error}"
                );
                false
            }
        }
    }

    /// Returns the result of [`Self::renew`] if it is known without a fetch.
    fn known(&self, number: u64) -> Option<bool> {
        let mut state = self.state();
        // Another connection has meanwhile fetched a replacement, or found that there is none.
        if state.current.number != number || state.is_spent {
            return Some(!state.is_spent);
        }
        let is_first = number == 0 && state.refused.is_empty();
        // The secret may have expired before it was tried, for example while a service was down.
        let is_old = state.fetched_at.is_some_and(|at| at.elapsed() >= OLD);
        if state.has_worked || is_first || is_old {
            return None;
        }
        state.is_spent = true;
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::error::Error;

    /// Returns a secret whose later fetches give the values `later` in order, and a counter of the
    /// fetches. An empty value is an error.
    fn renewable(later: &'static [&'static str]) -> (Renewable, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let fetch = move || match later.get(counted.fetch_add(1, Ordering::SeqCst)) {
            Some(text) if !text.is_empty() => Ok(Secret::new(*text)),
            _ => Err(Error::usage("the command failed")),
        };
        (Renewable::new("k".into(), Secret::new("a"), Some(Arc::new(fetch))), count)
    }

    fn text(renewable: &Renewable) -> String {
        renewable.current().secret.expose().to_owned()
    }

    #[tokio::test]
    async fn all_that_were_refused_at_once_share_one_fetch() {
        let (secret, count) = renewable(&["b"]);
        let renewed = futures_util::future::join_all((0..8).map(|_| secret.renew(0))).await;
        assert_eq!((renewed, count.load(Ordering::SeqCst)), (vec![true; 8], 1));
        assert_eq!(text(&secret), "b");
        assert!(!format!("{secret:?} {:?}", secret.current()).contains("\"b\""));
    }

    #[tokio::test]
    async fn one_that_has_worked_may_expire_again_and_one_that_never_did_may_not() {
        let (secret, count) = renewable(&["b", "c"]);
        assert!(secret.renew(0).await);
        secret.worked(1);
        assert!(secret.renew(1).await);
        // The provider refuses the replacement too. The other calls come from connections that
        // still used older secrets.
        assert!(!secret.renew(2).await);
        assert!(!secret.renew(1).await && !secret.renew(0).await);
        assert_eq!((text(&secret).as_str(), count.load(Ordering::SeqCst)), ("c", 2));
    }

    #[tokio::test]
    async fn one_that_was_not_tried_for_a_minute_may_have_expired() {
        let (secret, count) = renewable(&["b", "c"]);
        assert!(secret.renew(0).await);
        secret.state().fetched_at = Instant::now().checked_sub(OLD);
        assert!(secret.renew(1).await);
        assert_eq!((text(&secret).as_str(), count.load(Ordering::SeqCst)), ("c", 2));
    }

    #[tokio::test]
    async fn the_same_again_or_an_older_one_or_none_is_no_other() {
        for later in [&["a"][..], &[""]] {
            let (secret, count) = renewable(later);
            assert!(!secret.renew(0).await && !secret.renew(0).await);
            assert_eq!((text(&secret).as_str(), count.load(Ordering::SeqCst)), ("a", 1));
        }
        let (secret, _) = renewable(&["b", "a"]);
        assert!(secret.renew(0).await);
        secret.worked(1);
        assert!(!secret.renew(1).await);
        assert_eq!(text(&secret), "b");
        let fixed = Renewable::new("k".into(), Secret::new("a"), None);
        assert!(!fixed.renew(0).await);
    }
}
