//! Sending through the sandbox, and everything one can ask afterwards: every flag of `send`, and
//! the commands around it.

mod later;
mod said;
mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::ran::Report;
use crate::support::{Workspace, lists, workspace};

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
    workspace
        .sandbox_config("retry = { for = \"0\" }")
        .message("Hello {{ name }}", "Number {{ id }}.")
        .file("list.csv", lists::csv(rows));
    workspace
}

/// A sandbox with a list of these addresses in a column `email`.
fn sandbox_of(addresses: &[&str]) -> Workspace {
    let workspace = workspace();
    let list: String = addresses.iter().map(|address| format!("{address}\n")).collect();
    workspace
        .sandbox_config("retry = { for = \"0\" }")
        .message("Hello", "Body.")
        .file("list.csv", format!("email\n{list}"));
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
    assert!(
        !ran.out.contains('#'),
        "a campaign without a name shows as message/list:\n{}",
        ran.out
    );
    assert!(ran.out.contains("welcome/list"), "{}", ran.out);
    assert!(
        ran.out.lines().last().unwrap().contains("mailbatch report "),
        "the last line is the next command:\n{}",
        ran.out
    );

    let (list, report) = (Report::read(workspace.join("list.csv")), workspace.report());
    assert_eq!(report.header[..list.header.len()], list.header);
    let ours = "mb_row mb_list mb_line mb_email mb_outcome mb_reason mb_code mb_detail mb_provider mb_batch mb_attempts mb_message_id \
                mb_provider_id mb_cohort mb_first_at mb_last_at mb_feedback mb_as_of mb_message";
    assert_eq!(report.header[list.header.len()..].join(" "), ours);
    let own: Vec<&[String]> = report.rows.iter().map(|row| &row[..list.header.len()]).collect();
    assert_eq!(
        own,
        list.rows.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        "the rows of the list, in its order"
    );
    let numbers: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
    assert_eq!(report.column("mb_row"), numbers);
    let counts = report.counts();
    assert_eq!(
        counts,
        BTreeMap::from([("accepted", 965), ("duplicate", 15), ("invalid", 10), ("suppressed", 10)])
    );

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
    assert_eq!(
        report
            .column("mb_message_id")
            .into_iter()
            .filter(|id| !id.is_empty())
            .collect::<BTreeSet<_>>()
            .len(),
        965
    );
    let canary = report
        .column("mb_cohort")
        .into_iter()
        .zip(report.column("mb_outcome"))
        .filter(|pair| *pair == ("canary", "accepted"))
        .count();
    assert_eq!(canary, 49, "5 % of the 965 sendable, rounded up");
}

#[test]
fn the_quick_start_started_again_sends_nothing_and_says_so() {
    let workspace = quickstart();
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0);
    let before = workspace.outbox();
    let stamps = |workspace: &Workspace| {
        sorted(
            workspace
                .outbox()
                .into_keys()
                .map(|path| std::fs::metadata(path).unwrap().modified().unwrap()),
        )
    };
    let written = stamps(&workspace);
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0).says("nothing to do");
    let completed = workspace.run(&["send", "list.csv", "--json"]).ends(0).object();
    assert_eq!(
        (completed["type"].as_str(), completed["handed_over"].as_u64()),
        (Some("batch.completed"), Some(0))
    );
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
    let addresses = [
        "ann@example.com",
        "bounce+1@example.com",
        "complaint+1@example.com",
        "reject+1@example.com",
        "defer+1@example.com",
    ];
    let workspace =
        sandbox_of(&[&addresses[..], &["unknown+1@example.com", "bounce@example.com"]].concat());
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
    let reasons: Vec<u64> = ran.object()["exit_reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["exit"].as_u64().unwrap())
        .collect();
    assert_eq!(sorted(reasons), [3, 5, 6]);
    assert!(
        workspace.read("stop.csv").contains("reject+1@example.com,hard_bounce"),
        "{}",
        workspace.read("stop.csv")
    );
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
    assert_eq!(
        report.column("mb_reason").into_iter().filter(|reason| *reason == "limit").count(),
        20
    );
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
            rows.push((
                report.column("mb_cohort")[index],
                report.column("mb_email")[index],
                report.column("mb_last_at")[index],
            ));
        }
    }
    let canary: Vec<_> = rows.iter().filter(|row| row.0 == "canary").collect();
    assert_eq!(canary.len(), 200);
    let last = canary.iter().map(|row| row.2).max().unwrap();
    assert!(
        rows.iter().filter(|row| row.0 == "rest").all(|row| row.2 >= last),
        "the rest goes after the canary was judged"
    );
    let share = |rows: &[&(&str, &str, &str)], domain: &str| {
        rows.iter().filter(|row| row.1.ends_with(domain)).count() as f64 / rows.len() as f64
    };
    let everybody: Vec<_> = rows.iter().collect();
    for domain in ["@example.com", "@example.net", "@example.org", "@mail.example", "@post.example"]
    {
        let (of_all, of_canary) = (share(&everybody, domain), share(&canary, domain));
        assert!(
            (of_all - of_canary).abs() < 0.01,
            "{domain}: {of_all} of all, {of_canary} of the canary"
        );
    }
    let phases: Vec<Value> = ran
        .objects()
        .iter()
        .filter(|object| object["type"] == "batch.progress")
        .map(|object| object["phase"].clone())
        .collect();
    assert!(phases.first().unwrap() == "canary" && phases.last().unwrap() == "rest", "{phases:?}");
}

#[test]
fn a_directory_given_by_flag_is_as_if_started_there() {
    let workspace = sandbox(3);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = workspace.mailbatch();
    command.current_dir(elsewhere.path()).arg("-C").arg(workspace.path()).args([
        "send",
        "list.csv",
        "--report",
        "out/../mine.csv",
    ]);
    std::fs::create_dir(workspace.join("out")).unwrap();
    let ran = crate::support::ran::Ran::from(command).ends(0);
    let next = format!("next    mailbatch -C {} report ", workspace.path().display());
    assert!(ran.out.contains(&next), "{}", ran.out);
    assert!(workspace.join("mine.csv").is_file());
    assert!(tree(elsewhere.path()).is_empty());
}
