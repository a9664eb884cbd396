//! A relay with its connections: idle sessions, room for more, and what all of them have in common.

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

/// So many permanent refusals of MAIL in a row, nothing taken between, are no passing failure.
const REFUSED_OUTRIGHT: u32 = 3;

/// A relay with its idle sessions.
pub(super) struct Smtp {
    pub(super) capabilities: Capabilities,
    pub(super) settings: Settings,
    /// A permit for each connection in use. Idle sessions hold none, and still the two never exceed
    /// the limit together, because an idle session is taken up or closed before a new one is
    /// opened.
    pub(super) room: Room,
    idle: Mutex<Vec<Session>>,
    experience: Experience,
    /// Permanent refusals before any recipient was named, in a row.
    pub(super) refused_outright: AtomicU32,
    addresses: Addresses,
    pub(super) relays: Relays,
    logins: Logins,
}

impl Smtp {
    /// A relay over at most `in_flight` connections.
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
        // Sessions are pushed and popped whole, so a panic elsewhere leaves none of them half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are connections beside the one that asks, idle ones included: a server counts
    /// those too.
    pub(super) fn has_others(&self) -> bool {
        self.room.has_others() || !self.idle().is_empty()
    }

    /// How many messages may be under way on this session as chunks; `None` where it is to be one
    /// at a time by DATA.
    pub(super) fn width(&self, session: &Session) -> Option<usize> {
        self.experience.width(&self.settings, session)
    }

    /// A transaction that is refused for good before it names its recipient is no passing failure
    /// once that has happened a few times.
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

    /// A session that can take a message now: the given one, an idle one, or else a new one, for a
    /// claim that began then.
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

    /// A new session. Where another claim's login has been refused since this one began, none is
    /// tried: that refusal speaks for both, and what has not been begun is given back.
    pub(super) async fn open(&self, begun_at: Instant) -> Result<Session, Unopened> {
        if self.logins.were_refused_since(begun_at) {
            return Err(Health::Fine.into());
        }
        // A future of many kilobytes, which the claims that wait for other things need not carry
        // about.
        Box::pin(Session::open(self.surroundings(), begun_at)).await
    }

    /// What a new session is opened by.
    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            settings: &self.settings,
            known: &self.addresses,
            relays: &self.relays,
            logins: &self.logins,
        }
    }
}
