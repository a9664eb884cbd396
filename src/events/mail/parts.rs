//! The parts of a message that the readers of reports and bounces use. The module `dissect` fills
//! them.

use bytes::Bytes;

use super::headers;

/// A message split into its parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The header fields, with lowercase names and unfolded values. Encoded words are decoded only
    /// in `subject`.
    pub(super) header: Vec<(String, String)>,
    pub(super) subject: String,
    /// The `report-type` of a multipart/report, in lowercase.
    pub(super) report_type: String,
    /// The texts for human readers, in order.
    pub(super) texts: Vec<String>,
    /// The message/delivery-status parts and similar ones.
    pub(super) statuses: Vec<String>,
    /// The message/feedback-report parts.
    pub(super) complaints: Vec<String>,
    /// The message/disposition-notification parts.
    pub(super) receipts: Vec<String>,
    /// The header of the returned message.
    pub(super) original: Vec<(String, String)>,
    /// Nested messages, not yet parsed. A forwarded message may contain a report.
    pub(super) nested: Vec<Bytes>,
    /// Whether parts were omitted because there were too many or they were nested too deeply.
    pub(super) is_cut_short: bool,
}

impl Parts {
    /// Returns the first value of a header field. `name` is in lowercase.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        headers::get(&self.header, name)
    }
}
