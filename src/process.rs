//! What this process asks of the system before it does anything: no image of its memory on a disk,
//! and room for its files.

use std::sync::RwLock;
use std::thread::Builder;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::model::error::{Error, Result};

/// The most open files that are asked for where the system allows them; it is often set to fewer
/// for each process by default.
const WANTED: u64 = 4_096;
/// Open files that a command needs besides its connections: the three streams, the runtime's, the
/// ledger with its log and its readers, lists, suppression files, trace, report and lock.
const BESIDES: u64 = 32;

/// Threads that a command needs: the runtime's, those of the ledger, and those that read and
/// render.
const THREADS: usize = 16;
/// The stack of a thread that does nothing.
const SMALL: usize = 64 << 10;

/// Keeps secrets, which are in memory in clear, out of core dumps and from other processes of the
/// user, and raises the limit of open files as far as it may. What the system refuses stays as it
/// is.
pub(crate) fn prepare() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A program that collects dumps is given them whatever that limit is.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    if limit.current.is_some_and(|current| current < allowed) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit });
    }
}

/// Exit 1 where the process may not have as many open files as a command needs that keeps so many
/// connections.
pub(crate) fn needs_files(connections: usize) -> Result<()> {
    let needed = BESIDES + connections as u64;
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < needed => Err(too_few(allowed, needed, connections)),
        _ => Ok(()),
    }
}

/// Exit 1 where the process may not have as many threads as a command needs. The limit is the
/// user's or the system's, and counts the threads of others, so that only trying shows it.
pub(crate) fn needs_threads() -> Result<()> {
    let gate = RwLock::new(());
    let shut = gate.write();
    let begun = std::thread::scope(|scope| {
        let mut wait = (0..THREADS).map(|_| {
            Builder::new().stack_size(SMALL).spawn_scoped(scope, || drop(gate.read())).map(drop)
        });
        let begun = wait.try_for_each(|begun| begun);
        drop(shut);
        begun
    });
    begun.map_err(|why| {
        Error::internal(format!("this process may not have the {THREADS} threads that a command needs: {why}")).hint(
            "raise the limit before mailbatch starts: `ulimit -u` in its shell, TasksMax= in a systemd unit, --pids-limit in docker; \
             or end other processes of this user",
        )
    })
}

fn too_few(allowed: u64, needed: u64, connections: usize) -> Error {
    let what = match connections {
        0 => String::new(),
        n => format!(", {n} of them for connections (in_flight)"),
    };
    let more = (2 * needed).next_power_of_two();
    let fewer = if connections > 0 { ", or a smaller in_flight" } else { "" };
    Error::internal(format!("this process may have {allowed} open files (file descriptors), and needs up to {needed}{what}")).hint(format!(
        "raise the limit before mailbatch starts: `ulimit -n {more}` in its shell, LimitNOFILE={more} in a systemd unit, --ulimit nofile={more} in docker{fewer}"
    ))
}
