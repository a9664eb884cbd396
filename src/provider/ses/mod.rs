//! Sends mail through Amazon SES, API version 2.
//!
//! - API: <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>, read on
//!   2026-11-21.
//! - Limits: 40 MB per message after base64. The limits per second and per 24 hours belong to the
//!   account and the region.
//! - One request: `SendBulkEmail` for up to 50 recipients ([`bulk`]), unless `bulk = false`. A
//!   message that it cannot express is sent as `SendEmail` with one recipient and the complete MIME
//!   message.
//! - Partial failure: a bulk request has a status for each entry. Any request may be refused as a
//!   whole.
//! - Idempotency: none. If a written request gets no answer, its recipients are `Unknown`.
//! - Quirks: the error's type decides, not the HTTP status: throttling is reported as 400 or 429.
//!   Suppressed addresses are accepted, and reported later as events. SES replaces the Message-ID
//!   and the Date of the messages it delivers. The local part of an address must be ASCII. Each
//!   request is signed with its time, so SES refuses it if this machine's clock is wrong by
//!   minutes.

mod account;
mod bulk;
mod credentials;
#[cfg(test)]
mod oracle;
mod roles;
mod signature;
mod signer;
pub(crate) mod sns;
mod sources;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::credentials::Credentials;
use self::signature::Signed;
use self::signer::Signer;
use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Read, Request, Service, by_status,
};
use super::{
    BoxFuture, Capabilities, Form, Job, Provider, ProviderSettings, ProviderSpec, Refusal, Verdict,
};
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::outcome::Reason;

const PATH: &str = "/v2/email/outbound-emails";
const LIMITS: Limits = Limits { recipients: 1, bytes: 40_000_000, idempotency_window: None };
const BULK_LIMITS: Limits = Limits { recipients: bulk::RECIPIENTS, ..LIMITS };
const CAPABILITIES: Capabilities = Capabilities { form: Form::Mime, ..http::capabilities(&LIMITS) };
/// The capabilities with bulk requests, where one claim is one request.
const BULK_CAPABILITIES: Capabilities = Capabilities {
    form: Form::Both,
    shares_attachments: true,
    max_recipients: bulk::RECIPIENTS,
    ..http::capabilities(&BULK_LIMITS)
};
/// The name of the service in signatures.
const SERVICE: &str = "ses";
const KEYS: [&str; 11] = [
    "region",
    "profile",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "bulk",
    "base_url",
    "timeouts",
    "ca_file",
    "request_rate",
    "options",
];
/// The fields of a request that mailbatch writes itself.
const OWNED: [&str; 7] = [
    "Destination",
    "Content",
    "FromEmailAddress",
    "ReplyToAddresses",
    "DefaultContent",
    "DefaultEmailTags",
    "BulkEmailEntries",
];

/// SES's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "ses",
    summary: "Amazon SES: batches of 50 by templates, credentials from the usual AWS sources",
    keys: &KEYS,
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK, &webhook::BARE],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    Ok(Box::new(Ses::new(settings)?))
}

struct Ses {
    http: Http,
    /// Whether several recipients share a request.
    is_bulk: bool,
    /// Whether every message is sent to the mailbox simulator.
    is_sandboxed: bool,
    region: String,
    /// The value of the Host header as the client writes it, without the default port.
    host: String,
    signer: Signer,
    /// Additional fields of each request: `ConfigurationSetName`, `TenantName`, `EmailTags`.
    options: serde_json::Map<String, Value>,
    /// The tags in `options`, sent with every message.
    tags: Vec<Value>,
}

impl Ses {
    fn new(settings: &ProviderSettings) -> Result<Self> {
        let keys = Keys::checked(settings, SPEC.keys)?;
        let region = sources::region(settings)?;
        let source = sources::find(settings)?;
        let http = Http::new(settings, &format!("https://email.{region}.amazonaws.com"))?;
        let mut options = keys.options(&OWNED, &["EmailTags"])?;
        let refused = ("not a list", "write EmailTags = [{ Name = \"a\", Value = \"b\" }]");
        let tags = keys.take(&mut options, "EmailTags", refused, |value| match value {
            Value::Array(tags) => Some(tags),
            _ => None,
        })?;
        let alone = options.keys().find(|key| !bulk::OPTIONS.contains(&key.as_str()));
        let is_bulk = keys.flag("bulk", alone.is_none())?;
        if let Some(key) = alone.filter(|_| is_bulk) {
            let what = format!("SendBulkEmail has no field {key}, but options sets it");
            return Err(keys
                .error("bulk", &what)
                .hint("remove bulk; each message then gets its own request"));
        }
        let host = match (http.base().host_str().unwrap_or_default(), http.base().port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let signer = Signer::new(source, &http);
        Ok(Self { http, is_bulk, is_sandboxed: false, region, host, signer, options, tags })
    }

    /// Returns the simulator address that replaces the recipient in sandbox mode.
    fn simulator(&self, job: &Job) -> Option<String> {
        self.is_sandboxed
            .then(|| format!("success+{}@simulator.amazonses.com", http::correlation_id(job)))
    }

    /// Returns the tags of one message: those of the configuration, and the correlation id.
    fn tags_of(&self, job: &Job) -> Vec<Value> {
        let mut tags = self.tags.clone();
        tags.push(json!({ "Name": http::ID, "Value": http::correlation_id(job) }));
        tags
    }

    fn signed(
        &self,
        credentials: &Credentials,
        request: &Request,
        at: Timestamp,
    ) -> Result<HeaderMap, Refusal> {
        let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let content_type = request
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut headers = vec![
            ("content-type", content_type),
            ("host", self.host.as_str()),
            ("x-amz-date", date.as_str()),
        ];
        // A GET request has no body, and therefore no content type.
        headers.retain(|(_, value)| !value.is_empty());
        headers.extend(
            credentials
                .session_token
                .as_ref()
                .map(|token| ("x-amz-security-token", token.expose())),
        );
        let signed = Signed {
            method: request.method.as_str(),
            path: &request.path,
            headers: &headers,
            body: &request.body,
        };
        let authorization =
            signature::authorization(credentials, &self.region, SERVICE, &date, &signed);
        let mut map = HeaderMap::new();
        let own = headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-amz-"))
            .map(|(name, value)| (*name, *value));
        for (name, value) in own.chain([(AUTHORIZATION.as_str(), authorization.as_str())]) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("each is a header's name");
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                Refusal::new(
                    Reason::Auth,
                    "",
                    "the credentials contain a character that is not allowed in a header",
                )
            })?;
            value.set_sensitive(true);
            map.insert(name, value);
        }
        Ok(map)
    }
}

impl Service for Ses {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        if self.is_bulk { &BULK_CAPABILITIES } else { &CAPABILITIES }
    }

    /// Sends every message to the mailbox simulator instead of its recipient. The address contains
    /// the correlation id as a label.
    fn sandbox(&mut self, _name: &str) -> Result<()> {
        self.is_sandboxed = true;
        Ok(())
    }

    /// Returns `None`, because the credentials change and SES has no idempotency keys.
    fn account_hash(&self) -> Option<[u8; 32]> {
        None
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mail<'a> {
    destination: Destination<'a>,
    content: Content,
    email_tags: Vec<Value>,
    #[serde(flatten)]
    options: &'a serde_json::Map<String, Value>,
}

/// The envelope recipient. SES sends the message only to this address, whatever its headers say.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination<'a> {
    to_addresses: [&'a str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    raw: Raw,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    data: String,
}

impl Api for Ses {
    fn limits(&self) -> &Limits {
        if self.is_bulk { &BULK_LIMITS } else { &LIMITS }
    }

    /// Builds the request. A message for one recipient is always sent as complete MIME.
    fn request(&self, jobs: &[&Job], _key: &str) -> Result<Request, Inexpressible> {
        let [job] = jobs else { return self.bulk(jobs) };
        if job.to.needs_smtputf8() {
            return Err(Inexpressible(Refusal::new(
                Reason::BadAddress,
                "",
                "SES accepts only addresses with an ASCII local part",
            )));
        }
        let simulator = self.simulator(job);
        let mail = Mail {
            destination: Destination {
                to_addresses: [simulator.as_deref().unwrap_or(job.to.as_str())],
            },
            content: Content { raw: Raw { data: BASE64_STANDARD.encode(&job.message) } },
            email_tags: self.tags_of(job),
            options: &self.options,
        };
        Ok(Request::json(PATH, &mail))
    }

    fn kind_of(&self, job: &Job) -> u64 {
        bulk::kind_of(job)
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        let key = access_key_of(answer);
        if answer.status == StatusCode::OK {
            self.signer.works(key);
            return if jobs.len() > 1 {
                bulk::read(jobs.len(), answer)
            } else {
                accepted(jobs, answer)
            };
        }
        let Failure { name, message } = Failure::of(answer);
        match failure(jobs, answer, &name, &message) {
            Read::Stop(refusal) if is_expired(&name) && self.signer.renew(key, &self.http) => {
                Read::Again { wait: None, refusal }
            }
            read => read,
        }
    }

    fn sign<'a>(
        &'a self,
        request: &'a Request,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<HeaderMap, Refusal>> {
        Box::pin(async move { self.signed(&*self.signer.current(&self.http).await?, request, at) })
    }
}

/// Returns the id of the access key that signed the request.
fn access_key_of(answer: &Answer) -> Option<&str> {
    let (_, credential) =
        answer.authorization.as_ref()?.to_str().ok()?.split_once("Credential=")?;
    credential.split('/').next()
}

/// A success reply: `{"MessageId":"010001…-000000"}`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    message_id: String,
}

fn accepted(jobs: &[&Job], answer: &Answer) -> Read {
    let Some(Taken { message_id }) =
        answer.json().filter(|taken: &Taken| !taken.message_id.is_empty())
    else {
        return Read::Doubt(answer.refusal(Reason::NoReply, "", "the reply cannot be read"));
    };
    let id = answer.clean(&message_id);
    Read::Each(
        jobs.iter()
            .map(|_| Verdict::Accepted {
                provider_id: Some(id.clone()),
                code: "200".into(),
                detail: String::new(),
            })
            .collect(),
    )
}

/// An error reply: its type and its text. The type has no suffix `Exception`, because some types
/// have it only in some places.
struct Failure {
    name: String,
    message: String,
}

/// The body of an error reply: `{"message":"…"}` or `{"Message":"…"}`. The body contains the type
/// only if no header does.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default, rename = "__type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default, alias = "Message")]
    message: Option<String>,
}

impl Failure {
    fn of(answer: &Answer) -> Self {
        let body: Body = answer.json().unwrap_or_default();
        let header =
            Some(answer.header("x-amzn-errortype").to_owned()).filter(|kind| !kind.is_empty());
        let kind = header.or(body.kind).or(body.code).unwrap_or_default();
        // Examples of a type: `TooManyRequestsException:http://internal.amazon.com/…`,
        // `com.amazonaws.ses#TooManyRequestsException`.
        let kind = kind.split(':').next().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default().trim();
        Self {
            name: kind.strip_suffix("Exception").unwrap_or(kind).to_owned(),
            message: body.message.unwrap_or_default(),
        }
    }
}

fn is_expired(name: &str) -> bool {
    matches!(name, "ExpiredToken" | "RequestExpired")
}

/// Interprets an error by its type. The status is not enough: "Maximum sending rate exceeded" is
/// reported with 400 and with 429.
fn failure(jobs: &[&Job], answer: &Answer, name: &str, message: &str) -> Read {
    let refusal = |reason: Reason| answer.refusal(reason, name, message);
    let slow_down = || Read::Again { wait: answer.retry_after(), refusal: refusal(Reason::Rate) };
    match name {
        // Only the text distinguishes "Daily message quota exceeded" from "Maximum sending rate
        // exceeded".
        "LimitExceeded" | "TooManyRequests" | "Throttling"
            if message.to_ascii_lowercase().contains("quota exceeded") =>
        {
            Read::Stop(refusal(Reason::Cap))
        }
        "LimitExceeded" if !message.to_ascii_lowercase().contains("rate exceeded") => {
            Read::Stop(refusal(Reason::Cap))
        }
        "LimitExceeded" | "TooManyRequests" | "Throttling" => slow_down(),
        "AccountSuspended" | "SendingPaused" | "MailFromDomainNotVerified" | "NotFound" => {
            Read::Stop(refusal(Reason::Policy))
        }
        "AccessDenied"
        | "UnrecognizedClient"
        | "IncompleteSignature"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "OptInRequired"
        | "NotAuthorized" => Read::Stop(refusal(Reason::Auth)),
        "MessageRejected" if is_unverified_sender(jobs, message) => {
            Read::Stop(refusal(Reason::Policy))
        }
        "MessageRejected" => Read::Unnamed(refusal(Reason::Policy)),
        "BadRequest" | "Validation" | "ValidationError" | "InvalidParameterValue" => {
            Read::Unnamed(refusal(blames(message)))
        }
        // The documentation says that SES did not receive the complete request. A server that
        // reports this may still have received it.
        "RequestTimeout" => Read::Doubt(refusal(Reason::NoReply)),
        "ServiceUnavailable" if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
            Read::Again { wait: answer.retry_after(), refusal: refusal(Reason::Session) }
        }
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}

/// Returns whether the sender is not verified. Only the text states it: "Email address is not
/// verified. The following identities failed the check in region EU-WEST-1: news@acme.example,
/// ann@x.example". In the SES sandbox, recipients must be verified too; an unverified recipient is
/// refused alone.
fn is_unverified_sender(jobs: &[&Job], message: &str) -> bool {
    let Some((_, identities)) = message
        .split_once("identities failed the check in region")
        .and_then(|(_, rest)| rest.split_once(':'))
    else {
        return names_the_sender(jobs, message);
    };
    let bare = |identity: &str| {
        identity
            .rsplit_once('<')
            .map_or(identity, |(_, rest)| rest)
            .trim()
            .trim_end_matches(['>', '.'])
            .to_ascii_lowercase()
    };
    let recipients: Vec<String> =
        jobs.iter().map(|job| job.to.as_str().to_ascii_lowercase()).collect();
    identities.split(',').any(|identity| !recipients.contains(&bare(identity)))
}

/// Returns whether the text names the sender and not the recipient: "Did not have authority to send
/// from email news@acme.example".
fn names_the_sender(jobs: &[&Job], message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let names = |address: &Address| message.contains(&address.as_str().to_ascii_lowercase());
    jobs.iter().all(|job| job.envelope_sender.as_ref().is_some_and(names) && !names(&job.to))
}

/// Returns the reason for a refused request. Only the text states it: "Missing final '@domain'",
/// "Domain contains illegal character", "Local address contains control or whitespace", "Illegal
/// address". The text can only mean the recipient's address, which is the only address outside the
/// message.
fn blames(message: &str) -> Reason {
    let message = message.to_ascii_lowercase();
    if message.contains("address") || message.contains("domain") {
        Reason::BadAddress
    } else {
        Reason::Content
    }
}
