//! Limits the number of connections and the memory of their requests. At a limit, an idle
//! connection is closed for the new one.
//!
//! A new connection is always admitted, and no peer can use up all connections. Providers may share
//! a proxy and thus an address, so no address is refused. At the limit of an address, its
//! connection that has waited longest without a verified request is closed, but not before a
//! minimum time.
//!
//! A request that is being written to the ledger is never interrupted. A closed connection counts
//! until its task has ended, so that the limit also holds if many connections arrive at once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The maximum number of connections. It is lower if the process may not open enough files.
const MOST: usize = 1024;
/// The maximum share of one address: the number of all connections divided by `SHARE`.
const SHARE: usize = 2;
/// The maximum number of requests on one connection. `MOST_UNVERIFIED` is the maximum until one of
/// them was verified as a provider's.
const MOST_REQUESTS: usize = 10_000;
const MOST_UNVERIFIED: usize = 32;
/// The minimum time that a connection is served before it may be closed for a new one. If hundreds
/// of connections arrive at once, a provider's request must be read before later ones can close its
/// connection.
const STAY: Duration = Duration::from_millis(200);
/// Closed connections whose task still runs may be at most the number of all connections divided by
/// `LEAVING`.
const LEAVING: usize = 32;
/// The number of open files that the rest of the process needs.
const OTHER_FILES: usize = 64;
/// The maximum total size of all request bodies in memory, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// The open connections and their limits.
pub(super) struct Room {
    most: usize,
    stay: Duration,
    state: Mutex<State>,
    /// Signals that a connection has ended, or that one may be closed now.
    changed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    guests: HashMap<u64, Guest>,
    peers: HashMap<IpAddr, usize>,
    /// The number of closed connections whose task still runs and keeps a file open.
    leaving: usize,
    bytes: usize,
}

struct Guest {
    peer: IpAddr,
    /// Whether the connection's task is running. Before that, no data has been read.
    has_begun: bool,
    /// When the connection began, or when a request on it was last verified.
    since: Instant,
    /// Whether a provider's request on this connection was verified.
    is_known: bool,
    /// Whether a request on this connection is being written to the ledger.
    is_busy: bool,
    bytes: usize,
    flags: Arc<Flags>,
}

#[derive(Default)]
struct Flags {
    close: Notify,
    is_closed: AtomicBool,
    /// Whether the peer has stopped reading its answers.
    is_blocked: AtomicBool,
    unblocked: Notify,
    requests: AtomicUsize,
}

impl Room {
    /// Creates a room for as many connections as the process may open files, at most [`MOST`].
    pub(super) fn new() -> Arc<Self> {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        Self::of(files.saturating_sub(OTHER_FILES).max(files / 4).clamp(4, MOST), STAY)
    }

    fn of(most: usize, stay: Duration) -> Arc<Self> {
        Arc::new(Self { most, stay, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is used too, because a panic never leaves the state partly changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection. Returns whether another one was closed for it.
    ///
    /// Waits if too many closed connections have not ended. Also waits if every connection that
    /// could be closed is writing to the ledger or is still within its minimum time.
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

    /// Admits a connection without waiting. Fails with the time after which to try again, or with
    /// `None` if the caller must wait for a change.
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
            // A connection of the peers with the most connections is closed first.
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

    /// Closes the connection that has waited longest, because the process cannot open more files.
    /// Returns false if every connection is writing to the ledger.
    pub(super) fn close_one(&self) -> bool {
        self.state().close_one_of(|_| true)
    }
}

impl State {
    /// Chooses the connection to close among those that satisfy `of`: the oldest one without a
    /// verified request, or else the one with the oldest verified request.
    fn first(&self, of: impl Fn(&Guest) -> bool) -> Option<(u64, Instant)> {
        let candidates = self.guests.iter().filter(|(_, guest)| !guest.is_busy && of(guest));
        candidates
            .min_by_key(|(_, guest)| (guest.is_known, guest.since))
            .map(|(number, guest)| (*number, guest.since))
    }

    /// Closes a connection that satisfies `of`, to admit a new one. Fails with the time when the
    /// first of them may be closed, or with `None` if none may.
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

    /// Closes a connection that satisfies `of` now. Returns false if each of them is writing to the
    /// ledger.
    fn close_one_of(&mut self, of: impl Fn(&Guest) -> bool) -> bool {
        self.first(of).map(|(number, _)| self.close(number)).is_some()
    }

    /// Closes the connection that has waited longest among those with a body in memory. Peers whose
    /// bodies take at least half the average lose a connection first, so that one peer's bodies
    /// take no memory from others. Returns false if every such connection is writing to the ledger.
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

    /// Closes a connection. Its memory counts as free at once, and its file after its task has
    /// ended.
    fn close(&mut self, number: u64) {
        if self.leave(number) {
            self.leaving += 1;
        }
    }

    /// Removes a connection from the counts. Returns false if it was already removed.
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

/// A connection's place in the room. Its requests share it.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    room: Arc<Room>,
    number: u64,
    flags: Arc<Flags>,
}

impl Place {
    /// Records that the connection's task is running and may have read data.
    pub(super) fn begin(&self) {
        self.with(|guest| (guest.has_begun, guest.since) = (true, Instant::now()));
        self.0.room.changed.notify_one();
    }

    /// Waits until this connection must close to make room for another one.
    pub(super) async fn closed(&self) {
        if !self.0.flags.is_closed.load(Ordering::Acquire) {
            self.0.flags.close.notified().await;
        }
    }

    /// Counts a request. Returns its number, starting at 1, and whether it is the last one allowed
    /// on this connection.
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

    /// Waits until the peer has read all its answers, so that answers do not fill the memory.
    pub(super) async fn unblocked(&self) {
        loop {
            let unblocked = self.0.flags.unblocked.notified();
            if !self.0.flags.is_blocked.load(Ordering::Acquire) {
                return;
            }
            unblocked.await;
        }
    }

    /// Records that a provider's request was verified. The connection stays open until the returned
    /// guard is dropped.
    pub(super) fn verified(&self) -> Busy {
        self.with(|guest| (guest.is_known, guest.since) = (true, Instant::now()));
        self.busy()
    }

    /// Keeps the connection open while a request is being written to the ledger, until the returned
    /// guard is dropped. The request does not count as verified, because anyone with an unsubscribe
    /// link can repeat such requests.
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
    /// waited longer. Returns false if none can be closed, or if this connection itself was closed.
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

    /// Starts to count the memory of a body.
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

/// A guard that keeps a connection open while a request is being written to the ledger.
pub(super) struct Busy(Place);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.with(|guest| guest.is_busy = false);
        self.0.0.room.changed.notify_one();
    }
}

/// The memory that a body occupies. It is released on drop.
pub(super) struct HeldBytes {
    place: Place,
    bytes: usize,
}

impl HeldBytes {
    /// Reserves more memory. Returns false if no memory is left.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.place.hold(bytes)
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let bytes = self.bytes;
        let mut state = self.place.0.room.state();
        // If the connection was closed, its memory has already been released.
        if let Some(guest) = state.guests.get_mut(&self.place.0.number) {
            guest.bytes -= bytes;
            state.bytes -= bytes;
        }
    }
}

/// Returns the address that counts as one peer: an IPv4 address, or the /64 network of an IPv6
/// address.
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

    /// Creates a room in which every connection may be closed at once.
    fn room(most: usize) -> Arc<Room> {
        Room::of(most, Duration::ZERO)
    }

    /// Admits a connection and begins to serve it. Returns `None` if it would have to wait.
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
        // Other addresses can fill the remaining room. After that the first address loses a
        // connection.
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
        // `admit` waits until the first connection's minimum time has passed, and then closes it.
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
