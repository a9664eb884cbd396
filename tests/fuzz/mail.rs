//! Mail that comes back: delivery status notifications, complaints, bounces in free text, and
//! everything that is none of these.

use jiff::Timestamp;
use mailbatch::internals::event::{Bounce, Event, EventKind, RAW_LIMIT};
use mailbatch::internals::events::each_letter;
use mailbatch::internals::events::mail::{Parsed, read};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "Final-Recipient: rfc822; ann@example.com\n",
    "Original-Recipient: rfc822;bob+x@example.com\n",
    "Action: failed\n",
    "Action: delayed\n",
    "Status: 5.1.1\n",
    "Status: 4.2.2\n",
    "Diagnostic-Code: smtp; 550 5.1.1 no such user\n",
    "Content-Type: message/delivery-status\n\n",
    "Content-Type: message/feedback-report\n\n",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n",
    "--b\n",
    "--b--\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "Feedback-Type: abuse\n",
    "Original-Rcpt-To: <ann@example.com>\n",
    "From: MAILER-DAEMON@mx.example.com\n",
    "Return-Path: <>\n",
    "Auto-Submitted: auto-replied\n",
    "Subject: Undelivered Mail Returned to Sender\n",
    "<ann@example.com>: 550 5.1.1 User unknown\n",
    "Message-ID: <00112233445566778899aabb@acme.example>\n",
    "X-Failed-Recipients: ann@example.com\n",
    "user unknown",
    "mailbox full",
    "552 5.2.2",
    "=\n",
    "=40",
    "charset=iso-8859-1",
    "Date: Sat, 21 Nov 2026 03:45:00 +0000\n",
];

#[test]
fn mail() {
    fuzz(Target { name: "mail", seeds: seeds::files("mail"), words: WORDS, check });
}

fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().expect("a time")
}

fn check(document: &[u8]) {
    let told = read(document, now());
    assert_eq!(told, read(document, now()), "reading twice gives the same");
    if let Parsed::Events(events) = &told {
        assert!(!events.is_empty(), "something to learn from is about somebody");
        events.iter().for_each(check_event);
        let mut ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        // The same recipient may be reported twice in the same words, which is one event.
        let mut said: Vec<String> = events
            .iter()
            .map(|event| format!("{:?}", Event { id: String::new(), ..event.clone() }))
            .collect();
        said.sort_unstable();
        said.dedup();
        assert!(ids.len() >= said.len(), "different events have different ids");
        events
            .iter()
            .filter_map(|event| event.recipient.as_deref())
            .for_each(|recipient| check_whole(document, recipient));
    }
    check_line_ends(document, &told);
    check_as_file(document);
}

fn check_event(event: &Event) {
    assert!(!event.id.is_empty());
    assert!(
        event.code.is_empty()
            || (event.code.len() == 3 && event.code.bytes().all(|byte| byte.is_ascii_digit())),
        "code {:?}",
        event.code
    );
    let is_status = |text: &str| {
        text.split('.').count() == 3
            && text
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    assert!(event.status.is_empty() || is_status(&event.status), "status {:?}", event.status);
    assert!(event.raw.as_ref().is_some_and(|raw| raw.bytes().len() <= RAW_LIMIT));
    assert!(
        event.reason.chars().count() <= 600,
        "a reason of {} characters",
        event.reason.chars().count()
    );
    assert!(!event.reason.contains(['\r', '\n']), "a reason of several lines: {:?}", event.reason);
    assert!(event.message_id.chars().count() <= 250 && event.token.len() <= 24);
    assert_eq!(event.bounce.is_some(), event.kind == EventKind::Bounced);
    if event.bounce == Some(Bounce::Hard) {
        assert!(!event.status.starts_with('2'), "a success that is a hard bounce");
    }
    if let Some(recipient) = &event.recipient {
        assert!(recipient.contains('@') && recipient.len() <= 400, "{recipient:?} is no address");
        assert!(
            !recipient.contains(|c: char| c.is_control()),
            "{recipient:?} holds a control character"
        );
    }
}

/// An address that stands in the text as it is, is not a part of a longer one everywhere it stands:
/// nobody is suppressed for another.
fn check_whole(document: &[u8], recipient: &str) {
    let Ok(text) = std::str::from_utf8(document) else { return };
    if !recipient.is_ascii() || text.contains(['\0', '=', '%', '\u{ad}']) {
        return;
    }
    let lower = text.to_ascii_lowercase();
    let wanted = recipient.to_ascii_lowercase();
    let goes_on = |c: char| c.is_ascii_alphanumeric();
    let mut stands = lower.match_indices(&wanted).peekable();
    if stands.peek().is_none() {
        return;
    }
    let is_whole = stands.any(|(at, _)| {
        let before = lower[..at].chars().next_back().is_some_and(goes_on);
        let after = lower[at + wanted.len()..].chars().next().is_some_and(goes_on);
        !before && !after
    });
    assert!(is_whole, "{recipient:?} is a part of a longer address");
}

/// What a message says does not depend on how its lines end.
fn check_line_ends(document: &[u8], told: &Parsed) {
    if document.contains(&b'\r') || document.contains(&0) {
        return;
    }
    let lines: Vec<&[u8]> = document.split(|byte| *byte == b'\n').collect();
    let other = read(&lines.join(&b"\r\n"[..]), now());
    assert_eq!(summary(told), summary(&other), "the same message with CRLF");
}

fn summary(told: &Parsed) -> Result<Vec<String>, &'static str> {
    match told {
        Parsed::Nothing(why) => Err(why),
        Parsed::Events(events) => Ok(events
            .iter()
            .map(|event| {
                format!(
                    "{:?} {:?} {:?} {:?} {} {} {}",
                    event.kind,
                    event.bounce,
                    event.class,
                    event.recipient,
                    event.code,
                    event.status,
                    event.message_id
                )
            })
            .collect()),
    }
}

/// A file is one message, and as long as it is, unless it is an mbox or JSON.
fn check_as_file(document: &[u8]) {
    let start = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document).trim_ascii_start();
    if start.starts_with(b"From ") || matches!(start.first(), Some(b'{' | b'[')) {
        return;
    }
    let dir = seeds::room();
    let file = dir.path().join("x.eml");
    std::fs::write(&file, document).expect("room");
    let mut letters = Vec::new();
    each_letter(&file, "x.eml", &mut |letter| {
        letters.push(letter.raw.expect("a file that can be read"));
        true
    });
    assert_eq!(letters.len(), 1, "one file is one message");
    assert!(document.ends_with(&letters[0]), "a message is what its file holds");
    assert_eq!(letters[0].trim_ascii(), start.trim_ascii());
}
