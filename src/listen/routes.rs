//! What each address of the endpoint answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use jiff::Timestamp;

use super::metrics::{REQUESTS, UNSUBSCRIBES};
use super::page::Page;
use super::{Proof, Shared, Source};
use crate::events::webhook::{Envelope, Purpose, Refusal};
use crate::events::{Event, EventKind};
use crate::secret::Secret;

/// The longest body of a request with events. Providers keep well below it.
const MOST_OCTETS: usize = 1 << 20;
/// The longest body of an unsubscribe request, which holds one field.
const MOST_OF_A_PRESS: usize = 16 * 1024;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/events/{provider}", post(events))
        .route("/u/{token}", get(ask).post(press))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

/// A short answer in plain text.
fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    (status, format!("{}\n", text.into())).into_response()
}

/// The whole body, or the answer to one that is too long or does not come.
async fn whole(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Response> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_long = || plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {most} octets"));
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_long());
    }
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // What breaks off is heard by nobody, so it was too long.
        Ok(Err(_)) => Err(too_long()),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

async fn events(State(shared): State<Arc<Shared>>, Path(provider): Path<String>, request: Request) -> Response {
    let Some(source) = shared.sources.get(&provider) else {
        shared.metrics.add(REQUESTS, &[("provider", ""), ("result", "no_such_provider")], 1);
        return plain(StatusCode::NOT_FOUND, "no events are taken here");
    };
    let (parts, body) = request.into_parts();
    let (result, answer) = match whole(&parts.headers, body, MOST_OCTETS).await {
        Ok(body) => take(&shared, &provider, source, &parts.headers, &body).await,
        Err(answer) => ("too_large", answer),
    };
    shared.metrics.add(REQUESTS, &[("provider", &provider), ("result", result)], 1);
    answer
}

/// Verifies, reads, writes down.
async fn take(shared: &Shared, provider: &str, source: &Source, headers: &HeaderMap, body: &[u8]) -> (&'static str, Response) {
    let now = Timestamp::now();
    let verified = match &source.proof {
        Proof::Secret(secret) => by_secret(shared, source, secret, headers, body, now),
        Proof::Topic(topic) => by_topic(shared, topic, body, now).await,
    };
    match verified {
        Ok(()) => {}
        Err(Unverified::Refused(why)) => {
            tracing::warn!(provider, "a request was refused: {why}");
            return ("refused", plain(StatusCode::UNAUTHORIZED, why.to_string()));
        }
        Err(Unverified::Undecided(why)) => {
            tracing::warn!(provider, "a request cannot be verified now: {why}");
            return ("failed", plain(StatusCode::BAD_GATEWAY, "the signature cannot be verified at the moment"));
        }
    }
    let mut events = match source.webhook.read(body, now) {
        Ok(events) => events,
        Err(why) => {
            tracing::warn!(provider, "a signed request cannot be read: {why}");
            return ("unreadable", plain(StatusCode::BAD_REQUEST, why));
        }
    };
    for event in &mut events {
        provider.clone_into(&mut event.provider);
    }
    match shared.intake.take(provider, events).await {
        Ok(()) => ("accepted", StatusCode::NO_CONTENT.into_response()),
        Err(why) => {
            tracing::warn!(provider, "events could not be written down, the provider will send them again: {why}");
            ("failed", plain(StatusCode::SERVICE_UNAVAILABLE, "the events could not be written down"))
        }
    }
}

enum Unverified {
    /// It is not the provider's.
    Refused(Refusal),
    /// It may be: what it is verified with could not be had.
    Undecided(String),
}

fn by_secret(shared: &Shared, source: &Source, secret: &Secret, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Unverified> {
    let verify = source.webhook.verify.ok_or_else(|| Unverified::Undecided("no scheme is known".to_owned()))?;
    verify(secret, headers, body, now).map_err(Unverified::Refused)?;
    match source.webhook.token.and_then(|token| token(body)) {
        Some(token) if !shared.tokens.fits(&token, body) => {
            Err(Unverified::Refused(Refusal::Foreign("its token has come with another body before".to_owned())))
        }
        _ => Ok(()),
    }
}

async fn by_topic(shared: &Shared, topic: &str, body: &[u8], now: Timestamp) -> Result<(), Unverified> {
    let envelope = Envelope::parse(body).map_err(|why| Unverified::Refused(Refusal::Foreign(why)))?;
    if envelope.topic != topic {
        return Err(Unverified::Refused(Refusal::Foreign("it does not come from the topic that webhook_topic names".to_owned())));
    }
    let url = envelope.certificate_url().map_err(Unverified::Refused)?;
    let pem = shared.certificates.get(&url).await.map_err(Unverified::Undecided)?;
    envelope.verify(&pem, topic, now).map_err(Unverified::Refused)?;
    if envelope.purpose == Purpose::SubscriptionConfirmation {
        let url = envelope.subscribe_url().map_err(Unverified::Refused)?;
        shared.certificates.visit(&url).await.map_err(Unverified::Undecided)?;
        tracing::info!(topic, "the subscription is confirmed");
    }
    Ok(())
}

/// The token of a link that we signed and whose person the ledger knows; the page to show otherwise.
async fn known(shared: &Shared, signed: &str) -> Result<String, Page> {
    let token = shared.links.as_ref().and_then(|links| links.verify(signed)).ok_or(Page::Unknown)?;
    match shared.ledger.person(token).await {
        Ok(Some(_)) => Ok(token.to_owned()),
        Ok(None) => Err(Page::Unknown),
        Err(why) => {
            tracing::warn!("the ledger cannot be asked: {why}");
            Err(Page::Failed)
        }
    }
}

/// Shows the page and changes nothing: scanners and mail readers follow links before anybody reads the mail.
async fn ask(State(shared): State<Arc<Shared>>, Path(signed): Path<String>) -> Page {
    known(&shared, &signed).await.map_or_else(|page| page, |_| Page::Ask)
}

async fn press(State(shared): State<Arc<Shared>>, Path(signed): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match whole(&parts.headers, body, MOST_OF_A_PRESS).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let (result, page) = unsubscribe(&shared, &signed, &body).await;
    shared.metrics.add(UNSUBSCRIBES, &[("result", result)], 1);
    page.into_response()
}

async fn unsubscribe(shared: &Shared, signed: &str, body: &[u8]) -> (&'static str, Page) {
    let token = match known(shared, signed).await {
        Ok(token) => token,
        Err(page) => return (if page == Page::Failed { "failed" } else { "refused" }, page),
    };
    // As a form or in several parts: RFC 8058 section 3.2 allows both.
    let holds = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    if !(holds(b"List-Unsubscribe") && holds(b"One-Click")) {
        return ("not_pressed", Page::NotPressed);
    }
    let now = Timestamp::now();
    let mut event = Event::new(EventKind::Unsubscribed, crate::events::Source::Webhook, now);
    // Whoever was taken off the list by hand since, and presses again, is meant again.
    event.id = format!("unsubscribe-{token}-{}", now.as_second());
    event.reason = "unsubscribe link".to_owned();
    event.token = token;
    match shared.intake.take("", vec![event]).await {
        Ok(()) => ("accepted", Page::Done),
        Err(why) => {
            tracing::warn!("an unsubscribe could not be written down: {why}");
            ("failed", Page::Failed)
        }
    }
}

/// 200 where the ledger answers.
async fn health(State(shared): State<Arc<Shared>>) -> Response {
    match tokio::time::timeout(Duration::from_secs(5), shared.ledger.pauses()).await {
        Ok(Ok(_)) => plain(StatusCode::OK, "ok"),
        Ok(Err(_)) | Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer"),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shared.metrics.text()).into_response()
}
