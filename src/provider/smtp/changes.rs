//! Stores for one relay after which refusals another connection helped.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The maximum number of different refusals that are stored. A server has only a few.
const MOST: usize = 64;

/// The knowledge about whether another connection helps after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A message is being sent over another connection to find out.
    UnderWay,
    Helps,
    DoesNotHelp,
}

/// The stored refusals of one relay, by their text without the variable parts.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<HashMap<String, Known>>);

impl Changes {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Each change is one step, so the value is usable even if the lock is poisoned.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was known about this refusal. `None` starts a trial. With `None` or `Helps`,
    /// the message must use another connection.
    pub(super) fn begin(&self, sign: &str) -> Option<Known> {
        let mut known = self.known();
        let before = known.get(sign).copied();
        if before.is_none() && known.len() < MOST {
            known.insert(sign.to_owned(), Known::UnderWay);
            return None;
        }
        before.or(Some(Known::DoesNotHelp))
    }

    pub(super) fn end(&self, sign: &str, result: Option<Known>) {
        let mut known = self.known();
        match result {
            Some(Known::Helps) => drop(known.insert(sign.to_owned(), Known::Helps)),
            // Another connection helped before, so this refusal has another cause.
            _ if known.get(sign) == Some(&Known::Helps) => {}
            Some(result) => drop(known.insert(sign.to_owned(), result)),
            None => drop(known.remove(sign)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_tried_once_and_what_came_of_it_counts() {
        let changes = Changes::default();
        assert_eq!(
            [changes.begin("452 later"), changes.begin("452 later")],
            [None, Some(Known::UnderWay)]
        );
        changes.end("452 later", None);
        assert_eq!(changes.begin("452 later"), None, "it came to nothing");
        changes.end("452 later", Some(Known::DoesNotHelp));
        assert_eq!(changes.begin("452 later"), Some(Known::DoesNotHelp));
        assert_eq!(changes.begin("451 no more"), None);
        changes.end("451 no more", Some(Known::Helps));
        changes.end("451 no more", Some(Known::DoesNotHelp));
        assert_eq!(changes.begin("451 no more"), Some(Known::Helps));
        assert_eq!(
            (0..2 * MOST).filter(|n| changes.begin(&format!("450 {n}x")).is_none()).count(),
            MOST - 2
        );
    }
}
