//! Detects replies in which something other than the recipient is missing: the sender ("unknown
//! sender", "your host has no MX record"), or an object of the receiving system ("no such file",
//! "unknown error").
//!
//! The missing object is the word near a word for absence, such as "unknown". If a word for the
//! recipient is between the two, the sentence is about the recipient.

use super::Meaning;
use super::sentence::sentences;

/// The maximum number of words between a word for the sender (`NEAR`) or for an object (`NEXT`) and
/// the word for absence.
const NEAR: usize = 6;
const NEXT: usize = 4;

/// Words for the sender or the sending host.
const OURS: [&str; 14] = [
    "sender",
    "senders",
    "sender's",
    "return-path",
    "returnpath",
    "reply-to",
    "originator",
    "client",
    "helo",
    "ehlo",
    "mailfrom",
    "correspondents",
    "rdns",
    "ptr",
];

/// Words that mean the sender or its host if "your" precedes them.
const YOURS: [&str; 15] = [
    "domain",
    "host",
    "hostname",
    "server",
    "server's",
    "ip",
    "address",
    "mailserver",
    "account",
    "mailbox",
    "dns",
    "network",
    "system",
    "mta",
    "reverse",
];

/// Words for objects of the receiving system, of the message, or of the route.
const THINGS: [&str; 45] = [
    "file",
    "directory",
    "folder",
    "maildir",
    "table",
    "relation",
    "object",
    "resource",
    "service",
    "server",
    "gateway",
    "route",
    "queue",
    "hop",
    "upstream",
    "relay",
    "message",
    "message-id",
    "header",
    "ticket",
    "command",
    "reason",
    "reasons",
    "error",
    "errors",
    "cause",
    "certificate",
    "signature",
    "key",
    "license",
    "licence",
    "login",
    "authentication",
    "credentials",
    "record",
    "records",
    "ip",
    "hostname",
    "port",
    "protocol",
    "parameter",
    "option",
    "content",
    "attachment",
    "domains",
];

/// Words for the recipient.
const RECIPIENT: [&str; 14] = [
    "user",
    "recipient",
    "recipients",
    "recipient's",
    "mailbox",
    "rcpt",
    "addressee",
    "inbox",
    "you",
    "recipientnotfound",
    "forward",
    "alias",
    "forwarding",
    "account",
];

/// Words for absence that follow the missing object.
const ABSENT: [&str; 18] = [
    "not exist",
    "doesn't exist",
    "non-existent",
    "nonexistent",
    "unknown",
    "not found",
    "invalid",
    "not valid",
    "no mx",
    "null mx",
    "not resolve",
    "doesn't resolve",
    "not have",
    "has no",
    "must exist",
    "not known",
    "not registered",
    "not be found",
];

/// Words for absence that directly precede the missing object.
const BEFORE: [&str; 9] = [
    "unknown",
    "invalid",
    "nonexistent",
    "non-existent",
    "unresolvable",
    "bad",
    "illegal",
    "such",
    "find",
];

/// Returns the meaning of a text, normalized by [`super::normal()`], in which something other than
/// the recipient is missing. Otherwise returns `None`.
pub(super) fn of_another(text: &str) -> Option<Meaning> {
    let mut found = None;
    for range in sentences(text) {
        let words: Vec<&str> = text[range]
            .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '\''))
            .filter(|word| word.contains(char::is_alphanumeric))
            .collect();
        for at in 0..words.len() {
            if is_ours(&words, at) && is_absent(&words, at, NEAR) {
                return Some(Meaning::Sender);
            }
            if THINGS.contains(&words[at]) && is_absent(&words, at, NEXT) {
                found = Some(Meaning::System);
            }
        }
    }
    found
}

/// Whether the word at position `at` means the sender or its host.
fn is_ours(words: &[&str], at: usize) -> bool {
    let next = words.get(at + 1).copied().unwrap_or_default();
    let before = at.checked_sub(1).map_or("", |before| words[before]);
    match words[at] {
        // "Your mail server" means the sender's host, but "your mail" does not.
        "your" if matches!(next, "mail" | "email" | "e-mail") => {
            words.get(at + 2).is_some_and(|word| {
                matches!(*word, "server" | "server's" | "host" | "address" | "domain" | "system")
            })
        }
        "your" => YOURS.contains(&next),
        // "The From address" means the sender, but "mail from the host" does not.
        "from" => {
            matches!(next, "address" | "domain" | "header")
                && !matches!(before, "mail" | "message" | "generated" | "expanded" | "forwarded")
        }
        "reply" | "return" => matches!(next, "address" | "path"),
        "sending" | "connecting" => matches!(
            next,
            "host" | "domain" | "server" | "system" | "address" | "ip" | "mta" | "client"
        ),
        word => OURS.contains(&word),
    }
}

/// Whether the word at position `at` is reported as missing. The word for absence must be among the
/// next `near` words.
fn is_absent(words: &[&str], at: usize, near: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |before| words[before]);
    if BEFORE.contains(&before(1))
        || (BEFORE.contains(&before(2))
            && !RECIPIENT.contains(&before(1))
            && before(1) != "address")
    {
        return true;
    }
    let behind = &words[at + 1..words.len().min(at + 1 + near)];
    let behind = behind
        .split(|word| RECIPIENT.contains(word) && words[at] != "your")
        .next()
        .unwrap_or_default();
    let behind = format!(" {} ", behind.join(" "));
    ABSENT.iter().any(|absent| behind.contains(&format!(" {absent} ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_the_senders_or_a_thing() {
        for text in [
            "unknown sender",
            "invalid sender address",
            "sender unknown",
            "the sending domain does not exist",
            "your domain does not exist",
            "your domain acme has no mx record",
            "sending host unknown",
            "from address does not exist",
            "reply address does not exist",
            "unknown client",
            "your host is unknown",
            "sender address has null mx",
            "your mailbox does not exist, you cannot send",
            "550 mailbox unavailable. the domain of the sender could be unknown",
        ] {
            assert_eq!(of_another(text), Some(Meaning::Sender), "{text}");
        }
        for text in [
            "no such file",
            "file not found",
            "table does not exist",
            "unknown error",
            "for an unknown reason it was refused",
            "the requested resource was not found",
            "next hop not found",
            "unable to find route",
        ] {
            assert_eq!(of_another(text), Some(Meaning::System), "{text}");
        }
        for text in [
            "user unknown",
            "not found",
            "host unknown",
            "your message to this user: not found",
            "the message was refused. recipient unknown",
            "your message could not be delivered: no such user",
            "sender: user unknown",
            "the recipient of your mail does not exist",
            "return to sender. user unknown",
            "your recipient does not exist",
            "mail from ann refused: mailbox unknown",
            "",
        ] {
            assert_eq!(of_another(text), None, "{text}");
        }
    }
}
