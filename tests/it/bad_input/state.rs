//! Suppression files, reports and state that are damaged, missing or in the way.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{
    LIST, REFUSED, USAGE, as_nobody, is_refused, outbox, relay, run, sandbox, sends, stderr,
};
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::{lists, wait_for, workspace};

#[test]
fn garbage_in_a_suppression_file_stops_the_send_by_line() {
    let ws = sandbox();
    ws.config(&format!("{}[suppression]\nfiles = [\"stop.csv\"]\n", ws.read("mailbatch.toml")));
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["stop.csv"]);
    for (text, says) in [
        ("x@example.com\n????\n", "stop.csv:2: "),
        ("email,reason\nx@example.com,because\n", "stop.csv:2: reason"),
        ("sha256:abc\n", "stop.csv:1: "),
        ("email,expires_at\nx@example.com,soon\n", "stop.csv:2: "),
        ("\u{1}\u{2}\u{3}\n", "stop.csv:1: "),
    ] {
        ws.file("stop.csv", text);
        is_refused(&ws, &["send", "list.csv"], REFUSED, &[says]);
        is_refused(&ws, &["check", "list.csv"], REFUSED, &[says]);
    }
    ws.file("stop.csv", b"\xff\xfe\x00\x80garbage\n");
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["stop.csv:1: "]);
    is_refused(&ws, &["send", "list.csv", "--suppress", "missing.csv"], REFUSED, &[]);
    ws.file("stop.csv", "b@example.com\n");
    sends(&ws, &["send", "list.csv"], 1);
}

#[test]
fn without_a_workspace_the_way_to_make_one_is_told() {
    let ws = workspace();
    ws.file("list.csv", LIST);
    for arguments in [
        &["send", "list.csv"][..],
        &["check", "list.csv"],
        &["status"],
        &["runs"],
        &["suppress", "list"],
        &["pause"],
    ] {
        is_refused(
            &ws,
            arguments,
            USAGE,
            &["no mailbatch.toml here or above", "config init", "-C DIR"],
        );
    }
    assert!(!ws.join(".mailbatch").exists(), "nothing is made");
    is_refused(
        &ws,
        &["-C", "nowhere", "send", "list.csv"],
        USAGE,
        &["nowhere", "-C takes a directory"],
    );
    is_refused(&ws, &["-c", "nowhere.toml", "send", "list.csv"], USAGE, &["nowhere.toml"]);
    assert_eq!(run(&ws, &["config", "init"]).status.code(), Some(0));
    let output = run(&ws, &["check", "list.csv", "--max-invalid", "100%"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let ws = sandbox();
    ws.file("blocked", "").file("folder.csv/x", "");
    is_refused(
        &ws,
        &["send", "list.csv", "--report", "blocked/report.csv"],
        USAGE,
        &["--report", "blocked/report.csv"],
    );
    is_refused(
        &ws,
        &["send", "list.csv", "--report", "folder.csv"],
        USAGE,
        &["--report", "folder.csv: is a directory"],
    );
    is_refused(
        &ws,
        &["send", "list.csv", "--report", "report.pdf"],
        USAGE,
        &["report.pdf", ".csv .ndjson"],
    );
    sends(&ws, &["send", "list.csv", "--report", "out/report.csv"], 2);
    assert_eq!(ws.read("out/report.csv").lines().count(), 3);
    // There is nothing to send any more, and the report that was asked for is written all the same.
    sends(&ws, &["send", "list.csv", "--report", "out/again.ndjson"], 2);
    assert_eq!(ws.read("out/again.ndjson").lines().count(), 2);
}

#[test]
fn a_damaged_ledger_stops_everything_with_what_to_do() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    let good = std::fs::read(ws.join(".mailbatch/ledger.db")).expect("a ledger");
    ws.file(".mailbatch/ledger.db", "garbage ".repeat(2_000));
    for arguments in
        [&["send", "list.csv"][..], &["resume"], &["status"], &["runs"], &["report", "latest"]]
    {
        is_refused(
            &ws,
            arguments,
            USAGE,
            &["ledger.db: ", "a text file", "backup", "--ledger-lost"],
        );
    }
    ws.file(".mailbatch/ledger.db", &good[..good.len() / 2]);
    is_refused(
        &ws,
        &["send", "list.csv"],
        USAGE,
        &["ledger.db: ", "a database that was cut short", "backup"],
    );
    ws.file(".mailbatch/ledger.db", good);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    let version = |number: u32| {
        let ledger = rusqlite::Connection::open(ws.join(".mailbatch/ledger.db")).expect("a ledger");
        let before: u32 =
            ledger.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
        ledger.pragma_update(None, "user_version", number).expect("writable");
        before
    };
    let before = version(999);
    is_refused(&ws, &["send", "list.csv"], USAGE, &["ledger.db: ", "999", "newer mailbatch"]);
    version(before);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_told() {
    let ws = sandbox();
    ws.file(".mailbatch", "");
    is_refused(&ws, &["send", "list.csv"], 1, &[".mailbatch"]);
    std::fs::remove_file(ws.join(".mailbatch")).expect("it was there");
    std::fs::create_dir(ws.join(".mailbatch")).expect("a directory");
    std::fs::set_permissions(ws.join(".mailbatch"), PermissionsExt::from_mode(0o500))
        .expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(".mailbatch") && said.contains("denied") && said.contains("hint: "),
        "{said}"
    );
    std::fs::set_permissions(ws.join(".mailbatch"), PermissionsExt::from_mode(0o700))
        .expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    assert_eq!((output.status.code(), outbox(&ws).len()), (Some(0), 2), "{}", stderr(&output));
}

#[test]
fn a_ledger_that_cannot_grow_stops_before_the_wire_and_goes_on_later() {
    let recorder = Recorder::start();
    let ws = relay(&recorder.url());
    ws.file("list.csv", lists::csv(3_000));
    // Files of at most 128 kB: the plan does not fit. The signal that would kill is ignored, so
    // writing fails as on a full disk.
    let binary = ws.command().get_program().to_owned();
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" send list.csv --max-invalid 100%";
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg(binary)
        .current_dir(ws.path())
        .env_clear()
        .env("HOME", ws.path())
        .stdin(Stdio::null());
    let output = command.output().expect("sh");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ledger.db") && said.contains("hint: "), "{said}");
    assert_eq!(recorder.connections(), 0);
    let output = run(&ws, &["send", "list.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut expected = lists::addresses(3_000);
    expected.sort();
    assert_eq!(recorder.recipients(), expected);
}

#[test]
fn a_second_run_of_the_campaign_is_locked_out_or_waits() {
    let recorder =
        Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(300)));
    let ws = relay(&recorder.url());
    ws.config(&ws.read("mailbatch.toml").replace("final = \"400ms\"", "final = \"20s\""));
    ws.config(&format!("{}in_flight = 1\n", ws.read("mailbatch.toml")));
    ws.file("list.csv", lists::csv(6));
    let mut first = ws.spawn(&["send", "list.csv"]);
    assert!(wait_for(|| recorder.connections() > 0, Duration::from_secs(20)));
    is_refused(
        &ws,
        &["send", "list.csv"],
        11,
        &["another run of the campaign message/list", "--wait-lock"],
    );
    let waited = run(&ws, &["send", "list.csv", "--wait-lock", "30s"]);
    assert_eq!(waited.status.code(), Some(0), "{}", stderr(&waited));
    assert!(stderr(&waited).contains("nothing to do"), "{}", stderr(&waited));
    assert!(first.wait().expect("it was started").success());
    assert_eq!(recorder.count(), 6);
}

#[test]
fn a_changed_list_or_message_is_refused_with_what_changed() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    ws.file("list.csv", format!("{LIST}c@example.com,Cem\n"));
    let said = is_refused(
        &ws,
        &["send", "list.csv"],
        14,
        &["the list has changed", "--campaign message/list"],
    );
    assert!(!said.contains('#'), "{said}");
    ws.message("Ho {{ name }}", "Hello {{ name }}");
    is_refused(&ws, &["send", "list.csv"], 14, &["the list and the message have changed"]);
    ws.file("list.csv", LIST);
    is_refused(&ws, &["send", "list.csv"], 14, &["the message has changed"]);
    ws.message("Hi {{ name }}", "Hello {{ name }}");
    sends(&ws, &["send", "list.csv"], 2);
}
