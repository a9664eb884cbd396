//! Reads complaints from feedback loops in the standard format (RFC 5965) and in the formats of
//! Hotmail and SpamCop.

use super::addresses;
use super::correlation::bare_id;
use super::headers::{fields, get};
use super::parts::Parts;
use super::returned::split_original;
use crate::model::event::Class;

/// A complaint that a feedback loop reports.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    pub(super) class: Class,
    /// The recipient asks to be removed from the list. Some feedback loops report this, although
    /// RFC 5965 does not define it.
    pub(super) is_opt_out: bool,
    /// The report is not a complaint. It is, for example, about authentication (RFC 6591).
    pub(super) is_no_complaint: bool,
    pub(super) recipients: Vec<String>,
    pub(super) said: String,
    /// The Message-ID of the reported message if it is quoted in the text, otherwise empty.
    pub(super) message_id: String,
}

impl Complaint {
    fn of_abuse(recipients: Vec<String>, said: &str) -> Self {
        Self {
            class: Class::Abuse,
            is_opt_out: false,
            is_no_complaint: false,
            recipients,
            said: said.to_owned(),
            message_id: String::new(),
        }
    }
}

/// Reads the complaint in a message. Returns `None` if the message is not a complaint.
pub(super) fn read(parts: &Parts) -> Option<Complaint> {
    match parts.complaints.first() {
        Some(report) => Some(of_report(parts, report)),
        None => {
            if parts.report_type == "feedback-report" {
                // A damaged report may have its fields in the text.
                let text = parts
                    .texts
                    .iter()
                    .find(|text| text.to_ascii_lowercase().contains("feedback-type:"));
                return Some(of_report(parts, text.map_or("", |text| text.as_str())));
            }
            of_hotmail(parts).or_else(|| of_spamcop(parts))
        }
    }
}

fn of_report(parts: &Parts, report: &str) -> Complaint {
    let report: String = report
        .lines()
        .filter(|line| !line.trim().is_empty())
        .flat_map(|line| [line, "\n"])
        .collect();
    let start = report.to_ascii_lowercase().find("feedback-type:").unwrap_or(0);
    let fields = fields(&report[start..]);
    let kind = get(&fields, "feedback-type").unwrap_or("abuse").trim().to_ascii_lowercase();
    let class = match kind.as_str() {
        "fraud" | "phishing" => Class::Fraud,
        "virus" | "miscategorized" => Class::Virus,
        "not-spam" | "not_spam" | "notspam" => Class::NotSpam,
        "other" => Class::Other,
        _ => Class::Abuse,
    };
    // RFC 5965 section 3.2: Original-Rcpt-To may occur several times and may be redacted. Some
    // reports name the recipient in Removal-Recipient instead.
    let named = |name: &str| -> Vec<String> {
        fields
            .iter()
            .filter(|(known, _)| known == name)
            .filter_map(|(_, value)| addresses::of_field(value))
            .filter(|a| !is_redacted(a))
            .collect()
    };
    let mut recipients = named("original-rcpt-to");
    for name in ["removal-recipient", "x-original-rcpt-to", "original-recipient"] {
        if recipients.is_empty() {
            recipients = named(name);
        }
    }
    // If a field cannot be parsed, the recipient is unknown. The returned message may name other
    // recipients, so they are not used.
    let is_unreadable = fields
        .iter()
        .any(|(name, value)| name == "original-rcpt-to" && addresses::is_unreadable(value));
    if recipients.is_empty() && !is_unreadable {
        recipients = of_original(parts);
    }
    Complaint {
        class,
        is_opt_out: kind.starts_with("opt-out") || kind == "unsubscribe",
        is_no_complaint: kind == "auth-failure" || kind == "dmarc" || kind == "tlsrpt",
        recipients,
        said: format!("feedback loop: {kind}"),
        message_id: String::new(),
    }
}

/// Reads Hotmail's junk mail reports, which contain the reported message. A separate header field
/// names its recipient.
fn of_hotmail(parts: &Parts) -> Option<Complaint> {
    // The field is in the header of the attached message, or else in the header of the mail itself.
    let marked = get(&parts.original, "x-hmxmroriginalrecipient")
        .or_else(|| parts.get("x-hmxmroriginalrecipient"));
    let subject = parts.subject.to_ascii_lowercase();
    let from = parts.get("from").unwrap_or_default().to_ascii_lowercase();
    let is_theirs = from.contains("staff@hotmail")
        || from.contains("staff@outlook")
        || from.contains("staff@microsoft");
    if marked.is_none()
        && !(is_theirs && subject.contains("complaint about message"))
        && !subject.starts_with("email feedback report for ip")
    {
        return None;
    }
    let recipients = match marked.and_then(addresses::of_field) {
        Some(address) => vec![address],
        None => of_original(parts),
    };
    Some(Complaint::of_abuse(recipients, "feedback loop: junk mail report"))
}

/// Reads a SpamCop report: a text with the reported message below. SpamCop removes the recipient's
/// address but keeps the Message-ID.
fn of_spamcop(parts: &Parts) -> Option<Complaint> {
    let from = addresses::all_in(parts.get("from")?);
    let is_theirs =
        from.iter().any(|address| address.to_ascii_lowercase().ends_with("@reports.spamcop.net"));
    if !is_theirs || !parts.subject.to_ascii_lowercase().starts_with("[spamcop (") {
        return None;
    }
    let message = parts
        .texts
        .iter()
        .map(|text| split_original(text).1)
        .find(|message| !message.is_empty())
        .unwrap_or_default();
    let message_id = get(&fields(message), "message-id").map(bare_id).unwrap_or_default();
    Some(Complaint { message_id, ..Complaint::of_abuse(Vec::new(), "SpamCop report") })
}

/// Returns the recipient in the header of the reported message, if there is exactly one.
fn of_original(parts: &Parts) -> Vec<String> {
    for name in ["x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "to"] {
        let all: Vec<String> = get(&parts.original, name)
            .map(addresses::all_in)
            .unwrap_or_default()
            .into_iter()
            .filter(|address| !is_redacted(address))
            .collect();
        if all.len() == 1 {
            return all;
        }
    }
    Vec::new()
}

/// Whether a feedback loop has replaced the address by a placeholder (RFC 6590).
fn is_redacted(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    local.contains("redacted")
        || local.contains("undisclosed")
        || local.chars().all(|c| c == 'x' || c == '*')
        || address.ends_with(".invalid")
}
