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
        files: None,
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
fn three_domains_agree_sooner_before_the_first_acceptance_and_codes_of_mailboxes_later_after_it() {
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
    assert_eq!(needed(0, 6, &rejected(Reason::BadAddress, "200 300", "Invalid 'To' address")), 3);
}

#[test]
fn fewer_domains_take_twenty_and_codes_of_mailboxes_nobody_accepted_there_before() {
    let gone = rejected(Reason::MailboxGone, "550 5.1.1", "no such user");
    let policy = rejected(Reason::Policy, "550 5.7.1", "not wanted here");
    assert_eq!([needed(0, 1, &policy), needed(1, 1, &policy), needed(5, 2, &policy)], [20, 20, 20]);
    assert_eq!([needed(0, 1, &gone), needed(0, 2, &gone)], [20, 20]);
    assert_eq!([needed(1, 1, &gone), needed(5, 2, &gone)], [0, 0]);
}

#[test]
fn those_who_were_refused_in_the_same_words_shortly_before_are_opened_again() {
    let no = rejected(Reason::Policy, "550 5.7.1", "not wanted here");
    let other = rejected(Reason::Policy, "550 5.7.1", "something else");
    let domains = vec!["a".into(), "b".into(), "c".into()];
    let (mut same, _) = Sameness::resumed(&Refusals { domains, ..Refusals::default() }, None, None);
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
    assert!(matches!(proved, Some(Proved::Refuses(blame)) if blame.rows == [6, 7, 8, 9, 10, 1, 4]));
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
        &Refusals { domains: domains.clone(), retried: (0..50).collect(), ..Refusals::default() },
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
