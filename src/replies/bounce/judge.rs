//! Why a message bounced, and whether the address is of no use: from the enhanced status (RFC 3463
//! sections 3.2 to 3.8, and the registry that RFC 5248 began), the reply code, and what the system
//! says in prose.
//!
//! | status | class | |
//! |---|---|---|
//! | X.1.0, X.1.1, X.1.4, X.1.6, X.1.10 of a mailbox | `mailbox_gone` | hard |
//! | X.1.2, X.1.10 of a domain (RFC 7505), X.4.4 where the name does not exist | `domain_gone` | hard |
//! | X.1.3 | `bad_address` | hard |
//! | X.3.2 for good and reply code 521, where the words say it too or nothing; 556: the host takes no mail (RFC 7504) | `domain_gone` | hard |
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
//! Many systems use a status that says less than their prose, such as 5.0.0 or 5.5.0, so for those
//! the prose decides. Some use one that says something else, and there the prose decides too:
//!
//! | status | prose | class | |
//! |---|---|---|---|
//! | 5.7.z | "user unknown", "no such user": systems that answer every refusal with 5.7.1 | `mailbox_gone` | hard |
//! | 5.7.z | anything else, "recipient address rejected: access denied" too | `policy` | soft |
//! | 5.4.1 | "recipient address rejected: access denied": Exchange Online, where its directory does not have the recipient | `mailbox_gone` | hard |
//! | 5.1.1 | "mailbox full", a block list | as the prose | soft |
//! | 5.1.1 | another cause than the recipient: policy, routing, the system | as the prose | soft |
//! | none, 5.0.0 | 550 and words that are not understood | `other` | soft |
//! | 5.y.z | a reply code for now, 4yz | as the prose, for now | soft |
//! | 5.1.1 | both "user unknown" and a word of policy, as in the address of a help page | `mailbox_gone` | hard |
//!
//! Whatever the class, no address is suppressed by a status of 5.7.z
//! ([`Event::suppresses`](crate::model::event::Event::suppresses)).

use std::collections::HashMap;

use super::status::{codes_in, is_generic};
use super::wording::{gives_none, whole, without_frame, without_own_words, without_repeated};
use crate::model::event::{Bounce, Class};
use crate::replies::{
    Meaning, Place, Status, TextReason, classify, normal, says_absent, text_reason,
    without_addresses,
};

/// What is concluded about one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) class: Class,
    pub(crate) bounce: Bounce,
    pub(crate) status: String,
    pub(crate) code: String,
}

/// Judges one bounce, as [`Judge::of`] does.
pub(crate) fn judge(status: &str, said: &str, around: &str) -> Judged {
    Judge::default().of(status, said, around)
}

/// Judges the bounces of one message. A report about a hundred thousand people says the same of
/// most of them, and looking for a thousand phrases takes far longer than looking up what came of
/// it the last time.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    found: HashMap<String, Found>,
}

/// So many different sentences of one message are remembered, and so many bytes of one.
const MOST_REMEMBERED: usize = 1_000;
const LONGEST_REMEMBERED: usize = 2_000;

impl Judge {
    /// Judges a bounce. `status` is what a report's Status field says, `said` what the remote
    /// system said, `around` the text around it, which is only asked where those say nothing.
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

/// What looks for the reason in a text without addresses.
type Look<'l> = &'l mut dyn FnMut(&str, u16, Option<Status>) -> Found;

fn judged(status: &str, said: &str, around: &str, look: Look<'_>) -> Judged {
    let from_field = codes_in(status).status;
    let mut codes = codes_in(said);
    // What the remote system said is nearer to the cause than what the reporting one made of it.
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
    // RFC 3463 section 3.1: class 4 is for now, whatever the words are.
    let class = match class {
        Class::MailboxGone | Class::BadAddress if codes.status.starts_with('4') => Class::System,
        Class::DomainGone if codes.status.starts_with('4') => Class::Routing,
        // A code for now beside a status for good: who sent it may not have meant for good.
        Class::MailboxGone | Class::BadAddress if codes.code.starts_with('4') => Class::System,
        Class::DomainGone if codes.code.starts_with('4') => Class::Routing,
        class => class,
    };
    // A failure with a status of success contradicts itself, so it proves nothing of a mailbox.
    let class = match class {
        Class::MailboxGone | Class::BadAddress | Class::DomainGone
            if codes.status.starts_with('2') =>
        {
            Class::System
        }
        class => class,
    };
    // What was refused before a recipient was named is not the recipient.
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

/// Whether a system says that the greeting or the sender was refused, in the exchange of commands.
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

/// Whether a status may be Sendmail's own, which makes one of a bare reply code: the words behind
/// the code say more.
fn is_invented(status: &str, code: &str) -> bool {
    matches!(
        (code, status),
        ("550", "5.1.1") | ("551", "5.1.6") | ("553", "5.1.3") | ("552", "5.2.2")
    )
}

/// What a system said in words, as a class.
#[derive(Clone, Copy, Debug)]
struct Found {
    class: Option<Class>,
    /// It cannot be a way of speaking.
    is_clear: bool,
    /// It says that the recipient does not exist, whatever else it says.
    says_absent: bool,
    /// It names a cause, and does not only refuse.
    names_cause: bool,
}

impl Found {
    /// The cause that it names, where it is neither the recipient nor the way of giving up.
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

/// The class of a bounce that says what is known to mean this.
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
    // The mail was piped to a program, and that failed. What it says about users does not count,
    // but for 5.1.1 with words for an absent user.
    let is_said_by_program =
        said.starts_with("x-unix;") && !(status == "5.1.1" && says_absent(said));
    if is_said_by_program || is_failed_program(said) {
        return Class::System;
    }
    let said = without_repeated(&without_frame(&without_addresses(said)), code);
    // The server that relayed it wrote the command wrongly.
    if said.contains("unbalanced") {
        return Class::Protocol;
    }
    let enhanced = enhanced(status);
    let number = code.parse().unwrap_or(0);
    // A status that one service made up, and that means one thing only.
    let reading = classify(number, enhanced, "", Place::Bounce);
    if reading.is_known {
        return class_of(reading.means);
    }
    let found = look(&said, number, enhanced);
    // For now only: the name may be there tomorrow.
    if found.class == Some(Class::DomainGone) && status.starts_with('4') {
        return Class::Routing;
    }
    // A system that could not look the domain up does not know that it is gone.
    if found.class == Some(Class::DomainGone) && !found.is_clear && has_no_answer(&said) {
        return Class::Routing;
    }
    // "Temporary failure: user unknown": the address may be there when it is looked up again.
    if found.class == Some(Class::MailboxGone) && said.contains("temporar") {
        return Class::System;
    }
    // A relay that forwards may give any failure of its own the status of a missing mailbox.
    if said.contains("certificate") && !found.says_absent {
        return Class::System;
    }
    if let Some(class) = of_status(status, &found, &said) {
        return class;
    }
    // For now only, although no reason is given: the address may be there tomorrow.
    if is_for_now(status, code, &said)
        && matches!(found.class, Some(Class::MailboxGone | Class::BadAddress | Class::DomainGone))
    {
        return Class::System;
    }
    // The reply of one large filter for recipients that it does not know.
    if code == "542" && !found.is_clear {
        return Class::MailboxGone;
    }
    // A host that takes no mail says nothing about a list of ours.
    if code == "556" && !found.is_clear
        || code == "521" && (found.class == Some(Class::DomainGone) || gives_none(&said, code))
    {
        return Class::DomainGone;
    }
    if let Some(class) = found.class {
        return class;
    }
    let around = around();
    if is_failed_program(&around) {
        return Class::System;
    }
    // What is refused after the message was sent is not the recipient, whatever a system makes of
    // it.
    if matches!(code, "550" | "551" | "553")
        && status.is_empty()
        && around.contains(">>> data")
        && !around.contains(">>> rcpt to")
    {
        return Class::Policy;
    }
    // A status that names another cause outranks what the text says of any other.
    let names_cause = !status.ends_with(".0") && enhanced.is_some_and(|status| status.subject > 1);
    let is_of_address =
        |class: &Class| matches!(class, Class::MailboxGone | Class::BadAddress | Class::DomainGone);
    if let Some(class) = look(&without_frame(&without_addresses(&around)), number, enhanced)
        .class
        .filter(|class| !(names_cause && is_of_address(class)))
    {
        return class;
    }
    match (code, status.split('.').nth(1)) {
        ("552", _) => Class::MailboxFull,
        // What is refused after the sender or the message was named is not the recipient.
        ("550" | "551" | "553", None)
            if ["end of data", "mail from command", "transfer of mail text"]
                .iter()
                .any(|place| said.contains(place)) =>
        {
            Class::Policy
        }
        // Words that are not understood give a reason that is not known.
        ("550" | "551" | "553", None) if gives_none(&said, code) => Class::MailboxGone,
        ("550", Some("5")) if status == "5.5.0" && gives_none(&said, code) => Class::MailboxGone,
        ("421" | "450" | "451" | "452", _) => Class::System,
        (_, Some("2")) => Class::MailboxDisabled,
        (_, Some("3")) => Class::System,
        (_, Some("4")) => Class::Routing,
        (_, Some("5")) => Class::Protocol,
        _ => Class::Other,
    }
}

/// Whether a delivery program, a shell or a path was not found, which is no person.
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

/// Whether a system says that it could not find out whether a recipient exists.
fn could_not_look_up(said: &str) -> bool {
    ["temporar", "lookup fail", "lookup error", "look up fail", "try again", "timeout", "timed out"]
        .iter()
        .any(|word| said.contains(word))
}

/// Whether a system says that it got no answer about a domain, and not that there is none.
fn has_no_answer(said: &str) -> bool {
    !said.contains("nxdomain")
        && ["temporar", "try again later", "timeout", "timed out", "servfail"]
            .iter()
            .any(|word| said.contains(word))
}

/// Whether a refusal is transient by its status, or by its reply code where there is no status and
/// no other code.
fn is_for_now(status: &str, code: &str, said: &str) -> bool {
    if !is_generic(status) {
        return status.starts_with('4');
    }
    code.starts_with('4') && !["550", "551", "553", "554"].iter().any(|other| said.contains(other))
}

/// What the status says by itself, or together with the prose where it is used for several things;
/// `None` where the prose decides.
fn of_status(status: &str, found: &Found, said: &str) -> Option<Class> {
    let mut numbers = status.split('.');
    let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let is_permanent = class == "5";
    // Prose that cannot be a way of speaking.
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
            // One name for several people (RFC 3463 section 3.2).
            (None, Some(Class::System)) if detail == "4" => Class::System,
            (None, _) if is_permanent && found.other_cause().is_some() => {
                return found.other_cause();
            }
            // For now only, and nothing says that the mailbox is not there.
            (None, stated) if !is_permanent => stated.unwrap_or(Class::System),
            _ => Class::MailboxGone,
        },
        ("1", "2") if is_permanent => clear.or(found.other_cause()).unwrap_or(Class::DomainGone),
        ("1", "2") => stated.unwrap_or(Class::Routing),
        ("1", "3") => clear.or(found.other_cause()).unwrap_or(Class::BadAddress),
        ("1", "7" | "8" | "9") => Class::Policy,
        ("2", "2") | ("3", "1") => Class::MailboxFull,
        ("2", "3") | ("3", "4") => Class::TooLarge,
        // Exchange Online, where its directory does not have the recipient.
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
