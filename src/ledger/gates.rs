//! A gate stops a whole run if its canary or a pause rule fails. A hold stops some of the run's
//! recipients. This module defines both, and the canary's evidence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Through;

/// The state of a run's gate, which decides whether the rest of the list may be sent. A failed,
/// waiting or stopped gate is latched: it also stops every later start, until the operator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gate")]
pub enum Gate {
    /// The canary has not been judged yet.
    Ahead,
    /// There is no canary, the canary passed, or the operator (`by`) released the rest.
    Passed {
        evidence: String,
        by: Option<String>,
        /// When the operator released the rest. Pause rules ignore earlier events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// The canary failed. Exit 12.
    Failed { evidence: String },
    /// The canary waits for the operator's decision. Exit 13.
    Waiting { evidence: String },
    /// A pause rule stopped the rest while it was being sent. Exit 12.
    Stopped { evidence: String },
}

/// How many accepted recipients of a run's canary have which events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CanaryEvidence {
    pub bounced: u64,
    pub complained: u64,
    /// How often more recipients were added to the canary.
    pub extensions: u32,
}

impl CanaryEvidence {
    /// Whether no event was received.
    pub fn is_none(self) -> bool {
        self.bounced == 0 && self.complained == 0
    }
}

/// Selects the open recipients to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    Domain(String),
    Through(Through),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_was_opened_before_the_time_was_kept_still_reads() {
        let gate: Gate =
            serde_json::from_str(r#"{"gate":"passed","evidence":"no canary","by":null}"#).unwrap();
        assert_eq!(gate, Gate::Passed { evidence: "no canary".into(), by: None, at: None });
        assert_eq!(
            serde_json::to_string(&gate).unwrap(),
            r#"{"gate":"passed","evidence":"no canary","by":null}"#
        );
    }
}
