//! A ledger that is there and cannot be used: the cause is named with what mends it, and nothing
//! that would send the ledger away.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{as_nobody, outbox, sandbox, sends, stderr};

const COMMANDS: [&[&str]; 3] =
    [&["send", "list.csv"], &["resume"], &["send", "list.csv", "--ledger-lost"]];

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
}

#[test]
fn a_file_or_directory_that_is_closed_is_named_with_what_opens_it() {
    let ws = sandbox();
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (place, open) in [
        (".mailbatch/ledger.db", 0o600),
        (".mailbatch", 0o700),
        (".mailbatch/runs", 0o700),
        (".mailbatch/reports", 0o700),
        (".mailbatch/trace", 0o700),
        (".mailbatch/locks", 0o700),
    ] {
        for arguments in COMMANDS {
            let mut command = as_nobody(&ws);
            set_mode(&ws.join(place), 0o000);
            let output = command.args(arguments).output().expect("it runs");
            set_mode(&ws.join(place), open);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{place}, {arguments:?}: {said}");
            assert!(
                said.contains(place)
                    && said.contains("Permission denied")
                    && said.contains("its mode is 0000"),
                "{place}, {arguments:?}: {said}"
            );
            assert!(
                said.contains("hint: `chmod u+rw") && !said.contains("--ledger-lost"),
                "{place}, {arguments:?}: {said}"
            );
        }
    }
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    assert_eq!((output.status.code(), outbox(&ws).len()), (Some(0), 2), "{}", stderr(&output));
}

/// A file with an attribute that is taken away again.
struct Attribute(PathBuf, char);

impl Attribute {
    /// `None` where the file system has none, or this user may set none.
    fn set(path: PathBuf, letter: char) -> Option<Self> {
        let done = Command::new("chattr")
            .arg(format!("+{letter}"))
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        done.then_some(Self(path, letter))
    }
}

impl Drop for Attribute {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg(format!("-{}", self.1)).arg(&self.0).status();
    }
}

#[test]
fn an_attribute_that_keeps_the_ledger_from_being_written_is_named() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    for (letter, word) in [('a', "append-only"), ('i', "immutable")] {
        let Some(attribute) = Attribute::set(ws.join(".mailbatch/ledger.db"), letter) else {
            eprintln!("skipped: this user cannot set the attribute {letter} here");
            return;
        };
        for arguments in [COMMANDS[0], COMMANDS[2]] {
            let output = super::run(&ws, arguments);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(
                said.contains("ledger.db")
                    && said.contains(word)
                    && said.contains(&format!("hint: `chattr -{letter} ")),
                "{said}"
            );
            assert!(!said.contains("--ledger-lost"), "{said}");
        }
        drop(attribute);
        sends(&ws, &["send", "list.csv"], 2);
    }
}
