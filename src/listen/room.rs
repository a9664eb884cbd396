//! Room for connections and for what their requests hold, and who has to make room when it runs out.
//!
//! The rules it keeps: a new connection always gets in, and what one peer does takes no room from another. Providers may all come through one
//! proxy and so from one address, and therefore no address is refused: within it the connection that has waited longest without a request that
//! verified is closed. A request that is being written to the ledger is never broken off.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// The most connections at once, where the process may have enough open files.
const MOST: usize = 1024;
/// One connection in so many is the most that one address may have.
const SHARE: usize = 2;
/// The most requests of one connection, and how many may come before one of a provider's has verified.
const MOST_REQUESTS: usize = 10_000;
const MOST_UNVERIFIED: usize = 32;
/// How many files the rest of the process needs.
const OTHER_FILES: usize = 64;
/// The most bytes that the bodies of all requests hold together.
const MOST_BYTES: usize = 32 << 20;

/// The connections that are open.
pub(super) struct Room {
    most: usize,
    state: Mutex<State>,
    /// Somebody has left, or can be asked to leave now.
    changed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    guests: HashMap<u64, Guest>,
    peers: HashMap<IpAddr, usize>,
    bytes: usize,
}

struct Guest {
    peer: IpAddr,
    /// When it came, or when a request last verified.
    since: Instant,
    /// A request of a provider's has verified on it.
    is_known: bool,
    /// A request of it is being written down.
    is_busy: bool,
    bytes: usize,
    flags: Arc<Flags>,
}

#[derive(Default)]
struct Flags {
    close: Notify,
    is_closed: AtomicBool,
    /// What was answered is not taken from us.
    is_blocked: AtomicBool,
    unblocked: Notify,
    requests: AtomicUsize,
}

impl Room {
    /// Room for as many connections as the process may have open files for.
    pub(super) fn new() -> Arc<Self> {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        Self::of(files.saturating_sub(OTHER_FILES).max(files / 4).clamp(4, MOST))
    }

    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in. Returns whether another one was closed for it. It waits only while every other that could make room is being
    /// written down.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> (Place, bool) {
        let peer = group(peer);
        loop {
            let changed = self.changed.notified();
            if let Some(admitted) = self.try_admit(peer) {
                return admitted;
            }
            changed.await;
        }
    }

    fn try_admit(self: &Arc<Self>, peer: IpAddr) -> Option<(Place, bool)> {
        let mut state = self.state();
        let mut has_closed = false;
        if state.peers.get(&peer).is_some_and(|count| *count >= (self.most / SHARE).max(1)) {
            state.close(|guest| guest.peer == peer).then_some(())?;
            has_closed = true;
        } else if state.guests.len() >= self.most {
            // Whoever has most makes room first.
            let greatest = state.peers.values().copied().max().unwrap_or_default();
            let fullest: Vec<IpAddr> = state.peers.iter().filter(|(_, count)| **count == greatest).map(|(peer, _)| *peer).collect();
            (state.close(|guest| fullest.contains(&guest.peer)) || state.close(|_| true)).then_some(())?;
            has_closed = true;
        }
        let number = state.next;
        state.next += 1;
        let flags = Arc::<Flags>::default();
        state.guests.insert(number, Guest { peer, since: Instant::now(), is_known: false, is_busy: false, bytes: 0, flags: flags.clone() });
        *state.peers.entry(peer).or_default() += 1;
        Some((Place(Arc::new(Held { room: self.clone(), number, flags })), has_closed))
    }

    /// Closes the connection that has waited longest, because there are no more files. False where every one is being written down.
    pub(super) fn close_one(&self) -> bool {
        self.state().close(|_| true)
    }
}

impl State {
    /// Closes one of these connections: of those of which no request has verified the oldest, else the one that has been idle longest.
    fn close(&mut self, of: impl Fn(&Guest) -> bool) -> bool {
        let candidates = self.guests.iter().filter(|(_, guest)| !guest.is_busy && of(guest));
        let Some(number) = candidates.min_by_key(|(_, guest)| (guest.is_known, guest.since)).map(|(number, _)| *number) else { return false };
        self.leave(number);
        true
    }

    /// Lets a connection go, so that its room counts as free at once.
    fn leave(&mut self, number: u64) {
        let Some(guest) = self.guests.remove(&number) else { return };
        self.bytes -= guest.bytes;
        guest.flags.is_closed.store(true, Ordering::Release);
        guest.flags.close.notify_one();
        if let Some(count) = self.peers.get_mut(&guest.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&guest.peer);
            }
        }
    }
}

/// A connection's place, which its requests share.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    room: Arc<Room>,
    number: u64,
    flags: Arc<Flags>,
}

impl Place {
    /// Resolves when the connection has to make room for another one.
    pub(super) async fn closed(&self) {
        if !self.0.flags.is_closed.load(Ordering::Acquire) {
            self.0.flags.close.notified().await;
        }
    }

    /// Counts a request; its number, from 1, and whether it is the last one of its connection.
    pub(super) fn count_request(&self) -> (usize, bool) {
        let number = self.0.flags.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let is_known = || self.0.room.state().guests.get(&self.0.number).is_some_and(|guest| guest.is_known);
        (number, number >= MOST_REQUESTS || (number >= MOST_UNVERIFIED && !is_known()))
    }

    /// Says whether the peer takes what it was answered.
    pub(super) fn set_blocked(&self, is_blocked: bool) {
        if self.0.flags.is_blocked.swap(is_blocked, Ordering::AcqRel) && !is_blocked {
            self.0.flags.unblocked.notify_waiters();
        }
    }

    /// Waits until the peer has taken all that it was answered, so that no answers pile up.
    pub(super) async fn unblocked(&self) {
        loop {
            let unblocked = self.0.flags.unblocked.notified();
            if !self.0.flags.is_blocked.load(Ordering::Acquire) {
                return;
            }
            unblocked.await;
        }
    }

    /// A request of a provider's has verified, and is being written down until the guard is dropped.
    pub(super) fn verified(&self) -> Busy {
        self.with(|guest| (guest.is_known, guest.since) = (true, Instant::now()));
        self.busy()
    }

    /// Something is being written down until the guard is dropped: meanwhile the connection is not closed. That is no merit of the peer's, for
    /// whoever has a link of ours can unsubscribe over and over.
    pub(super) fn busy(&self) -> Busy {
        self.with(|guest| guest.is_busy = true);
        Busy(self.clone())
    }

    fn with(&self, change: impl FnOnce(&mut Guest)) {
        if let Some(guest) = self.0.room.state().guests.get_mut(&self.0.number) {
            change(guest);
        }
    }

    /// Room for `bytes` more of a body. Others that have waited longer make room where there is too little. False when nobody can, or when this
    /// connection had to go itself.
    fn hold(&self, bytes: usize) -> bool {
        let mut state = self.0.room.state();
        let Some(guest) = state.guests.get_mut(&self.0.number) else { return false };
        guest.bytes += bytes;
        state.bytes += bytes;
        while state.bytes > MOST_BYTES {
            if !state.close(|guest| guest.bytes > 0) {
                return false;
            }
        }
        state.guests.contains_key(&self.0.number)
    }

    /// A body that grows within the room that there is.
    pub(super) fn body(&self) -> HeldBytes {
        HeldBytes { place: self.clone(), bytes: 0 }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.state().leave(self.number);
        self.room.changed.notify_one();
    }
}

/// While it lives a request is being written down.
pub(super) struct Busy(Place);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.with(|guest| guest.is_busy = false);
        self.0.0.room.changed.notify_one();
    }
}

/// What a body holds.
pub(super) struct HeldBytes {
    place: Place,
    bytes: usize,
}

impl HeldBytes {
    /// Takes room for more; false where there is none.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.place.hold(bytes)
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let bytes = self.bytes;
        let mut state = self.place.0.room.state();
        // Of a connection that had to go it is given back already.
        if let Some(guest) = state.guests.get_mut(&self.place.0.number) {
            guest.bytes -= bytes;
            state.bytes -= bytes;
        }
    }
}

/// What counts as one peer: an address, or the network that a subscriber has with IPv6.
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

    fn open(places: &[Place]) -> Vec<bool> {
        places.iter().map(is_open).collect()
    }

    #[tokio::test]
    async fn the_oldest_stranger_makes_room_and_those_who_verified_stay() {
        let room = Room::of(8);
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(room.admit(peer(1)).await.0);
        }
        drop(places[0].verified());
        assert!(room.admit(peer(1)).await.1, "half of the room is one address's share");
        assert_eq!(open(&places), [true, false, true, true]);
        // Another address has room of its own until all is full, and then the first one makes room.
        let others: Vec<Place> = [2, 2, 2, 3].map(|last| room.try_admit(peer(last)).unwrap().0).to_vec();
        assert_eq!(open(&others), [true; 4]);
        assert_eq!(room.state().guests.len(), 7, "the fifth of the first address has left by itself");
        let (_last, closed) = room.try_admit(peer(4)).unwrap();
        assert!(!closed && room.try_admit(peer(5)).unwrap().1);
        assert_eq!(open(&places), [true, false, false, true]);
    }

    #[tokio::test]
    async fn what_is_being_written_down_is_waited_for() {
        let room = Room::of(2);
        let (one, _) = room.admit(peer(1)).await;
        let busy = one.verified();
        assert!(room.try_admit(peer(1)).is_none() && is_open(&one));
        drop(busy);
        assert!(room.admit(peer(1)).await.1 && !is_open(&one));
        tokio::time::timeout(std::time::Duration::from_secs(5), one.closed()).await.expect("it is closed");
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_the_oldest_gives_its_up() {
        let room = Room::of(8);
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
        let room = Room::of(8);
        let (stranger, provider) = (room.admit(peer(1)).await.0, room.admit(peer(2)).await.0);
        drop((provider.verified(), stranger.busy()));
        let of = |place: &Place| (1..=MOST_REQUESTS).map(|_| place.count_request()).find(|(_, is_last)| *is_last).unwrap().0;
        assert_eq!((of(&stranger), of(&provider)), (MOST_UNVERIFIED, MOST_REQUESTS));
    }

    #[test]
    fn one_subscriber_is_one_peer() {
        let of = |text: &str| group(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), peer(1));
    }
}
