//! SIGKILL at random moments, each followed by the same command until the run is done. The judge is a plain list of what the server took.
//!
//! `MAILBATCH_KILLS` says how many kills there are in all (200), `MAILBATCH_SEED` repeats the moments of an earlier run.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::recorder::{Recorder, Script, Step};
use crate::support::{Workspace, lists, workspace};

/// Recipients of one run: it has to last for a few kills.
const RECIPIENTS: usize = 400;
/// A run that has not ended by then hangs.
const LONGEST: Duration = Duration::from_secs(60);
/// A run that has been killed so often is left alone, so that it ends.
const KILLS_A_RUN: u64 = 12;

/// A small generator (SplitMix64), so that a seed gives the same moments everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seed() -> u64 {
    let seed = from_environment("MAILBATCH_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
    });
    println!("MAILBATCH_SEED={seed} repeats this run");
    seed
}

fn start(work: &Workspace) -> Child {
    let arguments = ["send", "list.csv", "--canary", "5%", "--progress", "none", "-q"];
    work.command().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary is built")
}

/// Runs the command until it is done, killing it at random moments up to `kills` times. Returns how often it was killed before its end.
fn run_and_kill(work: &Workspace, draws: &mut Draws, kills: u64, longest: Duration) -> u64 {
    let mut killed = 0;
    loop {
        let mut child = start(work);
        if killed < kills {
            let moment = Duration::from_micros(draws.below(u64::try_from(longest.as_micros()).expect("short")));
            let begun = Instant::now();
            let mut ended = None;
            while ended.is_none() && begun.elapsed() < moment {
                std::thread::sleep(Duration::from_micros(200));
                ended = child.try_wait().expect("it is our child");
            }
            if ended.is_none() {
                child.kill().expect("it still runs");
                child.wait().expect("it is our child");
                killed += 1;
                continue;
            }
        }
        let ended = || child.try_wait().expect("it is our child").is_some();
        if !crate::support::wait_for(ended, LONGEST) {
            child.kill().expect("it still runs");
            panic!("hangs: the run has not ended in {LONGEST:?}");
        }
        let code = child.wait().expect("it is our child").code();
        assert!(matches!(code, Some(0 | 6)), "ended with {code:?}");
        return killed;
    }
}

/// Nobody twice, nobody missing but those reported unknown, and `accepted` only for what the server took.
fn judge(work: &Workspace, server: &Recorder) -> usize {
    let mut taken = BTreeMap::<String, usize>::new();
    for message in server.taken() {
        for recipient in message.recipients {
            *taken.entry(recipient).or_default() += 1;
        }
    }
    let twice: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "mailed twice: {twice:?}");
    let report = work.report();
    let (emails, outcomes) = (report.column("email"), report.column("mb_outcome"));
    assert_eq!(emails.len(), RECIPIENTS);
    let mut unknown = 0;
    for (email, outcome) in emails.iter().zip(outcomes) {
        let was_taken = taken.contains_key(*email);
        match outcome {
            "accepted" => assert!(was_taken, "{email} is accepted and was not taken"),
            "unknown" => unknown += 1,
            other => panic!("{email} ended as {other}, taken: {was_taken}"),
        }
    }
    let strangers: BTreeSet<_> = taken.keys().filter(|email| !emails.contains(&email.as_str())).collect();
    assert!(strangers.is_empty(), "not in the list: {strangers:?}");
    unknown
}

#[test]
fn nobody_is_mailed_twice_or_missed_however_often_the_process_is_killed() {
    let kills = from_environment("MAILBATCH_KILLS").unwrap_or(200);
    let mut draws = Draws(seed());
    let (mut killed, mut runs, mut unknown) = (0, 0, 0);
    while killed < kills {
        let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(2)));
        let work = workspace();
        // An unknown of a kill counts against the canary, which is not judged here.
        let relay = format!("in_flight = {}\n[canary]\nmax_failed = \"100%\"", 1 + draws.below(6));
        work.smtp_config(&server.url(), &relay).message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(RECIPIENTS));
        killed += run_and_kill(&work, &mut draws, KILLS_A_RUN.min(kills - killed), Duration::from_millis(350));
        unknown += judge(&work, &server);
        runs += 1;
    }
    println!("{killed} kills in {runs} runs of {RECIPIENTS} recipients: {unknown} unknown, nobody twice, nobody missing");
}

#[test]
fn a_kill_in_mid_run_leaves_no_more_unknowns_than_connections() {
    let mut draws = Draws(seed());
    for _ in 0..5 {
        let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(10)));
        let work = workspace();
        work.smtp_config(&server.url(), "in_flight = 10\n[canary]\nmax_failed = \"100%\"")
            .message("Hello {{ name }}", "Dear {{ name }}")
            .file("list.csv", lists::csv(RECIPIENTS));
        let mut child = start(&work);
        let wanted = 30 + draws.below(200) as usize;
        assert!(crate::support::wait_for(|| server.count() >= wanted, Duration::from_secs(20)), "it sends");
        child.kill().expect("it runs");
        child.wait().expect("it is our child");
        run_and_kill(&work, &mut draws, 0, Duration::ZERO);
        let unknown = judge(&work, &server);
        assert!(unknown <= 10, "{unknown} unknown");
    }
}
