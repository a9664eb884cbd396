//! The words for outcomes and reasons, and counts of them.

use crate::model::figures::grouped;
use crate::model::outcome::{Outcome, Reason, Tally};

/// The outcome as people read it.
pub(crate) fn outcome(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "open",
        Some(Outcome::AlreadyAccepted) => "already accepted",
        Some(outcome) => outcome.as_str(),
    }
}

/// What an outcome means, beside its word, where the word alone does not say it.
pub(crate) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Deferred => "put off by the provider until we gave up",
        Outcome::Unknown => "may have been taken, no answer came",
        Outcome::Held => "not sent",
        _ => "",
    }
}

/// What a reason means, beside its word.
pub(crate) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::BadAddress => "no address that can be mailed",
        Reason::Render => "the message cannot be rendered",
        Reason::Repeated => "the address stands earlier in the lists",
        Reason::EarlierRun => "decided by an earlier run",
        Reason::HardBounce => "an earlier message bounced for good",
        Reason::Complaint => "the recipient complained",
        Reason::Unsubscribe => "the recipient unsubscribed",
        Reason::Manual => "entered in a suppression list",
        Reason::MailboxGone => "the mailbox does not exist",
        Reason::MailboxTransient => "full, busy or greylisted",
        Reason::Rate => "the provider asks for fewer",
        Reason::Policy => "policy or reputation",
        Reason::Content => "what the message contains",
        Reason::Session => "the provider or the connection failed",
        Reason::Auth => "the login or the key is refused",
        Reason::NoReply => "no answer after the hand-over",
        Reason::Canary => "the canary, or closed by a person",
        Reason::Paused => "stopped by a pause or a pause rule",
        Reason::Window => "the time to send was over",
        Reason::Cap => "a cap or quota is used up",
        Reason::Limit => "beyond --limit",
        Reason::Interrupted => "the run ended before their turn",
    }
}

/// `accepted 12 · rejected 3`, those outcomes only that have a count.
pub(crate) fn counts(tally: &Tally, among: &[Outcome]) -> String {
    let words: Vec<String> = tally
        .non_zero()
        .filter(|(o, _)| among.contains(o))
        .map(|(o, n)| format!("{} {}", outcome(Some(o)), grouped(n)))
        .collect();
    words.join(" · ")
}

/// The same for all outcomes, with the rows that have none yet.
pub(crate) fn tally_words(tally: &Tally) -> String {
    let mut words = counts(tally, Outcome::ALL);
    if tally.open > 0 {
        let between = if words.is_empty() { "" } else { " · " };
        words.push_str(&format!("{between}open {}", grouped(tally.open)));
    }
    words
}

/// Counts by outcome as JSON: every outcome, zero or not, and `open` where rows are not settled, so
/// that they sum to the input.
pub(crate) fn counts_json(tally: &Tally) -> serde_json::Value {
    let mut map = serde_json::Map::new();
    for outcome in Outcome::ALL {
        map.insert(outcome.as_str().to_owned(), tally.get(*outcome).into());
    }
    if tally.open > 0 {
        map.insert("open".to_owned(), tally.open.into());
    }
    map.into()
}
