//! The parts of a message, as its readers need them. `dissect` fills them.

use bytes::Bytes;

use super::headers;

/// A message taken apart.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Its header fields, names lowercased, unfolded and with encoded words decoded in `subject`.
    pub(super) header: Vec<(String, String)>,
    pub(super) subject: String,
    /// `report-type` of a multipart/report, lowercased.
    pub(super) report_type: String,
    /// What people are meant to read, in order.
    pub(super) texts: Vec<String>,
    /// message/delivery-status and the like.
    pub(super) statuses: Vec<String>,
    /// message/feedback-report.
    pub(super) complaints: Vec<String>,
    /// message/disposition-notification.
    pub(super) receipts: Vec<String>,
    /// The header of the returned message.
    pub(super) original: Vec<(String, String)>,
    /// Messages in it, as they are; a forward may hold a report.
    pub(super) nested: Vec<Bytes>,
    /// Parts were left out, for there are too many of them or they are nested too deep.
    pub(super) is_cut_short: bool,
}

impl Parts {
    /// The first value of a header field; `name` in lowercase.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        headers::get(&self.header, name)
    }
}
