//! Tests with bounces in the formats of all known mail systems. The messages are invented; they are
//! in `tests/fixtures/mail`.

use std::path::Path;

use super::*;
use crate::model::event::Bounce;

/// The type, class (`*` matches any) and recipient of each expected event.
type Expected = &'static [(&'static str, &'static str, &'static str)];

const MESSAGES: &[(&str, Expected)] = &[
    ("postfix", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    (
        "postfix-two-people",
        &[
            ("bounced(hard)", "mailbox_gone", "ann@example.com"),
            ("bounced(soft)", "mailbox_full", "bob@example.com"),
        ],
    ),
    ("delayed", &[("deferred", "routing", "ann@example.com")]),
    ("relayed", &[("delivered", "", "ann@example.com")]),
    ("policy", &[("bounced(soft)", "policy", "ann@example.com")]),
    ("too-large", &[("bounced(soft)", "too_large", "ann@example.com")]),
    ("domain-gone", &[("bounced(hard)", "domain_gone", "ann@example.com")]),
    ("expired", &[("bounced(soft)", "expired", "ann@example.com")]),
    ("loop", &[("bounced(soft)", "routing", "ann@example.com")]),
    ("generic-status", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("exchange-base64", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("office365-directory", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("gmail", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("ses", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("yahoo", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("headers-only", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("original-recipient", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("fields-in-any-order", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("truncated", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("report-as-text", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("qmail", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("exim", &[("bounced(soft)", "mailbox_full", "ann@example.com")]),
    ("exim-warning", &[("deferred", "*", "ann@example.com")]),
    ("sendmail", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("exchange-old", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("notes", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("groupwise", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("courier", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("mdaemon", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-german", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-french", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-spanish", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-italian", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-portuguese", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-dutch", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-russian", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-japanese", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-chinese", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("language-japanese-jis", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("wrong-charset", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("verp", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("forwarded", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("forwarded-as-text", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("nameless-report", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("fields-in-a-text", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("forwarded-mailbox", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("no-known-sender", &[("bounced(soft)", "mailbox_full", "ann@example.com")]),
    ("refused-by-5.7.1", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("help-desk", &[("bounced(hard)", "mailbox_gone", "support@example.com")]),
    ("sender-refused", &[("bounced(soft)", "policy", "ann@example.com")]),
    ("x400-recipient", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("without-accents", &[("bounced(soft)", "mailbox_full", "ann@example.com")]),
    ("slow-warning", &[("bounced(soft)", "routing", "ann@example.com")]),
    ("address-in-the-sentence", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("sns-notification", &[("bounced(hard)", "mailbox_gone", "ann@example.com")]),
    ("hotmail-as-it-was", &[("complained", "abuse", "ann@example.com")]),
    ("arf", &[("complained", "abuse", "ann@example.com")]),
    ("arf-redacted", &[("complained", "abuse", "")]),
    ("arf-not-spam", &[("complained", "not_spam", "ann@example.com")]),
    ("arf-authentication", &[("none", "", "")]),
    ("hotmail", &[("complained", "abuse", "ann@example.com")]),
    ("nothing-out-of-office", &[("none", "", "")]),
    ("nothing-out-of-office-german", &[("none", "", "")]),
    ("nothing-no-longer-here", &[("none", "", "")]),
    ("nothing-vacation", &[("none", "", "")]),
    ("nothing-challenge", &[("none", "", "")]),
    ("nothing-person", &[("none", "", "")]),
    ("nothing-ticket", &[("none", "", "")]),
    ("nothing-read-receipt", &[("none", "", "")]),
];

fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/mail")
            .join(format!("{name}.eml")),
    )
    .unwrap()
}

fn found_in(raw: &[u8]) -> Vec<(String, String, String)> {
    match read(raw, now()) {
        Parsed::Nothing(_) => vec![("none".into(), String::new(), String::new())],
        Parsed::Events(events) => {
            let class =
                |event: &Event| event.class.map_or(String::new(), |class| class.to_string());
            events
                .iter()
                .map(|event| {
                    (
                        event.word().to_owned(),
                        class(event),
                        event.recipient.clone().unwrap_or_default(),
                    )
                })
                .collect()
        }
    }
}

#[test]
fn every_form_is_read_with_its_recipient_and_class() {
    for (name, expected) in MESSAGES {
        let found = found_in(&fixture(name));
        let fits = |(found, expected): (&(String, String, String), &(&str, &str, &str))| {
            found.0 == expected.0
                && (expected.1 == "*" || found.1 == expected.1)
                && found.2 == expected.2
        };
        assert!(
            found.len() == expected.len() && found.iter().zip(*expected).all(fits),
            "{name}: {found:?}, not {expected:?}"
        );
    }
}

#[test]
fn every_message_of_the_directory_is_expected_to_tell_something() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), MESSAGES.len());
}

#[test]
fn line_ends_of_any_kind_make_no_difference() {
    for (name, _) in MESSAGES {
        let raw = fixture(name);
        let crlf = String::from_utf8_lossy(&raw).replace('\n', "\r\n");
        if std::str::from_utf8(&raw).is_ok() {
            assert_eq!(found_in(crlf.as_bytes()), found_in(&raw), "{name}");
        }
    }
}

#[test]
fn the_message_id_the_token_and_the_time_are_kept_and_the_same_message_is_the_same_event() {
    let raw = fixture("postfix");
    let Parsed::Events(events) = read(&raw, now()) else { panic!("nothing") };
    assert_eq!(events[0].message_id, "0123456789abcdef01234567@acme.example");
    assert_eq!(
        (events[0].code.as_str(), events[0].status.as_str(), events[0].bounce),
        ("550", "5.1.1", Some(Bounce::Hard))
    );
    assert_eq!(events[0].at.to_string(), "2026-11-21T12:00:00Z");
    assert_eq!(events[0].raw.as_ref().map(|kept| kept.bytes()), Some(&raw[..]));
    let Parsed::Events(again) = read(&raw, Timestamp::now()) else { panic!("nothing") };
    assert_eq!(events[0].id, again[0].id);
    let named = String::from_utf8(raw)
        .unwrap()
        .replace("To: <bounces@", "To: <bounce+89abcdef0123456789abcdef@");
    let Parsed::Events(named) = read(named.as_bytes(), now()) else { panic!("nothing") };
    assert_eq!(named[0].token, "89abcdef0123456789abcdef");
    let undated = named[0]
        .raw
        .as_ref()
        .map(|raw| {
            String::from_utf8_lossy(raw.bytes()).replace("Date: Sat, 21 Nov 2026 12", "X: 12")
        })
        .unwrap();
    let ids: Vec<String> = [now(), Timestamp::now()]
        .map(|now| match read(undated.as_bytes(), now) {
            Parsed::Events(events) => events[0].id.clone(),
            Parsed::Nothing(why) => panic!("{why}"),
        })
        .into();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn no_input_stops_the_reader() {
    assert_eq!(read(b"", now()), Parsed::Nothing("empty"));
    assert_eq!(read(b"\n \n", now()), Parsed::Nothing("empty"));
    assert_eq!(read(&[0; 100], now()), Parsed::Nothing("not a mail message"));
    let whole: Vec<(&str, Vec<u8>)> = ["postfix", "arf", "forwarded", "qmail", "exchange-base64"]
        .map(|name| (name, fixture(name)))
        .into();
    for (_, raw) in &whole {
        for end in (0..raw.len()).step_by(31) {
            read(&raw[..end], now());
            let mut broken = raw.clone();
            broken[end] ^= 0x80;
            read(&broken, now());
        }
    }
    // Nested messages, nested multiparts, and a line without an end.
    let mut nested = fixture("postfix");
    for _ in 0..200 {
        nested = [b"From: a@x.org\nContent-Type: message/rfc822\n\n".as_slice(), &nested].concat();
    }
    read(&nested, now());
    let mut parts = b"From: MAILER-DAEMON@x.org\nSubject: failure notice\nContent-Type: multipart/mixed; boundary=b0\n\n".to_vec();
    for n in 1..2_000 {
        parts.extend(
            format!("--b{}\nContent-Type: multipart/mixed; boundary=b{n}\n\n", n - 1).bytes(),
        );
    }
    read(&parts, now());
    let mut long = b"From: MAILER-DAEMON@x.org\nSubject: failure notice\n\n".to_vec();
    long.resize(200_000, b'@');
    read(&long, now());
}

#[test]
fn free_text_about_thousands_of_people_tells_of_each() {
    let people = |count: usize| {
        (0..count)
            .map(|n| format!("<person{n}@example.com>: 550 5.1.1 user unknown\n"))
            .collect::<String>()
    };
    let head = "From: MAILER-DAEMON@mx.example.net\nTo: bounces@acme.example\nSubject: Undelivered Mail Returned to Sender\n\n";
    let many = found_in(format!("{head}{}", people(1_000)).as_bytes());
    assert_eq!((many.len(), many[999].2.as_str()), (1_000, "person999@example.com"));
}

/// The text about a recipient is searched only near its address, so a long line takes no longer.
/// Earlier, 2,000 recipients on one line took half a minute.
#[test]
fn thousands_of_people_on_one_line_are_told_of() {
    let people: Vec<String> = (0..2_000).map(|n| format!("person{n}@example.com")).collect();
    let raw = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: bounces@acme.example\nSubject: Undelivered Mail Returned to Sender\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\nDelivery failed: {}\n--b\nContent-Type: message/rfc822\n\n\
         From: news@acme.example\nTo: {}\nSubject: x\n\nx\n--b--\n",
        people.join(" "),
        people.join(", ")
    );
    assert_eq!(found_in(raw.as_bytes()).len(), 2_000);
}

/// Returns the recipients that a message would suppress, each with the Message-ID by which the
/// ledger finds the recipient.
fn suppressed(raw: &str) -> Vec<(String, String)> {
    let Parsed::Events(events) = read(raw.as_bytes(), now()) else { return Vec::new() };
    let hard = events.into_iter().filter(|event| event.suppresses().is_some());
    hard.map(|event| (event.recipient.unwrap_or_default(), event.message_id)).collect()
}

/// Builds a bounce of a message to ann. If `fields` is not empty, it contains a report.
fn returned(said: &str, fields: &str) -> String {
    let (kind, report) = match fields {
        "" => ("mixed", String::new()),
        fields => ("report; report-type=delivery-status", {
            format!(
                "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n{fields}\n\n"
            )
        }),
    };
    format!(
        "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\nTo: news@acme.example\n\
         Subject: Undelivered Mail Returned to Sender\nDate: Sat, 21 Nov 2026 12:00:00 +0000\nContent-Type: multipart/{kind}; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\n{said}\n\n{report}--b\nContent-Type: message/rfc822\n\nFrom: news@acme.example\n\
         To: ann@example.com\nSubject: Hi\nMessage-ID: <0123456789abcdef01234567@acme.example>\n\nHello\n\n--b--\n"
    )
}

#[test]
fn a_colleague_who_is_named_beside_the_one_who_is_gone_is_not_suppressed() {
    let x400 = "Final-Recipient: x400; /C=US/O=EX/S=Ann/\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown";
    for (said, fields) in [
        (
            "Your message could not be delivered. The user does not exist: Ann has left. Please contact bob@example.com instead.",
            "",
        ),
        (
            "Your message could not be delivered. The user does not exist.\n\nPlease contact\nbob@example.com\ninstead.",
            "",
        ),
        (
            "Your message could not be delivered. This user does not exist, please write to bob@example.com.",
            "",
        ),
        (
            "Your message could not be delivered. The user does not exist. Bob (bob@example.com) does her work now.",
            "",
        ),
        (
            "Your message could not be delivered: this mailbox does not exist. If you need help, write to bob@example.com.",
            x400,
        ),
        (
            "Your message could not be delivered: this mailbox does not exist.\n\nbob@example.com\n",
            x400,
        ),
        (
            "Your message could not be delivered.",
            &x400.replace("x400; /C=US/O=EX/S=Ann/", "rfc822; ann"),
        ),
    ] {
        let raw = returned(said, fields);
        let people: Vec<String> = suppressed(&raw).into_iter().map(|(person, _)| person).collect();
        assert_eq!(people, ["ann@example.com"], "{raw}");
    }
    // The text names a forwarding target or a list member, and gives the reason.
    for said in [
        "addressed to 'carl@example.org', failed: user unknown",
        "Invalid final delivery userid: carl@example.org",
    ] {
        assert_eq!(
            suppressed(&returned(&format!("Your message could not be delivered.\n{said}"), ""))[0]
                .0,
            "carl@example.org",
            "{said}"
        );
    }
}

#[test]
fn a_member_of_a_list_that_reached_others_takes_nobody_along() {
    let ours = "0123456789abcdef01234567@acme.example";
    let gone = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown";
    let carl = format!("Final-Recipient: rfc822; carl@example.com\n{gone}");
    for arrived in ["delivered", "relayed", "expanded"] {
        let took = |person: &str| {
            format!(
                "Final-Recipient: rfc822; {person}@example.com\nAction: {arrived}\nStatus: 2.0.0"
            )
        };
        let alias = "Original-Recipient: rfc822; ann@example.com";
        for (fields, hard) in [
            (format!("{}\n\n{carl}", took("ann")), vec![("carl@example.com", "")]),
            (format!("{carl}\n\n{}", took("bea")), vec![("carl@example.com", "")]),
            (
                format!("{alias}\n{}\n\n{alias}\n{carl}", took("bea")),
                vec![("carl@example.com", "")],
            ),
            (
                format!("{}\n\nFinal-Recipient: rfc822; ann@example.com\n{gone}", took("ann")),
                vec![],
            ),
            (format!("{}\n\nFinal-Recipient: x400; /S=Carl/\n{gone}", took("ann")), vec![]),
            // The report says that delivery to ann failed and delivery to bea succeeded.
            (
                format!("{}\n\nFinal-Recipient: rfc822; ann@example.com\n{gone}", took("bea")),
                vec![("ann@example.com", ours)],
            ),
        ] {
            let raw = returned("This is a report.", &fields);
            let found = suppressed(&raw);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(person, id)| (person.as_str(), id.as_str())).collect();
            assert_eq!(found, hard, "{raw}");
        }
    }
    assert_eq!(
        suppressed(&returned("This is a report.", &carl))[0].1,
        ours,
        "a forward that fails is hers"
    );
}

#[test]
fn a_mailbox_without_a_domain_is_nobody_else() {
    let fields = |name: &str| {
        format!(
            "Final-Recipient: rfc822; {name}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: {name}: 550 <{name}@localhost>... User unknown"
        )
    };
    // A program such as fetchmail delivers to the mailboxes of its own host, without a domain.
    let suppressed = |name: &str| {
        suppressed(&returned(
            "Some addresses were rejected by the MDA fetchmail forwards to.",
            &fields(name),
        ))
    };
    assert_eq!(
        suppressed("account"),
        [(String::new(), String::new())],
        "an address, or a message by which it could be known, is not named"
    );
    assert_eq!(
        suppressed("ann").iter().map(|(person, _)| person.as_str()).collect::<Vec<_>>(),
        ["ann@example.com"],
        "the rest of the report completes it"
    );
}
