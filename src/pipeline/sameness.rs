//! Detects that a provider refuses all mail: it gives the same refusal to one recipient after
//! another, whatever the text says.
//!
//! Invariants: each recipient counts once, and an acceptance restarts the count. A recipient that
//! the operator retries after a rejection does not count. A recipient that was reopened after the
//! same refusal does not count if the provider accepts others in this execution.

use std::collections::{HashSet, VecDeque};

use crate::ledger::{LedgerRow, Refusals};
use crate::model::outcome::Reason;
use crate::model::verdict::{Refusal, RowNumber, Verdict};
use crate::replies::{self, Meaning, Place};

/// The same refusal at this many receiving domains is not a coincidence.
const DOMAINS: usize = 3;
/// How many permanent refusals prove that the provider refuses all mail, before the first
/// acceptance and at three or more domains.
const AT_FIRST: usize = 3;
/// How many permanent refusals are needed as proof after an acceptance, at three or more domains.
/// Mailbox refusals need more, because bad lists contain many dead addresses in a row.
const LATER: usize = 5;
const LATER_MAILBOXES: usize = 10;
/// How many permanent refusals are needed as proof if they come from fewer than three domains.
const IN_FEW_DOMAINS: usize = 20;
/// How many temporary refusals are needed as proof, at three or more domains. Full or busy
/// mailboxes need more, because such refusals can follow each other by chance.
const TRANSIENT: usize = 5;
const TRANSIENT_MAILBOXES: usize = 10;
/// How many of the latest refusals are remembered, even if an acceptance has ended their streak. A
/// refusal with the same text has the same cause, even if acceptances arrived on other connections
/// in between.
const LATEST: usize = 64;

/// What a series of equal refusals has proved.
#[derive(Clone, Debug)]
pub(crate) enum Proved {
    /// The provider refuses every recipient: start nothing more.
    Refuses(Blame),
    /// The provider temporarily refuses every recipient: send at a lower rate.
    Slow(Blame),
}

/// A refusal that is the provider's fault, and the recipients whose refusals prove it.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    pub(crate) refusal: Refusal,
    pub(crate) sign: String,
    pub(crate) rows: Vec<RowNumber>,
}

/// The latest refusals of one provider, and the counts derived from them.
#[derive(Debug, Default)]
pub(crate) struct Sameness {
    has_accepted: bool,
    /// Whether the provider has accepted a recipient in this execution.
    accepts: bool,
    /// The receiving domains of the list if there are fewer than three; `true` for a domain where a
    /// recipient was accepted.
    few: Option<Vec<(String, bool)>>,
    /// The domain that all mail is redirected to, if any.
    redirected: Option<String>,
    /// The normalized text of the refusal that last stopped the provider.
    brake: Option<String>,
    retried: HashSet<RowNumber>,
    absolved: HashSet<RowNumber>,
    permanent: Option<Streak>,
    transient: Option<Streak>,
    /// How many temporary refusals in a row prove that the provider is at fault.
    transient_needed: usize,
    latest: VecDeque<(String, RowNumber)>,
}

#[derive(Debug)]
struct Streak {
    sign: String,
    rows: Vec<RowNumber>,
    domains: Vec<String>,
}

impl Streak {
    /// Adds a refusal. A refusal with a different normalized text starts a new streak.
    fn add<'a>(
        streak: &'a mut Option<Self>,
        sign: String,
        row: RowNumber,
        domain: &str,
    ) -> &'a Self {
        let before = streak.take().filter(|streak| streak.sign == sign);
        let streak = streak.insert(before.unwrap_or_else(|| Self {
            sign,
            rows: Vec::new(),
            domains: Vec::new(),
        }));
        if !streak.rows.contains(&row) {
            streak.rows.push(row);
        }
        if streak.domains.len() < DOMAINS && streak.domains.iter().all(|known| known != domain) {
            streak.domains.push(domain.to_owned());
        }
        streak
    }
}

/// Whether a reply's text suggests that the relay requires a login.
fn may_want_login(words: &str) -> bool {
    const WORDS: [&str; 11] = [
        "relay",
        "authen",
        "authoriz",
        "login",
        "log in",
        "denied",
        "prohibit",
        "permi",
        "not allowed",
        "credential",
        "no reason is given",
    ];
    let words = words.to_lowercase();
    WORDS.iter().any(|word| words.contains(word))
}

/// Whether an API refuses the recipient's address as invalid and quotes the address. A list may
/// start with several invalid addresses, so this proves nothing about the provider.
fn is_of_address(refusal: &Refusal, email: &str) -> bool {
    let is_relays = refusal.code.starts_with('5');
    refusal.reason == Reason::BadAddress
        && !is_relays
        && refusal.detail.to_lowercase().contains(&email.to_lowercase())
}

/// Returns the normalized text of a refusal, called its sign: the text without the parts that
/// differ between recipients.
pub(crate) fn sign_of(refusal: &Refusal, email: &str, domain: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    replies::sign(&refusal.code, &refusal.detail, local, domain)
}

impl Sameness {
    /// Restores the state from the refusals in the ledger. `brake` is the normalized text of the
    /// refusal that last stopped the provider. `redirected` is the domain that receives all mail if
    /// mail is redirected. Returns what the refusals prove so far.
    pub(crate) fn resumed(
        refusals: &Refusals,
        brake: Option<String>,
        redirected: Option<&str>,
    ) -> (Self, Option<Proved>) {
        let few = match redirected {
            Some(domain) => Some(vec![(domain.to_owned(), false)]),
            None => (refusals.domains.len() < DOMAINS)
                .then(|| refusals.domains.iter().map(|domain| (domain.clone(), false)).collect()),
        };
        let mut same = Self {
            has_accepted: refusals.has_accepted,
            few,
            redirected: redirected.map(str::to_owned),
            brake,
            retried: refusals.retried.iter().copied().collect(),
            absolved: refusals.absolved.iter().copied().collect(),
            ..Self::default()
        };
        let mut proved = None;
        for refused in &refusals.since {
            let refusal =
                Refusal::new(Reason::Policy, refused.code.clone(), refused.detail.clone());
            proved =
                same.refused(refused.row, &refused.email, &refused.domain, &refusal).or(proved);
        }
        (same, proved)
    }

    /// Whether the provider has accepted a recipient in this run.
    pub(crate) fn has_accepted(&self) -> bool {
        self.has_accepted
    }

    /// Whether the list has a single receiving domain.
    pub(crate) fn has_one_domain(&self) -> bool {
        self.few.as_ref().is_some_and(|few| few.len() == 1)
    }

    /// Whether this recipient was reopened because a provider refused every recipient.
    pub(crate) fn is_absolved(&self, row: RowNumber) -> bool {
        self.absolved.contains(&row)
    }

    /// Records that these recipients were reopened because another provider refused every
    /// recipient.
    pub(crate) fn absolve(&mut self, rows: &[RowNumber]) {
        self.absolved.extend(rows);
    }

    /// Whether a refusal of this recipient may still become evidence against the provider.
    pub(crate) fn is_open(&self, row: RowNumber) -> bool {
        !self.has_accepted
            || self.permanent.as_ref().is_some_and(|streak| streak.rows.contains(&row))
    }

    /// Whether temporary refusals with this normalized text are caused by the provider and not by
    /// the recipients.
    pub(crate) fn is_slow(&self, sign: &str) -> bool {
        self.transient.as_ref().is_some_and(|streak| {
            streak.sign == sign
                && streak.rows.len() >= self.transient_needed
                && streak.domains.len() >= DOMAINS
        })
    }

    /// Records an answer. Answers must be recorded in the order in which they arrive.
    pub(crate) fn answered(&mut self, row: &LedgerRow, verdict: &Verdict) -> Option<Proved> {
        match verdict {
            Verdict::Accepted { .. } => {
                self.accepted(&row.domain);
                None
            }
            Verdict::Rejected(refusal) => self.refused(row.row, &row.email, &row.domain, refusal),
            Verdict::NotTaken { refusal, counts: true } => self.put_off(row, refusal),
            _ => None,
        }
    }

    fn accepted(&mut self, domain: &str) {
        let domain = self.redirected.as_deref().unwrap_or(domain);
        (self.has_accepted, self.accepts, self.permanent, self.transient, self.brake) =
            (true, true, None, None, None);
        if let Some((_, accepted)) = self
            .few
            .as_mut()
            .and_then(|few| few.iter_mut().find(|(known, accepted)| !accepted && known == domain))
        {
            *accepted = true;
        }
    }

    fn refused(
        &mut self,
        row: RowNumber,
        email: &str,
        domain: &str,
        refusal: &Refusal,
    ) -> Option<Proved> {
        if self.retried.contains(&row)
            || (self.accepts && self.absolved.contains(&row))
            || is_of_address(refusal, email)
        {
            return None;
        }
        let sign = sign_of(refusal, email, domain);
        let domain = self.redirected.as_deref().unwrap_or(domain);
        let is_brake = self.brake.as_ref() == Some(&sign);
        let streak = Streak::add(&mut self.permanent, sign, row, domain);
        let count = streak.rows.len();
        let is_mailbox = refusal.mailbox_gone
            || matches!(
                refusal.reason,
                Reason::MailboxGone | Reason::MailboxTransient | Reason::BadAddress
            );
        let needed = match (streak.domains.len() >= DOMAINS, self.has_accepted) {
            (true, false) => AT_FIRST,
            (true, true) if is_mailbox => LATER_MAILBOXES,
            (true, true) => LATER,
            (false, _) => match &self.few {
                Some(few)
                    if is_mailbox
                        && streak.domains.iter().any(|domain| {
                            few.iter().any(|(known, accepted)| known == domain && *accepted)
                        }) =>
                {
                    usize::MAX
                }
                Some(_) => IN_FEW_DOMAINS,
                None if is_mailbox => usize::MAX,
                None => IN_FEW_DOMAINS,
            },
        };
        let sign = streak.sign.clone();
        let mut rows = streak.rows.clone();
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back((sign.clone(), row));
        if count < needed && !is_brake {
            return None;
        }
        for (_, row) in self.latest.iter().filter(|(other, _)| *other == sign) {
            if !rows.contains(row) {
                rows.push(*row);
            }
        }
        let means = replies::classify_again(&refusal.code, &refusal.detail, Place::Mail).means;
        let reason = if means == Meaning::Credentials { Reason::Auth } else { Reason::Policy };
        let words = match replies::anonymous(&refusal.detail) {
            words if words.trim().is_empty() => "no reason is given".to_owned(),
            words => words,
        };
        let hint = match () {
            () if self.has_accepted => "",
            () if may_want_login(&words) => {
                " (it has accepted nothing in this run: is a login missing?)"
            }
            () => " (it has accepted nothing in this run)",
        };
        let times = if count == 1 {
            "as before".to_owned()
        } else {
            format!("for {count} recipients in a row")
        };
        let detail = format!("the same refusal {times}: {words}{hint}");
        Some(Proved::Refuses(Blame {
            refusal: Refusal::new(reason, refusal.code.clone(), detail),
            sign,
            rows,
        }))
    }

    fn put_off(&mut self, row: &LedgerRow, refusal: &Refusal) -> Option<Proved> {
        let sign = sign_of(refusal, &row.email, &row.domain);
        let is_slow = self.is_slow(&sign);
        // A second refusal of the same recipient proves nothing more about the provider.
        let means = replies::classify_again(&refusal.code, &refusal.detail, Place::Rcpt).means;
        if !is_slow && row.attempts > 0 || means == Meaning::Greylisted {
            return None;
        }
        self.transient_needed = if matches!(means, Meaning::Full | Meaning::Busy) {
            TRANSIENT_MAILBOXES
        } else {
            TRANSIENT
        };
        let domain = self.redirected.as_deref().unwrap_or(&row.domain);
        let streak = Streak::add(&mut self.transient, sign, row.row, domain);
        if streak.rows.len() < self.transient_needed || streak.domains.len() < DOMAINS {
            return None;
        }
        let detail = replies::anonymous(&refusal.detail);
        let blame = Blame {
            refusal: Refusal::new(Reason::Rate, refusal.code.clone(), detail),
            sign: streak.sign.clone(),
            rows: streak.rows.clone(),
        };
        Some(Proved::Slow(blame))
    }
}

#[cfg(test)]
pub(crate) mod tests;
