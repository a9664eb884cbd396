//! Tests with messages that are built or damaged to make a parser fail. Parsing them must end, use
//! bounded memory, and yield only recipients that they contain.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;

fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().unwrap()
}

/// Reads a message on a thread with a 1 MiB stack, like the threads that read mail.
fn read_on_a_small_stack(raw: Vec<u8>) -> Parsed {
    let reader = std::thread::Builder::new().stack_size(1 << 20);
    reader.spawn(move || read(&raw, now())).unwrap().join().unwrap()
}

const HEAD: &str = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: bounces@acme.example\nSubject: Undelivered\n";

/// Builds named messages with extreme nesting or repetition.
fn made_to_fail() -> Vec<(&'static str, Vec<u8>)> {
    let messages = "Content-Type: message/rfc822\n\n".repeat(20_000);
    let encoded = BASE64_STANDARD.encode(messages.as_bytes());
    let lines: String = encoded
        .as_bytes()
        .chunks(76)
        .flat_map(|line| [std::str::from_utf8(line).unwrap(), "\n"])
        .collect();
    let digests: String = (0..12_000)
        .map(|n| format!("Content-Type: multipart/digest; boundary=x{n}\n\n--x{n}\n\n"))
        .collect();
    let same = "Content-Type: multipart/digest; boundary=b\n\n--b\n\n".repeat(12_000);
    let mixed: String =
        (0..10_000).map(|n| format!("Content-Type: multipart/mixed; boundary=x{n}\n\n--x{n}\nContent-Type: message/rfc822\n\n")).collect();
    let folded = "Content-Type:\n message/rfc822\n\n".repeat(20_000);
    let reports = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/global\n\n".repeat(6_000);
    let quoted: String = (0..150)
        .map(|n| format!("{} From: MAILER-DAEMON@mx.example.com\n", ">".repeat(n)))
        .collect();
    vec![
        ("messages", format!("{HEAD}{messages}").into_bytes()),
        (
            "messages in base64",
            format!(
                "{HEAD}Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{lines}"
            )
            .into_bytes(),
        ),
        ("digests", format!("{HEAD}{digests}").into_bytes()),
        ("digests of one boundary", format!("{HEAD}{same}").into_bytes()),
        ("multiparts and messages", format!("{HEAD}{mixed}").into_bytes()),
        ("folded types", format!("{HEAD}{folded}").into_bytes()),
        ("reports in reports", format!("{HEAD}{reports}").into_bytes()),
        ("quotations of quotations", format!("{HEAD}\n{quoted}").into_bytes()),
        (
            "elements",
            format!("{HEAD}Content-Type: text/html\n\n{}", "<div>".repeat(20_000)).into_bytes(),
        ),
        ("comments", format!("{HEAD}Cc: {}\n\n", "(".repeat(60_000)).into_bytes()),
        ("groups", format!("{HEAD}Cc: {}\n\n", "a:<".repeat(20_000)).into_bytes()),
        ("signs of an address", format!("{HEAD}\n{}", "@".repeat(60_000)).into_bytes()),
        (
            "quoted signs of an address",
            format!("{HEAD}\n{}", "\"@x.org ".repeat(3_000)).into_bytes(),
        ),
        ("one word", format!("{HEAD}\n{}", "x".repeat(60_000)).into_bytes()),
        ("one header", "x".repeat(600_000).into_bytes()),
        ("blank lines", format!("{HEAD}{}", "\n".repeat(60_000)).into_bytes()),
        ("fields of a report", {
            format!(
                "{HEAD}Content-Type: message/delivery-status\n\n{}",
                "Final-Recipient:\n\n".repeat(3_000)
            )
            .into_bytes()
        }),
    ]
}

#[test]
fn a_message_made_to_stop_the_reader_is_read_within_bounds() {
    for (name, raw) in made_to_fail() {
        let parsed = read_on_a_small_stack(raw);
        assert!(
            !matches!(&parsed, Parsed::Events(events) if events.iter().any(|event| event.suppresses().is_some())),
            "{name}: {parsed:?}"
        );
    }
}

#[test]
fn what_stands_before_a_deep_nest_is_read_all_the_same() {
    let nest = "Content-Type: message/rfc822\n\n".repeat(20_000);
    let raw = format!(
        "{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nNo.\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; ann@example.com\nAction: failed\nStatus: 5.1.1\n\n--b\n{nest}\n--b--\n"
    );
    let Parsed::Events(events) = read_on_a_small_stack(raw.into_bytes()) else { panic!("nothing") };
    assert_eq!((events.len(), events[0].recipient.as_deref()), (1, Some("ann@example.com")));
}

/// The next pseudo-random number (Marsaglia's xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn torn_and_garbled_messages_never_stop_the_reader() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail");
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for entry in std::fs::read_dir(dir).unwrap() {
        let raw = std::fs::read(entry.unwrap().path()).unwrap();
        for _ in 0..3 {
            let mut torn = raw[..next(&mut state) as usize % raw.len()].to_vec();
            read(&torn, now());
            for _ in 0..next(&mut state) % 8 {
                if !torn.is_empty() {
                    let at = next(&mut state) as usize % torn.len();
                    torn[at] = next(&mut state) as u8;
                }
            }
            read(&torn, now());
        }
    }
}
