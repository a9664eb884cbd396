//! Represents the trial of an envelope right after the final dot. One connection runs the trial at
//! a time.

use std::sync::Arc;

use super::pipelining::Stage;
use super::relay::Relay;

/// The trial of a relay, reserved for one connection. If this value is dropped without a result,
/// another connection can reserve the trial.
#[derive(Debug)]
pub(super) struct Trial(Arc<Relay>);

impl Trial {
    /// Creates the value for the trial of this relay, which the caller has reserved.
    pub(super) fn of(relay: &Arc<Relay>) -> Self {
        Self(Arc::clone(relay))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.0.behind.give_back(Stage::Begun);
    }
}
