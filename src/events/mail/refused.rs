//! Tests with refusals by receiving servers, each in the formats of several reporting servers. A
//! refusal is hard if the recipient does not exist, and soft for any other reason.

use super::*;
use crate::model::event::Bounce;

fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().unwrap()
}

const ANN: &str = "ann.lee@example.net";

/// Extracts the status code from the first words of a reply.
fn status_of(reply: &str) -> Option<&str> {
    reply.split_whitespace().nth(1).filter(|word| {
        word.split('.').count() == 3 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    })
}

fn message(subject: &str, kind: &str, body: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.acme.example>\nTo: bounce@acme.example\nSubject: {subject}\n\
         Date: Sat, 21 Nov 2026 12:00:00 +0000\nContent-Type: {kind}\n\n{body}"
    )
}

const RETURNED: &str = "Return-Path: <bounce@acme.example>\nReceived: from a by b; Sat, 21 Nov 2026 11:59:00 +0000\nFrom: News <news@acme.example>\n\
    To: ann.lee@example.net\nSubject: News\nDate: Sat, 21 Nov 2026 11:59:00 +0000\nMessage-ID: <1@acme.example>\n\nHello\n";

fn report(said: &str, status: &str, diagnostic: &str) -> String {
    let body = format!(
        "--b\nContent-Type: text/plain; charset=utf-8\n\n{said}\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.acme.example\n\n\
         Final-Recipient: rfc822; {ANN}\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {diagnostic}\n\n--b\n\
         Content-Type: message/rfc822\n\n{RETURNED}\n--b--\n"
    );
    message(
        "Undelivered Mail Returned to Sender",
        "multipart/report; report-type=delivery-status; boundary=b",
        &body,
    )
}

/// Builds bounces with a reply as Postfix, Exim, qmail and Sendmail report it. Sendmail adds its
/// own status and text if the reply has no status.
fn frames(reply: &str) -> Vec<String> {
    let (one, code) = (reply.replace('\n', " "), &reply[..3]);
    let status = status_of(reply).map_or_else(|| format!("{}.0.0", &reply[..1]), str::to_owned);
    let made = status_of(reply).unwrap_or(match code {
        "550" => "5.1.1",
        "551" => "5.1.6",
        "552" => "5.2.2",
        "553" => "5.1.3",
        _ => &status,
    });
    let postfix = format!(
        "<{ANN}>: host mx.example.net[192.0.2.1] said: {one} (in reply to RCPT TO command)"
    );
    let exim = format!(
        "This message was created automatically by mail delivery software.\n\nThe following address(es) failed:\n\n  {ANN}\n    host mx.example.net [192.0.2.1]\n\
         \x20   SMTP error from remote mail server after RCPT TO:<{ANN}>:\n    {}\n\n------ This is a copy of the message, including all the headers. ------\n\n{RETURNED}",
        reply.replace('\n', "\n    ")
    );
    let qmail = format!(
        "Hi. This is the qmail-send program at mx.acme.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<{ANN}>:\n\
         192.0.2.1 does not like recipient.\nRemote host said: {reply}\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\n{RETURNED}"
    );
    let first = reply.split('\n').next().unwrap_or_default();
    let sendmail = format!(
        "   ----- The following addresses had permanent fatal errors -----\n<{ANN}>\n    (reason: {first})\n\n   ----- Transcript of session follows -----\n\
         ... while talking to mx.example.net.:\n>>> RCPT To:<{ANN}>\n<<< {}\n{code} {made} <{ANN}>... User unknown",
        reply.replace('\n', "\n<<< ")
    );
    vec![
        report(&postfix, &status, &one),
        message(
            "Mail delivery failed: returning message to sender",
            "text/plain; charset=utf-8",
            &exim,
        ),
        message("failure notice", "text/plain; charset=utf-8", &qmail),
        report(&sendmail, made, first),
    ]
}

/// Describes each reply that is not classified as `wanted`, in any format.
fn wrong(replies: &[&str], wanted: Bounce) -> Vec<String> {
    let read_in = |frame: &String| match read(frame.as_bytes(), now()) {
        Parsed::Events(events)
            if events.len() == 1 && events[0].recipient.as_deref() == Some(ANN) =>
        {
            (events[0].bounce != Some(wanted))
                .then(|| format!("{:?} {:?}", events[0].bounce, events[0].class))
        }
        other => Some(format!("{other:?}")),
    };
    let of = |reply: &&str| {
        let found: Vec<String> = frames(reply)
            .iter()
            .enumerate()
            .filter_map(|(frame, raw)| Some(format!("{frame}: {}", read_in(raw)?)))
            .collect();
        (!found.is_empty()).then(|| format!("{reply}\n    {}", found.join("\n    ")))
    };
    replies.iter().filter_map(of).collect()
}

/// Replies which say that the recipient or the domain does not exist.
const GONE: &[&str] = &[
    "550 5.1.1 <ann.lee@example.net>: Recipient address rejected: User unknown in virtual mailbox table",
    "550-Callout verification failed:\n550 no such user here",
    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017)",
    "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable -> 550 5.1.1 user unknown",
    "550 5.0.350 Remote server returned an error -> 550 No such recipient here",
    "550 5.4.310 DNS domain example.net does not exist [Message=InfoDomainNonexistent]",
    "550 5.1.6 recipient no longer on server",
    "552 1 Requested mail action aborted, mailbox not found",
    "550 #5.1.0 Address rejected.",
    "550 nobody with that name",
    "550 not in directory",
    "550 user dont exist",
    "550 person unknown",
    "550 Postfach nicht vorhanden",
    "550 宛先のメールボックスが見つからないため",
    "553 5.3.0 <ann.lee@example.net>... Addressee unknown, relay=[192.0.2.9]",
    "550 5.1.1 Rejected",
    "550 5.1.1 gone",
    "521 5.3.2 this host does not accept mail",
    "556 5.1.10 Recipient address has null MX",
    "550 5.1.2 The domain could not be found. Check it and try again. DNS lookup of example.net responded with code NXDOMAIN",
];

/// Replies which say that the sender, its domain or its host does not exist.
const SENDER: &[&str] = &[
    "550 unknown sender",
    "550 Your domain does not exist",
    "550 Your domain acme.example has no MX record",
    "550 sending host unknown",
    "550 From address does not exist",
    "550 envelope from address does not exist",
    "550 reply address does not exist",
    "550 unknown client",
    "550 Your mail server's hostname does not exist",
    "550 Your account does not exist",
    "550-Requested action not taken: mailbox unavailable\n550 Sender address has null MX",
    "550-Verification failed for <news@acme.example>\n550-Called:   192.0.2.9\n550-Sent:     RCPT TO:<news@acme.example>\n550-Response: 550 5.1.1 user unknown\n550 Sender verify failed",
    "550 Verification of your address failed: mailbox unavailable",
    "553 Could not receive email because the sending domain does not exist.",
    "550 <news@acme.example>, Sender unknown",
    "550 5.1.1 Unknown sender",
    "550 5.1.1 sender domain not found",
    "550 Der Empfänger akzeptiert keine Mails von unbekannten Absendern",
    "550 El dominio del remitente no existe",
];

/// Replies that give another cause, many with the code or status of a missing mailbox.
const ELSE: &[&str] = &[
    "550-Requested action not taken: mailbox unavailable\n550-Reject due to policy restrictions.\n550 For explanation visit https://postmaster.example.net/case",
    "550-Requested action not taken: mailbox unavailable\n550 Try again later",
    "550 5.1.1 <ann.lee@example.net>: Recipient address rejected: You have been blocked",
    "550 5.1.1 Rejected due to bad SPF",
    "550 5.1.1 No mail accepted from dynamic hosts",
    "550 5.1.1 Connection refused by policy",
    "550 5.1.1 Temporary failure, user lookup failed",
    "550 5.1.1 Mail loop detected",
    "550 5.1.1 mail rejected, low sender score",
    "550 5.1.1 TLS required",
    "550 5.1.1 authentication required",
    "550 5.1.1 you are not on the whitelist",
    "550 5.1.1 attachment type not allowed",
    "550 5.1.2 Connection refused",
    "550 5.1.2 DNS timeout",
    "550 5.1.6 spam",
    "553 5.1.3 relaying denied",
    "550 5.4.1 [ann.lee@example.net]: Recipient domain rejected: Relay Access Denied",
    "521 5.2.1 :  (CON:B1)  https://postmaster.example.net/error-codes",
    "521 Access denied",
    "554 sorry, invalid message content (#5.3.2)",
    "550 5.3.2 service shutting down",
    "450 5.1.1 user unknown",
    "451 5.1.1 no such user, temporary lookup error",
    "550 temporary failure: user unknown",
    "550 Domain not found: DNS lookup timed out",
];

/// Replies which say that an internal object of the receiving system does not exist.
const THINGS: &[&str] = &[
    "550 file not found",
    "550 LDAP: no such object",
    "550 table does not exist",
    "550 unknown error",
    "550 for an unknown reason the mail was refused",
    "550 the requested resource was not found",
    "550 next hop not found",
    "550 message does not exist",
    "550 Service not found",
];

/// Replies whose cause is unclear.
const WORDS: &[&str] = &[
    "550 Go away",
    "550 Bye bye",
    "550 Suspected bounce attacks",
    "550 MI:SPF 163 mx12",
    "553 Requested action not taken: Local user only,mxde1",
    "550 user has not activated external mail",
    "550 this mailbox is protected by a challenge",
    "550 not on the whitelist of the recipient",
    "550 Backend error",
    "550 Harvesting attack detected",
    "550 SSL required",
    "550 POP before SMTP required",
    "550 5.6.0 Property validation failed",
    "550 Administrative Lockout. - https://community.example.net/docs/DOC-1369#550",
    "550 nous ne voulons pas de cela",
    "550 これはだめです",
];

#[test]
fn who_is_gone_is_hard_in_every_frame() {
    let wrong = wrong(GONE, Bounce::Hard);
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nobody_is_gone_for_what_is_said_of_something_else_or_not_understood() {
    let wrong: Vec<String> = [SENDER, ELSE, THINGS, WORDS]
        .into_iter()
        .flat_map(|replies| wrong(replies, Bounce::Soft))
        .collect();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
