//! What people and machines get wrong: each mistake is answered with what, where and how to mend
//! it, nothing is sent before it is mended, and the mended start sends to everybody once.

mod config;
mod denied;
mod input;
mod message;
mod mounts;
mod places;
mod servers;
mod state;

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::{Workspace, workspace};

const USAGE: i32 = 2;
const REFUSED: i32 = 4;
const LIST: &str = "email,name\na@example.com,Ann\nb@example.com,Ben\n";

/// A workspace with the sandbox, a message that greets by name, and a list of two.
fn sandbox() -> Workspace {
    let ws = workspace();
    ws.sandbox_config("").message("Hi {{ name }}", "Hello {{ name }}").file("list.csv", LIST);
    ws
}

/// A workspace that sends to a relay which answers soon or never.
fn relay(url: &str) -> Workspace {
    let ws = workspace();
    let quick = "timeouts = { connect = \"2s\", command = \"400ms\", data = \"400ms\", final = \"400ms\" }\n\
                 retry = { for = \"1s\", base = \"50ms\", max = \"100ms\" }";
    ws.smtp_config(url, quick).message("Hi {{ name }}", "Hello {{ name }}").file("list.csv", LIST);
    ws
}

fn run(ws: &Workspace, arguments: &[&str]) -> Output {
    ws.mailbatch()
        .args(arguments)
        .timeout(Duration::from_secs(60))
        .output()
        .expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The messages the sandbox keeps.
fn outbox(ws: &Workspace) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(ws.join(".mailbatch/outbox")) else { return Vec::new() };
    entries
        .map(|entry| std::fs::read(entry.expect("a readable outbox").path()).expect("a message"))
        .collect()
}

/// The command ends with `exit`, says all of `says` and a hint on standard error, nothing on
/// standard output, and sends nothing.
#[track_caller]
fn is_refused(ws: &Workspace, arguments: &[&str], exit: i32, says: &[&str]) -> String {
    let before = outbox(ws).len();
    let output = run(ws, arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    for part in says {
        assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
    }
    assert!(said.contains("hint: "), "{arguments:?} gives no hint: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(
        output.stdout.is_empty(),
        "{arguments:?} writes to standard output: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(outbox(ws).len(), before, "{arguments:?} sent something");
    said
}

/// The mended command ends well, and the sandbox has taken `count` messages in all.
#[track_caller]
fn sends(ws: &Workspace, arguments: &[&str], count: usize) {
    let output = run(ws, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    assert_eq!(outbox(ws).len(), count, "{arguments:?}: {}", stderr(&output));
}

/// The binary as somebody for whom permissions count: the superuser reads and writes whatever it
/// likes.
fn as_nobody(ws: &Workspace) -> Command {
    const NOBODY: u32 = 65_534;
    let usual = ws.command();
    if !rustix::process::geteuid().is_root() {
        return usual;
    }
    let binary = ws.join("mailbatch-for-nobody");
    if !binary.exists() && std::fs::hard_link(usual.get_program(), &binary).is_err() {
        std::fs::copy(usual.get_program(), &binary).expect("room for a copy");
    }
    let mut give = Command::new("chown");
    // The binary may be a link to the one that was built: it keeps its owner.
    let entries = std::fs::read_dir(ws.path())
        .expect("a workspace")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| *path != binary);
    assert!(
        give.arg("-R").arg(NOBODY.to_string()).args(entries).status().expect("chown").success()
    );
    assert!(
        Command::new("chown")
            .arg(NOBODY.to_string())
            .arg(ws.path())
            .status()
            .expect("chown")
            .success()
    );
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("HOME", ws.path())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(ws.path())
        .stdin(Stdio::null())
        .uid(NOBODY)
        .gid(NOBODY);
    command
}
