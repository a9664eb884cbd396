//! Tests with kinds of bounces that were once misread. Each kind has invented examples with their
//! expected result.

use super::*;
use crate::model::event::Bounce;

fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().unwrap()
}

/// Formats each event as `word class recipient`. ` (hearsay)` is appended if the event is unproven.
fn lines_of(raw: &str) -> Vec<String> {
    let Parsed::Events(events) = read(raw.as_bytes(), now()) else { return Vec::new() };
    let line = |event: &Event| {
        let class = event.class.map_or("", |class| class.as_str());
        let hearsay = if event.is_hearsay { " (hearsay)" } else { "" };
        format!("{} {class} {}{hearsay}", event.word(), event.recipient.as_deref().unwrap_or("-"))
    };
    events.iter().map(line).collect()
}

const HEAD: &str = "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\nTo: bounce@acme.example\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\n";

/// Builds a report from its text, the fields about one recipient, and the recipient of the returned
/// message.
fn report(said: &str, fields: &str, to: &str) -> String {
    format!(
        "{HEAD}Subject: Undelivered Mail Returned to Sender\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
         --b\nContent-Type: text/plain; charset=utf-8\n\n{said}\n\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example.com\n\n{fields}\n\n--b\nContent-Type: message/rfc822\n\nFrom: News <news@acme.example>\nTo: {to}\n\
         Subject: Hi\nMessage-ID: <1@acme.example>\n\nHello\n\n--b--\n"
    )
}

fn failed(recipient: &str, status: &str, said: &str) -> String {
    format!(
        "Final-Recipient: {recipient}\nAction: failed\nStatus: {status}\nDiagnostic-Code: {said}"
    )
}

/// Builds a bounce in free text.
fn text(subject: &str, said: &str) -> String {
    format!(
        "{HEAD}Subject: {subject}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{said}\n"
    )
}

/// Builds the header of the returned message, as it appears below a text.
fn original(to: &str) -> String {
    format!(
        "\n------ This is a copy of the message, including all the headers. ------\n\nReturn-Path: <bounce@acme.example>\n\
         Received: from a by b; Sat, 21 Nov 2026 11:59:00 +0000\nFrom: news@acme.example\nTo: {to}\nSubject: News\nDate: Sat, 21 Nov 2026 11:59:00 +0000\n"
    )
}

#[test]
fn a_status_that_sendmail_made_of_a_bare_reply_code_gives_way_to_the_words() {
    let transcript = |reply: &str, own: &str| {
        format!(
            "   ----- The following addresses had permanent fatal errors -----\n<ann@example.net>\n    (reason: {reply})\n\n\
             \x20  ----- Transcript of session follows -----\n... while talking to mx.example.net.:\n>>> DATA\n<<< {reply}\n{own} <ann@example.net>... User unknown\n"
        )
    };
    for (status, reply, own, expected) in [
        (
            "5.1.1",
            "550 Denied due to spam list",
            "550 5.1.1",
            "bounced(soft) policy ann@example.net",
        ),
        (
            "5.1.1",
            "550 Ihre Nachricht gefällt uns nicht",
            "550 5.1.1",
            "bounced(soft) policy ann@example.net",
        ),
        (
            "5.1.3",
            "553 mail from your network is blocked",
            "553 5.1.3",
            "bounced(soft) policy ann@example.net",
        ),
        ("5.1.6", "551 we do not relay", "551 5.1.6", "bounced(soft) policy ann@example.net"),
        ("5.1.1", "550 mailbox full", "550 5.1.1", "bounced(soft) mailbox_full ann@example.net"),
        (
            "5.1.1",
            "550 no such user here",
            "550 5.1.1",
            "bounced(hard) mailbox_gone ann@example.net",
        ),
        ("5.1.1", "550 5.1.1 unknown", "550 5.1.1", "bounced(hard) mailbox_gone ann@example.net"),
    ] {
        let said = transcript(reply, own);
        let fields = failed("RFC822; ann@example.net", status, &format!("SMTP; {reply}"));
        assert_eq!(lines_of(&report(&said, &fields, "ann@example.net")), [expected], "{reply}");
        let alone = format!(
            "{}{}",
            text("Returned mail: see transcript for details", &said),
            original("ann@example.net")
        );
        assert_eq!(lines_of(&alone), [expected], "{alone}");
    }
}

#[test]
fn an_address_that_is_only_mentioned_is_never_the_one_that_bounced() {
    for said in [
        "Your message could not be delivered. This mailbox does not exist any more. Please use carol@example.net.",
        "Your message could not be delivered. This mailbox does not exist any more. Her successor is carol@example.net.",
        "Your message could not be delivered. No such mailbox. Questions: carol@example.net",
        "Your message could not be delivered.\nThis user is unknown here.\nThe service desk (carol@example.net) is open until five.",
        "Diese Nachricht konnte nicht zugestellt werden. Das Postfach existiert nicht. Vertretung: carol@example.net.",
        "Your message could not be delivered. Carol <carol@example.net> has taken over.",
    ] {
        for from in [
            "Example Ltd <info@example.net>",
            "Mail Delivery System <MAILER-DAEMON@mx.example.net>",
        ] {
            let raw = format!(
                "Return-Path: <>\nFrom: {from}\nTo: bounce@acme.example\nSubject: Undeliverable: Spring\n\n{said}\n"
            );
            assert!(
                lines_of(&raw).iter().all(|line| !line.contains("carol")),
                "{raw}: {:?}",
                lines_of(&raw)
            );
        }
    }
}

#[test]
fn a_field_that_cannot_be_read_names_nobody_and_signs_stay_where_they_are() {
    for (field, expected) in [
        ("RFC822; ann@#example.net", "bounced(hard) domain_gone -"),
        ("rfc822; ann@@example.net", "bounced(hard) domain_gone -"),
        ("rfc822; <ann@>", "bounced(hard) domain_gone -"),
        ("utf-8; m\\x{D800}ller@example.net", "bounced(hard) domain_gone -"),
        ("rfc822; ann bob@example.net\u{fffd}", "bounced(hard) domain_gone -"),
        ("rfc822;'ann@example.net", "bounced(hard) domain_gone -"),
        ("rfc822;=ann@example.net", "bounced(hard) domain_gone =ann@example.net"),
        ("rfc822;/ann@example.net", "bounced(hard) domain_gone /ann@example.net"),
        ("rfc822;-ann@example.net", "bounced(hard) domain_gone -ann@example.net"),
        ("rfc822;{ann@example.net", "bounced(hard) domain_gone -"),
    ] {
        let raw = report("x", &failed(field, "5.1.2", "smtp; 550 Host unknown"), "ann@example.net");
        assert_eq!(lines_of(&raw), [expected], "{field}");
        let Parsed::Events(events) = read(raw.as_bytes(), now()) else { panic!("{raw}") };
        assert!(events[0].recipient.is_some() || events[0].message_id.is_empty(), "{raw}");
    }
}

#[test]
fn an_international_address_is_read_whole_in_fields_texts_and_complaints() {
    for (written, person) in [
        ("müller@example.com", "müller@example.com"),
        ("m\\x{FC}ller@example.com", "müller@example.com"),
        ("m\\x{00FC}ller@example.com", "müller@example.com"),
        ("jösé.garcía@example.com", "jösé.garcía@example.com"),
        ("\\x{438}\\x{432}\\x{430}\\x{43D}@example.com", "иван@example.com"),
        ("用户@example.com", "用户@example.com"),
        ("δοκιμή.ann@example.com", "δοκιμή.ann@example.com"),
        ("ann.ü@example.com", "ann.ü@example.com"),
    ] {
        let gone = format!("bounced(hard) mailbox_gone {person}");
        for kind in ["utf-8; ", "rfc822;", "UTF-8;", ""] {
            let fields =
                failed(&format!("{kind}{written}"), "5.1.1", "smtp; 550 5.1.1 no such user");
            let raw = report("Nicht zugestellt.", &fields, "ann@example.com");
            assert_eq!(lines_of(&raw), [gone.as_str()], "{raw}");
            let global = raw.replace(
                "message/delivery-status",
                "message/global-delivery-status\nContent-Transfer-Encoding: 8bit",
            );
            assert_eq!(
                lines_of(&global.replace("report-type=delivery", "report-type=global-delivery")),
                [gone.as_str()],
                "{global}"
            );
        }
        for said in [
            format!("<{written}>: 550 5.1.1 no such user"),
            format!(
                "Hi. This is the qmail-send program at mx.example.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<{written}>:\nSorry, no mailbox here by that name. (#5.1.1)"
            ),
            format!(
                "Your message could not be delivered to one or more recipients.\n\n  {written}\n    Unknown user"
            ),
        ] {
            assert_eq!(lines_of(&text("failure notice", &said)), [gone.as_str()], "{said}");
        }
        let complaint = format!(
            "From: fbl@example.net\nTo: bounce@acme.example\nSubject: complaint\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
             --b\n\nx\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\nUser-Agent: x\nOriginal-Rcpt-To: <{written}>\n\n--b--\n"
        );
        assert_eq!(lines_of(&complaint), [format!("complained abuse {person}")], "{complaint}");
    }
}

#[test]
fn each_reason_stands_below_its_own_address() {
    let head = "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\n\
        recipients. This is a permanent error. The following address(es) failed:\n\n";
    for (said, expected) in [
        (
            "  ann@example.net\n    Unknown user\n  bob@example.net\n    retry timeout exceeded\n",
            ["bounced(hard) mailbox_gone ann@example.net", "bounced(soft) expired bob@example.net"],
        ),
        (
            "  ann@example.net\n    retry timeout exceeded\n  bob@example.net\n    Unknown user\n",
            ["bounced(soft) expired ann@example.net", "bounced(hard) mailbox_gone bob@example.net"],
        ),
        (
            "  ann@example.net\n    mailbox is full\n\n  bob@example.net\n    Unknown user\n",
            [
                "bounced(soft) mailbox_full ann@example.net",
                "bounced(hard) mailbox_gone bob@example.net",
            ],
        ),
        (
            "  ann@example.net\n    das ist so nicht vorgesehen\n  bob@example.net\n    Unknown user\n",
            ["bounced(soft) other ann@example.net", "bounced(hard) mailbox_gone bob@example.net"],
        ),
        (
            "  ann@example.net\n  bob@example.net\n    Unknown user\n",
            [
                "bounced(hard) mailbox_gone ann@example.net",
                "bounced(hard) mailbox_gone bob@example.net",
            ],
        ),
    ] {
        let raw = format!(
            "{}{}",
            text("Mail delivery failed: returning message to sender", &format!("{head}{said}\n")),
            original("ann@example.net, bob@example.net")
        );
        assert_eq!(lines_of(&raw), expected, "{raw}");
    }
}

#[test]
fn the_reason_decides_and_not_what_stands_in_every_bounce_of_a_system() {
    let boilerplate = "An error was detected while processing the enclosed message. This list is in a special format that\nallows software to automatically take action on incorrect\n\
        addresses; you can safely ignore the numeric codes.\n\n";
    for (said, expected) in [
        (
            "Error-for:  ann@example.net\nError-Text: Mailer mx.example.net said:\n            \"554 Message looping (received 6 times)\"\n",
            "bounced(soft) other ann@example.net",
        ),
        (
            "Error-for:  ann@example.net\nError-Text: Mailer mx.example.net said:\n            \"550 no such user\"\n",
            "bounced(hard) mailbox_gone ann@example.net",
        ),
        (
            "Error-for:  ann@example.net\nError-Text: Mailer mx.example.net said:\n            \"552 mailbox full\"\n",
            "bounced(soft) mailbox_full ann@example.net",
        ),
    ] {
        let raw = format!(
            "{}{}",
            text("Undelivered mail", &format!("{boilerplate}{said}")),
            original("ann@example.net")
        );
        assert_eq!(lines_of(&raw), [expected], "{raw}");
    }
    let catch_all = "Hi. This is the qmail-send program at mx.example.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n\
        <ann@example.net>:\nuser does not exist, but will deliver to /home/vpopmail/domains/example.net/bob/\ncan not open new email file errno=2\nsystem error\n";
    let raw = format!("{}{}", text("failure notice", catch_all), original("ann@example.net"));
    assert_eq!(lines_of(&raw), ["bounced(soft) system ann@example.net"], "{raw}");
}

#[test]
fn class_4_is_for_now_whatever_the_words() {
    for (status, said) in [
        (
            "4.1.1",
            "smtp; 450 4.1.1 <ann@example.net>: Recipient address rejected: User unknown in local recipient table",
        ),
        ("4.0.0", "smtp; 450 user unknown"),
        ("4.1.2", "smtp; 450 4.1.2 domain not found"),
        (
            "4.0.0",
            "smtp; DNS Error: DNS type 'mx' lookup of example.net responded with code NXDOMAIN",
        ),
        ("4.1.3", "smtp; 450 4.1.3 malformed address"),
        ("4.2.1", "smtp; 450 4.2.1 no such user"),
    ] {
        let found = lines_of(&report(
            "x",
            &failed("rfc822; ann@example.net", status, said),
            "ann@example.net",
        ));
        assert!(
            found.len() == 1
                && found[0].starts_with("bounced(soft) ")
                && found[0].ends_with("ann@example.net"),
            "{said}: {found:?}"
        );
    }
}

#[test]
fn reports_of_exchange_that_answer_the_message_are_reports() {
    let said = "Delivery has failed to these recipients or groups:\n\nann@example.net\nThe email address you entered couldn't be found.\n\n\
        Diagnostic information for administrators:\n\nGenerating server: mx.example.net\n\nann@example.net\n\
        Remote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'\n";
    let from = |address: &str| {
        format!(
            "From: Microsoft Outlook <{address}@example.net>\nTo: bounce@acme.example\nSubject: Undeliverable: Spring\nIn-Reply-To: <m1@acme.example>\n\n{said}"
        )
    };
    assert_eq!(
        lines_of(&from("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e")),
        ["bounced(hard) mailbox_gone ann@example.net"]
    );
    assert!(
        lines_of(&from("microsoftexchange.fan")).iter().all(|line| line.ends_with("(hearsay)"))
    );
}

#[test]
fn a_refusal_in_one_line_is_no_automatic_answer() {
    for said in [
        "You sent mail to ann@example.net. That's not a valid user here.",
        "ann@example.net: no such user",
        "Mailbox ann@example.net does not exist.",
    ] {
        let raw = format!(
            "Return-Path: <>\nFrom: <>\nTo: bounce@acme.example\nSubject: \nAuto-Submitted: auto-replied\nIn-Reply-To: <m1@acme.example>\n\n{said}\n"
        );
        assert_eq!(
            lines_of(&raw),
            ["bounced(hard) mailbox_gone ann@example.net (hearsay)"],
            "{said}"
        );
    }
}

#[test]
fn the_footer_of_a_mailing_list_names_nobody() {
    let footer = "_______________________________________________\nnews mailing list\nnews@lists.example.org\nhttp://lists.example.org/mailman/listinfo/news\n";
    let said = format!(
        "The following recipient(s) could not be reached:\n\nann@example.net\n   Remote server replied: 550 no such user\n\n{footer}"
    );
    assert_eq!(
        lines_of(&text("Message undeliverable: Spring", &said)),
        ["bounced(hard) mailbox_gone ann@example.net"]
    );
    let said = format!("Your message could not be delivered.\n\n{footer}");
    assert!(
        lines_of(&text("Message undeliverable: Spring", &said))
            .iter()
            .all(|line| !line.contains('@')),
        "{said}"
    );
}

#[test]
fn a_report_that_names_an_alias_gets_the_reason_below_the_address_it_went_to() {
    let said = "This message was created automatically by mail delivery software.\n\nThe following address(es) failed:\n\n\
        \x20 bob@example.net\n    (generated from ann@example.net)\n    Unrouteable address\n";
    let fields = "Action: failed\nFinal-Recipient: rfc822;ann@example.net\nStatus: 5.0.0\n\nAction: failed\nFinal-Recipient: rfc822;eve@example.net\nStatus: 5.0.0";
    let raw = report(said, fields, "list@example.net")
        .replace("To: bounce", "X-Failed-Recipients: bob@example.net\nTo: bounce");
    assert_eq!(
        lines_of(&raw),
        ["bounced(hard) mailbox_gone ann@example.net", "bounced(soft) other eve@example.net"]
    );
}

#[test]
fn a_short_refusal_for_want_of_room_is_one_and_hearsay() {
    let raw = "Return-Path: <root@mx.example.net>\nFrom: <MAILER-DAEMON@mx.example.net>\nTo: bounce@acme.example\nSubject: Spring\n\
        In-Reply-To: <m1@acme.example>\n\nYour message to ann@example.net was rejected due to the user exceeding its mailbox quota\n";
    assert_eq!(lines_of(raw), ["bounced(soft) mailbox_full ann@example.net (hearsay)"]);
}

#[test]
fn a_system_that_goes_on_trying_has_not_given_up() {
    for said in [
        "Delivery of email to this address\n\n\"ann@example.net\"\n\nhas been postponed due to a full mailbox.\n\nWe will continue to try to deliver your message over the next few days.",
        "<ann@example.net>: mailbox full\n\nThe server is still trying to deliver this message.",
        "<ann@example.net>: mailbox full\n\nDelivery will be attempted again in an hour.",
        "Zustellung an <ann@example.net> war bisher nicht möglich: Postfach voll. Es wird weiterhin versucht.",
    ] {
        let raw = format!("{}{}", text("Mail Delivery System", said), original("ann@example.net"));
        assert_eq!(lines_of(&raw), ["deferred mailbox_full ann@example.net"], "{raw}");
    }
}

#[test]
fn a_rejection_in_the_form_of_a_receipt_is_a_bounce_and_never_a_hard_one() {
    let raw = |subject: &str, said: &str, disposition: &str| {
        format!(
            "Return-Path: <MAILER-DAEMON>\nFrom: Mail Delivery Subsystem <admin@example.net>\nTo: bounce@acme.example\nSubject: {subject}\n\
             Auto-Submitted: auto-replied\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\n{said}\n--b\n\
             Content-Type: message/disposition-notification\n\nReporting-UA: mx; Dovecot Mail Delivery Agent\nFinal-Recipient: rfc822; ann@example.net\n\
             Disposition: automatic-action/MDN-sent-automatically; {disposition}\n\n--b--\n"
        )
    };
    let rejected = "Your message to <ann@example.net> was automatically rejected:\n";
    for (subject, said, disposition, expected) in [
        (
            "Automatically rejected mail",
            format!("{rejected}Quota exceeded"),
            "deleted",
            vec!["bounced(soft) mailbox_full ann@example.net"],
        ),
        (
            "Rejected: Spring",
            format!("{rejected}Quota exceeded"),
            "deleted",
            vec!["bounced(soft) mailbox_full ann@example.net"],
        ),
        (
            "Automatically rejected mail",
            format!("{rejected}No such user here."),
            "deleted",
            vec!["bounced(soft) policy ann@example.net"],
        ),
        ("Read: Spring", "Your message was read.".to_owned(), "displayed", vec![]),
        (
            "Not read: Spring",
            "Your message was deleted without being read.".to_owned(),
            "deleted",
            vec![],
        ),
    ] {
        assert_eq!(lines_of(&raw(subject, &said, disposition)), expected, "{subject} {said}");
    }
}

#[test]
fn a_report_about_a_hundred_thousand_people_tells_of_each() {
    let people: String = (0..100_000)
        .map(|n| {
            format!(
                "Final-Recipient: rfc822; person{n}@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n"
            )
        })
        .collect();
    let raw = report("Undelivered.", &people, "list@example.com");
    let Parsed::Events(events) = read(raw.as_bytes(), now()) else { panic!("nothing") };
    assert_eq!(
        (events.len(), events[99_999].recipient.as_deref()),
        (100_000, Some("person99999@example.com"))
    );
    assert!(events.iter().all(|event| event.bounce == Some(Bounce::Hard)));
}
