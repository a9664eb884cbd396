//! Campaigns of a ledger that an earlier version wrote go on, however their lists are spelled.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use super::sandbox;
use crate::support::ran::Ran;
use crate::support::running::everybody;
use crate::support::{Workspace, lists, workspace};

/// What makes a ledger one of version 4.
const AS_VERSION_4: &str = "
    DROP TABLE IF EXISTS aliases; DROP TABLE IF EXISTS sketches; DROP TABLE IF EXISTS used_tokens;
    DROP VIEW IF EXISTS pause; DROP TABLE IF EXISTS pauses;
    CREATE TABLE IF NOT EXISTS pause(only INTEGER PRIMARY KEY CHECK (only = 1), since INTEGER NOT NULL, reason TEXT NOT NULL);
    ALTER TABLE runs DROP COLUMN exit_reasons; ALTER TABLE fields DROP COLUMN files;
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
    let digest: String =
        hash.finish().as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}#{digest}")
}

#[test]
fn ids_of_an_older_ledger_are_found_by_any_spelling_and_carried_over_together() {
    for moved in [false, true] {
        let parent = workspace();
        let work = sandbox(4);
        let source = work.path().display().to_string();
        assert!(
            Command::new("cp")
                .args(["-a", &source])
                .arg(parent.join("ws"))
                .status()
                .expect("cp is everywhere")
                .success()
        );
        let top = parent.path().canonicalize().expect("it is there").join("ws");
        let run = |dir: &Path, arguments: &[&str]| {
            let mut command = parent.mailbatch();
            command.current_dir(dir).args(arguments);
            Ran::from(command)
        };
        let ws = |dir: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(dir.join(".mailbatch/outbox")).expect("an outbox");
            entries
                .map(|entry| {
                    String::from_utf8(
                        std::fs::read(entry.expect("readable").path()).expect("readable"),
                    )
                    .expect("text")
                })
                .collect()
        };
        let aged = |id: &str| {
            let ledger = Connection::open(top.join(".mailbatch/ledger.db")).expect("a ledger");
            let sql = "UPDATE runs SET campaign = ?1 WHERE seq = (SELECT max(seq) FROM runs)";
            ledger.execute(sql, [id]).expect("a ledger");
            ledger.execute_batch(AS_VERSION_4).expect("a ledger");
        };
        // Two spellings, each a campaign of its own then: the first reached one person, the second
        // another.
        run(&top, &["send", "list.csv", "--limit", "1"]).ends(0);
        run(&top, &["resume", "--abandon"]).ends(0);
        aged(&old_id("message/list", &top.join("message.md"), &top.join("list.csv")));
        run(&top, &["send", "./list.csv", "--where", "id == '2'", "--campaign", "second"]).ends(0);
        aged(&old_id(
            "message/list",
            &top.join("message.md"),
            &top.join("deep").join("./../list.csv"),
        ));
        Connection::open(top.join(".mailbatch/ledger.db"))
            .and_then(|ledger| ledger.execute_batch("UPDATE runs SET lists = '[\"./../list.csv\"]' WHERE seq = (SELECT max(seq) FROM runs)"))
            .expect("a ledger");
        let now = if moved { parent.join("elsewhere") } else { top.clone() };
        if moved {
            std::fs::rename(&top, &now).expect("writable");
        }
        // The newest run has other rows, which is what is refused; under its name the campaign goes
        // on, and nobody gets it twice.
        run(&now, &["send", "list.csv"]).ends(14).says("the list has changed");
        run(&now, &["send", "list.csv", "--campaign", "message/list"]).ends(0);
        let mut to: Vec<String> =
            ws(&now).iter().map(|mail| crate::support::ran::to(mail.as_bytes())).collect();
        to.sort();
        assert_eq!(to, everybody(4), "moved: {moved}");
        run(&now, &["send", "deep/../list.csv"]).ends(0).says("nothing to do");
    }
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
    for (composed, decomposed) in [
        ("fr\u{fc}hling.csv", "fru\u{308}hling.csv"),
        ("\u{e9}t\u{e9}/list.csv", "e\u{301}te\u{301}/list.csv"),
    ] {
        let (composed, decomposed) = (Path::new(composed), Path::new(decomposed));
        let _ = std::fs::create_dir(top.join(composed).parent().expect("a directory"));
        std::fs::copy(top.join("list.csv"), top.join(composed)).expect("room");
        work.run(&["send", &composed.display().to_string()]).ends(0);
        let name = if composed.components().count() > 1 {
            "message/list"
        } else {
            "message/fr\u{fc}hling"
        };
        age(&work, &old_id(name, &top.join("message.md"), &top.join(composed)));
        let first = |path: &Path| top.join(path.components().next().expect("a name"));
        std::fs::rename(first(composed), first(decomposed)).expect("writable");
        work.run(&["send", &decomposed.display().to_string()]).ends(0).says("nothing to do");
    }

    let parent = workspace();
    let source = sandbox(4);
    let top = parent.path().canonicalize().expect("it is there");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(source.path())
        .arg(top.join("ws"))
        .status()
        .expect("cp is everywhere");
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
