//! A wall clock that is set an hour forward or back in mid-run, or between two runs.

use std::time::Duration;

use super::judge;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step, most_a_second};
use crate::support::running::{relayed, wait_for_count};
use crate::support::tools::SetClock;
use crate::support::{Workspace, wait_for};

const HOUR: i64 = 3_600;
const SEND: [&str; 3] = ["send", "list.csv", "-q"];

/// Sends by a clock that is set by so many seconds once the server has taken `wanted`.
#[track_caller]
fn sent_while_set(
    work: &Workspace,
    clock: &SetClock,
    server: &Recorder,
    wanted: usize,
    seconds: i64,
    most: Duration,
) {
    let mut command = clock.command(work);
    command.args(SEND);
    let send = work.start_with(command);
    wait_for_count(server, wanted);
    clock.set(seconds);
    send.ends_within(0, most);
}

/// Everybody is accepted once, and no second of real time held more than the rate.
#[track_caller]
fn judged(work: &Workspace, server: &Recorder, rows: usize, rate: usize) {
    assert_eq!(judge::told_apart(work, server, rows).accepted, rows);
    let most = most_a_second(&server.times(), Duration::ZERO);
    assert!(most <= rate + 1, "{most} in one second");
}

#[test]
fn a_rate_is_kept_by_the_real_time_when_the_clock_is_set_in_mid_run() {
    for seconds in [HOUR, -HOUR] {
        let server = Recorder::start();
        let work = relayed(&server, "rate = \"60/s\"\ncaps = [\"1000/hour\"]", 180);
        let Some(clock) = SetClock::of(&work) else { return };
        sent_while_set(&work, &clock, &server, 70, seconds, Duration::from_secs(12));
        judged(&work, &server, 180, 60);
    }
}

#[test]
fn a_rate_by_the_hour_does_not_wait_an_hour_when_the_clock_is_set_back() {
    let server = Recorder::start();
    let work = relayed(&server, "rate = \"108000/hour\"", 90);
    let Some(clock) = SetClock::of(&work) else { return };
    sent_while_set(&work, &clock, &server, 30, -HOUR, Duration::from_secs(15));
    judged(&work, &server, 90, 30);
}

#[test]
fn retries_are_made_in_time_when_the_clock_is_set_in_mid_run() {
    let retry = "in_flight = 3\nretry = { for = \"2h\", base = \"200ms\", max = \"400ms\" }";
    for seconds in [HOUR, -HOUR] {
        let refusal = || Rule::new(Step::Dot, Action::reply("451 4.3.0 try later")).every(4);
        let server = Recorder::with(
            Script::default().delay_at(Step::Dot, Duration::from_millis(5)).rule(refusal()),
        );
        let work = relayed(&server, retry, 120);
        let Some(clock) = SetClock::of(&work) else { return };
        sent_while_set(&work, &clock, &server, 50, seconds, Duration::from_secs(12));
        assert_eq!(judge::told_apart(&work, &server, 120).accepted, 120);
    }
}

#[test]
fn a_run_that_is_continued_by_a_clock_an_hour_back_waits_no_hour() {
    let server = Recorder::with(
        Script::default()
            .delay_at(Step::Dot, Duration::from_millis(5))
            .rule(Rule::new(Step::Dot, Action::reply("451 4.3.0 try later")).every(2)),
    );
    let work = relayed(
        &server,
        "in_flight = 3\nrate = \"100/s\"\nretry = { for = \"2h\", base = \"1s\", max = \"2s\" }",
        120,
    );
    let Some(clock) = SetClock::of(&work) else { return };
    let mut command = clock.command(&work);
    command.args(SEND);
    let send = work.start_with(command);
    wait_for_count(&server, 30);
    // Those who wait for another attempt go on waiting, until a time that the clock reaches in an
    // hour.
    assert!(send.kill());
    server.follow(Script::default());
    clock.set(-HOUR);
    let mut command = clock.command(&work);
    command.args(SEND);
    let begun = std::time::Instant::now();
    let mut send = work.start_with(command);
    assert!(wait_for(|| send.has_ended(), Duration::from_secs(15)), "it waits: {}", send.err());
    println!("continued in {:.1?}", begun.elapsed());
    let judged = judge::accounted_for(&work, &server, 120);
    send.ends(if judged.unknown > 0 { 6 } else { 0 });
    assert!(judged.unknown <= 3, "{} unknown", judged.unknown);
    let most = most_a_second(&server.times(), Duration::ZERO);
    assert!(most <= 101, "{most} in one second");
}
