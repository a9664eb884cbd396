//! What SNS has to be asked for: the certificates that it signs with, and the confirmation of a subscription.
//!
//! Only addresses that `events::webhook` has checked to be of SNS are visited, one at a time and never by a redirect, and a certificate is
//! kept for a day. What is not a certificate is not kept.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Mutex;
use url::Url;

use crate::error::{Error, Result};
use crate::events::webhook::is_certificate;
use crate::provider::tls_client_config;

/// How long a certificate is kept; SNS changes it a few times a year.
const DAY: Duration = Duration::from_secs(86_400);
/// The longest that SNS may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most octets of an answer, and the most certificates.
const MOST_OCTETS: usize = 64 * 1024;
const MOST: usize = 64;

pub(super) struct Certificates {
    client: reqwest::Client,
    known: std::sync::Mutex<HashMap<Url, (Bytes, Instant)>>,
    /// Held while a certificate is fetched, so that a burst asks once; whoever needs one that is known waits for nobody.
    turn: Mutex<()>,
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
        Ok(Self { client, known: std::sync::Mutex::default(), turn: Mutex::default() })
    }

    /// The certificate at an address of SNS.
    pub(super) async fn get(&self, url: &Url) -> std::result::Result<Bytes, String> {
        if let Some(pem) = self.known(url) {
            return Ok(pem);
        }
        let _turn = self.turn.lock().await;
        if let Some(pem) = self.known(url) {
            return Ok(pem);
        }
        let pem = self.visit(url).await?;
        if !is_certificate(&pem) {
            return Err(format!("{} answers with something else than a certificate", url.host_str().unwrap_or_default()));
        }
        let mut known = self.all();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(url.clone(), (pem.clone(), Instant::now()));
        Ok(pem)
    }

    fn known(&self, url: &Url) -> Option<Bytes> {
        self.all().get(url).filter(|(_, at)| at.elapsed() < DAY).map(|(pem, _)| pem.clone())
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Url, (Bytes, Instant)>> {
        // Entries are written whole.
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What stands at an address of SNS.
    pub(super) async fn visit(&self, url: &Url) -> std::result::Result<Bytes, String> {
        // The address may hold a token, so it is left out of what is said.
        let failed = |e: reqwest::Error| format!("{} cannot be asked: {}", url.host_str().unwrap_or_default(), e.without_url());
        let mut answer = self.client.get(url.clone()).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        if !answer.status().is_success() {
            return Err(format!("{} answers with status {}", url.host_str().unwrap_or_default(), answer.status().as_u16()));
        }
        let mut octets = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if octets.len() + part.len() > MOST_OCTETS {
                return Err(format!("{} answers with more than {MOST_OCTETS} octets", url.host_str().unwrap_or_default()));
            }
            octets.extend_from_slice(&part);
        }
        Ok(octets.into())
    }
}
