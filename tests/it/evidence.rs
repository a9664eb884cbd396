//! What comes back decides while mail goes out: the canary waits for it, pause rules hold by it,
//! and complaints stop mail to a person.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::route::routed;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{LONG, Running, everybody, relayed, wait_for_count};
use crate::support::{Signal, Workspace, lists, wait_for};

/// A report as a mail system writes it (RFC 3464), about one person, without anything else that
/// tells which message it is about.
fn bounce_of(email: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: bounces@acme.example\nSubject: Undelivered\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nNo such user.\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; {email}\n\
         Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n--b--\n"
    )
}

/// A feedback loop's report (RFC 5965) about one person.
fn complaint_of(email: &str) -> String {
    format!(
        "From: fbl@mail.example.net\nTo: fbl@acme.example\nSubject: complaint\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\nA complaint.\n\
         --b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: loop/1\nVersion: 1\n\
         Original-Rcpt-To: <{email}>\n\n--b\nContent-Type: message/rfc822\n\nFrom: news@acme.example\nTo: {email}\nSubject: Hello\n\nBody.\n--b--\n"
    )
}

/// Takes in reports about these, as an alias for bounces does.
fn ingest(work: &Workspace, reports: impl IntoIterator<Item = String>) {
    let dir = format!("reports-{}", std::fs::read_dir(work.path()).unwrap().count());
    for (nth, report) in reports.into_iter().enumerate() {
        work.file(format!("{dir}/{nth}.eml"), report);
    }
    work.run(&["events", "ingest", &dir]).ends(0);
}

/// A workspace with a suppression file, and more configuration.
fn watched(server: &Recorder, relay: &str, tables: &str, rows: usize) -> Workspace {
    let work =
        relayed(server, &format!("{relay}\n[suppression]\nfiles = [\"stop.csv\"]\n{tables}"), rows);
    work.file("stop.csv", "email,reason,source,note\n");
    work
}

fn taken_once(server: &Recorder, many: usize) {
    let mut taken = server.recipients();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), server.count()), (many, many));
}

/// Bounces this many of the canary of 1,000 among 5,000 when it has gone.
fn five_thousand(bounced: usize) -> (Recorder, Workspace, Vec<String>, Running) {
    let server = Recorder::start();
    let work = watched(&server, "in_flight = 8", "", 5_000);
    let running = work.start(&[
        "send",
        "list.csv",
        "--canary",
        "20%",
        "--canary-wait",
        "8s",
        "--progress",
        "none",
    ]);
    wait_for_count(&server, 1_000);
    assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
    assert_eq!(server.count(), 1_000, "the rest waits for it");
    let gone: Vec<String> = server.recipients().into_iter().take(bounced).collect();
    ingest(&work, gone.iter().map(|email| bounce_of(email)));
    (server, work, gone, running)
}

#[test]
fn a_canary_whose_bounces_come_later_stops_the_run_until_somebody_lets_it_go_on() {
    let (server, work, gone, running) = five_thousand(40);
    running.ends(12).says(" of 1,000 bounced, ").says(": over 2 %").says("--continue");
    assert_eq!(server.count(), 1_000);
    let file = work.read("stop.csv");
    for email in &gone {
        assert_eq!(file.matches(&format!("{email},hard_bounce,")).count(), 1, "{email}");
    }
    let status = work.run(&["status", "--json"]).ends(0).object();
    assert_eq!(
        (status["gate"]["gate"].as_str(), status["feedback"]["bounced(hard)"].as_u64()),
        (Some("failed"), Some(40))
    );
    work.run(&["send", "list.csv", "--canary", "20%"])
        .ends(12)
        .says("the canary failed: 0 of 1,000 failed")
        .says(" of 1,000 bounced");
    assert_eq!(server.count(), 1_000, "the next start repeats it");
    work.run(&["resume", "--continue", "--progress", "none"]).ends(0);
    taken_once(&server, 5_000);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 5_000)]));
}

#[test]
fn a_canary_with_few_bounces_passes_by_itself() {
    let (server, work, _, running) = five_thousand(3);
    let ended = running.ends(0).says("3 of 1,000 bounced, 0.30 %, at most 0.77 %: passes 2 %");
    ended.says("0 of 1,000 complained, at most 0.30 %: cannot show 0.1 % with fewer than 2,995");
    taken_once(&server, 5_000);
    work.run(&["send", "list.csv", "--canary", "20%"]).ends(0).says("nothing to do");
}

#[test]
fn a_canary_over_a_limit_that_proves_nothing_is_held_for_a_person() {
    let server = Recorder::start();
    let work = watched(
        &server,
        "in_flight = 2",
        "[canary]\nwait = \"3s\"\nmax_complained = \"100%\"",
        200,
    );
    let running = work.start(&["send", "list.csv", "--canary", "50", "--progress", "none"]);
    wait_for_count(&server, 50);
    ingest(&work, server.recipients().iter().take(2).map(|email| bounce_of(email)));
    running.ends(13).says("2 of 50 bounced, 4.00 %").says("so few do not prove it");
    work.run(&["send", "list.csv"]).ends(13).says("waits for a person");
    assert_eq!(server.count(), 50);
    work.run(&["resume", "--continue"]).ends(0);
    taken_once(&server, 200);
}

#[test]
fn a_wait_that_is_interrupted_goes_on_where_it_was_and_hears_what_came_meanwhile() {
    let server = Recorder::start();
    let work = watched(&server, "in_flight = 2", "[canary]\nwait = \"1h\"", 200);
    let send = ["send", "list.csv", "--canary", "40", "--progress", "none"];
    let mut running = work.start(&send);
    assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
    running.signal(Signal::TERM);
    running.ends(143);
    ingest(&work, server.recipients().iter().take(6).map(|email| bounce_of(email)));
    work.run(&send).ends(12).says("6 of 40 bounced");
    assert_eq!(server.count(), 40);
}

#[test]
fn without_anything_that_tells_the_canary_is_judged_by_replies_and_says_so() {
    let server = Recorder::start();
    let work = relayed(&server, "", 100);
    work.run(&["send", "list.csv", "--canary", "20"])
        .ends(0)
        .says("0 of 20 failed, 0.00 %, 5% tolerated (provider replies only)");
    assert_eq!(server.count(), 100);
}

#[test]
fn a_canary_grows_by_itself_until_it_can_tell_and_no_further_than_it_may() {
    let server = Recorder::start();
    let work = watched(&server, "in_flight = 4", "[canary]\nmax_complained = \"100%\"", 1_000);
    let ended = work
        .run(&[
            "send",
            "list.csv",
            "--canary",
            "50",
            "--canary-wait",
            "1s",
            "--canary-extend",
            "--progress",
            "none",
        ])
        .ends(0);
    ended
        .says("canary extended by 167 to 217")
        .says("0 of 217 bounced, at most 1.69 %: passes 2 %");
    taken_once(&server, 1_000);

    let server = Recorder::start();
    let work = watched(&server, "in_flight = 4", "[canary]\nmax_complained = \"100%\"", 1_000);
    let send = [
        "send",
        "list.csv",
        "--canary",
        "50",
        "--canary-wait",
        "2s",
        "--canary-extend=120",
        "--progress",
        "none",
    ];
    let running = work.start(&send);
    wait_for_count(&server, 50);
    ingest(&work, server.recipients().iter().take(3).map(|email| bounce_of(email)));
    running
        .ends(13)
        .says("canary extended by 50 to 100")
        .says("canary extended by 20 to 120")
        .says("3 of 120 bounced");
    assert_eq!(server.count(), 120);
}

#[test]
fn a_complaint_in_the_middle_of_a_run_stops_mail_to_that_person() {
    let server = Recorder::start();
    let work = watched(&server, "in_flight = 1\nrate = \"40/s\"", "", 300);
    // Somebody far down the list complains about what an earlier campaign brought.
    let last = lists::address(299);
    work.file("early.csv", format!("email,name\n{last},Ann\n"));
    work.run(&["send", "early.csv", "--campaign", "early"]).ends(0);
    let running = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&server, 6);
    ingest(&work, [complaint_of(&last)]);
    assert!(server.count() < 250, "it came too late to show anything");
    running.ends(0);
    assert_eq!(
        server.recipients().iter().filter(|email| **email == last).count(),
        1,
        "only the earlier message"
    );
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 299), ("suppressed", 1)]));
    assert_eq!(report.with("suppressed"), [last.as_str()]);
    assert_eq!(work.read("stop.csv").matches(&format!("{last},complaint,")).count(), 1);
}

#[test]
fn a_broken_pause_rule_stops_the_run_until_somebody_lets_it_go_on_with_a_fresh_window() {
    let server = Recorder::start();
    let rules = "[pause]\nrules = [\"bounced > 10% over 1h min 20/6\"]";
    let work = watched(&server, "in_flight = 1\nrate = \"40/s\"", rules, 400);
    let running = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&server, 40);
    ingest(&work, server.recipients().iter().take(30).map(|email| bounce_of(email)));
    running.ends(12).says("bounced, ").says(": bounced > 10% over 1h min 20/6").says("--continue");
    let sent = server.count();
    assert!(sent < 300, "{sent}");
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", sent), ("held", 400 - sent)]));
    assert_eq!(work.run(&["status", "--json"]).ends(0).object()["gate"]["gate"], "stopped");
    for arguments in [&["send", "list.csv"][..], &["resume"], &["retry", &work.newest_run()]] {
        work.run(arguments).ends(12).says("a pause rule holds it: ");
    }
    assert_eq!(server.count(), sent, "every later start repeats it");
    // What bounced before does not count again, nor does the same once more in a later start.
    let mut running = work.start(&["resume", "--continue", "--progress", "none"]);
    wait_for_count(&server, sent + 20);
    running.signal(Signal::TERM);
    running.ends(143);
    work.run(&["send", "list.csv", "--progress", "none"]).ends(0);
    taken_once(&server, 400);
}

#[test]
fn a_rule_by_domain_holds_that_domain_and_nobody_else() {
    let server = Recorder::start();
    let rules = "[pause]\nrules = [\"bounced > 20% over 1h min 5/4 by domain\"]";
    let work = watched(&server, "in_flight = 1\nrate = \"40/s\"", rules, 240);
    let running = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&server, 40);
    let at_net = |email: &&String| email.ends_with("@example.net");
    ingest(&work, server.recipients().iter().filter(at_net).map(|email| bounce_of(email)));
    running.ends(12).says("bounced at example.net");
    let report = work.report();
    let held = report.with("held");
    assert!(
        held.len() > 20 && held.iter().all(|email| email.ends_with("@example.net")),
        "{held:?}"
    );
    assert_eq!(server.count(), 240 - held.len(), "everybody else went");
    assert_eq!(report.cell(held[0], "mb_reason"), "paused");
    work.run(&["why", &work.newest_run(), held[0]])
        .ends(0)
        .says("held")
        .says("bounced at example.net");
    work.run(&["send", "list.csv"]).ends(12);
    work.run(&["resume", "--continue"]).ends(0);
    taken_once(&server, 240);
}

#[test]
fn those_of_a_held_domain_who_are_on_their_way_or_wait_to_be_sent_to_again_are_held_too() {
    let later =
        Rule::new(Step::Rcpt, Action::reply("451 4.2.1 not now")).to("@example.net").every(3);
    let server = Recorder::with(
        Script::default().rule(later).delay_at(Step::Rcpt, Duration::from_millis(10)),
    );
    let rules = "[pause]\nrules = [\"bounced > 20% over 1h min 5/4 by domain\"]";
    let relay = "in_flight = 3\nrate = \"50/s\"\nretry = { base = \"1s\", max = \"3s\" }";
    let work = watched(&server, relay, rules, 240);
    let running = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&server, 45);
    let at_net = |email: &&String| email.ends_with("@example.net");
    ingest(&work, server.recipients().iter().filter(at_net).map(|email| bounce_of(email)));
    running.ends(12).says("bounced at example.net");
    let report = work.report();
    let held = report.with("held");
    assert!(held.iter().all(|email| email.ends_with("@example.net")), "{held:?}");
    assert_eq!(
        report.counts(),
        BTreeMap::from([("accepted", 240 - held.len()), ("held", held.len())])
    );
    assert_eq!(server.count(), 240 - held.len());
    work.run(&["resume", "--continue", "--progress", "none"]).ends(0);
    taken_once(&server, 240);
}

#[test]
fn a_rule_by_provider_holds_its_recipients_and_gives_them_to_nobody_else() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let slow = "in_flight = 1\nrate = \"20/s\"";
    let work = routed(
        [&a, &b],
        [slow, slow],
        "weights = { a = 1, b = 1 }\n[pause]\nrules = [\"bounced > 20% over 1h min 5/4 by provider\"]",
        240,
    );
    let running = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&a, 20);
    ingest(&work, a.recipients().iter().map(|email| bounce_of(email)));
    running.ends(12).says("bounced through a,");
    let held = work.report().with("held").len();
    assert!(held > 20, "{held}");
    assert_eq!(a.count() + b.count(), 240 - held);
    work.run(&["resume", "--continue"]).ends(0);
    let mut all = [a.recipients(), b.recipients()].concat();
    all.sort();
    assert_eq!(all, everybody(240));
}

#[test]
fn failures_at_one_domain_hold_it_by_a_rule_of_their_own() {
    let refuses =
        Rule::new(Step::Rcpt, Action::reply("554 5.6.0 not this message")).to("@example.org");
    let server = Recorder::with(Script::default().rule(refuses));
    let rules = "[pause]\nrules = [\"failed > 50% over 5m min 5/5 by domain\"]";
    let work = watched(&server, "in_flight = 1\nrate = \"40/s\"", rules, 240);
    work.run(&["send", "list.csv", "--progress", "none"])
        .ends(12)
        .says("failed at example.org, 100.00 %")
        .says(" at example.org, `554 5.6.0`");
    let counts = work
        .report()
        .counts()
        .into_iter()
        .map(|(word, count)| (word.to_owned(), count))
        .collect::<BTreeMap<_, _>>();
    assert_eq!((counts["accepted"], counts["held"] + counts["rejected"]), (160, 80));
    assert!(counts["held"] > 10, "{counts:?}");
}

#[test]
fn the_trend_counts_what_came_back_by_week_provider_and_domain() {
    let refuses = Rule::new(Step::Rcpt, Action::reply("550 5.7.1 not you")).to("@example.net");
    let server = Recorder::with(Script::default().rule(refuses));
    let work = watched(&server, "", "", 30);
    work.run(&["send", "list.csv"]).ends(3);
    let taken = server.recipients();
    let at = |domain: &str| {
        taken.iter().filter(|email| email.ends_with(domain)).cloned().collect::<Vec<_>>()
    };
    // The same bounce twice, in other words, is one person.
    let (com, org) = (at("@example.com"), at("@example.org"));
    ingest(
        &work,
        com[..3]
            .iter()
            .chain(&com[..1])
            .enumerate()
            .map(|(nth, email)| bounce_of(email).replace("No such", &format!("{nth} no such"))),
    );
    ingest(&work, [complaint_of(&org[0])]);
    let lines = work.run(&["report", "--trend", "8w", "--json"]).ends(0).objects();
    let counts = |domain: &str| {
        let line = lines
            .iter()
            .find(|line| line["domain"] == domain)
            .unwrap_or_else(|| panic!("no {domain} in {lines:?}"));
        assert_eq!(line["provider"], "relay");
        ["accepted", "bounced_hard", "bounced_soft", "complained", "unsubscribed", "rejected"]
            .map(|name| line[name].as_u64().unwrap())
    };
    assert_eq!(counts("example.com"), [10, 3, 0, 0, 0, 0]);
    assert_eq!(counts("example.net"), [0, 0, 0, 0, 0, 10]);
    assert_eq!(counts("example.org"), [10, 0, 0, 1, 0, 0]);
    work.run(&["report", "--trend", "8w"]).ends(0).says("(all)").says("example.com").says("30.0%");
    work.run(&["report", "--trend", "1d", "-o", "trend.csv"]).ends(0);
    assert_eq!(work.read("trend.csv").lines().count(), 4);
    assert_eq!(
        work.run(&["report", "--trend", "8w", "--json", "--domain", "@EXAMPLE.net"])
            .ends(0)
            .objects()
            .len(),
        1
    );
    work.run(&["report", "--trend", "8w", "--format", "html"])
        .ends(2)
        .says("--trend has no form html");
    for wrong in [
        &["--trend", "8"][..],
        &["--trend", "0"],
        &["--trend", "9999w"],
        &["--trend", "8w", "latest"],
        &[],
    ] {
        work.run(&[&["report"], wrong].concat()).ends(2);
    }
    // Whoever is removed is counted no more, and what came back still is.
    work.run(&["runs", "rm", &work.newest_run(), "-y"]).ends(0);
    let lines = work.run(&["report", "--trend", "8w", "--json"]).ends(0).objects();
    let sum = |name: &str| lines.iter().map(|line| line[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("accepted"), sum("complained")), (0, 1));
}

#[test]
fn a_canary_that_fails_says_where_and_by_what() {
    let refuses = Rule::new(Step::Rcpt, Action::reply("554 5.7.9 not accepted")).to("@example.org");
    let server = Recorder::with(Script::default().rule(refuses));
    let work = watched(&server, "in_flight = 1", "", 300);
    let said = work.run(&["send", "list.csv", "--canary", "60", "--progress", "none"]).ends(12);
    said.says("failed, ").says(" at example.org, `554 5.7.9`");
    // The evidence is latched with what it says.
    work.run(&["resume"]).ends(12).says(" at example.org, `554 5.7.9`");
}

#[test]
fn a_person_is_shown_over_all_runs_newest_first() {
    let refuses = Rule::new(Step::Rcpt, Action::reply("550 5.7.1 not you")).to("@example.net");
    let server = Recorder::with(Script::default().rule(refuses));
    let work = watched(&server, "", "", 6);
    work.run(&["send", "list.csv", "--campaign", "first"]).ends(3);
    let first = work.newest_run();
    let ann =
        server.recipients().into_iter().find(|email| email.ends_with("@example.com")).unwrap();
    ingest(&work, [complaint_of(&ann)]);
    work.run(&["send", "list.csv", "--campaign", "second"]).ends(3);
    let second = work.newest_run();

    let shown = work.run(&["who", &ann.to_uppercase()]).ends(0);
    shown
        .says(&first)
        .says(&second)
        .says("accepted")
        .says("complained")
        .says("suppressed now complaint")
        .says("stop.csv:2")
        .says("message ");
    let object = &work.run(&["who", &ann, "--json"]).ends(0).objects()[0];
    let of_runs = |name: &str| {
        object["runs"].as_array().unwrap().iter().map(|run| run[name].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_runs("run"), [second.as_str(), first.as_str()]);
    assert_eq!(of_runs("outcome"), ["suppressed", "accepted"]);
    let messages = of_runs("message");
    assert!(
        messages[0].is_null() && messages[1].as_str().is_some_and(|hash| hash.len() > 12),
        "only what was sent: {messages:?}"
    );
    assert_eq!(
        (object["events"][0]["type"].as_str(), object["events"][0]["run"].as_str()),
        (Some("complained"), Some(first.as_str()))
    );
    assert_eq!(object["suppressions"].as_array().unwrap().len(), 2, "{object}");
    work.run(&["who", "joe@other.example"])
        .ends(2)
        .says("no run, event or suppression")
        .says("hint: ");

    // Several runs in one report, by domain and by time.
    let rows = work
        .run(&["report", &first, &second, "--domain", "example.net,example.com", "--json"])
        .ends(0)
        .objects();
    assert_eq!(rows.len(), 8, "{rows:?}");
    let lists = rows
        .iter()
        .map(|row| row["list"].as_str().unwrap().to_owned())
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lists, [&first, &second].map(|run| format!("{run}/list.csv")).into());
    let rejected =
        work.run(&["report", "--since", "1h", "--outcome", "rejected", "--json"]).ends(0).objects();
    assert_eq!(rejected.len(), 4, "{rejected:?}");
    assert!(rejected.iter().all(|row| row["email"].as_str().unwrap().ends_with("@example.net")));
    assert!(work.run(&["report", "--since", "2999-01-01", "--json"]).ends(0).objects().is_empty());
    work.run(&["report", &first, "--domain", "not a domain"]).ends(2).says("is no domain");
}
