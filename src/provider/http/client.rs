//! Manages the HTTP connections to one service, and sends single requests over them.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::digest;
use tokio::time::Instant;
use url::Url;

use super::answer::{Answer, Fault, clean};
use super::request::Request;
use super::sent_key::SentKey;
use crate::model::error::{Error, Result};
use crate::model::outcome::Reason;
use crate::provider::keys::Keys;
use crate::provider::renewable::Renewable;
use crate::provider::{Health, ProviderSettings, Refusal, proxies, roots};
use crate::secret::Secret;

/// The maximum number of bytes read of a reply. The rest is discarded.
pub(super) const MAX_REPLY: usize = 1024 * 1024;
/// The time after which an idle connection is closed. It is shorter than that of most servers. A
/// request on a connection that the server is just closing would have an unknown outcome.
const IDLE: Duration = Duration::from_secs(4);

/// The wait before the first repeat of a request. It doubles for each further repeat.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The byte order mark U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The header for the key and the prefix of its value, as most services expect them.
pub(in crate::provider) const BEARER: (&str, &str) = ("authorization", "Bearer ");

/// The HTTP connections to one service and the state that its requests share.
pub(in crate::provider) struct Http {
    client: reqwest::Client,
    pub(super) base: Url,
    headers: HeaderMap,
    /// The key sent in addition to `headers`. It is separate because it can be fetched again.
    key: Option<SentKey>,
    secrets: RwLock<Vec<Secret>>,
    /// Secrets fetched later. They are hidden in output but not part of the account's hash, which
    /// uses the first secrets.
    fetched: RwLock<Vec<Secret>>,
    /// The time until which the service asked the client to send no request.
    pub(super) quiet_until: Mutex<Option<Instant>>,
    /// Whether this address has ever replied in the API's format.
    pub(super) is_the_api: AtomicBool,
    /// The maximum number of recipients in a request that the account allows.
    pub(super) most: AtomicUsize,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Http({})", self.base)
    }
}

impl Http {
    /// Checks the keys that all HTTP providers have, and prepares the client. Resolves no secret
    /// and does not use the network.
    pub(in crate::provider) fn new(
        settings: &ProviderSettings,
        default_base: &str,
    ) -> Result<Self> {
        let keys = Keys::of(settings);
        let timeouts = keys.timeouts()?;
        let tls = roots::client_config(&keys.extra_roots("service")?)
            .map_err(|e| Error::internal(format!("TLS cannot be set up: {e}")))?;
        let base = keys.base_url(default_base)?;
        let client = proxies::direct_on_loopback(reqwest::Client::builder(), &base)
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
            key: None,
            secrets: RwLock::default(),
            fetched: RwLock::default(),
            quiet_until: Mutex::new(None),
            is_the_api: AtomicBool::new(false),
            most: AtomicUsize::new(usize::MAX),
        })
    }

    /// Creates the connections to a service that expects `api_key` as a bearer token.
    pub(in crate::provider) fn with_bearer(keys: &Keys<'_>, default_base: &str) -> Result<Self> {
        let mut http = Self::new(keys.settings, default_base)?;
        http.send_key(keys, BEARER, keys.key("api_key")?)?;
        Ok(http)
    }

    /// Sends `api_key` with every request, in the given header and after the given prefix.
    pub(in crate::provider) fn send_key(
        &mut self,
        keys: &Keys<'_>,
        (header, prefix): (&'static str, &'static str),
        key: Renewable,
    ) -> Result<()> {
        self.send_key_as(keys, HeaderName::from_static(header), key, move |key| {
            format!("{prefix}{key}")
        })
    }

    /// Sends `api_key` with every request in the format that `form` produces, and hides the key in
    /// all output.
    pub(in crate::provider) fn send_key_as(
        &mut self,
        keys: &Keys<'_>,
        header: HeaderName,
        key: Renewable,
        form: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Result<()> {
        let current = key.current();
        let sent = SentKey::new(header, key, form, &current)
            .map_err(|what| keys.error("api_key", &what))?;
        self.keep_secret(current.secret);
        self.key = Some(sent);
        Ok(())
    }

    /// Fetches the key again after this reply refused it. Returns whether another key can be tried.
    pub(super) async fn has_another_key(&self, refused: &Answer) -> bool {
        let Some(sent) = &self.key else { return false };
        if !sent.key.renew(refused.key).await {
            return false;
        }
        // The lock is held only for a push, so the value is consistent even if the lock is
        // poisoned.
        self.fetched.write().unwrap_or_else(PoisonError::into_inner).extend(sent.shown_nowhere());
        true
    }

    /// Records that an earlier run has received replies in the API's format.
    pub(in crate::provider) fn has_answered_before(&self) {
        self.is_the_api.store(true, Ordering::Release);
    }

    /// Returns the service's address: scheme and host.
    pub(in crate::provider) fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a secret as `name: prefix secret` with every request, and hides the secret in all
    /// output.
    pub(in crate::provider) fn secret_header(
        &mut self,
        name: &'static str,
        prefix: &str,
        secret: Secret,
    ) -> Result<(), String> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose()))
            .map_err(|_| "has a character that is not allowed in a header".to_owned())?;
        value.set_sensitive(true);
        self.key.take_if(|sent| sent.header == name);
        self.headers.insert(HeaderName::from_static(name), value);
        self.keep_secret(secret);
        Ok(())
    }

    /// Hides a secret in all output. Used for a secret that is not sent in a header.
    pub(in crate::provider) fn keep_secret(&self, secret: Secret) {
        // The lock is held only for a push, so the value is consistent even if the lock is
        // poisoned.
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).push(secret);
    }

    /// Returns a hash of the service's address and its first secrets. A key fetched to replace an
    /// expired one belongs to the same account and does not change the hash.
    pub(in crate::provider) fn account(&self) -> [u8; 32] {
        self.account_with(&[])
    }

    /// Like [`Self::account`], with additional values that distinguish parts of an account.
    pub(in crate::provider) fn account_with(&self, more: &[&str]) -> [u8; 32] {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone();
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

    /// Returns the secrets that must not be shown.
    fn secrets(&self) -> Vec<Secret> {
        let of = |secrets: &RwLock<Vec<Secret>>| {
            secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
        };
        [of(&self.secrets), of(&self.fetched)].concat()
    }

    pub(super) fn quiet_until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // The lock guards one value that is replaced at once, so it is consistent even if the lock
        // is poisoned.
        self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request once and reads the reply.
    pub(in crate::provider) async fn exchange(
        &self,
        request: &Request,
        signed: HeaderMap,
    ) -> Result<Answer, Fault> {
        self.exchange_up_to(request, signed, MAX_REPLY, None).await
    }

    /// Like [`Self::exchange`], but sends nothing if the current key has another number. A request
    /// with an unknown outcome may be repeated only for the same account, and a key fetched later
    /// may belong to another account.
    pub(super) async fn exchange_under(
        &self,
        key: u64,
        request: &Request,
        signed: HeaderMap,
    ) -> Result<Answer, Fault> {
        self.exchange_up_to(request, signed, MAX_REPLY, Some(key)).await
    }

    /// Returns the number of the current key.
    pub(super) fn key_number(&self) -> u64 {
        self.key.as_ref().map_or(0, |sent| sent.key.number())
    }

    /// Like [`Self::exchange`], but reads up to `most` bytes of the reply. If `key` is set, sends
    /// the request only under that key.
    pub(super) async fn exchange_up_to(
        &self,
        request: &Request,
        signed: HeaderMap,
        most: usize,
        key: Option<u64>,
    ) -> Result<Answer, Fault> {
        let mut url = self.base().clone();
        let (path, query) = request
            .path
            .split_once('?')
            .map_or((request.path.as_str(), None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let mut headers = self.headers.clone();
        let mut number = 0;
        if let Some(sent) = &self.key {
            let (value, of) = sent.value().map_err(|what| {
                Fault::NotWritten(Health::Stop(self.refusal(Reason::Auth, "", &what)))
            })?;
            if key.is_some_and(|key| key != of) {
                let what = "the key was fetched again after the first request";
                return Err(Fault::NotWritten(Health::Stop(self.refusal(Reason::Auth, "", what))));
            }
            headers.insert(sent.header.clone(), value);
            number = of;
        }
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
                // The body is not needed if the status proves that nothing was accepted, or if a
                // header proves the success.
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
        // Some gateways add a byte-order mark, which JSON parsers refuse (RFC 8259, section 8.1).
        if body.starts_with(BYTE_ORDER_MARK) {
            body.drain(..BYTE_ORDER_MARK.len());
        }
        if status.is_success()
            && let Some(sent) = &self.key
        {
            sent.key.worked(number);
        }
        let (key, secrets) = (number, self.secrets());
        Ok(Answer { status, headers, body: body.into(), is_whole, authorization, key, secrets })
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
                        "the server's certificate does not verify: {why}; name its root certificate in ca_file"
                    ),
                    ..refusal
                }),
                None => Health::Failing(refusal),
            });
        }
        Fault::Lost(self.refusal(Reason::NoReply, "", &words))
    }

    fn refusal(&self, reason: Reason, code: &str, detail: &str) -> Refusal {
        Refusal::new(reason, code, clean(detail, &self.secrets()))
    }
}

/// Returns the text of an error without the URL.
fn words_of(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer within the time limit".to_owned();
    }
    chain(error)
}

/// Returns the text of the innermost cause, which is the most specific.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Returns the reason why the server's certificate was not trusted, if that caused the error.
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
