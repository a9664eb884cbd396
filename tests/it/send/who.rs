//! Who is mailed: lists of all kinds, filters, duplicates, and where mail is redirected or an
//! environment lets only some through.

use std::collections::BTreeMap;

use super::{configure, sandbox, sandbox_of, sorted};
use crate::support::recorder::{Action, Recorder, Script, Step};
use crate::support::{lists, workspace};

#[test]
fn a_list_of_another_length_than_expected_is_refused() {
    let workspace = sandbox(50);
    workspace.run(&["send", "list.csv", "--expect-count", "51"]).ends(4).says("50 rows");
    workspace.run(&["send", "list.csv", "--expect-count", "52±2%"]).ends(4);
    assert!(
        workspace.outbox().is_empty() && workspace.run(&["runs", "--json"]).objects().is_empty(),
        "no run is left behind"
    );
    workspace.run(&["send", "list.csv", "--expect-count", "51±2%", "--campaign", "a"]).ends(0);
    workspace.run(&["send", "list.csv", "--expect-count", "51+-2pct", "--campaign", "b"]).ends(0);
    workspace.run(&["send", "list.csv", "--expect-count", "50", "--campaign", "c"]).ends(0);
}

#[test]
fn too_many_invalid_rows_are_refused_with_their_places() {
    let workspace = sandbox_of(&["ann@example.com", "nobody", "ben@example.com"]);
    workspace.run(&["send", "list.csv"]).ends(4).says("list.csv:3").says("check");
    assert!(workspace.outbox().is_empty());
    workspace.run(&["send", "list.csv", "--max-invalid", "34%"]).ends(0);
    assert_eq!(workspace.report().counts(), BTreeMap::from([("accepted", 2), ("invalid", 1)]));
}

#[test]
fn redirected_mail_reaches_one_address_and_counts_for_nobody() {
    let recorder = Recorder::with(Script::default().must_be_called());
    let workspace = workspace();
    workspace
        .smtp_config(&recorder.url(), "")
        .message("Hello {{ name }}", "Body.")
        .file("list.csv", lists::csv(20));
    workspace.run(&["send", "list.csv", "--redirect-all-to", "me@acme.example"]).ends(0);
    assert_eq!(recorder.recipients(), vec!["me@acme.example"; 20]);
    assert_eq!(workspace.report().column("mb_email"), lists::addresses(20));
    // A rehearsal is no send: the real one still reaches everybody.
    workspace.run(&["send", "list.csv"]).ends(0);
    let reached: Vec<String> =
        recorder.recipients().into_iter().filter(|address| address != "me@acme.example").collect();
    assert_eq!(reached, sorted(lists::addresses(20)));
    // A send that was begun is not continued by a redirected one: nobody of the list may be reached
    // by it.
    workspace.run(&["send", "list.csv", "--campaign", "begun", "--limit", "1"]).ends(0);
    workspace
        .run(&["send", "list.csv", "--campaign", "begun", "--redirect-all-to", "me@acme.example"])
        .ends(0)
        .says("redirected");
    assert_eq!(recorder.count(), 20 + 20 + 1 + 20);
    // And once more, each with the campaign's name.
    workspace
        .run(&["send", "list.csv", "--campaign", "spring", "--redirect-all-to", "me@acme.example"])
        .ends(0);
    workspace
        .run(&["send", "list.csv", "--campaign", "spring", "--redirect-all-to", "me@acme.example"])
        .ends(0)
        .says("nothing to do");
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    assert_eq!(recorder.count(), 61 + 40);
}

#[test]
fn a_refusal_of_the_redirect_address_suppresses_nobody() {
    let recorder =
        Recorder::with(Script::default().on(Step::Rcpt, Action::reply("550 5.1.1 no such user")));
    let workspace = workspace();
    workspace
        .smtp_config(&recorder.url(), "")
        .message("Hello {{ name }}", "Body.")
        .file("list.csv", lists::csv(3))
        .file("stop.csv", "email\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    workspace.run(&["send", "list.csv", "--redirect-all-to", "me@acme.example"]).ends(3);
    assert_eq!(workspace.read("stop.csv"), "email\n");
    workspace.run(&["suppress", "check", &lists::address(0)]).ends(9);
}

#[test]
fn an_environment_reaches_only_whom_it_allows() {
    let workspace = sandbox_of(&[
        "ann@acme.example",
        "ben@example.com",
        "Cleo@ACME.example",
        "dan@sub.acme.example",
        "eve@example.org",
    ]);
    configure(&workspace, "[env.staging]\nallow = [\"@acme.example\", \"eve@example.org\"]");
    workspace.run(&["send", "list.csv", "--env", "staging"]).ends(0);
    assert_eq!(workspace.mailed(), ["Cleo@acme.example", "ann@acme.example", "eve@example.org"]);
    assert_eq!(
        sorted(workspace.report().with("suppressed")),
        ["ben@example.com", "dan@sub.acme.example"]
    );
    workspace
        .run(&["send", "list.csv", "--env", "staging", "--redirect-all-to", "x@example.com"])
        .ends(2)
        .says("allow");
    workspace.run(&["send", "list.csv", "--env", "producton"]).ends(2);
    // Another environment is another campaign.
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_eq!(workspace.outbox().len(), 3 + 5);
}

#[test]
fn duplicates_are_told_by_case_or_not_at_all() {
    let all = ["ann@example.com", "ANN@example.com", "ann@EXAMPLE.com", "ann@example.com"];
    let outcomes = |how: &str| {
        let workspace = sandbox_of(&all);
        workspace.run(&["send", "list.csv", "--dedupe", how]).ends(0);
        let report = workspace.report();
        let sent = workspace.outbox().len();
        let outcomes = report.column("mb_outcome").join(" ");
        workspace.run(&["send", "list.csv", "--dedupe", how]).ends(0).says("nothing to do");
        (outcomes, sent)
    };
    assert_eq!(outcomes("ci"), ("accepted duplicate duplicate duplicate".to_owned(), 1));
    assert_eq!(outcomes("exact"), ("accepted accepted duplicate duplicate".to_owned(), 2));
    assert_eq!(outcomes("off"), ("accepted accepted accepted accepted".to_owned(), 4));
}

#[test]
fn an_id_column_tells_people_apart_where_addresses_change() {
    let workspace = sandbox(0);
    configure(&workspace, "[list]\nid = \"id\"");
    workspace.file("list.csv", "id,email,name\n1,ann@example.com,Ann\n2,ben@example.com,Ben\n");
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    // Ann has a new address, Ben's address has a new id, and Cleo is new.
    workspace.file(
        "list.csv",
        "id,email,name\n1,ann@example.org,Ann\n7,ben@example.com,Ben\n3,cleo@example.com,Cleo\n",
    );
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    assert_eq!(
        workspace.report().column("mb_outcome"),
        ["already_accepted", "already_accepted", "accepted"]
    );
    assert_eq!(workspace.mailed(), ["ann@example.com", "ben@example.com", "cleo@example.com"]);

    workspace.file(
        "two.csv",
        "id,email,name\n1,a@example.com,A\n2,b@example.com,B\n1,c@example.com,C\n",
    );
    workspace.run(&["send", "two.csv"]).ends(4).says("two.csv:4");
    workspace.file("none.csv", "email,name\na@example.com,A\n");
    workspace.run(&["send", "none.csv"]).ends(4).says("id");
    assert_eq!(workspace.outbox().len(), 3);
}

#[test]
fn standard_input_needs_a_campaign_and_is_read_once() {
    let workspace = sandbox(0);
    workspace.run_with(&["send", "-"], lists::csv(5)).ends(2).says("--campaign");
    workspace.run_with(&["send", "-", "--campaign", "c"], lists::csv(5)).ends(0);
    workspace
        .run_with(&["send", "-", "--campaign", "c"], lists::csv(5))
        .ends(0)
        .says("nothing to do");
    assert_eq!(workspace.mailed(), sorted(lists::addresses(5)));
    workspace.run_with(&["send", "-", "--campaign", "c"], lists::csv(7)).ends(0);
    assert_eq!(workspace.mailed(), sorted(lists::addresses(7)));
    assert_eq!(workspace.report().column("mb_list"), vec!["-"; 7]);
    workspace.run_with(&["send", "-", "--campaign", "c"], "").ends(4);
    workspace.run_with(&["send", "-", "--campaign", "d"], "id,email,name\n").ends(0);
}

#[test]
fn several_lists_are_one_run_in_the_order_typed() {
    let workspace = workspace();
    workspace.sandbox_config("").message("Hello", "Body.");
    workspace.file("b.csv", "email,city\nann@example.com,Oslo\nben@example.com,Rome\n");
    workspace.file("a.csv", "first,email\nCleo,cleo@example.com\nAnn,ANN@example.com\n");
    workspace.run(&["send", "b.csv", "a.csv"]).ends(0);
    let report = workspace.report();
    assert_eq!(
        report.header[..3],
        ["email", "city", "first"],
        "the columns of all lists, each once"
    );
    assert_eq!(report.column("mb_row"), ["1", "2", "3", "4"]);
    assert_eq!(report.column("mb_list"), ["b.csv", "b.csv", "a.csv", "a.csv"]);
    assert_eq!(report.column("mb_line"), ["2", "3", "2", "3"]);
    assert_eq!(report.column("first"), ["", "", "Cleo", "Ann"]);
    assert_eq!(report.column("mb_outcome"), ["accepted", "accepted", "accepted", "duplicate"]);
}

#[test]
fn filtered_rows_are_no_rows_in_and_are_counted() {
    let workspace = sandbox(30);
    let completed =
        workspace.run(&["send", "list.csv", "--where", "id|int < 10", "--json"]).ends(0).object();
    assert_eq!((completed["input"].as_u64(), completed["filtered"].as_u64()), (Some(10), Some(20)));
    assert_eq!(workspace.mailed(), sorted(lists::addresses(10)));
    workspace.run(&["send", "list.csv", "--where", "id|int <", "--campaign", "x"]).ends(2);
    // Another filter is another list.
    workspace.run(&["send", "list.csv"]).ends(14).says("list");
}
