//! Read-only mounts and /run/secrets, as containers have them; the superuser cannot write there
//! either.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Output;

use super::{outbox, run, sandbox, stderr};
use crate::support::Workspace;
use crate::support::tools::OwnMounts;

fn mode(ws: &Workspace, name: &str, mode: u32) {
    std::fs::set_permissions(ws.join(name), PermissionsExt::from_mode(mode)).expect("a mode");
}

/// Runs the binary where these directories of the workspace are read-only.
fn with_read_only(mounts: &OwnMounts, ws: &Workspace, dirs: &[&str], arguments: &[&str]) -> Output {
    let before: Vec<String> = dirs.iter().map(|dir| OwnMounts::read_only(dir)).collect();
    mounts.command(ws, &before.join(" && "), arguments).output().expect("it runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn check_and_preview_do_their_work_on_a_read_only_mount() {
    let Some(mounts) = OwnMounts::find() else { return };
    let ws = sandbox();
    ws.file("ro/list.csv", "email,name\nann@example.com,Ann\nnot-an-address,Ben\n");
    let looks_on = |dirs: &[&str]| {
        let output =
            with_read_only(&mounts, &ws, dirs, &["check", "ro/list.csv", "--max-invalid", "50%"]);
        let (out, said) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{dirs:?}: {said}");
        assert!(
            out.contains("1  sendable")
                && out.contains("1  invalid")
                && out.contains("address has no @: ro/list.csv:3"),
            "{out}"
        );
        assert!(
            said.contains("ro/list.csv.rejected.csv") && said.contains("--rejected FILE"),
            "{said}"
        );
        let shown = with_read_only(&mounts, &ws, dirs, &["preview", "ro/list.csv", "--row", "1"]);
        assert!(
            shown.status.code() == Some(0) && stdout(&shown).contains("Hello Ann"),
            "{}",
            stderr(&shown)
        );
        said
    };
    looks_on(&["ro"]);
    // All of the workspace, with and without a ledger.
    assert!(looks_on(&["."]).contains("the state directory .mailbatch cannot be written"));
    assert_eq!(run(&ws, &["send", "list.csv"]).status.code(), Some(0));
    let said = looks_on(&["."]);
    assert!(
        said.contains("the state directory .mailbatch cannot be written")
            && said.contains("`send` would refuse to begin"),
        "{said}"
    );
    let dry = with_read_only(
        &mounts,
        &ws,
        &["."],
        &["send", "ro/list.csv", "--dry-run", "--max-invalid", "50%"],
    );
    assert_eq!(dry.status.code(), Some(0), "{}", stderr(&dry));
    assert!(
        stdout(&dry).contains("would go through")
            && stderr(&dry).contains("`send` would refuse to begin"),
        "{}{}",
        stdout(&dry),
        stderr(&dry)
    );
    // The file of bad rows goes where there is room.
    let named = with_read_only(
        &mounts,
        &ws,
        &["ro"],
        &["check", "ro/list.csv", "--max-invalid", "50%", "--rejected", "bad.csv"],
    );
    assert!(
        named.status.code() == Some(0) && ws.read("bad.csv").contains("not-an-address"),
        "{}",
        stderr(&named)
    );
}

#[test]
fn send_says_what_cannot_be_written_before_anything_leaves() {
    let Some(mounts) = OwnMounts::find() else { return };
    let ws = sandbox();
    ws.config(&format!("{}[suppression]\nfiles = [\"crm/stop.csv\"]\n", ws.read("mailbatch.toml")));
    ws.file("crm/stop.csv", "email\nx@example.net\n")
        .file("out/x", "")
        .file("ro/list.csv", "email,name\na@example.com,Ann\nreject+1@example.com,R\n");
    std::fs::create_dir_all(ws.join(".mailbatch")).expect("a directory");
    let refused = |dir: &str, arguments: &[&str], exit: i32, says: &str| {
        let output = with_read_only(&mounts, &ws, &[dir], arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(says) && said.contains("hint: "), "{arguments:?}: {said}");
        assert!(outbox(&ws).is_empty(), "{arguments:?} sent something");
    };
    refused(
        "out",
        &["send", "ro/list.csv", "--report", "out/r.csv"],
        2,
        "out/r.csv: cannot be written there",
    );
    refused(
        ".mailbatch",
        &["send", "ro/list.csv"],
        1,
        "the state directory .mailbatch cannot be written",
    );
    refused(".", &["send", "ro/list.csv"], 1, "the state directory .mailbatch cannot be written");
    // The suppression file: a warning, and the ledger keeps what is learned. The list is only read.
    let output = with_read_only(&mounts, &ws, &["crm", "ro"], &["send", "ro/list.csv"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let warned = said.find("crm/stop.csv cannot be written").unwrap_or_else(|| panic!("{said}"));
    assert!(
        said.find("starts:").is_some_and(|begun| warned < begun),
        "before anything leaves: {said}"
    );
    assert_eq!(outbox(&ws).len(), 1);
    assert_eq!(ws.read("crm/stop.csv"), "email\nx@example.net\n");
    assert_eq!(
        run(&ws, &["suppress", "check", "reject+1@example.com"]).status.code(),
        Some(0),
        "the ledger has it"
    );
    let output = with_read_only(&mounts, &ws, &["crm"], &["check", "ro/list.csv"]);
    assert!(
        output.status.code() == Some(0)
            && stderr(&output).contains("crm/stop.csv cannot be written"),
        "{}",
        stderr(&output)
    );
    let output = with_read_only(&mounts, &ws, &["crm"], &["suppress", "remove", "x@example.net"]);
    assert!(
        output.status.code() == Some(4)
            && stderr(&output).contains("crm/stop.csv cannot be changed"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn secrets_are_taken_from_read_only_mounts_and_run_secrets() {
    let Some(mounts) = OwnMounts::find() else { return };
    let ws = sandbox();
    let relay = |file: &str| {
        ws.smtp_config("smtp://user@127.0.0.1:9", &format!("password = {{ file = \"{file}\" }}"))
    };
    // As Kubernetes mounts a secret: links into a directory that is exchanged as a whole.
    relay("s/relay.key").file("s/..2026_11_29/relay.key", "pw\n");
    symlink("..2026_11_29", ws.join("s/..data")).expect("a link");
    symlink("..data/relay.key", ws.join("s/relay.key")).expect("a link");
    for (bits, code) in
        [(0o444, 0), (0o644, 0), (0o440, 0), (0o640, 0), (0o400, 0), (0o666, 2), (0o646, 2)]
    {
        mode(&ws, "s/..2026_11_29/relay.key", bits);
        let output = with_read_only(&mounts, &ws, &["s"], &["config", "validate"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{bits:o}: {said}");
        assert!(
            code == 0
                || (said.contains("command = \"cat 's/relay.key'\"") && !said.contains("chmod")),
            "the mode cannot be changed there: {said}"
        );
    }
    let by_command =
        ws.smtp_config("smtp://user@127.0.0.1:9", "password = { command = \"cat 's/relay.key'\" }");
    assert_eq!(
        with_read_only(&mounts, by_command, &["s"], &["config", "validate"]).status.code(),
        Some(0),
        "the way out works"
    );
    // As Docker mounts one; the file system need not be read-only.
    let at_run = |file: &str, bits: &str| {
        relay(file);
        let make = "mount -t tmpfs tmpfs /run && mkdir -p /run/secrets && printf 'pw\\n' > /run/secrets/relay_key";
        let output = mounts
            .command(
                &ws,
                &format!("{make} && chmod {bits} /run/secrets/relay_key"),
                &["config", "validate"],
            )
            .output()
            .expect("it runs");
        (output.status.code(), stderr(&output))
    };
    let paths: &[&str] = if std::fs::canonicalize("/var/run")
        .is_ok_and(|path| path == std::path::Path::new("/run"))
    {
        &["/run/secrets/relay_key", "/var/run/secrets/relay_key"]
    } else {
        &["/run/secrets/relay_key"]
    };
    for file in paths {
        for bits in ["0444", "0644", "0400", "0600"] {
            let (code, said) = at_run(file, bits);
            assert_eq!(code, Some(0), "{file} {bits}: {said}");
        }
        let (code, said) = at_run(file, "0666");
        assert!(
            code == Some(2) && said.contains("others can read or change this secret"),
            "{file}: {said}"
        );
    }
}
