//! The one place that listens to signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Drain and end with this code; a second one gives up waiting.
    Stop(Exit),
    /// SIGUSR1: print the status.
    Status,
}

/// SIGINT, SIGTERM, SIGHUP and SIGUSR1 of this process.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    status: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            status: signal(SignalKind::user_defined1())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop(Exit::INTERRUPTED),
            _ = self.terminate.recv() => Wish::Stop(Exit::TERMINATED),
            _ = self.hang_up.recv() => Wish::Stop(Exit::HUNG_UP),
            _ = self.status.recv() => Wish::Status,
        }
    }
}
