//! Room for connections and for what their requests hold, and who has to make room when it runs
//! out.
//!
//! The rules it keeps: a new connection always gets in, and what one peer does takes no room from
//! another. Providers may all come through one proxy and so from one address, and therefore no
//! address is refused: within it the connection that has waited longest without a request that
//! verified is closed, when it has had a moment to send one. A request that is being written to the
//! ledger is never broken off. What was closed counts until it is gone, so that the bound holds
//! however fast others come.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The most connections at once, where the process may have enough open files.
const MOST: usize = 1024;
/// One connection in so many is the most that one address may have.
const SHARE: usize = 2;
/// The most requests of one connection, and how many may come before one of a provider's has
/// verified.
const MOST_REQUESTS: usize = 10_000;
const MOST_UNVERIFIED: usize = 32;
/// How long a connection is served before it has to make room for another one: hundreds may come at
/// once, and a provider's among them has to be read before it is closed for the last of them.
const STAY: Duration = Duration::from_millis(200);
/// One connection in so many may be closed and not gone yet.
const LEAVING: usize = 32;
/// How many files the rest of the process needs.
const OTHER_FILES: usize = 64;
/// The most bytes that the bodies of all requests hold together.
const MOST_BYTES: usize = 32 << 20;

/// The connections that are open.
pub(super) struct Room {
    most: usize,
    stay: Duration,
    state: Mutex<State>,
    /// A connection has left, or can be asked to leave now.
    changed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    guests: HashMap<u64, Guest>,
    peers: HashMap<IpAddr, usize>,
    /// How many were closed and still hold their files.
    leaving: usize,
    bytes: usize,
}

struct Guest {
    peer: IpAddr,
    /// Its task runs. Until then nothing that it has sent can have been read.
    has_begun: bool,
    /// When it began, or when a request last verified.
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
        Self::of(files.saturating_sub(OTHER_FILES).max(files / 4).clamp(4, MOST), STAY)
    }

    fn of(most: usize, stay: Duration) -> Arc<Self> {
        Arc::new(Self { most, stay, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in. Returns whether another one was closed for it. It waits while those
    /// that were closed are not gone, and while every other that could make room is being written
    /// down or has had no time to send a request.
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

    /// Errs with when to try again, at the latest; `None` where that depends on a change.
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
            // The peer with most connections makes room first.
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

    /// Closes the connection that has waited longest, because there are no more files. False where
    /// every one is being written down.
    pub(super) fn close_one(&self) -> bool {
        self.state().close_one_of(|_| true)
    }
}

impl State {
    /// Which of these connections goes first: of those of which no request has verified the oldest,
    /// else the one that has been idle longest.
    fn first(&self, of: impl Fn(&Guest) -> bool) -> Option<(u64, Instant)> {
        let candidates = self.guests.iter().filter(|(_, guest)| !guest.is_busy && of(guest));
        candidates
            .min_by_key(|(_, guest)| (guest.is_known, guest.since))
            .map(|(number, guest)| (*number, guest.since))
    }

    /// Closes one of these connections for a new one. Errs with when the first of them will have
    /// stayed long enough, if there is one.
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

    /// Closes one of these connections now; false where every one is being written down.
    fn close_one_of(&mut self, of: impl Fn(&Guest) -> bool) -> bool {
        self.first(of).map(|(number, _)| self.close(number)).is_some()
    }

    /// Closes a connection whose body has come for longest; of a peer that holds less than half of
    /// what peers do on average only where all others are being written down. One peer's bodies
    /// take no room from another's then.
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

    /// Has a connection end. What it holds counts as free at once, and its files when it is gone.
    fn close(&mut self, number: u64) {
        if self.leave(number) {
            self.leaving += 1;
        }
    }

    /// Counts a connection no more; false where that had been done.
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

/// A connection's place, which its requests share.
#[derive(Clone)]
pub(super) struct Place(Arc<Held>);

struct Held {
    room: Arc<Room>,
    number: u64,
    flags: Arc<Flags>,
}

impl Place {
    /// Its task runs now, and can read what is sent.
    pub(super) fn begin(&self) {
        self.with(|guest| (guest.has_begun, guest.since) = (true, Instant::now()));
        self.0.room.changed.notify_one();
    }

    /// Resolves when the connection has to make room for another one.
    pub(super) async fn closed(&self) {
        if !self.0.flags.is_closed.load(Ordering::Acquire) {
            self.0.flags.close.notified().await;
        }
    }

    /// Counts a request; its number, from 1, and whether it is the last one of its connection.
    pub(super) fn count_request(&self) -> (usize, bool) {
        let number = self.0.flags.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let is_known =
            || self.0.room.state().guests.get(&self.0.number).is_some_and(|guest| guest.is_known);
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

    /// A request of a provider's has verified, and is being written down until the guard is
    /// dropped.
    pub(super) fn verified(&self) -> Busy {
        self.with(|guest| (guest.is_known, guest.since) = (true, Instant::now()));
        self.busy()
    }

    /// Something is being written down until the guard is dropped: meanwhile the connection is not
    /// closed. That is no merit of the peer's, for anyone with a link of ours can unsubscribe over
    /// and over.
    pub(super) fn busy(&self) -> Busy {
        self.with(|guest| guest.is_busy = true);
        Busy(self.clone())
    }

    fn with(&self, change: impl FnOnce(&mut Guest)) {
        if let Some(guest) = self.0.room.state().guests.get_mut(&self.0.number) {
            change(guest);
        }
    }

    /// Room for `bytes` more of a body. Others that have waited longer make room where there is too
    /// little. False when none can, or when this connection had to go itself.
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

    /// A body that grows within the room that there is.
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

    /// Room in which all may be closed at once.
    fn room(most: usize) -> Arc<Room> {
        Room::of(most, Duration::ZERO)
    }

    /// A connection that is served; `None` where it would have to wait.
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
        // Another address has room of its own until all is full, and then the first one makes room.
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
        // It waits by itself, and the first one has had its time then.
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
