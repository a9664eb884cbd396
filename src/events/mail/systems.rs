//! Tests with messages of real mail systems, from `tests/fixtures/mail-systems.txt` and
//! `mail-delays.txt`.
//!
//! A line `=== name: word class recipient; word class recipient hearsay` before each message lists
//! the expected events. `*` matches any class, `a
//! b` matches either class, and `-` means no event.

use super::*;

const SYSTEM: &str = "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\nTo: bounces@acme.example\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000";

const RETURNED: &str = "Received: from acme.example by mx.example.com; Sat, 21 Nov 2026 11:59:00 +0000\nFrom: News <news@acme.example>\n\
    To: ann@example.com\nSubject: November news\nMessage-ID: <0123456789abcdef01234567@acme.example>\n\
    Date: Sat, 21 Nov 2026 11:59:00 +0000\nMIME-Version: 1.0\n\nHello";

/// Whether an event matches the expected one.
fn fits(event: &Event, expected: &str) -> bool {
    let mut words = expected.split_whitespace();
    let mut next = || words.next().unwrap_or_default();
    let (word, classes, recipient, hearsay) = (next(), next(), next(), next());
    let class = event.class.map_or("-", |class| class.as_str());
    let kind = event.bounce.map_or(event.kind.as_str(), |bounce| bounce.as_str());
    kind == word
        && (classes == "*" || classes.split('|').any(|one| one == class))
        && event.recipient.as_deref().unwrap_or("-") == recipient
        && event.is_hearsay == (hearsay == "hearsay")
}

fn differing(messages: &str) -> Vec<String> {
    let now: Timestamp = "2026-11-21T13:00:00Z".parse().unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in format!("\n{messages}").split("\n=== ").skip(1) {
        let (head, raw) = entry.split_once('\n').unwrap();
        let (name, expected) = head.rsplit_once(": ").unwrap();
        let lines = raw.trim_end().lines().map(|line| match line {
            "%system" => SYSTEM,
            "%returned" => RETURNED,
            line => line,
        });
        let raw = lines.flat_map(|line| [line, "\n"]).collect::<String>();
        let found = match read(raw.as_bytes(), now) {
            Parsed::Events(events) => events,
            Parsed::Nothing(_) => Vec::new(),
        };
        let expected: Vec<&str> =
            expected.split(';').map(str::trim).filter(|one| *one != "none").collect();
        if found.len() != expected.len()
            || !expected.iter().all(|one| found.iter().any(|event| fits(event, one)))
        {
            let of = |event: &Event| {
                (
                    event.word(),
                    event.class,
                    event.recipient.clone(),
                    event.is_hearsay,
                    event.reason.clone(),
                )
            };
            wrong.push(format!(
                "{name}: {:?}, not {expected:?}",
                found.iter().map(of).collect::<Vec<_>>()
            ));
        }
        count += 1;
    }
    assert!(count > 30, "{count}");
    wrong
}

#[test]
fn what_each_mail_system_writes_is_read_with_its_person_and_reason() {
    let wrong = differing(include_str!("../../../tests/fixtures/mail-systems.txt"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_warning_that_a_message_is_late_is_no_bounce_in_any_language() {
    let wrong = differing(include_str!("../../../tests/fixtures/mail-delays.txt"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
