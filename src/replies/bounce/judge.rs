//! Decides why a message bounced, and whether the address is permanently invalid (a hard bounce).
//! Uses the enhanced status (RFC 3463 sections 3.2 to 3.8, and the registry of RFC 5248), the reply
//! code, and the text of the reply.
//!
//! | status | class | bounce |
//! |---|---|---|
//! | X.1.0, X.1.1, X.1.4, X.1.6, X.1.10 of a mailbox | `mailbox_gone` | hard |
//! | X.1.2, X.1.10 of a domain (RFC 7505), X.4.4 if the name does not exist | `domain_gone` | hard |
//! | X.1.3 | `bad_address` | hard |
//! | permanent X.3.2 with reply code 521, if the text agrees or gives no reason; 556: the host accepts no mail (RFC 7504) | `domain_gone` | hard |
//! | X.1.7, X.1.8 (the sender's address), X.7.z | `policy` | soft |
//! | X.2.1 | `mailbox_disabled` | soft |
//! | X.2.2, X.3.1 | `mailbox_full` | soft |
//! | X.2.3, X.3.4 | `too_large` | soft |
//! | X.4.z, X.3.5 | `routing` | soft |
//! | X.4.7 | `expired` | soft |
//! | X.3.z, X.2.4 | `system` | soft |
//! | X.5.z | `protocol` | soft |
//! | X.6.z | `content` | soft |
//!
//! If the status is less specific than the text, such as 5.0.0 or 5.5.0, the text decides. The text
//! also decides in some cases where servers send a status that contradicts it:
//!
//! | status | text | class | bounce |
//! |---|---|---|---|
//! | 5.7.z | "user unknown", "no such user": servers that use 5.7.1 for every refusal | `mailbox_gone` | hard |
//! | 5.7.z | anything else, including "recipient address rejected: access denied" | `policy` | soft |
//! | 5.4.1 | "recipient address rejected: access denied": Exchange Online, if its directory does not contain the recipient | `mailbox_gone` | hard |
//! | 5.1.1 | "mailbox full", a block list | by the text | soft |
//! | 5.1.1 | a cause other than the recipient: policy, routing, the system | by the text | soft |
//! | none, 5.0.0 | 550 and an unknown text | `other` | soft |
//! | 5.y.z | a transient reply code, 4yz | by the text, but as a transient failure | soft |
//! | 5.1.1 | both "user unknown" and a word of policy, such as one in the URL of a help page | `mailbox_gone` | hard |
//!
//! A status of 5.7.z never suppresses an address, even if the bounce is hard
//! ([`Event::suppresses`](crate::model::event::Event::suppresses)).

use std::collections::HashMap;

use super::status::{codes_in, is_generic};
use super::wording::{gives_none, whole, without_frame, without_own_words, without_repeated};
use crate::model::event::{Bounce, Class};
use crate::replies::{
    Meaning, Place, Status, TextReason, classify, normal, says_absent, text_reason,
    without_addresses,
};

/// The cause of one recipient's bounce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) class: Class,
    pub(crate) bounce: Bounce,
    pub(crate) status: String,
    pub(crate) code: String,
}

/// Judges a single bounce, like [`Judge::of`].
pub(crate) fn judge(status: &str, said: &str, around: &str) -> Judged {
    Judge::default().of(status, said, around)
}

/// Judges the bounces of one message. A report about 100,000 recipients usually repeats the same
/// text, so the results for earlier texts are kept in memory.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    found: HashMap<String, Found>,
}

/// The maximum number of texts to remember for one message, and the maximum length of each in
/// bytes.
const MOST_REMEMBERED: usize = 1_000;
const LONGEST_REMEMBERED: usize = 2_000;

impl Judge {
    /// Judges a bounce. `status` is the report's Status field, and `said` is the remote server's
    /// reply. `around` is the surrounding text, which is used only if the others give no reason.
    pub(crate) fn of(&mut self, status: &str, said: &str, around: &str) -> Judged {
        judged(status, said, around, &mut |text, code, status| self.found(text, code, status))
    }

    fn found(&mut self, text: &str, code: u16, status: Option<Status>) -> Found {
        if text.len() > LONGEST_REMEMBERED {
            return Found::of(text_reason(text, code, status));
        }
        let key = format!("{code} {status:?} {text}");
        if let Some(found) = self.found.get(&key) {
            return *found;
        }
        let found = Found::of(text_reason(text, code, status));
        if self.found.len() < MOST_REMEMBERED {
            self.found.insert(key, found);
        }
        found
    }
}

/// A function that finds the reason in a text without addresses.
type Look<'l> = &'l mut dyn FnMut(&str, u16, Option<Status>) -> Found;

fn judged(status: &str, said: &str, around: &str, look: Look<'_>) -> Judged {
    let from_field = codes_in(status).status;
    let mut codes = codes_in(said);
    // The remote server knows the cause better than the reporting server, so its status is
    // preferred unless only the other status is specific.
    if is_generic(&codes.status) && !is_generic(&from_field) || codes.status.is_empty() {
        codes.status.clone_from(&from_field);
    }
    if codes.status.is_empty() && codes.code.is_empty() && said.len() < 4 {
        codes = codes_in(around);
    }
    let whole = whole(said, &codes.code, around);
    let said_low = normal(whole.as_deref().unwrap_or(said));
    let is_invented = codes_in(said).status.is_empty() && is_invented(&codes.status, &codes.code);
    let informed = if is_invented { "" } else { codes.status.as_str() };
    let class = decide(
        informed,
        &codes.code,
        &said_low,
        || without_own_words(normal(around), &said_low),
        look,
    );
    // A status of class 4 is transient (RFC 3463 section 3.1), even if the text says otherwise.
    let class = match class {
        Class::MailboxGone | Class::BadAddress if codes.status.starts_with('4') => Class::System,
        Class::DomainGone if codes.status.starts_with('4') => Class::Routing,
        // A reply code 4yz contradicts a permanent status, so the failure may be transient.
        Class::MailboxGone | Class::BadAddress if codes.code.starts_with('4') => Class::System,
        Class::DomainGone if codes.code.starts_with('4') => Class::Routing,
        class => class,
    };
    // A failure with a success status contradicts itself, so it proves nothing about the mailbox.
    let class = match class {
        Class::MailboxGone | Class::BadAddress | Class::DomainGone
            if codes.status.starts_with('2') =>
        {
            Class::System
        }
        class => class,
    };
    // A refusal before RCPT TO cannot be about the recipient.
    let class = match class {
        Class::MailboxGone | Class::BadAddress | Class::DomainGone
            if is_before_recipient(&said_low) =>
        {
            Class::Policy
        }
        class => class,
    };
    let bounce = match class {
        Class::MailboxGone | Class::DomainGone | Class::BadAddress => Bounce::Hard,
        _ => Bounce::Soft,
    };
    Judged { class, bounce, status: codes.status, code: codes.code }
}

/// Whether the text quotes an SMTP command before RCPT TO, such as EHLO or MAIL FROM, as the one
/// that the server refused.
fn is_before_recipient(said: &str) -> bool {
    const STEPS: [&str; 10] = [
        "in reply to mail from",
        "in reply to helo",
        "in reply to ehlo",
        "in response to mail from",
        "after mail from:",
        "after ehlo",
        "after helo",
        "after initial connection",
        "error following mail command",
        ">>> mail from",
    ];
    STEPS.iter().any(|step| said.contains(step)) && !said.contains("rcpt")
}

/// Whether Sendmail may have derived the status from the reply code. The text is then more precise.
fn is_invented(status: &str, code: &str) -> bool {
    matches!(
        (code, status),
        ("550", "5.1.1") | ("551", "5.1.6") | ("553", "5.1.3") | ("552", "5.2.2")
    )
}

/// The result of searching a server's text for a reason.
#[derive(Clone, Copy, Debug)]
struct Found {
    class: Option<Class>,
    /// Whether the phrase that was found is unambiguous.
    is_clear: bool,
    /// Whether the text says that the recipient does not exist. It may give other reasons too.
    says_absent: bool,
    /// Whether the text names a cause and does not merely refuse.
    names_cause: bool,
}

impl Found {
    /// Returns a cause that does not concern the mailbox, such as policy or routing.
    fn other_cause(&self) -> Option<Class> {
        let class = self.class.filter(|_| self.names_cause && !self.says_absent)?;
        matches!(
            class,
            Class::Policy
                | Class::Rate
                | Class::Routing
                | Class::System
                | Class::Content
                | Class::TooLarge
        )
        .then_some(class)
    }

    fn of(stated: TextReason) -> Self {
        Self {
            class: stated.means.map(class_of),
            is_clear: stated.is_clear,
            says_absent: stated.says_absent,
            names_cause: stated.names_cause,
        }
    }
}

/// Maps the meaning of a reply to a bounce class.
fn class_of(means: Meaning) -> Class {
    match means {
        Meaning::Rate | Meaning::Share | Meaning::Quota | Meaning::Busy | Meaning::Greylisted => {
            Class::Rate
        }
        Meaning::Credentials
        | Meaning::Sender
        | Meaning::Relay
        | Meaning::Hello
        | Meaning::Policy => Class::Policy,
        Meaning::Gone => Class::MailboxGone,
        Meaning::Domain => Class::DomainGone,
        Meaning::Full => Class::MailboxFull,
        Meaning::Disabled => Class::MailboxDisabled,
        Meaning::Address => Class::BadAddress,
        Meaning::Content => Class::Content,
        Meaning::Size => Class::TooLarge,
        Meaning::Routing => Class::Routing,
        Meaning::Expired => Class::Expired,
        Meaning::System => Class::System,
        Meaning::Session => Class::Protocol,
    }
}

fn enhanced(status: &str) -> Option<Status> {
    let mut numbers = status.split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(Status { class: next()?, subject: next()?, detail: next()? })
}

fn decide(
    status: &str,
    code: &str,
    said: &str,
    around: impl FnOnce() -> String,
    look: Look<'_>,
) -> Class {
    // The message was delivered to a program, which failed. Its text about users is ignored, unless
    // the status is 5.1.1 and the text reports a missing user.
    let is_said_by_program =
        said.starts_with("x-unix;") && !(status == "5.1.1" && says_absent(said));
    if is_said_by_program || is_failed_program(said) {
        return Class::System;
    }
    let said = without_repeated(&without_frame(&without_addresses(said)), code);
    // The server complains about unbalanced brackets, so the relay sent a malformed command.
    if said.contains("unbalanced") {
        return Class::Protocol;
    }
    let enhanced = enhanced(status);
    let number = code.parse().unwrap_or(0);
    // Some services define their own status codes, each with a single meaning.
    let reading = classify(number, enhanced, "", Place::Bounce);
    if reading.is_known {
        return class_of(reading.means);
    }
    let found = look(&said, number, enhanced);
    of_reply(status, code, &said, &found)
        .unwrap_or_else(|| of_surroundings(status, code, &said, &around(), look))
}

/// Returns the class that the reply gives, or `None` if it gives no reason.
fn of_reply(status: &str, code: &str, said: &str, found: &Found) -> Option<Class> {
    // A DNS failure with a transient status: the domain may exist later.
    if found.class == Some(Class::DomainGone) && status.starts_with('4') {
        return Some(Class::Routing);
    }
    // The DNS lookup failed, so the server cannot know whether the domain exists.
    if found.class == Some(Class::DomainGone) && !found.is_clear && has_no_answer(said) {
        return Some(Class::Routing);
    }
    // "Temporary failure: user unknown": the next lookup may find the address.
    if found.class == Some(Class::MailboxGone) && said.contains("temporar") {
        return Some(Class::System);
    }
    // Some forwarding relays report a TLS failure with the status of a missing mailbox.
    if said.contains("certificate") && !found.says_absent {
        return Some(Class::System);
    }
    if let Some(class) = of_status(status, found, said) {
        return Some(class);
    }
    // A transient refusal never proves that the address does not exist.
    if is_for_now(status, code, said)
        && matches!(found.class, Some(Class::MailboxGone | Class::BadAddress | Class::DomainGone))
    {
        return Some(Class::System);
    }
    // A large filtering service replies with 542 if the recipient is unknown.
    if code == "542" && !found.is_clear {
        return Some(Class::MailboxGone);
    }
    // Codes 521 and 556 say that the host accepts no mail. For 556 an unambiguous phrase takes
    // precedence. 521 counts only if the text says the same or gives no reason.
    if code == "556" && !found.is_clear
        || code == "521" && (found.class == Some(Class::DomainGone) || gives_none(said, code))
    {
        return Some(Class::DomainGone);
    }
    found.class
}

/// Judges a bounce whose reply gives no reason, by the surrounding text and the codes.
fn of_surroundings(status: &str, code: &str, said: &str, around: &str, look: Look<'_>) -> Class {
    let enhanced = enhanced(status);
    let number = code.parse().unwrap_or(0);
    if is_failed_program(around) {
        return Class::System;
    }
    // The server refused the message at DATA. It did not refuse the recipient.
    if matches!(code, "550" | "551" | "553")
        && status.is_empty()
        && around.contains(">>> data")
        && !around.contains(">>> rcpt to")
    {
        return Class::Policy;
    }
    // If the status names another cause, the surrounding text must not prove that the address is
    // invalid.
    let names_cause = !status.ends_with(".0") && enhanced.is_some_and(|status| status.subject > 1);
    let is_of_address =
        |class: &Class| matches!(class, Class::MailboxGone | Class::BadAddress | Class::DomainGone);
    if let Some(class) = look(&without_frame(&without_addresses(around)), number, enhanced)
        .class
        .filter(|class| !(names_cause && is_of_address(class)))
    {
        return class;
    }
    match (code, status.split('.').nth(1)) {
        ("552", _) => Class::MailboxFull,
        // The server refused MAIL FROM or the message, not the recipient.
        ("550" | "551" | "553", None)
            if ["end of data", "mail from command", "transfer of mail text"]
                .iter()
                .any(|place| said.contains(place)) =>
        {
            Class::Policy
        }
        // Without a text, the code says that the mailbox does not exist. An unknown text may give
        // another reason.
        ("550" | "551" | "553", None) if gives_none(said, code) => Class::MailboxGone,
        ("550", Some("5")) if status == "5.5.0" && gives_none(said, code) => Class::MailboxGone,
        ("421" | "450" | "451" | "452", _) => Class::System,
        (_, Some("2")) => Class::MailboxDisabled,
        (_, Some("3")) => Class::System,
        (_, Some("4")) => Class::Routing,
        (_, Some("5")) => Class::Protocol,
        _ => Class::Other,
    }
}

/// Whether a delivery program, a shell command or a file was not found.
fn is_failed_program(said: &str) -> bool {
    const WORDS: [&str; 5] = [
        "unknown mailer error",
        "no such file or directory",
        "delivery program",
        "command not found",
        "exec format error",
    ];
    WORDS.iter().any(|words| said.contains(words))
        || (said.contains("sh: ") && said.contains("not found"))
}

/// Whether the server could not determine whether the recipient exists.
fn could_not_look_up(said: &str) -> bool {
    ["temporar", "lookup fail", "lookup error", "look up fail", "try again", "timeout", "timed out"]
        .iter()
        .any(|word| said.contains(word))
}

/// Whether the server failed to get a DNS answer for a domain. NXDOMAIN is an answer.
fn has_no_answer(said: &str) -> bool {
    !said.contains("nxdomain")
        && ["temporar", "try again later", "timeout", "timed out", "servfail"]
            .iter()
            .any(|word| said.contains(word))
}

/// Whether a refusal is transient. The status decides. Without a status the reply code decides,
/// unless the text contains a permanent code.
fn is_for_now(status: &str, code: &str, said: &str) -> bool {
    if !is_generic(status) {
        return status.starts_with('4');
    }
    code.starts_with('4') && !["550", "551", "553", "554"].iter().any(|other| said.contains(other))
}

/// Returns the class for a status. If servers use the status for several causes, the text is
/// considered too. Returns `None` if only the text can decide.
fn of_status(status: &str, found: &Found, said: &str) -> Option<Class> {
    let mut numbers = status.split('.');
    let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let is_permanent = class == "5";
    // `stated` is the class of the text, and `clear` the same if its phrase is unambiguous.
    let stated = found.class;
    let clear = stated.filter(|_| found.is_clear);
    Some(match (subject, detail) {
        ("7", _)
            if is_permanent
                && stated == Some(Class::MailboxGone)
                && found.says_absent
                && !said.contains("denied") =>
        {
            Class::MailboxGone
        }
        ("7", _) => Class::Policy,
        ("1", "1" | "10")
            if !is_permanent && clear.is_none() && found.says_absent && could_not_look_up(said) =>
        {
            Class::System
        }
        ("1", "1" | "10") if is_permanent && clear == Some(Class::Policy) && found.says_absent => {
            Class::MailboxGone
        }
        ("1", "1" | "0" | "4" | "6" | "10") => match (clear, stated) {
            (Some(class), _) => class,
            (
                None,
                Some(class @ (Class::DomainGone | Class::MailboxDisabled | Class::MailboxGone)),
            ) => class,
            // X.1.4 means an address that stands for several recipients (RFC 3463 section 3.2).
            (None, Some(Class::System)) if detail == "4" => Class::System,
            (None, _) if is_permanent && found.other_cause().is_some() => {
                return found.other_cause();
            }
            // The failure is transient, and no text says that the mailbox does not exist.
            (None, stated) if !is_permanent => stated.unwrap_or(Class::System),
            _ => Class::MailboxGone,
        },
        ("1", "2") if is_permanent => clear.or(found.other_cause()).unwrap_or(Class::DomainGone),
        ("1", "2") => stated.unwrap_or(Class::Routing),
        ("1", "3") => clear.or(found.other_cause()).unwrap_or(Class::BadAddress),
        ("1", "7" | "8" | "9") => Class::Policy,
        ("2", "2") | ("3", "1") => Class::MailboxFull,
        ("2", "3") | ("3", "4") => Class::TooLarge,
        // Exchange Online sends this if its directory does not contain the recipient.
        ("4", "1") if is_permanent && said.contains("access denied") && !said.contains("relay") => {
            Class::MailboxGone
        }
        ("4", "7") => Class::Expired,
        ("4", "6") => Class::Routing,
        ("4", "4") if is_permanent => stated.unwrap_or(Class::DomainGone),
        ("3", "2") if is_permanent && stated == Some(Class::DomainGone) => Class::DomainGone,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_with_a_status_of_success_proves_nothing_of_a_mailbox() {
        for (status, said, want, bounce) in [
            ("2.1.5 5.1.2", "250 2.1.5 ok. Host or domain name not found", "2.1.5", Bounce::Soft),
            ("5.1.1", "smtp; 250 2.1.5 Ok", "2.1.5", Bounce::Soft),
            ("2.0.0", "550 5.1.1 user unknown", "5.1.1", Bounce::Hard),
        ] {
            let judged = judge(status, said, "");
            assert_eq!((judged.status.as_str(), judged.bounce), (want, bounce), "{status} {said}");
        }
    }

    #[test]
    fn prose_and_status_together_say_whether_the_address_is_of_no_use() {
        use Bounce::{Hard, Soft};
        for (status, said, bounce, class) in [
            ("5.1.1", "550 5.1.1 <ann@example.com>: user unknown", Hard, Class::MailboxGone),
            ("5.7.1", "550 5.7.1 No such user!", Hard, Class::MailboxGone),
            ("5.7.1", "554 5.7.1 <ann@example.com>: Relay access denied", Soft, Class::Policy),
            (
                "5.7.1",
                "550 5.7.1 <ann@example.com>: Recipient address rejected: Access denied",
                Soft,
                Class::Policy,
            ),
            (
                "5.7.1",
                "554 5.7.1 refused because the sender address does not exist",
                Soft,
                Class::Policy,
            ),
            ("4.7.1", "450 4.7.1 no such user, perhaps", Soft, Class::Policy),
            (
                "5.4.1",
                "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
                Hard,
                Class::MailboxGone,
            ),
            ("5.4.4", "550 5.4.4 Invalid domain", Hard, Class::DomainGone),
            (
                "5.1.1",
                "550 5.1.1 user unknown, see http://example.com/spamming",
                Hard,
                Class::MailboxGone,
            ),
            ("5.1.1", "550 5.1.1 your ip is listed at bl.example.org", Soft, Class::Policy),
            ("5.1.1", "552 5.1.1 mailbox full", Soft, Class::MailboxFull),
            ("5.3.2", "521 5.3.2 system not accepting network messages", Hard, Class::DomainGone),
            ("4.3.2", "421 4.3.2 system not accepting network messages", Soft, Class::Routing),
            (
                "",
                "host mx.example.com said: 550 action not taken (in reply to end of DATA command)",
                Soft,
                Class::Policy,
            ),
            (
                "",
                "host mx.example.com said: 550 action not taken (in reply to RCPT TO command)",
                Hard,
                Class::MailboxGone,
            ),
            ("", "550 ann@example.com...user account is unavailable", Hard, Class::MailboxGone),
            ("", "550 <ann@example.com> not used", Hard, Class::MailboxGone),
            (
                "5.1.2",
                "553 5.1.2 The sender address <news@acme.example> is not a valid RFC-5321 address",
                Soft,
                Class::Policy,
            ),
            (
                "5.0.0",
                "554 address contains illegal characters in user name",
                Hard,
                Class::BadAddress,
            ),
            ("", "451 Invalid recipient", Soft, Class::System),
            ("4.2.1", "450 4.2.1 no such user here", Soft, Class::System),
            ("4.1.1", "450 4.1.1 <ann@example.com>: user unknown", Soft, Class::System),
            (
                "4.1.1",
                "450 4.1.1 <ann@example.com>: recipient address rejected: user unknown in local recipient table",
                Soft,
                Class::System,
            ),
            ("4.1.2", "450 4.1.2 <ann@example.com>: domain not found", Soft, Class::Routing),
            ("4.1.3", "450 4.1.3 bad address syntax", Soft, Class::System),
            ("4.0.0", "550 5.1.1 user unknown", Hard, Class::MailboxGone),
            ("5.0.0", "450 user unknown", Soft, Class::System),
            ("5.1.1", "SMTP; 550 Denied due to spam list", Soft, Class::Policy),
            ("5.1.1", "SMTP; 550 Rejected", Soft, Class::Policy),
            ("5.1.1", "SMTP; 550 Message content not accepted here", Soft, Class::Content),
            ("5.1.6", "SMTP; 551 Too much mail from you", Soft, Class::Rate),
            (
                "5.1.3",
                "SMTP; 553 sorry, your envelope sender is in my badmailfrom list",
                Soft,
                Class::Policy,
            ),
            ("5.1.1", "SMTP; 550 No such user", Hard, Class::MailboxGone),
            ("5.1.1", "SMTP; 550 <ann@example.com>", Hard, Class::MailboxGone),
            ("5.1.1", "550 5.1.1 rejected", Hard, Class::MailboxGone),
            (
                "",
                "user does not exist, but will deliver to /home/vpopmail/bob/ can not open new email file errno=2 system error",
                Soft,
                Class::System,
            ),
            ("4.1.1", "451 4.1.1 user unknown: temporary lookup failure", Soft, Class::System),
            (
                "4.1.1",
                "450 4.1.1 <ann@example.com>: user unknown, try again later",
                Soft,
                Class::System,
            ),
            (
                "5.1.1",
                "550 5.1.1 unable to verify sender address <news@acme.example>: no such user",
                Soft,
                Class::Policy,
            ),
            ("5.1.1", "550 5.1.1 Sender verify failed: user unknown", Soft, Class::Policy),
            (
                "5.1.1",
                "550 5.1.1 <ann@example.com>: recipient unknown, sender verification is used here",
                Hard,
                Class::MailboxGone,
            ),
            (
                "",
                "550 unable to verify sender address <news@acme.example>: no such user",
                Soft,
                Class::Policy,
            ),
            ("5.7.1", "550 5.7.1 sender verify failed: no such user", Soft, Class::Policy),
            ("5.0.0", "550 boîte du destinataire pleine", Soft, Class::MailboxFull),
            ("5.0.0", "550 BOITE DU DESTINATAIRE PLEINE", Soft, Class::MailboxFull),
            (
                "5.0.0",
                "550 the user's folder is over the quota that he has",
                Soft,
                Class::MailboxFull,
            ),
            (
                "5.4.1",
                "550 5.4.1 All recipient addresses rejected : Access denied",
                Hard,
                Class::MailboxGone,
            ),
            ("5.4.1", "541 5.4.1 Mail rejected by destination domain", Soft, Class::Policy),
            ("5.1.0", "501 5.1.0 Invalid Sender", Soft, Class::Policy),
            (
                "5.5.0",
                "550 5.5.0 domain [example.com] does not fit the client that is speaking to this server",
                Soft,
                Class::Protocol,
            ),
            ("5.1.4", "550 5.1.4 destination mailbox address ambiguous", Soft, Class::System),
            ("5.0.0", "542 ann@example.com Rejected", Hard, Class::MailboxGone),
            (
                "5.0.0",
                "550 the account or domain may not exist, they may be blacklisted",
                Hard,
                Class::MailboxGone,
            ),
            ("5.0.0", "556 this host takes no mail", Hard, Class::DomainGone),
            ("5.0.0", "550 no mail box available for this user", Hard, Class::MailboxGone),
            (
                "5.0.0",
                "550 <junk.spam-is@example.com> nobody, unknown recipient",
                Hard,
                Class::MailboxGone,
            ),
            ("5.0.0", "554 message refused", Soft, Class::Policy),
            ("5.5.0", "550 requested action not taken", Hard, Class::MailboxGone),
            (
                "5.4.5",
                "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail",
                Soft,
                Class::Rate,
            ),
            (
                "5.1.90",
                "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
                Soft,
                Class::Rate,
            ),
            ("5.1.90", "", Soft, Class::Rate),
            (
                "5.2.252",
                "554 5.2.252 SendAsDenied; joe@acme.test not allowed to send as news@acme.test",
                Soft,
                Class::Policy,
            ),
            (
                "5.1.8",
                "550 5.1.8 Access denied, bad outbound sender AS(42004)",
                Soft,
                Class::Policy,
            ),
            (
                "5.0.0",
                "553 sorry, that domain isn't in my list of allowed rcpthosts",
                Soft,
                Class::Policy,
            ),
            ("", "550 relay not permitted", Soft, Class::Policy),
            (
                "",
                "550 Domain acme.test has exceeded the max emails per hour (500/500 (100%)) allowed",
                Soft,
                Class::Rate,
            ),
            (
                "5.5.2",
                "504 5.5.2 <3f2a9>: Helo command rejected: need fully-qualified hostname",
                Soft,
                Class::Policy,
            ),
            (
                "",
                "host mx.example.com said: 553 host.acme.test does not exist (in reply to mail from command)",
                Soft,
                Class::Policy,
            ),
            (
                "",
                "SMTP error from remote mail server after MAIL FROM:<news@acme.test>: 550 no such user",
                Soft,
                Class::Policy,
            ),
            ("5.1.1", "x-unix; unknown user: \"ann\"", Hard, Class::MailboxGone),
            ("5.3.0", "x-unix; unknown user: \"ann\"", Soft, Class::System),
            (
                "5.7.1",
                "550 5.7.1 recipient is not authorized to accept external mail",
                Soft,
                Class::Policy,
            ),
            ("", "550 Account discontinued, cancelled by user", Hard, Class::MailboxGone),
            (
                "",
                "a rule has blocked your message. recipient is not authorized to accept external mail",
                Soft,
                Class::Policy,
            ),
            (
                "4.4.3",
                "name service error for name=example.com type=mx: host not found, try again",
                Soft,
                Class::Routing,
            ),
        ] {
            let judged = judge(status, said, "");
            assert_eq!((judged.bounce, judged.class), (bounce, class), "{status} {said}");
        }
    }

    #[test]
    fn a_status_that_names_another_cause_outranks_the_text_around() {
        let judged = judge(
            "5.3.5",
            "SMTP; 553 5.3.5 system config error",
            "550 5.1.1 MAILER-DAEMON... User unknown",
        );
        assert_eq!((judged.bounce, judged.class), (Bounce::Soft, Class::System));
        let judged = judge("5.0.0", "SMTP; 554 no", "550 <ann@example.com>... User unknown");
        assert_eq!((judged.bounce, judged.class), (Bounce::Hard, Class::MailboxGone));
    }

    #[test]
    fn refusals_that_come_back_are_hard_only_where_nobody_is_there() {
        let mut reader =
            csv::Reader::from_reader(&include_bytes!("../../../tests/fixtures/refusals.csv")[..]);
        let mut wrong = Vec::new();
        for record in reader.records().map(|record| record.expect("the table is CSV")) {
            let judged = judge("", &record[1], "");
            let bounce = if judged.bounce == Bounce::Hard { "hard" } else { "soft" };
            if !record[3].split(',').any(|right| right == bounce) {
                wrong.push(format!(
                    "{bounce} ({:?}) instead of {}: {}",
                    judged.class, &record[3], &record[1]
                ));
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    }
}
