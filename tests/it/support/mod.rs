//! What the integration tests stand on: workspaces, the servers they send to, lists, signals and
//! waiting.
//!
//! Everything here is independent of every other use of it, so that tests run side by side: own
//! directories, own ports, own processes.
#![allow(dead_code, reason = "each theme uses its part")]

pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod lateness;
pub(crate) mod lists;
pub(crate) mod peers;
pub(crate) mod ran;
pub(crate) mod recorder;
pub(crate) mod running;
pub(crate) mod terminal;
pub(crate) mod tools;
pub(crate) mod workspace;
pub(crate) mod xml;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub(crate) use rustix::process::Signal;
pub(crate) use workspace::{Workspace, workspace};

/// Sends `signal` to the process `pid`.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process id is not zero");
    rustix::process::kill_process(pid, signal).expect("the process is there");
}

/// Waits until `condition` holds; false when it does not within `timeout`.
pub(crate) fn wait_for(condition: impl FnMut() -> bool, timeout: Duration) -> bool {
    let mut condition = condition;
    let deadline = Instant::now() + timeout;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A loopback port nobody listens on, below the range from which the kernel takes ports for
/// outgoing connections.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes beside this one start elsewhere in the range.
    let start = (std::process::id() * 97 % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
