//! Fetches the certificates with which Amazon SNS signs its messages, and confirms SNS
//! subscriptions.
//!
//! Only URLs that `provider::ses::sns` has verified to belong to SNS or to Amazon's certificate
//! authority are requested. Redirects are not followed.
//!
//! Each certificate is fetched once, even if many messages need it. The fetch runs in its own task,
//! so no request can delay or cancel it. A few fetches run at once, and further fetches wait for a
//! permit. A forged message can request a certificate too, but its fetch keeps a permit only until
//! SNS answers.
//!
//! The text of a message does not affect whether a certificate is kept. Otherwise a forged message
//! could make mailbatch refuse a good certificate.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use url::Url;

use crate::model::error::{Error, Result};
use crate::provider::ses::sns::Envelope;
use crate::provider::ses::sns::authority::{Authority, Distrust};
use crate::provider::ses::sns::certificate::Certificate;
use crate::provider::tls_client_config;

/// How long a certificate is used before it is fetched again. SNS changes it a few times a year.
const DAY: Duration = Duration::from_secs(86_400);
/// The maximum time for SNS to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The maximum time that a message waits for its certificate's fetch to begin. SNS waits 15 s for
/// an answer and then delivers the message again.
const QUEUE: Duration = Duration::from_secs(12);
/// The maximum size of a fetched document, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// The maximum number of certificates to keep in memory.
const MOST: usize = 64;
/// The maximum number of concurrent fetches.
const AT_ONCE: usize = 8;
/// The maximum number of intermediate certificates to fetch between the signing certificate and a
/// root.
const ISSUERS: usize = 2;

/// The reason why a certificate could not be obtained.
#[derive(Clone, Debug)]
pub(super) enum Missing {
    /// The certificate is not trustworthy.
    Distrusted(String),
    /// The certificate cannot be fetched now. The message may be genuine.
    Unavailable(String),
}

/// The result of a fetch.
type Outcome = std::result::Result<Arc<Certificate>, Missing>;
type Flight = watch::Receiver<Option<Outcome>>;

pub(super) struct Certificates {
    client: reqwest::Client,
    pub(super) authority: Authority,
    known: Mutex<HashMap<Url, (Arc<Certificate>, Instant)>>,
    fetching: Mutex<HashMap<Url, Flight>>,
    /// Permits for fetches, granted in the order of the requests.
    turns: Arc<Semaphore>,
    /// Signals that a fetch has begun. A task that waits for a permit to fetch the same URL then
    /// joins that fetch.
    begun: Notify,
    /// A permit to confirm a subscription. Only a verified message may wait for it.
    confirming: Semaphore,
}

impl Certificates {
    pub(super) fn new() -> Result<Self> {
        let failed = |e: String| Error::internal(format!("TLS cannot be set up: {e}"));
        let tls = tls_client_config(&[]).map_err(|e| failed(e.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(PATIENCE)
            .build()
            .map_err(|e| failed(e.to_string()))?;
        let authority = Authority::amazon();
        let (known, fetching, turns) =
            (Mutex::default(), Mutex::default(), Arc::new(Semaphore::new(AT_ONCE)));
        Ok(Self {
            client,
            authority,
            known,
            fetching,
            turns,
            begun: Notify::new(),
            confirming: Semaphore::new(1),
        })
    }

    /// Returns the certificate at a URL of SNS. `envelope` is a message that it signed.
    pub(super) async fn get(self: &Arc<Self>, url: &Url, envelope: &Envelope) -> Outcome {
        let kept = lock(&self.known).get(url).cloned();
        if let Some((certificate, at)) = &kept
            && at.elapsed() < DAY
        {
            return Ok(certificate.clone());
        }
        let fetched = match tokio::time::timeout(QUEUE, self.join(url, envelope)).await {
            // The channel closes without a result only when the process ends.
            Ok(mut flight) => match flight.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(ended())),
                Err(_) => Err(ended()),
            },
            Err(_) => {
                Err(Missing::Unavailable("too many certificates are requested at once".to_owned()))
            }
        };
        // If a new certificate is unavailable, the old one is used. Its validity is checked with
        // each message.
        match (fetched, kept) {
            (Err(Missing::Unavailable(_)), Some((certificate, _))) => Ok(certificate),
            (fetched, _) => fetched,
        }
    }

    /// Joins the running fetch of a URL. If none is running, waits for a permit and begins one.
    async fn join(self: &Arc<Self>, url: &Url, envelope: &Envelope) -> Flight {
        let mut turn = pin!(self.turns.clone().acquire_owned());
        loop {
            let begun = self.begun.notified();
            if let Some(flight) = lock(&self.fetching).get(url) {
                return flight.clone();
            }
            tokio::select! {
                // `acquire_owned` fails only if the semaphore is closed, which never happens.
                Ok(turn) = &mut turn => return self.begin(url, envelope, turn),
                () = begun => {}
            }
        }
    }

    /// Begins to fetch a URL, or joins a fetch that another task has begun.
    fn begin(
        self: &Arc<Self>,
        url: &Url,
        envelope: &Envelope,
        turn: OwnedSemaphorePermit,
    ) -> Flight {
        let mut fetching = lock(&self.fetching);
        if let Some(flight) = fetching.get(url) {
            return flight.clone();
        }
        let (done, flight) = watch::channel(None);
        fetching.insert(url.clone(), flight.clone());
        drop(fetching);
        self.begun.notify_waiters();
        let (certificates, url, envelope) = (self.clone(), url.clone(), envelope.clone());
        tokio::spawn(async move {
            let outcome = certificates.fetch(&url, &envelope).await;
            if let Ok(certificate) = &outcome {
                certificates.keep(url.clone(), certificate.clone());
            }
            lock(&certificates.fetching).remove(&url);
            done.send_replace(Some(outcome));
            drop(turn);
        });
        flight
    }

    /// Fetches a certificate. Also fetches missing intermediate certificates, until the chain can
    /// be verified.
    async fn fetch(&self, url: &Url, envelope: &Envelope) -> Outcome {
        let host = url.host_str().unwrap_or_default();
        let pem = self.visit(url).await.map_err(Missing::Unavailable)?;
        let unusable = |why: &str| Missing::Unavailable(format!("the answer of {host} {why}"));
        let mut certificate = Certificate::parse(&pem).map_err(unusable)?;
        let mut fetched = 0;
        loop {
            match (
                envelope.trusts(&certificate, &self.authority, Timestamp::now()),
                certificate.issuer_url(),
            ) {
                // A certificate that was not valid when this message was published may be valid for
                // other messages that wait for it. The date is therefore checked with each message.
                (Ok(()) | Err(Distrust::NotAtThisTime), _) => return Ok(Arc::new(certificate)),
                (Err(Distrust::UnknownIssuer), Some(issuer)) if fetched < ISSUERS => {
                    let bytes = self.visit(issuer).await.map_err(Missing::Unavailable)?;
                    certificate = certificate
                        .with_issuer(&bytes)
                        .ok_or_else(|| unusable("has an issuer without a certificate"))?;
                    fetched += 1;
                }
                (Err(why), _) => {
                    return Err(Missing::Distrusted(format!("the certificate of SNS {why}")));
                }
            }
        }
    }

    fn keep(&self, url: Url, certificate: Arc<Certificate>) {
        let mut known = lock(&self.known);
        if known.len() >= MOST
            && let Some(oldest) =
                known.iter().min_by_key(|(_, (_, at))| *at).map(|(url, _)| url.clone())
        {
            known.remove(&oldest);
        }
        known.insert(url, (certificate, Instant::now()));
    }

    /// Confirms a subscription by requesting its URL.
    pub(super) async fn confirm(&self, url: &Url) -> std::result::Result<(), String> {
        // `acquire` fails only if the semaphore is closed, which never happens.
        let _turn = self.confirming.acquire().await;
        self.visit(url).await.map(drop)
    }

    /// Fetches the document at a URL of SNS or of Amazon's certificate authority.
    async fn visit(&self, url: &Url) -> std::result::Result<Bytes, String> {
        // The URL may contain a token, so errors show only the host.
        let failed = |e: reqwest::Error| {
            format!("{} cannot be reached: {}", url.host_str().unwrap_or_default(), e.without_url())
        };
        let mut answer = self
            .client
            .get(url.clone())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        if !answer.status().is_success() {
            return Err(format!(
                "{} answers with status {}",
                url.host_str().unwrap_or_default(),
                answer.status().as_u16()
            ));
        }
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if bytes.len() + part.len() > MOST_BYTES {
                return Err(format!(
                    "{} answers with more than {MOST_BYTES} bytes",
                    url.host_str().unwrap_or_default()
                ));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.into())
    }
}

fn ended() -> Missing {
    Missing::Unavailable("the endpoint is shutting down".to_owned())
}

/// Locks a mutex even if it is poisoned, because a panic never leaves an entry partly written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
