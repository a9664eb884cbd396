//! What limits a run: connections, rates, caps. Judged by a server that writes down when each
//! message came.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::ran::Report;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step, Taken, most_a_second};
use crate::support::{Signal, Workspace, lateness, lists, signal, wait_for, workspace};

const SECOND: Duration = Duration::from_secs(1);

/// A workspace that sends to `server` under these lines of its configuration.
fn relay(server: &Recorder, lines: &str) -> Workspace {
    let work = workspace();
    work.smtp_config(&server.url(), lines).message("Hello {{ name }}", "Number {{ id }}.");
    work
}

/// Rows `from..to` as a list.
fn rows(work: &Workspace, name: &str, rows: std::ops::Range<usize>) {
    work.file(name, lists::csv_of(rows));
}

/// A server that takes nearly no time for a message and keeps none.
fn quick() -> Script {
    Script::default().without_data().must_be_called()
}

/// So many a second came between the first and the last, the time left out in which the machine had
/// no time for them.
#[track_caller]
fn uses(times: &[Instant], least: f64) {
    let (first, last) = (
        *times.iter().min().expect("something came"),
        *times.iter().max().expect("something came"),
    );
    let lost = lateness::lost_between(first, last);
    let (count, took) = ((times.len() - 1) as f64, last - first);
    let per_second = count / took.saturating_sub(lost).as_secs_f64();
    assert!(
        per_second >= least,
        "only {:.1}/s, {least}/s wanted; the machine was late by {lost:.1?} of {took:.1?}",
        count / took.as_secs_f64()
    );
}

/// At most this many in every sliding second, and one more for arrival jitter.
#[track_caller]
fn keeps(times: &[Instant], rate: usize) {
    let most = most_a_second(times, Duration::ZERO);
    assert!(most <= rate + 1, "{most} messages within one second, {rate} allowed");
}

/// The same, and one that comes a fiftieth of the second early is one too many: leases are further
/// apart.
#[track_caller]
fn keeps_strictly(times: &[Instant], rate: usize) {
    keeps(times, rate);
    let most = most_a_second(times, SECOND / 50);
    assert!(most <= rate, "{most} messages within less than a second, {rate} allowed");
}

/// Each of these rows exactly once, nobody else.
#[track_caller]
fn took(server: &Recorder, rows: impl IntoIterator<Item = usize>) {
    let mut expected: Vec<String> = rows.into_iter().map(lists::address).collect();
    expected.sort();
    assert_eq!(server.recipients(), expected);
}

/// Waits for the end of a command and returns its exit code and what it said.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("it is our child");
    (
        output.status.code(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    )
}

fn starts(work: &Workspace, arguments: &[&str]) -> Child {
    let mut all = vec!["send"];
    all.extend(arguments);
    all.extend(["--progress", "none"]);
    work.spawn(&all)
}

fn of_connection(taken: &[Taken]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    taken.iter().for_each(|taken| *counts.entry(taken.connection).or_default() += 1);
    counts
}

#[test]
fn there_are_never_more_connections_than_in_flight() {
    for in_flight in [1, 2, 5, 12] {
        // Refusals, lost connections and a cap for each connection make it reconnect all the time.
        let script = quick()
            .delay(Duration::from_millis(3))
            .per_connection(9)
            .rule(Rule::new(Step::Rcpt, Action::reply("550 5.1.1 gone")).every(11))
            .rule(Rule::new(Step::Mail, Action::Drop).every(23));
        let server = Recorder::with(script);
        let lines = format!(
            "in_flight = {in_flight}\nper_connection = 7\nretry = {{ base = \"10ms\", max = \"20ms\", for = \"20s\" }}"
        );
        let work = relay(&server, &lines);
        rows(&work, "list.csv", 0..150);
        work.run(&["send", "list.csv"]).ends(3);
        let most = server.most_at_once();
        assert!(most <= in_flight, "{most} connections at once, {in_flight} allowed");
        assert!(most > in_flight / 2, "only {most} of {in_flight} connections are used");
        assert!(server.connections() >= 150 / 9, "{} connections in all", server.connections());
    }
}

#[test]
fn two_runs_have_in_flight_each_and_no_more() {
    let server = Recorder::with(quick().delay(Duration::from_millis(5)));
    let work = relay(&server, "in_flight = 2");
    rows(&work, "one.csv", 0..60);
    rows(&work, "two.csv", 60..120);
    let children = ["one.csv", "two.csv"].map(|list| starts(&work, &[list]));
    children.into_iter().for_each(|child| assert_eq!(ended(child).0, Some(0)));
    took(&server, 0..120);
    assert!(server.most_at_once() <= 4, "{}", server.most_at_once());
}

#[test]
fn a_rate_holds_in_every_sliding_second_and_is_used() {
    let server = Recorder::with(quick().delay(Duration::from_millis(2)));
    let work = relay(&server, "rate = \"50/s\"");
    rows(&work, "list.csv", 0..230);
    work.run(&["send", "list.csv"]).ends(0);
    let times = server.times();
    took(&server, 0..230);
    keeps(&times, 50);
    uses(&times, 45.0);
}

#[test]
fn a_rate_holds_while_connections_are_opened_and_closed_all_the_time() {
    // Opening takes as long as five messages may take.
    let slow = [Step::Greeting, Step::Ehlo]
        .into_iter()
        .fold(quick(), |script, step| script.delay_at(step, Duration::from_millis(50)));
    let server = Recorder::with(slow.per_connection(6));
    let work = relay(&server, "rate = \"50/s\"\nin_flight = 4\nper_connection = 5");
    rows(&work, "list.csv", 0..120);
    work.run(&["send", "list.csv"]).ends(0);
    took(&server, 0..120);
    keeps(&server.times(), 50);
}

#[test]
fn two_campaigns_at_once_stay_under_one_rate_together() {
    let server = Recorder::with(quick());
    let work = relay(&server, "rate = \"50/s\"");
    rows(&work, "one.csv", 0..110);
    rows(&work, "two.csv", 110..220);
    let children = ["one.csv", "two.csv"].map(|list| starts(&work, &[list]));
    children.into_iter().for_each(|child| assert_eq!(ended(child).0, Some(0)));
    took(&server, 0..220);
    let taken = server.taken();
    let times = server.times();
    keeps(&times, 50);
    uses(&times, 45.0);
    // They really went at the same time, and neither starved the other.
    let of_one = |taken: &Taken| lists::addresses(110).contains(&taken.recipients[0]);
    let first_half: Vec<&Taken> =
        taken.iter().filter(|taken| taken.at < times[0] + 2 * SECOND).collect();
    let one = first_half.iter().filter(|taken| of_one(taken)).count();
    assert!(
        (first_half.len() / 4..=3 * first_half.len() / 4).contains(&one),
        "{one} of {} are of one campaign",
        first_half.len()
    );
}

#[test]
fn a_rate_holds_across_interruption_kill_and_resume() {
    let server = Recorder::with(quick());
    let work = relay(&server, "rate = \"50/s\"");
    rows(&work, "list.csv", 0..150);
    let mut child = starts(&work, &["list.csv"]);
    assert!(wait_for(|| server.count() >= 40, 20 * SECOND));
    signal(child.id(), Signal::INT);
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    child = work.spawn(&["resume", "--progress", "none"]);
    assert!(wait_for(|| server.count() >= 80, 20 * SECOND));
    child.kill().expect("it still runs");
    ended(child);
    let ran = work.run(&["resume"]);
    assert!(matches!(ran.code, 0 | 6), "{} {}", ran.code, ran.err);
    let report = work.report();
    let (unknown, recipients) = (report.with("unknown"), server.recipients());
    for address in lists::addresses(150) {
        let times = recipients.iter().filter(|recipient| **recipient == address).count();
        assert!(
            times == 1 || (times == 0 && unknown.contains(&address.as_str())),
            "{address} was mailed {times} times"
        );
    }
    keeps(&server.times(), 50);
}

#[test]
fn a_rate_on_the_command_line_only_lowers() {
    // A rate for each minute promises nothing about a second; it is spread evenly all the same, but
    // for two at once.
    for (configured, typed, effective, spread) in [
        ("rate = \"40/s\"", "400/s", 40, 0),
        ("rate = \"200/s\"", "1200/min", 20, 2),
        ("", "30/s", 30, 0),
    ] {
        let server = Recorder::with(quick());
        let work = relay(&server, configured);
        rows(&work, "list.csv", 0..(effective * 3 / 2));
        work.run(&["send", "list.csv", "--rate", typed]).ends(0);
        let times = server.times();
        keeps(&times, effective + spread);
        uses(&times, 0.85 * effective as f64);
    }
}

#[test]
fn an_hourly_cap_holds_over_three_runs_started_one_after_another() {
    let server = Recorder::with(quick());
    let work = relay(&server, "caps = [\"500/hour\"]");
    for (at, name) in ["one.csv", "two.csv", "three.csv"].into_iter().enumerate() {
        rows(&work, name, at * 300..(at + 1) * 300);
    }
    work.run(&["send", "one.csv"]).ends(0);
    let held = |accepted: usize| {
        let report = work.report();
        assert_eq!(report.with("accepted").len(), accepted);
        assert_eq!(report.with("held").len(), 300 - accepted);
        let reasons = report.column("mb_reason");
        let outcomes = report.column("mb_outcome");
        assert!(
            outcomes
                .iter()
                .zip(&reasons)
                .all(|(outcome, reason)| (*outcome == "held") == (*reason == "cap")),
            "held rows say why"
        );
    };
    let ran = work.run(&["send", "two.csv", "--json"]).ends(8);
    assert_eq!(
        ran.object()["exit_reasons"][0]["exit"].as_u64().or(ran.object()["exit"].as_u64()),
        Some(8)
    );
    held(200);
    work.run(&["send", "three.csv"]).ends(8).says("500/hour");
    held(0);
    assert_eq!(server.count(), 500);

    work.run(&["resume"]).ends(8);
    held(0);
    work.run(&["send", "two.csv"]).ends(8);
    assert_eq!(server.count(), 500, "neither resume nor the same command sends more");
}

#[test]
fn two_runs_at_once_share_a_cap_to_the_last_message() {
    let server = Recorder::with(quick().delay(Duration::from_millis(1)));
    let work = relay(&server, "caps = [\"150/day\", \"100000/day\"]");
    rows(&work, "one.csv", 0..120);
    rows(&work, "two.csv", 120..240);
    let children = ["one.csv", "two.csv"].map(|list| starts(&work, &[list]));
    let codes: Vec<Option<i32>> = children.into_iter().map(|child| ended(child).0).collect();
    assert!(
        codes.contains(&Some(8)) && codes.iter().all(|code| matches!(code, Some(0 | 8))),
        "{codes:?}"
    );
    // A run that met claims of the other may have stopped early; the cap itself is filled by
    // whoever comes again.
    assert!(server.count() <= 150, "{}", server.count());
    work.run(&["send", "one.csv"]);
    work.run(&["send", "two.csv"]);
    assert_eq!(server.count(), 150);
}

#[test]
fn on_cap_wait_goes_on_when_the_window_has_room_again() {
    let server = Recorder::with(quick());
    let work = relay(&server, "caps = [\"40/s\"]");
    rows(&work, "list.csv", 0..100);
    work.run(&["send", "list.csv", "--on-cap", "wait"]).ends(0);
    took(&server, 0..100);
    keeps(&server.times(), 40);
    let (first, last) = (server.times()[0], server.times()[99]);
    assert!(last - first >= 2 * SECOND, "three windows, and the third after two");
}

#[test]
fn a_cap_counts_only_what_was_handed_over() {
    // Refused connections, and refusals before any message: the cap is still whole afterwards.
    let server =
        Recorder::with(quick().on(Step::Greeting, Action::reply("554 5.3.2 no mail today")));
    let work = relay(&server, "caps = [\"20/hour\"]\nretry = { for = \"0\" }");
    rows(&work, "list.csv", 0..20);
    let ran = work.run(&["send", "list.csv"]);
    assert!(matches!(ran.code, 5 | 7), "{} {}", ran.code, ran.err);
    server.follow(quick());
    work.run(&["resume"]).ends(0);
    took(&server, 0..20);
}

#[test]
fn a_rate_of_one_domain_paces_it_and_holds_nobody_else_up() {
    let server = Recorder::with(quick());
    let work = relay(&server, "per_domain = { \"Slow.example\" = \"5/s\" }\nin_flight = 2");
    let slow = |index: usize| format!("{index},s{index}@slow.example,Ann\n");
    let other: Vec<String> = (0..300).map(lists::address).collect();
    let list: String =
        (0..15).map(slow).chain(other.iter().map(|email| format!("x,{email},Bob\n"))).collect();
    work.file("list.csv", format!("id,email,name\n{list}"));
    work.run(&["send", "list.csv"]).ends(0);
    let taken = server.taken();
    let (slow, fast): (Vec<&Taken>, Vec<&Taken>) =
        taken.iter().partition(|taken| taken.recipients[0].ends_with("@slow.example"));
    assert_eq!((slow.len(), fast.len()), (15, 300));
    let slow: Vec<Instant> = slow.iter().map(|taken| taken.at).collect();
    keeps(&slow, 5);
    // On a busy machine the others need both connections for a while.
    let behind: Vec<Instant> =
        slow.into_iter().filter(|at| fast.iter().all(|taken| taken.at < *at)).collect();
    assert!(
        behind.len() >= 5,
        "everybody else was done while most of the paced domain still waited, {} of 15",
        behind.len()
    );
    uses(&behind, 4.2);
}

#[test]
fn a_rate_of_one_domain_holds_under_the_rate_of_all() {
    let server = Recorder::with(quick());
    // The connections take turns at the rate of all, and the paced domain, which has one at a time,
    // must wait for its turn there as well.
    let work = relay(
        &server,
        "rate = \"50/s\"\nper_domain = { \"example.com\" = \"10/s\" }\nin_flight = 4",
    );
    rows(&work, "list.csv", 0..120);
    work.run(&["send", "list.csv"]).ends(0);
    took(&server, 0..120);
    keeps(&server.times(), 50);
    let paced: Vec<Instant> = server
        .taken()
        .iter()
        .filter(|taken| taken.recipients[0].ends_with("@example.com"))
        .map(|taken| taken.at)
        .collect();
    assert_eq!(paced.len(), 40);
    keeps_strictly(&paced, 10);
    uses(&paced, 7.0);
    let others: Vec<Instant> = server
        .taken()
        .iter()
        .filter(|taken| !taken.recipients[0].ends_with("@example.com"))
        .map(|taken| taken.at)
        .collect();
    // What the paced domain does not use goes to the others.
    uses(&others, 30.0);
}

#[test]
fn a_rate_of_one_domain_holds_also_where_the_wait_at_the_rate_of_all_grows_and_shrinks() {
    let server = Recorder::with(quick());
    // Eight connections stand in line at first, and nobody once the others are done: what was let
    // go early must not meet what goes at once.
    let work = relay(
        &server,
        "rate = \"20/s\"\nper_domain = { \"slow.example\" = \"10/s\" }\nin_flight = 8",
    );
    let slow = |index: usize| format!("{index},s{index}@slow.example,Ann\n");
    let list: String =
        (0..40).map(|i| slow(i) + &format!("x,{},Bob\n", lists::address(i))).collect();
    work.file("list.csv", format!("id,email,name\n{list}"));
    work.run(&["send", "list.csv"]).ends(0);
    let taken = server.taken();
    assert_eq!(taken.len(), 80);
    keeps(&server.times(), 20);
    let paced: Vec<Instant> = taken
        .iter()
        .filter(|taken| taken.recipients[0].ends_with("@slow.example"))
        .map(|taken| taken.at)
        .collect();
    assert_eq!(paced.len(), 40);
    keeps_strictly(&paced, 10);
    uses(&paced, 6.0);
}

#[test]
fn a_domain_that_defers_again_and_again_holds_nobody_else_up() {
    let server = Recorder::with(
        quick()
            .rule(Rule::new(Step::Rcpt, Action::reply("451 4.7.1 slow down")).to("@slow.example")),
    );
    let work =
        relay(&server, "retry = { base = \"50ms\", max = \"400ms\", for = \"2s\" }\nin_flight = 2");
    let list: String = (0..200)
        .map(|i| {
            if i % 2 == 0 {
                format!("{i},s{i}@slow.example,Ann\n")
            } else {
                format!("{i},{},Bob\n", lists::address(i))
            }
        })
        .collect();
    work.file("list.csv", format!("id,email,name\n{list}"));
    work.run(&["send", "list.csv"]).ends(5);
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 100), ("deferred", 100)]));
    let heard = server.heard();
    let last_fast = server.times().into_iter().max().expect("somebody was taken");
    let after = heard
        .iter()
        .filter(|heard| heard.at > last_fast && heard.line.contains("@slow.example"))
        .count();
    assert!(after >= 50, "the others were done long before, {after} attempts came afterwards");
}

#[test]
fn a_connection_brings_no_more_messages_than_per_connection() {
    for (lines, rows_in, most, connections) in
        [("in_flight = 1", 250, 100, 3), ("in_flight = 1\nper_connection = 10", 45, 10, 5)]
    {
        let server = Recorder::with(quick());
        let work = relay(&server, lines);
        rows(&work, "list.csv", 0..rows_in);
        work.run(&["send", "list.csv"]).ends(0);
        let counts = of_connection(&server.taken());
        assert!(counts.values().all(|count| *count <= most), "{counts:?}");
        assert_eq!(server.connections(), connections, "{counts:?}");
    }
}

/// Everybody was accepted at the first attempt: a connection that went away was nobody's fault.
#[track_caller]
fn nobody_is_blamed(work: &Workspace, server: &Recorder, count: usize) {
    took(server, 0..count);
    let report: Report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", count)]));
    assert_eq!(report.column("mb_attempts"), vec!["1"; count]);
    assert_eq!(report.column("mb_reason"), vec![""; count]);
}

#[test]
fn a_server_that_ends_each_connection_with_421_is_connected_to_again() {
    let server = Recorder::with(quick().per_connection(7));
    let work = relay(&server, "in_flight = 2");
    rows(&work, "list.csv", 0..60);
    work.run(&["send", "list.csv"]).ends(0);
    nobody_is_blamed(&work, &server, 60);
    assert!(server.connections() >= 60 / 7, "{}", server.connections());
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced() {
    // With 421 behind the answer to a message, and without a word at the next command.
    let goodbye = Action::Bytes(b"250 2.0.0 taken\r\n421 4.4.2 idle for too long\r\n".to_vec());
    let script = quick()
        .rule(Rule::new(Step::Dot, goodbye).having_taken().every(5))
        .rule(Rule::new(Step::Mail, Action::Drop).every(6));
    let server = Recorder::with(script);
    let work = relay(&server, "in_flight = 1");
    rows(&work, "list.csv", 0..40);
    work.run(&["send", "list.csv"]).ends(0);
    nobody_is_blamed(&work, &server, 40);
}
