//! Decides which replies of a provider suppress an address, and defines suppressions as the ledger
//! stores them.
//!
//! A reply suppresses an address only if it says that the mailbox does not exist, or that the
//! provider suppresses the address for a given reason. Replies about policy or reputation never do.

use jiff::Timestamp;

use crate::model::address::key_of;
use crate::model::outcome::Reason;
use crate::provider::Verdict;

/// A learned or manual suppression stored in the ledger, in addition to the suppression files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSuppression {
    /// Lowercased address, `@domain`, or `sha256:…`.
    pub entry: String,
    pub reason: Reason,
    /// `all`, `marketing`, or empty for the default scope of the reason.
    pub scope: String,
    pub source: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub note: String,
}

impl LedgerSuppression {
    /// Returns the suppression of `email` that follows from a verdict of `provider`; `None` if the
    /// verdict suppresses nothing.
    pub fn learned(email: &str, provider: &str, verdict: &Verdict, now: Timestamp) -> Option<Self> {
        let (reason, code) = match verdict {
            Verdict::Rejected(refusal) if refusal.mailbox_gone => {
                (Reason::HardBounce, &refusal.code)
            }
            Verdict::Suppressed(refusal) => match refusal.reason {
                reason @ (Reason::HardBounce
                | Reason::Complaint
                | Reason::Unsubscribe
                | Reason::Manual) => (reason, &refusal.code),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self {
            entry: key_of(email),
            reason,
            scope: String::new(),
            source: provider.to_owned(),
            created_at: now,
            expires_at: None,
            note: code.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Refusal;

    #[test]
    fn only_what_is_certain_is_learned() {
        let learned = |verdict: Verdict| {
            LedgerSuppression::learned("Ann@X.example", "relay", &verdict, Timestamp::UNIX_EPOCH)
        };
        let refusal = |reason: Reason| Refusal::new(reason, "550 5.1.1", "no such user");
        for reason in [Reason::HardBounce, Reason::Complaint, Reason::Unsubscribe, Reason::Manual] {
            let kept = learned(Verdict::Suppressed(refusal(reason))).expect("it is learned");
            assert_eq!(
                (kept.entry.as_str(), kept.reason, kept.source.as_str(), kept.note.as_str()),
                ("ann@x.example", reason, "relay", "550 5.1.1")
            );
        }
        let gone = Refusal { mailbox_gone: true, ..refusal(Reason::MailboxGone) };
        assert_eq!(
            learned(Verdict::Rejected(gone.clone())).map(|kept| kept.reason),
            Some(Reason::HardBounce)
        );
        for verdict in [
            Verdict::Suppressed(refusal(Reason::Policy)),
            Verdict::Rejected(refusal(Reason::MailboxGone)),
            Verdict::Rejected(refusal(Reason::Policy)),
            Verdict::NotTaken { refusal: gone, counts: true },
            Verdict::Unknown { detail: String::new() },
        ] {
            assert_eq!(learned(verdict.clone()), None, "{verdict:?}");
        }
    }
}
