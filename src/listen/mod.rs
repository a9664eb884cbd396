//! The web endpoint for providers' events and one-click unsubscribes.
//!
//! A request is answered with 2xx only after the ledger has stored its data durably. Unsigned
//! requests are not trusted. A GET request changes nothing. The number, size and duration of
//! requests are limited. No answer or metric contains an e-mail address or a secret.

mod certificates;
mod complaints;
mod health;
mod intake;
mod metrics;
mod page;
mod presence;
mod room;
mod routes;
mod serve;
mod stall;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::ledger::Ledger;
use crate::message::Links;
use crate::model::error::{Error, Result};
use crate::model::event::Believe;
use crate::model::shown::Shown;
use crate::provider::table::webhook;
use crate::provider::webhook::Webhook;
use crate::secret::Secret;

use intake::Intake;
use metrics::Metrics;
use presence::Presence;
pub(crate) use presence::is_present;

/// A provider whose events are accepted.
struct Source {
    webhook: &'static Webhook,
    /// The secret that verifies the provider's requests, or for SES the ARN of the topic.
    proof: Proof,
}

enum Proof {
    Secret(Secret),
    Topic(String),
}

/// The data that all requests share.
struct Shared {
    ledger: Arc<dyn Ledger>,
    sources: HashMap<String, Source>,
    links: Option<Links>,
    intake: Intake,
    metrics: Arc<Metrics>,
    certificates: Arc<certificates::Certificates>,
    health: health::Health,
    complaints: complaints::Complaints,
}

/// A running endpoint.
pub(crate) struct Listening {
    addr: SocketAddr,
    secure: bool,
    sources: Vec<String>,
    has_links: bool,
    /// Tells runs that an endpoint receives bounces. `None` if no provider sends events to this
    /// endpoint.
    presence: Option<Presence>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Listening {
    /// Binds the address and begins to accept requests. Fails with exit code 2 if a secret is empty
    /// or too short, or if the certificate or the address cannot be used.
    pub(crate) async fn start(
        settings: &Settings,
        ledger: Arc<dyn Ledger>,
        addr: Option<SocketAddr>,
    ) -> Result<Self> {
        let sources = sources(settings)?;
        let links = settings.unsubscribe_key()?.as_ref().map(Links::new);
        let tls = settings
            .listen
            .tls
            .as_ref()
            .map(|(cert, key)| serve::acceptor(settings, cert, key))
            .transpose()?;
        let addr = addr.unwrap_or(settings.listen.addr);
        let failed = |e: std::io::Error| {
            Error::usage(format!("{addr}: cannot listen: {e}")).hint(
                "stop the program that uses the address, or set another in listen.addr or --addr",
            )
        };
        let listener = serve::bind(addr).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let state_dir = &settings.workspace.state_dir;
        let unable = |e: std::io::Error| {
            Error::internal(format!("{}: {e}", state_dir.shown())).hint(
                "free disk space, correct the permissions, or end the process that holds the lock",
            )
        };
        let presence = if sources.is_empty() {
            None
        } else {
            Some(Presence::announce(state_dir).map_err(unable)?)
        };
        let metrics = Arc::new(Metrics::default());
        let (stop, stopped) = watch::channel(false);
        let file: Option<PathBuf> = settings.suppression_files.first().cloned();
        let believe = Believe { soft: settings.soft_bounces, mail_about_anybody: false };
        let intake = Intake::new(
            ledger.clone(),
            settings.workspace.state_dir.clone(),
            file,
            believe,
            metrics.clone(),
        );
        let mut names: Vec<String> = sources.keys().cloned().collect();
        names.sort();
        let (secure, has_links) = (tls.is_some(), links.is_some());
        let (certificates, health) =
            (Arc::new(certificates::Certificates::new()?), health::Health::default());
        let complaints = complaints::Complaints::default();
        let shared = Arc::new(Shared {
            ledger,
            sources,
            links,
            intake,
            metrics,
            certificates,
            health,
            complaints,
        });
        let server = tokio::spawn(serve::run(listener, tls, shared, stopped));
        Ok(Self { addr, secure, sources: names, has_links, presence, stop, server })
    }

    /// Describes the endpoint in one line for the operator: its address, and what it receives.
    pub(crate) fn describe(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let events = match self.sources.as_slice() {
            [] => "no provider's events (no provider has a webhook_secret)".to_owned(),
            names => format!("events of {}", names.join(", ")),
        };
        let links = if self.has_links {
            "unsubscribe links"
        } else {
            "no unsubscribe links (listen.unsubscribe_key is not set)"
        };
        format!("listening on {scheme}://{}: {events}; {links}", self.addr)
    }

    /// Stops accepting requests, waits for running requests, and appends learned suppressions to
    /// the file.
    pub(crate) async fn stop(self) {
        // Sending fails if the server has already ended, which is harmless.
        let _ = self.stop.send(true);
        if let Err(e) = self.server.await {
            tracing::warn!("the endpoint ended unexpectedly: {e}");
        }
        drop(self.presence);
    }
}

/// Returns the providers whose events can be verified, by name.
fn sources(settings: &Settings) -> Result<HashMap<String, Source>> {
    let mut sources = HashMap::new();
    for (name, config) in &settings.providers {
        let Some(webhook) = webhook(&config.kind) else { continue };
        let proof = match (settings.webhook_secret(name)?, &config.webhook.topic) {
            (Some(secret), _) => Proof::Secret(secret),
            (None, Some(topic)) => Proof::Topic(topic.clone()),
            (None, None) => continue,
        };
        sources.insert(name.clone(), Source { webhook, proof });
    }
    Ok(sources)
}
