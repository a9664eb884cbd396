//! Names and short explanations of outcomes and reasons, and counts of outcomes.

use crate::model::figures::grouped;
use crate::model::outcome::{Outcome, Reason, Tally};

/// Returns the name of an outcome for text output. `None` is an open row.
pub(crate) fn outcome(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "open",
        Some(Outcome::AlreadyAccepted) => "already accepted",
        Some(outcome) => outcome.as_str(),
    }
}

/// Returns a short explanation of an outcome, or an empty string if the name is clear enough.
pub(crate) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Deferred => "temporary failures until the retry time ended",
        Outcome::Unknown => "no reply; the provider may have accepted it",
        Outcome::Held => "not sent",
        _ => "",
    }
}

/// Returns a short explanation of a reason.
pub(crate) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::BadAddress => "no address that can be mailed",
        Reason::Render => "the message cannot be rendered",
        Reason::Repeated => "the address occurs earlier in the lists",
        Reason::EarlierRun => "decided by an earlier run",
        Reason::HardBounce => "an earlier message bounced permanently",
        Reason::Complaint => "the recipient complained",
        Reason::Unsubscribe => "the recipient unsubscribed",
        Reason::Manual => "entered in a suppression list",
        Reason::MailboxGone => "the mailbox does not exist",
        Reason::MailboxTransient => "full, busy or greylisted",
        Reason::Rate => "the provider limits the rate",
        Reason::Policy => "policy or reputation",
        Reason::Content => "the content of the message",
        Reason::Session => "the provider or the connection failed",
        Reason::Auth => "the login or the API key was refused",
        Reason::NoReply => "no reply after the message was sent",
        Reason::Canary => "stopped by the canary, or closed manually",
        Reason::Paused => "stopped by a pause or a pause rule",
        Reason::Window => "the sending window ended",
        Reason::Cap => "a cap or quota is used up",
        Reason::Limit => "beyond --limit",
        Reason::Interrupted => "the run ended before their turn",
    }
}

/// Formats the counts of the given outcomes, without zeros: `accepted 12 · rejected 3`.
pub(crate) fn counts(tally: &Tally, among: &[Outcome]) -> String {
    let words: Vec<String> = tally
        .non_zero()
        .filter(|(o, _)| among.contains(o))
        .map(|(o, n)| format!("{} {}", outcome(Some(o)), grouped(n)))
        .collect();
    words.join(" · ")
}

/// Formats the counts of all outcomes and of the open rows.
pub(crate) fn tally_words(tally: &Tally) -> String {
    let mut words = counts(tally, Outcome::ALL);
    if tally.open > 0 {
        let between = if words.is_empty() { "" } else { " · " };
        words.push_str(&format!("{between}open {}", grouped(tally.open)));
    }
    words
}

/// Formats the counts of all outcomes as JSON, including zeros. `open` is added if rows are open.
/// The counts sum to the number of input rows.
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
