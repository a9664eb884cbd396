//! SIGKILL, SIGSTOP and SIGCONT at random moments, each kill followed by the same command until the
//! run is done.
//!
//! `MAILBATCH_KILLS` says how many kills there are in all (200), `MAILBATCH_SEED` repeats the
//! moments of an earlier run.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::draws::{Draws, from_environment};
use super::judge;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::{Signal, Workspace, lists, signal, wait_for, workspace};

/// Recipients of one run: it has to last for a few kills.
const RECIPIENTS: usize = 400;
/// A run that has not ended by then hangs.
const LONGEST: Duration = Duration::from_secs(150);
/// A run that has been killed so often is left alone, so that it ends.
pub(crate) const KILLS_A_RUN: u64 = 12;
/// The same command, whatever happened to the one before.
pub(crate) const SEND: [&str; 7] =
    ["send", "list.csv", "--canary", "5%", "--progress", "none", "-q"];

fn start(work: &Workspace) -> Child {
    work.command()
        .args(SEND)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary is built")
}

/// Waits until the moment has come; false when the process ends before.
fn lives_until(child: &mut Child, moment: Instant) -> bool {
    loop {
        if child.try_wait().expect("it is our child").is_some() {
            return false;
        }
        let Some(left) = moment.checked_duration_since(Instant::now()) else { return true };
        std::thread::sleep(left.min(Duration::from_micros(200)));
    }
}

fn up_to(draws: &mut Draws, longest: Duration) -> Duration {
    Duration::from_micros(draws.below(u64::try_from(longest.as_micros()).expect("short").max(1)))
}

/// What has been done to the process of one run.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) killed: u64,
    pub(crate) stopped: u64,
    pub(crate) code: i32,
}

/// Stops the process for a moment, or two, and kills it, stopped or going. False when it has ended
/// before.
fn disturb(child: &mut Child, draws: &mut Draws, longest: Duration, done: &mut Done) -> bool {
    let begun = Instant::now();
    let mut moment = up_to(draws, longest);
    for _ in 0..draws.below(3) {
        let stop = up_to(draws, moment);
        if !lives_until(child, begun + stop) {
            return false;
        }
        signal(child.id(), Signal::STOP);
        done.stopped += 1;
        let length = up_to(draws, Duration::from_millis(20));
        std::thread::sleep(length);
        if draws.below(4) == 0 {
            moment = Duration::ZERO;
            break;
        }
        signal(child.id(), Signal::CONT);
    }
    if !lives_until(child, begun + moment) {
        return false;
    }
    child.kill().expect("it still runs");
    child.wait().expect("it is our child");
    done.killed += 1;
    true
}

/// Runs the command until it is done, killing it at random moments up to `kills` times.
pub(crate) fn run_and_kill(
    work: &Workspace,
    draws: &mut Draws,
    kills: u64,
    longest: Duration,
) -> Done {
    let mut done = Done::default();
    loop {
        let mut child = start(work);
        if done.killed < kills && disturb(&mut child, draws, longest, &mut done) {
            continue;
        }
        if !wait_for(|| child.try_wait().expect("it is our child").is_some(), LONGEST) {
            child.kill().expect("it still runs");
            panic!("hangs: the run has not ended in {LONGEST:?}");
        }
        done.code = child.wait().expect("it is our child").code().expect("it ended by itself");
        return done;
    }
}

#[test]
fn nobody_is_mailed_twice_or_missed_however_often_the_process_is_killed_and_stopped() {
    let kills = from_environment("MAILBATCH_KILLS").unwrap_or(200);
    let mut draws = Draws::fresh();
    let (mut killed, mut stopped, mut runs, mut unknown) = (0, 0, 0, 0);
    while killed < kills {
        let server = Recorder::with(
            Script::default().delay_at(Step::Dot, Duration::from_millis(2)).without_data(),
        );
        let work = workspace();
        let in_flight = 1 + draws.below(6);
        // An unknown of a kill counts against the canary, which is not judged here.
        let relay = format!("in_flight = {in_flight}\n[canary]\nmax_failed = \"100%\"");
        work.smtp_config(&server.url(), &relay)
            .message("Hello {{ name }}", "Dear {{ name }}")
            .file("list.csv", lists::csv(RECIPIENTS));
        let done = run_and_kill(
            &work,
            &mut draws,
            KILLS_A_RUN.min(kills - killed),
            Duration::from_millis(350),
        );
        let judged = judge::accounted_for(&work, &server, RECIPIENTS);
        assert_eq!(done.code, if judged.unknown > 0 { 6 } else { 0 });
        let most = done.killed * in_flight;
        assert!(
            judged.unknown as u64 <= most,
            "{} unknown after {} kills with {in_flight} connections",
            judged.unknown,
            done.killed
        );
        judge::stays_so(&work, &server, &SEND, done.code);
        killed += done.killed;
        stopped += done.stopped;
        unknown += judged.unknown;
        runs += 1;
    }
    println!(
        "{killed} kills and {stopped} stops in {runs} runs of {RECIPIENTS} recipients: {unknown} unknown, nobody twice, nobody missing"
    );
}

#[test]
fn a_kill_in_mid_run_leaves_no_more_unknowns_than_connections() {
    let mut draws = Draws::fresh();
    for _ in 0..5 {
        let server =
            Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(10)));
        let work = workspace();
        work.smtp_config(&server.url(), "in_flight = 10\n[canary]\nmax_failed = \"100%\"")
            .message("Hello {{ name }}", "Dear {{ name }}")
            .file("list.csv", lists::csv(RECIPIENTS));
        let mut child = start(&work);
        let wanted = 30 + draws.below(200) as usize;
        assert!(wait_for(|| server.count() >= wanted, Duration::from_secs(20)), "it sends");
        child.kill().expect("it runs");
        child.wait().expect("it is our child");
        run_and_kill(&work, &mut draws, 0, Duration::ZERO);
        let unknown = judge::accounted_for(&work, &server, RECIPIENTS).unknown;
        assert!(unknown <= 10, "{unknown} unknown");
    }
}

#[test]
fn a_run_that_is_stopped_for_longer_than_its_time_limits_goes_on_where_it_was() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(5)));
    let work = workspace();
    work.smtp_config(
        &server.url(),
        "in_flight = 4\ntimeouts = { command = \"150ms\", data = \"150ms\", final = \"150ms\" }",
    )
    .message("Hello {{ name }}", "Dear {{ name }}")
    .file("list.csv", lists::csv(RECIPIENTS));
    let mut child = start(&work);
    for wanted in [40, 120, 200] {
        assert!(wait_for(|| server.count() >= wanted, Duration::from_secs(20)), "it sends");
        signal(child.id(), Signal::STOP);
        std::thread::sleep(Duration::from_millis(300));
        signal(child.id(), Signal::CONT);
    }
    assert!(wait_for(|| child.try_wait().expect("it is our child").is_some(), LONGEST), "it hangs");
    // The answers were there all the time, so there is no doubt about anybody.
    assert_eq!(child.wait().expect("it is our child").code(), Some(0));
    assert_eq!(judge::told_apart(&work, &server, RECIPIENTS).accepted, RECIPIENTS);
}
