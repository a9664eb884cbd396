//! Stores facts about the server at the other end of a connection: its software, and how it handles
//! chunks and envelopes sent right after the final dot.
//!
//! A fact about one software does not apply to another one under the same host name. A trial is
//! recorded before the write that it concerns. A recorded trial without a result has failed.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::changes::Changes;
use super::extensions::Extensions;
use super::pipelining::{Known, Pipelining, Stage};
use crate::provider::memory::Memory;

/// The kind of the facts about envelopes right after the final dot. Their values are the words of
/// [`Stage`].
const BEHIND: &str = "smtp.behind_the_dot";
/// The kind of the facts about chunks. The only value is [`BROKEN`].
const CHUNKS: &str = "smtp.chunks";
const BROKEN: &str = "not understood";

/// One server software at one host and port, as its greeting and EHLO identify it.
#[derive(Debug)]
pub(super) struct Relay {
    /// The host, port, software and EHLO keywords, under which facts are stored.
    pub(super) subject: String,
    pub(super) behind: Pipelining,
    /// The entry in the list of servers that do not accept an envelope right after the final dot,
    /// if this server is in the list.
    pub(super) known: Option<&'static Known>,
    /// Whether the server has accepted a chunk.
    pub(super) takes_chunks: AtomicBool,
    /// Whether the server closes connections after unnecessary RSETs.
    pub(super) counts_resets: AtomicBool,
    /// Whether the server forgets the sender after a refused chunk.
    pub(super) forgets_sender: AtomicBool,
    /// The refusals after which another connection was tried.
    pub(super) changes: Changes,
    /// Whether a reply to a chunk, or to a command around it, was invalid.
    chunks_broken: AtomicBool,
    /// Whether the invalid reply has not been recorded yet.
    is_news: AtomicBool,
}

impl Relay {
    fn new(
        subject: String,
        known: Option<&'static Known>,
        stage: Stage,
        chunks_broken: bool,
    ) -> Self {
        Self {
            subject,
            behind: Pipelining::new(stage),
            known,
            takes_chunks: AtomicBool::new(false),
            counts_resets: AtomicBool::new(false),
            forgets_sender: AtomicBool::new(false),
            changes: Changes::default(),
            chunks_broken: AtomicBool::new(chunks_broken),
            is_news: AtomicBool::new(false),
        }
    }

    pub(super) fn has_broken_chunks(&self) -> bool {
        self.chunks_broken.load(Ordering::Relaxed)
    }

    /// Stops the use of chunks with this server.
    pub(super) fn break_chunks(&self) {
        if !self.chunks_broken.swap(true, Ordering::Relaxed) {
            self.is_news.store(true, Ordering::Relaxed);
            tracing::warn!(
                server = self.subject,
                "the server announces CHUNKING, but its replies to chunks are invalid; this run and later ones use DATA"
            );
        }
    }
}

/// The relays seen at one host and port, and the facts stored by earlier runs.
#[derive(Default)]
pub(super) struct Relays {
    memory: Option<Arc<dyn Memory>>,
    recalled: tokio::sync::OnceCell<Facts>,
    met: Mutex<HashMap<String, Arc<Relay>>>,
}

#[derive(Debug, Default)]
struct Facts {
    behind: HashMap<String, String>,
    chunks: HashMap<String, String>,
}

impl Relays {
    /// Sets the store for facts.
    pub(super) fn use_memory(&mut self, memory: Arc<dyn Memory>) {
        self.memory = Some(memory);
    }

    /// Returns the relay with this greeting and these extensions.
    pub(super) async fn meet(
        &self,
        place: &str,
        greeting: &str,
        offered: &Extensions,
    ) -> Arc<Relay> {
        let subject = subject(place, greeting, offered);
        if let Some(relay) = self.met().get(&subject) {
            return Arc::clone(relay);
        }
        let facts = self.recalled.get_or_init(|| self.recall()).await;
        let known = super::pipelining::known(greeting, offered);
        let stage = if known.is_some() { Stage::Refuses } else { facts.stage(place, &subject) };
        let relay = Relay::new(subject.clone(), known, stage, facts.chunks.contains_key(&subject));
        Arc::clone(self.met().entry(subject).or_insert_with(|| Arc::new(relay)))
    }

    async fn recall(&self) -> Facts {
        let Some(memory) = &self.memory else { return Facts::default() };
        let of = async |kind| {
            memory.recall(kind).await.map_or_else(
                |error| {
                    tracing::warn!(
                        kind,
                        error,
                        "facts about relays from earlier runs cannot be read"
                    );
                    None
                },
                |facts| Some(facts.into_iter().collect::<HashMap<_, _>>()),
            )
        };
        Facts {
            behind: of(BEHIND).await.unwrap_or_default(),
            chunks: of(CHUNKS).await.unwrap_or_default(),
        }
    }

    fn met(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Relay>>> {
        // Entries are only inserted, so the value is usable even if the lock is poisoned.
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the stage of the trial of an envelope right after the final dot. Returns false if
    /// the stage could not be recorded.
    pub(super) async fn record(&self, relay: &Relay, stage: Stage) -> bool {
        self.remember(BEHIND, relay, stage.word()).await
    }

    /// Records the start of a trial. Returns false if the trial must not start: a result is
    /// recorded, this or another process runs a trial, or the start could not be recorded.
    pub(super) async fn record_trial(&self, place: &str, relay: &Relay) -> bool {
        let Some(memory) = &self.memory else { return false };
        let (place, subject) = (place.to_owned(), relay.subject.clone());
        let is_untried = move |facts: &[(String, String)]| {
            let facts = Facts { behind: facts.iter().cloned().collect(), chunks: HashMap::new() };
            facts.stage(&place, &subject) == Stage::Untried
        };
        let begun = memory
            .remember_if(
                BEHIND,
                relay.subject.clone(),
                Stage::Begun.word().to_owned(),
                Box::new(is_untried),
            )
            .await;
        begun.unwrap_or_else(|error| not_recorded(BEHIND, &error))
    }

    /// Records that chunks must not be used, unless that is already recorded.
    pub(super) async fn record_chunks(&self, relay: &Relay) {
        if relay.is_news.swap(false, Ordering::Relaxed) {
            self.remember(CHUNKS, relay, BROKEN).await;
        }
    }

    /// Records unfinished trials as untried, so that the next run can repeat them.
    pub(super) async fn close(&self) {
        let met: Vec<Arc<Relay>> = self.met().values().cloned().collect();
        for relay in met {
            self.record_chunks(&relay).await;
            if relay.behind.stage() == Stage::Begun {
                self.record(&relay, Stage::Untried).await;
            }
        }
    }

    async fn remember(&self, kind: &'static str, relay: &Relay, value: &str) -> bool {
        let Some(memory) = &self.memory else { return false };
        match memory.remember(kind, relay.subject.clone(), value.to_owned()).await {
            Ok(()) => true,
            Err(error) => not_recorded(kind, &error),
        }
    }
}

fn not_recorded(kind: &'static str, error: &str) -> bool {
    tracing::warn!(kind, error, "a fact about the relay cannot be recorded");
    false
}

impl Facts {
    /// Returns the stage of a relay. After a failure under this host and port, no other software
    /// name is tried there. Otherwise a server whose greeting changes each time would be tried each
    /// time.
    fn stage(&self, place: &str, subject: &str) -> Stage {
        let of = |value: &String| Stage::of_record(value);
        if let Some(stage) = self.behind.get(subject).map(of) {
            return stage;
        }
        let prefix = format!("{place} ");
        let has_failed = self
            .behind
            .iter()
            .any(|(other, value)| other.starts_with(&prefix) && of(value) == Stage::Refuses);
        if has_failed { Stage::Refuses } else { Stage::Untried }
    }
}

/// Returns the key under which facts about a relay are stored.
fn subject(place: &str, greeting: &str, offered: &Extensions) -> String {
    format!("{place} {} {}", software(greeting), offered.keywords.join(","))
}

/// Returns the words of a greeting that name the software. Host names, dates, addresses and
/// connection numbers are removed.
fn software(greeting: &str) -> String {
    const OF_DATES: &str =
        "mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec gmt utc";
    const MOST: usize = 80;
    let is_version = |part: &str| {
        part.contains('.')
            && part.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && part.parse::<Ipv4Addr>().is_err()
    };
    let is_name = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let is_of_a_date =
        |word: &str| OF_DATES.split(' ').any(|of_dates| word.eq_ignore_ascii_case(of_dates));
    let words = greeting
        .split_ascii_whitespace()
        .skip(1)
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let kept = words.filter(|word| {
        !word.is_empty()
            && !is_of_a_date(word)
            && word.split('/').all(|part| is_name(part) || is_version(part))
    });
    kept.collect::<Vec<_>>().join(" ").chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_what_a_greeting_says_every_time() {
        for (greeting, expected) in [
            ("mx.test ESMTP Postfix (Debian/GNU)", "ESMTP Postfix Debian/GNU"),
            ("mx.test ESMTP Exim 4.96 Sun, 29 Nov 2026 20:34:29 +0000", "ESMTP Exim 4.96"),
            (
                "mx.test ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2+deb12u2; Sun, 29 Nov 2026 20:34:29 GMT; (No UCE/UBE)",
                "ESMTP Sendmail No UCE/UBE",
            ),
            ("mx.test ESMTP Haraka/3.3.4 ready (3B7F)", "ESMTP Haraka/3.3.4 ready"),
            ("smtp.gmail.com ESMTP 5b1f17b1804b1-43f4a9-12.7 - gsmtp", "ESMTP gsmtp"),
            ("email-smtp.amazonaws.com ESMTP SimpleEmailService-d-8K2 192.0.2.1", "ESMTP"),
            ("mx.test", ""),
            ("", ""),
        ] {
            assert_eq!(software(greeting), expected, "{greeting}");
        }
    }

    #[test]
    fn a_trial_that_failed_counts_for_every_name_of_the_same_port_and_success_for_one() {
        let facts = |behind: &[(&str, &str)]| Facts {
            behind: behind.iter().map(|(s, v)| ((*s).into(), (*v).into())).collect(),
            chunks: HashMap::new(),
        };
        for (on_record, expected) in [
            (&[][..], Stage::Untried),
            (&[("a:25 ESMTP X", "takes")], Stage::Takes),
            (&[("a:25 ESMTP X", "begun")], Stage::Refuses),
            (&[("a:25 ESMTP X", "from a later version")], Stage::Refuses),
            (&[("a:25 ESMTP X", "untried")], Stage::Untried),
            (&[("a:25 ESMTP Y", "takes")], Stage::Untried),
            (&[("a:25 ESMTP Y", "refuses")], Stage::Refuses),
            (&[("a:25 ESMTP Y", "begun")], Stage::Refuses),
            (&[("a:250 ESMTP Y", "refuses")], Stage::Untried),
        ] {
            assert_eq!(facts(on_record).stage("a:25", "a:25 ESMTP X"), expected, "{on_record:?}");
        }
    }
}
