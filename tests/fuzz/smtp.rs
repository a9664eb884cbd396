//! What SMTP servers say, and what they are sent: replies in any pieces, what they come to, and
//! messages that cannot end early.

use mailbatch::internals::fuzzing::{self, Reading};
use mailbatch::internals::provider::{Health, Verdict};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "250 2.0.0 Ok: queued as 4AQW\r\n",
    "250-PIPELINING\r\n",
    "421 4.7.0 try later\r\n",
    "450 4.2.1 ",
    "451 4.7.1 greylisted, come back in 300 seconds\r\n",
    "452 4.2.2 full\r\n",
    "535 5.7.8 bad credentials\r\n",
    "550 5.1.1 no such user\r\n",
    "550-5.1.1 ",
    "552 5.2.3 too large\r\n",
    "554 5.7.1 ",
    "host mx.example said: ",
    "5.1.1",
    "user unknown",
    "rate limit",
    "daily quota exceeded",
    "sender rejected",
    "relay access denied",
    "<ann@example.com>",
    "in 99999999999 hours",
    "\r\n",
    "\n",
    "-",
    " ",
];

#[test]
fn smtp() {
    let table = String::from_utf8(seeds::file("replies.csv")).expect("text");
    let replies = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(3))
        .map(|reply| format!("{reply}\r\n").into_bytes());
    let mut seeds: Vec<Vec<u8>> = replies.collect();
    seeds.extend(seeds::texts(&[
        "250-mx.example\r\n250-SIZE 1000\r\n250 PIPELINING\r\n",
        "220 mx.example ESMTP\r\n",
        "550-5.1.1 The mailbox\r\n550 5.1.1 is gone\r\n",
    ]));
    fuzz(Target { name: "smtp", seeds, words: WORDS, check });
}

fn check(document: &[u8]) {
    let whole = fuzzing::smtp_replies(&[document]);
    let cut = document.len() / 3;
    for pieces in [document.split_at(cut), document.split_at(document.len() - cut)] {
        assert_eq!(
            fuzzing::smtp_replies(&[pieces.0, pieces.1]),
            whole,
            "two pieces read like the whole"
        );
    }
    let bytes: Vec<&[u8]> = document.chunks(1).collect();
    assert_eq!(fuzzing::smtp_replies(&bytes), whole, "single bytes read like the whole");
    for reply in &whole.replies {
        assert!((200..600).contains(&reply.code) && reply.lines <= 200);
        let is_line = |text: &str| text.chars().count() <= 300 && !text.contains(char::is_control);
        assert!(
            is_line(&reply.text) && reply.code_text.starts_with(&reply.code.to_string()),
            "{reply:?}"
        );
    }
    fuzzing::smtp_readings(document).iter().for_each(check_reading);
    check_wire(document);
}

/// What a refusal comes to.
fn check_reading(reading: &Reading) {
    let Reading { code, verdict, health, wait } = reading;
    match verdict {
        Verdict::Accepted { .. } => panic!("a refusal that accepts"),
        Verdict::Unknown { .. } => panic!("a refusal is an answer"),
        Verdict::Rejected(refusal) => {
            assert!(*code >= 500, "{code} is for now");
            assert!(!refusal.mailbox_gone || refusal.code.starts_with('5'));
        }
        Verdict::Suppressed(_) | Verdict::NotTaken { .. } => {}
    }
    if let Health::SlowDown(for_how_long) = health {
        assert!(for_how_long.as_secs() <= 86_400);
    }
    assert!(wait.is_none_or(|wait| wait.as_secs() <= 86_400), "a wait of {wait:?}");
}

/// A server that follows RFC 5321 reads the message back line by line, and nothing ends it before
/// its end.
fn check_wire(message: &[u8]) {
    let wire = fuzzing::smtp_data(message);
    let end = wire.strip_suffix(b".\r\n").expect("a lone dot ends it");
    assert!(end.is_empty() || end.ends_with(b"\r\n"));
    let text: Vec<&[u8]> = if end.is_empty() {
        Vec::new()
    } else {
        end[..end.len() - 2]
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .collect()
    };
    assert!(
        !end.starts_with(b".\r\n") && !end.windows(5).any(|five| five == b"\r\n.\r\n"),
        "the message ends early"
    );
    assert_eq!(
        end.iter().filter(|byte| **byte == b'\r').count(),
        end.iter().filter(|byte| **byte == b'\n').count(),
        "a bare CR or LF"
    );
    let read: Vec<u8> = text
        .iter()
        .map(|line| line.strip_prefix(b".").unwrap_or(line))
        .collect::<Vec<_>>()
        .join(&b"\r\n"[..]);
    let chunk = fuzzing::smtp_chunk(message);
    let head = chunk.iter().position(|byte| *byte == b'\n').expect("a command");
    let length: usize = std::str::from_utf8(&chunk[5..head])
        .expect("ASCII")
        .trim_end()
        .trim_end_matches(" LAST")
        .parse()
        .expect("a length");
    assert_eq!(length, chunk.len() - head - 1, "a chunk is as long as it says");
    assert_eq!(
        chunk[head + 1..].strip_suffix(b"\r\n").unwrap_or_default(),
        read,
        "both ways deliver the same"
    );
}
