use super::table::KNOWN;
use super::*;

fn read(at: Place, reply: &str) -> Reading {
    let (code, text) = reply.split_at(3);
    let text = text.trim_start();
    let (status, text) = match text.split_once(' ') {
        Some((first, rest)) if prose::is_status(first) => {
            let mut parts = first.split('.').map(|part| part.parse().expect("a number"));
            let mut next = || parts.next().expect("three parts");
            (Some(Status { class: next(), subject: next(), detail: next() }), rest)
        }
        _ => (None, text),
    };
    classify(code.parse().expect("a code"), status, text, at)
}

#[test]
fn every_entry_is_in_the_form_in_which_it_is_looked_for_and_has_a_source() {
    for known in KNOWN {
        assert!(
            known.says.len() > 3 && known.source.len() > 3 && !known.at.is_empty(),
            "{}",
            known.says
        );
        assert!(
            known.digits.bytes().all(|d| matches!(d, b'4' | b'5')) && !known.digits.is_empty(),
            "{}",
            known.says
        );
        if !prose::is_status(known.says) {
            assert_eq!(prose(known.says), known.says);
        }
    }
}

#[test]
fn no_entry_is_hidden_behind_one_that_says_the_same() {
    for (at, known) in KNOWN.iter().enumerate() {
        let same = |other: &&super::table::Known| {
            other.says == known.says && other.digits.contains(known.digits)
        };
        assert_eq!(KNOWN[..at].iter().find(same).map(|other| other.says), None, "{}", known.says);
    }
}

#[test]
fn known_words_mean_the_same_beside_any_code() {
    use Meaning::{Busy, Full, Gone, Hello, Policy, Quota, Rate, Relay, Sender, Share};
    for (at, reply, means) in [
        (
            Place::Rcpt,
            "450 4.2.1 The user you are trying to contact is receiving mail too 4.2.1 quickly.",
            Busy,
        ),
        (Place::Rcpt, "452 4.2.2 The recipient's inbox is out of storage space.", Full),
        (Place::Rcpt, "450 4.2.1 Peak SMTP relay limit exceeded for customer.", Rate),
        (Place::Rcpt, "451 4.7.1 Ratelimit \"user\" exceeded", Rate),
        (
            Place::Rcpt,
            "450 4.7.1 <u@example.com>: Recipient address rejected: Number messages per hour exceeded",
            Rate,
        ),
        (
            Place::Rcpt,
            "550 Requested action not taken: mailbox unavailable Failure sending mail. Try again later",
            Rate,
        ),
        (Place::Message, "454 Throttling failure: Daily message quota exceeded.", Quota),
        (Place::Message, "454 Throttling failure: Maximum sending rate exceeded.", Rate),
        (Place::Auth, "451 Authentication failed: Maximum credits exceeded", Quota),
        (
            Place::Rcpt,
            "554 5.7.1 <u@x.test>: Recipient address rejected: You have exceeded your Outmail quota.",
            Quota,
        ),
        (Place::Message, "451-Requested action aborted 451 Mails per session limit", Share),
        (Place::Mail, "421 too many messages in this connection", Share),
        (Place::Rcpt, "550 relay not permitted", Relay),
        (Place::Rcpt, "553 sorry, that domain isn't in my list of allowed rcpthosts", Relay),
        (Place::Message, "403 You are not authorized to send from that email address", Sender),
        (
            Place::Rcpt,
            "504 5.5.2 <3f2a9>: Helo command rejected: need fully-qualified hostname",
            Hello,
        ),
        (
            Place::Rcpt,
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
            Sender,
        ),
        (Place::Rcpt, "550 5.4.1 Recipient address rejected: Access denied. [x.outlook.com]", Gone),
    ] {
        assert_eq!(read(at, reply), Reading { means, is_known: true }, "{reply}");
    }
    let policy = read(Place::Message, "554 5.7.9 Message not accepted for policy reasons. See");
    assert_eq!(policy, Reading { means: Policy, is_known: false });
}

#[test]
fn where_the_code_gives_no_reason_the_words_about_recipients_do_as_in_bounces() {
    use Meaning::{Address, Disabled, Full, Gone, Policy};
    for (at, reply, means) in [
        (Place::Rcpt, "554 no such user here", Gone),
        (Place::Message, "554 Benutzer unbekannt", Gone),
        (Place::Rcpt, "550 la boîte pleine", Full),
        (Place::Rcpt, "550 5.0.0 this account has been disabled", Disabled),
        (Place::Rcpt, "553 5.0.0 malformed address", Address),
        (Place::Rcpt, "550 rejected as spam", Policy),
        (Place::Rcpt, "550 rejected", Gone),
        (Place::Rcpt, "550 5.7.1 no such user", Policy),
        (Place::Message, "554 rejected", Policy),
    ] {
        assert_eq!(read(at, reply), Reading { means, is_known: false }, "{reply}");
    }
}

#[test]
fn words_of_other_languages_count_at_hand_over_where_the_recipient_is_named_and_never_for_the_sender()
 {
    use Meaning::{Disabled, Full, Gone, Policy, Sender};
    for (reply, means) in [
        ("554 Empfänger existiert nicht", Gone),
        ("554 El destinatario no existe", Gone),
        ("554 La casella del destinatario è piena", Full),
        ("554 Das Konto des Empfängers ist gesperrt", Disabled),
        ("554 no existe", Policy),
        ("554 nicht gefunden", Policy),
        ("554 non esiste", Policy),
        ("554 gesperrt", Policy),
        ("554 Absenderadresse ist gesperrt", Sender),
        ("554 Absender existiert nicht", Sender),
        ("554 La dirección del remitente no existe", Sender),
        ("554 Il mittente non esiste", Sender),
        ("554 L'adresse de l'expéditeur n'existe pas", Sender),
        ("554 Адрес отправителя не существует", Sender),
        ("554 发件人不存在", Sender),
    ] {
        for at in [Place::Rcpt, Place::Message] {
            assert_eq!(read(at, reply), Reading { means, is_known: false }, "{at:?} {reply}");
        }
    }
}

#[test]
fn parts_of_a_phrase_stand_near_each_other() {
    let daily =
        |between: &str| read(Place::Rcpt, &format!("550 daily {between} limit exceeded")).is_known;
    assert!(
        daily("user sending")
            && !daily(&"newsletters ".repeat(30))
            && daily(&format!("{} daily", "ß ".repeat(300)))
    );
}

#[test]
fn what_one_recipients_server_said_and_what_addresses_hold_is_about_nobody_else() {
    for reply in [
        "450 4.1.1 <ann@x.example>: Recipient address rejected: unverified address: host mx.x.example[192.0.2.9] said: 554 5.7.1 Client host blocked using zen.spamhaus.org",
        "450 4.2.1 <ann@x.example>: too many messages for this recipient, try again later",
        "452 4.2.2 <ann@x.example>: the mailbox has too many messages",
        "450 Requested mail action not taken: mailbox unavailable, try again later",
        "451 4.7.1 <ann@x.example>: the rate limit for this mailbox is exceeded",
        "450 4.1.1 <ann@x.example>: Recipient address rejected: unverified address: too many connections to mx.x.example",
        "451 Could not complete recipient verify callout: too many concurrent connections",
        "550 5.7.1 Service unavailable; Recipient address [ann@x.example] blocked using dbl.example",
        "550 5.7.1 You have been blocked by the recipient",
        "550 5.7.1 <ann@x.example>: this address is blocked using our list of people who have left",
        "550 5.7.1 the forwarder of this recipient is known to spamhaus.org",
        "550 5.1.1 <relaying-denied@x.example>: Recipient address rejected",
        "550 5.1.1 \"daily quota exceeded\"@x.example is unknown here",
    ] {
        let reading = read(Place::Rcpt, reply);
        assert_eq!(reading.means.about(), About::Recipient, "{reply}: {reading:?}");
    }
}

#[test]
fn logins_are_refused_at_login_and_a_recipient_elsewhere() {
    for (at, reply, means) in [
        (Place::Auth, "535 5.7.8 no", Meaning::Credentials),
        (Place::Auth, "554 no", Meaning::Credentials),
        (Place::Mail, "530 5.7.0 authentication required", Meaning::Credentials),
        (Place::Mail, "550 5.7.9 mechanism too weak", Meaning::Credentials),
        (Place::Rcpt, "530 5.7.0 authentication required", Meaning::Policy),
        (Place::Message, "550 5.7.8 no", Meaning::Policy),
        (Place::Rcpt, "550 5.7.11 encryption required", Meaning::Policy),
    ] {
        assert_eq!(read(at, reply).means, means, "{at:?} {reply}");
    }
}

#[test]
fn a_sign_is_the_same_for_everybody_and_holds_no_address() {
    let of = |text: &str, local: &str, domain: &str| sign("550 5.1.1", text, local, domain);
    let first = of(
        "<ann@x.example>: user ann unknown at x.example (id 4XYZ7, 192.0.2.1)",
        "ann",
        "x.example",
    );
    assert_eq!(
        first,
        of(
            "<Bob.B@y.example>: user Bob.B unknown at mx.y.example (id 4ABC8, 192.0.2.9)",
            "Bob.B",
            "y.example"
        )
    );
    assert!(!first.contains('@') && !first.contains("ann"), "{first}");
    assert_ne!(first, of("<ann@x.example>: mailbox disabled", "ann", "x.example"));
    assert_eq!(of("", "", ""), "550 5.1.1");
}

#[test]
fn hostile_texts_are_read_too() {
    let long = "@".repeat(100_000) + &"quota ".repeat(50_000);
    for text in ["", "\0", "@", "<@>", "@@ ''@", "said:", "ß said: İ@", &long, "\u{feff}@\u{202e}"]
    {
        for at in [Place::Rcpt, Place::Bounce, Place::Api] {
            classify(0, None, text, at);
            sign("", text, "a", "");
        }
    }
}

#[test]
fn real_refusals_are_read_as_they_are_meant() {
    let mut reader =
        csv::Reader::from_reader(&include_bytes!("../../tests/fixtures/refusals.csv")[..]);
    let mut wrong = Vec::new();
    for record in reader.records().map(|record| record.expect("the table is CSV")) {
        let at = match &record[0] {
            "greeting" => Place::Greeting,
            "hello" => Place::Hello,
            "auth" => Place::Auth,
            "mail" => Place::Mail,
            "rcpt" => Place::Rcpt,
            "message" => Place::Message,
            _ => continue,
        };
        let reading = read(at, &record[1]);
        let means = format!("{:?}", reading.means).to_lowercase();
        if !record[2].split(',').any(|right| right == means) {
            wrong.push(format!(
                "{means} instead of {}, known: {}: {}",
                &record[2], reading.is_known, &record[1]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
