//! How long a session waits for what.

use std::time::Duration;

use super::step::Step;

/// The longest waits, after RFC 5321 section 4.5.3.2 and shorter where servers no longer take that
/// long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Looking the name up, connecting, and the TLS handshake: each.
    pub(super) connect: Duration,
    /// The greeting, and the answer to each command.
    pub(super) command: Duration,
    /// Each write.
    pub(super) data: Duration,
    /// The answer to the final dot.
    pub(super) last: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let [connect, command, data, last] = [30, 60, 180, 600].map(Duration::from_secs);
        Self { connect, command, data, last }
    }
}

impl Limits {
    /// How long to wait for the answer to `step`.
    pub(super) fn answer(&self, step: Step) -> Duration {
        match step {
            Step::Message => self.last,
            _ => self.command,
        }
    }
}
