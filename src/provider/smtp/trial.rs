//! The one trial of an envelope behind the final dot, owned by one connection.

use std::sync::Arc;

use super::pipelining::Stage;
use super::relay::Relay;

/// The trial of a relay while one connection has it. Dropped without a result it can be taken
/// again.
#[derive(Debug)]
pub(super) struct Trial(Arc<Relay>);

impl Trial {
    /// The trial of this relay, which has been taken.
    pub(super) fn of(relay: &Arc<Relay>) -> Self {
        Self(Arc::clone(relay))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.0.behind.give_back(Stage::Begun);
    }
}
