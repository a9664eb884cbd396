//! Decides whether a refusal names our own sender as its cause.
//!
//! A refusal that only repeats an address does not name a cause. Our address must be the only one
//! in the text. If the text mentions recipients, it must mention the sender too. Our domain alone
//! counts only if the text calls it the sender's, or mentions SPF or DMARC.

use super::reply::Answer;
use crate::provider::Job;

/// Phrases that call an address or domain the sender's.
const SENDERS: [&str; 16] = [
    "sender address",
    "sender domain",
    "sender rejected",
    "sender denied",
    "sender verify",
    "mail from",
    "from address",
    "envelope from",
    "return path",
    "return-path",
    "not allowed to send",
    "not authorized to send",
    "absender",
    "mittente",
    "remitente",
    "remetente",
];

/// Phrases that concern the sender even if the text names only its domain.
const DOMAINS: [&str; 5] =
    ["unauthenticated email from", "sender domain", "dmarc", "spf", "not allowed to send"];

/// Phrases which mean that a recipient refuses the mail.
const RECIPIENTS: [&str; 6] =
    ["recipient", "mailbox", "user", "blocked by", "does not accept", "not accept mail"];

/// Returns whether the refusal of this job's recipient concerns the message's sender address or
/// domain.
pub(super) fn names_our_sender(answer: &Answer, job: &Job) -> bool {
    let Some(sender) = &job.envelope_sender else { return false };
    let text = answer.whole_text().to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if names(&text, &job.to.as_str().to_lowercase()) {
        return false;
    }
    if names(&text, &sender.as_str().to_lowercase()) {
        return holds(&SENDERS) || !holds(&RECIPIENTS);
    }
    let domain = sender.domain().to_lowercase();
    domain != job.to.domain().to_lowercase() && holds(&DOMAINS) && names(&text, &domain)
}

/// Returns whether a text contains this address or domain, and not as a part of another one.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '+');
    text.match_indices(name).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + name.len()..]);
        let goes_on = behind.starts_with(is_part)
            || behind.strip_prefix('.').is_some_and(|rest| rest.starts_with(is_part));
        !(before.ends_with(is_part) || before.ends_with(['.', '@']) || goes_on)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::job;

    #[test]
    fn our_sender_is_the_cause_where_it_is_named_as_such() {
        let job = job(1, "ann@x.example", "x");
        let named = |text: &str| {
            names_our_sender(&Answer { code: 550, lines: vec![text.to_owned()] }, &job)
        };
        for text in [
            "5.1.8 <news@mailbatch.example>: Sender address rejected: Domain not found",
            "5.1.0 <news@mailbatch.example>: Sender address rejected: User unknown in local recipient table",
            "5.7.1 <NEWS@mailbatch.example>: Access denied",
            "5.7.26 Unauthenticated email from mailbatch.example is not accepted due to domain's DMARC policy.",
            "Absender news@mailbatch.example ist nicht erlaubt",
        ] {
            assert!(named(text), "{text}");
        }
        for text in [
            "5.1.1 <ann@x.example>: Recipient address rejected: User unknown",
            "5.7.1 <ann@x.example> does not accept mail from <news@mailbatch.example>",
            "5.7.1 The recipient has blocked news@mailbatch.example",
            "5.7.1 <old-news@mailbatch.example>: Access denied",
            "5.7.1 see https://mailbatch.example.net/spf",
            "5.7.1 message refused",
        ] {
            assert!(!named(text), "{text}");
        }
    }
}
