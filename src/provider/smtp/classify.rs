//! Decides what a refusal means for the recipient and for the provider. [`crate::replies`]
//! interprets its text.
//!
//! The first digit of the code decides whether a refusal is temporary or permanent, and the meaning
//! of the text decides the cause. If the code and the enhanced code disagree, no address is
//! suppressed. Policy and reputation refusals never suppress an address. A refusal that certainly
//! concerns the provider stops the provider at once and is never charged to a recipient.

use super::reply::{Answer, Enhanced};
use super::sender::names_our_sender;
use super::step::Step;
use crate::model::outcome::Reason;
use crate::provider::{Health, Job, Refusal, SLOW_DOWN, Verdict};
use crate::replies::{self, About, Meaning, Place, Reading, Status};

/// Returns the verdict and the provider's health after a 4yz or 5yz reply to a step of a
/// transaction.
pub(crate) fn judge(step: Step, answer: &Answer) -> (Verdict, Health) {
    let reading = read(step, answer);
    let refusal = refusal(step, answer, reading);
    let is_permanent = answer.class() == 5;
    let blameless =
        |refusal: &Refusal| Verdict::NotTaken { refusal: refusal.clone(), counts: false };
    if let Some(health) = of_provider(reading, &refusal, is_permanent) {
        return (blameless(&refusal), health);
    }
    // A server that refuses MAIL would refuse it for every recipient. The refusal is therefore
    // charged to the provider, and the circuit breaker stops the provider after repeated failures.
    // A message that is too large is an exception.
    let is_systemic = answer.code == 421
        || (step == Step::Mail && reading.means != Meaning::Content)
        || (step == Step::Data && is_permanent && reading.means == Meaning::Session);
    if is_systemic {
        return (blameless(&refusal), Health::Failing(refusal));
    }
    let verdict = if is_permanent {
        Verdict::Rejected(refusal)
    } else {
        Verdict::NotTaken { refusal, counts: true }
    };
    (verdict, Health::Fine)
}

/// Returns the verdict and the provider's health after a reply about this job. A refusal that names
/// our sender as its cause is charged to no recipient. If such refusals repeat, the provider is
/// stopped.
pub(super) fn judge_for(job: &Job, step: Step, answer: &Answer) -> (Verdict, Health) {
    match judge(step, answer) {
        (
            Verdict::Rejected(refusal) | Verdict::NotTaken { refusal, counts: true },
            Health::Fine,
        ) if names_our_sender(answer, job) => {
            let refusal = Refusal { reason: Reason::Policy, mailbox_gone: false, ..refusal };
            (
                Verdict::NotTaken { refusal: refusal.clone(), counts: false },
                Health::Failing(refusal),
            )
        }
        judged => judged,
    }
}

/// Returns the provider's health after a refused step before the first transaction.
pub(super) fn judge_session(step: Step, answer: &Answer) -> Health {
    let reading = read(step, answer);
    let refusal = refusal(step, answer, reading);
    let refusal = Refusal { detail: format!("at {step}: {}", refusal.detail), ..refusal };
    match of_provider(reading, &refusal, answer.class() == 5) {
        Some(health @ (Health::Stop(_) | Health::Exhausted(_))) => health,
        // The server refused our EHLO name or our IP address before any recipient was named. It
        // would refuse them again.
        _ if step == Step::Hello && answer.class() == 5 => Health::Stop(refusal),
        // A temporarily refused login is repeated only rarely, whatever the text says, because
        // servers lock accounts with too many attempts.
        _ if step == Step::Auth => Health::Failing(Refusal { reason: Reason::Auth, ..refusal }),
        health => health.unwrap_or(Health::Failing(refusal)),
    }
}

/// Returns the provider's health after a 421. Returns `None` if the reply only closes the
/// connection.
pub(super) fn closing(answer: &Answer) -> Option<Health> {
    let reading = read(Step::Greeting, answer);
    of_provider(reading, &refusal(Step::Greeting, answer, reading), false)
        .filter(|health| !matches!(health, Health::Failing(_)))
}

/// Returns whether the server accepts no more mail over this connection and says so without closing
/// it. Another connection then solves the problem.
pub(super) fn is_spent(step: Step, answer: &Answer) -> bool {
    read(step, answer).means == Meaning::Share
}

/// Returns whether the connection may have caused a temporary refusal although the refusal's text
/// is not known to mean that. The connection must have accepted mail. The refusal must come before
/// a recipient is named, or concern neither a mailbox nor a policy.
pub(super) fn may_be_spent(step: Step, answer: &Answer) -> bool {
    if answer.class() != 4 || answer.code == 421 {
        return false;
    }
    let reading = read(step, answer);
    let is_before_recipients = step == Step::Mail;
    matches!(reading.means, Meaning::Rate | Meaning::Session)
        || (is_before_recipients
            && matches!(
                reading.means,
                Meaning::Policy | Meaning::Full | Meaning::Busy | Meaning::Disabled
            ))
}

/// Returns the provider's health if the server wants a new connection for each message: a pause.
pub(super) fn spent_at_once() -> Health {
    Health::SlowDown(SLOW_DOWN)
}

/// Returns the provider's health if a refusal certainly concerns the provider, because its meaning
/// is known or no recipient was named yet.
fn of_provider(reading: Reading, refusal: &Refusal, is_permanent: bool) -> Option<Health> {
    match reading.means {
        Meaning::Rate => Some(Health::SlowDown(SLOW_DOWN)),
        Meaning::Share => Some(Health::Failing(refusal.clone())),
        Meaning::Quota => Some(Health::Exhausted(refusal.clone())),
        Meaning::Credentials if !is_permanent => Some(Health::Failing(refusal.clone())),
        Meaning::Credentials => Some(Health::Stop(refusal.clone())),
        _ if reading.is_known && reading.means.about() == About::Provider => {
            Some(Health::Stop(explained(reading.means, refusal)))
        }
        _ => None,
    }
}

/// Adds advice to a refusal whose text does not say how to fix the cause.
fn explained(means: Meaning, refusal: &Refusal) -> Refusal {
    let advice = match means {
        Meaning::Relay => "the relay refuses to forward our mail: is a login missing?",
        Meaning::Hello => {
            "the relay refuses our name in EHLO: set helo to this machine's full name in DNS"
        }
        _ => return refusal.clone(),
    };
    Refusal { detail: format!("{} ({advice})", refusal.detail), ..refusal.clone() }
}

fn read(step: Step, answer: &Answer) -> Reading {
    let place = match step {
        Step::Greeting => Place::Greeting,
        Step::Hello | Step::StartTls | Step::Reset | Step::Quit => Place::Hello,
        Step::Auth => Place::Auth,
        Step::Mail => Place::Mail,
        Step::Rcpt => Place::Rcpt,
        Step::Data | Step::Message | Step::LoneDot => Place::Message,
    };
    let status = answer.enhanced().map(|Enhanced { class, subject, detail }| Status {
        class,
        subject,
        detail,
    });
    replies::classify(answer.code, status, &answer.whole_text(), place)
}

fn refusal(step: Step, answer: &Answer, reading: Reading) -> Refusal {
    let is_recipients = matches!(step, Step::Rcpt | Step::Data | Step::Message);
    let reason = match reading.means {
        Meaning::Greylisted if answer.enhanced().is_none_or(|enhanced| enhanced.subject != 7) => {
            Reason::MailboxTransient
        }
        means => reason(means, answer.class() == 5),
    };
    let reason = match reason {
        // The refusal came before a recipient was named.
        Reason::MailboxGone | Reason::MailboxTransient | Reason::BadAddress if !is_recipients => {
            Reason::Policy
        }
        // The text says that the refusal concerns the sender, or the code 571 gives no specific
        // reason.
        Reason::Session
            if is_recipients
                && answer.class() == 5
                && (reading.means == Meaning::Sender || answer.code == 571) =>
        {
            Reason::Policy
        }
        reason => reason,
    };
    let refusal = Refusal::new(reason, answer.code_text(), answer.text());
    Refusal {
        mailbox_gone: is_recipients
            && reading.means == Meaning::Gone
            && replies::is_certainly_gone(&answer.code_text()),
        ..refusal
    }
}

fn reason(means: Meaning, is_permanent: bool) -> Reason {
    match means {
        Meaning::Rate | Meaning::Busy => Reason::Rate,
        Meaning::Quota => Reason::Cap,
        Meaning::Credentials => Reason::Auth,
        Meaning::Gone | Meaning::Domain | Meaning::Disabled if is_permanent => Reason::MailboxGone,
        Meaning::Gone | Meaning::Domain | Meaning::Disabled | Meaning::Full => {
            Reason::MailboxTransient
        }
        Meaning::Relay | Meaning::Greylisted | Meaning::Policy => Reason::Policy,
        Meaning::Address => Reason::BadAddress,
        Meaning::Content | Meaning::Size => Reason::Content,
        Meaning::Routing | Meaning::Expired | Meaning::System => Reason::MailboxTransient,
        Meaning::Sender | Meaning::Hello | Meaning::Share | Meaning::Session => Reason::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Answer {
        let (code, text) = line.split_at(3);
        Answer { code: code.parse().unwrap(), lines: vec![text.trim_start().to_owned()] }
    }

    /// Returns the verdict in a few words.
    fn outcome(step: Step, line: &str) -> String {
        let (verdict, health) = judge(step, &answer(line));
        let verdict = match verdict {
            Verdict::Rejected(r) => {
                format!("rejected {}{}", r.reason, if r.mailbox_gone { " gone" } else { "" })
            }
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
            Health::Exhausted(_) => ", used up",
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
            (Rcpt, "450 4.2.0 Greylisted, come back later", "not taken mailbox_transient counts"),
            (
                Rcpt,
                "504 5.5.2 <3f2a9>: Helo command rejected: need fully-qualified hostname",
                "not taken session, stop",
            ),
            (Rcpt, "550 no such user", "rejected mailbox_gone"),
            (Rcpt, "550 5.5.0 mailbox unavailable", "rejected mailbox_gone"),
            (Rcpt, "450 busy", "not taken mailbox_transient counts"),
            (
                Rcpt,
                "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents",
                "not taken rate counts",
            ),
            (Rcpt, "451 4.3.0 queue file write error", "not taken session counts"),
            (Rcpt, "421 4.3.2 shutting down", "not taken session, failing"),
            (Rcpt, "550 5.1.8 sender domain not found", "rejected policy"),
            (Rcpt, "571 Delivery not authorized, message refused", "rejected policy"),
            (Mail, "550 5.1.0 mittente rifiutato", "not taken policy, failing"),
            (Message, "552 5.3.4 too big", "rejected content"),
            (Message, "550 5.6.0 bad MIME", "rejected content"),
            (Message, "554 looks like spam", "rejected policy"),
            (Message, "451 4.3.0 try later", "not taken session counts"),
            (Message, "421 4.3.2 shutting down", "not taken session, failing"),
            (
                Message,
                "454 Throttling failure: Maximum sending rate exceeded.",
                "not taken rate, slow down",
            ),
            (Data, "554 5.7.1 no", "rejected policy"),
            (Data, "503 5.5.1 bad sequence", "not taken session, failing"),
            (Mail, "452 4.3.1 no space", "not taken session, failing"),
            (Mail, "421 4.7.0 too many connections", "not taken rate, slow down"),
            (Mail, "451 4.7.28 flood", "not taken rate, slow down"),
            (Mail, "550 5.7.1 sender refused", "not taken policy, failing"),
            (Mail, "552 5.3.4 too big", "rejected content"),
            (Mail, "530 5.7.0 authentication required", "not taken auth, stop"),
            (Rcpt, "535 5.7.8 no", "rejected policy"),
            (Rcpt, "550 relay not permitted", "not taken policy, stop"),
            (Message, "550 5.4.5 Daily user sending limit exceeded.", "not taken cap, used up"),
            (Mail, "454 4.7.0 later", "not taken policy, failing"),
        ] {
            assert_eq!(outcome(step, line), expected, "{step}: {line}");
        }
    }

    #[test]
    fn nobody_is_suppressed_where_the_digits_disagree() {
        assert_eq!(outcome(Step::Rcpt, "550 4.1.1 no such user"), "rejected mailbox_gone");
        assert_eq!(
            outcome(Step::Rcpt, "450 5.1.1 no such user"),
            "not taken mailbox_transient counts"
        );
    }

    #[test]
    fn rate_is_a_word_and_not_a_part_of_one() {
        assert_eq!(
            outcome(Step::Rcpt, "451 4.7.0 please separate and moderate"),
            "not taken policy counts"
        );
    }

    #[test]
    fn a_421_asks_for_quiet_only_when_it_says_so() {
        assert_eq!(
            closing(&answer("421 4.7.0 too many connections")),
            Some(Health::SlowDown(SLOW_DOWN))
        );
        assert_eq!(closing(&answer("421 too many messages in this connection")), None);
        assert_eq!(closing(&answer("421 4.4.2 idle for too long")), None);
        assert!(matches!(
            judge_session(Step::Greeting, &answer("554 5.7.1 no")),
            Health::Failing(_)
        ));
        assert!(matches!(
            judge_session(Step::Auth, &answer("504 5.5.4 unknown mechanism")),
            Health::Stop(_)
        ));
        for later in ["454 4.7.0 later", "451 4.7.0 too many logins", "421 4.3.2 not now"] {
            assert!(
                matches!(judge_session(Step::Auth, &answer(later)), Health::Failing(refusal) if refusal.reason == Reason::Auth),
                "{later}"
            );
        }
        for never in [
            "550 5.7.1 your IP is listed in bl.example.net",
            "504 5.5.2 need fully-qualified hostname",
        ] {
            assert!(
                matches!(judge_session(Step::Hello, &answer(never)), Health::Stop(_)),
                "{never}"
            );
        }
        assert!(matches!(
            judge_session(Step::Hello, &answer("421 4.7.0 later")),
            Health::Failing(_)
        ));
        let credits = judge_session(
            Step::Auth,
            &answer("451 Authentication failed: Maximum credits exceeded"),
        );
        assert!(matches!(credits, Health::Exhausted(_)));
    }
}
