//! What `send` prints, answers and writes: dry runs, progress, exit codes, reports, and the
//! commands that ask afterwards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{configure, quickstart, sandbox, sandbox_of, sum, tree};
use crate::support::lists;
use crate::support::ran::{Report, to};

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let workspace = quickstart();
    configure(&workspace, "");
    let config = workspace
        .read("mailbatch.toml")
        .replace("kind = \"sandbox\"", "kind = \"sandbox\"\nrate = \"10/s\"");
    workspace.config(&config);
    let before = tree(workspace.path());
    workspace
        .run(&["send", "list.csv", "--canary", "5%", "--dry-run"])
        .ends(0)
        .says("965")
        .says("49")
        .says("1m 37s");
    let told = workspace
        .run(&["send", "list.csv", "--canary", "5%", "--dry-run", "--json"])
        .ends(0)
        .object();
    assert_eq!(
        (told["input"].as_u64(), told["would_send"].as_u64(), told["canary"].as_u64()),
        (Some(1000), Some(965), Some(49))
    );
    assert_eq!(told["seconds_under_limits"], 97);
    assert_eq!(before, tree(workspace.path()));

    workspace.config(&config.replace("rate = \"10/s\"", ""));
    workspace.run(&["send", "list.csv", "--limit", "300"]).ends(0);
    let before = tree(workspace.path());
    let told = workspace.run(&["send", "list.csv", "--dry-run", "--json"]).ends(0).object();
    assert_eq!(
        (told["already_reached"].as_u64(), told["would_send"].as_u64()),
        (Some(300), Some(665))
    );
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
    assert_eq!(
        (completed["input"].as_u64(), sum(completed), completed["exit"].as_u64()),
        (Some(1000), 1000, Some(0))
    );
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
    let progress: Vec<&Value> =
        objects.iter().filter(|object| object["type"] == "batch.progress").collect();
    assert!(progress.len() >= 3, "{}", ran.out);
    for object in &progress {
        let counted = sum(object);
        let is_open = object["counts"].as_object().unwrap().contains_key("open");
        assert!(
            object["total"] == 400 && (counted == 400 || (!is_open && counted <= 400)),
            "{object}"
        );
        assert!(
            object["v"] == 1 && object["run"].is_string() && object["campaign"] == "message/list",
            "{object}"
        );
        assert!(
            ["canary", "rest"].contains(&object["phase"].as_str().unwrap())
                && object["rate"].is_number(),
            "{object}"
        );
    }
    let fastest =
        progress.iter().map(|object| object["rate"].as_f64().unwrap()).fold(0.0, f64::max);
    assert!(
        fastest > 0.0 && fastest <= 400.0,
        "{fastest}/s, with one window of 300 and a bit of the next in the first second"
    );
    let accepted = |object: &Value| object["counts"]["accepted"].as_u64().unwrap();
    assert!(
        progress.windows(2).all(|pair| accepted(pair[0]) <= accepted(pair[1])),
        "counts never go back"
    );
    assert_eq!(objects.last().unwrap()["type"], "batch.completed");
    assert!(!ran.err.contains('\u{1b}') && !ran.err.contains('\r'), "{:?}", ran.err);
}

#[test]
fn quiet_says_only_whose_rows_are_left_out_on_success_and_why_on_failure() {
    let workspace = quickstart();
    for arguments in
        [&["-q", "send", "list.csv", "--canary", "5%"][..], &["-q", "send", "list.csv"]]
    {
        let ran = workspace.run(arguments).ends(0);
        assert_eq!(ran.out, "");
        assert!(
            ran.err
                .lines()
                .all(|line| line.starts_with("mailbatch: ") && line.contains("list.csv:")),
            "{}",
            ran.err
        );
    }
    let clean = sandbox(3);
    let ran = clean.run(&["-q", "send", "list.csv"]).ends(0);
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
    workspace
        .run(&["send", "list.csv", "--campaign", "a", "--fail-on", "suppressed,unknown"])
        .ends(3)
        .says("10 suppressed");
    workspace.run(&["send", "list.csv", "--campaign", "b", "--fail-on", "unknown,held"]).ends(0);
    workspace
        .run(&["send", "list.csv", "--campaign", "c", "--fail-on", "delivered"])
        .ends(2)
        .says("accepted");
}

#[test]
fn fail_over_tolerates_a_share_of_rejected() {
    let mut list = vec!["reject+1@example.com".to_owned(), "reject+2@example.com".to_owned()];
    list.extend(lists::addresses(38));
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let workspace = sandbox_of(&list);
    workspace
        .run(&["send", "list.csv", "--no-learn", "--campaign", "a"])
        .ends(3)
        .says("2 rejected");
    workspace
        .run(&["send", "list.csv", "--no-learn", "--campaign", "b", "--fail-over", "4.9%"])
        .ends(3);
    workspace
        .run(&["send", "list.csv", "--no-learn", "--campaign", "c", "--fail-over", "5%"])
        .ends(0);
    // Nothing was rejected by this command: it has nothing to do, and says how the run ended.
    workspace
        .run(&["send", "list.csv", "--no-learn", "--campaign", "a"])
        .ends(0)
        .says("nothing to do")
        .says("2 rejected, as when it ended");
}

#[test]
fn reports_are_written_in_the_format_of_their_suffix() {
    let workspace = quickstart();
    let names = ["x.csv", "x.json", "x.ndjson", "x.html", "x.xml", "x.md"];
    let flags: Vec<&str> = names.iter().flat_map(|name| ["--report", name]).collect();
    workspace.run(&[&["send", "list.csv"][..], &flags].concat()).ends(0);
    assert_eq!(
        workspace.read("x.csv"),
        workspace.read(format!(".mailbatch/reports/{}.csv", workspace.newest_run()))
    );

    let report = Report::read(workspace.join("x.csv"));
    let check = |row: &Value, index: usize| {
        assert_eq!(row["row"].as_u64(), Some(index as u64 + 1));
        assert_eq!(row["outcome"].as_str(), Some(report.column("mb_outcome")[index]));
        assert_eq!(row["email"].as_str(), Some(report.column("mb_email")[index]));
        assert_eq!(row["fields"]["id"].as_str(), Some(report.rows[index][0].as_str()));
        assert!(row.get("mb_row").is_none());
    };
    let text = workspace.read("x.ndjson");
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|row: &Value| row.get("row").is_some())
        .collect();
    assert_eq!(rows.len(), 1000);
    [0, 499, 999].into_iter().for_each(|index| check(&rows[index], index));
    let whole: Value = serde_json::from_str(&workspace.read("x.json")).unwrap();
    let rows = whole["rows"].as_array().or(whole.as_array()).expect("an array of rows");
    assert_eq!(rows.len(), 1000);
    [0, 499, 999].into_iter().for_each(|index| check(&rows[index], index));

    let html = workspace.read("x.html");
    assert!(
        html.starts_with("<!")
            && html.contains("965")
            && html.contains("yusuf.muller.389@example.com")
            && html.contains("unsubscribe")
    );
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
    assert_eq!(
        Report::read(workspace.join("some.csv")).counts(),
        BTreeMap::from([("invalid", 10), ("suppressed", 10)])
    );
    let rows = workspace
        .run(&["report", &run, "--format", "ndjson", "--outcome", "duplicate"])
        .ends(0)
        .objects();
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "duplicate").count(), 15);
    workspace
        .run(&["report", &run, "--format", "table", "--outcome", "suppressed"])
        .ends(0)
        .says("unsubscribe");
    workspace.run(&["report", "20000101-000000-none"]).ends(2);
}

#[test]
fn a_preview_is_the_message_of_one_recipient_and_leaves_no_trace() {
    let workspace = sandbox(40);
    let before = tree(workspace.path());
    workspace
        .run(&["preview", "list.csv"])
        .ends(0)
        .says("user0@example.com")
        .says("Hello Ann")
        .says("Number 0.");
    workspace
        .run(&["preview", "list.csv", "--row", "3"])
        .ends(0)
        .says("user2@example.org")
        .says("山田太郎")
        .says("Number 2.");
    workspace
        .run(&["preview", "list.csv", "--email", "USER7@example.net"])
        .ends(0)
        .says("Number 7.");
    workspace.run(&["preview", "list.csv", "--worst"]).ends(0).says("Hohenlohe");
    workspace.run(&["preview", "list.csv", "--row", "41"]).ends(4);
    workspace.run(&["preview", "list.csv", "--email", "nobody@example.com"]).ends(4);
    assert_eq!(before, tree(workspace.path()));
    workspace.run(&["preview", "list.csv", "--sample", "5", "--out", "previews"]).ends(0);
    let messages: Vec<String> =
        tree(&workspace.join("previews")).values().map(|raw| to(raw)).collect();
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
    workspace.run(&["check", "list.csv", "--max-invalid", "0.7%"]).ends(4);
    workspace.run(&["check", "list.csv", "--expect-count", "999"]).ends(4);
    workspace.run(&["check", "none.csv"]).ends(4);
    let told = workspace.run(&["check", "list.csv", "--json"]).ends(0).object();
    assert_eq!((told["input"].as_u64(), sum(&told)), (Some(1000), 1000));

    let odd = sandbox_of(&[
        "info@example.com",
        "ann@localhost",
        "\"\"\"quoted\"\"@example.com\"",
        "ben@example.com",
    ]);
    odd.run(&["check", "list.csv"]).ends(0).says("list.csv:2").says("list.csv:3");
    assert!(!odd.join("list.csv.rejected.csv").exists());
}

#[test]
fn why_tells_the_story_of_one_recipient() {
    let workspace = quickstart();
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0);
    let run = workspace.newest_run();
    workspace.run(&["why", &run, "DAVID.SILVA.2@mail.example"]).ends(0).says("accepted");
    workspace
        .run(&["why", &run, "yusuf.muller.389@example.com"])
        .ends(0)
        .says("suppressed")
        .says("unsubscribe")
        .says("list.csv:390");
    let told =
        workspace.run(&["why", "latest", "david.silva.2@mail.example", "--json"]).ends(0).object();
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
    assert_eq!(
        runs.iter().map(|run| run["campaign"].as_str().unwrap()).collect::<Vec<_>>(),
        ["spring", "message/list"],
        "newest first"
    );
    assert!(runs.iter().all(|run| sum(run) == 20));
    let older = runs[1]["run"].as_str().unwrap();
    workspace.run(&["runs"]).ends(0).says(older).says("message/list");
    workspace.run(&["runs", "list"]).ends(0).says("spring");
    workspace.run(&["runs", "show", older]).ends(0).says("held");
    workspace.run(&["status"]).ends(0).says("spring").says("100.0%");
    let status = workspace.run(&["status", older, "--json"]).ends(0).object();
    assert_eq!(
        (status["counts"]["held"].as_u64(), status["counts"]["accepted"].as_u64()),
        (Some(15), Some(5))
    );
    workspace.run(&["wait", older]).ends(0);
    workspace.run(&["status", "nonsense"]).ends(2);
}
