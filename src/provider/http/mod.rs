//! What all HTTP providers share: the client, its settings, and the one way in which a claim is
//! handed over ([`hand_over`]).
//!
//! The rules it keeps: a request goes to `base_url` and nowhere else, redirects included; it goes
//! once unless this module decides otherwise; a reply is read to a limit; no secret and, at the
//! default level, no address leaves it.
//!
//! An adapter is an [`Api`]: it says what a request for some members looks like and what an answer
//! means. It never sends by itself.

mod answer;
mod ask;
mod follow;
mod hand_over;
mod pieces;
mod request;
mod settings;
mod share;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::digest;
use tokio::time::Instant;
use url::Url;

pub(super) use self::answer::Answer;
pub(super) use self::ask::{credentials, encoded, succeeded, suppression_reason, told};
pub(super) use self::request::Request;
pub(super) use self::settings::{KEYS, Keys, bare};
pub(super) use self::share::{Mark, Shared, shape};
use super::{BoxFuture, Capabilities, Health, Job, ProviderSettings, Refusal, Verdict};
use crate::content::Content;
use crate::model::error::{Error, Result};
use crate::model::literal::Rate;
use crate::model::outcome::Reason;
use crate::secret::Secret;

/// The most octets of a reply that are read; what comes after them is not waited for.
const MAX_REPLY: usize = 1024 * 1024;
/// Idle connections are closed after this long: before most servers do it, for a request into a
/// closing connection is in doubt.
const IDLE: Duration = Duration::from_secs(4);

/// A service's API, as its adapter knows it.
pub(super) trait Api: Send + Sync {
    /// What one request may hold, and whether it can be repeated.
    fn limits(&self) -> &Limits;

    /// The request that hands over these members, at most as many as the limits say. The same
    /// members and key give the same octets.
    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible>;

    /// What tells members apart that cannot share a request, or hardly, from those that can: where
    /// a request cannot be made, the members of each number are tried by themselves. By default
    /// nothing, and members are halved.
    fn kind_of(&self, _job: &Job) -> u64 {
        0
    }

    /// What an answer means for these members. The status has been looked at already: never a
    /// redirect, never HTML.
    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read;

    /// Whether the service says that this is what it answered to an earlier request under the same
    /// key; none does by default.
    fn is_replay(&self, _answer: &Answer) -> bool {
        false
    }

    /// What an answer to [`Later::ask`] means; nobody asks an API that says everything at once.
    fn progress(&self, _jobs: &[&Job], answer: &Answer, _later: &Later) -> Read {
        Read::Doubt(answer.refusal(Reason::NoReply, "", "an answer that nobody asked for"))
    }

    /// Headers that belong to this attempt alone, such as a signature with its time; none by
    /// default.
    fn sign<'a>(
        &'a self,
        _request: &'a Request,
        _at: Timestamp,
    ) -> BoxFuture<'a, Result<HeaderMap, Refusal>> {
        Box::pin(std::future::ready(Ok(HeaderMap::new())))
    }
}

/// What one request may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most recipients of one request.
    pub(super) recipients: usize,
    /// The most octets of one request's body.
    pub(super) bytes: usize,
    /// For how long the service knows an idempotency key; `None` where a repeat is a second send.
    pub(super) idempotency_window: Option<Duration>,
}

/// Why a member cannot be put into a request.
#[derive(Debug)]
pub(super) struct Inexpressible(pub(super) Refusal);

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an answer means.
#[derive(Debug)]
pub(super) enum Read {
    /// One verdict for each member, in the order of the request.
    Each(Vec<Verdict>),
    /// The same, and nothing more will be taken until somebody mends it. Whom that concerns already
    /// is `NotTaken`.
    EachAndStop(Vec<Verdict>, Refusal),
    /// It was taken as a whole, and what becomes of each member is told later.
    Later(Later),
    /// Nothing was taken; the same request may go again, after so long where the service says.
    /// Throttling, and a first request that is still being worked on. Who concludes it from results
    /// of single members has to have one of each.
    Again { wait: Option<Duration>, refusal: Refusal },
    /// Nothing was taken, because of members that are not named, and it is permanent. With one
    /// member it is that member's refusal.
    Unnamed(Refusal),
    /// Nothing was taken, because of these members alone, by their place in the request; the others
    /// may go once more without them.
    Named(Vec<(usize, Refusal)>),
    /// Nothing was taken, because the account may have no more than so many recipients in a
    /// request; the members may go again in smaller ones.
    TooMany(usize, Refusal),
    /// Nothing was taken, and nothing will be until somebody mends it: credentials, account, quota,
    /// a defect of ours.
    Stop(Refusal),
    /// It may have been taken.
    Doubt(Refusal),
}

/// A batch that was taken, and how to learn what became of its members.
#[derive(Clone, Debug)]
pub(super) struct Later {
    /// The service's name for the batch.
    pub(super) handle: String,
    /// Asks how far the batch is, and changes nothing however often it goes.
    pub(super) ask: Request,
    /// The longest pause between two questions.
    pub(super) every: Duration,
    /// For how long it is asked at most.
    pub(super) patience: Duration,
    /// What is concluded about each member where that time ends, in the order of the request.
    pub(super) so_far: Vec<Verdict>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Not one octet of the request was written.
    NotWritten(Health),
    /// The request, or part of it, was written.
    Lost(Refusal),
}

/// The connections to one service.
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    secrets: RwLock<Vec<Secret>>,
    /// Nothing goes before then: the service asked to be left alone.
    quiet_until: Mutex<Option<Instant>>,
    /// Whether anything there has ever answered as the API would.
    is_the_api: AtomicBool,
    /// The most recipients of a request that the account may have.
    most: AtomicUsize,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Http({})", self.base)
    }
}

impl Http {
    /// Checks the keys all HTTP providers have, resolves no secret, and prepares the client;
    /// touches no network.
    pub(super) fn new(settings: &ProviderSettings, default_base: &str) -> Result<Self> {
        let keys = Keys::of(settings);
        let timeouts = keys.timeouts()?;
        let tls = super::roots::client_config(&keys.extra_roots()?)
            .map_err(|e| Error::internal(format!("TLS cannot be set up: {e}")))?;
        let base = keys.base_url(default_base)?;
        let client = super::proxies::direct_on_loopback(reqwest::Client::builder(), &base)
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("mailbatch/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.read)
            .timeout(timeouts.total)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.in_flight.max(1))
            .tcp_nodelay(true)
            .build()
            .map_err(|e| {
                Error::internal(format!(
                    "providers.{}: the HTTP client cannot be set up: {}",
                    settings.name,
                    chain(&e)
                ))
            })?;
        Ok(Self {
            client,
            base,
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
            secrets: RwLock::default(),
            quiet_until: Mutex::new(None),
            is_the_api: AtomicBool::new(false),
            most: AtomicUsize::new(usize::MAX),
        })
    }

    /// What answers there is the API, as an earlier run has found out.
    pub(super) fn has_answered_before(&self) {
        self.is_the_api.store(true, std::sync::atomic::Ordering::Release);
    }

    /// The service's address: scheme and host.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a secret as `name: prefix secret` with every request, and keeps it out of everything
    /// that is shown.
    pub(super) fn secret_header(
        &mut self,
        name: &'static str,
        prefix: &str,
        secret: Secret,
    ) -> Result<(), String> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose()))
            .map_err(|_| "has a character that a header cannot hold".to_owned())?;
        value.set_sensitive(true);
        self.headers.insert(HeaderName::from_static(name), value);
        self.keep_secret(secret);
        Ok(())
    }

    /// Keeps a secret that goes out by another way out of everything that is shown.
    pub(super) fn keep_secret(&self, secret: Secret) {
        // Nothing but a push happens under the lock.
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).push(secret);
    }

    /// A hash of the service's address and all secrets so far.
    pub(super) fn account(&self) -> [u8; 32] {
        self.account_with(&[])
    }

    /// The same with what tells parts of an account apart.
    pub(super) fn account_with(&self, more: &[&str]) -> [u8; 32] {
        let secrets = self.secrets();
        let parts = std::iter::once(self.base.as_str())
            .chain(secrets.iter().map(Secret::expose))
            .chain(more.iter().copied());
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut account = [0; 32];
        account.copy_from_slice(hash.finish().as_ref());
        account
    }

    fn secrets(&self) -> Vec<Secret> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request once and reads the answer.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        signed: HeaderMap,
    ) -> Result<Answer, Fault> {
        self.exchange_up_to(request, signed, MAX_REPLY).await
    }

    /// The same where up to `most` octets of the answer are read.
    async fn exchange_up_to(
        &self,
        request: &Request,
        signed: HeaderMap,
        most: usize,
    ) -> Result<Answer, Fault> {
        let mut url = self.base().clone();
        let (path, query) = request
            .path
            .split_once('?')
            .map_or((request.path.as_str(), None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let mut headers = self.headers.clone();
        headers.extend(request.headers.clone());
        let authorization = signed.get(AUTHORIZATION).cloned();
        headers.extend(signed);
        let body = request.wire_body().await?;
        let sent = self
            .client
            .request(request.method.clone(), url)
            .headers(headers)
            .body(body)
            .send()
            .await;
        let mut response = sent.map_err(|error| self.fault(&error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        let mut is_whole = true;
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if body.len() + chunk.len() > most => {
                    is_whole = false;
                    break;
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                // The status alone says enough where nothing was taken, and a header of the
                // service's own where it was.
                Err(_)
                    if status.is_client_error()
                        || status.is_success()
                            && request.decisive.is_some_and(|name| headers.contains_key(name)) =>
                {
                    is_whole = false;
                    break;
                }
                Err(error) => {
                    return Err(Fault::Lost(self.refusal(
                        Reason::NoReply,
                        status.as_str(),
                        &words_of(&error),
                    )));
                }
            }
        }
        // Gateways put a byte-order mark before what they pass on, which no reader of JSON takes
        // (RFC 8259, section 8.1).
        if body.starts_with(BYTE_ORDER_MARK) {
            body.drain(..BYTE_ORDER_MARK.len());
        }
        let secrets = self.secrets();
        Ok(Answer { status, headers, body: body.into(), is_whole, authorization, secrets })
    }

    fn fault(&self, error: &reqwest::Error) -> Fault {
        let words = words_of(error);
        if error.is_connect() || error.is_builder() {
            let refusal = self.refusal(
                Reason::Session,
                "",
                &format!("cannot connect to {}: {words}", self.base.authority()),
            );
            return Fault::NotWritten(match untrusted(error) {
                Some(why) => Health::Stop(Refusal {
                    detail: format!(
                        "the server's certificate does not verify: {why}; name its root under ca_file"
                    ),
                    ..refusal
                }),
                None => Health::Failing(refusal),
            });
        }
        Fault::Lost(self.refusal(Reason::NoReply, "", &words))
    }

    fn refusal(&self, reason: Reason, code: &str, detail: &str) -> Refusal {
        Refusal::new(reason, code, answer::clean(detail, &self.secrets()))
    }
}

/// What went wrong, without the URL.
fn words_of(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer within the time limit".to_owned();
    }
    chain(error)
}

/// The deepest cause, which says most.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Why a certificate was not believed, if that is what went wrong.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner
            .downcast_ref::<rustls::Error>()
            .or_else(|| io.and_then(|e| e.downcast_ref::<rustls::Error>()));
        if let Some(rustls::Error::InvalidCertificate(why)) = tls {
            return Some(format!("{why}"));
        }
        cause = inner.source();
    }
    None
}

/// What a provider with structured content can do, for adapters to begin from.
pub(super) const fn capabilities(limits: &Limits) -> Capabilities {
    Capabilities {
        max_recipients: if limits.recipients > 100 { limits.recipients } else { 100 },
        per_request: limits.recipients,
        request_bytes: Some(limits.bytes),
        idempotency_window: limits.idempotency_window,
        form: super::Form::Parts,
        envelope_sender: false,
        ..Capabilities::mime()
    }
}

/// A documented number of requests per window; none where it is zero.
pub(super) const fn request_rate(count: u32, per: Duration) -> Option<Rate> {
    match NonZeroU32::new(count) {
        Some(count) => Some(Rate { count, per }),
        None => None,
    }
}

/// What a status means where an adapter knows nothing better. `refusal` is made of the answer's
/// words.
///
/// A 4xx that the adapter does not know as a refusal of members is about us: nothing goes any more,
/// and no recipient is charged with it.
pub(super) fn by_status(answer: &Answer, refusal: Refusal) -> Read {
    let with = |reason: Reason| Refusal { reason, ..refusal.clone() };
    match answer.status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Read::Stop(with(Reason::Auth)),
        StatusCode::PAYMENT_REQUIRED => Read::Stop(with(Reason::Cap)),
        StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Read::Stop(with(Reason::Session)),
        StatusCode::TOO_MANY_REQUESTS => {
            Read::Again { wait: answer.retry_after(), refusal: with(Reason::Rate) }
        }
        StatusCode::PAYLOAD_TOO_LARGE => Read::Unnamed(with(Reason::Content)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => Read::Doubt(with(Reason::NoReply)),
        status if status.is_client_error() => Read::Stop(with(Reason::Policy)),
        _ => Read::Doubt(with(Reason::NoReply)),
    }
}

/// The parts of a member's message, which every claim of a provider with [`super::Form::Parts`]
/// has.
pub(super) fn content(job: &Job) -> Result<&Content, Inexpressible> {
    job.content
        .as_deref()
        .ok_or_else(|| Inexpressible(Refusal::new(Reason::Render, "", "the message has no parts")))
}

/// The name of one message in tags, metadata and events: the part of its Message-ID before the `@`,
/// 24 hexadecimal digits. A keyed hash of campaign and recipient, so no personal data.
pub(super) fn correlation_id(job: &Job) -> &str {
    correlation_of(&job.message_id)
}

/// The same of a Message-ID.
pub(super) fn correlation_of(message_id: &str) -> &str {
    message_id.split('@').next().unwrap_or_default()
}

/// Serialises a list of pairs as an object.
pub(super) fn map<S: serde::Serializer>(
    pairs: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
