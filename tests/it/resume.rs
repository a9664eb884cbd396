//! The same command again, a changed list or message, a second run at once, and a ledger that
//! cannot be used.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::disk::SmallDisk;
use crate::support::ran::Report;
use crate::support::recorder::{Action, Recorder, Script, Step};
use crate::support::running::{LONG, everybody, relayed, wait_for_count};
use crate::support::{Signal, Workspace, lists, wait_for};

/// A server that takes this long to say what becomes of a message.
fn slow(delay: u64) -> Recorder {
    Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(delay)))
}

/// Sends until the server has taken `wanted`, and is drained by a signal then.
fn interrupted(work: &Workspace, server: &Recorder, arguments: &[&str], wanted: usize) {
    let mut send = work.start(arguments);
    wait_for_count(server, wanted);
    send.signal(Signal::INT);
    send.ends(130);
}

#[test]
fn the_same_command_again_sends_nothing_and_says_so() {
    let server = Recorder::start();
    let work = relayed(&server, "", 25);
    work.run(&["send", "list.csv"]).ends(0);
    let connections = server.connections();
    for _ in 0..2 {
        work.run(&["send", "list.csv"]).ends(0).says("nothing to do").says("finished");
    }
    assert_eq!(
        work.run(&["send", "list.csv", "--json"]).ends(0).object()["counts"]["accepted"],
        25
    );
    work.run(&["send", "list.csv", "--error-on-empty"]).ends(9);
    work.run(&["resume"]).ends(0).says("nothing to do");
    assert_eq!(
        (server.count(), server.connections()),
        (25, connections),
        "the server was not even called"
    );
    assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1);
}

#[test]
fn one_changed_row_without_a_campaign_is_refused_finished_or_not() {
    let server = slow(20);
    let work = relayed(&server, "in_flight = 2", 50);
    let changed = lists::csv(50).replacen("\"Ann\"", "\"Anne\"", 1);
    interrupted(&work, &server, &["send", "list.csv"], 5);
    let before = server.count();
    for finished in [false, true] {
        work.file("list.csv", &changed);
        work.run(&["send", "list.csv"])
            .ends(14)
            .says("the list has changed")
            .says("hint: name the campaign");
        work.file("list.csv", lists::csv(50)).message("Hello again {{ name }}", "Dear {{ name }}");
        work.run(&["send", "list.csv"]).ends(14).says("the message has changed");
        work.file("list.csv", &changed);
        work.run(&["send", "list.csv"]).ends(14).says("the list and the message have changed");
        work.file("list.csv", lists::csv(50)).message("Hello {{ name }}", "Dear {{ name }}");
        if !finished {
            assert_eq!(server.count(), before);
            work.run(&["send", "list.csv"]).ends(0);
        }
    }
    assert_eq!(server.recipients(), everybody(50));
}

#[test]
fn rows_added_to_a_finished_campaign_are_all_that_goes() {
    let server = Recorder::start();
    let work = relayed(&server, "", 200);
    let send = ["send", "list.csv", "--campaign", "spring"];
    work.run(&send).ends(0);
    work.file("list.csv", lists::csv_of((0..100).map(|n| 250 - n).chain(0..200)));
    work.run(&send).ends(0);
    let wanted: Vec<usize> = (0..200).chain(151..=250).collect();
    let counts = work
        .report()
        .counts()
        .into_iter()
        .map(|(outcome, n)| (outcome.to_owned(), n))
        .collect::<BTreeMap<_, _>>();
    // Rows 151 to 199 stand in the list twice: the earlier row was reached, the later one repeats
    // it.
    assert_eq!(
        counts,
        BTreeMap::from([
            ("accepted".into(), 51),
            ("already_accepted".into(), 200),
            ("duplicate".into(), 49)
        ])
    );
    let mut expected: Vec<String> = wanted.into_iter().map(lists::address).collect();
    expected.sort();
    expected.dedup();
    assert_eq!(server.recipients(), expected);
    work.run(&send).ends(0).says("nothing to do");
}

#[test]
fn a_changed_message_under_a_campaign_needs_a_word_and_reaches_only_the_others() {
    let server = slow(20);
    let work = relayed(&server, "in_flight = 2", 60);
    let send = ["send", "list.csv", "--campaign", "spring"];
    work.message("First", "Dear {{ name }}");
    interrupted(&work, &server, &send, 10);
    let reached = server.count();
    work.message("A better subject", "Dear {{ name }}");
    work.run(&send).ends(14).says("the message has changed").says("--accept-changes");
    assert_eq!(server.count(), reached);
    server.follow(Script::default());
    work.run(&["send", "list.csv", "--campaign", "spring", "--accept-changes"]).ends(0);
    assert_eq!(server.recipients(), everybody(60));
    let with = |subject: &str| {
        server
            .taken()
            .iter()
            .filter(|taken| String::from_utf8_lossy(&taken.data).contains(subject))
            .count()
    };
    assert_eq!(
        (with("Subject: A better subject"), with("Subject: First")),
        (60 - reached, reached)
    );
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", 60 - reached), ("already_accepted", reached)])
    );
    work.run(&send).ends(0).says("nothing to do");
}

/// The report that is always written, of this run.
fn standing_report(work: &Workspace, run: &str) -> Report {
    Report::read(work.join(format!(".mailbatch/reports/{run}.latest.csv")))
}

#[test]
fn a_resume_that_cannot_begin_and_an_abandoned_run_leave_reports_of_how_things_stand() {
    const RETRY: &str = "in_flight = 2\nretry = { for = \"2s\", base = \"50ms\", max = \"100ms\" }";
    let server = Recorder::with(Script::default().on(Step::Rcpt, Action::reply("451 4.2.0 busy")));
    let work = relayed(&server, RETRY, 6);
    work.run(&["send", "list.csv"]).ends(5);
    assert_eq!(work.report().counts(), BTreeMap::from([("deferred", 6)]));
    let run = work.newest_run();
    let as_the_ledger_has_it = || {
        work.run(&["report", &run, "-o", "now.csv"]).ends(0);
        assert_eq!(
            standing_report(&work, &run).counts(),
            Report::read(work.join("now.csv")).counts()
        );
    };
    work.smtp_config(&server.url(), &format!("{RETRY}\nca_file = \"no.pem\""));
    work.run(&["resume", "-q"]).ends(2).says("no.pem");
    as_the_ledger_has_it();
    work.smtp_config(&server.url(), RETRY);
    server.follow(Script::default().delay_at(Step::Dot, Duration::from_millis(80)));
    let resumed = work.start(&["resume", "-q"]);
    wait_for_count(&server, 1);
    assert!(resumed.kill());
    work.run(&["resume", "--abandon"]).ends(0);
    as_the_ledger_has_it();
}

#[test]
fn a_new_plan_closes_the_unfinished_run_of_its_campaign() {
    let server = slow(20);
    let work = relayed(&server, "in_flight = 2", 40);
    let send = ["send", "list.csv", "--campaign", "spring"];
    // Once drained, once killed: both leave a run open.
    interrupted(&work, &server, &send, 5);
    let first = work.newest_run();
    work.file("list.csv", lists::csv(45));
    let killed = work.start(&send);
    let wanted = server.count() + 5;
    wait_for_count(&server, wanted);
    assert!(killed.kill());
    let second = work.newest_run();
    work.file("list.csv", lists::csv(50));
    server.follow(Script::default());
    let ended = work.run(&send);
    let unknown = work.report().with("unknown").len();
    assert_eq!(ended.code, if unknown > 0 { 6 } else { 0 }, "{}{}", ended.out, ended.err);
    assert!(unknown <= 2, "one on each connection: {unknown}");
    let runs = work.run(&["runs", "--json"]).objects();
    let states: Vec<_> = runs
        .iter()
        .map(|run| (run["run"].as_str().unwrap(), run["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states[1..], [(second.as_str(), "finished"), (first.as_str(), "finished")]);
    for (run, rows) in [(&first, 40), (&second, 45)] {
        work.run(&["report", run, "-o", "closed.csv"]).ends(0);
        let report = Report::read(work.join("closed.csv"));
        assert_eq!(report.counts().values().sum::<usize>(), rows);
        assert_eq!(
            standing_report(&work, run).counts(),
            report.counts(),
            "the report that lies there"
        );
        assert!(report.with("held").len() > 20, "{:?}", report.counts());
    }
    assert!(work.read("closed.csv").contains("closed by run"), "{}", work.read("closed.csv"));
    let taken = server.recipients();
    let mut once = taken.clone();
    once.dedup();
    assert_eq!(taken, once, "nobody twice");
    assert!(taken.len() + unknown >= 50);
}

#[test]
fn resume_needs_neither_list_nor_message() {
    let server = slow(20);
    let work = relayed(&server, "in_flight = 2", 40);
    work.file("picture.txt", "attached")
        .file("message.md", "+++\nsubject = \"Hello\"\nattachments = [{ path = \"picture.txt\" }]\n+++\nDear {{ name }}\n");
    interrupted(&work, &server, &["send", "list.csv"], 5);
    for file in ["list.csv", "message.md", "picture.txt"] {
        std::fs::remove_file(work.join(file)).unwrap();
    }
    server.follow(Script::default());
    work.run(&["resume"]).ends(0);
    assert_eq!(server.recipients(), everybody(40));
    assert!(
        server
            .taken()
            .iter()
            .all(|taken| String::from_utf8_lossy(&taken.data).contains("picture.txt")),
        "everybody gets the whole message"
    );
}

#[test]
fn standard_input_continues_too() {
    let server = slow(20);
    let work = relayed(&server, "in_flight = 2", 40);
    let send = ["send", "-", "--campaign", "piped"];
    let mut command = work.command();
    command.args(send).stdin(std::fs::File::open(work.join("list.csv")).unwrap());
    let killed = work.start_with(command);
    wait_for_count(&server, 6);
    assert!(killed.kill());
    server.follow(Script::default());
    let ended = work.run_with(&send, lists::csv(40));
    let unknown = work.report().with("unknown").len();
    assert_eq!(ended.code, if unknown > 0 { 6 } else { 0 });
    assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "one run, continued");
    work.run_with(&send, lists::csv(40)).ends(ended.code).says("nothing to do");
    assert!(server.count() + unknown >= 40 && server.count() <= 40);
}

#[test]
fn a_second_run_of_the_campaign_is_told_at_once_or_waits() {
    let server = slow(30);
    let work = relayed(&server, "in_flight = 2", 80);
    let first = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 4);
    let begun = std::time::Instant::now();
    work.run(&["send", "list.csv"])
        .ends(11)
        .says("another run of the campaign")
        .says("--wait-lock");
    work.run(&["resume"]).ends(11);
    work.run(&["send", "list.csv", "--wait-lock", "200ms"]).ends(11);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    work.run(&["send", "list.csv", "--campaign", "other", "--limit", "1"]).ends(0);
    let waiting = work.start(&["send", "list.csv", "--wait-lock", "30s"]);
    first.ends(0);
    waiting.ends(0).says("nothing to do");
    let mut expected = everybody(80);
    expected.push(lists::address(0));
    expected.sort();
    assert_eq!(server.recipients(), expected);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused() {
    let server = Recorder::start();
    let work = relayed(&server, "", 10);
    work.run(&["send", "list.csv", "--limit", "3"]).ends(0);
    let ledger = work.join(".mailbatch/ledger.db");
    let version = |to: Option<i64>| {
        let conn = rusqlite::Connection::open(&ledger).unwrap();
        let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        conn.pragma_update(None, "user_version", to.unwrap_or(found)).unwrap();
        found
    };
    let known = version(Some(99));
    for arguments in
        [&["send", "list.csv"][..], &["resume"], &["status"], &["runs"], &["suppress", "list"]]
    {
        work.run(arguments).ends(2).says("ledger.db").says("version 99").says("newer mailbatch");
    }
    assert_eq!(version(Some(known)), 99, "it was left alone");
    assert_eq!(server.count(), 3);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(10));
}

#[test]
fn a_disk_that_is_full_when_planning_stops_before_the_wire() {
    let server = Recorder::start();
    let work = relayed(&server, "", 4_000);
    let Some(disk) = SmallDisk::over(&work, ".mailbatch", "700k") else { return };
    work.run(&["send", "list.csv"]).ends(1).says("the disk is full").says("hint: ");
    assert_eq!(server.connections(), 0);
    disk.grow("64m");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(4_000));
}

#[test]
fn a_disk_that_fills_up_in_mid_run_stops_and_what_was_taken_is_remembered() {
    const ROWS: usize = 600;
    let server = slow(10);
    let work = relayed(&server, "in_flight = 4", ROWS);
    let Some(disk) = SmallDisk::over(&work, ".mailbatch", "4m") else { return };
    let mut send = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 20);
    disk.fill(0);
    assert!(wait_for(|| send.has_ended(), LONG), "it stops by itself: {}", send.err());
    send.ends(1).says("hint: ");
    let taken = server.count();
    assert!(taken < ROWS, "it went on without a record");
    // Still full: nothing more goes.
    assert_ne!(work.run(&["send", "list.csv"]).code, 0);
    assert_eq!(server.count(), taken);

    disk.free();
    disk.grow("64m");
    server.follow(Script::default());
    let ended = work.run(&["send", "list.csv"]);
    let report = work.report();
    let unknown = report.with("unknown");
    assert_eq!(ended.code, if unknown.is_empty() { 0 } else { 6 }, "{}{}", ended.out, ended.err);
    assert!(unknown.len() <= 4, "{} unknown", unknown.len());
    let all = server.recipients();
    let mut once = all.clone();
    once.dedup();
    assert_eq!(all, once, "nobody twice");
    assert!(
        everybody(ROWS)
            .iter()
            .all(|email| all.contains(email) || unknown.contains(&email.as_str())),
        "nobody missing"
    );
    assert!(report.with("accepted").iter().all(|email| all.iter().any(|taken| taken == email)));
}

#[test]
fn an_unfinished_run_keeps_its_provider() {
    let server = Recorder::start();
    let work = relayed(
        &server,
        &format!("in_flight = 1\n[providers.other]\nkind = \"smtp\"\nurl = \"{}\"", server.url()),
        30,
    );
    work.run(&["send", "list.csv", "--provider", "relay", "--limit", "10", "-q"]).ends(0);
    work.run(&["send", "list.csv", "--provider", "other"]).ends(2).says("goes through relay");
    assert_eq!(server.count(), 10);
    work.run(&["send", "list.csv", "--provider", "relay", "--canary", "3", "--dedupe", "exact"])
        .ends(0)
        .says("--canary changes nothing")
        .says("--dedupe ci");
    assert_eq!(server.recipients(), everybody(30));
}

#[test]
fn a_plain_resume_opens_nothing_that_was_closed() {
    let server = Recorder::start();
    let work = relayed(&server, "", 20);
    work.run(&["send", "list.csv", "--limit", "5"]).ends(0);
    work.run(&["resume", "--abandon"]).ends(0);
    let run = work.newest_run();
    for _ in 0..2 {
        work.run(&["resume"]).ends(0).says("nothing to do").says("was closed").says("15 held");
        work.run(&["status"]).ends(0).says("finished");
    }
    assert_eq!(server.count(), 5);
    // By name it is opened again.
    work.run(&["resume", &run]).ends(0);
    assert_eq!(server.recipients(), everybody(20));
    work.run(&["status"]).ends(0).says("finished");
}

#[test]
fn a_run_that_a_later_one_has_taken_over_reaches_nobody_any_more() {
    let server = Recorder::start();
    let work = relayed(&server, "", 20);
    work.run(&["send", "list.csv", "--campaign", "c", "--limit", "5"]).ends(0);
    let first = work.newest_run();
    work.file("list.csv", lists::csv(21));
    work.run(&["send", "list.csv", "--campaign", "c", "--limit", "10"]).ends(0);
    let second = work.newest_run();
    for arguments in [
        &["resume", &first][..],
        &["retry", &first, "--only", "held"],
        &["resume", &first, "--continue"],
    ] {
        let said = work
            .run(arguments)
            .ends(2)
            .says(&format!("run {second} of c has taken its recipients over"));
        assert!(said.err.contains(&format!("`mailbatch resume {second}`")), "{}", said.err);
    }
    assert_eq!(server.count(), 15);
    work.run(&["resume", &second]).ends(0);
    assert_eq!(server.recipients(), everybody(21));
}

#[test]
fn status_and_resume_agree_on_what_is_finished() {
    let server = Recorder::with(Script::default().on(Step::Rcpt, Action::reply("452 4.2.2 full")));
    let work = relayed(&server, "retry = { for = \"300ms\", base = \"50ms\", max = \"100ms\" }", 3);
    work.run(&["send", "list.csv"]).ends(5);
    // Nobody is held, and the run is not finished.
    let said = work
        .run(&["retry", "latest", "--only", "held"])
        .ends(0)
        .says("nothing to do")
        .says("3 deferred")
        .says("next: mailbatch resume");
    assert!(!said.err.contains("is finished"), "{}", said.err);
    work.run(&["status"]).ends(0).says("open");
    server.follow(Script::default());
    work.run(&["resume"]).ends(0);
    work.run(&["status"]).ends(0).says("finished");
    // Killed between the last answer and the end of the run.
    rusqlite::Connection::open(work.join(".mailbatch/ledger.db"))
        .and_then(|ledger| {
            ledger.execute_batch("UPDATE runs SET state = 1, finished_at = NULL, exit = NULL")
        })
        .expect("a ledger");
    work.run(&["status"]).ends(0).says("finished");
    work.run(&["status", "--open"]).ends(0).says("nothing is unfinished");
    work.run(&["resume"]).ends(0).says("is finished");
    work.run(&["status"]).ends(0).says("finished").says("exit      0");
}

#[test]
fn rows_planned_by_an_older_version_go_under_their_key_or_are_settled_as_invalid() {
    let server = Recorder::start();
    let work = relayed(&server, "", 10);
    work.run(&["send", "list.csv", "--limit", "4"]).ends(0);
    let ledger = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).expect("a ledger");
    let seq = "(SELECT max(seq) FROM runs) * 1099511627776";
    let respelled = [
        (7, "\"dora\"@example.com"),
        (8, "Jo\u{308}rg@example.com"),
        (9, "a\u{200b}b@example.com"),
        (10, "c d@example.com"),
    ];
    for (row, email) in respelled {
        let sql =
            format!("UPDATE recipients SET email = ?1, key = lower(?1) WHERE id = {seq} + {row}");
        assert_eq!(ledger.execute(&sql, [email]), Ok(1));
    }
    drop(ledger);
    work.run(&["resume"]).ends(0);
    let report = work.report();
    assert_eq!(
        report.counts(),
        std::collections::BTreeMap::from([("accepted", 8), ("invalid", 2)])
    );
    let reasons = report.column("mb_reason");
    assert_eq!((reasons[8], reasons[9]), ("bad_address", "bad_address"));
    assert!(
        report.column("mb_detail")[8].contains("invisible character"),
        "{:?}",
        report.column("mb_detail")
    );
    let taken = server.recipients();
    assert!(
        taken.contains(&"dora@example.com".to_owned())
            && taken.contains(&"J\u{f6}rg@example.com".to_owned()),
        "{taken:?}"
    );
    // And nobody again, in whatever spelling.
    work.run(&["resume"]).ends(0).says("is finished");
    assert_eq!(server.count(), 8);
}
