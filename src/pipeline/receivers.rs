//! Mailbox providers that report no individual complaints. Complaints of their users never arrive,
//! so the canary's complaint share does not cover these recipients.
//!
//! Only addresses at the providers' own domains are counted. Customer domains that these providers
//! host could only be recognized through DNS.

use crate::model::figures::grouped;

/// The domains of these mailbox providers. Looked up on 2026-11-30.
///
/// - Gmail: its feedback loop shows a share for each `Feedback-ID` in Postmaster Tools, and sends
///   no reports (<https://support.google.com/a/answer/6254652>).
/// - iCloud Mail: has no feedback loop (<https://support.apple.com/en-us/102322>).
pub(crate) const NO_SINGLE_COMPLAINTS: &[&str] =
    &["gmail.com", "googlemail.com", "icloud.com", "me.com", "mac.com"];

/// Returns a note about how many accepted recipients are at these domains; empty if there are none.
pub(crate) fn no_feedback_note(at: &[(String, u64)], accepted: u64) -> String {
    let count: u64 = at.iter().map(|(_, count)| count).sum();
    if count == 0 || accepted == 0 {
        return String::new();
    }
    let share = count as f64 / accepted as f64 * 100.0;
    let names: Vec<String> =
        at.iter().map(|(domain, count)| format!("{domain} {}", grouped(*count))).collect();
    format!(
        "; {share:.0} % of them at receivers that report no single complaints ({})",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_those_who_are_never_heard_is_said() {
        let at = [("gmail.com".to_owned(), 1_100), ("me.com".to_owned(), 120)];
        assert_eq!(
            no_feedback_note(&at, 2_000),
            "; 61 % of them at receivers that report no single complaints (gmail.com 1,100, me.com 120)"
        );
        assert_eq!(
            (no_feedback_note(&[], 2_000), no_feedback_note(&at, 0)),
            (String::new(), String::new())
        );
    }
}
