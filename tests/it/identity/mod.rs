//! A campaign without a name is one however its files are written, and a copy of a list is noticed.

mod older;
mod people;

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::peers::require;
use crate::support::ran::Ran;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists, workspace};

/// A sandbox workspace with lists of so many rows: `list.csv`, and `deep/er/` to start in.
fn sandbox(rows: usize) -> Workspace {
    let work = workspace();
    work.sandbox_config("").message("Hello {{ name }}", "Dear {{ name }}");
    work.file("list.csv", lists::csv(rows)).file("deep/er/note.txt", "");
    work
}

/// Runs the binary from a directory of the workspace.
fn run_in(work: &Workspace, dir: &str, arguments: &[&str]) -> Ran {
    let mut command = work.mailbatch();
    command.current_dir(work.join(dir)).args(arguments);
    Ran::from(command)
}

/// The corrected copy of a list: one name is another.
fn corrected(rows: usize) -> String {
    lists::csv(rows).replacen("\"Ann\"", "\"Anne\"", 1)
}

#[test]
fn every_spelling_of_list_message_and_workspace_is_one_campaign() {
    // Fewer people than a copy of a list is noticed by.
    let work = sandbox(3);
    let top = work.path().canonicalize().expect("it is there");
    let at = |path: &str| top.join(path).display().to_string();
    symlink("list.csv", work.join("latest.csv")).expect("writable");
    symlink("er", work.join("deep/link")).expect("writable");
    let elsewhere = workspace();
    symlink(&top, elsewhere.join("ws")).expect("writable");
    let linked = elsewhere.join("ws").display().to_string();
    let linked_list = elsewhere.join("ws/list.csv").display().to_string();
    work.run(&["send", "list.csv"]).ends(0);
    let before = work.mailed();
    assert_eq!(before.len(), 3);
    let spellings: Vec<(&str, Vec<&str>)> = vec![
        (".", vec!["send", "./list.csv"]),
        (".", vec!["send", "deep/../list.csv"]),
        (".", vec!["send", "latest.csv"]),
        (".", vec!["-C", ".", "send", "list.csv"]),
        (".", vec!["-C", "deep", "send", "../list.csv"]),
        (".", vec!["-c", "./deep/../mailbatch.toml", "send", "list.csv"]),
        (".", vec!["send", "list.csv", "--message", "message.md"]),
        (".", vec!["send", "list.csv", "--message", "./deep/../message.md"]),
        ("deep/er", vec!["send", "../../list.csv", "--message", "../../message.md"]),
        ("deep/link", vec!["send", "../../list.csv"]),
    ];
    for (dir, arguments) in &spellings {
        run_in(&work, dir, arguments).ends(0).says("nothing to do");
    }
    for arguments in [
        vec!["send".to_owned(), at("list.csv")],
        vec!["send".into(), at("list.csv"), "--message".into(), at("message.md")],
        vec!["-C".into(), linked.clone(), "send".into(), "list.csv".into()],
        vec!["send".into(), linked_list],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        work.run(&arguments).ends(0).says("nothing to do");
    }
    let config = work.read("mailbatch.toml");
    for file in ["./message.md", "deep/../message.md", &at("message.md")] {
        work.config(&config.replace("file = \"message.md\"", &format!("file = \"{file}\"")));
        work.run(&["send", "list.csv"]).ends(0).says("nothing to do");
    }
    // The same file twice is the same files, and has other rows.
    work.run(&["send", "list.csv", "./list.csv"]).ends(14).says("the list has changed");
    // Other files are other campaigns, also where only the case differs.
    work.file("List.csv", lists::csv_of(10..12));
    work.run(&["send", "List.csv"]).ends(0);
    assert_eq!(work.mailed().len(), 5);
}

#[test]
fn several_lists_are_one_campaign_in_any_order_and_a_list_elsewhere_keeps_its_absolute_path() {
    let work = sandbox(3);
    let away = workspace();
    away.file("more.csv", lists::csv_of(5..8));
    symlink(away.path(), work.join("away")).expect("writable");
    let more = away.join("more.csv").display().to_string();
    work.run(&["send", "list.csv", &more]).ends(0);
    work.run(&["send", "./list.csv", "away/more.csv"]).ends(0).says("nothing to do");
    work.run(&["send", "away/more.csv", "list.csv"])
        .ends(14)
        .says("the list has changed")
        .says("--campaign message/list+more");
    work.run(&["send", "away/more.csv", "list.csv", "--campaign", "message/list+more"]).ends(0);
    assert_eq!(work.mailed().len(), 6);
}

#[test]
fn a_workspace_that_is_moved_or_copied_goes_on_with_its_campaigns() {
    let parent = workspace();
    let copied = |from: &str, to: &str| {
        let done = Command::new("cp").args(["-a", from, to]).current_dir(parent.path()).status();
        assert!(done.expect("cp is everywhere").success());
    };
    let work = sandbox(4);
    let source = work.path().display().to_string();
    copied(&source, "first");
    let send = |dir: &str, list: &str| {
        let mut command = work.mailbatch();
        command.current_dir(parent.path()).args(["-C", dir, "send", list]);
        Ran::from(command)
    };
    send("first", "list.csv").ends(0);
    std::fs::create_dir(parent.join("deeper")).expect("writable");
    std::fs::rename(parent.join("first"), parent.join("deeper/moved")).expect("writable");
    send("deeper/moved", "./list.csv").ends(0).says("nothing to do");
    copied("deeper/moved", "copy");
    send("copy", "list.csv").ends(0).says("nothing to do");
    send("copy", &parent.join("copy/list.csv").display().to_string()).ends(0).says("nothing to do");
}

#[test]
fn a_workspace_that_is_mounted_elsewhere_goes_on_with_its_campaigns() {
    let work = sandbox(4);
    let mount = workspace();
    work.run(&["send", "list.csv"]).ends(0);
    let script = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
    let mounted = |arguments: &[&str]| {
        let usual = work.command();
        let mut command = Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(work.path())
            .arg(mount.path())
            .arg(usual.get_program());
        command.args(arguments).current_dir(work.path()).stdin(Stdio::null());
        command.output()
    };
    let there = mount.path().display().to_string();
    if !mounted(&["--version"]).is_ok_and(|done| done.status.success()) {
        let _: Option<()> = require("unshare", "no mount namespace is permitted here");
        return;
    }
    let original = work.join("list.csv").display().to_string();
    for arguments in [vec!["-C", &there, "send", "list.csv"], vec!["-C", &there, "send", &original]]
    {
        let done = mounted(&arguments).expect("it was tried");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() && said.contains("nothing to do"), "{arguments:?}: {said}");
    }
    assert_eq!(work.mailed().len(), 4);
}

#[test]
fn two_spellings_at_once_are_one_lock() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(100)));
    let work = relayed(&server, "in_flight = 1", 8);
    let mut first = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 1);
    work.run(&["send", "./list.csv"]).ends(11);
    work.run(&["send", "list.csv", "--message", "./message.md"]).ends(11);
    assert!(!first.has_ended());
    work.run(&["send", "./list.csv", "--wait-lock", "30s"]).ends(0).says("nothing to do");
    first.ends(0);
    assert_eq!(server.recipients(), everybody(8));
}

#[test]
fn whenever_it_is_killed_another_spelling_goes_on_with_it() {
    for pause in [0, 20, 60, 120, 250] {
        let server =
            Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(30)));
        let work = relayed(&server, "in_flight = 1", 9);
        let first = work.start(&["send", "list.csv"]);
        std::thread::sleep(Duration::from_millis(pause));
        first.kill();
        let code = work.run(&["send", "./deep/../list.csv", "--message", "./message.md"]).code;
        let code = if code == 4 {
            work.run(&["send", &work.join("list.csv").display().to_string()]).code
        } else {
            code
        };
        assert!([0, 6].contains(&code), "{code}");
        let mut got = server.recipients();
        let all = got.len();
        got.dedup();
        assert_eq!(got.len(), all, "nobody twice");
        let unknown = if code == 6 { work.report().with("unknown").len() } else { 0 };
        assert!(all + unknown >= 9, "{all} taken, {unknown} unknown");
    }
}

#[test]
fn a_link_that_leads_elsewhere_is_another_list_unless_it_has_the_same_rows() {
    let work = sandbox(3);
    let point = |to: &str| {
        let _ = std::fs::remove_file(work.join("latest.csv"));
        symlink(to, work.join("latest.csv")).expect("writable");
    };
    work.file("day1.csv", lists::csv(3))
        .file("day2.csv", lists::csv(3))
        .file("day3.csv", lists::csv_of(3..6));
    point("day1.csv");
    work.run(&["send", "latest.csv", "--limit", "2"]).ends(0);
    work.run(&["send", "day1.csv"]).ends(0);
    // The same rows in another file: the campaign goes on as it was spelled.
    point("day2.csv");
    work.run(&["send", "latest.csv"]).ends(0).says("nothing to do");
    work.run(&["send", "day2.csv"]).ends(0).says("nothing to do");
    point("day3.csv");
    work.run(&["send", "latest.csv", "--limit", "1"]).ends(0);
    assert_eq!(work.mailed().len(), 4);
    // What was begun through the link is finished before the link means another list.
    work.file("day4.csv", lists::csv_of(3..9));
    point("day4.csv");
    work.run(&["send", "latest.csv"])
        .ends(14)
        .says("a link leads elsewhere now")
        .says("is not finished");
    work.run(&["resume"]).ends(0);
    work.run(&["send", "day3.csv"]).ends(0).says("nothing to do");
    assert_eq!(work.mailed().len(), 6);
}

#[test]
fn a_name_is_one_in_either_normal_form_and_an_ambiguous_one_is_refused() {
    let work = sandbox(3);
    work.run(&["send", "list.csv", "--campaign", "fr\u{fc}hling"]).ends(0);
    work.run(&["send", "list.csv", "--campaign", " fru\u{308}hling "])
        .ends(0)
        .says("nothing to do");
    work.file("deep/list.csv", lists::csv_of(5..8));
    work.run(&["send", "list.csv"]).ends(0);
    work.run(&["send", "deep/list.csv"]).ends(0);
    let refused = work
        .run(&["send", "list.csv", "--campaign", "message/list"])
        .ends(2)
        .says("several campaigns are called message/list");
    let id = refused
        .err
        .split("--campaign '")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("an id")
        .to_owned();
    work.run(&["send", "list.csv", "deep/list.csv", "--campaign", &id]).ends(0);
    work.run(&["send", "list.csv", "--campaign", "message/list#nothing"]).ends(2);
}
