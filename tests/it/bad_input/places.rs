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
    ws.file("crm/stop.csv", "email\nx@example.net\n").file("list.csv", "email,name\na@example.com,Ann\nreject+1@example.com,R\nb@example.com,B\n");
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
    assert!(said.find("crm/stop.csv cannot be written") < said.find("starts:"), "before anything leaves: {said}");
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
    let output = check.args(["check", "ro/list.csv", "--max-invalid", "100%"]).output().expect("it runs");
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
    ws.smtp_config("smtp://user@127.0.0.1:9", "password = { file = \"s/relay.key\" }").file("s/..data/relay.key", "pw\n");
    std::os::unix::fs::symlink("..data/relay.key", ws.join("s/relay.key")).expect("a link");
    for (bits, code) in [(0o600, 0), (0o640, 0), (0o400, 0), (0o440, 0), (0o644, 2), (0o660, 2), (0o444, 2)] {
        mode(&ws, "s/..data/relay.key", bits);
        let output = run(&ws, &["config", "validate"]);
        assert_eq!(output.status.code(), Some(code), "{bits:o}: {}", stderr(&output));
    }
    // Of another owner: chmod would be refused, and the hint names what is not.
    let mut validate = as_nobody(&ws);
    let chown = std::process::Command::new("chown").arg("1").arg(ws.join("s/..data/relay.key")).status().expect("chown");
    assert!(chown.success());
    mode(&ws, "s/..data/relay.key", 0o444);
    let output = validate.args(["config", "validate"]).output().expect("it runs");
    let said = stderr(&output);
    assert!(output.status.code() == Some(2) && said.contains("command = \"cat 's/relay.key'\"") && !said.contains("chmod"), "{said}");
}
