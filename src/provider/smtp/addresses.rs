//! Decides in which order to try the addresses of a relay's name (RFC 8305).
//!
//! An address that does not answer delays the others only for a moment. Each attempt has the full
//! time limit. An address that was slow or failed is tried last for a while, but never left out.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

/// The wait for an attempt before the next address is tried in parallel (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// The time for which an address is tried after the others, because it failed or a later address
/// connected first.
const AVOIDED_FOR: Duration = Duration::from_secs(600);

/// Knowledge about the relay's addresses from earlier connections of this process.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    avoided: Mutex<HashMap<IpAddr, Instant>>,
    /// Whether a server has sent a greeting without TLS, or is known not to require TLS first.
    have_greeted: AtomicBool,
}

/// Failed attempts: each address with the error.
pub(super) type Failed = Vec<(SocketAddr, String)>;

impl Addresses {
    /// Returns the order in which to try the addresses. The two address families alternate,
    /// starting with the family of the first address. Addresses to avoid are last.
    pub(super) fn order(&self, found: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
        let now = Instant::now();
        let avoided = self.avoided();
        let is_avoided =
            |address: &SocketAddr| avoided.get(&address.ip()).is_some_and(|until| *until > now);
        let (last, first): (Vec<_>, Vec<_>) = interleaved(found).into_iter().partition(is_avoided);
        first.into_iter().chain(last).collect()
    }

    /// Returns whether the servers are known to start without TLS.
    pub(super) fn have_greeted(&self) -> bool {
        self.have_greeted.load(Ordering::Relaxed)
    }

    /// Records that a server has sent its greeting without TLS.
    pub(super) fn greeted(&self) {
        self.have_greeted.store(true, Ordering::Relaxed);
    }

    /// Records that this address is tried after the others for a while.
    pub(super) fn avoid(&self, address: SocketAddr) {
        self.avoided().insert(address.ip(), Instant::now() + AVOIDED_FOR);
    }

    fn avoided(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Instant>> {
        // Entries are inserted and removed in one step, so the value is usable even if the lock is
        // poisoned.
        self.avoided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to one of the addresses. Each attempt begins a moment after the previous one, or as
    /// soon as the previous one has failed, and has the time limit `limit`. Every address that is
    /// tried is removed from `left`.
    pub(super) async fn connect<T, F>(
        &self,
        left: &mut Vec<SocketAddr>,
        limit: Duration,
        connect: impl Fn(SocketAddr) -> F,
    ) -> Result<(T, SocketAddr), Failed>
    where
        F: Future<Output = io::Result<T>>,
    {
        let mut waiting = std::mem::take(left).into_iter();
        let mut attempts = FuturesUnordered::new();
        let mut under_way: Vec<SocketAddr> = Vec::new();
        let mut failed = Vec::new();
        let mut next_at = Instant::now();
        loop {
            let has_more = !waiting.as_slice().is_empty();
            if attempts.is_empty() && !has_more {
                return Err(failed);
            }
            tokio::select! {
                biased;
                Some((address, attempt)) = attempts.next() => {
                    under_way.retain(|other| *other != address);
                    match attempt {
                        Ok(connected) => {
                            self.avoided().remove(&address.ip());
                            under_way.iter().for_each(|slow| self.avoid(*slow));
                            *left = waiting.collect();
                            return Ok((connected, address));
                        }
                        Err(why) => {
                            self.avoid(address);
                            failed.push((address, why));
                            next_at = Instant::now();
                        }
                    }
                }
                () = sleep_until(next_at), if has_more => {
                    let Some(address) = waiting.next() else { continue };
                    under_way.push(address);
                    let attempt = connect(address);
                    attempts.push(async move {
                        let attempt = match timeout(limit, attempt).await {
                            Ok(attempt) => attempt.map_err(|error| error.to_string()),
                            Err(_) => Err(format!("no answer within {limit:?}")),
                        };
                        (address, attempt)
                    });
                    next_at = Instant::now() + STAGGER;
                }
            }
        }
    }
}

/// Alternates the address families, each in its original order, without duplicates.
fn interleaved(found: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let Some(first) = all.first().map(SocketAddr::is_ipv6) else { return all };
    let (one, other): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut turns = Vec::new();
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

/// Returns the errors of all attempts in one line.
pub(super) fn in_words(failed: &Failed) -> String {
    match failed.as_slice() {
        [] => "the name has no address".to_owned(),
        [(_, why)] => why.clone(),
        several => several
            .iter()
            .map(|(address, why)| format!("{}: {why}", address.ip()))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 25)
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| address(text)).collect()
    }

    /// Simulates a connection attempt: `None` never connects, 0 is refused at once, and any other
    /// number connects after that many milliseconds.
    async fn attempt(address: SocketAddr, after: Option<u64>) -> io::Result<SocketAddr> {
        match after {
            None => std::future::pending().await,
            Some(0) => Err(io::Error::other("refused")),
            Some(after) => {
                tokio::time::sleep(Duration::from_millis(after)).await;
                Ok(address)
            }
        }
    }

    #[test]
    fn families_take_turns_and_no_address_is_tried_twice() {
        let found = addresses(&["::1", "::2", "::3", "127.0.0.1", "::1", "127.0.0.2"]);
        assert_eq!(interleaved(found), addresses(&["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"]));
        assert_eq!(interleaved(addresses(&["127.0.0.1", "::1"])), addresses(&["127.0.0.1", "::1"]));
        assert!(interleaved([]).is_empty());
    }

    #[tokio::test]
    async fn a_dead_address_holds_up_the_next_one_for_a_quarter_of_a_second_once() {
        let book = Addresses::default();
        let begun = Instant::now();
        let mut left = book.order(addresses(&["127.0.0.2", "127.0.0.1"]));
        let limit = Duration::from_secs(30);
        let alive = |of: SocketAddr| attempt(of, (of == address("127.0.0.1")).then_some(1));
        assert_eq!(book.connect(&mut left, limit, alive).await.unwrap().1, address("127.0.0.1"));
        assert!(begun.elapsed() >= STAGGER && begun.elapsed() < limit / 2, "{:?}", begun.elapsed());
        assert_eq!(
            book.order(addresses(&["127.0.0.2", "127.0.0.1"])),
            addresses(&["127.0.0.1", "127.0.0.2"])
        );
        // At the second connection, the dead address causes no delay.
        let begun = Instant::now();
        let mut left = book.order(addresses(&["127.0.0.2", "127.0.0.1"]));
        book.connect(&mut left, limit, alive).await.unwrap();
        assert!(begun.elapsed() < STAGGER, "{:?}", begun.elapsed());
        assert_eq!(left, addresses(&["127.0.0.2"]));
    }

    #[tokio::test]
    async fn what_is_refused_is_not_waited_for_and_what_is_left_is_said() {
        let book = Addresses::default();
        let mut left = addresses(&["127.0.0.3", "127.0.0.1", "127.0.0.4"]);
        let limit = Duration::from_secs(30);
        let answer = |of: SocketAddr| {
            attempt(of, if of == address("127.0.0.3") { Some(0) } else { Some(5) })
        };
        assert_eq!(book.connect(&mut left, limit, answer).await.unwrap().1, address("127.0.0.1"));
        assert_eq!(left, addresses(&["127.0.0.4"]));
    }

    #[tokio::test]
    async fn each_has_the_whole_limit_and_an_answer_that_is_slow_counts() {
        let book = Addresses::default();
        let mut left = addresses(&["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
        let limit = Duration::from_millis(700);
        let slow = |of: SocketAddr| attempt(of, (of == address("127.0.0.1")).then_some(500));
        assert_eq!(book.connect(&mut left, limit, slow).await.unwrap().1, address("127.0.0.1"));
        let failed = book
            .connect(&mut addresses(&["127.0.0.2", "127.0.0.3"]), limit, |of| attempt(of, None))
            .await
            .unwrap_err();
        assert_eq!(
            in_words(&failed),
            "127.0.0.2: no answer within 700ms; 127.0.0.3: no answer within 700ms"
        );
    }
}
