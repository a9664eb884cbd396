//! Limits connections and the memory of their requests, and decides which connection to close at a
//! limit.
//!
//! A new connection is always admitted, and no peer can take all connections from the others.
//! Providers may all connect through one proxy, and thus from one address, so no address is
//! refused. If an address reaches its limit, the server closes its connection that has waited
//! longest without a verified request, after a minimum time to send one.
//!
//! A request that is being written to the ledger is never interrupted. A closed connection counts
//! until its task has ended, so that the limit holds however fast new ones arrive.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The maximum number of connections, if the process may open enough files.
const MOST: usize = 1024;
/// One address may have at most this fraction of all connections: one in `SHARE`.
const SHARE: usize = 2;
/// The maximum number of requests on one connection, and how many may come before one of them was
/// verified as a provider's.
const MOST_REQUESTS: usize = 10_000;
const MOST_UNVERIFIED: usize = 32;
/// The minimum time that a connection is served before it may be closed for a new one. Hundreds may
/// arrive at once, and a provider's request must be read before the last of them can close its
/// connection.
const STAY: Duration = Duration::from_millis(200);
/// At most one connection in `LEAVING` may be closed while its task still runs.
const LEAVING: usize = 32;
/// How many open files the rest of the process needs.
const OTHER_FILES: usize = 64;
/// The maximum total size of all request bodies in memory, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// The open connections.
pub(super) struct Room {
    most: usize,
    stay: Duration,
    state: Mutex<State>,
    /// Signals that a connection has ended, or that one can be closed now.
    changed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    guests: HashMap<u64, Guest>,
    peers: HashMap<IpAddr, usize>,
    /// How many closed connections still hold their files.
    leaving: usize,
    bytes: usize,
}

struct Guest {
    peer: IpAddr,
    /// Its task is running. Before that, none of its data can have been read.
    has_begun: bool,
    /// When it began, or when a request was last verified.
    since: Instant,
    /// A provider's request on it was verified.
    is_known: bool,
    /// One of its requests is being written to the ledger.
    is_busy: bool,
    bytes: usize,
    flags: Arc<Flags>,
}

#[derive(Default)]
struct Flags {
    close: Notify,
    is_closed: AtomicBool,
    /// The peer does not read its answers.
    is_blocked: AtomicBool,
    unblocked: Notify,
    requests: AtomicUsize,
}

impl Room {
    /// Creates room for as many connections as the process may open files.
    pub(super) fn new() -> Arc<Self> {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        Self::of(files.saturating_sub(OTHER_FILES).max(files / 4).clamp(4, MOST), STAY)
    }

    fn of(most: usize, stay: Duration) -> Arc<Self> {
        Arc::new(Self { most, stay, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic never leaves the state partly changed, so a poisoned lock can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection. Returns whether another one was closed for it. Waits while too many
    /// closed connections have not ended. Also waits while every connection that could be closed is
    /// writing to the ledger or is still within its minimum time.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> (Place, bool) {
        let peer = group(peer);
        loop {
            let changed = self.changed.notified();
            let later = match self.try_admit(peer) {
                Ok(admitted) => return admitted,
                Err(later) => later,
            };
            match later {
                Some(at) => {
                    let _ =
                        tokio::time::timeout(at.saturating_duration_since(Instant::now()), changed)
                            .await;
                }
                None => changed.await,
            }
        }
    }

    /// Fails with the latest time to try again, or with `None` if the caller must wait for a
    /// change.
    fn try_admit(self: &Arc<Self>, peer: IpAddr) -> Result<(Place, bool), Option<Instant>> {
        let mut state = self.state();
        if state.leaving >= (self.most / LEAVING).max(1) {
            return Err(None);
        }
        let mut has_closed = false;
        if state.peers.get(&peer).is_some_and(|count| *count >= (self.most / SHARE).max(1)) {
            state.make_room(self.stay, |guest| guest.peer == peer)?;
            has_closed = true;
        } else if state.guests.len() >= self.most {
            // A peer with the most connections loses one first.
            let greatest = state.peers.values().copied().max().unwrap_or_default();
            let fullest: Vec<IpAddr> = state
                .peers
                .iter()
                .filter(|(_, count)| **count == greatest)
                .map(|(peer, _)| *peer)
                .collect();
            match state.make_room(self.stay, |guest| fullest.contains(&guest.peer)) {
                Err(None) => state.make_room(self.stay, |_| true)?,
                made => made?,
            }
            has_closed = true;
        }
        let number = state.next;
        state.next += 1;
        let flags = Arc::<Flags>::default();
        let since = Instant::now();
        state.guests.insert(
            number,
            Guest {
                peer,
                has_begun: false,
                since,
                is_known: false,
                is_busy: false,
                bytes: 0,
                flags: flags.clone(),
            },
        );
        *state.peers.entry(peer).or_default() += 1;
        Ok((Place(Arc::new(Held { room: self.clone(), number, flags })), has_closed))
    }

    /// Closes the connection that has waited longest, because no more files can be opened. Returns
    /// false if every connection is writing to the ledger.
    pub(super) fn close_one(&self) -> bool {
        self.state().close_one_of(|_| true)
    }
}

impl State {
    /// Chooses the connection to close: the oldest one without a verified request, or else the one
    /// that has been idle longest.
    fn first(&self, of: impl Fn(&Guest) -> bool) -> Option<(u64, Instant)> {
        let candidates = self.guests.iter().filter(|(_, guest)| !guest.is_busy && of(guest));
        candidates
            .min_by_key(|(_, guest)| (guest.is_known, guest.since))
            .map(|(number, guest)| (*number, guest.since))
    }

    /// Closes one of these connections for a new one. Fails with the time at which the first of
    /// them may be closed, or with `None` if there is none.
    fn make_room(
        &mut self,
        stay: Duration,
        of: impl Fn(&Guest) -> bool,
    ) -> Result<(), Option<Instant>> {
        let (number, since) = self.first(|guest| guest.has_begun && of(guest)).ok_or(None)?;
        if since.elapsed() < stay {
            return Err(Some(since + stay));
        }
        self.close(number);
        Ok(())
    }

    /// Closes one of these connections now. Returns false if every one is writing to the ledger.
    fn close_one_of(&mut self, of: impl Fn(&Guest) -> bool) -> bool {
        self.first(of).map(|(number, _)| self.close(number)).is_some()
    }

    /// Closes the connection that has waited longest among those with a body in memory. Chooses
    /// among peers whose bodies take at least half the average. Other peers lose a connection only
    /// if all of those are writing to the ledger. One peer's bodies thus take no memory from
    /// others.
    fn close_a_body(&mut self) -> bool {
        let mut held = HashMap::<IpAddr, usize>::new();
        for guest in self.guests.values().filter(|guest| guest.bytes > 0) {
            *held.entry(guest.peer).or_default() += guest.bytes;
        }
        let fair = self.bytes / held.len().max(1) / 2;
        let is_great = |guest: &Guest| {
            guest.bytes > 0 && held.get(&guest.peer).is_some_and(|bytes| *bytes >= fair)
        };
        self.close_one_of(is_great) || self.close_one_of(|guest| guest.bytes > 0)
    }

    /// Closes a connection. Its memory counts as free at once, its files only after its task has
    /// ended.
    fn close(&mut self, number: u64) {
        if self.leave(number) {
            self.leaving += 1;
        }
    }

    /// Removes a connection from the counts. Returns false if it was removed before.
    fn leave(&mut self, number: u64) -> bool {
        let Some(guest) = self.guests.remove(&number) else { return false };
        self.bytes -= guest.bytes;
        guest.flags.is_closed.store(true, Ordering::Release);
        guest.flags.close.notify_one();
        if let Some(count) = self.peers.get_mut(&guest.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&guest.peer);
            }
        }
        true
    }
}

/// The place of a connection, which its requests share.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    room: Arc<Room>,
    number: u64,
    flags: Arc<Flags>,
}

impl Place {
    /// Marks the connection's task as running: it can now read data.
    pub(super) fn begin(&self) {
        self.with(|guest| (guest.has_begun, guest.since) = (true, Instant::now()));
        self.0.room.changed.notify_one();
    }

    /// Resolves when the connection must close to make room for another one.
    pub(super) async fn closed(&self) {
        if !self.0.flags.is_closed.load(Ordering::Acquire) {
            self.0.flags.close.notified().await;
        }
    }

    /// Counts a request. Returns its number, from 1, and whether it is the last one allowed on its
    /// connection.
    pub(super) fn count_request(&self) -> (usize, bool) {
        let number = self.0.flags.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let is_known =
            || self.0.room.state().guests.get(&self.0.number).is_some_and(|guest| guest.is_known);
        (number, number >= MOST_REQUESTS || (number >= MOST_UNVERIFIED && !is_known()))
    }

    /// Records whether the peer has stopped reading its answers.
    pub(super) fn set_blocked(&self, is_blocked: bool) {
        if self.0.flags.is_blocked.swap(is_blocked, Ordering::AcqRel) && !is_blocked {
            self.0.flags.unblocked.notify_waiters();
        }
    }

    /// Waits until the peer has read all its answers, so that answers do not accumulate.
    pub(super) async fn unblocked(&self) {
        loop {
            let unblocked = self.0.flags.unblocked.notified();
            if !self.0.flags.is_blocked.load(Ordering::Acquire) {
                return;
            }
            unblocked.await;
        }
    }

    /// Records that a provider's request was verified. It is being written to the ledger until the
    /// guard is dropped.
    pub(super) fn verified(&self) -> Busy {
        self.with(|guest| (guest.is_known, guest.since) = (true, Instant::now()));
        self.busy()
    }

    /// Marks a request as being written to the ledger, which keeps the connection open until the
    /// guard is dropped. This does not count as verified, because anyone with an unsubscribe link
    /// can send such requests repeatedly.
    pub(super) fn busy(&self) -> Busy {
        self.with(|guest| guest.is_busy = true);
        Busy(self.clone())
    }

    fn with(&self, change: impl FnOnce(&mut Guest)) {
        if let Some(guest) = self.0.room.state().guests.get_mut(&self.0.number) {
            change(guest);
        }
    }

    /// Reserves `bytes` more for a body. If the total is too large, closes connections that have
    /// waited longer. Returns false if none can be closed, or if this connection was closed itself.
    fn hold(&self, bytes: usize) -> bool {
        let mut state = self.0.room.state();
        let Some(guest) = state.guests.get_mut(&self.0.number) else { return false };
        guest.bytes += bytes;
        state.bytes += bytes;
        while state.bytes > MOST_BYTES {
            if !state.close_a_body() {
                return false;
            }
        }
        state.guests.contains_key(&self.0.number)
    }

    /// The memory of a body that is being received.
    pub(super) fn body(&self) -> HeldBytes {
        HeldBytes { place: self.clone(), bytes: 0 }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.room.state();
        if !state.leave(self.number) {
            state.leaving -= 1;
        }
        drop(state);
        self.room.changed.notify_one();
    }
}

/// A request is being written to the ledger while this guard exists.
pub(super) struct Busy(Place);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.with(|guest| guest.is_busy = false);
        self.0.0.room.changed.notify_one();
    }
}

/// The memory that a body holds.
pub(super) struct HeldBytes {
    place: Place,
    bytes: usize,
}

impl HeldBytes {
    /// Reserves more memory. Returns false if there is none.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.place.hold(bytes)
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let bytes = self.bytes;
        let mut state = self.place.0.room.state();
        // The memory of a closed connection has already been released.
        if let Some(guest) = state.guests.get_mut(&self.place.0.number) {
            guest.bytes -= bytes;
            state.bytes -= bytes;
        }
    }
}

/// The network address that counts as one peer: an IPv4 address, or an IPv6 subscriber's network.
fn group(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_open(place: &Place) -> bool {
        !place.0.flags.is_closed.load(Ordering::Acquire)
    }

    /// Room in which all connections may be closed at the same time.
    fn room(most: usize) -> Arc<Room> {
        Room::of(most, Duration::ZERO)
    }

    /// Admits a connection and begins to serve it; `None` if it would have to wait.
    fn enter(room: &Arc<Room>, last: u8) -> Option<(Place, bool)> {
        let entered = room.try_admit(peer(last)).ok();
        entered.iter().for_each(|(place, _)| place.begin());
        entered
    }

    fn open(places: &[Place]) -> Vec<bool> {
        places.iter().map(is_open).collect()
    }

    #[tokio::test]
    async fn the_oldest_stranger_makes_room_and_those_who_verified_stay() {
        let room = room(8);
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(enter(&room, 1).unwrap().0);
        }
        drop(places[0].verified());
        let (fifth, closed) = enter(&room, 1).unwrap();
        assert!(closed, "half of the room is one address's share");
        assert_eq!(open(&places), [true, false, true, true]);
        assert!(enter(&room, 2).is_none(), "the one that was closed is not gone");
        drop((places.remove(1), fifth));
        // Another address can fill the remaining room. Then the first address loses a connection.
        let others: Vec<Place> = [2, 2, 2, 3].map(|last| enter(&room, last).unwrap().0).to_vec();
        assert_eq!(open(&others), [true; 4]);
        assert_eq!(
            room.state().guests.len(),
            7,
            "the fifth of the first address has left by itself"
        );
        let (_last, closed) = enter(&room, 4).unwrap();
        assert!(!closed && enter(&room, 5).unwrap().1);
        assert_eq!(open(&places), [true, false, true]);
    }

    #[tokio::test]
    async fn what_is_being_written_down_is_waited_for() {
        let room = room(2);
        let (one, _) = enter(&room, 1).unwrap();
        let busy = one.verified();
        assert!(enter(&room, 1).is_none() && is_open(&one));
        drop(busy);
        assert!(room.admit(peer(1)).await.1 && !is_open(&one));
        tokio::time::timeout(std::time::Duration::from_secs(5), one.closed())
            .await
            .expect("it is closed");
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_the_oldest_gives_its_up() {
        let room = room(8);
        let (slow, fast) = (room.admit(peer(1)).await.0, room.admit(peer(2)).await.0);
        let (mut held, mut more) = (slow.body(), fast.body());
        assert!(held.grow(MOST_BYTES) && more.grow(1));
        assert!(!is_open(&slow) && is_open(&fast) && !held.grow(1));
        assert_eq!(room.state().bytes, 1);
        drop((held, more));
        assert_eq!(room.state().bytes, 0);
        assert!(!fast.body().grow(MOST_BYTES + 1), "one alone may not have it all either");
        assert_eq!(room.state().bytes, 0);
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_verifies_ends_after_a_few_requests() {
        let room = room(8);
        let (stranger, provider) = (room.admit(peer(1)).await.0, room.admit(peer(2)).await.0);
        drop((provider.verified(), stranger.busy()));
        let of = |place: &Place| {
            (1..=MOST_REQUESTS)
                .map(|_| place.count_request())
                .find(|(_, is_last)| *is_last)
                .unwrap()
                .0
        };
        assert_eq!((of(&stranger), of(&provider)), (MOST_UNVERIFIED, MOST_REQUESTS));
    }

    #[tokio::test]
    async fn a_connection_is_served_for_a_moment_before_it_makes_room() {
        let room = Room::of(2, Duration::from_millis(500));
        let (first, _) = room.try_admit(peer(1)).unwrap();
        assert_eq!(
            room.try_admit(peer(1)).err(),
            Some(None),
            "nothing that it sent can have been read"
        );
        first.begin();
        let begun = Instant::now();
        let later = room.try_admit(peer(1)).err().flatten().expect("it has a moment left");
        assert!(later > begun && is_open(&first));
        // `admit` waits without help. By then the first connection has had its minimum time.
        assert!(room.admit(peer(1)).await.1 && !is_open(&first));
        assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn those_that_were_closed_count_until_they_are_gone() {
        let room = room(64);
        let mut places: Vec<Place> =
            (0..40).filter_map(|_| enter(&room, 1)).map(|(place, _)| place).collect();
        assert_eq!(places.len(), 34, "half of the room, and two that were closed");
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.admit(peer(2)).await.1 }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "another address waits too: files are of all");
        places.retain(is_open);
        assert!(!waiting.await.unwrap());
        assert_eq!((places.len(), room.state().leaving), (32, 0));
    }

    #[test]
    fn the_bodies_of_one_peer_take_no_room_from_another() {
        let room = room(128);
        let genuine = enter(&room, 9).unwrap().0;
        let mut own = genuine.body();
        assert!(own.grow(1 << 20));
        let others: Vec<_> =
            (0..64).map(|number| enter(&room, 1 + number % 8).unwrap().0).collect();
        let mut bodies: Vec<HeldBytes> = others.iter().map(Place::body).collect();
        for body in &mut bodies {
            body.grow(1 << 20);
        }
        assert!(is_open(&genuine) && own.grow(1), "it is the oldest, and its peer holds little");
        assert!(!is_open(&others[0]) && is_open(&others[63]));
        assert!(room.state().bytes <= MOST_BYTES);
    }

    #[test]
    fn one_subscriber_is_one_peer() {
        let of = |text: &str| group(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), peer(1));
    }
}
