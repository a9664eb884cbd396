//! Several providers in one run: who goes through whom, who takes over, and what each may be given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step, most_a_second};
use crate::support::running::{LONG, everybody, relayed, wait_for_count};
use crate::support::tools::SetClock;
use crate::support::{Workspace, lists, wait_for, workspace};

const QUICK: &str = "retry = { base = \"10ms\", max = \"50ms\", for = \"20s\" }";

/// A workspace with the relays `a` and `b`, lines for each, and the lines of `[route]`.
pub(crate) fn routed(
    servers: [&Recorder; 2],
    lines: [&str; 2],
    route: &str,
    rows: usize,
) -> Workspace {
    let work = workspace();
    let provider = |name: &str, at: usize| {
        format!(
            "[providers.{name}]\nkind = \"smtp\"\nurl = \"{}\"\n{}\n",
            servers[at].url(),
            lines[at]
        )
    };
    work.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\
         unsubscribe_url = \"https://acme.example/u/{{{{ email | urlencode }}}}\"\n\n{}\n{}\n[route]\n{route}\n",
        provider("a", 0),
        provider("b", 1)
    ));
    work.message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(rows));
    work
}

/// Each of the rows exactly once, at one of the two.
#[track_caller]
fn once_between(servers: [&Recorder; 2], rows: usize) {
    let mut all = servers.map(Recorder::recipients).concat();
    all.sort();
    assert_eq!(all, everybody(rows));
}

/// The report names for each accepted recipient the provider that took it.
#[track_caller]
fn report_agrees(work: &Workspace, servers: [&Recorder; 2]) {
    let report = work.report();
    for (name, server) in ["a", "b"].into_iter().zip(servers) {
        let took: BTreeSet<String> = server.recipients().into_iter().collect();
        for address in took {
            if report.cell(&address, "mb_outcome") == "accepted" {
                assert_eq!(report.cell(&address, "mb_provider"), name, "{address}");
            }
        }
    }
}

fn dead() -> Script {
    Script::default().on(Step::Greeting, Action::reply("421 4.3.2 not now"))
}

#[test]
fn without_failures_the_first_of_the_order_takes_everybody() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let work = routed([&a, &b], ["", ""], "order = [\"b\", \"a\"]", 60);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!((a.count(), b.recipients()), (0, everybody(60)));
    report_agrees(&work, [&a, &b]);
}

#[test]
fn a_provider_that_is_down_hands_everybody_to_the_next_of_the_order() {
    let (a, b) = (Recorder::with(dead()), Recorder::start());
    let work = routed([&a, &b], [QUICK, QUICK], "order = [\"a\", \"b\"]", 120);
    work.run(&["send", "list.csv"]).ends(0).says("failover from a to b");
    assert_eq!((a.count(), b.recipients()), (0, everybody(120)));
    report_agrees(&work, [&a, &b]);
    let why = work.run(&["why", &work.newest_run(), &lists::address(70)]).ends(0);
    why.says("first choice a").says("b instead of a: its breaker is open (421 4.3.2").says("for b");
}

#[test]
fn refused_credentials_fail_over_and_end_the_run_only_when_nobody_is_left() {
    let refusal =
        || Script::default().on(Step::Mail, Action::reply("530 5.7.0 authentication required"));
    let (a, b) = (Recorder::with(refusal()), Recorder::with(refusal()));
    let work = routed([&a, &b], [QUICK, QUICK], "order = [\"a\", \"b\"]", 80);
    work.run(&["send", "list.csv"])
        .ends(7)
        .says("a takes nothing more: 530 5.7.0")
        .says("b takes nothing more: 530 5.7.0");
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 80)]));
    b.follow(Script::default());
    work.run(&["resume"]).ends(0).says("failover from a to b");
    assert_eq!(b.recipients(), everybody(80));
}

#[test]
fn weights_split_the_recipients_and_the_same_ones_stay_together() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let work = routed([&a, &b], ["", ""], "weights = { a = 3, b = 1 }", 400);
    work.run(&["send", "list.csv"]).ends(0);
    once_between([&a, &b], 400);
    report_agrees(&work, [&a, &b]);
    assert!((260..=340).contains(&a.count()), "{} of 400 with three quarters", a.count());
    // Another message to the same people goes the same ways.
    let before: BTreeSet<String> = a.recipients().into_iter().collect();
    work.run(&["send", "list.csv", "--campaign", "another"]).ends(0);
    assert_eq!(a.recipients().into_iter().collect::<BTreeSet<_>>(), before);
}

#[test]
fn one_of_two_weighted_providers_dies_in_mid_run_and_the_other_finishes_under_both_caps() {
    const ROWS: usize = 400;
    // The breaker opens once, and the probes fail until the end.
    let (a, b) =
        (Recorder::with(Script::default().delay(Duration::from_millis(2))), Recorder::start());
    let lines = [
        "caps = [\"250/hour\"]\nretry = { base = \"10ms\", max = \"200ms\", for = \"20s\" }",
        "caps = [\"380/hour\"]\nrate = \"200/s\"",
    ];
    let work = routed([&a, &b], lines, "weights = { a = 3, b = 1 }", ROWS);
    let run = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&a, 40);
    a.follow(dead());
    a.drop_connections();
    let ended = run.ends_with(&[0, 6]);
    assert!(ended.err.contains("failover from a to b: its breaker is open"), "{}", ended.err);
    let report = work.report();
    let (accepted, unknown) = (report.with("accepted").len(), report.with("unknown").len());
    assert_eq!(accepted + unknown, ROWS, "{:?}", report.counts());
    assert!(unknown <= 8, "{unknown} unknown with 8 connections");
    report_agrees(&work, [&a, &b]);
    // What was in doubt at one of them was never given to the other.
    let at_b: BTreeSet<String> = b.recipients().into_iter().collect();
    assert!(
        report.with("unknown").iter().all(|email| !at_b.contains(*email)),
        "in doubt, and sent again"
    );
    assert_eq!(b.count(), at_b.len());
    let mut all = [a.recipients(), b.recipients()].concat();
    all.sort();
    let once: BTreeSet<&String> = all.iter().collect();
    assert_eq!(all.len(), once.len(), "somebody was mailed twice");
    assert!(a.count() <= 250 && b.count() <= 380, "{} and {}", a.count(), b.count());
    assert!(most_a_second(&b.times(), Duration::ZERO) <= 201);
    assert!(b.count() > ROWS / 2, "only {} by failover", b.count());
}

#[test]
fn a_receiving_domain_and_a_cohort_go_where_they_are_told() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let route = "order = [\"a\"]\ndomains = { \"Example.NET\" = \"b\" }";
    let work = routed([&a, &b], ["", ""], route, 60);
    work.run(&["send", "list.csv"]).ends(0);
    once_between([&a, &b], 60);
    assert_eq!(b.count(), 20);
    assert!(b.recipients().iter().all(|to| to.ends_with("@example.net")));

    let (a, b) = (Recorder::start(), Recorder::start());
    let work = routed([&a, &b], ["", ""], "order = [\"a\"]\ncohorts = { canary = \"b\" }", 60);
    work.run(&["send", "list.csv", "--canary", "10"]).ends(0);
    once_between([&a, &b], 60);
    let report = work.report();
    for (email, cohort) in report.column("mb_email").into_iter().zip(report.column("mb_cohort")) {
        assert_eq!(
            report.cell(email, "mb_provider"),
            if cohort == "canary" { "b" } else { "a" },
            "{email}"
        );
    }
    assert_eq!(b.count(), 10);
}

#[test]
fn what_is_unknown_at_one_provider_never_goes_to_another() {
    // It takes the message, and is gone for good before it has said so.
    let a = Recorder::with(
        Script::default()
            .on(Step::Dot, Action::Drop)
            .rule(Rule::new(Step::Greeting, Action::reply("421 4.3.2 not now")).after(2)),
    );
    let b = Recorder::start();
    let work =
        routed([&a, &b], [&format!("in_flight = 2\n{QUICK}"), QUICK], "order = [\"a\", \"b\"]", 50);
    work.run(&["send", "list.csv"]).ends(6);
    let report = work.report();
    let unknown = report.with("unknown");
    assert!((1..=2).contains(&unknown.len()), "{unknown:?}");
    let mut expected = everybody(50);
    expected.retain(|email| !unknown.contains(&email.as_str()));
    assert_eq!(b.recipients(), expected);
    work.run(&["resume"]).ends(6);
    assert_eq!(b.recipients(), expected, "neither does resume");
}

#[test]
fn who_is_put_off_for_as_long_as_retries_last_goes_through_each_of_the_others_once() {
    let busy = || {
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("451 4.2.0 not now")).to("user7@"))
    };
    let deferred = lists::address(7);
    let lines = "retry = { for = \"600ms\", base = \"20ms\", max = \"100ms\" }";
    for takes in [true, false] {
        let (a, b) = (
            Recorder::with(busy()),
            Recorder::with(if takes { Script::default() } else { busy() }),
        );
        let work = routed([&a, &b], [lines, lines], "order = [\"a\", \"b\"]", 20);
        let ran = work.run(&["send", "list.csv"]).ends(if takes { 0 } else { 5 });
        assert_eq!(ran.err.matches("failover from a to b").count(), 1, "{}", ran.err);
        assert!(!ran.err.contains("failover from b to a"), "{}", ran.err);
        let report = work.report();
        assert_eq!(report.cell(&deferred, "mb_provider"), "b");
        assert_eq!(report.with("deferred").len(), usize::from(!takes));
        assert!(
            report.cell(&deferred, "mb_attempts").parse::<u32>().is_ok_and(|attempts| attempts > 2),
            "tried and tried again at a"
        );
        assert_eq!(b.recipients(), if takes { vec![deferred.clone()] } else { Vec::new() });
        assert_eq!(a.count(), 19);
        let why = work.run(&["why", &work.newest_run(), &deferred]).ends(0);
        why.says("first choice a").says("b instead of a: it did not take this one");
    }
}

#[test]
fn a_full_cap_overflows_to_the_next_and_ends_the_run_only_when_all_are_full() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let work = routed(
        [&a, &b],
        ["caps = [\"30/hour\"]", "caps = [\"50/hour\"]"],
        "order = [\"a\", \"b\"]",
        100,
    );
    let ran = work
        .run(&["send", "list.csv"])
        .ends(8)
        .says("the cap of a of 30/hour")
        .says("the cap of b of 50/hour");
    assert!(ran.err.contains("failover from a to b: the cap of a"), "{}", ran.err);
    assert_eq!((a.count(), b.count()), (30, 50));
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 80), ("held", 20)]));
    let held = report.with("held");
    assert!(held.iter().all(|email| report.cell(email, "mb_reason") == "cap"
        && report.cell(email, "mb_provider").is_empty()));
}

#[test]
fn a_half_open_probe_brings_the_first_choice_back() {
    // Six refusals: five open the breaker, the probe meets the sixth, the next one is let in.
    let refusals = Rule::new(Step::Greeting, Action::reply("421 4.3.2 not now")).first(6);
    let a = Recorder::with(Script::default().rule(refusals).delay(Duration::from_millis(1)));
    let b = Recorder::with(Script::default().delay(Duration::from_millis(3)));
    let lines = [
        "in_flight = 1\nretry = { base = \"10ms\", max = \"100ms\", for = \"30s\" }",
        "in_flight = 1",
    ];
    let work = routed([&a, &b], lines, "order = [\"a\", \"b\"]", 400);
    work.run(&["send", "list.csv"])
        .ends(0)
        .says("failover from a to b")
        .says("a takes its recipients again");
    once_between([&a, &b], 400);
    assert!(a.count() > 0 && b.count() > 0, "{} and {}", a.count(), b.count());
    report_agrees(&work, [&a, &b]);
}

#[test]
fn what_any_of_the_providers_cannot_express_is_refused_before_the_list_is_read() {
    let work = workspace();
    work.config(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\nunsubscribe_url = \"https://acme.example/u/{{ id }}\"\n\
         [providers.a]\nkind = \"sandbox\"\n[providers.none]\nkind = \"emitlo\"\napi_key = { command = \"echo key\" }\n[route]\norder = [\"a\", \"none\"]\n",
    );
    work.message("Hello", "Dear").file("list.csv", lists::csv(3));
    for command in ["check", "send"] {
        work.run(&[command, "list.csv"]).ends(4).says("providers.none cannot express");
    }
}

#[test]
fn one_provider_is_named_and_the_route_is_left_aside() {
    let (a, b) = (Recorder::start(), Recorder::with(dead()));
    let work = routed([&a, &b], [QUICK, QUICK], "order = [\"b\", \"a\"]", 20);
    work.run(&["send", "list.csv", "--provider", "a", "-q"]).ends(0);
    assert_eq!(a.recipients(), everybody(20));
    assert_eq!(b.connections(), 0);
}

#[test]
fn a_dry_run_names_the_providers_and_their_time() {
    let (a, b) = (Recorder::with(Script::default()), Recorder::with(Script::default()));
    let work =
        routed([&a, &b], ["rate = \"1/s\"", "rate = \"1/min\""], "order = [\"a\", \"b\"]", 30);
    let ran = work.run(&["send", "list.csv", "--dry-run", "--json"]).ends(0);
    assert_eq!(
        (ran.object()["provider"].as_str(), ran.object()["seconds_under_limits"].as_u64()),
        (Some("a, b"), Some(30))
    );
}

#[test]
fn a_new_provider_is_warmed_up_day_by_day_and_the_rest_is_held() {
    let server = Recorder::start();
    let work = relayed(&server, "ramp = [20, 40]", 100);
    let Some(clock) = SetClock::of(&work) else { return };
    let run = |arguments: &[&str], code| {
        let mut command = clock.command(&work);
        command.args(arguments);
        work.start_with(command).ends(code)
    };
    let ran = run(&["send", "list.csv"], 8);
    assert!(ran.out.contains("20/day (day 1 of its ramp)"), "{}", ran.out);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 20), ("held", 80)]));
    assert!(work.report().column("mb_reason").iter().all(|reason| ["", "cap"].contains(reason)));
    run(&["resume"], 8);
    assert_eq!(server.count(), 20, "the day is over when it is over");
    clock.set(24 * 3_600);
    run(&["resume"], 8);
    assert_eq!(server.count(), 60);
    // A run that is removed still counts, and so does the day of the first claim.
    clock.set(48 * 3_600);
    work.run(&["runs", "rm", &work.newest_run(), "--yes"]).ends(0);
    run(&["send", "list.csv", "-q"], 0);
    assert_eq!(server.recipients(), everybody(100));
}

#[test]
fn what_is_too_much_for_a_warm_up_goes_to_the_next() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let work = routed([&a, &b], ["ramp = [25, 50]", ""], "order = [\"a\", \"b\"]", 100);
    work.run(&["send", "list.csv"]).ends(0).says("failover from a to b: the cap of a of 25/day");
    once_between([&a, &b], 100);
    assert_eq!((a.count(), b.count()), (25, 75));
}

#[test]
fn a_run_with_two_providers_that_is_killed_again_and_again_mails_nobody_twice_and_misses_nobody() {
    const ROWS: usize = 300;
    let slow = || Script::default().delay_at(Step::Dot, Duration::from_millis(3)).without_data();
    // The second one fails now and then, so that recipients move while the process dies.
    let failing = slow().rule(Rule::new(Step::Mail, Action::reply("421 4.3.2 not now")).every(7));
    let (a, b) = (Recorder::with(slow()), Recorder::with(failing));
    let lines = format!("in_flight = 3\n{QUICK}");
    let work = routed([&a, &b], [&lines, &lines], "weights = { a = 2, b = 1 }", ROWS);
    let mut kills = 0;
    for wanted in [25, 60, 110, 170, 230] {
        let mut send = work.start(&["send", "list.csv", "-q"]);
        assert!(
            wait_for(|| a.count() + b.count() >= wanted || send.has_ended(), LONG),
            "it sends nothing"
        );
        kills += usize::from(send.kill());
    }
    assert!(kills >= 3, "only {kills} kills");
    let ran = work.run(&["send", "list.csv", "-q"]);
    assert!([0, 6].contains(&ran.code), "{} {}", ran.code, ran.err);
    let taken = [a.recipients(), b.recipients()].concat();
    let once: BTreeSet<&String> = taken.iter().collect();
    assert_eq!(taken.len(), once.len(), "somebody was mailed twice");
    let report = work.report();
    let (accepted, unknown) = (report.with("accepted"), report.with("unknown"));
    assert_eq!(accepted.len() + unknown.len(), ROWS, "{:?}", report.counts());
    assert!(
        accepted.iter().all(|email| once.contains(&(*email).to_owned())),
        "accepted, and nobody took it"
    );
    assert!(
        unknown.len() <= 6 * kills,
        "{} unknown after {kills} kills with 6 connections",
        unknown.len()
    );
}
