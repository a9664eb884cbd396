//! For how many connections at once the server has room: as many as are configured, or fewer where
//! it says so.
//!
//! The rule it keeps: a server that refuses one more connection is not asked for it again at once,
//! and those that are open go on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// After so long one more connection is tried again: others may have gone.
const GROWS_AFTER: Duration = Duration::from_secs(60);

/// The permits for connections.
#[derive(Debug)]
pub(super) struct Room {
    permits: Semaphore,
    /// How many there are in all.
    size: AtomicUsize,
    configured: usize,
    changed_at: Mutex<Option<Instant>>,
}

impl Room {
    /// Room for so many.
    pub(super) fn new(configured: usize) -> Self {
        Self {
            permits: Semaphore::new(configured),
            size: AtomicUsize::new(configured),
            configured,
            changed_at: Mutex::default(),
        }
    }

    fn changed_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // One instant, written whole.
        self.changed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit, which is given back when it is dropped.
    pub(super) async fn enter(&self) -> SemaphorePermit<'_> {
        self.grow();
        self.permits.acquire().await.expect("the semaphore is never closed")
    }

    fn grow(&self) {
        let mut changed_at = self.changed_at();
        if changed_at.is_some_and(|at| at.elapsed() >= GROWS_AFTER)
            && self.size.load(Ordering::Relaxed) < self.configured
        {
            *changed_at = Some(Instant::now());
            self.size.fetch_add(1, Ordering::Relaxed);
            self.permits.add_permits(1);
        }
    }

    /// Whether others have a permit beside the one that asks.
    pub(super) fn has_others(&self) -> bool {
        self.size.load(Ordering::Relaxed).saturating_sub(self.permits.available_permits()) > 1
    }

    /// There was no room for the connection of this permit: there is one fewer from now on, and one
    /// at least.
    pub(super) fn is_smaller(&self, permit: SemaphorePermit<'_>) {
        let made = self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |size| {
            (size > 1).then(|| size - 1)
        });
        if made.is_ok() {
            permit.forget();
            tracing::info!(
                connections = self.size.load(Ordering::Relaxed),
                "the server has room for no more connections"
            );
        }
        *self.changed_at() = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_becomes_smaller_down_to_one_and_grows_again_later() {
        let room = Room::new(3);
        let (first, second) = (room.enter().await, room.enter().await);
        assert!(room.has_others());
        room.is_smaller(second);
        assert!(!room.has_others());
        let second = room.enter().await;
        room.is_smaller(second);
        room.is_smaller(first);
        assert_eq!(
            (room.size.load(Ordering::Relaxed), room.permits.available_permits()),
            (1, 1),
            "one is left"
        );
        *room.changed_at() = Instant::now().checked_sub(GROWS_AFTER);
        let one = room.enter().await;
        assert_eq!(room.permits.available_permits(), 1);
        drop(one);
    }
}
