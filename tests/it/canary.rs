//! The canary: who is in it, what its failure latches, and who decides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::ran::Report;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{LONG, everybody, relayed, wait_for_count};
use crate::support::tools::Strace;
use crate::support::{Signal, Workspace, lists, wait_for};

const ROWS: usize = 120;

/// A server that knows nobody.
fn hostile() -> Recorder {
    Recorder::with(unfriendly())
}

/// Each recipient is refused in other words, so that the refusals do not prove that the server
/// refuses all of them for one cause.
fn unfriendly() -> Script {
    (0..ROWS).fold(Script::default(), |script, n| {
        script.rule(Rule::new(Step::Rcpt, refused_for(n)).to(&lists::address(n)))
    })
}

fn refused_for(cause: usize) -> Action {
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    Action::reply(format!(
        "554 5.6.0 this message is not taken because of {}{}",
        letter(cause / 26),
        letter(cause)
    ))
}

fn once_each(server: &Recorder, many: usize) {
    let mut taken = server.recipients();
    taken.dedup();
    assert_eq!((taken.len(), server.count()), (many, many));
}

fn cohort(report: &Report) -> BTreeSet<String> {
    let rows = report.column("mb_email").into_iter().zip(report.column("mb_cohort"));
    rows.filter(|(_, cohort)| *cohort == "canary").map(|(email, _)| email.to_owned()).collect()
}

/// The report as the ledger has it now, whatever happened to the process.
fn report_now(work: &Workspace) -> Report {
    let run = work.newest_run();
    work.run(&["report", &run, "-o", "now.csv"]).ends(0);
    Report::read(work.join("now.csv"))
}

#[test]
fn a_failing_canary_is_latched_until_somebody_lets_the_rest_go() {
    let server = hostile();
    let work = relayed(&server, "in_flight = 2", ROWS);
    work.run(&["send", "list.csv", "--canary", "10"])
        .ends(12)
        .says("canary failed: 10 of 10 failed")
        .says("--continue");
    assert_eq!(server.heard_count("RCPT"), 10, "the rest was not tried");
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("held", ROWS - 10), ("rejected", 10)]));
    assert!(
        report
            .column("mb_reason")
            .into_iter()
            .zip(report.column("mb_outcome"))
            .all(|(reason, outcome)| outcome != "held" || reason == "canary")
    );

    server.follow(Script::default());
    for arguments in [
        &["send", "list.csv", "--canary", "10"][..],
        &["send", "list.csv"],
        &["resume"],
        &["retry", &work.newest_run()],
    ] {
        work.run(arguments).ends(12).says("the canary failed").says("--abandon");
    }
    assert_eq!(server.count(), 0, "every later start repeats it");

    work.run(&["resume", "--continue"]).ends(3);
    let refused =
        work.report().with("rejected").into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(refused, cohort(&work.report()));
    let rest: Vec<String> =
        everybody(ROWS).into_iter().filter(|email| !refused.contains(email)).collect();
    assert_eq!(server.recipients(), rest, "everybody else once");
    work.run(&["send", "list.csv", "--canary", "10"]).ends(0).says("nothing to do");
    assert_eq!(server.count(), ROWS - 10);
}

#[test]
fn killed_at_any_sync_of_its_decision_the_run_still_reaches_everybody() {
    const FEW: usize = 12;
    let send = ["send", "list.csv", "--canary", "4"];
    let Some(strace) = Strace::find() else { return };
    let (mut latched, mut let_go) = (0, 0);
    for sync in 1..40 {
        let server = hostile();
        let work = relayed(&server, "in_flight = 2", FEW);
        work.run(&send).ends(12);
        server.follow(Script::default());
        let inject = format!("inject=fsync,fdatasync:signal=SIGKILL:when={sync}");
        let mut command = strace
            .command(&work, &["-f", "-o", "calls", "-e", "trace=fsync,fdatasync", "-e", &inject]);
        let mut running = work.start_with({
            command.args(["resume", "--continue", "-q"]);
            command
        });
        assert!(wait_for(|| running.has_ended(), LONG), "{}", running.err());
        if !work.read("calls").contains("killed by SIGKILL") {
            assert!(
                latched > 0 && let_go > 0,
                "killed before the decision {latched} times, and after it {let_go} times"
            );
            return;
        }
        // As an operator would: the decision again if it is still asked for, else the same command
        // again.
        let again = work.run(&send);
        if again.code == 12 {
            latched += 1;
            work.run(&["resume", "--continue"]);
        } else {
            let_go += 1;
        }
        // The one that lies there, not one of what the ledger knows now.
        let report = work.report();
        let (accepted, unknown) = (report.with("accepted").len(), report.with("unknown").len());
        assert_eq!(
            (report.with("rejected").len(), accepted + unknown),
            (4, FEW - 4),
            "sync {sync}: {:?}",
            report.counts()
        );
        assert!(
            server.count() >= accepted && server.count() <= accepted + unknown,
            "sync {sync}: somebody was mailed twice or never"
        );
    }
    panic!("a resume of {FEW} recipients waits for the disk 40 times");
}

#[test]
fn an_abandoned_run_stays_closed_and_a_new_send_reaches_the_others() {
    let server = hostile();
    let work = relayed(&server, "in_flight = 2", ROWS);
    work.run(&["send", "list.csv", "--canary", "10%"]).ends(12);
    let run = work.newest_run();
    work.run(&["resume", "--abandon"]).ends(0).says("108 recipients were not mailed");
    server.follow(Script::default());
    assert_eq!(server.count(), 0);
    work.run(&["send", "list.csv", "--canary", "10%"]).ends(0);
    assert_ne!(work.newest_run(), run);
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", 108), ("rejected", 12)]),
        "whoever was refused is not tried again"
    );
    assert_eq!(server.count(), 108);
}

#[test]
fn then_stop_waits_for_a_person_and_is_latched() {
    let server = Recorder::start();
    let work = relayed(&server, "in_flight = 2", ROWS);
    let send = ["send", "list.csv", "--canary", "5%", "--then", "stop"];
    work.run(&send).ends(13).says("waiting for a person").says("--continue");
    assert_eq!(server.count(), 6);
    let canary = cohort(&work.report());
    assert_eq!(canary.iter().cloned().collect::<Vec<_>>(), server.recipients());
    for arguments in [&send[..], &["send", "list.csv"], &["resume"]] {
        work.run(arguments).ends(13).says("waits for a person");
    }
    assert_eq!(server.count(), 6);
    work.run(&["resume", "--continue"]).ends(0);
    assert_eq!(server.recipients(), everybody(ROWS));
}

#[test]
fn asking_without_a_terminal_waits_for_a_person() {
    let server = Recorder::start();
    let work = relayed(&server, "", ROWS);
    work.run(&["send", "list.csv", "--canary", "5", "--then", "ask"]).ends(13);
    assert_eq!(server.count(), 5);
    work.run(&["resume", "--abandon"]).ends(0);
    assert_eq!(work.run(&["runs", "--json"]).object()["state"], "finished");
    assert_eq!(server.count(), 5);
}

#[test]
fn the_canary_is_the_same_after_a_kill_and_after_a_signal() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(60)));
    let work = relayed(&server, "in_flight = 1\n[canary]\nmax_failed = \"100%\"", ROWS);
    let send = ["send", "list.csv", "--canary", "20", "-q"];
    let running = work.start(&send);
    wait_for_count(&server, 4);
    assert!(running.kill());
    let drawn = cohort(&report_now(&work));
    assert_eq!(drawn.len(), 20);
    assert!(server.recipients().iter().all(|email| drawn.contains(email)));

    let mut running = work.start(&send);
    wait_for_count(&server, 9);
    running.signal(Signal::INT);
    running.ends(130);
    assert!(server.count() < 20);
    assert_eq!(cohort(&work.report()), drawn);

    server.follow(Script::default());
    let ended = work.run(&send);
    assert!(matches!(ended.code, 0 | 6), "{}{}", ended.out, ended.err);
    assert_eq!(cohort(&work.report()), drawn);
    let first: BTreeSet<String> =
        server.taken().iter().take(19).flat_map(|taken| taken.recipients.clone()).collect();
    assert!(first.is_subset(&drawn), "nobody else goes before it is judged");
    assert_eq!(
        server.recipients().iter().collect::<BTreeSet<_>>().len(),
        server.count(),
        "nobody twice"
    );
    assert!(server.count() >= ROWS - 1);
}

#[test]
fn the_canary_is_spread_over_receiving_domains_in_proportion() {
    let server = Recorder::start();
    let work = relayed(&server, "", 0);
    let mut list = String::from("email\n");
    for (domain, many) in [
        ("large.example", 140),
        ("middle.example", 50),
        ("small.example", 9),
        ("single.example", 1),
    ] {
        (0..many).for_each(|n| list.push_str(&format!("user{n}@{domain}\n")));
    }
    work.message("Hello", "Body").file("list.csv", list);
    work.run(&["send", "list.csv", "--canary", "10%", "--then", "stop"]).ends(13);
    let mut shares = BTreeMap::<String, usize>::new();
    for email in server.recipients() {
        *shares.entry(email.split_once('@').unwrap().1.to_owned()).or_default() += 1;
    }
    let expected = [("large.example", 14), ("middle.example", 5), ("small.example", 1)]
        .map(|(domain, n)| (domain.to_owned(), n));
    assert_eq!(shares, BTreeMap::from(expected));
}

#[test]
fn always_addresses_are_in_every_canary_and_a_missing_one_is_told() {
    let server = Recorder::start();
    let seeds = "[canary]\nalways = [\"USER77@example.org\", \"user78@example.com\", \"seed@elsewhere.example\"]";
    let work = relayed(&server, seeds, ROWS);
    work.run(&["send", "list.csv", "--canary", "5", "--then", "stop"])
        .ends(13)
        .says("1 addresses under canary.always are not in the list");
    let canary = cohort(&work.report());
    assert!(
        canary.contains("user77@example.org") && canary.contains("user78@example.com"),
        "{canary:?}"
    );
    assert!((5..=7).contains(&canary.len()), "{canary:?}");
    assert_eq!(canary.into_iter().collect::<Vec<_>>(), server.recipients());
    work.run(&["resume", "--continue"]).ends(0);
    assert_eq!(server.recipients(), everybody(ROWS), "and the missing one was not added");
}

#[test]
fn the_tolerated_share_itself_passes_and_one_more_fails() {
    for (refused, code) in [(1, 3), (2, 12)] {
        let rule = Rule::new(Step::Rcpt, Action::reply("554 5.6.0 no")).first(refused);
        let server = Recorder::with(Script::default().rule(rule));
        let work = relayed(&server, "[canary]\nmax_failed = \"10%\"", 40);
        work.run(&["send", "list.csv", "--canary", "10"]).ends(code);
        assert_eq!(server.count(), if code == 3 { 39 } else { 8 });
    }
}

#[test]
fn a_canary_interrupted_is_judged_by_all_of_its_members() {
    let server = Recorder::with(unfriendly().delay_at(Step::Rcpt, Duration::from_millis(60)));
    let work = relayed(&server, "in_flight = 1", 60);
    let send = ["send", "list.csv", "--canary", "20"];
    let mut running = work.start(&send);
    assert!(wait_for(|| server.heard_count("RCPT") >= 4, Duration::from_secs(20)));
    running.signal(Signal::TERM);
    running.ends(143);
    // What follows is taken, but the first refusals still count.
    server.follow(Script::default());
    work.run(&send).ends(12).says("of 20 failed");
    assert!(server.count() < 20);
    assert_eq!(work.report().with("held").len(), 40);
}

#[test]
fn an_abandoned_run_is_closed_and_the_next_send_begins_anew_with_those_not_reached() {
    let script = (0..10).fold(Script::default(), |script, cause| {
        script.rule(Rule::new(Step::Rcpt, refused_for(cause)).nth(cause + 1))
    });
    let server = Recorder::with(script);
    let work = relayed(&server, "in_flight = 2", 100);
    work.run(&["send", "list.csv", "--canary", "20"]).ends(12);
    work.run(&["resume", "--abandon"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0);
    once_each(&server, 90);
    let report = work.report();
    assert_eq!(
        (
            report.counts()["already_accepted"],
            report.counts()["accepted"],
            report.counts()["rejected"]
        ),
        (10, 80, 10)
    );
}

#[test]
fn deferred_members_of_a_judged_canary_are_sent_on_resume() {
    let busy = Rule::new(Step::Rcpt, Action::reply("451 4.2.0 busy")).to(&lists::address(7));
    let server = Recorder::with(Script::default().rule(busy));
    let relay = "retry = { for = \"300ms\", base = \"50ms\", max = \"100ms\" }\n[canary]\nmax_failed = \"100%\"";
    let work = relayed(&server, relay, 20);
    work.run(&["send", "list.csv", "--canary", "20"]).ends(5);
    assert_eq!((server.count(), work.report().counts()["deferred"]), (19, 1));
    server.follow(Script::default());
    work.run(&["resume", "-q"]).ends(0);
    once_each(&server, 20);
}
