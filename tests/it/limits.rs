//! Connections, rates and caps: what a recording server saw.

use std::time::{Duration, Instant};

use crate::support::recorder::{Recorder, Script, Step, most_in_any_window};
use crate::support::{Workspace, lists, workspace};

const SECOND: Duration = Duration::from_secs(1);

fn prepared(server: &Recorder, relay: &str, recipients: usize) -> Workspace {
    let work = workspace();
    work.smtp_config(&server.url(), relay).message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(recipients));
    work
}

#[test]
fn there_are_never_more_connections_than_in_flight() {
    for in_flight in [1, 3, 8] {
        let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(3)));
        let work = prepared(&server, &format!("in_flight = {in_flight}"), 200);
        work.run(&["send", "list.csv", "-q"]).ends(0);
        assert_eq!(server.count(), 200);
        assert!(server.most_at_once() <= in_flight, "{} connections, {in_flight} allowed", server.most_at_once());
        assert_eq!(server.most_at_once(), in_flight, "and they are used");
    }
}

#[test]
fn no_second_anywhere_holds_more_than_the_rate_and_the_rate_is_used() {
    let server = Recorder::start();
    let work = prepared(&server, "rate = \"50/s\"", 220);
    work.run(&["send", "list.csv", "-q"]).ends(0);
    let times = server.times();
    assert_eq!(times.len(), 220);
    let most = most_in_any_window(&times, SECOND);
    assert!(most <= 51, "{most} in one second");
    let took = times[times.len() - 1] - times[0];
    assert!(took < Duration::from_millis(5_500), "220 at 50/s took {took:?}");
}

#[test]
fn two_campaigns_at_once_stay_under_one_rate_together() {
    let server = Recorder::start();
    let work = prepared(&server, "rate = \"50/s\"", 100);
    work.file("other.csv", lists::csv(200).replace("@example", "@other.example"));
    let others: Vec<_> = ["list.csv", "other.csv"].iter().map(|list| work.spawn(&["send", list, "-q", "--campaign", &list[..4]])).collect();
    for child in others {
        let done = child.wait_with_output().expect("it is our child");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let times = server.times();
    assert_eq!(times.len(), 300);
    let most = most_in_any_window(&times, SECOND);
    assert!(most <= 51, "{most} in one second");
}

#[test]
fn a_restart_does_not_forget_what_went_in_the_last_second() {
    let server = Recorder::start();
    let work = prepared(&server, "rate = \"50/s\"", 150);
    for start in 0..4 {
        let mut child = work.spawn(&["send", "list.csv", "-q"]);
        let wanted = server.count() + 25;
        let begun = Instant::now();
        while start < 3 && server.count() < wanted && begun.elapsed() < Duration::from_secs(10) && child.try_wait().expect("ours").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if start < 3 {
            child.kill().expect("it runs");
        }
        child.wait().expect("it is our child");
    }
    let most = most_in_any_window(&server.times(), SECOND);
    assert!(most <= 51, "{most} in one second over four starts");
    assert!(server.count() >= 140, "{} went", server.count());
}

#[test]
fn an_hourly_cap_holds_over_three_runs() {
    let server = Recorder::start();
    let work = prepared(&server, "caps = [\"500/hour\"]", 200);
    for (name, code) in [("first", 0), ("second", 0), ("third", 8)] {
        work.file(format!("{name}.csv"), lists::csv(200).replace("@example", &format!("@{name}.example")));
        work.run(&["send", &format!("{name}.csv"), "-q"]).ends(code);
    }
    assert_eq!(server.count(), 500);
    let counts = work.report();
    assert_eq!((counts.counts()["accepted"], counts.counts()["held"]), (100, 100));
    assert!(counts.column("mb_reason").contains(&"cap"));
    work.run(&["send", "third.csv", "-q"]).ends(8);
    assert_eq!(server.count(), 500, "the next start finds the cap full as well");
}

#[test]
fn a_rate_of_one_receiving_domain_holds_nobody_else_up() {
    let server = Recorder::start();
    let work = prepared(&server, "in_flight = 2\nper_domain = { \"slow.example\" = \"10/s\" }", 1);
    let mut list = String::from("id,email,name\n");
    for i in 0..120 {
        let domain = if i < 20 { "slow.example" } else { "fast.example" };
        list.push_str(&format!("{i},u{i}@{domain},Ann\n"));
    }
    work.file("list.csv", list);
    work.run(&["send", "list.csv", "-q"]).ends(0);
    let taken = server.taken();
    let times = |domain: &str| taken.iter().filter(|t| t.recipients[0].ends_with(domain)).map(|t| t.at).collect::<Vec<_>>();
    let (slow, fast) = (times("slow.example"), times("fast.example"));
    assert_eq!((slow.len(), fast.len()), (20, 100));
    assert!(most_in_any_window(&slow, SECOND) <= 11);
    assert!(fast.iter().max() < slow.iter().max(), "the others do not wait for the slow domain");
    let whole = *fast.iter().max().expect("some") - *fast.iter().min().expect("some");
    assert!(whole < Duration::from_millis(1_000), "100 without a rate took {whole:?}");
}

#[test]
fn a_rate_that_is_typed_only_lowers() {
    let server = Recorder::start();
    let work = prepared(&server, "rate = \"20/s\"", 40);
    work.run(&["send", "list.csv", "-q", "--rate", "1000/s"]).ends(0);
    assert!(most_in_any_window(&server.times(), SECOND) <= 21);
    work.file("other.csv", lists::csv(20).replace("@example", "@other.example"));
    let before = server.count();
    work.run(&["send", "other.csv", "-q", "--rate", "10/s"]).ends(0);
    assert!(most_in_any_window(&server.times()[before..], SECOND) <= 11);
}

#[test]
fn connections_are_renewed_after_their_share_and_after_421_without_blame() {
    let server = Recorder::with(Script::default().per_connection(7));
    let work = prepared(&server, "in_flight = 2\nper_connection = 5", 60);
    work.run(&["send", "list.csv", "-q"]).ends(0);
    assert_eq!(server.count(), 60);
    assert!(server.connections() >= 12, "{} connections for 60 messages", server.connections());

    let server = Recorder::with(Script::default().per_connection(7));
    let work = prepared(&server, "in_flight = 2", 60);
    work.run(&["send", "list.csv", "-q"]).ends(0);
    let mut recipients = server.recipients();
    recipients.sort();
    recipients.dedup();
    assert_eq!((server.count(), recipients.len()), (60, 60));
    assert!(work.report().column("mb_attempts").iter().all(|n| *n == "1"), "a closed connection is nobody's attempt");
}
