//! Counts requests and events, and prints the counters in the Prometheus text format 0.0.4. No name
//! or label contains an e-mail address.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counters, keyed by name and labels.
#[derive(Default)]
pub(super) struct Metrics(Mutex<BTreeMap<(&'static str, String), u64>>);

pub(super) const REQUESTS: &str = "mailbatch_requests_total";
pub(super) const EVENTS: &str = "mailbatch_events_total";
pub(super) const KNOWN: &str = "mailbatch_events_known_before_total";
pub(super) const STRANGERS: &str = "mailbatch_events_without_run_total";
pub(super) const LEARNED: &str = "mailbatch_suppressions_total";
pub(super) const UNSUBSCRIBES: &str = "mailbatch_unsubscribes_total";
pub(super) const FILED: &str = "mailbatch_suppressions_filed_total";
pub(super) const FILING_FAILED: &str = "mailbatch_filing_failures_total";

pub(super) const CROWDED_OUT: &str = "mailbatch_connections_crowded_out_total";

const HELP: [(&str, &str); 9] = [
    (REQUESTS, "Requests with events, by provider and result."),
    (EVENTS, "Events written to the ledger, by provider and type."),
    (KNOWN, "Events that were already in the ledger, by provider."),
    (STRANGERS, "Events that match no run in the ledger, by provider."),
    (LEARNED, "Suppressions learned, by reason."),
    (UNSUBSCRIBES, "Unsubscribe requests, from the page's button or one-click, by result."),
    (FILED, "Suppressions appended to the suppression file."),
    (CROWDED_OUT, "Idle connections closed to make room for new ones, the longest idle first."),
    (FILING_FAILED, "Attempts to append to the suppression file that failed."),
];

impl Metrics {
    /// Adds `count` to a counter. `labels` are pairs of name and value. The values come from
    /// mailbatch or its configuration, never from a request.
    pub(super) fn add(&self, name: &'static str, labels: &[(&str, &str)], count: u64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((name, labels.join(",")))
            .or_default() += count;
    }

    /// Prints all counters in the Prometheus format.
    pub(super) fn text(&self) -> String {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, help) in HELP {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n"));
            for ((_, labels), count) in counters.iter().filter(|((known, _), _)| *known == name) {
                let labels =
                    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
                text.push_str(&format!("{name}{labels} {count}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_with_their_labels() {
        let metrics = Metrics::default();
        metrics.add(EVENTS, &[("provider", "bird"), ("type", "bounced(hard)")], 2);
        metrics.add(EVENTS, &[("provider", "bird"), ("type", "bounced(hard)")], 1);
        metrics.add(FILED, &[], 4);
        let text = metrics.text();
        assert!(
            text.contains("\nmailbatch_events_total{provider=\"bird\",type=\"bounced(hard)\"} 3\n"),
            "{text}"
        );
        assert!(text.contains("\nmailbatch_suppressions_filed_total 4\n"), "{text}");
    }
}
