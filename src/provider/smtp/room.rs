//! Limits the number of connections: as many as configured, or fewer if the server reports that it
//! accepts no more.
//!
//! After a server refuses an additional connection, no additional one is tried for a while. The
//! open connections continue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The time after a refusal until one more connection is tried, because other clients may have
/// disconnected.
const GROWS_AFTER: Duration = Duration::from_secs(60);

/// The permits for connections.
#[derive(Debug)]
pub(super) struct Room {
    permits: Semaphore,
    /// The current total number of permits.
    size: AtomicUsize,
    configured: usize,
    changed_at: Mutex<Option<Instant>>,
}

impl Room {
    /// Creates this number of permits.
    pub(super) fn new(configured: usize) -> Self {
        Self {
            permits: Semaphore::new(configured),
            size: AtomicUsize::new(configured),
            configured,
            changed_at: Mutex::default(),
        }
    }

    fn changed_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // The time is replaced in one step, so the value is usable even if the lock is poisoned.
        self.changed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit. Dropping the permit returns it.
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

    /// Returns whether permits other than the caller's are in use.
    pub(super) fn has_others(&self) -> bool {
        self.size.load(Ordering::Relaxed).saturating_sub(self.permits.available_permits()) > 1
    }

    /// Removes the permit of a connection that the server refused. At least one permit remains.
    pub(super) fn is_smaller(&self, permit: SemaphorePermit<'_>) {
        let made = self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |size| {
            (size > 1).then(|| size - 1)
        });
        if made.is_ok() {
            permit.forget();
            tracing::info!(
                connections = self.size.load(Ordering::Relaxed),
                "the server accepts only this number of connections"
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
