//! Programs of others that run mailbatch in another world: its system calls watched or slowed down,
//! its wall clock set.
//!
//! One that is not installed, or not permitted here, is skipped as a missing server is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Workspace;
use super::peers::{program, require};

/// `strace`, if it is here and may trace.
pub(crate) struct Strace {
    program: PathBuf,
}

impl Strace {
    /// `None`, with a line on standard error, where nothing can be traced.
    pub(crate) fn find() -> Option<Self> {
        let Some(program) = program("strace") else {
            return require("strace", "not installed (package strace)");
        };
        let tried = Command::new(&program)
            .args(["-f", "-o", "/dev/null", "true"])
            .stdin(Stdio::null())
            .output();
        if tried.is_ok_and(|done| done.status.success()) {
            Some(Self { program })
        } else {
            require("strace", "tracing is not permitted here")
        }
    }

    /// The binary under strace with these of its arguments; those of mailbatch are to be added.
    pub(crate) fn command(&self, work: &Workspace, arguments: &[&str]) -> Command {
        let usual = work.command();
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(usual.get_program());
        command.env_clear().current_dir(work.path()).stdin(Stdio::null());
        command.envs(usual.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        command
    }
}

/// A mount namespace of its own, in which names are looked up in a hosts file of the test's.
pub(crate) struct OwnHosts {
    program: PathBuf,
    file: PathBuf,
}

impl OwnHosts {
    /// `hosts` is the file that stands in for `/etc/hosts`. `None`, with a line on standard error,
    /// where there are no namespaces to be had.
    pub(crate) fn of(work: &Workspace, hosts: &str) -> Option<Self> {
        let Some(program) = program("unshare") else {
            return require("unshare", "not installed (package util-linux)");
        };
        work.file("hosts", hosts);
        let own = Self { program, file: work.join("hosts") };
        let tried = own.shell("true").stdin(Stdio::null()).output();
        if tried.is_ok_and(|done| done.status.success()) {
            Some(own)
        } else {
            require("unshare", "mount namespaces are not permitted here")
        }
    }

    fn shell(&self, then: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--mount", "sh", "-c", &format!("mount --bind \"$0\" /etc/hosts && {then}")])
            .arg(&self.file);
        command
    }

    /// The binary with these arguments, where names are those of the file.
    pub(crate) fn command(&self, work: &Workspace, arguments: &[&str]) -> Command {
        let usual = work.command();
        let mut command = self.shell("exec \"$@\"");
        command.arg(usual.get_program()).args(arguments);
        command.env_clear().current_dir(work.path()).stdin(Stdio::null());
        command.envs(usual.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        command
    }
}

/// A mount namespace of its own, in which directories are made read-only for the superuser too.
pub(crate) struct OwnMounts {
    program: PathBuf,
    flags: &'static [&'static str],
}

impl OwnMounts {
    /// `None`, with a line on standard error, where there are no namespaces to be had.
    pub(crate) fn find() -> Option<Self> {
        let Some(program) = program("unshare") else {
            return require("unshare", "not installed (package util-linux)");
        };
        let works = |flags: &&&'static [&'static str]| {
            let tried = Command::new(&program)
                .args(**flags)
                .args(["sh", "-c", "mount -t tmpfs tmpfs /run"])
                .stdin(Stdio::null())
                .output();
            tried.is_ok_and(|done| done.status.success())
        };
        let ways: [&[&str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
        match ways.iter().find(works) {
            Some(flags) => Some(Self { program, flags }),
            None => require("unshare", "mount namespaces are not permitted here"),
        }
    }

    /// The shell line after which a directory of the workspace can be read and not written.
    pub(crate) fn read_only(dir: &str) -> String {
        format!("mount --bind {dir} {dir} && mount -o remount,bind,ro {dir} && cd \"$PWD\"")
    }

    /// The binary with these arguments, after this line of the shell.
    pub(crate) fn command(&self, work: &Workspace, before: &str, arguments: &[&str]) -> Command {
        let usual = work.command();
        let mut command = Command::new(&self.program);
        command
            .args(self.flags)
            .args(["sh", "-c", &format!("{before} && exec \"$@\""), "sh"])
            .arg(usual.get_program())
            .args(arguments);
        command.env_clear().current_dir(work.path()).stdin(Stdio::null());
        command.envs(usual.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        command
    }
}

/// A wall clock that can be set while the program runs. Waiting and measuring times go on by the
/// clock that nobody sets.
pub(crate) struct SetClock {
    library: PathBuf,
    file: PathBuf,
}

impl SetClock {
    /// A clock for the processes of this workspace that shows the real time. `None`, with a line on
    /// standard error, where libfaketime is missing.
    pub(crate) fn of(work: &Workspace) -> Option<Self> {
        let Some(library) = library() else {
            return require("libfaketime", "not installed (package libfaketime)");
        };
        let clock = Self { library, file: work.join("clock") };
        clock.set(0);
        Some(clock)
    }

    /// Sets it to so many seconds off the real time.
    pub(crate) fn set(&self, seconds: i64) {
        // Replaced whole, because it may be read at any moment.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).expect("the workspace is writable");
        std::fs::rename(&new, &self.file).expect("the workspace is writable");
    }

    /// The binary by this clock.
    pub(crate) fn command(&self, work: &Workspace) -> Command {
        let mut command = work.command();
        let names = [
            "LD_PRELOAD",
            "FAKETIME_TIMESTAMP_FILE",
            "FAKETIME_NO_CACHE",
            "FAKETIME_DONT_FAKE_MONOTONIC",
        ];
        let values: [OsString; 4] =
            [self.library.clone().into(), self.file.clone().into(), "1".into(), "1".into()];
        command.envs(names.into_iter().zip(values));
        command
    }
}

fn library() -> Option<PathBuf> {
    let name = "faketime/libfaketimeMT.so.1";
    let below = |dir: &str| {
        std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join(name))
            .collect::<Vec<_>>()
    };
    let mut places =
        vec![PathBuf::from("/usr/lib").join(name), PathBuf::from("/usr/local/lib").join(name)];
    places.extend(below("/usr/lib"));
    places.into_iter().find(|path| path.is_file())
}
