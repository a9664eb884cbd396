//! Defines the time limits of an SMTP session.

use std::time::Duration;

use super::step::Step;

/// The longest waits. They follow RFC 5321 section 4.5.3.2, but are shorter where today's servers
/// are faster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The limit for each of name lookup, connecting, and the TLS handshake.
    pub(super) connect: Duration,
    /// The limit for the greeting, and for the reply to each command.
    pub(super) command: Duration,
    /// The limit for each write.
    pub(super) data: Duration,
    /// The limit for the reply to the final dot.
    pub(super) last: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let [connect, command, data, last] = [30, 60, 180, 600].map(Duration::from_secs);
        Self { connect, command, data, last }
    }
}

impl Limits {
    /// Returns the time limit for the reply to `step`.
    pub(super) fn answer(&self, step: Step) -> Duration {
        match step {
            Step::Message => self.last,
            _ => self.command,
        }
    }
}
