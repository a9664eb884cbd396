//! What SNS has to be asked for: the certificates that it signs with, and the confirmation of a
//! subscription.
//!
//! Only addresses that `provider::ses::sns` has checked to be of SNS, or of Amazon's authority, are
//! visited, and never by a redirect. Each certificate is fetched once however many messages need
//! it, by a task of its own that no request can hold up or break off; few are fetched at once, and
//! a message that needs one more waits for its turn, for as long as its sender does. Forged
//! messages can name certificates without end, and none of them takes a turn for longer than SNS
//! takes to answer. What an envelope says has no part in whether a certificate is kept, because
//! a forged one must not make a good one be refused.

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

/// How long a certificate is used before it is fetched again; SNS changes it a few times a year.
const DAY: Duration = Duration::from_secs(86_400);
/// The longest that SNS may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a message waits for its turn to have a certificate fetched. SNS waits 15 s for an
/// answer, then delivers it again.
const QUEUE: Duration = Duration::from_secs(12);
/// The largest answer, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// The most certificates that are kept.
const MOST: usize = 64;
/// The most that are fetched at the same time.
const AT_ONCE: usize = 8;
/// The most certificates between the one that signs and a root that are fetched.
const ISSUERS: usize = 2;

/// Why there is no certificate to verify a message with.
#[derive(Clone, Debug)]
pub(super) enum Missing {
    /// What is there is not to be believed.
    Distrusted(String),
    /// It cannot be had now; the message may be good.
    Unavailable(String),
}

/// What came of a fetch, once it has ended.
type Outcome = std::result::Result<Arc<Certificate>, Missing>;
type Flight = watch::Receiver<Option<Outcome>>;

pub(super) struct Certificates {
    client: reqwest::Client,
    pub(super) authority: Authority,
    known: Mutex<HashMap<Url, (Arc<Certificate>, Instant)>>,
    fetching: Mutex<HashMap<Url, Flight>>,
    /// Turns of fetches, in the order in which they are asked for.
    turns: Arc<Semaphore>,
    /// A fetch has begun: who waits for a turn with the same address can wait for that instead.
    begun: Notify,
    /// Turns of confirmations, which only a signed message takes.
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

    /// The certificate at an address of SNS, for a message that is signed with it.
    pub(super) async fn get(self: &Arc<Self>, url: &Url, envelope: &Envelope) -> Outcome {
        let kept = lock(&self.known).get(url).cloned();
        if let Some((certificate, at)) = &kept
            && at.elapsed() < DAY
        {
            return Ok(certificate.clone());
        }
        let fetched = match tokio::time::timeout(QUEUE, self.join(url, envelope)).await {
            // The task says what came of it, or has ended with the process.
            Ok(mut flight) => match flight.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(ended())),
                Err(_) => Err(ended()),
            },
            Err(_) => {
                Err(Missing::Unavailable("too many certificates are asked for at once".to_owned()))
            }
        };
        // An old one is as good as long as it is valid, which is checked with each message.
        match (fetched, kept) {
            (Err(Missing::Unavailable(_)), Some((certificate, _))) => Ok(certificate),
            (fetched, _) => fetched,
        }
    }

    /// The fetch of an address, which is going on or begins when it is its turn.
    async fn join(self: &Arc<Self>, url: &Url, envelope: &Envelope) -> Flight {
        let mut turn = pin!(self.turns.clone().acquire_owned());
        loop {
            let begun = self.begun.notified();
            if let Some(flight) = lock(&self.fetching).get(url) {
                return flight.clone();
            }
            tokio::select! {
                // The semaphore is never closed.
                Ok(turn) = &mut turn => return self.begin(url, envelope, turn),
                () = begun => {}
            }
        }
    }

    /// Begins to fetch an address, or joins who has begun meanwhile.
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

    /// Fetches a certificate, and those of its issuers that are not known, until the chain holds.
    async fn fetch(&self, url: &Url, envelope: &Envelope) -> Outcome {
        let host = url.host_str().unwrap_or_default();
        let pem = self.visit(url).await.map_err(Missing::Unavailable)?;
        let unusable = |why: &str| Missing::Unavailable(format!("what {host} answers with {why}"));
        let mut certificate = Certificate::parse(&pem).map_err(unusable)?;
        let mut fetched = 0;
        loop {
            match (
                envelope.trusts(&certificate, &self.authority, Timestamp::now()),
                certificate.issuer_url(),
            ) {
                // Whether it was valid when a message was published is asked of each message:
                // others wait for this fetch too.
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

    /// Visits the address that confirms a subscription.
    pub(super) async fn confirm(&self, url: &Url) -> std::result::Result<(), String> {
        // The semaphore is never closed.
        let _turn = self.confirming.acquire().await;
        self.visit(url).await.map(drop)
    }

    /// Fetches the document at an address of SNS or of Amazon's authority.
    async fn visit(&self, url: &Url) -> std::result::Result<Bytes, String> {
        // The address may hold a token, so it is left out of what is said.
        let failed = |e: reqwest::Error| {
            format!("{} cannot be asked: {}", url.host_str().unwrap_or_default(), e.without_url())
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
    Missing::Unavailable("the endpoint ends".to_owned())
}

/// Entries are written whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
