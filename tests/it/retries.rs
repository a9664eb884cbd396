//! Recipients that are put off: tried again when they are due, beside the others, and given up when
//! it was said.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::route::routed;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Signal, Workspace, lateness, lists, wait_for, workspace};

const FULL: &str = "452 4.2.2 mailbox full";

/// A list of which every `nth` address says `slow`.
fn list(rows: usize, nth: usize, domains: usize) -> String {
    (1..=rows).fold("email,name\n".to_owned(), |list, n| {
        let word = if n % nth == 0 { "slow" } else { "user" };
        list + &format!("{word}{n}@d{}.example,User {n}\n", n % domains)
    })
}

fn relay(server: &Recorder, lines: &str, list: String) -> Workspace {
    let work = workspace();
    work.smtp_config(&server.url(), lines)
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", list);
    work
}

fn full() -> Script {
    Script::default().rule(Rule::new(Step::Rcpt, Action::reply(FULL)).to("slow"))
}

/// When each of the slow ones was tried.
fn tries(server: &Recorder) -> HashMap<String, Vec<Instant>> {
    let mut tries: HashMap<String, Vec<Instant>> = HashMap::new();
    for heard in server
        .heard()
        .into_iter()
        .filter(|heard| heard.line.starts_with("RCPT") && heard.line.contains("slow"))
    {
        let address =
            heard.line.split(['<', '>']).nth(1).expect("an address in brackets").to_owned();
        tries.entry(address).or_default().push(heard.at);
    }
    tries
}

/// One of these at a time: together they would only wait for each other.
static ALONE: Mutex<()> = Mutex::new(());

/// A list of which every `nth` is put off, over so many domains: each is tried until the time is
/// over and no later, as often as the backoff allows, and the run ends when the last of them is
/// given up. The server takes `pause` for each recipient, on so many connections.
fn leave_when_due(rows: usize, nth: usize, domains: usize, pause: Duration, connections: usize) {
    const LASTS: Duration = Duration::from_secs(15);
    const BASE: Duration = Duration::from_secs(2);
    const MOST: Duration = Duration::from_secs(5);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server =
        Recorder::with(if pause.is_zero() { full() } else { full().delay_at(Step::Rcpt, pause) });
    let lines = format!(
        "in_flight = {connections}\nretry = {{ for = \"15s\", base = \"2s\", max = \"5s\" }}"
    );
    let work = relay(&server, &lines, list(rows, nth, domains));
    let waited = || lateness::waited().unwrap_or_default();
    let (begun, waited_before) = (Instant::now(), waited());
    work.run(&["send", "list.csv"]).ends(5);
    let ended = Instant::now();
    // Two seconds, and what other processes have taken of a machine that is too small for all of
    // them.
    let lost = (waited() - waited_before)
        .max(lateness::lost_between(begun, ended))
        .min(Duration::from_secs(8));
    let slack = Duration::from_secs(2) + lost;
    let slow = rows / nth;
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", rows - slow), ("deferred", slow)]));
    let tries = tries(&server);
    assert_eq!(tries.len(), slow);
    for (address, at) in &tries {
        let (first, last) = (at[0], at[at.len() - 1]);
        assert!(
            last - first <= LASTS + slack,
            "{address} was tried {:?} after the first time, {lost:?} lost",
            last - first
        );
        // The longest wait that may be drawn after each attempt.
        let ceiling = |attempt: usize| BASE.saturating_mul(1 << attempt.min(10)).min(MOST);
        assert!(
            last - first + ceiling(at.len() - 1) + slack >= LASTS,
            "{address} was given up {:?} after the first time",
            last - first
        );
        let late = at
            .windows(2)
            .enumerate()
            .find(|(attempt, two)| two[1] - two[0] > ceiling(*attempt) + slack);
        assert!(late.is_none(), "{address} waited for too long: {late:?} of {at:?}, {lost:?} lost");
        assert_eq!(report.cell(address, "mb_attempts"), at.len().to_string(), "{address}");
    }
    let last_first = tries.values().map(|at| at[0]).max().expect("some are slow");
    let most = LASTS + Duration::from_secs(3) + lost;
    assert!(
        ended - last_first <= most,
        "the run ended {:?} after the last of them was tried first, {lost:?} lost",
        ended - last_first
    );
    let through = server.times().into_iter().max().expect("some are taken").duration_since(begun);
    if pause.is_zero() {
        assert!(
            through < LASTS + 3 * lost,
            "the others were through after {through:?}, {lost:?} lost"
        );
    }
    let attempts: usize = tries.values().map(Vec::len).sum();
    let longest = tries.values().map(|at| at[at.len() - 1] - at[0]).max().expect("some are slow");
    println!(
        "1 in {nth}, {domains} domains: {attempts} attempts of {slow}, up to {longest:?}, the others through after {through:?}, {lost:?} lost"
    );
}

#[test]
fn two_in_a_hundred_of_four_thousand_leave_when_they_are_due() {
    leave_when_due(4_000, 50, 1, Duration::ZERO, 8);
}

#[test]
fn two_in_a_hundred_over_six_domains_leave_when_they_are_due() {
    leave_when_due(4_000, 50, 6, Duration::ZERO, 8);
}

#[test]
fn twenty_in_a_hundred_of_four_thousand_leave_when_they_are_due() {
    leave_when_due(4_000, 5, 1, Duration::ZERO, 8);
}

#[test]
fn twenty_in_a_hundred_over_six_domains_leave_when_they_are_due() {
    leave_when_due(4_000, 5, 6, Duration::ZERO, 8);
}

#[test]
fn retries_leave_when_they_are_due_beside_first_attempts_of_a_slow_server() {
    leave_when_due(800, 5, 6, Duration::from_millis(10), 2);
}

#[test]
fn an_attempt_that_could_only_begin_after_retry_for_is_not_made() {
    const ROWS: usize = 120;
    const LASTS: Duration = Duration::from_secs(6);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Recorder::with(full());
    let work = relay(
        &server,
        "in_flight = 1\nretry = { for = \"6s\", base = \"1s\", max = \"2s\" }",
        list(ROWS, 2, 5),
    );
    let running = work.start(&["send", "list.csv"]);
    assert!(
        wait_for(|| tries(&server).len() == ROWS / 2, Duration::from_secs(60)),
        "{}",
        running.err()
    );
    // From now on one round of those who wait takes eighteen seconds.
    server.follow(full().delay_at(Step::Rcpt, Duration::from_millis(300)));
    let begun = Instant::now();
    running.ends(5);
    let ended = Instant::now();
    let slack =
        Duration::from_secs(2) + lateness::lost_between(begun, ended).min(Duration::from_secs(4));
    let (report, tries) = (work.report(), tries(&server));
    assert_eq!(report.with("deferred").len(), ROWS / 2);
    for (address, at) in &tries {
        let longest = at[at.len() - 1] - at[0];
        assert!(
            longest <= LASTS + slack,
            "{address} was tried {longest:?} after the first time, {slack:?} allowed"
        );
        assert_eq!(report.cell(address, "mb_attempts"), at.len().to_string(), "{address}");
        assert_eq!(
            (report.cell(address, "mb_reason"), report.cell(address, "mb_code")),
            ("mailbox_transient", "452 4.2.2"),
            "{address}"
        );
    }
    let last_first = tries.values().map(|at| at[0]).max().expect("some are slow");
    assert!(
        ended - last_first <= LASTS + Duration::from_secs(1) + slack,
        "the run ended {:?} after them",
        ended - last_first
    );
    // As its last attempt left it, with what came of the next one.
    let ledger = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).expect("a ledger");
    let words = "retry.for was over before another attempt could begin";
    let sql = "SELECT email FROM recipients WHERE id IN (SELECT recipient FROM attempts WHERE what = 'deferred' AND detail = ?1) LIMIT 1";
    let expired: String =
        ledger.query_row(sql, [words], |row| row.get(0)).expect("some were not tried to the end");
    let why = work.run(&["why", &work.newest_run(), &expired]).out;
    assert!(why.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{why}");
}

#[test]
fn three_full_mailboxes_of_a_canary_of_97_do_not_hold_the_others() {
    const ROWS: usize = 4_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Recorder::with(full());
    let seeds: Vec<String> =
        [1_000, 2_000, 3_000].iter().map(|n| format!("slow{n}@d{}.example", n % 6)).collect();
    // The seeds go with the 94, unless they are drawn among them.
    let canary = format!(
        "retry = {{ for = \"90s\", base = \"2s\", max = \"5s\" }}\n[canary]\nsize = 94\nalways = {seeds:?}"
    );
    let work = relay(&server, &canary, list(ROWS, 1_000, 6).replace("slow4000@", "user4000@"));
    let mut running = work.start(&["send", "list.csv"]);
    let is_through = wait_for(|| server.count() == ROWS - 3, Duration::from_secs(60));
    assert!(is_through, "{} were taken\n{}", server.count(), running.err());
    assert!(!running.has_ended(), "the three are still tried again");
    running.signal(Signal::TERM);
    running.ends(143);
    let report = work.report();
    let canary = report.column("mb_cohort").iter().filter(|cohort| **cohort == "canary").count();
    assert!((94..=97).contains(&canary), "{canary}");
    assert!(seeds.iter().all(|seed| report.cell(seed, "mb_cohort") == "canary"));
    assert_eq!(report.counts()["accepted"], ROWS - 3);
}

#[test]
fn a_canary_is_judged_when_each_member_was_tried_once_and_retries_go_on_beside_the_rest() {
    const ROWS: usize = 200;
    let server = Recorder::with(full());
    let lines =
        "retry = { for = \"12s\", base = \"1s\", max = \"2s\" }\n[canary]\nmax_failed = \"30%\"";
    let work = relay(&server, lines, list(ROWS, 10, 6));
    let ran = work
        .run(&["send", "list.csv", "--canary", "50", "--progress", "plain", "--stats", "1s"])
        .ends(5);
    let tries = tries(&server);
    let in_canary = work
        .report()
        .column("mb_cohort")
        .into_iter()
        .zip(work.report().column("mb_outcome"))
        .filter(|row| *row == ("canary", "deferred"))
        .count();
    assert!(in_canary > 0, "the canary has some of them");
    assert!(
        ran.err.contains(&format!("({in_canary} of them put off, and tried again)")),
        "{}",
        ran.err
    );
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", ROWS * 9 / 10), ("deferred", ROWS / 10)])
    );
    let times = server.times();
    let (first, last) = (times.iter().min().expect("some"), times.iter().max().expect("some"));
    let lost = lateness::lost_between(*first, *last);
    assert!(
        *last - *first < Duration::from_secs(9) + lost,
        "the rest waited for the canary: {:?}, {lost:?} lost",
        *last - *first
    );
    assert!(tries.values().all(|at| at.len() >= 3), "{tries:?}");
    assert!(
        ran.err.contains(" put off, to be tried again, the next at ")
            && ran.err.contains(" at most"),
        "{}",
        ran.err
    );
}

#[test]
fn a_canary_with_too_many_put_off_fails_at_once() {
    let server = Recorder::with(full());
    let lines =
        "retry = { for = \"60s\", base = \"20s\", max = \"20s\" }\n[canary]\nmax_failed = \"5%\"";
    let work = relay(&server, lines, list(100, 4, 6));
    let begun = Instant::now();
    work.run(&["send", "list.csv", "--canary", "20"]).ends(12).says("put off");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let report = work.report();
    let counts = report.counts();
    assert_eq!(counts["held"], 80);
    assert_eq!(counts["accepted"] + counts["deferred"], 20, "as they were counted: {counts:?}");
}

#[test]
fn a_resume_long_after_the_first_attempt_tries_again_before_another_takes_over() {
    let busy = || {
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("451 4.2.0 busy")).to(&lists::address(3)))
    };
    let (a, b) = (Recorder::with(busy()), Recorder::with(busy()));
    let quick = "retry = { for = \"3s\", base = \"20ms\", max = \"60ms\" }";
    let work = routed([&a, &b], [quick, quick], "order = [\"a\", \"b\"]", 8);
    work.run(&["send", "list.csv"]).ends(5);
    let asked = |server: &Recorder| {
        server.heard().iter().filter(|heard| heard.line.contains(&lists::address(3))).count()
    };
    let before = [asked(&a), asked(&b)];
    std::thread::sleep(Duration::from_millis(3_100));
    work.run(&["resume"]).ends(5);
    let more = [asked(&a) - before[0], asked(&b) - before[1]];
    assert!(more.iter().sum::<usize>() >= 8, "{more:?} attempts of a resume, {before:?} before");
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 7), ("deferred", 1)]));
}

#[test]
fn a_recipient_that_one_provider_put_off_is_deferred_whatever_the_other_one_said() {
    let a = Recorder::with(
        Script::default().on(Step::Rcpt, Action::reply("451 4.7.1 rate limit exceeded")),
    );
    let b =
        Recorder::with(Script::default().on(Step::Greeting, Action::reply("421 4.3.2 not now")));
    let quick = "retry = { for = \"1s\", base = \"20ms\", max = \"60ms\" }";
    let work = routed([&a, &b], [quick, quick], "order = [\"a\", \"b\"]", 30);
    work.run(&["send", "list.csv"]).ends(5);
    let report = work.report();
    let deferred = report.with("deferred");
    assert!(
        !deferred.is_empty() && deferred.len() + report.with("held").len() == 30,
        "{:?}",
        report.counts()
    );
    for address in deferred {
        assert_eq!(report.cell(address, "mb_reason"), "rate", "{address}");
        assert!(
            a.heard().iter().any(|heard| heard.line.contains(address)),
            "{address} was never asked for"
        );
    }
}

#[test]
fn a_greylisted_recipient_is_tried_again_after_the_time_that_was_named() {
    const ROWS: usize = 60;
    let script = (1..=ROWS).fold(Script::default(), |script, n| {
        let refused =
            Action::reply("451 4.7.1 Greylisting in action, please come back in 3 seconds");
        script.rule(Rule::new(Step::Rcpt, refused).to(&format!("user{n}@")).first(1))
    });
    let server = Recorder::with(script);
    let work = relay(&server, "", list(ROWS, ROWS + 1, 2));
    let begun = Instant::now();
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(
        (server.count(), server.heard_count("RCPT")),
        (ROWS, 2 * ROWS),
        "each is refused once"
    );
    let lost = lateness::lost_between(begun, Instant::now());
    assert!(
        begun.elapsed() < Duration::from_secs(12) + lost,
        "{:?}, {lost:?} lost",
        begun.elapsed()
    );
}
