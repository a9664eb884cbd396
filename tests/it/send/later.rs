//! What comes after a run: retries, pauses, removed runs, lists that grew or changed, suppressions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{configure, sandbox, sorted};
use crate::support::ran::Report;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{lists, wait_for, workspace};

#[test]
fn a_removed_run_still_protects_those_it_reached() {
    let workspace = sandbox(20);
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    let run = workspace.newest_run();
    workspace.run(&["runs", "rm", &run]).ends(2).says("--yes");
    workspace.run(&["runs", "rm", &run, "--yes"]).ends(0);
    assert!(workspace.run(&["runs", "--json"]).ends(0).objects().is_empty());
    assert!(!workspace.join(format!(".mailbatch/reports/{run}.csv")).exists());
    let ledger = std::fs::read(workspace.join(".mailbatch/ledger.db")).unwrap();
    let holds = |text: &str| ledger.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds(&lists::address(7)), "no address stays behind");

    workspace.file("list.csv", lists::csv(23));
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    assert_eq!(
        workspace.report().counts(),
        BTreeMap::from([("accepted", 3), ("already_accepted", 20)])
    );
    assert_eq!(workspace.mailed(), sorted(lists::addresses(23)));
}

#[test]
fn retry_sends_to_the_deferred_and_to_others_when_told() {
    let later = Script::default()
        .rule(Rule::new(Step::Rcpt, Action::reply("450 4.2.0 busy")).to("user1@"))
        .rule(Rule::new(Step::Rcpt, Action::reply("550 5.7.1 not today")).to("user2@"));
    let recorder = Recorder::with(later);
    let workspace = workspace();
    workspace
        .smtp_config(&recorder.url(), "retry = { for = \"0\" }")
        .message("Hello {{ name }}", "Body.")
        .file("list.csv", lists::csv(6));
    workspace.run(&["send", "list.csv", "--limit", "5"]).ends(5);
    let report = workspace.report();
    assert_eq!(
        report.column("mb_outcome"),
        ["accepted", "deferred", "rejected", "accepted", "accepted", "held"]
    );
    assert_eq!(report.cell("user2@example.org", "mb_reason"), "policy");
    workspace.run(&["suppress", "check", "user2@example.org"]).ends(9);
    recorder.follow(Script::default());
    let run = workspace.newest_run();
    workspace.run(&["retry", &run]).ends(3);
    assert_eq!(recorder.count(), 4, "the deferred one alone");
    workspace.run(&["retry", &run, "--only", "rejected,held"]).ends(0);
    assert_eq!(recorder.recipients(), sorted(lists::addresses(6)));
    workspace
        .run(&["retry", &run, "--only", "rejected,deferred,held"])
        .ends(0)
        .says("nothing to do");
    workspace.run(&["retry", &run, "--only", "unknown"]).ends(2);
    assert_eq!(workspace.report().counts(), BTreeMap::from([("accepted", 6)]));
}

#[test]
fn what_is_deferred_is_tried_again_within_its_time() {
    let busy = Script::default()
        .rule(Rule::new(Step::Rcpt, Action::reply("450 4.2.0 busy")).to("user1@").first(2));
    let recorder = Recorder::with(busy);
    let workspace = workspace();
    let relay = "retry = { for = \"1m\", base = \"20ms\", max = \"50ms\" }";
    workspace
        .smtp_config(&recorder.url(), relay)
        .message("Hello {{ name }}", "Body.")
        .file("list.csv", lists::csv(4));
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_eq!(recorder.recipients(), sorted(lists::addresses(4)));
    assert_eq!(workspace.report().cell("user1@example.net", "mb_attempts"), "3");
}

#[test]
fn nothing_sends_while_the_workspace_is_paused() {
    let workspace = sandbox(10);
    workspace.run(&["pause", "--reason", "wrong price"]).ends(0);
    workspace.run(&["send", "list.csv"]).ends(12).says("wrong price").says("unpause");
    workspace.run(&["send", "list.csv", "--campaign", "other"]).ends(12);
    assert!(workspace.outbox().is_empty());
    workspace.run(&["unpause"]).ends(0);
    workspace.run(&["send", "list.csv", "--limit", "4"]).ends(0);
    workspace.run(&["pause"]).ends(0);
    workspace.run(&["resume"]).ends(12);
    let run = workspace.newest_run();
    workspace.run(&["retry", &run, "--only", "held"]).ends(12);
    assert_eq!(workspace.outbox().len(), 4);
    workspace.run(&["unpause"]).ends(0);
    workspace.run(&["resume"]).ends(0);
    assert_eq!(workspace.mailed(), sorted(lists::addresses(10)));
}

#[test]
fn a_pause_stops_a_run_that_goes_on() {
    let recorder = Recorder::start();
    let workspace = workspace();
    workspace
        .smtp_config(&recorder.url(), "rate = \"50/s\"")
        .message("Hello {{ name }}", "Body.")
        .file("list.csv", lists::csv(1000));
    let child = workspace.spawn(&["send", "list.csv"]);
    assert!(wait_for(|| recorder.count() > 0, Duration::from_secs(20)));
    workspace.run(&["pause", "--reason", "stop it"]).ends(0);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(12), "{said}");
    assert!(said.contains("stop it") && said.contains("mailbatch unpause"), "{said}");
    let report = workspace.report();
    let sent = recorder.count();
    assert!(sent < 1000);
    assert_eq!(report.counts(), BTreeMap::from([("accepted", sent), ("held", 1000 - sent)]));
    assert!(report.column("mb_reason").contains(&"paused"));
}

#[test]
fn suppressions_are_added_checked_and_taken_back() {
    let workspace = sandbox(10);
    workspace.file("stop.csv", "email,reason,note\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    workspace
        .run(&[
            "suppress",
            "add",
            "USER1@example.net",
            "--reason",
            "complaint",
            "--note",
            "ticket 4711",
        ])
        .ends(0);
    workspace.run(&["suppress", "add", "@example.org", "not an address"]).ends(2);
    workspace.run(&["suppress", "add", "@example.org"]).ends(0);
    assert!(
        workspace.read("stop.csv").contains("complaint,ticket 4711"),
        "the columns it has:\n{}",
        workspace.read("stop.csv")
    );
    workspace.run(&["suppress", "check", "user1@EXAMPLE.net"]).ends(0).says("complaint");
    workspace.run(&["suppress", "check", "somebody@example.org"]).ends(0).says("manual");
    workspace.run(&["suppress", "check", "user1@example.com"]).ends(9);
    workspace.run(&["send", "list.csv"]).ends(0);
    let report = workspace.report();
    assert_eq!(
        sorted(report.with("suppressed")),
        ["user1@example.net", "user2@example.org", "user5@example.org", "user8@example.org"]
    );
    assert_eq!(report.cell("user1@example.net", "mb_reason"), "complaint");

    // A file that is overwritten un-suppresses nobody; `suppress remove` does.
    workspace.file("stop.csv", "email,reason,note\n");
    workspace.run(&["suppress", "check", "user1@example.net"]).ends(0).says("ledger");
    workspace.run(&["suppress", "remove", "user1@example.net"]).ends(0);
    workspace.run(&["suppress", "check", "user1@example.net"]).ends(9);
    let rest = workspace.run(&["suppress", "list"]).ends(0).out;
    assert!(rest.contains("@example.org") && !rest.contains("user1"), "{rest}");
}

#[test]
fn suppressions_are_imported_and_exported() {
    let workspace = sandbox(4);
    workspace
        .file("stop.csv", "email,reason\n")
        .file("more.csv", "Email,Name\nuser0@example.com,Ann\nuser3@example.com,Cleo\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    workspace.run(&["suppress", "import", "more.csv", "--reason", "unsubscribe"]).ends(0).says("2");
    workspace.run_with(&["suppress", "import", "-"], "email\n@example.net\n").ends(0);
    workspace.run(&["suppress", "export", "-o", "all.csv"]).ends(0);
    let all = Report::read(workspace.join("all.csv"));
    assert_eq!(
        sorted(all.column("email")),
        ["@example.net", "user0@example.com", "user3@example.com"]
    );
    assert_eq!(sorted(all.column("reason")), ["manual", "unsubscribe", "unsubscribe"]);
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_eq!(workspace.mailed(), ["user2@example.org"]);
    // An unsubscribe stops marketing alone.
    let config = workspace
        .read("mailbatch.toml")
        .replace("kind = \"marketing\"", "kind = \"transactional\"");
    workspace.config(&config);
    workspace.run(&["send", "list.csv", "--campaign", "invoice"]).ends(0);
    assert_eq!(
        workspace.report().with("accepted"),
        ["user0@example.com", "user2@example.org", "user3@example.com"]
    );
}

#[test]
fn one_more_suppression_file_by_flag_is_screened_too() {
    let workspace = sandbox(4);
    workspace.file("extra.csv", "user2@example.org\n");
    workspace.run(&["send", "list.csv", "--suppress", "extra.csv"]).ends(0);
    assert_eq!(workspace.report().with("suppressed"), ["user2@example.org"]);
    workspace
        .run(&["send", "list.csv", "--suppress", "none.csv", "--campaign", "x"])
        .ends(4)
        .says("none.csv");
}

#[test]
fn rows_added_to_a_campaign_are_all_that_goes() {
    let workspace = sandbox(200);
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    workspace.file("list.csv", lists::csv(300));
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    let report = workspace.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 100), ("already_accepted", 200)]));
    assert_eq!(workspace.mailed(), sorted(lists::addresses(300)));
}

#[test]
fn a_changed_list_or_message_is_refused_with_what_changed() {
    let workspace = sandbox(5);
    workspace.run(&["send", "list.csv"]).ends(0);
    workspace.file("list.csv", lists::csv(6));
    workspace.run(&["send", "list.csv"]).ends(14).says("the list has changed").says("--campaign");
    workspace.file("list.csv", lists::csv(5)).message("Good bye {{ name }}", "Body.");
    workspace.run(&["send", "list.csv"]).ends(14).says("the message has changed");
    workspace.run(&["send", "list.csv", "--campaign", "c"]).ends(0);
    workspace.message("Hello again {{ name }}", "Body.").file("list.csv", lists::csv(8));
    workspace.run(&["send", "list.csv", "--campaign", "c"]).ends(14).says("--accept-changes");
    workspace.run(&["send", "list.csv", "--campaign", "c", "--accept-changes"]).ends(0);
    assert_eq!(workspace.outbox().len(), 5 + 8);
}
