//! What this process asks of the system before it does anything: no image of its memory on a disk,
//! and room for its files.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::model::error::{Error, Result};
use crate::model::exit::Exit;

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

/// Exit 1 where a file of this process may not become as large as a new ledger: one that is cut
/// short cannot be read afterwards.
pub(crate) fn needs_room_in_files() -> Result<()> {
    const LEAST: u64 = 128 << 10;
    match getrlimit(Resource::Fsize).current {
        Some(allowed) if allowed < LEAST => Err(Error::internal(format!(
            "files of this process may have {allowed} bytes, which is too few for a ledger"
        ))
        .hint(
            "raise the limit before mailbatch starts: `ulimit -f unlimited` in its shell, LimitFSIZE=infinity in a systemd unit",
        )),
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

/// Starts a thread. Where there is room for none it tries again for two seconds: another thread may
/// have taken more address space for a moment than it keeps.
pub(crate) fn start_thread(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    const TRIES: u32 = 40;
    const BETWEEN: Duration = Duration::from_millis(50);
    let body = Arc::new(Mutex::new(Some(body)));
    let mut tries = 0;
    loop {
        let body = Arc::clone(&body);
        let started = Builder::new().name(name.to_owned()).spawn(move || {
            let body = body.lock().ok().and_then(|mut body| body.take());
            if let Some(body) = body {
                body();
            }
        });
        tries += 1;
        match started {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock && tries < TRIES => {
                thread::sleep(BETWEEN);
            }
            started => return started,
        }
    }
}

/// What lets a process have another thread.
pub(crate) const MORE_THREADS: &str = "raise the limits of this process before mailbatch starts: address space (`ulimit -v` in its shell) and threads \
     (`ulimit -u`; TasksMax= in a systemd unit, --pids-limit in docker)";

/// Ends the program with exit 1 and the limit by name where a library can start no thread. The
/// runtime panics then, and its panic names no limit.
pub(crate) fn name_lack_of_threads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let said = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        if !said.is_some_and(is_lack_of_threads) {
            return usual(panic);
        }
        let why = Error::internal("this process may not start another thread: a limit is reached")
            .hint(MORE_THREADS);
        let _ = writeln!(io::stderr().lock(), "mailbatch: {why}");
        std::process::exit(i32::from(Exit::INTERNAL.code()));
    }));
}

/// Whether a panic says that no thread could be started.
fn is_lack_of_threads(said: &str) -> bool {
    said.contains("spawn worker thread") || said.contains("failed to spawn thread")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_started_does_its_work_and_a_lack_of_threads_is_known_by_the_panic() {
        let (done, said) = std::sync::mpsc::channel();
        let thread = start_thread("worker", move || done.send("done").expect("a receiver"));
        thread.expect("there is room").join().expect("no panic");
        assert_eq!(said.recv(), Ok("done"));
        for said in [
            "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)",
            "failed to spawn thread: Os { code: 11, kind: WouldBlock }",
        ] {
            assert!(is_lack_of_threads(said), "{said}");
        }
        assert!(!is_lack_of_threads("index out of bounds"));
    }
}
