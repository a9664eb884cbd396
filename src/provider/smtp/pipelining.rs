//! Decides which commands may be sent right after the final dot of a message.
//!
//! RFC 2920 allows the next message's envelope (MAIL, RCPT, DATA) there, so that a message costs
//! one round trip. Some servers crash, some refuse the commands, and some discard them silently.
//! Servers known by name for this never get an envelope there. Every other relay is tried once, on
//! one connection, and the trial is recorded before its first write. A 503, a lost connection or a
//! missing reply ends the trial for all connections, in this run and in later ones.

use std::sync::atomic::{AtomicU8, Ordering};

use super::extensions::Extensions;

/// The configured mode of pipelining: which commands are sent together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// MAIL, RCPT and DATA together. The next envelope follows the final dot if the relay has shown
    /// that it accepts this.
    Auto,
    /// The next envelope follows the final dot whenever the server announces PIPELINING.
    Full,
    /// MAIL, RCPT and DATA together, and nothing right after the final dot.
    Envelope,
    /// One command at a time.
    Off,
}

impl Mode {
    /// Every mode with its word in mailbatch.toml.
    pub(super) const WORDS: [(&'static str, Self); 4] = [
        ("auto", Self::Auto),
        ("full", Self::Full),
        ("envelope", Self::Envelope),
        ("off", Self::Off),
    ];

    /// Returns the mode's word in mailbatch.toml.
    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("auto", |(word, _)| word)
    }
}

/// The progress of a relay's trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Untried = 0,
    /// A trial is recorded, but no connection currently runs it.
    Begun = 1,
    /// One connection has sent an envelope right after a final dot.
    UnderWay = 2,
    Takes = 3,
    Refuses = 4,
}

impl Stage {
    /// Returns the word that is stored in the ledger.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Begun | Self::UnderWay => "begun",
            Self::Takes => "takes",
            Self::Refuses => "refuses",
        }
    }

    /// Returns the stage that a stored word means in a later run. A trial without a result has
    /// failed.
    pub(super) fn of_record(word: &str) -> Self {
        match word {
            "untried" => Self::Untried,
            "takes" => Self::Takes,
            _ => Self::Refuses,
        }
    }
}

/// The number of envelopes that must succeed in a row before every connection sends them early.
const TRIALS: u8 = 3;

/// The minimum number of remaining recipients for a trial, which risks one unknown outcome.
pub(super) const WORTHWHILE: u64 = 200;

/// The stage of a relay's trial, shared by its connections.
#[derive(Debug)]
pub(super) struct Pipelining {
    stage: AtomicU8,
    passed: AtomicU8,
}

impl Pipelining {
    pub(super) fn new(stage: Stage) -> Self {
        Self { stage: AtomicU8::new(stage as u8), passed: AtomicU8::new(0) }
    }

    pub(super) fn stage(&self) -> Stage {
        let all = [Stage::Untried, Stage::Begun, Stage::UnderWay, Stage::Takes, Stage::Refuses];
        all.into_iter()
            .find(|stage| *stage as u8 == self.stage.load(Ordering::Acquire))
            .unwrap_or(Stage::Refuses)
    }

    /// Changes the stage. Returns false if another connection changed it first.
    fn moves(&self, from: Stage, to: Stage) -> bool {
        self.stage
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Reserves the trial for one connection and returns the previous stage. Returns `None` if
    /// another connection has the trial.
    pub(super) fn take(&self) -> Option<Stage> {
        [Stage::Begun, Stage::Untried]
            .into_iter()
            .find(|before| self.moves(*before, Stage::UnderWay))
    }

    /// Releases the trial without a result.
    pub(super) fn give_back(&self, to: Stage) {
        self.moves(Stage::UnderWay, to);
    }

    /// Records a success. Returns true if that ends the trial.
    pub(super) fn passed(&self) -> bool {
        if self.passed.fetch_add(1, Ordering::AcqRel) + 1 < TRIALS {
            self.give_back(Stage::Begun);
            return false;
        }
        self.moves(Stage::UnderWay, Stage::Takes)
    }

    /// Records a failure. Returns true for the first failure only.
    pub(super) fn failed(&self) -> bool {
        self.stage.swap(Stage::Refuses as u8, Ordering::AcqRel) != Stage::Refuses as u8
    }
}

/// A server known not to accept an envelope right after the final dot.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// A part of its default greeting, in lowercase.
    greeting: &'static str,
    /// A part of its default first line of the reply to EHLO, in lowercase. An operator who changes
    /// the greeting leaves this line unchanged.
    hello: Option<&'static str>,
    /// A keyword that hardly any other server announces.
    keyword: Option<&'static str>,
    /// A description of what the server does with such an envelope.
    pub(super) does: &'static str,
}

const KNOWN: [Known; 3] = [
    // In src/lib-smtp/smtp-server-transaction.c of 2.3.19.1: "Panic: ... pending_rcpt_cmds == 0",
    // after the message has been relayed.
    Known {
        name: "Dovecot submission",
        greeting: "dovecot",
        hello: None,
        keyword: Some("BURL"),
        does: "its process dies after it has relayed the message",
    },
    // GHSA-rp4q-8m6x-c43c: since version 3.1, the server refuses every command that follows the end
    // of DATA in the same write.
    Known {
        name: "Haraka",
        greeting: "haraka",
        hello: Some("haraka is at your service"),
        keyword: None,
        does: "it refuses each command with 503",
    },
    // In internal/smtpsrv/conn.go of version 1.11, the server discards the data that it has
    // buffered after the final dot.
    Known {
        name: "chasquid",
        greeting: "chasquid",
        hello: Some("your hour of destiny has come"),
        keyword: None,
        does: "it drops the commands without an answer",
    },
];

/// Returns the known server that has this greeting and these extensions, if there is one.
pub(super) fn known(greeting: &str, offered: &Extensions) -> Option<&'static Known> {
    let (greeting, hello) = (greeting.to_ascii_lowercase(), offered.hello.to_ascii_lowercase());
    KNOWN.iter().find(|known| {
        greeting.contains(known.greeting)
            || known.hello.is_some_and(|mark| hello.contains(mark))
            || known.keyword.is_some_and(|mark| offered.keywords.iter().any(|word| word == mark))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_ones_are_recognised_by_greeting_or_ehlo() {
        let hello = |line: &str| Extensions { hello: line.into(), ..Extensions::default() };
        for (greeting, line, expected) in [
            ("mx.test Dovecot (Debian) ready.", "mx.test", Some("Dovecot submission")),
            ("mx.test ESMTP Haraka/3.3.4 ready", "mx.test", Some("Haraka")),
            (
                "mx.test welcome",
                "mx.test Hello client [127.0.0.1]Haraka is at your service.",
                Some("Haraka"),
            ),
            ("mx.test ESMTP chasquid", "mx.test", Some("chasquid")),
            ("mx.test", "mx.test - Your hour of destiny has come", Some("chasquid")),
            ("mx.test ESMTP Postfix", "mx.test", None),
        ] {
            assert_eq!(
                known(greeting, &hello(line)).map(|known| known.name),
                expected,
                "{greeting}"
            );
        }
    }

    #[test]
    fn a_changed_greeting_hides_none_of_them() {
        let burl = Extensions {
            keywords: vec!["BURL".into(), "PIPELINING".into()],
            ..Extensions::default()
        };
        assert_eq!(
            known("mx.test welcome", &burl).map(|known| known.name),
            Some("Dovecot submission")
        );
    }

    #[test]
    fn one_connection_at_a_time_has_the_trial_and_a_failure_is_final() {
        let relay = Pipelining::new(Stage::Untried);
        assert_eq!((relay.take(), relay.take()), (Some(Stage::Untried), None));
        assert!(!relay.passed());
        assert_eq!(relay.take(), Some(Stage::Begun));
        relay.give_back(Stage::Begun);
        assert_eq!(relay.take(), Some(Stage::Begun));
        assert!(!relay.passed() && relay.take().is_some() && relay.passed());
        assert_eq!(relay.stage(), Stage::Takes);
        assert!(relay.failed() && !relay.failed());
        assert_eq!((relay.stage(), relay.take()), (Stage::Refuses, None));
        assert!(!relay.passed());
        assert_eq!(relay.stage(), Stage::Refuses);
    }
}
