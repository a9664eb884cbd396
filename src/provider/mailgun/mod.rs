//! Sends mail through Mailgun's messages API.
//!
//! - API:
//!   <https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending>,
//!   read on 2026-11-21.
//! - Limits: 1,000 recipients and 25 MB per request; 16 KB for all `o:`, `h:` and `v:` fields
//!   together.
//! - One request: one form for up to 1,000 recipients. The form contains the common text once, and
//!   the differing values in `recipient-variables`. Every request has this field: without it every
//!   recipient would see the whole list.
//! - Partial failure: none. A request is accepted or refused as a whole. One invalid address
//!   refuses it, and the answer does not name the address.
//! - Idempotency: none. If a written request gets no answer, or a 5xx, its recipients are
//!   `Unknown`.
//! - Quirks: all messages of a request have the same id. A wrong path can answer 200 "Mailgun
//!   Magnificent API". Hourly limits are reported as 420 or 429, and the wait is stated in the
//!   text, as seconds or as a date. Suppressed addresses are accepted, and reported later as
//!   events. An address that occurs twice in a request is mailed once. An account on probation may
//!   have only ten recipients in a request, which only a refusal reveals.

mod account;
mod form;
mod log;
mod paging;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::Value;

use self::form::Form;
use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Mark, Read, Request, Service, Shared,
    by_status,
};
use super::{Capabilities, Job, Provider, ProviderSettings, ProviderSpec, Refusal, Verdict};
use crate::content::{Content, Party, list_of};
use crate::model::error::Result;
use crate::model::outcome::Reason;
use crate::secret::Secret;

const BASE: &str = "https://api.mailgun.net";
const BASE_EU: &str = "https://api.eu.mailgun.net";
const LIMITS: Limits = Limits { recipients: 1_000, bytes: 25_000_000, idempotency_window: None };
const CAPABILITIES: Capabilities =
    Capabilities { shares_attachments: true, ..http::capabilities(&LIMITS) };
/// The maximum number of bytes of all options, headers and custom data together.
const MAX_OPTIONS: usize = 16 * 1024;
/// The nonstandard status for an hourly limit.
const LIMITED: u16 = 420;
/// The custom data field for the correlation id.
const VARIABLE: &str = "v:mailbatch_id";

/// Mailgun's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "mailgun",
    summary: "Mailgun: batches of 1,000 by recipient variables, US or EU",
    keys: http::keys!["domain", "region"],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let example = "write domain = \"mg.example.com\", the sending domain";
    let domain =
        keys.text("domain")?.ok_or_else(|| keys.error("domain", "missing").hint(example))?;
    // The domain becomes a part of the path, so it must not contain characters that change the
    // path.
    if domain.is_empty()
        || domain.starts_with('.')
        || !domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    {
        return Err(keys.error("domain", "not a domain").hint(example));
    }
    let mut http = Http::new(settings, region(&keys)?)?;
    let key = keys.key("api_key")?;
    let credentials = |key: &str| BASE64_STANDARD.encode(format!("api:{key}").as_bytes());
    http.keep_secret(Secret::new(credentials(key.current().secret.expose())));
    http.send_key_as(&keys, AUTHORIZATION, key, move |key| format!("Basic {}", credentials(key)))?;
    Ok(Box::new(Mailgun {
        http,
        path: format!("/v3/{domain}/messages"),
        domain: domain.to_owned(),
        options: options(&keys)?,
    }))
}

/// Returns the API address of the domain's region. It is not used if `base_url` is set.
fn region(keys: &Keys<'_>) -> Result<&'static str> {
    match keys.text("region")? {
        None | Some("us") => Ok(BASE),
        Some("eu") => Ok(BASE_EU),
        Some(_) => Err(keys
            .error("region", "neither us nor eu")
            .hint("write region = \"eu\" for a domain in the EU region")),
    }
}

/// Reads the table `options` as fields of the form.
fn options(keys: &Keys<'_>) -> Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    for (name, value) in keys.options(&[VARIABLE], &["o:testmode"])? {
        let error = |what: &str| {
            keys.error(&format!("options.{name}"), what)
                .hint("write options = { \"o:tag\" = [\"spring\"] }")
        };
        if !(name.starts_with("o:") || name.starts_with("v:")) || name.len() < 3 {
            return Err(error("only fields that begin with o: or v: are allowed"));
        }
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(yes) => if yes { "yes" } else { "no" }.to_owned(),
                _ => {
                    return Err(error(
                        "neither a text, a number, true or false, nor a list of them",
                    ));
                }
            };
            fields.push((name.clone(), text));
        }
    }
    Ok(fields)
}

struct Mailgun {
    http: Http,
    path: String,
    domain: String,
    /// Additional fields of each request: `o:tag`, `o:tracking`, `o:testmode`.
    options: Vec<(String, String)>,
}

impl Service for Mailgun {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    /// Sets `o:testmode`: Mailgun processes, reports and charges the messages, but does not deliver
    /// them.
    fn sandbox(&mut self, _name: &str) -> Result<()> {
        self.options.retain(|(name, _)| name != "o:testmode");
        self.options.push(("o:testmode".into(), "yes".into()));
        Ok(())
    }
}

impl Api for Mailgun {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let contents = jobs.iter().map(|job| http::content(job)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = contents.first() else {
            return Err(inexpressible(Reason::Session, "there is no recipient"));
        };
        fits_one_form(jobs, &contents)?;
        let mut shared = Shared::new(
            jobs.len(),
            Mark { before: "%recipient.".into(), after: "%", edges: &['%'] },
        );
        let from = shared.field("from", |member| contents[member].from.to_string());
        let subject = shared.field("subject", |member| contents[member].subject.clone());
        let text = shared.lines("text", |member| contents[member].text.as_str());
        let html = first.html.as_ref().map(|_| {
            shared.lines("html", |member| contents[member].html.as_deref().unwrap_or_default())
        });
        let mut options = self.options.clone();
        if !first.reply_to.is_empty() {
            let reply_to = |member: usize| list_of(&contents[member].reply_to).unwrap_or_default();
            options.push(("h:Reply-To".into(), shared.field("reply_to", reply_to)));
        }
        for (index, (name, _)) in first.headers.iter().enumerate() {
            let value = shared.field(&format!("header{index}_"), |member| {
                contents[member].headers[index].1.clone()
            });
            options.push((format!("h:{name}"), value));
        }
        options.push((
            VARIABLE.into(),
            shared.field("id", |member| http::correlation_id(jobs[member]).to_owned()),
        ));
        if options.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_OPTIONS
        {
            return Err(inexpressible(
                Reason::Content,
                "headers, custom data and options are larger than 16 KB",
            ));
        }
        let mut form = Form::new(key);
        form.field("from", &from);
        for (job, content) in jobs.iter().zip(&contents) {
            form.field(
                "to",
                &Party { name: content.to_name.clone(), address: job.to.as_str().to_owned() }
                    .to_string(),
            );
        }
        form.field("subject", &subject);
        form.field("text", &text);
        html.iter().for_each(|html| form.field("html", html));
        options.iter().for_each(|(name, value)| form.field(name, value));
        let variables = jobs
            .iter()
            .zip(shared.variables())
            .map(|(job, variables)| (job.to.as_str().to_owned(), Value::Object(variables)));
        form.field("recipient-variables", &Value::Object(variables.collect()).to_string());
        for file in first.attachments.iter() {
            form.file(file)
                .ok_or_else(|| inexpressible(Reason::Render, "an attachment cannot be decoded"))?;
        }
        let (content_type, body) = form.end();
        Ok(Request::post(self.path.as_str(), "multipart/form-data", body)
            .header("content-type", &content_type))
    }

    /// Separates messages that contain a Mailgun placeholder, so that the other messages can still
    /// share requests.
    fn kind_of(&self, job: &Job) -> u64 {
        job.content.as_deref().map_or(0, |content| {
            if holds_a_placeholder(content) { 1 } else { http::shape(content).max(2) }
        })
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        match answer.status {
            StatusCode::OK => taken(jobs.len(), answer),
            _ => failure(answer),
        }
    }
}

fn inexpressible(reason: Reason, what: &str) -> Inexpressible {
    Inexpressible(Refusal::new(reason, "", what))
}

/// Returns whether the message contains text that Mailgun would replace.
fn holds_a_placeholder(content: &Content) -> bool {
    let headers = content.headers.iter().map(|(_, value)| value);
    headers
        .chain(content.html.as_ref())
        .chain([&content.subject, &content.text])
        .any(|text| text.contains("%recipient"))
}

/// Returns an error if these messages cannot share a form. For a single message, returns an error
/// if Mailgun cannot express it.
fn fits_one_form(jobs: &[&Job], contents: &[&Content]) -> Result<(), Inexpressible> {
    let texts =
        |content: &Content| content.text.len() + content.html.as_ref().map_or(0, String::len);
    let files = |content: &Content| {
        content.attachments.iter().map(|file| file.data.len() / 4 * 3).sum::<usize>()
    };
    if contents.iter().any(|content| texts(content) + files(content) > LIMITS.bytes) {
        return Err(inexpressible(Reason::Content, "the message is larger than 25 MB"));
    }
    if contents.iter().any(|content| holds_a_placeholder(content)) {
        return Err(inexpressible(
            Reason::Content,
            "the message contains the text %recipient, which Mailgun would replace",
        ));
    }
    // Mailgun mails an address that occurs twice in a request only once.
    let people: BTreeSet<String> =
        jobs.iter().map(|job| job.to.as_str().to_ascii_lowercase()).collect();
    let [first, others @ ..] = contents else { return Ok(()) };
    let is_alike = |other: &&Content| {
        let names = |content: &Content| {
            content.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        other.html.is_some() == first.html.is_some()
            && other.reply_to.is_empty() == first.reply_to.is_empty()
            && names(other) == names(first)
            && (std::sync::Arc::ptr_eq(&other.attachments, &first.attachments)
                || other.attachments == first.attachments)
    };
    if people.len() < jobs.len() || !others.iter().all(is_alike) {
        return Err(inexpressible(Reason::Content, "the messages cannot share a request"));
    }
    Ok(())
}

/// A success reply: `{"id":"<2026…@domain>","message":"Queued. Thank you."}`.
#[derive(Default, Deserialize)]
struct Words {
    #[serde(default)]
    id: String,
    #[serde(default)]
    message: String,
}

fn taken(sent: usize, answer: &Answer) -> Read {
    let Words { id, message } = answer.json().unwrap_or_default();
    // Mailgun's events contain the id without angle brackets.
    let id = answer.clean(id.trim().trim_start_matches('<').trim_end_matches('>'));
    if !id.is_empty() && message.starts_with("Queued") {
        let accepted =
            Verdict::Accepted { provider_id: Some(id), code: "200".into(), detail: String::new() };
        return Read::Each(vec![accepted; sent]);
    }
    // Mailgun sends this reply at any path outside its API.
    if String::from_utf8_lossy(&answer.body).contains("Magnificent API") {
        return Read::Stop(answer.refusal(
            Reason::Session,
            "",
            "\"Mailgun Magnificent API\" instead of an answer: are base_url and domain right?",
        ));
    }
    Read::Doubt(answer.refusal(Reason::NoReply, "", "the reply cannot be read"))
}

/// Interprets an error reply, `{"message":"…"}` or a JSON string. It has no code, so only the text
/// distinguishes the causes of a 400.
fn failure(answer: &Answer) -> Read {
    let Words { message, .. } = answer.json().unwrap_or_default();
    let bare = answer.json::<String>();
    let message = bare.as_deref().unwrap_or(&message);
    let refusal = |reason: Reason| answer.refusal(reason, "", message);
    // Example of such a message: "Domain example.com is not allowed to send: recipient limit
    // exceeded, try again after Mon, 25 Aug 2025 07:00:31 UTC".
    let wait = answer.wait_in(message);
    match answer.status {
        status if status.is_client_error() && limits_recipients(message) => {
            match most_recipients(message) {
                Some(most) => Read::TooMany(most, refusal(Reason::Policy)),
                None => Read::Stop(refusal(Reason::Policy)),
            }
        }
        status if status == StatusCode::TOO_MANY_REQUESTS || status.as_u16() == LIMITED => {
            Read::Again { wait, refusal: refusal(Reason::Rate) }
        }
        StatusCode::BAD_REQUEST => match parameter(message) {
            Some("to") => Read::Unnamed(refusal(Reason::BadAddress)),
            Some("from") => Read::Stop(refusal(Reason::Policy)),
            // The sending domain is the same for every recipient.
            _ if message.contains("is not allowed to send") => match wait {
                Some(_) => Read::Again { wait, refusal: refusal(Reason::Rate) },
                None => Read::Stop(refusal(Reason::Policy)),
            },
            _ => Read::Unnamed(refusal(Reason::Policy)),
        },
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}

/// Returns whether a message limits the recipients of one request: "Only 10 recipients per request
/// is allowed on probation", "may send at most 10 recipients per message", "a max of 10 recipients
/// per batch". A limit per time does not count: "100 recipients per hour".
fn limits_recipients(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["per request", "per message", "per batch", "per call", "in a request", "at a time", "at once"]
        .iter()
        .any(|of| {
            message.split_once(of).is_some_and(|(before, _)| {
                before.trim_end().ends_with("recipients")
                    || before.trim_end().ends_with("recipient")
            })
        })
}

/// Returns the number before the word "recipient".
fn most_recipients(message: &str) -> Option<usize> {
    let lower = message.to_ascii_lowercase();
    let before = &lower[..lower.find("recipient")?];
    before.split(|c: char| !c.is_ascii_digit()).rfind(|digits| !digits.is_empty())?.parse().ok()
}

/// Returns the parameter that a refusal names: "to parameter is not a valid address. please check
/// documentation". The name may be in quotation marks.
fn parameter(message: &str) -> Option<&str> {
    let (before, _) = message.split_once(" parameter")?;
    Some(
        before
            .rsplit(char::is_whitespace)
            .next()?
            .trim_matches(['\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']),
    )
}
