//! What holds a run or some of its recipients, and the evidence that a gate is judged by.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Through;

/// A latched gate: repeated by every later start until a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gate")]
pub enum Gate {
    /// The canary has not been judged.
    Ahead,
    /// There is no canary, or it passed, or a person let the rest go (`by`).
    Passed {
        evidence: String,
        by: Option<String>,
        /// When a person did; pause rules look no further back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Exit 12.
    Failed { evidence: String },
    /// Exit 13.
    Waiting { evidence: String },
    /// A pause rule was broken while the rest went out. Exit 12.
    Stopped { evidence: String },
}

/// What has come back about a run's canary, in recipients who were accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CanaryEvidence {
    pub bounced: u64,
    pub complained: u64,
    /// How often more recipients have been drawn into the canary.
    pub extensions: u32,
}

impl CanaryEvidence {
    /// Whether nothing has come back.
    pub fn is_none(self) -> bool {
        self.bounced == 0 && self.complained == 0
    }
}

/// Which open recipients are held.
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
