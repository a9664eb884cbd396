//! Prepares the process at the start: keeps its memory out of core dumps, and raises the limit of
//! open files.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::model::error::{Error, Result};
use crate::model::exit::Exit;

/// The number of open files to request. The system's default is often lower, and its hard limit
/// applies.
const WANTED: u64 = 4_096;
/// The number of files that a command opens in addition to its connections: the three standard
/// streams, the runtime's files, the ledger with its log and readers, lists, suppression files,
/// trace, report and lock.
const BESIDES: u64 = 32;

/// The number of threads that a command needs, for the runtime, the ledger, reading and rendering.
const THREADS: usize = 16;
/// The stack size of a thread that is started only to test the limit.
const SMALL: usize = 64 << 10;

/// Keeps the memory, which contains secrets in clear text, out of core dumps and away from other
/// processes of the user. Also raises the limit of open files as far as allowed. A request that the
/// system refuses is ignored.
pub(crate) fn prepare() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A core dump handler receives dumps regardless of the core limit, so the process is also
    // marked as not dumpable.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    if limit.current.is_some_and(|current| current < allowed) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit });
    }
}

/// Exit 1 if the process may not open enough files for this number of connections.
pub(crate) fn needs_files(connections: usize) -> Result<()> {
    let needed = BESIDES + connections as u64;
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < needed => Err(too_few(allowed, needed, connections)),
        _ => Ok(()),
    }
}

/// Exit 1 if the process may not write a file as large as a new ledger, because a ledger that was
/// cut off by the limit could not be read again.
pub(crate) fn needs_room_in_files() -> Result<()> {
    const LEAST: u64 = 128 << 10;
    match getrlimit(Resource::Fsize).current {
        Some(allowed) if allowed < LEAST => Err(Error::internal(format!(
            "this process may write files of at most {allowed} bytes, which is too few for a ledger"
        ))
        .hint(
            "raise the limit before mailbatch starts: `ulimit -f unlimited` in its shell, LimitFSIZE=infinity in a systemd unit",
        )),
        _ => Ok(()),
    }
}

/// Exit 1 if the process may not start enough threads. The limit also counts threads of the user's
/// other processes, so only a trial shows whether it is reached.
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

/// Starts a thread. If resources are exhausted, tries again for two seconds, because another thread
/// that is starting may use additional address space for a moment.
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

/// Describes the limits on threads, for a hint.
pub(crate) const MORE_THREADS: &str = "raise the limits of this process before mailbatch starts: address space (`ulimit -v` in its shell) and threads \
     (`ulimit -u`; TasksMax= in a systemd unit, --pids-limit in docker)";

/// Installs a panic hook for the case that a library cannot start a thread. The hook ends the
/// program with exit 1 and names the limit, which the library's own message does not.
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

/// Whether a panic message says that a thread could not be started.
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
    Error::internal(format!("this process may have {allowed} open files (file descriptors), but needs up to {needed}{what}")).hint(format!(
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
