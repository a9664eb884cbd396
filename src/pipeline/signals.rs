//! Signal handling. No other module listens to signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::model::exit::Exit;

/// What a signal asks the program to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalRequest {
    /// Drain and exit with this code. A second signal ends the program without waiting.
    Stop(Exit),
    /// SIGUSR1: print the status.
    Status,
}

/// SIGINT, SIGTERM, SIGHUP and SIGUSR1 of this process.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The SIGHUP listener; `None` if the process was started with SIGHUP ignored, as `nohup` does,
    /// so that a closed terminal does not end it.
    hang_up: Option<Signal>,
    status: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if is_ignored(SignalKind::hangup()) {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
            status: signal(SignalKind::user_defined1())?,
        })
    }

    pub(crate) async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.interrupt.recv() => SignalRequest::Stop(Exit::INTERRUPTED),
            _ = self.terminate.recv() => SignalRequest::Stop(Exit::TERMINATED),
            () = hung_up(&mut self.hang_up) => SignalRequest::Stop(Exit::HUNG_UP),
            _ = self.status.recv() => SignalRequest::Status,
        }
    }
}

/// Installs a handler for SIGUSR1, which would otherwise end the process. Nothing but sending
/// reacts to the signal.
pub(crate) fn install_sigusr1_handler() -> io::Result<()> {
    // The handler stays installed after the listener is dropped.
    signal(SignalKind::user_defined1()).map(drop)
}

async fn hung_up(listener: &mut Option<Signal>) {
    match listener {
        Some(listener) => {
            listener.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether the process was started with this signal ignored. Only Linux reports this; other systems
/// return false.
fn is_ignored(kind: SignalKind) -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| ignores(&status, kind.as_raw_value()))
}

/// Reads the mask after `SigIgn:`; its lowest bit is signal 1.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_tells_which_signals_are_ignored() {
        let status = "Name:\tmailbatch\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000440\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2) && !ignores("", 1));
    }
}
