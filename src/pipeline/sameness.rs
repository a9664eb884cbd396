//! Detects that a provider refuses all mail: it gives the same refusal to one recipient after the
//! other, whatever the text says.
//!
//! The rules it keeps: each recipient counts once, and an acceptance restarts the count. A
//! recipient that the operator retries after a rejection does not count. Neither does a recipient
//! that was reopened after a refusal like this one, if the provider accepts others in this
//! execution.

use std::collections::{HashSet, VecDeque};

use crate::ledger::{LedgerRow, Refusals};
use crate::model::outcome::Reason;
use crate::model::verdict::{Refusal, RowNumber, Verdict};
use crate::replies::{self, Meaning, Place};

/// Refusals at this many receiving domains are not a coincidence.
const DOMAINS: usize = 3;
/// Permanent refusals needed before the first acceptance, at three or more domains.
const AT_FIRST: usize = 3;
/// Permanent refusals needed after an acceptance, at three or more domains. Mailbox refusals need
/// more, because bad lists contain runs of dead addresses.
const LATER: usize = 5;
const LATER_MAILBOXES: usize = 10;
/// Permanent refusals needed at fewer than three domains.
const IN_FEW_DOMAINS: usize = 20;
/// Temporary refusals needed at three or more domains. Full or busy mailboxes need more, because
/// such refusals can follow each other by chance.
const TRANSIENT: usize = 5;
const TRANSIENT_MAILBOXES: usize = 10;
/// How many of the latest refusals are remembered in addition to the streak. A refusal with the
/// same text has the same cause, even if acceptances arrived on other connections in between.
const LATEST: usize = 64;

/// What a series of refusals has proved.
#[derive(Clone, Debug)]
pub(crate) enum Proved {
    /// The provider refuses every recipient: start nothing more.
    Refuses(Blame),
    /// The provider asks for a lower rate for now.
    Slow(Blame),
}

/// A refusal that is the provider's fault, and the recipients whose refusals prove it.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    pub(crate) refusal: Refusal,
    pub(crate) sign: String,
    pub(crate) rows: Vec<RowNumber>,
}

/// The latest refusals of one provider, and the counts based on them.
#[derive(Debug, Default)]
pub(crate) struct Sameness {
    has_accepted: bool,
    /// Whether something was accepted in this execution.
    accepts: bool,
    /// The receiving domains of the list if there are fewer than three; `true` for a domain where a
    /// recipient was accepted.
    few: Option<Vec<(String, bool)>>,
    /// The domain that receives all mail, if mail is redirected.
    redirected: Option<String>,
    /// The sign of the refusal that last stopped the provider.
    brake: Option<String>,
    retried: HashSet<RowNumber>,
    absolved: HashSet<RowNumber>,
    permanent: Option<Streak>,
    transient: Option<Streak>,
    /// How many refusals the transient streak needs as proof against the provider.
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
    /// Adds a refusal. A refusal with a different sign starts a new streak.
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

/// Whether an API refuses a recipient's address and quotes it. A list may start with several
/// invalid addresses, so this proves nothing about the provider.
fn is_of_address(refusal: &Refusal, email: &str) -> bool {
    let is_relays = refusal.code.starts_with('5');
    refusal.reason == Reason::BadAddress
        && !is_relays
        && refusal.detail.to_lowercase().contains(&email.to_lowercase())
}

/// The sign of a refusal: its text without the parts that differ between recipients.
pub(crate) fn sign_of(refusal: &Refusal, email: &str, domain: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    replies::sign(&refusal.code, &refusal.detail, local, domain)
}

impl Sameness {
    /// Continues from the refusals in the ledger. `brake` is the sign of the refusal that last
    /// stopped the provider. `redirected` is the domain that receives all mail if mail is
    /// redirected. Returns what the refusals prove so far.
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

    /// Adds recipients that were reopened because another provider refused every recipient.
    pub(crate) fn absolve(&mut self, rows: &[RowNumber]) {
        self.absolved.extend(rows);
    }

    /// Whether a refusal of this recipient may still become evidence against the provider.
    pub(crate) fn is_open(&self, row: RowNumber) -> bool {
        !self.has_accepted
            || self.permanent.as_ref().is_some_and(|streak| streak.rows.contains(&row))
    }

    /// Whether temporary refusals with this sign are the provider's for now, and not the
    /// recipient's.
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
        // The refusal of a second attempt proves nothing more about the provider.
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
pub(crate) mod tests {
    use super::*;
    use crate::model::outcome::Cohort;

    /// An open recipient of one of six receiving domains.
    pub(crate) fn row(n: RowNumber) -> LedgerRow {
        let domain = format!("d{}.example", n % 6);
        of_domain(n, &domain)
    }

    fn of_domain(n: RowNumber, domain: &str) -> LedgerRow {
        LedgerRow {
            row: n,
            list: 0,
            line: n,
            email: format!("user{n}@{domain}"),
            domain: domain.to_owned(),
            key: String::new(),
            fields: String::new(),
            cohort: Cohort::Rest,
            outcome: None,
            reason: None,
            code: String::new(),
            detail: String::new(),
            provider: String::new(),
            batch: None,
            attempts: 0,
            message_id: String::new(),
            provider_id: String::new(),
            first_at: None,
            last_at: None,
            feedback: String::new(),
            carried_from: None,
            is_retry: false,
        }
    }

    fn accepted() -> Verdict {
        Verdict::Accepted { provider_id: None, code: "250".into(), detail: String::new() }
    }

    fn rejected(reason: Reason, code: &str, text: &str) -> Verdict {
        Verdict::Rejected(Refusal {
            mailbox_gone: reason == Reason::MailboxGone,
            ..Refusal::new(reason, code, text)
        })
    }

    /// How many refusals in a row are needed after `before` acceptances, in a list of `domains`
    /// domains; 0 if a hundred do not suffice.
    fn needed(before: u64, domains: u64, verdict: &Verdict) -> u64 {
        let list = Refusals {
            domains: (0..domains.min(3)).map(|n| format!("d{n}.example")).collect(),
            ..Refusals::default()
        };
        let (mut same, _) = Sameness::resumed(&list, None, None);
        let row = |n: u64| of_domain(n, &format!("d{}.example", n % domains));
        (0..before).for_each(|n| assert!(same.answered(&row(n), &accepted()).is_none()));
        (1..=100).find(|n| same.answered(&row(before + n), verdict).is_some()).unwrap_or(0)
    }

    #[test]
    fn three_domains_agree_sooner_before_the_first_acceptance_and_codes_of_mailboxes_later_after_it()
     {
        let policy = rejected(Reason::Policy, "550 5.7.1", "not wanted here");
        let gone = rejected(Reason::MailboxGone, "550 5.1.1", "no such user");
        assert_eq!([needed(0, 6, &policy), needed(0, 6, &gone)], [3, 3]);
        assert_eq!([needed(5, 6, &policy), needed(5, 6, &gone)], [5, 10]);
    }

    #[test]
    fn an_api_that_names_the_address_it_does_not_take_means_that_one() {
        let (mut same, _) = Sameness::resumed(&Refusals::default(), None, None);
        for n in 0..50 {
            let text = format!("Invalid 'To' address: '{}'.", row(n).email);
            assert!(
                same.answered(&row(n), &rejected(Reason::BadAddress, "200 300", &text)).is_none(),
                "{n}"
            );
        }
        assert_eq!(
            needed(0, 6, &rejected(Reason::BadAddress, "200 300", "Invalid 'To' address")),
            3
        );
    }

    #[test]
    fn fewer_domains_take_twenty_and_codes_of_mailboxes_nobody_accepted_there_before() {
        let gone = rejected(Reason::MailboxGone, "550 5.1.1", "no such user");
        let policy = rejected(Reason::Policy, "550 5.7.1", "not wanted here");
        assert_eq!(
            [needed(0, 1, &policy), needed(1, 1, &policy), needed(5, 2, &policy)],
            [20, 20, 20]
        );
        assert_eq!([needed(0, 1, &gone), needed(0, 2, &gone)], [20, 20]);
        assert_eq!([needed(1, 1, &gone), needed(5, 2, &gone)], [0, 0]);
    }

    #[test]
    fn those_who_were_refused_in_the_same_words_shortly_before_are_opened_again() {
        let no = rejected(Reason::Policy, "550 5.7.1", "not wanted here");
        let other = rejected(Reason::Policy, "550 5.7.1", "something else");
        let domains = vec!["a".into(), "b".into(), "c".into()];
        let (mut same, _) =
            Sameness::resumed(&Refusals { domains, ..Refusals::default() }, None, None);
        for (n, verdict) in [
            (1, &no),
            (2, &accepted()),
            (3, &other),
            (4, &no),
            (5, &accepted()),
            (6, &no),
            (7, &no),
            (8, &no),
            (9, &no),
        ] {
            assert!(same.answered(&row(n), verdict).is_none());
        }
        let proved = same.answered(&row(10), &no);
        assert!(
            matches!(proved, Some(Proved::Refuses(blame)) if blame.rows == [6, 7, 8, 9, 10, 1, 4])
        );
    }

    #[test]
    fn one_recipient_counts_once_and_an_acceptance_begins_anew() {
        let no = rejected(Reason::Policy, "550", "no");
        let (mut same, _) = Sameness::resumed(
            &Refusals { domains: vec!["a".into(), "b".into(), "c".into()], ..Refusals::default() },
            None,
            None,
        );
        assert!((0..50).all(|_| same.answered(&row(1), &no).is_none()));
        for n in 0..100 {
            let verdict = if n % 3 == 0 { accepted() } else { no.clone() };
            assert!(same.answered(&row(n), &verdict).is_none());
        }
    }

    #[test]
    fn a_retry_of_the_rejected_proves_nothing_and_neither_does_one_that_was_absolved_and_is_refused_again()
     {
        let no = rejected(Reason::Policy, "550", "no");
        let domains = vec!["a".into(), "b".into(), "c".into()];
        let (mut same, _) = Sameness::resumed(
            &Refusals {
                domains: domains.clone(),
                retried: (0..50).collect(),
                ..Refusals::default()
            },
            None,
            None,
        );
        assert!((0..50).all(|n| same.answered(&row(n), &no).is_none()));
        let (mut same, _) = Sameness::resumed(
            &Refusals { domains, absolved: (0..50).collect(), ..Refusals::default() },
            None,
            None,
        );
        same.answered(&row(99), &accepted());
        assert!((0..50).all(|n| same.answered(&row(n), &no).is_none()));
    }

    #[test]
    fn what_a_crash_left_goes_on_where_it_was_and_a_brake_needs_one() {
        let refused = |n: RowNumber| crate::ledger::Refused {
            row: n,
            email: format!("user{n}@d{n}.example"),
            domain: format!("d{n}.example"),
            code: "550".into(),
            detail: "no".into(),
        };
        let refusals = Refusals {
            since: vec![refused(1), refused(2)],
            domains: vec!["a".into(), "b".into(), "c".into()],
            ..Refusals::default()
        };
        let (mut same, proved) = Sameness::resumed(&refusals, None, None);
        assert!(proved.is_none());
        let proved = same.answered(&row(3), &rejected(Reason::Policy, "550", "no"));
        assert!(matches!(proved, Some(Proved::Refuses(blame)) if blame.rows == [1, 2, 3]));
        let (mut same, _) = Sameness::resumed(&Refusals::default(), Some("550 no".into()), None);
        assert!(same.answered(&row(7), &rejected(Reason::Policy, "550", "no")).is_some());
    }

    #[test]
    fn five_transient_refusals_over_three_domains_are_the_providers_but_for_greylisting() {
        let busy = |text: &str| Verdict::NotTaken {
            refusal: Refusal::new(Reason::Policy, "451 4.7.1", text),
            counts: true,
        };
        assert_eq!(needed(5, 6, &busy("come back")), 5);
        let full = Verdict::NotTaken {
            refusal: Refusal::new(Reason::MailboxTransient, "452 4.2.2", "mailbox full"),
            counts: true,
        };
        assert_eq!(needed(5, 6, &full), 10);
        assert_eq!(
            [needed(5, 6, &busy("Greylisted, come back")), needed(5, 2, &busy("come back"))],
            [0, 0]
        );
    }
}
