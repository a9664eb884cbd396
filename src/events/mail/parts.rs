//! The parts of a message, as the code that reads them needs them. `dissect` fills them.

use bytes::Bytes;

use super::headers;

/// A message split into its parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The header fields: names lowercased, values unfolded, encoded words decoded only in
    /// `subject`.
    pub(super) header: Vec<(String, String)>,
    pub(super) subject: String,
    /// `report-type` of a multipart/report, lowercased.
    pub(super) report_type: String,
    /// The texts for human readers, in order.
    pub(super) texts: Vec<String>,
    /// message/delivery-status and similar parts.
    pub(super) statuses: Vec<String>,
    /// message/feedback-report.
    pub(super) complaints: Vec<String>,
    /// message/disposition-notification.
    pub(super) receipts: Vec<String>,
    /// The header of the returned message.
    pub(super) original: Vec<(String, String)>,
    /// Nested messages, not parsed. A forward may contain a report.
    pub(super) nested: Vec<Bytes>,
    /// Parts were omitted, because there were too many or they were nested too deeply.
    pub(super) is_cut_short: bool,
}

impl Parts {
    /// The first value of a header field; `name` in lowercase.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        headers::get(&self.header, name)
    }
}
