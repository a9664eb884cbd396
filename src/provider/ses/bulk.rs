//! Sends up to 50 messages in one `SendBulkEmail` request, which has an inline template and the
//! values for each recipient.
//!
//! - API: <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html>, read on
//!   2026-11-21.
//! - Rendering: "SES doesn't escape HTML content when rendering the HTML template for a message"
//!   (<https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html>), so a
//!   value is inserted unchanged. An inline template supports only simple substitution
//!   (`EmailTemplateContent` in API_Template.html). SES refuses a template in which a variable's
//!   name contains other characters than letters and digits
//!   (<https://github.com/aws/aws-sdk-js-v3/issues/6657>). If a value is missing, SES accepts the
//!   message and never delivers it, so every recipient has every value.
//! - Limits: 1 MB for an inline template, 262,144 characters for the values of one recipient, 15
//!   headers with at most 995 ASCII characters each.
//!
//! The message that SES builds must equal the rendered message byte for byte. A message for which
//! this is not certain is sent alone, as complete MIME. This includes messages that contain
//! template syntax.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Destination, Ses, blames};
use crate::content::{Attachment, Content};
use crate::model::outcome::Reason;
use crate::provider::http::{self, Answer, Inexpressible, Mark, Read, Request, Shared};
use crate::provider::{Job, Refusal, Verdict};

#[cfg(test)]
mod tests;

pub(super) const PATH: &str = "/v2/email/outbound-bulk-emails";
/// The maximum number of recipients of one request.
pub(super) const RECIPIENTS: usize = 50;
/// The fields of `options` that this request supports. If any other field is set, each message is
/// sent alone.
pub(super) const OPTIONS: [&str; 7] = [
    "ConfigurationSetName",
    "ConfigurationOverrides",
    "EndpointId",
    "FeedbackForwardingEmailAddress",
    "FeedbackForwardingEmailAddressIdentityArn",
    "FromEmailAddressIdentityArn",
    "TenantName",
];

/// The maximum number of bytes of a request with an inline template.
const MAX_BYTES: usize = 1_000_000;
/// The maximum number of characters of one recipient's values.
const MAX_VALUES: usize = 262_144;
const MAX_HEADERS: usize = 15;
const MAX_HEADER_NAME: usize = 126;
const MAX_HEADER_VALUE: usize = 995;
/// The maximum number of characters of a header's name and value together.
const MAX_HEADER: usize = 996;
const MAX_TAG: usize = 256;
const MAX_FILE_NAME: usize = 255;
const MAX_FILE_TYPE: usize = 78;
const MAX_FILE_ID: usize = 78;
/// The start of a variable in an SES template.
const OPEN: &str = "{{";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bulk<'a> {
    from_email_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to_addresses: Option<Vec<String>>,
    default_content: Default<'a>,
    bulk_email_entries: Vec<Entry<'a>>,
    #[serde(flatten)]
    options: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Default<'a> {
    template: Template<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Template<'a> {
    template_content: Parts,
    template_data: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    html: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct File<'a> {
    file_name: &'a str,
    raw_content: &'a str,
    content_type: &'a str,
    content_disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
    content_transfer_encoding: &'static str,
}

impl<'a> From<&'a Attachment> for File<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self {
            file_name: &file.name,
            raw_content: &file.data,
            content_type: &file.content_type,
            content_disposition: if file.cid.is_some() { "INLINE" } else { "ATTACHMENT" },
            content_id: file.cid.as_deref(),
            content_transfer_encoding: "BASE64",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    destination: Destination<'a>,
    replacement_email_content: Replacement,
    replacement_tags: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replacement_headers: Vec<Header<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Replacement {
    replacement_template: Values,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Values {
    replacement_template_data: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

impl Ses {
    /// Builds the request for several recipients. Fails if a message cannot be sent in bulk, or if
    /// the messages cannot share a request.
    pub(super) fn bulk(&self, jobs: &[&Job]) -> Result<Request, Inexpressible> {
        let contents = jobs.iter().map(|job| http::content(job)).collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some(content)) = (jobs.first(), contents.first()) else {
            return Err(inexpressible("there is no recipient"));
        };
        if jobs.iter().any(|job| !goes_in_bulk(job)) {
            return Err(inexpressible("this message cannot share a request"));
        }
        if !contents.iter().all(|other| is_alike(other, content)) {
            return Err(inexpressible("the messages cannot share a request"));
        }
        let files: usize = content.attachments.iter().map(|file| file.data.len()).sum();
        if files + content.text.len() + content.html.as_ref().map_or(0, String::len) > MAX_BYTES {
            return Err(inexpressible("the messages are too large to share a request"));
        }
        let mut shared = Shared::new(jobs.len(), mark());
        let subject = shared.field("s", |member| contents[member].subject.clone());
        let text = shared.lines("t", |member| contents[member].text.as_str());
        let html = shared.lines("h", |member| contents[member].html.as_deref().unwrap_or_default());
        let mailboxes = jobs
            .iter()
            .map(|job| self.mailbox(job))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| inexpressible("the message has no To header"))?;
        let mut entries = Vec::with_capacity(jobs.len());
        for (((job, content), to), values) in
            jobs.iter().zip(&contents).zip(&mailboxes).zip(shared.variables())
        {
            entries.push(self.entry(job, content, to, values)?);
        }
        let from = field_of(&first.message, "From")
            .ok_or_else(|| inexpressible("the message has no From header"))?;
        let template = Template {
            template_content: Parts { subject, text, html },
            template_data: "{}",
            attachments: content.attachments.iter().map(File::from).collect(),
        };
        let request = Request::json(
            PATH,
            &Bulk {
                from_email_address: from,
                reply_to_addresses: field_of(&first.message, "Reply-To")
                    .map(|list| mailboxes_of(&list)),
                default_content: Default { template },
                bulk_email_entries: entries,
                options: &self.options,
            },
        );
        if request.body.len() > MAX_BYTES {
            return Err(inexpressible("the messages are too large to share a request"));
        }
        Ok(request)
    }

    fn entry<'a>(
        &self,
        job: &Job,
        content: &'a Content,
        to: &'a str,
        values: Map<String, Value>,
    ) -> Result<Entry<'a>, Inexpressible> {
        let data = Value::Object(values).to_string();
        if data.chars().count() > MAX_VALUES {
            return Err(inexpressible(
                "the text that differs per recipient has more than 262,144 characters",
            ));
        }
        Ok(Entry {
            destination: Destination { to_addresses: [to] },
            replacement_email_content: Replacement {
                replacement_template: Values { replacement_template_data: data },
            },
            replacement_tags: self.tags_of(job),
            replacement_headers: content
                .headers
                .iter()
                .map(|(name, value)| Header { name, value })
                .collect(),
        })
    }

    /// Returns the recipient's mailbox as written in the To header.
    fn mailbox(&self, job: &Job) -> Option<String> {
        let to = field_of(&job.message, "To")?;
        match self.simulator(job) {
            Some(simulator) => Some(match to.rsplit_once('<') {
                Some((name, _)) => format!("{name}<{simulator}>"),
                None => simulator,
            }),
            None => Some(to),
        }
    }
}

/// Returns the variable syntax of SES. A brace or backslash next to a variable would change its
/// meaning.
fn mark() -> Mark {
    Mark { before: OPEN.into(), after: "}}", edges: &['{', '}', '\\'] }
}

/// Returns a hash of the properties that the messages of one request must have in common. Returns 0
/// for a message that cannot be sent in bulk.
pub(super) fn kind_of(job: &Job) -> u64 {
    let Some(content) = job.content.as_deref().filter(|_| goes_in_bulk(job)) else { return 0 };
    let mut hash = DefaultHasher::new();
    (http::shape(content), &content.from.name, &content.from.address).hash(&mut hash);
    content.reply_to.hash(&mut hash);
    hash.finish().max(1)
}

/// Returns whether a message can share a request with others.
fn goes_in_bulk(job: &Job) -> bool {
    let Some(content) = job.content.as_deref() else { return false };
    let texts = [&content.subject, &content.text].into_iter().chain(&content.html);
    let is_tag = |text: &str| {
        (1..=MAX_TAG).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let is_header = |(name, value): &(String, String)| {
        (1..=MAX_HEADER_NAME).contains(&name.len())
            && (1..=MAX_HEADER_VALUE).contains(&value.len())
            && name.len() + value.len() <= MAX_HEADER
            && name.bytes().all(|byte| matches!(byte, 33..=126) && byte != b':')
            && value.bytes().all(|byte| matches!(byte, 32..=126))
    };
    let is_file = |file: &Attachment| {
        (1..=MAX_FILE_NAME).contains(&file.name.len())
            && file.name.is_ascii()
            && (1..=MAX_FILE_TYPE).contains(&file.content_type.len())
            && file.cid.as_ref().is_none_or(|cid| cid.len() <= MAX_FILE_ID)
    };
    // SES requires a subject and a body in a template.
    let has_parts =
        !content.subject.is_empty() && texts.clone().skip(1).any(|text| !text.is_empty());
    // Headers are checked too, because the documentation does not say whether SES replaces
    // variables in them.
    let headers = content.headers.iter().flat_map(|(name, value)| [name, value]);
    let reads_as_a_template =
        texts.chain(headers).any(|text| text.contains(OPEN) || text.contains('\0'));
    if job.to.needs_smtputf8()
        || !has_parts
        || reads_as_a_template
        || content.headers.len() > MAX_HEADERS
    {
        return false;
    }
    // The To header of a redirected message still contains the original recipient.
    let bare = |to: &str| {
        to.strip_suffix('>').and_then(|to| to.rsplit_once('<')).map_or(to, |(_, address)| address)
            == job.to.as_str()
    };
    content.headers.iter().all(is_header)
        && content.attachments.iter().all(is_file)
        && is_tag(http::correlation_id(job))
        && field_of(&job.message, "To").is_some_and(|to| bare(&to))
}

fn is_alike(one: &Content, other: &Content) -> bool {
    let is_empty = |content: &Content| {
        (content.text.is_empty(), content.html.as_deref().is_none_or(str::is_empty))
    };
    is_empty(one) == is_empty(other)
        && one.from == other.from
        && one.reply_to == other.reply_to
        && (Arc::ptr_eq(&one.attachments, &other.attachments)
            || one.attachments == other.attachments)
}

/// Returns a header of an encoded message, unfolded. Returns `None` if the header is missing.
fn field_of(message: &[u8], name: &str) -> Option<String> {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let head = str::from_utf8(&message[..end]).ok()?;
    let mut lines = head.split("\r\n").skip_while(|line| {
        line.split_once(':').is_none_or(|(known, _)| !known.eq_ignore_ascii_case(name))
    });
    let mut value = lines.next()?.split_once(':')?.1.trim().to_owned();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push_str(line);
    }
    Some(value.trim().to_owned())
}

/// Splits a header that mailbatch wrote into its mailboxes, at each comma outside quotes.
fn mailboxes_of(list: &str) -> Vec<String> {
    let (mut mailboxes, mut is_quoted, mut is_escaped) = (vec![String::new()], false, false);
    for c in list.chars() {
        match c {
            ',' if !is_quoted => {
                mailboxes.push(String::new());
                continue;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = c == '\\' && is_quoted && !is_escaped;
        if let Some(last) = mailboxes.last_mut() {
            last.push(c);
        }
    }
    mailboxes.into_iter().map(|mailbox| mailbox.trim().to_owned()).collect()
}

fn inexpressible(what: &str) -> Inexpressible {
    Inexpressible(Refusal::new(Reason::Content, "", what))
}

/// A success reply, in the order of the entries:
/// `{"BulkEmailEntryResults":[{"Status":"SUCCESS","MessageId":"…"},{"Status":"INVALID_PARAMETER","Error":"…"}]}`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Results {
    bulk_email_entry_results: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message_id: Option<String>,
}

/// The result of an entry.
enum Fate {
    Known(Verdict),
    /// The account has exceeded a limit, or the request names a missing resource. SES accepts no
    /// other recipient either.
    Stop(Refusal),
}

/// Interprets a reply with status 200. If the number of results differs from the number of entries,
/// the results cannot be matched. The outcome is then unknown, so no message is sent again.
pub(super) fn read(sent: usize, answer: &Answer) -> Read {
    let doubt = |what: &str| Read::Doubt(answer.refusal(Reason::NoReply, "", what));
    let Some(Results { bulk_email_entry_results: results }) = answer.json() else {
        return doubt("the reply cannot be read");
    };
    if results.len() != sent {
        return doubt(&format!("{} results for {sent} messages", results.len()));
    }
    let fates: Vec<Fate> = results.into_iter().map(|outcome| fate(outcome, answer)).collect();
    let throttled = |fate: &Fate| match fate {
        Fate::Known(Verdict::NotTaken { refusal, .. }) if refusal.reason == Reason::Rate => {
            Some(refusal.clone())
        }
        _ => None,
    };
    if let Some(refusal) = fates
        .first()
        .and_then(throttled)
        .filter(|_| fates.iter().all(|fate| throttled(fate).is_some()))
    {
        return Read::Again { wait: answer.retry_after(), refusal };
    }
    let mut stop = None;
    let verdicts = fates.into_iter().map(|fate| match fate {
        Fate::Known(verdict) => verdict,
        Fate::Stop(refusal) => {
            stop = Some(refusal.clone());
            Verdict::NotTaken { refusal, counts: false }
        }
    });
    let verdicts = verdicts.collect();
    match stop {
        Some(refusal) => Read::EachAndStop(verdicts, refusal),
        None => Read::Each(verdicts),
    }
}

/// Interprets the result of one entry. The reference and actual replies use different names for
/// three statuses; both names are accepted.
fn fate(Outcome { status, error, message_id }: Outcome, answer: &Answer) -> Fate {
    let status = status.unwrap_or_default();
    let error = error.unwrap_or_default();
    let refusal = |reason: Reason| answer.refusal(reason, &status, &error);
    let not_taken = |reason: Reason, counts: bool| {
        Fate::Known(Verdict::NotTaken { refusal: refusal(reason), counts })
    };
    match status.as_str() {
        "SUCCESS" => {
            let provider_id = message_id.filter(|id| !id.is_empty()).map(|id| answer.clean(&id));
            Fate::Known(Verdict::Accepted {
                provider_id,
                code: "200".into(),
                detail: String::new(),
            })
        }
        "MESSAGE_REJECTED" => Fate::Known(Verdict::Rejected(refusal(Reason::Policy))),
        "INVALID_PARAMETER" | "INVALID_PARAMETER_VALUE" => {
            Fate::Known(Verdict::Rejected(refusal(blames(&error))))
        }
        "TRANSIENT_FAILURE" => not_taken(Reason::Session, true),
        "ACCOUNT_THROTTLED" => not_taken(Reason::Rate, false),
        "ACCOUNT_DAILY_QUOTA_EXCEEDED" => Fate::Stop(refusal(Reason::Cap)),
        "MAIL_FROM_DOMAIN_NOT_VERIFIED"
        | "CONFIGURATION_SET_NOT_FOUND"
        | "CONFIGURATION_SET_DOES_NOT_EXIST"
        | "TEMPLATE_NOT_FOUND"
        | "TEMPLATE_DOES_NOT_EXIST"
        | "INVALID_SENDING_POOL_NAME"
        | "ACCOUNT_SUSPENDED"
        | "ACCOUNT_SENDING_PAUSED"
        | "CONFIGURATION_SET_SENDING_PAUSED" => Fate::Stop(refusal(Reason::Policy)),
        // Neither `FAILED` nor an undocumented status shows whether the message was accepted.
        _ => {
            let Refusal { code, detail, .. } = refusal(Reason::NoReply);
            Fate::Known(Verdict::Unknown { detail: format!("{code} {detail}").trim().to_owned() })
        }
    }
}
