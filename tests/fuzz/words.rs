//! Words and numbers: those of the ledger, of pause rules, rates and shares, and of `--where`.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use mailbatch::internals::event::{Bounce, Class, EventKind, Source};
use mailbatch::internals::fuzzing;
use mailbatch::internals::input::Filter;
use mailbatch::internals::literal::{
    CanarySize, ExpectCount, Percent, Rate, parse_duration, parse_wait,
};
use mailbatch::internals::outcome::{Cohort, Kind, Outcome, Reason};
use mailbatch::internals::pause::PauseRule;

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "bounced",
    "complained",
    "failed",
    " > ",
    " over ",
    "5%",
    "0.1pct",
    "1h",
    "2h 30m",
    "250ms",
    "1d",
    "8w",
    " min ",
    "200/20",
    " by ",
    "domain",
    "provider",
    "run",
    "/s",
    "/min",
    "/hour",
    "/day",
    "±2%",
    "+-2pct",
    "_",
    "P1D",
    "PT1H",
    "1e3",
    "-0",
    "NaN%",
    "inf%",
    "0x10",
    "accepted",
    "already_accepted",
    "mailbox_gone",
    "country == \"AT\"",
    " and ",
    "not ",
    "is defined",
    "(",
    ")",
    "[",
    "]",
    "| int",
    "~",
];

#[test]
fn words() {
    let mut seeds = seeds::texts(&[
        "bounced > 5% over 1h min 200/20 by domain",
        "complained > 0.3% over 24h",
        "50/s",
        "3000/min",
        "5%",
        "5pct",
        "200",
        "50000±2%",
        "2h 30m",
        "30d",
        "accepted",
        "hard_bounce",
        "country == \"AT\" and plan != \"free\"",
        "age | int > 17",
        "marketing",
    ]);
    seeds.push(1_u64.to_le_bytes().repeat(3));
    fuzz(Target { name: "words", seeds, words: WORDS, check });
}

fn check(document: &[u8]) {
    check_numbers(document);
    let Ok(text) = std::str::from_utf8(document) else { return };
    // What is not one of a list's words is none of them, in another case and with blanks too.
    is_word::<Outcome>(text, Outcome::ALL);
    is_word::<Reason>(text, Reason::ALL);
    is_word::<Kind>(text, Kind::ALL);
    is_word::<Cohort>(text, Cohort::ALL);
    is_word::<EventKind>(text, EventKind::ALL);
    is_word::<Bounce>(text, Bounce::ALL);
    is_word::<Class>(text, Class::ALL);
    is_word::<Source>(text, Source::ALL);
    reads_back::<PauseRule>(text);
    reads_back::<Rate>(text);
    reads_back::<Percent>(text);
    reads_back::<CanarySize>(text);
    reads_back::<ExpectCount>(text);
    if let Ok(rate) = text.parse::<Rate>() {
        for per_request in [0, 1, 50, 1_000, u64::MAX] {
            assert!(
                (1..=u64::from(rate.count.get())).contains(&rate.lot(per_request))
                    && (per_request == 0 || rate.lot(per_request) <= per_request),
                "{rate}"
            );
        }
    }
    if let Ok(share) = text.parse::<Percent>() {
        assert!([0, 1, 999, 1_000_000].iter().all(|n| share.of_rounded_up(*n) <= *n), "{share}");
    }
    if let Ok(wait) = parse_wait(text) {
        assert_eq!(parse_duration(text), Ok(wait));
        assert!(wait <= Duration::from_secs(30 * 86_400));
    }
    if let Err(error) = Filter::parse(text) {
        assert!(error.to_string().contains("hint:"), "{error}");
    }
}

fn is_word<T: FromStr + Display + PartialEq + Copy + Debug>(text: &str, all: &[T]) {
    match text.parse::<T>() {
        Ok(word) => assert_eq!(word.to_string(), text),
        Err(_) => assert!(all.iter().all(|word| word.to_string() != text), "{text:?} is a word"),
    }
}

fn reads_back<T: FromStr<Err = String> + Display + PartialEq + Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            assert_eq!(shown.parse::<T>().as_ref(), Ok(&value), "{text:?} is shown as {shown:?}");
        }
        Err(why) => assert!(!why.is_empty(), "{text:?}"),
    }
}

/// Numbers as they stand in the ledger.
fn check_numbers(document: &[u8]) {
    for eight in document.as_chunks::<8>().0 {
        let number = i64::from_le_bytes(*eight);
        for candidate in [number, number & 31] {
            let (outcome, reason) = fuzzing::ledger_words(candidate);
            assert!(
                outcome.is_none_or(|(_, again)| again == candidate)
                    && reason.is_none_or(|(_, again)| again == candidate),
                "{candidate}"
            );
        }
        if let Some(time) = fuzzing::ledger_time(number) {
            assert_eq!(time.as_microsecond(), number);
        }
        let (run, row) = (number & 0x3f_ffff, number as u64 >> 20);
        assert_eq!(fuzzing::ledger_id(run, row), (row < 1 << 40).then_some((run, row)));
    }
    let (members, bytes) = fuzzing::ledger_members(document);
    assert_eq!(members.len(), document.len() / 8);
    assert_eq!(bytes, document[..members.len() * 8], "members read back");
}
