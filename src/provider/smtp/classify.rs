//! What a refusal means. The only place that knows what servers' codes, and in one case their prose, stand for.
//!
//! The rules it keeps: the first digit of the code decides whether a refusal is transient or permanent, the enhanced code (RFC 3463)
//! decides the cause; where the two disagree nobody is suppressed, and neither is anybody for policy or reputation. A refusal of the
//! sender, the session or the credentials is the provider's and never a recipient's.

use std::time::Duration;

use super::reply::{Answer, Enhanced};
use super::step::Step;
use crate::outcome::Reason;
use crate::provider::{Health, Refusal, Verdict};

/// How long to leave a server alone that says it is sent too much.
const SLOW_DOWN: Duration = Duration::from_secs(30);

/// What a 4yz or 5yz answer to a step of a transaction comes to, for the recipient and for the provider.
pub(super) fn judge(step: Step, answer: &Answer) -> (Verdict, Health) {
    let refusal = refusal(step, answer);
    let is_permanent = answer.class() == 5;
    let blameless = |refusal: &Refusal| Verdict::NotTaken { refusal: refusal.clone(), counts: false };
    if refusal.reason == Reason::Auth {
        let verdict = blameless(&refusal);
        return (verdict, if is_permanent { Health::Stop(refusal) } else { Health::Failing(refusal) });
    }
    if refusal.reason == Reason::Rate && !is_permanent && is_about_the_session(step, answer) {
        return (blameless(&refusal), Health::SlowDown(SLOW_DOWN));
    }
    // A refused MAIL would be refused for everybody, so it is held against the provider and not written into each recipient's row: the
    // breaker sees the same failure again and stops. A message that is too large is the exception.
    let is_systemic = answer.code == 421
        || (step == Step::Mail && refusal.reason != Reason::Content)
        || is_about_the_sender(answer)
        || (step == Step::Data && is_permanent && refusal.reason == Reason::Session);
    if is_systemic {
        return (blameless(&refusal), Health::Failing(refusal));
    }
    let verdict = if is_permanent { Verdict::Rejected(refusal) } else { Verdict::NotTaken { refusal, counts: true } };
    (verdict, Health::Fine)
}

/// What an answer to a step before the first transaction says about the provider.
pub(super) fn judge_session(step: Step, answer: &Answer) -> Health {
    let refusal = refusal(step, answer);
    let refusal = Refusal { detail: format!("at {step}: {}", refusal.detail), ..refusal };
    match refusal.reason {
        Reason::Rate if answer.class() == 4 => Health::SlowDown(SLOW_DOWN),
        Reason::Auth if answer.class() == 5 => Health::Stop(refusal),
        _ => Health::Failing(refusal),
    }
}

/// Whether a 421 asks to be left alone; `None` where it merely closes the connection.
pub(super) fn closing(answer: &Answer) -> Option<Health> {
    (!is_connections_share(answer) && reason(Step::Greeting, answer) == Reason::Rate).then_some(Health::SlowDown(SLOW_DOWN))
}

/// A server that takes so many messages over one connection is not asking for a pause, only for another connection:
/// `421 too many messages in this connection` (Exim), `421 4.7.0 mail.example Too many messages this session` (others).
fn is_connections_share(answer: &Answer) -> bool {
    let text = answer.text().to_ascii_lowercase();
    text.contains("too many messages") && (text.contains("connection") || text.contains("session"))
}

fn refusal(step: Step, answer: &Answer) -> Refusal {
    let is_recipients = matches!(step, Step::Rcpt | Step::Data | Step::Message);
    Refusal { mailbox_gone: is_recipients && is_gone(answer), ..Refusal::new(reason(step, answer), answer.code_text(), answer.text()) }
}

/// Only where both digits are permanent and the mailbox certainly does not exist: no such mailbox, moved without a new address, a
/// domain that takes no mail (RFC 7505).
fn is_gone(answer: &Answer) -> bool {
    answer.class() == 5 && matches!(answer.enhanced(), Some(Enhanced { class: 5, subject: 1, detail: 1 | 6 | 10 }))
}

/// X.1.7 and X.1.8: the sender's address is at fault. Postfix says so at RCPT.
fn is_about_the_sender(answer: &Answer) -> bool {
    matches!(answer.enhanced(), Some(Enhanced { subject: 1, detail: 7 | 8, .. }))
}

/// Too much for one mailbox (`450 4.2.1`) concerns nobody else.
fn is_about_the_session(step: Step, answer: &Answer) -> bool {
    answer.code == 421 || (step != Step::Rcpt && answer.enhanced().is_none_or(|e| e.subject != 2))
}

fn reason(step: Step, answer: &Answer) -> Reason {
    if matches!(answer.code, 530 | 534 | 535 | 538) || (step == Step::Auth && answer.class() == 5) {
        return Reason::Auth;
    }
    let is_permanent = answer.class() == 5;
    let mailbox = if is_permanent { Reason::MailboxGone } else { Reason::MailboxTransient };
    let Some(enhanced) = answer.enhanced() else { return without_enhanced_code(step, answer) };
    match (enhanced.subject, enhanced.detail) {
        (7, 28) => Reason::Rate,
        (2, 1) | (3, 2) | (4, 5) | (5, 3) | (7, 0 | 1) | (0, _) if speaks_of_rate(answer) => Reason::Rate,
        (7, 8 | 9 | 11) => Reason::Auth,
        (7, _) => Reason::Policy,
        (1, 7 | 8) => Reason::Session,
        (1, 3) if is_permanent => Reason::BadAddress,
        (1, _) => mailbox,
        (2, 2) => Reason::MailboxTransient,
        (2, 3) | (3, 4) => Reason::Content,
        (2, _) => mailbox,
        (6, 7) if step == Step::Rcpt => Reason::BadAddress,
        (6, _) => Reason::Content,
        // Outlook.com: "550 5.5.0 Requested action not taken: mailbox unavailable".
        (5, 0) | (0, _) => without_enhanced_code(step, answer),
        _ => Reason::Session,
    }
}

fn without_enhanced_code(step: Step, answer: &Answer) -> Reason {
    match (answer.code, step) {
        (421 | 450 | 451 | 452 | 454, _) if speaks_of_rate(answer) => Reason::Rate,
        (501, Step::Rcpt) => Reason::BadAddress,
        (550 | 551 | 553 | 556, Step::Rcpt) => Reason::MailboxGone,
        (450 | 452 | 552, Step::Rcpt) => Reason::MailboxTransient,
        (552, Step::Mail | Step::Data | Step::Message) => Reason::Content,
        (550 | 551 | 553 | 554, Step::Rcpt | Step::Data | Step::Message) => Reason::Policy,
        (454, _) => Reason::Auth,
        _ => Reason::Session,
    }
}

/// Servers say in prose that they are sent too much:
/// `421 4.7.0 mail.example Error: too many connections from 192.0.2.1` (Postfix),
/// `454 Throttling failure: Maximum sending rate exceeded.` (Amazon SES),
/// `450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages` (Gmail),
/// `421 RP-001 ... message rate limits` (Outlook.com).
fn speaks_of_rate(answer: &Answer) -> bool {
    let text = answer.text().to_ascii_lowercase();
    let has_word = |word: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == word);
    has_word("rate") || has_word("ratelimited") || text.contains("too many") || text.contains("throttl") || text.contains("too quickly")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Answer {
        let (code, text) = line.split_at(3);
        Answer { code: code.parse().unwrap(), lines: vec![text.trim_start().to_owned()] }
    }

    /// The verdict in a few words.
    fn told(step: Step, line: &str) -> String {
        let (verdict, health) = judge(step, &answer(line));
        let verdict = match verdict {
            Verdict::Rejected(r) => format!("rejected {}{}", r.reason, if r.mailbox_gone { " gone" } else { "" }),
            Verdict::NotTaken { refusal: r, counts } => {
                assert!(!r.mailbox_gone);
                format!("not taken {}{}", r.reason, if counts { " counts" } else { "" })
            }
            other => format!("{other:?}"),
        };
        let health = match health {
            Health::Fine => "",
            Health::SlowDown(_) => ", slow down",
            Health::Failing(_) => ", failing",
            Health::Stop(_) => ", stop",
        };
        format!("{verdict}{health}")
    }

    #[test]
    fn the_first_digit_decides_and_the_enhanced_code_names_the_cause() {
        use Step::{Data, Mail, Message, Rcpt};
        for (step, line, expected) in [
            (Rcpt, "550 5.1.1 no such user", "rejected mailbox_gone gone"),
            (Rcpt, "556 5.1.10 null MX", "rejected mailbox_gone gone"),
            (Message, "550 5.1.1 no such user", "rejected mailbox_gone gone"),
            (Rcpt, "550 5.1.2 no such domain", "rejected mailbox_gone"),
            (Rcpt, "501 5.1.3 bad syntax", "rejected bad_address"),
            (Rcpt, "550 5.2.1 disabled", "rejected mailbox_gone"),
            (Rcpt, "552 5.2.2 mailbox full", "rejected mailbox_transient"),
            (Rcpt, "452 4.2.2 mailbox full", "not taken mailbox_transient counts"),
            (Rcpt, "550 5.7.1 blocked", "rejected policy"),
            (Rcpt, "450 4.7.1 greylisted", "not taken policy counts"),
            (Rcpt, "550 no such user", "rejected mailbox_gone"),
            (Rcpt, "550 5.5.0 mailbox unavailable", "rejected mailbox_gone"),
            (Rcpt, "450 busy", "not taken mailbox_transient counts"),
            (Rcpt, "450 4.2.1 receiving mail at a rate that prevents", "not taken rate counts"),
            (Rcpt, "451 4.3.0 queue file write error", "not taken session counts"),
            (Rcpt, "421 4.3.2 shutting down", "not taken session, failing"),
            (Rcpt, "550 5.1.8 sender domain not found", "not taken session, failing"),
            (Message, "552 5.3.4 too big", "rejected content"),
            (Message, "550 5.6.0 bad MIME", "rejected content"),
            (Message, "554 looks like spam", "rejected policy"),
            (Message, "451 4.3.0 try later", "not taken session counts"),
            (Message, "421 4.3.2 shutting down", "not taken session, failing"),
            (Message, "454 Throttling failure: Maximum sending rate exceeded.", "not taken rate, slow down"),
            (Data, "554 5.7.1 no", "rejected policy"),
            (Data, "503 5.5.1 bad sequence", "not taken session, failing"),
            (Mail, "452 4.3.1 no space", "not taken session, failing"),
            (Mail, "421 4.7.0 too many connections", "not taken rate, slow down"),
            (Mail, "451 4.7.28 flood", "not taken rate, slow down"),
            (Mail, "550 5.7.1 sender refused", "not taken policy, failing"),
            (Mail, "552 5.3.4 too big", "rejected content"),
            (Mail, "530 5.7.0 authentication required", "not taken auth, stop"),
            (Rcpt, "535 5.7.8 no", "not taken auth, stop"),
            (Mail, "454 4.7.0 later", "not taken policy, failing"),
        ] {
            assert_eq!(told(step, line), expected, "{step}: {line}");
        }
    }

    #[test]
    fn nobody_is_suppressed_where_the_digits_disagree() {
        assert_eq!(told(Step::Rcpt, "550 4.1.1 no such user"), "rejected mailbox_gone");
        assert_eq!(told(Step::Rcpt, "450 5.1.1 no such user"), "not taken mailbox_transient counts");
    }

    #[test]
    fn rate_is_a_word_and_not_a_part_of_one() {
        assert_eq!(told(Step::Rcpt, "451 4.7.0 please separate and moderate"), "not taken policy counts");
    }

    #[test]
    fn a_421_asks_for_quiet_only_when_it_says_so() {
        assert_eq!(closing(&answer("421 4.7.0 too many connections")), Some(Health::SlowDown(SLOW_DOWN)));
        assert_eq!(closing(&answer("421 too many messages in this connection")), None);
        assert_eq!(closing(&answer("421 4.4.2 idle for too long")), None);
        assert!(matches!(judge_session(Step::Greeting, &answer("554 5.7.1 no")), Health::Failing(_)));
        assert!(matches!(judge_session(Step::Auth, &answer("504 5.5.4 unknown mechanism")), Health::Stop(_)));
        assert!(matches!(judge_session(Step::Auth, &answer("454 4.7.0 later")), Health::Failing(_)));
    }
}
