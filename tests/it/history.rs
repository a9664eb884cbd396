//! History is only added to: outcomes that are kept until a new attempt, and reports that no later
//! command writes over.

use std::collections::BTreeMap;

use crate::support::ran::Report;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::relayed;
use crate::support::{Workspace, lists};

/// Four of six are refused; the run has a report.
fn refused() -> (Workspace, Recorder, String) {
    let words =
        ["550 5.1.1 no such user", "550 5.7.1 not today", "552 5.2.2 full", "550 5.2.1 disabled"];
    let script = words.iter().enumerate().fold(Script::default(), |script, (n, reply)| {
        script.rule(Rule::new(Step::Rcpt, Action::reply(*reply)).to(&format!("user{}@", n + 1)))
    });
    let server = Recorder::with(script);
    let work = relayed(&server, "", 6);
    let config = work.read("mailbatch.toml") + "\n[suppression]\nfiles = [\"stop.csv\"]\n";
    work.file("mailbatch.toml", config)
        .file("stop.csv", "email\n")
        .run(&["send", "list.csv"])
        .ends(3);
    let run = work.newest_run();
    (work, server, run)
}

#[test]
fn a_retry_that_screens_or_holds_takes_nothing_from_the_history() {
    let (work, server, run) = refused();
    let first = work.report();
    assert_eq!(first.counts(), BTreeMap::from([("accepted", 2), ("rejected", 4)]));
    server.follow(Script::default());
    work.run(&["suppress", "add", &lists::address(2), "--reason", "unsubscribe"]).ends(0);
    let ran = work.run(&["retry", &run, "--only", "rejected"]);
    ran.says("recipients opened again: 4")
        .says("not attempted, and with the outcome they had: 2 suppressed meanwhile (1 hard_bounce, 1 unsubscribe)");
    let second = work.report();
    let kept = |report: &Report, n: usize| -> Vec<String> {
        ["mb_outcome", "mb_reason", "mb_code"]
            .map(|column| report.cell(&lists::address(n), column).to_owned())
            .to_vec()
    };
    assert_eq!(kept(&second, 2), kept(&first, 2), "suppressed since, and rejected still");
    let detail = second.cell(&lists::address(2), "mb_detail").to_owned();
    assert!(
        detail.starts_with(first.cell(&lists::address(2), "mb_detail"))
            && detail.contains("not tried again at "),
        "{detail}"
    );
    assert!(detail.contains("suppressed (unsubscribe"), "{detail}");
    assert_eq!(
        second.cell(&lists::address(3), "mb_outcome"),
        "accepted",
        "an attempt gives another outcome"
    );
    let told = work.run(&["why", &run, &lists::address(2)]).ends(0);
    told.says("opened again").says("stays rejected: suppressed (unsubscribe");
    assert!(!server.recipients().contains(&lists::address(2)));
}

#[test]
fn who_is_held_in_a_retry_stays_rejected_and_the_next_command_opens_them_again() {
    let (work, server, run) = refused();
    let first = work
        .report()
        .counts()
        .into_iter()
        .map(|(outcome, n)| (outcome.to_owned(), n))
        .collect::<BTreeMap<_, _>>();
    server.follow(
        Script::default().on(Step::Mail, Action::reply("530 5.7.0 authentication required")),
    );
    let stopped = work.run(&["retry", &run, "--only", "rejected"]).ends(7);
    let again = format!("mailbatch retry {run} --only rejected");
    assert!(
        stopped.out.lines().last().is_some_and(|last| last.contains(&again)),
        "{}",
        stopped.out
    );
    assert_eq!(
        work.report()
            .counts()
            .into_iter()
            .map(|(outcome, n)| (outcome.to_owned(), n))
            .collect::<BTreeMap<_, _>>(),
        first
    );
    server.follow(Script::default());
    work.run(&["retry", &run, "--only", "rejected"]);
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", 5), ("rejected", 1)]),
        "the mailbox that is gone is suppressed since"
    );
}

#[test]
fn each_state_has_a_report_of_its_own_that_says_when_it_was_true() {
    let (work, server, run) = refused();
    let path = |number: &str| format!(".mailbatch/reports/{run}{number}.csv");
    let first = work.read(path(""));
    assert_eq!(work.read(path(".latest")), first);
    server.follow(Script::default());
    let sent = work.run(&["retry", &run, "--only", "rejected", "--json"]).object();
    assert_eq!(sent["report"], path(".2"));
    assert_eq!(work.read(path("")), first, "not written over");
    let (one, two) = (Report::read(work.join(path(""))), Report::read(work.join(path(".2"))));
    assert_eq!(work.read(path(".latest")), work.read(path(".2")));
    let times: Vec<&str> = [&one, &two].map(|report| report.column("mb_as_of")[0]).to_vec();
    assert!(times[0] < times[1], "{times:?}");
    assert!(one.column("mb_as_of").iter().all(|time| *time == times[0]));
    work.run(&["retry", &run, "--only", "deferred"]).ends(0).says("nothing to do");
    assert!(!work.join(path(".3")).exists(), "nothing has changed");
    work.run(&["runs", "rm", &run, "--yes"]).ends(0);
    assert_eq!(std::fs::read_dir(work.join(".mailbatch/reports")).unwrap().count(), 0);
}

#[test]
fn a_nightly_job_names_what_another_night_left_unfinished() {
    let server = Recorder::start();
    let work = relayed(&server, "", 6);
    let config = work.read("mailbatch.toml");
    work.file("mailbatch.toml", config.clone() + "\n[list]\nzone = \"Pacific/Kiritimati\"\n");
    let finished = work
        .run(&["-q", "send", "list.csv", "--campaign", "news-2026-01-01", "--limit", "6"])
        .ends(0);
    assert!(finished.err.is_empty(), "{}", finished.err);
    work.file("list.csv", lists::csv(9));
    work.run(&["send", "list.csv", "--campaign", "news-2026-01-02", "--limit", "4"]);
    let left = work.newest_run();
    work.run(&["send", "list.csv", "--campaign", "bills-2026-01", "--limit", "5"]);
    let zone = jiff::tz::TimeZone::get("Pacific/Kiritimati").unwrap();
    let today = || jiff::Timestamp::now().to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string();
    let before = today();
    let next = work.run(&["-q", "send", "list.csv", "--campaign", "news-{date}"]).ends(0);
    let expected = format!(
        "mailbatch: warning: news-2026-01-02 is unfinished (5 held): `mailbatch resume {left}` goes on with it\n"
    );
    assert_eq!(next.err, expected);
    let name =
        work.run(&["runs", "--json"]).ends(0).objects()[0]["campaign"].as_str().unwrap().to_owned();
    assert!([before, today()].iter().any(|date| name == format!("news-{date}")), "{name}");
}

#[test]
fn a_report_of_several_runs_says_which_message_each_person_got_and_when_it_was_true() {
    let server = Recorder::start();
    let work = relayed(&server, "", 4);
    work.run(&["send", "list.csv", "--campaign", "one"]).ends(0);
    let one = work.newest_run();
    work.message("Autumn", "Another text for {{ name }}").file("list.csv", lists::csv(6));
    work.run(&["send", "list.csv", "--campaign", "two", "--limit", "5"]).ends(0);
    let two = work.newest_run();
    work.run(&["report", &one, &two, "-o", "both.csv"]).ends(0);
    let both = Report::read(work.join("both.csv"));
    let as_of = both.column("mb_as_of");
    assert!(
        as_of.iter().all(|time| *time == as_of[0] && time.parse::<jiff::Timestamp>().is_ok()),
        "{as_of:?}"
    );
    let messages = both.column("mb_message");
    let (first, second) = messages.split_at(4);
    assert!(first.iter().all(|version| *version == first[0] && version.len() > 12), "{messages:?}");
    assert!(
        second[..5]
            .iter()
            .all(|version| *version == second[0] && version.len() > 12 && *version != first[0]),
        "{messages:?}"
    );
    assert_eq!(second[5], "", "nobody got anything there");
}

#[test]
fn a_list_that_takes_over_says_whom_an_unfinished_run_leaves_behind() {
    let server = Recorder::start();
    let work = relayed(&server, "", 6);
    let night = |numbers: std::ops::Range<u32>| {
        format!(
            "email,name\n{}",
            numbers.map(|n| format!("night{n}@there.example,N\n")).collect::<String>()
        )
    };
    work.file("list.csv", night(0..6));
    work.run(&["send", "list.csv", "--campaign", "daily", "--limit", "4"]).ends(0);
    let left = work.newest_run();
    work.file("list.csv", night(5..9));
    let next = work.run(&["-q", "send", "list.csv", "--campaign", "daily"]).ends(0);
    let expected = format!(
        "run {left} was not finished, and 1 of its recipients are not in this list: nothing is sent to them; `mailbatch report {left}"
    );
    assert!(next.err.contains(&expected) && next.out.is_empty(), "{}", next.err);
    assert_eq!(server.count(), 8);
    work.file("list.csv", night(5..12));
    let whole = work.run(&["-q", "send", "list.csv", "--campaign", "daily"]).ends(0);
    assert_eq!(whole.err, "");
    // Without a name the refusal says how to reach them first.
    work.file("other.csv", night(20..26));
    work.run(&["send", "other.csv", "--limit", "4"]).ends(0);
    let left = work.newest_run();
    work.file("other.csv", night(24..30));
    work.run(&["send", "other.csv"])
        .ends(14)
        .says(&format!("`mailbatch resume {left} --as-planned` first sends to the recipients that run has not reached"));
}

#[test]
fn what_failed_is_on_standard_error_where_the_command_is_quiet() {
    let (work, _server, run) = refused();
    let failed = work.run(&["-q", "retry", &run, "--only", "rejected"]);
    assert!(
        failed.code != 0 && failed.out.is_empty() && failed.err.contains("exit "),
        "{}: {}{}",
        failed.code,
        failed.out,
        failed.err
    );
    work.file("empty.csv", "email,name\n");
    let empty = work.run(&["-q", "send", "empty.csv", "--error-on-empty"]).ends(9);
    assert!(empty.out.is_empty() && !empty.err.is_empty(), "{}", empty.err);
    let again = work.run(&["-q", "send", "empty.csv", "--error-on-empty"]).ends(9);
    assert!(again.out.is_empty() && again.err.contains("nothing to do"), "{}", again.err);
}

#[test]
fn a_run_that_was_killed_is_not_waited_for_as_if_it_had_ended_well() {
    let server = Recorder::with(Script::default().delay(std::time::Duration::from_millis(40)));
    let work = relayed(&server, "in_flight = 1", 60);
    let send = work.start(&["send", "list.csv"]);
    crate::support::running::wait_for_count(&server, 3);
    assert!(send.kill());
    let run = work.newest_run();
    let waited = work.run(&["-q", "wait", &run]).ends(5);
    assert!(
        waited.err.contains(&format!(
            "run {run} was stopped before it could end: `mailbatch resume {run}` goes on with it"
        )),
        "{}",
        waited.err
    );
    let resumed = work.run(&["resume"]);
    assert!([0, 6].contains(&resumed.code) && server.count() >= 59, "{}", resumed.err);
}

#[test]
fn one_person_is_shown_with_the_text_that_was_sent() {
    let server = Recorder::start();
    let work = relayed(&server, "", 6);
    work.run(&["send", "list.csv", "--campaign", "news", "--limit", "4"]).ends(0);
    let first = work.newest_run();
    work.message("Corrected: {{ name }}", "Dear {{ name }}");
    work.run(&["send", "list.csv", "--campaign", "news", "--accept-changes"]).ends(0);
    let second = work.newest_run();
    let taken = server.recipients();
    let shown =
        work.run(&["who", &taken[0]]).ends(0).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(&format!("of run {first}")), "{shown}");
    let person = work.run(&["who", &taken[0], "--json"]).ends(0).object();
    let runs = person["runs"].as_array().unwrap();
    assert_eq!(
        (runs[0]["run"].as_str(), runs[0]["outcome"].as_str()),
        (Some(second.as_str()), Some("already_accepted"))
    );
    assert_eq!(runs[0]["message"], runs[1]["message"], "the text of the first run");
    let other = work.run(&["who", &taken[5], "--json"]).ends(0).object();
    assert_ne!(other["runs"][0]["message"], runs[0]["message"], "the corrected text");
    assert_eq!(
        other["runs"][1]["message"],
        serde_json::Value::Null,
        "nothing was sent to this one"
    );
    assert_eq!(server.count(), 6);
}
