//! Sending through the sandbox, and everything one can ask afterwards: every flag of `send`, and the commands around it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::ran::{Report, to};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, lists, wait_for, workspace};

/// The quick start in a directory of its own.
fn quickstart() -> Workspace {
    let workspace = workspace();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    for name in ["list.csv", "mailbatch.toml", "suppressions.csv", "welcome.md"] {
        workspace.file(name, std::fs::read(example.join(name)).unwrap());
    }
    workspace
}

/// A sandbox with a list of `rows` usual recipients.
fn sandbox(rows: usize) -> Workspace {
    let workspace = workspace();
    workspace.sandbox_config("retry = { for = \"0\" }").message("Hello {{ name }}", "Number {{ id }}.").file("list.csv", lists::csv(rows));
    workspace
}

/// A sandbox with a list of these addresses in a column `email`.
fn sandbox_of(addresses: &[&str]) -> Workspace {
    let workspace = workspace();
    let list: String = addresses.iter().map(|address| format!("{address}\n")).collect();
    workspace.sandbox_config("retry = { for = \"0\" }").message("Hello", "Body.").file("list.csv", format!("email\n{list}"));
    workspace
}

/// Appends a table to `mailbatch.toml`.
fn configure(workspace: &Workspace, toml: &str) {
    let config = workspace.read("mailbatch.toml");
    workspace.config(&format!("{config}\n{toml}\n"));
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

/// The sum of the counts of an object.
fn sum(object: &Value) -> u64 {
    object["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

/// Every file of the workspace with its content.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
            files.insert(path, Vec::new());
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn the_quick_start_accounts_for_each_row_and_mails_each_recipient_once() {
    let workspace = quickstart();
    let ran = workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0).says("1,000 rows in");
    assert!(!ran.out.contains('#'), "a campaign without a name shows as message/list:\n{}", ran.out);
    assert!(ran.out.contains("welcome/list"), "{}", ran.out);
    assert!(ran.out.lines().last().unwrap().contains("mailbatch report "), "the last line is the next command:\n{}", ran.out);

    let (list, report) = (Report::read(workspace.join("list.csv")), workspace.report());
    assert_eq!(report.header[..list.header.len()], list.header);
    let ours = "mb_row mb_list mb_line mb_email mb_outcome mb_reason mb_code mb_detail mb_provider mb_batch mb_attempts mb_message_id \
                mb_provider_id mb_cohort mb_first_at mb_last_at mb_feedback";
    assert_eq!(report.header[list.header.len()..].join(" "), ours);
    let own: Vec<&[String]> = report.rows.iter().map(|row| &row[..list.header.len()]).collect();
    assert_eq!(own, list.rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), "the rows of the list, in its order");
    let numbers: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
    assert_eq!(report.column("mb_row"), numbers);
    let counts = report.counts();
    assert_eq!(counts, BTreeMap::from([("accepted", 965), ("duplicate", 15), ("invalid", 10), ("suppressed", 10)]));

    let mailed = workspace.mailed();
    assert_eq!(mailed, sorted(report.with("accepted").iter().map(|address| (*address).to_owned())));
    let people: BTreeSet<String> = mailed.iter().map(|address| address.to_lowercase()).collect();
    assert_eq!(people.len(), mailed.len(), "nobody twice");
    assert!(!people.contains("yusuf.muller.389@example.com"), "an unsubscribed person");
    for (index, outcome) in report.column("mb_outcome").into_iter().enumerate() {
        let cell = |name: &str| report.column(name)[index].to_owned();
        assert_eq!(cell("mb_reason").is_empty(), outcome == "accepted", "row {}", index + 1);
        assert_eq!(cell("mb_message_id").is_empty(), outcome != "accepted", "row {}", index + 1);
    }
    assert_eq!(report.column("mb_message_id").into_iter().filter(|id| !id.is_empty()).collect::<BTreeSet<_>>().len(), 965);
    let canary = report.column("mb_cohort").into_iter().zip(report.column("mb_outcome")).filter(|pair| *pair == ("canary", "accepted")).count();
    assert_eq!(canary, 49, "5 % of the 965 sendable, rounded up");
}

#[test]
fn the_quick_start_started_again_sends_nothing_and_says_so() {
    let workspace = quickstart();
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0);
    let before = workspace.outbox();
    let stamps = |workspace: &Workspace| sorted(workspace.outbox().into_keys().map(|path| std::fs::metadata(path).unwrap().modified().unwrap()));
    let written = stamps(&workspace);
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0).says("nothing to do");
    let completed = workspace.run(&["send", "list.csv", "--json"]).ends(0).object();
    assert_eq!((completed["type"].as_str(), completed["handed_over"].as_u64()), (Some("batch.completed"), Some(0)));
    workspace.run(&["send", "list.csv", "--error-on-empty"]).ends(9);
    assert!(before == workspace.outbox() && written == stamps(&workspace), "nothing was sent");
    assert_eq!(workspace.run(&["runs", "--json"]).objects().len(), 1);
}

#[test]
fn what_holds_addresses_is_for_its_owner_alone() {
    let workspace = sandbox(3);
    workspace.run(&["send", "list.csv", "--report", "mine.html"]).ends(0);
    let state = workspace.join(".mailbatch");
    for path in tree(&state).into_keys().chain([state, workspace.join("mine.html")]) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn the_sandbox_answers_by_local_part() {
    let addresses = ["ann@example.com", "bounce+1@example.com", "complaint+1@example.com", "reject+1@example.com", "defer+1@example.com"];
    let workspace = sandbox_of(&[&addresses[..], &["unknown+1@example.com", "bounce@example.com"]].concat());
    workspace.file("stop.csv", "email,reason\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    let ran = workspace.run(&["send", "list.csv", "--json"]).ends(6);
    let report = workspace.report();
    let told = |address: &str| {
        let cell = |name: &str| report.cell(address, name).to_owned();
        format!("{} {} {}", cell("mb_outcome"), cell("mb_reason"), cell("mb_feedback"))
    };
    assert_eq!(told("ann@example.com"), "accepted  ");
    assert_eq!(told("bounce@example.com"), "accepted  ");
    assert_eq!(told("bounce+1@example.com"), "accepted  bounced(hard)");
    assert_eq!(told("complaint+1@example.com"), "accepted  complained");
    assert_eq!(told("reject+1@example.com"), "rejected mailbox_gone ");
    assert_eq!(told("defer+1@example.com"), "deferred mailbox_transient ");
    assert_eq!(told("unknown+1@example.com"), "unknown no_reply ");
    assert_eq!(report.cell("reject+1@example.com", "mb_code"), "550 5.1.1");
    let reasons: Vec<u64> = ran.object()["exit_reasons"].as_array().unwrap().iter().map(|reason| reason["exit"].as_u64().unwrap()).collect();
    assert_eq!(sorted(reasons), [3, 5, 6]);
    assert!(workspace.read("stop.csv").contains("reject+1@example.com,hard_bounce"), "{}", workspace.read("stop.csv"));
    workspace.run(&["suppress", "check", "reject+1@example.com"]).ends(0).says("hard_bounce");
    // Again: the deferred one is tried again, nobody else.
    let again = workspace.run(&["send", "list.csv", "--json"]).ends(6).object();
    assert_eq!(again["handed_over"], 1, "{again}");
}

#[test]
fn no_learn_keeps_the_suppression_list_as_it_is() {
    let workspace = sandbox_of(&["reject+1@example.com"]);
    workspace.file("stop.csv", "email,reason\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    workspace.run(&["send", "list.csv", "--no-learn"]).ends(3);
    assert_eq!(workspace.read("stop.csv"), "email,reason\n");
    workspace.run(&["suppress", "check", "reject+1@example.com"]).ends(9);
}

#[test]
fn a_limit_holds_the_others_for_the_next_start() {
    let workspace = sandbox(30);
    workspace.run(&["send", "list.csv", "--limit", "10"]).ends(0).says("limit");
    let report = workspace.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 10), ("held", 20)]));
    assert_eq!(report.column("mb_reason").into_iter().filter(|reason| *reason == "limit").count(), 20);
    assert_eq!(workspace.outbox().len(), 10);
    workspace.run(&["send", "list.csv", "--limit", "10"]).ends(0);
    assert_eq!(workspace.outbox().len(), 20);
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_eq!(workspace.mailed(), sorted(lists::addresses(30)));
    assert_eq!(workspace.run(&["runs", "--json"]).objects().len(), 1, "one run, continued");
}

#[test]
fn a_canary_of_a_number_goes_first_and_is_spread_over_the_receiving_domains() {
    let workspace = quickstart();
    let ran = workspace.run(&["send", "list.csv", "--canary", "200", "--progress", "json"]).ends(0);
    let report = workspace.report();
    let mut rows: Vec<(&str, &str, &str)> = Vec::new();
    for (index, outcome) in report.column("mb_outcome").into_iter().enumerate() {
        if outcome == "accepted" {
            rows.push((report.column("mb_cohort")[index], report.column("mb_email")[index], report.column("mb_last_at")[index]));
        }
    }
    let canary: Vec<_> = rows.iter().filter(|row| row.0 == "canary").collect();
    assert_eq!(canary.len(), 200);
    let last = canary.iter().map(|row| row.2).max().unwrap();
    assert!(rows.iter().filter(|row| row.0 == "rest").all(|row| row.2 >= last), "the rest goes after the canary was judged");
    let share = |rows: &[&(&str, &str, &str)], domain: &str| rows.iter().filter(|row| row.1.ends_with(domain)).count() as f64 / rows.len() as f64;
    let everybody: Vec<_> = rows.iter().collect();
    for domain in ["@example.com", "@example.net", "@example.org", "@mail.example", "@post.example"] {
        let (of_all, of_canary) = (share(&everybody, domain), share(&canary, domain));
        assert!((of_all - of_canary).abs() < 0.01, "{domain}: {of_all} of all, {of_canary} of the canary");
    }
    let phases: Vec<Value> = ran.objects().iter().filter(|object| object["type"] == "batch.progress").map(|object| object["phase"].clone()).collect();
    assert!(phases.first().unwrap() == "canary" && phases.last().unwrap() == "rest", "{phases:?}");
}

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let workspace = quickstart();
    configure(&workspace, "");
    let config = workspace.read("mailbatch.toml").replace("kind = \"sandbox\"", "kind = \"sandbox\"\nrate = \"10/s\"");
    workspace.config(&config);
    let before = tree(workspace.path());
    workspace.run(&["send", "list.csv", "--canary", "5%", "--dry-run"]).ends(0).says("965").says("49").says("1m 37s");
    let told = workspace.run(&["send", "list.csv", "--canary", "5%", "--dry-run", "--json"]).ends(0).object();
    assert_eq!((told["input"].as_u64(), told["would_send"].as_u64(), told["canary"].as_u64()), (Some(1000), Some(965), Some(49)));
    assert_eq!(told["seconds_under_limits"], 97);
    assert_eq!(before, tree(workspace.path()));

    workspace.config(&config.replace("rate = \"10/s\"", ""));
    workspace.run(&["send", "list.csv", "--limit", "300"]).ends(0);
    let before = tree(workspace.path());
    let told = workspace.run(&["send", "list.csv", "--dry-run", "--json"]).ends(0).object();
    assert_eq!((told["already_reached"].as_u64(), told["would_send"].as_u64()), (Some(300), Some(665)));
    assert_eq!(before, tree(workspace.path()));
}

#[test]
fn a_dry_run_refuses_what_a_send_would_refuse() {
    let workspace = sandbox(10);
    workspace.run(&["send", "list.csv", "--dry-run", "--expect-count", "11"]).ends(4);
    workspace.message("Hello {{ nmae }}", "Body.");
    workspace.run(&["send", "list.csv", "--dry-run"]).ends(4).says("nmae");
    assert!(!workspace.join(".mailbatch").exists());
}

#[test]
fn json_ends_with_one_object_that_sums_to_the_input() {
    let workspace = quickstart();
    let ran = workspace.run(&["send", "list.csv", "--json", "--canary", "5pct"]).ends(0);
    let objects = ran.objects();
    assert!(objects.iter().all(|object| object["v"] == 1));
    let (completed, progress) = objects.split_last().unwrap();
    assert_eq!(completed["type"], "batch.completed");
    assert!(progress.iter().all(|object| object["type"] == "batch.progress"));
    assert_eq!((completed["input"].as_u64(), sum(completed), completed["exit"].as_u64()), (Some(1000), 1000, Some(0)));
    assert_eq!(completed["counts"].as_object().unwrap().len(), 9, "every outcome, zero or not");
    assert_eq!(completed["campaign"], "welcome/list");
    assert_eq!(completed["run"], workspace.newest_run());
    assert!(workspace.join(completed["report"].as_str().unwrap()).is_file());
}

#[test]
fn progress_as_json_is_valid_and_sums_at_every_moment() {
    let workspace = sandbox(400);
    configure(&workspace, "[canary]\nsize = 20");
    let ran = workspace.run(&["send", "list.csv", "--progress", "json", "--rate", "300/s"]).ends(0);
    let objects = ran.objects();
    let progress: Vec<&Value> = objects.iter().filter(|object| object["type"] == "batch.progress").collect();
    assert!(progress.len() >= 3, "{}", ran.out);
    for object in &progress {
        let counted = sum(object);
        let is_open = object["counts"].as_object().unwrap().contains_key("open");
        assert!(object["total"] == 400 && (counted == 400 || (!is_open && counted <= 400)), "{object}");
        assert!(object["v"] == 1 && object["run"].is_string() && object["campaign"] == "message/list", "{object}");
        assert!(["canary", "rest"].contains(&object["phase"].as_str().unwrap()) && object["rate"].is_number(), "{object}");
    }
    let fastest = progress.iter().map(|object| object["rate"].as_f64().unwrap()).fold(0.0, f64::max);
    assert!(fastest > 0.0 && fastest <= 400.0, "{fastest}/s, with one window of 300 and a bit of the next in the first second");
    let accepted = |object: &Value| object["counts"]["accepted"].as_u64().unwrap();
    assert!(progress.windows(2).all(|pair| accepted(pair[0]) <= accepted(pair[1])), "counts never go back");
    assert_eq!(objects.last().unwrap()["type"], "batch.completed");
    assert!(!ran.err.contains('\u{1b}') && !ran.err.contains('\r'), "{:?}", ran.err);
}

#[test]
fn quiet_is_silent_on_success_and_not_on_failure() {
    let workspace = quickstart();
    let ran = workspace.run(&["-q", "send", "list.csv", "--canary", "5%"]).ends(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let ran = workspace.run(&["-q", "send", "list.csv"]).ends(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let ran = workspace.run(&["-q", "send", "none.csv"]).ends(4);
    assert!(ran.out.is_empty() && ran.err.contains("none.csv"), "{}", ran.err);
}

#[test]
fn piped_output_has_no_control_characters() {
    let workspace = quickstart();
    let ran = workspace.run(&["send", "list.csv", "--canary", "5%", "--stats", "100ms"]).ends(0);
    let is_clean = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    assert!(is_clean(&ran.out) && is_clean(&ran.err), "{:?}\n{:?}", ran.out, ran.err);
}

#[test]
fn fail_on_an_outcome_ends_with_3() {
    let workspace = quickstart();
    workspace.run(&["send", "list.csv", "--campaign", "a", "--fail-on", "suppressed,unknown"]).ends(3).says("10 suppressed");
    workspace.run(&["send", "list.csv", "--campaign", "b", "--fail-on", "unknown,held"]).ends(0);
    workspace.run(&["send", "list.csv", "--campaign", "c", "--fail-on", "delivered"]).ends(2).says("accepted");
}

#[test]
fn fail_over_tolerates_a_share_of_rejected() {
    let mut list = vec!["reject+1@example.com".to_owned(), "reject+2@example.com".to_owned()];
    list.extend(lists::addresses(38));
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let workspace = sandbox_of(&list);
    workspace.run(&["send", "list.csv", "--no-learn", "--campaign", "a"]).ends(3).says("2 rejected");
    workspace.run(&["send", "list.csv", "--no-learn", "--campaign", "b", "--fail-over", "4.9%"]).ends(3);
    workspace.run(&["send", "list.csv", "--no-learn", "--campaign", "c", "--fail-over", "5%"]).ends(0);
    // Nothing was rejected in this run: it has nothing to do.
    workspace.run(&["send", "list.csv", "--no-learn", "--campaign", "a"]).ends(0);
}

#[test]
fn reports_are_written_in_the_format_of_their_suffix() {
    let workspace = quickstart();
    let names = ["x.csv", "x.json", "x.ndjson", "x.html", "x.xml", "x.md"];
    let flags: Vec<&str> = names.iter().flat_map(|name| ["--report", name]).collect();
    workspace.run(&[&["send", "list.csv"][..], &flags].concat()).ends(0);
    assert_eq!(workspace.read("x.csv"), workspace.read(format!(".mailbatch/reports/{}.csv", workspace.newest_run())));

    let report = Report::read(workspace.join("x.csv"));
    let check = |row: &Value, index: usize| {
        assert_eq!(row["row"].as_u64(), Some(index as u64 + 1));
        assert_eq!(row["outcome"].as_str(), Some(report.column("mb_outcome")[index]));
        assert_eq!(row["email"].as_str(), Some(report.column("mb_email")[index]));
        assert_eq!(row["fields"]["id"].as_str(), Some(report.rows[index][0].as_str()));
        assert!(row.get("mb_row").is_none());
    };
    let text = workspace.read("x.ndjson");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|row: &Value| row.get("row").is_some()).collect();
    assert_eq!(rows.len(), 1000);
    [0, 499, 999].into_iter().for_each(|index| check(&rows[index], index));
    let whole: Value = serde_json::from_str(&workspace.read("x.json")).unwrap();
    let rows = whole["rows"].as_array().or(whole.as_array()).expect("an array of rows");
    assert_eq!(rows.len(), 1000);
    [0, 499, 999].into_iter().for_each(|index| check(&rows[index], index));

    let html = workspace.read("x.html");
    assert!(html.starts_with("<!") && html.contains("965") && html.contains("yusuf.muller.389@example.com") && html.contains("unsubscribe"));
    assert!(!html.contains("http://") && !html.contains("src=\"http"), "a page that loads nothing");
    let xml = workspace.read("x.xml");
    assert!(xml.starts_with("<?xml") && xml.contains("<testsuite"), "{}", &xml[..200]);
    assert!(workspace.read("x.md").contains("| accepted"), "{}", workspace.read("x.md"));
}

#[test]
fn a_report_without_a_known_suffix_is_refused_before_anything_is_sent() {
    let workspace = sandbox(3);
    workspace.run(&["send", "list.csv", "--report", "x.docx"]).ends(2).says("x.docx");
    assert!(workspace.outbox().is_empty());
}

#[test]
fn the_report_command_filters_and_converts() {
    let workspace = quickstart();
    workspace.run(&["send", "list.csv"]).ends(0);
    let run = workspace.newest_run();
    workspace.run(&["report", &run, "--outcome", "suppressed,invalid", "-o", "some.csv"]).ends(0);
    assert_eq!(Report::read(workspace.join("some.csv")).counts(), BTreeMap::from([("invalid", 10), ("suppressed", 10)]));
    let rows = workspace.run(&["report", &run, "--format", "ndjson", "--outcome", "duplicate"]).ends(0).objects();
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "duplicate").count(), 15);
    workspace.run(&["report", &run, "--format", "table", "--outcome", "suppressed"]).ends(0).says("unsubscribe");
    workspace.run(&["report", "20000101-000000-none"]).ends(2);
}

#[test]
fn a_list_of_another_length_than_expected_is_refused() {
    let workspace = sandbox(50);
    workspace.run(&["send", "list.csv", "--expect-count", "51"]).ends(4).says("50 rows");
    workspace.run(&["send", "list.csv", "--expect-count", "52±2%"]).ends(4);
    assert!(workspace.outbox().is_empty() && workspace.run(&["runs", "--json"]).objects().is_empty(), "no run is left behind");
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
    workspace.smtp_config(&recorder.url(), "").message("Hello {{ name }}", "Body.").file("list.csv", lists::csv(20));
    workspace.run(&["send", "list.csv", "--redirect-all-to", "me@acme.example"]).ends(0);
    assert_eq!(recorder.recipients(), vec!["me@acme.example"; 20]);
    assert_eq!(workspace.report().column("mb_email"), lists::addresses(20));
    // A rehearsal is no send: the real one still reaches everybody.
    workspace.run(&["send", "list.csv"]).ends(0);
    let reached: Vec<String> = recorder.recipients().into_iter().filter(|address| address != "me@acme.example").collect();
    assert_eq!(reached, sorted(lists::addresses(20)));
    // A send that was begun is not continued by a redirected one: nobody of the list may be reached by it.
    workspace.run(&["send", "list.csv", "--campaign", "begun", "--limit", "1"]).ends(0);
    workspace.run(&["send", "list.csv", "--campaign", "begun", "--redirect-all-to", "me@acme.example"]).ends(0).says("redirected");
    assert_eq!(recorder.count(), 20 + 20 + 1 + 20);
    // And once more, each with the campaign's name.
    workspace.run(&["send", "list.csv", "--campaign", "spring", "--redirect-all-to", "me@acme.example"]).ends(0);
    workspace.run(&["send", "list.csv", "--campaign", "spring", "--redirect-all-to", "me@acme.example"]).ends(0).says("nothing to do");
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    assert_eq!(recorder.count(), 61 + 40);
}

#[test]
fn a_refusal_of_the_redirect_address_suppresses_nobody() {
    let recorder = Recorder::with(Script::default().on(Step::Rcpt, Action::reply("550 5.1.1 no such user")));
    let workspace = workspace();
    workspace.smtp_config(&recorder.url(), "").message("Hello {{ name }}", "Body.").file("list.csv", lists::csv(3)).file("stop.csv", "email\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    workspace.run(&["send", "list.csv", "--redirect-all-to", "me@acme.example"]).ends(3);
    assert_eq!(workspace.read("stop.csv"), "email\n");
    workspace.run(&["suppress", "check", &lists::address(0)]).ends(9);
}

#[test]
fn an_environment_reaches_only_whom_it_allows() {
    let workspace = sandbox_of(&["ann@acme.example", "ben@example.com", "Cleo@ACME.example", "dan@sub.acme.example", "eve@example.org"]);
    configure(&workspace, "[env.staging]\nallow = [\"@acme.example\", \"eve@example.org\"]");
    workspace.run(&["send", "list.csv", "--env", "staging"]).ends(0);
    assert_eq!(workspace.mailed(), ["Cleo@acme.example", "ann@acme.example", "eve@example.org"]);
    assert_eq!(sorted(workspace.report().with("suppressed")), ["ben@example.com", "dan@sub.acme.example"]);
    workspace.run(&["send", "list.csv", "--env", "staging", "--redirect-all-to", "x@example.com"]).ends(2).says("allow");
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
    workspace.file("list.csv", "id,email,name\n1,ann@example.org,Ann\n7,ben@example.com,Ben\n3,cleo@example.com,Cleo\n");
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    assert_eq!(workspace.report().column("mb_outcome"), ["already_accepted", "already_accepted", "accepted"]);
    assert_eq!(workspace.mailed(), ["ann@example.com", "ben@example.com", "cleo@example.com"]);

    workspace.file("two.csv", "id,email,name\n1,a@example.com,A\n2,b@example.com,B\n1,c@example.com,C\n");
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
    workspace.run_with(&["send", "-", "--campaign", "c"], lists::csv(5)).ends(0).says("nothing to do");
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
    assert_eq!(report.header[..3], ["email", "city", "first"], "the columns of all lists, each once");
    assert_eq!(report.column("mb_row"), ["1", "2", "3", "4"]);
    assert_eq!(report.column("mb_list"), ["b.csv", "b.csv", "a.csv", "a.csv"]);
    assert_eq!(report.column("mb_line"), ["2", "3", "2", "3"]);
    assert_eq!(report.column("first"), ["", "", "Cleo", "Ann"]);
    assert_eq!(report.column("mb_outcome"), ["accepted", "accepted", "accepted", "duplicate"]);
}

#[test]
fn filtered_rows_are_no_rows_in_and_are_counted() {
    let workspace = sandbox(30);
    let completed = workspace.run(&["send", "list.csv", "--where", "id|int < 10", "--json"]).ends(0).object();
    assert_eq!((completed["input"].as_u64(), completed["filtered"].as_u64()), (Some(10), Some(20)));
    assert_eq!(workspace.mailed(), sorted(lists::addresses(10)));
    workspace.run(&["send", "list.csv", "--where", "id|int <", "--campaign", "x"]).ends(2);
    // Another filter is another list.
    workspace.run(&["send", "list.csv"]).ends(14).says("list");
}

#[test]
fn a_preview_is_the_message_of_one_recipient_and_leaves_no_trace() {
    let workspace = sandbox(40);
    let before = tree(workspace.path());
    workspace.run(&["preview", "list.csv"]).ends(0).says("user0@example.com").says("Hello Ann").says("Number 0.");
    workspace.run(&["preview", "list.csv", "--row", "3"]).ends(0).says("user2@example.org").says("山田太郎").says("Number 2.");
    workspace.run(&["preview", "list.csv", "--email", "USER7@example.net"]).ends(0).says("Number 7.");
    workspace.run(&["preview", "list.csv", "--worst"]).ends(0).says("Hohenlohe");
    workspace.run(&["preview", "list.csv", "--row", "41"]).ends(4);
    workspace.run(&["preview", "list.csv", "--email", "nobody@example.com"]).ends(4);
    assert_eq!(before, tree(workspace.path()));
    workspace.run(&["preview", "list.csv", "--sample", "5", "--out", "previews"]).ends(0);
    let messages: Vec<String> = tree(&workspace.join("previews")).values().map(|raw| to(raw)).collect();
    assert_eq!(messages.iter().collect::<BTreeSet<_>>().len(), 5);
    assert!(!workspace.join(".mailbatch").exists());
}

#[test]
fn check_finds_what_send_would_refuse_and_writes_the_bad_rows() {
    let workspace = quickstart();
    workspace.run(&["check", "list.csv"]).ends(0).says("965").says("list.csv.rejected.csv");
    let rejected = Report::read(workspace.join("list.csv.rejected.csv"));
    assert_eq!(rejected.counts(), BTreeMap::from([("invalid", 10)]));
    assert!(rejected.header.contains(&"mb_feedback".to_owned()) && rejected.header[0] == "id");
    assert!(!workspace.join(".mailbatch").exists());
    workspace.run(&["check", "list.csv", "--max-invalid", "0.9%"]).ends(4);
    workspace.run(&["check", "list.csv", "--expect-count", "999"]).ends(4);
    workspace.run(&["check", "none.csv"]).ends(4);
    let told = workspace.run(&["check", "list.csv", "--json"]).ends(0).object();
    assert_eq!((told["input"].as_u64(), sum(&told)), (Some(1000), 1000));

    let odd = sandbox_of(&["info@example.com", "ann@localhost", "\"quoted\"@example.com", "ben@example.com"]);
    odd.run(&["check", "list.csv"]).ends(0).says("list.csv:2").says("list.csv:3");
    assert!(!odd.join("list.csv.rejected.csv").exists());
}

#[test]
fn why_tells_the_story_of_one_recipient() {
    let workspace = quickstart();
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0);
    let run = workspace.newest_run();
    workspace.run(&["why", &run, "DAVID.SILVA.2@mail.example"]).ends(0).says("accepted");
    workspace.run(&["why", &run, "yusuf.muller.389@example.com"]).ends(0).says("suppressed").says("unsubscribe").says("list.csv:390");
    let told = workspace.run(&["why", "latest", "david.silva.2@mail.example", "--json"]).ends(0).object();
    assert!(told["decisions"].as_array().unwrap().len() >= 2, "{told}");
    workspace.run(&["why", &run, "nobody@example.com"]).ends(2);
}

#[test]
fn status_and_runs_show_where_things_stand() {
    let workspace = sandbox(20);
    workspace.run(&["status"]).ends(2);
    assert_eq!(workspace.run(&["runs", "--json"]).ends(0).out, "");
    workspace.run(&["send", "list.csv", "--limit", "5"]).ends(0);
    workspace.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    let runs = workspace.run(&["runs", "--json"]).ends(0).objects();
    assert_eq!(runs.iter().map(|run| run["campaign"].as_str().unwrap()).collect::<Vec<_>>(), ["spring", "message/list"], "newest first");
    assert!(runs.iter().all(|run| sum(run) == 20));
    let older = runs[1]["run"].as_str().unwrap();
    workspace.run(&["runs"]).ends(0).says(older).says("message/list");
    workspace.run(&["runs", "list"]).ends(0).says("spring");
    workspace.run(&["runs", "show", older]).ends(0).says("held");
    workspace.run(&["status"]).ends(0).says("spring").says("100.0%");
    let status = workspace.run(&["status", older, "--json"]).ends(0).object();
    assert_eq!((status["counts"]["held"].as_u64(), status["counts"]["accepted"].as_u64()), (Some(15), Some(5)));
    workspace.run(&["wait", older]).ends(0);
    workspace.run(&["status", "nonsense"]).ends(2);
}

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
    assert_eq!(workspace.report().counts(), BTreeMap::from([("accepted", 3), ("already_accepted", 20)]));
    assert_eq!(workspace.mailed(), sorted(lists::addresses(23)));
}

#[test]
fn retry_sends_to_the_deferred_and_to_others_when_told() {
    let later = Script::default()
        .rule(Rule::new(Step::Rcpt, Action::reply("450 4.2.0 busy")).to("user1@"))
        .rule(Rule::new(Step::Rcpt, Action::reply("550 5.7.1 not today")).to("user2@"));
    let recorder = Recorder::with(later);
    let workspace = workspace();
    workspace.smtp_config(&recorder.url(), "retry = { for = \"0\" }").message("Hello {{ name }}", "Body.").file("list.csv", lists::csv(6));
    workspace.run(&["send", "list.csv", "--limit", "5"]).ends(5);
    let report = workspace.report();
    assert_eq!(report.column("mb_outcome"), ["accepted", "deferred", "rejected", "accepted", "accepted", "held"]);
    assert_eq!(report.cell("user2@example.org", "mb_reason"), "policy");
    workspace.run(&["suppress", "check", "user2@example.org"]).ends(9);
    recorder.follow(Script::default());
    let run = workspace.newest_run();
    workspace.run(&["retry", &run]).ends(3);
    assert_eq!(recorder.count(), 4, "the deferred one alone");
    workspace.run(&["retry", &run, "--only", "rejected,held"]).ends(0);
    assert_eq!(recorder.recipients(), sorted(lists::addresses(6)));
    workspace.run(&["retry", &run, "--only", "rejected,deferred,held"]).ends(0).says("nothing to do");
    workspace.run(&["retry", &run, "--only", "unknown"]).ends(2);
    assert_eq!(workspace.report().counts(), BTreeMap::from([("accepted", 6)]));
}

#[test]
fn what_is_deferred_is_tried_again_within_its_time() {
    let busy = Script::default().rule(Rule::new(Step::Rcpt, Action::reply("450 4.2.0 busy")).to("user1@").first(2));
    let recorder = Recorder::with(busy);
    let workspace = workspace();
    let relay = "retry = { for = \"1m\", base = \"20ms\", max = \"50ms\" }";
    workspace.smtp_config(&recorder.url(), relay).message("Hello {{ name }}", "Body.").file("list.csv", lists::csv(4));
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
    workspace.smtp_config(&recorder.url(), "rate = \"50/s\"").message("Hello {{ name }}", "Body.").file("list.csv", lists::csv(1000));
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
    workspace.run(&["suppress", "add", "USER1@example.net", "--reason", "complaint", "--note", "ticket 4711"]).ends(0);
    workspace.run(&["suppress", "add", "@example.org", "not an address"]).ends(2);
    workspace.run(&["suppress", "add", "@example.org"]).ends(0);
    assert!(workspace.read("stop.csv").contains("complaint,ticket 4711"), "the columns it has:\n{}", workspace.read("stop.csv"));
    workspace.run(&["suppress", "check", "user1@EXAMPLE.net"]).ends(0).says("complaint");
    workspace.run(&["suppress", "check", "somebody@example.org"]).ends(0).says("manual");
    workspace.run(&["suppress", "check", "user1@example.com"]).ends(9);
    workspace.run(&["send", "list.csv"]).ends(0);
    let report = workspace.report();
    assert_eq!(sorted(report.with("suppressed")), ["user1@example.net", "user2@example.org", "user5@example.org", "user8@example.org"]);
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
    workspace.file("stop.csv", "email,reason\n").file("more.csv", "Email,Name\nuser0@example.com,Ann\nuser3@example.com,Cleo\n");
    configure(&workspace, "[suppression]\nfiles = [\"stop.csv\"]");
    workspace.run(&["suppress", "import", "more.csv", "--reason", "unsubscribe"]).ends(0).says("2");
    workspace.run_with(&["suppress", "import", "-"], "email\n@example.net\n").ends(0);
    workspace.run(&["suppress", "export", "-o", "all.csv"]).ends(0);
    let all = Report::read(workspace.join("all.csv"));
    assert_eq!(sorted(all.column("email")), ["@example.net", "user0@example.com", "user3@example.com"]);
    assert_eq!(sorted(all.column("reason")), ["manual", "unsubscribe", "unsubscribe"]);
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_eq!(workspace.mailed(), ["user2@example.org"]);
    // An unsubscribe stops marketing alone.
    let config = workspace.read("mailbatch.toml").replace("kind = \"marketing\"", "kind = \"transactional\"");
    workspace.config(&config);
    workspace.run(&["send", "list.csv", "--campaign", "invoice"]).ends(0);
    assert_eq!(workspace.report().with("accepted"), ["user0@example.com", "user2@example.org", "user3@example.com"]);
}

#[test]
fn one_more_suppression_file_by_flag_is_screened_too() {
    let workspace = sandbox(4);
    workspace.file("extra.csv", "user2@example.org\n");
    workspace.run(&["send", "list.csv", "--suppress", "extra.csv"]).ends(0);
    assert_eq!(workspace.report().with("suppressed"), ["user2@example.org"]);
    workspace.run(&["send", "list.csv", "--suppress", "none.csv", "--campaign", "x"]).ends(4).says("none.csv");
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

#[test]
fn a_directory_given_by_flag_is_as_if_started_there() {
    let workspace = sandbox(3);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = workspace.mailbatch();
    command.current_dir(elsewhere.path()).arg("-C").arg(workspace.path()).args(["send", "list.csv", "--report", "out/../mine.csv"]);
    std::fs::create_dir(workspace.join("out")).unwrap();
    let ran = crate::support::ran::Ran::from(command).ends(0);
    let next = format!("next    mailbatch -C {} report ", workspace.path().display());
    assert!(ran.out.contains(&next), "{}", ran.out);
    assert!(workspace.join("mine.csv").is_file());
    assert!(tree(elsewhere.path()).is_empty());
}
