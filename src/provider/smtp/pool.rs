//! Manages the connections to a relay: idle sessions, the connection limit, and the state that all
//! connections share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::addresses::Addresses;
use super::experience::Experience;
use super::logins::Logins;
use super::relay::Relays;
use super::room::Room;
use super::session::{Session, Surroundings, Unopened};
use super::settings::Settings;
use crate::provider::{Capabilities, Health};

/// The number of permanent refusals of MAIL in a row, with no accepted message between them, that
/// stops the provider.
const REFUSED_OUTRIGHT: u32 = 3;

/// A relay with its idle sessions.
pub(super) struct Smtp {
    pub(super) capabilities: Capabilities,
    pub(super) settings: Settings,
    /// The permits for connections in use. Idle sessions have no permit. The total still never
    /// exceeds the limit, because an idle session is used or closed before a new one is opened.
    pub(super) room: Room,
    idle: Mutex<Vec<Session>>,
    experience: Experience,
    /// The number of permanent refusals in a row before any recipient was named.
    pub(super) refused_outright: AtomicU32,
    addresses: Addresses,
    pub(super) relays: Relays,
    logins: Logins,
}

impl Smtp {
    /// Creates a relay with at most `in_flight` connections.
    pub(super) fn new(capabilities: Capabilities, settings: Settings, in_flight: usize) -> Self {
        Self {
            capabilities,
            settings,
            room: Room::new(in_flight.max(1)),
            idle: Mutex::new(Vec::new()),
            experience: Experience::default(),
            refused_outright: AtomicU32::new(0),
            addresses: Addresses::default(),
            relays: Relays::default(),
            logins: Logins::default(),
        }
    }

    pub(super) fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        // Sessions are pushed and popped in one step, so the value is usable even if the lock is
        // poisoned.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether other connections exist. Idle ones count, because the server also counts
    /// them.
    pub(super) fn has_others(&self) -> bool {
        self.room.has_others() || !self.idle().is_empty()
    }

    /// Returns how many messages may be in progress as chunks on this session. Returns `None` if
    /// messages must be sent one at a time with DATA.
    pub(super) fn width(&self, session: &Session) -> Option<usize> {
        self.experience.width(&self.settings, session)
    }

    /// Returns the health, but turns a failure into a stop after a few permanent refusals in a row
    /// before a recipient was named.
    pub(super) fn weighed(&self, health: Health) -> Health {
        match health {
            Health::Failing(refusal) if refusal.code.starts_with('5') => {
                match self.refused_outright.fetch_add(1, Ordering::Relaxed) + 1 {
                    REFUSED_OUTRIGHT.. => Health::Stop(refusal),
                    _ => Health::Failing(refusal),
                }
            }
            other => other,
        }
    }

    /// Returns a session that can send a message now: the given one, an idle one, or a new one.
    /// `begun_at` is the start of the claim.
    pub(super) async fn ready(
        &self,
        session: Option<Session>,
        begun_at: Instant,
    ) -> Result<Session, Unopened> {
        let pooled = || self.idle().pop();
        if let Some(mut session) = session.or_else(pooled) {
            if session.is_usable(&self.settings) {
                return Ok(session);
            }
            session.connection.quit().await;
        }
        self.open(begun_at).await
    }

    /// Opens a session. If another claim's login was refused after this claim began, no login is
    /// tried. The error is then no failure, so the jobs that were not started are given back.
    pub(super) async fn open(&self, begun_at: Instant) -> Result<Session, Unopened> {
        if self.logins.were_refused_since(begun_at) {
            return Err(Health::Fine.into());
        }
        // The future has many kilobytes, so it is boxed to keep the claims' futures small.
        Box::pin(Session::open(self.surroundings(), begun_at)).await
    }

    /// Returns the shared state for opening a new session.
    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            settings: &self.settings,
            known: &self.addresses,
            relays: &self.relays,
            logins: &self.logins,
        }
    }
}
