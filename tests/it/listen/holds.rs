//! SIGKILL while a pause rule holds a domain, a provider or the run, and while the canary's gate
//! waits: what holds is still there afterwards, nobody is mailed twice and nobody is missing.
//!
//! `MAILBATCH_SEED` repeats the moments of an earlier run.

use std::collections::BTreeSet;
use std::time::Duration;

use super::gates::{prepared, tell_bounces};
use super::port_of;
use crate::faults::draws::Draws;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{LONG, Running, everybody, wait_for_count};
use crate::support::{Workspace, lists, wait_for};

const ROWS: usize = 240;
const SEND: [&str; 4] = ["send", "list.csv", "--progress", "none"];
/// How often each is killed: before the rule is found broken, and after.
const ROUNDS: u64 = 4;

fn server() -> Recorder {
    Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(2)).without_data())
}

fn up_to(draws: &mut Draws, milliseconds: u64) -> Duration {
    Duration::from_micros(draws.below(milliseconds * 1_000))
}

/// Lets it run for so long, and kills it. False when it had ended by itself.
fn killed_after(mut running: Running, time: Duration) -> bool {
    !wait_for(|| running.has_ended(), time) && running.kill()
}

/// What the servers took and the report says agree: everybody once, but for `doubts` whose answer
/// nobody can have read.
#[track_caller]
fn nobody_twice_nobody_missing(
    work: &Workspace,
    servers: &[&Recorder],
    rows: usize,
    doubts: usize,
) {
    let taken: Vec<String> = servers.iter().flat_map(|server| server.recipients()).collect();
    let distinct: BTreeSet<&str> = taken.iter().map(String::as_str).collect();
    assert_eq!(taken.len(), distinct.len(), "somebody was mailed twice");
    let report = work.report();
    assert_eq!(report.column("email"), lists::addresses(rows));
    let unknown = report.with("unknown");
    assert!(unknown.len() <= doubts, "{} unknown, {doubts} can be", unknown.len());
    let accepted = report.with("accepted");
    assert_eq!(accepted.len() + unknown.len(), rows, "{:?}", report.counts());
    let missing: Vec<_> = accepted.iter().filter(|email| !distinct.contains(*email)).collect();
    assert!(missing.is_empty(), "accepted and not taken: {missing:?}");
    assert!(distinct.iter().all(|email| accepted.contains(email) || unknown.contains(email)));
}

/// A rule is broken by webhooks and the process killed around that time; `servers` many relays
/// share the recipients, of whom those bounce whom the first relay took and `bounces` picks.
fn held_through_kills(by: &str, servers: usize, bounces: fn(&str) -> bool) {
    let mut draws = Draws::fresh();
    for round in 0..ROUNDS {
        let all: Vec<Recorder> = (0..servers).map(|_| server()).collect();
        // The same time for any number of relays, which is longer than the bounces take to be
        // noticed.
        let rate = format!("in_flight = 2\nrate = \"{}/s\"", 40 / servers);
        let relays: Vec<_> = ["a", "b"]
            .into_iter()
            .zip(&all)
            .map(|(name, server)| (name, server, rate.as_str()))
            .collect();
        let weights: String = relays.iter().map(|(name, ..)| format!("{name} = 1, ")).collect();
        let tables = format!(
            "[pause]\nrules = [\"bounced > 20% over 1h min 5/4{by}\"]\n[route]\nweights = {{ {} }}",
            weights.trim_end_matches(", ")
        );
        let work = prepared(&relays, &tables, ROWS);
        let endpoint = work.start(&["listen"]);
        let port = port_of(&endpoint);
        let running = work.start(&SEND);
        wait_for_count(&all[0], 30);
        tell_bounces(port, all[0].recipients().iter().filter(|email| bounces(email)));
        if round % 2 == 0 {
            assert!(wait_for(|| running.err().contains("pause rule: "), LONG), "{}", running.err());
        }
        let mut kills = usize::from(killed_after(running, up_to(&mut draws, 300)));

        // Whether the rule had been found broken before the kill or not, it holds now.
        let count = || all.iter().map(Recorder::count).sum::<usize>();
        work.run(&SEND).ends(12).says("pause rule").says("bounced");
        let held = count();
        assert!(held < ROWS, "the hold came too late to show anything");
        for arguments in [&SEND[..], &["resume"], &["retry", &work.newest_run()]] {
            work.run(arguments).ends(12).says("a pause rule holds it: ");
        }
        assert_eq!(count(), held, "a later start sent to somebody");
        assert_eq!(work.run(&["status", "--json"]).ends(0).object()["gate"]["gate"], "stopped");

        let goes_on = work.start(&["resume", "--continue", "--progress", "none"]);
        kills += usize::from(killed_after(goes_on, up_to(&mut draws, 1_500)));
        // A kill before the decision was written down leaves the hold.
        let status = work.run(&["status", "--json"]).ends(0).object();
        let ended = work.run(if status["gate"]["gate"] == "stopped" {
            &["resume", "--continue"]
        } else {
            &SEND
        });
        let servers: Vec<&Recorder> = all.iter().collect();
        nobody_twice_nobody_missing(&work, &servers, ROWS, kills * 2 * servers.len());
        ended.ends(if work.report().with("unknown").is_empty() { 0 } else { 6 });
        assert!(endpoint.kill());
    }
}

#[test]
fn a_held_run_stays_held_when_it_is_killed() {
    held_through_kills("", 1, |_| true);
}

#[test]
fn a_held_domain_stays_held_when_the_run_is_killed() {
    held_through_kills(" by domain", 1, |email| email.ends_with("@example.net"));
}

#[test]
fn a_held_provider_stays_held_when_the_run_is_killed() {
    held_through_kills(" by provider", 2, |_| true);
}

#[test]
fn a_gate_that_waits_goes_on_waiting_after_kills_and_hears_what_came_meanwhile() {
    let mut draws = Draws::fresh();
    let server = server();
    let work = prepared(&[("relay", &server, "in_flight = 2")], "[canary]\nwait = \"1h\"", ROWS);
    let endpoint = work.start(&["listen"]);
    let port = port_of(&endpoint);
    let send = ["send", "list.csv", "--provider", "relay", "--canary", "40", "--progress", "none"];
    let mut until = BTreeSet::new();
    for _ in 0..5 {
        let running = work.start(&send);
        assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
        let said = running.err();
        until.insert(said.split_once("waiting until ").unwrap().1[..16].to_owned());
        assert!(killed_after(running, up_to(&mut draws, 700)), "it waits");
        assert_eq!(server.count(), 40, "the rest waits");
    }
    // To the minute, of which one may end in between.
    assert!(until.len() <= 2, "each start waits for the same time: {until:?}");
    // While nobody waits, the endpoint hears.
    let canary = server.recipients();
    tell_bounces(port, &canary[..6]);
    work.run(&send).ends(12).says("6 of 40 bounced");
    work.run(&send).ends(12).says("the canary failed");
    assert_eq!(server.count(), 40);
    let goes_on = work.start(&["resume", "--continue", "--progress", "none"]);
    wait_for_count(&server, 60);
    let kills = usize::from(goes_on.kill());
    let code = work.run(&send).code;
    nobody_twice_nobody_missing(&work, &[&server], ROWS, kills * 2);
    assert!(code == 0 || code == 6, "{code}");
    assert!(server.recipients().iter().all(|email| everybody(ROWS).contains(email)));
    assert!(endpoint.kill());
}
