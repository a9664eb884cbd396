//! The binary while it runs: signals, what it has said so far, and its end.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::ran::Ran;
use super::recorder::Recorder;
use super::{Signal, Workspace, lists, signal, wait_for, workspace};

/// Nothing here takes longer than this.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A command that goes on; killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Sends it a signal.
    #[track_caller]
    pub(crate) fn signal(&mut self, which: Signal) {
        assert!(!self.has_ended(), "it had ended before the signal\n{}{}", self.out(), self.err());
        signal(self.child.id(), which);
    }

    /// SIGKILL, and waits until it is gone. False when it had ended by itself.
    pub(crate) fn kill(mut self) -> bool {
        let was_running = !self.has_ended();
        self.child.kill().expect("it is our child");
        was_running && self.child.wait().expect("it is our child").code().is_none()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// The most memory that it has had so far, in octets.
    pub(crate) fn most_memory(&self) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of Linux's");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    /// What it has written to standard output so far.
    pub(crate) fn out(&self) -> String {
        std::fs::read_to_string(&self.out).expect("what is printed is UTF-8")
    }

    /// What it has written to standard error so far.
    pub(crate) fn err(&self) -> String {
        std::fs::read_to_string(&self.err).expect("what is printed is UTF-8")
    }

    /// Waits until it ends by itself, and asserts the exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Ran {
        self.ends_with(&[code])
    }

    /// The same where it may end in several ways.
    #[track_caller]
    pub(crate) fn ends_with(mut self, codes: &[i32]) -> Ran {
        assert!(
            wait_for(|| self.has_ended(), LONG),
            "it does not end\n{}{}",
            self.out(),
            self.err()
        );
        let status = self.child.wait().expect("it is our child");
        let (out, err) = (self.out(), self.err());
        let ended = status.code().unwrap_or_else(|| panic!("ended by {status:?}\n{out}\n{err}"));
        assert!(codes.contains(&ended), "ended with {ended}\n{out}\n{err}");
        Ran { code: ended, out, err }
    }

    /// The same, and asserts that it took no longer.
    #[track_caller]
    pub(crate) fn ends_within(self, code: i32, most: Duration) -> Ran {
        let begun = Instant::now();
        let ran = self.ends(code);
        assert!(begun.elapsed() <= most, "it took {:?} to end", begun.elapsed());
        ran
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Workspace {
    /// Starts the binary with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        self.start_with(command)
    }

    /// Starts a prepared command, which says what it says into files.
    pub(crate) fn start_with(&self, mut command: std::process::Command) -> Running {
        let nth = std::fs::read_dir(self.path()).expect("a workspace").count();
        let (out, err) = (self.join(format!("out-{nth}")), self.join(format!("err-{nth}")));
        let create = |path: &PathBuf| File::create(path).expect("the workspace is writable");
        let child =
            command.stdout(create(&out)).stderr(create(&err)).spawn().expect("the binary is built");
        Running { child, out, err }
    }
}

/// A workspace whose relay is this server, with a list of `rows` recipients.
pub(crate) fn relayed(server: &Recorder, relay: &str, rows: usize) -> Workspace {
    let workspace = workspace();
    workspace
        .smtp_config(&server.url(), relay)
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(rows));
    workspace
}

/// Waits until the server has taken so many.
#[track_caller]
pub(crate) fn wait_for_count(server: &Recorder, wanted: usize) {
    assert!(
        wait_for(|| server.count() >= wanted, LONG),
        "the server took {}, {wanted} expected",
        server.count()
    );
}

/// The addresses of [`lists::csv`], sorted.
pub(crate) fn everybody(rows: usize) -> Vec<String> {
    let mut all = lists::addresses(rows);
    all.sort();
    all
}
