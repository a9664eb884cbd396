//! Files and directories that can be read and not written, and secrets as orchestrators mount them.

use std::os::unix::fs::PermissionsExt;

use super::{as_nobody, outbox, run, sandbox, stderr};
use crate::support::Workspace;

fn mode(ws: &Workspace, name: &str, mode: u32) {
    std::fs::set_permissions(ws.join(name), PermissionsExt::from_mode(mode)).expect("a mode");
}

#[test]
fn a_suppression_file_that_cannot_be_written_never_ends_a_run() {
    let ws = sandbox();
    ws.config(&format!("{}[suppression]\nfiles = [\"crm/stop.csv\"]\n", ws.read("mailbatch.toml")));
    ws.file("crm/stop.csv", "email\nx@example.net\n").file(
        "list.csv",
        "email,name\na@example.com,Ann\nreject+1@example.com,R\nb@example.com,B\n",
    );
    let mut check = as_nobody(&ws);
    mode(&ws, "crm/stop.csv", 0o444);
    mode(&ws, "crm", 0o555);
    let output = check.args(["check", "list.csv"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("crm/stop.csv cannot be written"), "{}", stderr(&output));
    let send = |list: &str| {
        let mut command = as_nobody(&ws);
        mode(&ws, "crm", 0o555);
        command.args(["send", list]).output().expect("it runs")
    };
    let output = send("list.csv");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "one is rejected, and that is all: {said}");
    assert!(
        said.find("crm/stop.csv cannot be written") < said.find("starts:"),
        "before anything leaves: {said}"
    );
    assert_eq!(outbox(&ws).len(), 2, "{said}");
    assert_eq!(ws.read("crm/stop.csv"), "email\nx@example.net\n");
    // The ledger has what the file could not take.
    ws.file("other.csv", "email,name\nreject+1@example.com,R\n");
    let output = send("other.csv");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("suppressed"), "{output:?}");
}

#[test]
fn check_prints_its_counts_where_its_file_cannot_be_written() {
    let ws = sandbox();
    ws.file("ro/list.csv", "email,name\nann@example.com,Ann\nnot-an-address,Ben\n");
    let mut check = as_nobody(&ws);
    mode(&ws, "ro", 0o555);
    let output =
        check.args(["check", "ro/list.csv", "--max-invalid", "100%"]).output().expect("it runs");
    let (said, out) = (stderr(&output), String::from_utf8_lossy(&output.stdout).into_owned());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(out.contains("1  sendable") && out.contains("1  invalid"), "{out}");
    assert!(said.contains("ro/list.csv.rejected.csv") && said.contains("warning"), "{said}");
}

#[test]
fn secrets_are_taken_as_orchestrators_mount_them_or_the_way_out_is_one_that_works() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only the superuser makes files of the superuser");
        return;
    }
    let ws = sandbox();
    ws.smtp_config("smtp://user@127.0.0.1:9", "password = { file = \"s/relay.key\" }")
        .file("s/..data/relay.key", "pw\n");
    std::os::unix::fs::symlink("..data/relay.key", ws.join("s/relay.key")).expect("a link");
    for (bits, code) in
        [(0o600, 0), (0o640, 0), (0o400, 0), (0o440, 0), (0o644, 2), (0o660, 2), (0o444, 2)]
    {
        mode(&ws, "s/..data/relay.key", bits);
        let output = run(&ws, &["config", "validate"]);
        assert_eq!(output.status.code(), Some(code), "{bits:o}: {}", stderr(&output));
    }
    // Of another owner: chmod would be refused, and the hint names what is not.
    let mut validate = as_nobody(&ws);
    let chown = std::process::Command::new("chown")
        .arg("1")
        .arg(ws.join("s/..data/relay.key"))
        .status()
        .expect("chown");
    assert!(chown.success());
    mode(&ws, "s/..data/relay.key", 0o444);
    let output = validate.args(["config", "validate"]).output().expect("it runs");
    let said = stderr(&output);
    assert!(
        output.status.code() == Some(2)
            && said.contains("command = \"cat 's/relay.key'\"")
            && !said.contains("chmod"),
        "{said}"
    );
}

#[test]
fn bad_rows_go_where_rejected_names_a_place() {
    let ws = sandbox();
    ws.file("bad.csv", "email,name\nann@example.com,Ann\nnot-an-address,Ben\n")
        .file("worse.csv", "email,name\nnor-this,Cy\n");
    let output = run(
        &ws,
        &["check", "bad.csv", "worse.csv", "--max-invalid", "100%", "--rejected", "out/rows.csv"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let rows = ws.read("out/rows.csv");
    assert!(rows.contains("not-an-address") && rows.contains("nor-this"), "{rows}");
    assert!(!ws.join("bad.csv.rejected.csv").exists());
    let output = run(&ws, &["check", "list.csv", "--rejected", "out/rows.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!ws.read("out/rows.csv").contains("not-an-address"), "no row is bad now");
    for place in
        ["list.csv", "message.md", "mailbatch.toml", ".mailbatch/x.csv", "message.md/x.csv"]
    {
        let output = run(&ws, &["check", "list.csv", "--rejected", place]);
        assert!(
            output.status.code() == Some(2) && stderr(&output).contains("hint: "),
            "{place}: {}",
            stderr(&output)
        );
    }
    // A list that is named as the bad rows of another would be is no place for them.
    ws.file("bad.csv.rejected.csv", "email,name\nzoe@example.com,Zoe\n");
    let output = run(&ws, &["check", "bad.csv", "bad.csv.rejected.csv", "--max-invalid", "100%"]);
    assert!(
        output.status.code() == Some(0) && stderr(&output).contains("--rejected FILE"),
        "{}",
        stderr(&output)
    );
    assert!(ws.read("bad.csv.rejected.csv").contains("zoe@example.com"));
}

#[test]
fn a_state_directory_that_cannot_be_written_is_said_by_check_and_refused_by_send() {
    let ws = sandbox();
    let mut first = as_nobody(&ws);
    assert!(first.args(["send", "list.csv"]).status().expect("it runs").success());
    let mut check = as_nobody(&ws);
    mode(&ws, ".mailbatch", 0o555);
    mode(&ws, ".mailbatch/ledger.db", 0o444);
    let output = check.args(["check", "list.csv"]).output().expect("it runs");
    let (said, out) = (stderr(&output), String::from_utf8_lossy(&output.stdout).into_owned());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        out.contains("2  sendable")
            && said.contains("the state directory .mailbatch cannot be written"),
        "{out}{said}"
    );
    ws.file("other.csv", "email,name\nc@example.com,Cy\n");
    let before = outbox(&ws).len();
    let mut send = as_nobody(&ws);
    mode(&ws, ".mailbatch", 0o555);
    mode(&ws, ".mailbatch/ledger.db", 0o444);
    let output = send.args(["send", "other.csv"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the state directory .mailbatch cannot be written")
            && said.contains("hint: "),
        "{said}"
    );
    assert_eq!(outbox(&ws).len(), before);
}

#[test]
fn what_bounces_say_is_kept_where_the_suppression_file_cannot_be_written() {
    let ws = sandbox();
    ws.config(&format!("{}[suppression]\nfiles = [\"crm/stop.csv\"]\n", ws.read("mailbatch.toml")));
    ws.file("crm/stop.csv", "email\nx@example.net\n");
    assert_eq!(run(&ws, &["send", "list.csv"]).status.code(), Some(0));
    ws.file(
        "bounce.eml",
        "From: MAILER-DAEMON@mx.example.com\nTo: news@acme.example\nSubject: Undelivered\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nNo such user.\n\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; a@example.com\n\
         Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n--b--\n",
    );
    let mut ingest = as_nobody(&ws);
    mode(&ws, "crm/stop.csv", 0o444);
    mode(&ws, "crm", 0o555);
    let output = ingest.args(["events", "ingest", "bounce.eml"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("crm/stop.csv cannot be written"), "{said}");
    assert_eq!(ws.read("crm/stop.csv"), "email\nx@example.net\n");
    let output = run(&ws, &["suppress", "check", "a@example.com"]);
    assert_eq!(output.status.code(), Some(0), "the ledger has it: {}", stderr(&output));
}

#[test]
fn a_directory_of_another_user_inside_the_state_directory_is_said_before_anything_leaves() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only the superuser makes directories of the superuser");
        return;
    }
    let ws = sandbox();
    let mut first = as_nobody(&ws);
    assert!(first.args(["send", "list.csv"]).status().expect("it runs").success());
    let before = outbox(&ws).len();
    ws.file("other.csv", "email,name\nc@example.com,Cy\n");
    for dir in ["reports", "outbox"] {
        let mut check = as_nobody(&ws);
        let mut send = as_nobody(&ws);
        let chown = |to: &str| {
            std::process::Command::new("chown")
                .arg(to)
                .arg(ws.join(".mailbatch").join(dir))
                .status()
                .expect("chown")
        };
        assert!(chown("0").success());
        let checked = check.args(["check", "other.csv"]).output().expect("it runs");
        assert!(
            checked.status.code() == Some(0)
                && stderr(&checked)
                    .contains(&format!("state directory .mailbatch/{dir} cannot be written"))
        );
        let sent = send.args(["send", "other.csv"]).output().expect("it runs");
        let said = stderr(&sent);
        assert!(
            sent.status.code() == Some(1)
                && said.contains(&format!(".mailbatch/{dir} cannot be written"))
                && said.contains("hint: "),
            "{said}"
        );
        assert_eq!(outbox(&ws).len(), before);
    }
}
