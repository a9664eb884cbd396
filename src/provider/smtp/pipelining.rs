//! What may stand behind the final dot.
//!
//! RFC 2920 allows the next envelope there, which makes a message cost one round trip. Some servers
//! die of it, some refuse it, and some drop it without a word. The rules this module keeps: those
//! that are known by name never get one; every other relay is tried once, on one connection, and
//! the trial is on record before its first write; a 503, a lost connection or silence ends it for
//! all connections, for this run and for later ones.

use std::sync::atomic::{AtomicU8, Ordering};

use super::extensions::Extensions;

/// How much leaves together, as the configuration has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// MAIL, RCPT and DATA together; the next envelope behind the final dot where the relay has
    /// shown that it takes it.
    Auto,
    /// The next envelope behind the final dot wherever PIPELINING is announced.
    Full,
    /// MAIL, RCPT and DATA together, and never anything behind the final dot.
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

    /// Its word.
    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("auto", |(word, _)| word)
    }
}

/// How far a relay has been tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Untried = 0,
    /// A trial is on record, and no connection has one under way.
    Begun = 1,
    /// One connection has an envelope behind a dot.
    UnderWay = 2,
    Takes = 3,
    Refuses = 4,
}

impl Stage {
    /// The word on record.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Begun | Self::UnderWay => "begun",
            Self::Takes => "takes",
            Self::Refuses => "refuses",
        }
    }

    /// What a word on record comes to in a later run: a trial without a result has failed.
    pub(super) fn of_record(word: &str) -> Self {
        match word {
            "untried" => Self::Untried,
            "takes" => Self::Takes,
            _ => Self::Refuses,
        }
    }
}

/// So many envelopes have to go well, one after another, before every connection sends them.
const TRIALS: u8 = 3;

/// So many recipients have to be left for a trial to be worth the doubt about one.
pub(super) const WORTHWHILE: u64 = 200;

/// A relay's standing, shared by its connections.
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

    /// From one stage to another; false where another connection was faster.
    fn moves(&self, from: Stage, to: Stage) -> bool {
        self.stage
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Takes the trial for one connection. What it was before, if no other connection has it.
    pub(super) fn take(&self) -> Option<Stage> {
        [Stage::Begun, Stage::Untried]
            .into_iter()
            .find(|before| self.moves(*before, Stage::UnderWay))
    }

    /// Gives the trial back without a result.
    pub(super) fn give_back(&self, to: Stage) {
        self.moves(Stage::UnderWay, to);
    }

    /// An envelope behind the dot went well. True when that settles the matter.
    pub(super) fn passed(&self) -> bool {
        if self.passed.fetch_add(1, Ordering::AcqRel) + 1 < TRIALS {
            self.give_back(Stage::Begun);
            return false;
        }
        self.moves(Stage::UnderWay, Stage::Takes)
    }

    /// It did not. True when that is new.
    pub(super) fn failed(&self) -> bool {
        self.stage.swap(Stage::Refuses as u8, Ordering::AcqRel) != Stage::Refuses as u8
    }
}

/// A server that is known not to take an envelope behind the final dot.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// What its greeting has by default, in lowercase.
    greeting: &'static str,
    /// What the first line of its answer to EHLO has by default, in lowercase; it stays where the
    /// greeting has been changed.
    hello: Option<&'static str>,
    /// A keyword that hardly any other server announces.
    keyword: Option<&'static str>,
    /// What it does with such an envelope.
    pub(super) does: &'static str,
}

const KNOWN: [Known; 3] = [
    // src/lib-smtp/smtp-server-transaction.c of 2.3.19.1: "Panic: ... pending_rcpt_cmds == 0",
    // after the message has been relayed.
    Known {
        name: "Dovecot submission",
        greeting: "dovecot",
        hello: None,
        keyword: Some("BURL"),
        does: "its process dies after it has relayed the message",
    },
    // GHSA-rp4q-8m6x-c43c: since 3.1 every command behind the end of DATA is refused.
    Known {
        name: "Haraka",
        greeting: "haraka",
        hello: Some("haraka is at your service"),
        keyword: None,
        does: "it refuses each command with 503",
    },
    // internal/smtpsrv/conn.go of 1.11: what the reader has buffered behind the dot is discarded.
    Known {
        name: "chasquid",
        greeting: "chasquid",
        hello: Some("your hour of destiny has come"),
        keyword: None,
        does: "it drops the commands without an answer",
    },
];

/// The server that greets so and announces this, if it is one that is known not to take it.
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
