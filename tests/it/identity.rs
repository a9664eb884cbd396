//! A campaign without a name is one however its files are written, and a copy of a list is noticed.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use expectrl::{Expect, Session};
use rusqlite::Connection;

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
    work.run(&["send", "away/more.csv", "list.csv"]).ends(14).says("the list has changed").says("--campaign message/list+more");
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
        command.args(["-m", "sh", "-c", script, "sh"]).arg(work.path()).arg(mount.path()).arg(usual.get_program());
        command.args(arguments).current_dir(work.path()).stdin(Stdio::null());
        command.output()
    };
    let there = mount.path().display().to_string();
    if !mounted(&["--version"]).is_ok_and(|done| done.status.success()) {
        let _: Option<()> = require("unshare", "no mount namespace is permitted here");
        return;
    }
    let original = work.join("list.csv").display().to_string();
    for arguments in [vec!["-C", &there, "send", "list.csv"], vec!["-C", &there, "send", &original]] {
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
        let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(30)));
        let work = relayed(&server, "in_flight = 1", 9);
        let first = work.start(&["send", "list.csv"]);
        std::thread::sleep(Duration::from_millis(pause));
        first.kill();
        let code = work.run(&["send", "./deep/../list.csv", "--message", "./message.md"]).code;
        let code = if code == 4 { work.run(&["send", &work.join("list.csv").display().to_string()]).code } else { code };
        assert!([0, 6].contains(&code), "{code}");
        let mut got = server.recipients();
        let all = got.len();
        got.dedup();
        assert_eq!(got.len(), all, "nobody twice");
        let unknown = if code == 6 { work.report().with("unknown").len() } else { 0 };
        assert!(all + unknown >= 9, "{all} taken, {unknown} unknown");
    }
}

/// What makes a ledger one of version 4.
const AS_VERSION_4: &str = "
    DROP TABLE IF EXISTS aliases; DROP TABLE IF EXISTS sketches; DROP VIEW IF EXISTS pause; DROP TABLE IF EXISTS pauses;
    CREATE TABLE IF NOT EXISTS pause(only INTEGER PRIMARY KEY CHECK (only = 1), since INTEGER NOT NULL, reason TEXT NOT NULL);
    ALTER TABLE runs DROP COLUMN exit_reasons;
    PRAGMA user_version = 4;";

/// Makes the ledger one of version 4, whose campaign of the newest run has this id.
fn age(work: &Workspace, id: &str) {
    let ledger = Connection::open(work.join(".mailbatch/ledger.db")).expect("a ledger");
    let newest = "(SELECT max(seq) FROM runs)";
    ledger
        .execute_batch(&format!(
            "{AS_VERSION_4}
             UPDATE runs SET campaign = '{id}' WHERE seq = {newest};"
        ))
        .expect("a ledger");
}

/// The id that version 4 gave to a campaign: a digest of the paths as they were typed.
fn old_id(name: &str, message: &Path, list: &Path) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for path in [message, list] {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(&[0]);
    }
    let digest: String = hash.finish().as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}#{digest}")
}

#[test]
fn ids_of_an_older_ledger_are_found_by_any_spelling_and_carried_over_together() {
    for moved in [false, true] {
        let parent = workspace();
        let work = sandbox(4);
        let source = work.path().display().to_string();
        assert!(Command::new("cp").args(["-a", &source]).arg(parent.join("ws")).status().expect("cp is everywhere").success());
        let top = parent.path().canonicalize().expect("it is there").join("ws");
        let run = |dir: &Path, arguments: &[&str]| {
            let mut command = parent.mailbatch();
            command.current_dir(dir).args(arguments);
            Ran::from(command)
        };
        let ws = |dir: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(dir.join(".mailbatch/outbox")).expect("an outbox");
            entries.map(|entry| String::from_utf8(std::fs::read(entry.expect("readable").path()).expect("readable")).expect("text")).collect()
        };
        let aged = |id: &str| {
            let ledger = Connection::open(top.join(".mailbatch/ledger.db")).expect("a ledger");
            let sql = "UPDATE runs SET campaign = ?1 WHERE seq = (SELECT max(seq) FROM runs)";
            ledger.execute(sql, [id]).expect("a ledger");
            ledger.execute_batch(AS_VERSION_4).expect("a ledger");
        };
        // Two spellings, each a campaign of its own then: the first reached one person, the second another.
        run(&top, &["send", "list.csv", "--limit", "1"]).ends(0);
        run(&top, &["resume", "--abandon"]).ends(0);
        aged(&old_id("message/list", &top.join("message.md"), &top.join("list.csv")));
        run(&top, &["send", "./list.csv", "--where", "id == '2'", "--campaign", "second"]).ends(0);
        aged(&old_id("message/list", &top.join("message.md"), &top.join("deep").join("./../list.csv")));
        Connection::open(top.join(".mailbatch/ledger.db"))
            .and_then(|ledger| ledger.execute_batch("UPDATE runs SET lists = '[\"./../list.csv\"]' WHERE seq = (SELECT max(seq) FROM runs)"))
            .expect("a ledger");
        let now = if moved { parent.join("elsewhere") } else { top.clone() };
        if moved {
            std::fs::rename(&top, &now).expect("writable");
        }
        // The newest run has other rows, which is what is refused; under its name the campaign goes on, and nobody gets it twice.
        run(&now, &["send", "list.csv"]).ends(14).says("the list has changed");
        run(&now, &["send", "list.csv", "--campaign", "message/list"]).ends(0);
        let mut to: Vec<String> = ws(&now).iter().map(|mail| crate::support::ran::to(mail.as_bytes())).collect();
        to.sort();
        assert_eq!(to, everybody(4), "moved: {moved}");
        run(&now, &["send", "deep/../list.csv"]).ends(0).says("nothing to do");
    }
}

#[test]
fn a_corrected_copy_is_refused_until_it_is_said_what_is_meant() {
    let work = sandbox(20);
    work.run(&["send", "list.csv"]).ends(0);
    work.file("list-fixed.csv", corrected(20));
    for arguments in [&["send", "list-fixed.csv"][..], &["send", "list-fixed.csv", "-y"], &["send", "./list-fixed.csv", "--canary", "5"]] {
        let refused = work.run(arguments).ends(14);
        refused.says("20 of these 20 people had this message").says("--campaign message/list ").says("--again");
    }
    assert_eq!(work.mailed().len(), 20);
    work.run(&["send", "list-fixed.csv", "--dry-run"]).ends(0).says("20 of these 20 people").says("--again");
    assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "no run stays behind");
    // To go on with the campaign reaches those who are new.
    work.file("list-fixed.csv", corrected(21));
    work.run(&["send", "list-fixed.csv", "--campaign", "message/list"]).ends(0);
    assert_eq!(work.mailed(), everybody(21));
    // Another name is the operator's word, and is warned about.
    work.run(&["send", "list-fixed.csv", "--campaign", "other"]).ends(0).says("warning").says("of these 21 people had this message");
    assert_eq!(work.mailed().len(), 42);
    work.run(&["send", "list-fixed.csv", "--again"]).ends(0);
    assert_eq!(work.mailed().len(), 63);
    work.run(&["send", "list-fixed.csv"]).ends(0).says("nothing to do");
}

#[test]
fn it_takes_half_of_the_people_ten_of_them_and_the_same_message() {
    let work = sandbox(12);
    work.run(&["send", "list.csv"]).ends(0);
    // 12 of 24 are half, 12 of 25 are not; compressed, linked or not.
    work.file("half.csv", lists::csv(24)).file("less.csv", lists::csv(25)).file("nine.csv", lists::csv(9));
    work.run(&["send", "half.csv"]).ends(14).says("12 of these 24");
    std::fs::hard_link(work.join("list.csv"), work.join("hard.csv")).expect("writable");
    let gzip = "gzip -c list.csv > list.csv.gz";
    assert!(Command::new("sh").args(["-c", gzip]).current_dir(work.path()).status().expect("a shell").success());
    work.run(&["send", "hard.csv"]).ends(14);
    work.run(&["send", "list.csv.gz"]).ends(14);
    work.run(&["send", "less.csv"]).ends(0);
    work.run(&["send", "nine.csv"]).ends(0);
    work.file("other.md", "+++\nsubject = \"Other\"\n+++\nOther\n");
    work.run(&["send", "half.csv", "--message", "other.md"]).ends(0);
    // A run that was removed has reached those whom it reached.
    work.run(&["runs", "rm", &work.newest_run(), "--yes"]).ends(0);
    work.file("again.csv", lists::csv(20));
    let refused = work.run(&["send", "again.csv", "--message", "other.md"]).ends(14).says("20 of these 20");
    // It can be gone on with all the same.
    let id = refused.err.split("--campaign '").nth(1).and_then(|rest| rest.split('\'').next()).expect("an id").to_owned();
    let before = work.mailed().len();
    work.run(&["send", "again.csv", "--message", "other.md", "--campaign", &id]).ends(0);
    assert_eq!((work.mailed().len(), work.report().counts()["already_accepted"]), (before, 20));
}

#[test]
fn people_of_an_unfinished_run_count_as_far_as_they_were_reached() {
    let work = sandbox(40);
    work.run(&["send", "list.csv", "--limit", "12"]).ends(0);
    work.file("rest.csv", lists::csv_of(8..40)).file("most.csv", lists::csv(24));
    work.run(&["send", "most.csv"]).ends(14).says("12 of these 24");
    work.run(&["send", "rest.csv"]).ends(0);
}

#[test]
fn sandbox_redirected_and_other_environments_are_apart() {
    let server = Recorder::start();
    let work = relayed(&server, "", 15);
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[providers.box]\nkind = \"sandbox\"\n\n[env.staging]\n"));
    for name in ["one", "two", "three", "four", "five"] {
        work.file(format!("{name}.csv"), lists::csv(15));
    }
    work.run(&["send", "one.csv", "--provider", "box"]).ends(0);
    work.run(&["send", "two.csv", "--provider", "box"]).ends(14);
    work.run(&["send", "two.csv", "--provider", "relay", "--redirect-all-to", "me@example.com"]).ends(0);
    work.run(&["send", "three.csv", "--provider", "relay", "--redirect-all-to", "me@example.com"]).ends(0);
    work.run(&["send", "three.csv", "--provider", "relay", "--env", "staging"]).ends(0);
    work.run(&["send", "four.csv", "--provider", "relay"]).ends(0);
    work.run(&["send", "five.csv", "--provider", "relay"]).ends(14).says("15 of these 15");
    work.run(&["send", "five.csv", "--provider", "relay", "--redirect-all-to", "me@example.com"]).ends(0);
}

/// Runs the binary on a terminal and answers its question; what it says, and its exit code.
fn on_a_terminal(work: &Workspace, arguments: &[&str], answer: &str) -> (String, i32) {
    let mut command = work.command();
    command.args(arguments).env("TERM", "dumb").stdin(Stdio::inherit());
    let mut session = Session::spawn(command).expect("a terminal can be made");
    session.set_expect_timeout(Some(Duration::from_secs(30)));
    let asked = session.expect(expectrl::Any::boxed(vec![Box::new("[y/N]"), Box::new(expectrl::Eof)])).expect("it asks");
    let said = String::from_utf8_lossy(asked.before()).into_owned();
    assert!(String::from_utf8_lossy(asked.as_bytes()).contains("[y/N]"), "it does not ask: {said}");
    session.send_line(answer).expect("it reads");
    session.expect(expectrl::Eof).expect("it ends");
    let status = session.get_process().wait().expect("it ended");
    match status {
        expectrl::process::unix::WaitStatus::Exited(_, code) => (said, code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_terminal_is_asked_and_yes_does_not_answer() {
    let work = sandbox(20);
    work.run(&["send", "list.csv"]).ends(0);
    work.file("copy.csv", corrected(20));
    for arguments in [&["send", "copy.csv"][..], &["send", "copy.csv", "-y"]] {
        let (said, code) = on_a_terminal(&work, arguments, "n");
        assert!(said.contains("20 of these 20 people had this message"), "{said}");
        assert_eq!(code, 14);
    }
    assert_eq!(work.mailed().len(), 20);
    assert_eq!(on_a_terminal(&work, &["send", "copy.csv"], "y").1, 0);
    assert_eq!(work.mailed().len(), 40);
}

#[test]
fn a_link_that_leads_elsewhere_is_another_list_unless_it_has_the_same_rows() {
    let work = sandbox(3);
    let point = |to: &str| {
        let _ = std::fs::remove_file(work.join("latest.csv"));
        symlink(to, work.join("latest.csv")).expect("writable");
    };
    work.file("day1.csv", lists::csv(3)).file("day2.csv", lists::csv(3)).file("day3.csv", lists::csv_of(3..6));
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
    work.run(&["send", "latest.csv"]).ends(14).says("a link leads elsewhere now").says("is not finished");
    work.run(&["resume"]).ends(0);
    work.run(&["send", "day3.csv"]).ends(0).says("nothing to do");
    assert_eq!(work.mailed().len(), 6);
}

#[test]
fn a_name_is_one_in_either_normal_form_and_an_ambiguous_one_is_refused() {
    let work = sandbox(3);
    work.run(&["send", "list.csv", "--campaign", "fr\u{fc}hling"]).ends(0);
    work.run(&["send", "list.csv", "--campaign", " fru\u{308}hling "]).ends(0).says("nothing to do");
    work.file("deep/list.csv", lists::csv_of(5..8));
    work.run(&["send", "list.csv"]).ends(0);
    work.run(&["send", "deep/list.csv"]).ends(0);
    let refused = work.run(&["send", "list.csv", "--campaign", "message/list"]).ends(2).says("several campaigns are called message/list");
    let id = refused.err.split("--campaign '").nth(1).and_then(|rest| rest.split('\'').next()).expect("an id").to_owned();
    work.run(&["send", "list.csv", "deep/list.csv", "--campaign", &id]).ends(0);
    work.run(&["send", "list.csv", "--campaign", "message/list#nothing"]).ends(2);
}

#[test]
fn the_ledger_of_an_older_version_answers_for_its_runs() {
    let work = sandbox(20);
    work.run(&["send", "list.csv"]).ends(0);
    let top = work.path().canonicalize().expect("it is there");
    age(&work, &old_id("message/list", &top.join("message.md"), &top.join("list.csv")));
    work.file("copy.csv", lists::csv(20));
    work.run(&["send", "copy.csv"]).ends(14).says("20 of these 20 people");
    work.run(&["send", "./list.csv"]).ends(0).says("nothing to do");
}

#[test]
fn an_older_ledgers_lists_are_found_in_another_normal_form_and_outside_of_a_workspace_that_moved() {
    let work = sandbox(4);
    let top = work.path().canonicalize().expect("it is there");
    for (composed, decomposed) in [("fr\u{fc}hling.csv", "fru\u{308}hling.csv"), ("\u{e9}t\u{e9}/list.csv", "e\u{301}te\u{301}/list.csv")] {
        let (composed, decomposed) = (Path::new(composed), Path::new(decomposed));
        let _ = std::fs::create_dir(top.join(composed).parent().expect("a directory"));
        std::fs::copy(top.join("list.csv"), top.join(composed)).expect("room");
        work.run(&["send", &composed.display().to_string()]).ends(0);
        let name = if composed.components().count() > 1 { "message/list" } else { "message/fr\u{fc}hling" };
        age(&work, &old_id(name, &top.join("message.md"), &top.join(composed)));
        let first = |path: &Path| top.join(path.components().next().expect("a name"));
        std::fs::rename(first(composed), first(decomposed)).expect("writable");
        work.run(&["send", &decomposed.display().to_string()]).ends(0).says("nothing to do");
    }

    let parent = workspace();
    let source = sandbox(4);
    let top = parent.path().canonicalize().expect("it is there");
    let copied = Command::new("cp").arg("-a").arg(source.path()).arg(top.join("ws")).status().expect("cp is everywhere");
    assert!(copied.success());
    std::fs::rename(top.join("ws/list.csv"), top.join("away.csv")).expect("writable");
    let run = |dir: &str, arguments: &[&str]| {
        let mut command = parent.mailbatch();
        command.current_dir(top.join(dir)).args(arguments);
        Ran::from(command)
    };
    run("ws", &["send", "../away.csv"]).ends(0);
    let ledger = Connection::open(top.join("ws/.mailbatch/ledger.db")).expect("a ledger");
    let id = old_id("message/away", &top.join("ws/message.md"), &top.join("ws/../away.csv"));
    ledger.execute("UPDATE runs SET campaign = ?1", [id]).expect("a ledger");
    ledger.execute_batch(AS_VERSION_4).expect("a ledger");
    drop(ledger);
    std::fs::create_dir(top.join("deep")).expect("writable");
    std::fs::rename(top.join("ws"), top.join("deep/ws")).expect("writable");
    run("deep/ws", &["send", "../../away.csv"]).ends(0).says("nothing to do");
}

#[test]
fn of_two_copies_that_are_sent_at_once_one_is_refused() {
    for _ in 0..4 {
        let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
        let work = relayed(&server, "in_flight = 1", 30);
        work.file("copy.csv", corrected(30));
        let both = [work.start(&["send", "list.csv", "--yes"]), work.start(&["send", "copy.csv", "--yes"])];
        let mut ended = both.map(|send| send.ends_with(&[0, 14]));
        ended.sort_by_key(|ran| ran.code);
        assert_eq!([ended[0].code, ended[1].code], [0, 14]);
        let refused = &ended[1].err;
        assert!(refused.contains("of these 30 people") && refused.contains("this message") && refused.contains("--again"), "{refused}");
        assert_eq!(server.recipients(), everybody(30));
        assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "no run stays behind");
    }
}

#[test]
fn people_of_a_killed_run_who_are_still_to_come_count() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(50)));
    let work = relayed(&server, "in_flight = 1", 30);
    let send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 2);
    assert!(send.kill());
    work.file("copy.csv", corrected(30));
    let said = work.run(&["send", "copy.csv"]).ends(14).says("30 of these 30 people").says("about to get");
    assert!(said.err.contains("not finished"), "{}", said.err);
    let exit = work.run(&["resume"]).code;
    assert!(matches!(exit, 0 | 6), "{exit}");
    work.run(&["send", "copy.csv"]).ends(14).says("30 of these 30 people had this message");
}

#[test]
fn check_foresees_what_earlier_runs_keep_a_send_from() {
    let work = sandbox(20);
    work.file("copy.csv", corrected(20));
    work.run(&["check", "copy.csv"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0);
    work.run(&["check", "list.csv"]).ends(0);
    let sent = work.run(&["send", "copy.csv"]).ends(14);
    let checked = work.run(&["check", "copy.csv"]).ends(14).says("fix: --campaign");
    assert_eq!(checked.err, sent.err, "in the same words");
    let found = &work.run(&["check", "copy.csv", "--json"]).ends(14).object()["findings"][0];
    assert!(found["rule"] == "overlap" && found["what"].as_str().is_some_and(|what| what.starts_with("20 of these 20 people")), "{found}");
    work.run(&["check", "copy.csv", "--campaign", "other"]).ends(0).says("20 of these 20 people");
    work.run(&["check", "copy.csv", "--campaign", "message/list"]).ends(0);
    assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "it changes nothing");
    work.file("list.csv", lists::csv(21));
    let sent = work.run(&["send", "list.csv"]).ends(14);
    assert_eq!(work.run(&["check", "list.csv"]).ends(14).err, sent.err);
    work.message("Other", "Other");
    work.run(&["check", "copy.csv"]).ends(0);
}
