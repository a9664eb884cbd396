//! The endpoint's routes and the answers to their requests.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use ring::digest;

use super::certificates::Missing;
use super::metrics::{REQUESTS, UNSUBSCRIBES};
use super::page::Page;
use super::room::{HeldBytes, Place};
use super::{Proof, Shared, Source};
use crate::ledger::{LedgerResult, UsedToken};
use crate::model::event::{Event, EventKind};
use crate::provider::ses::sns::{Envelope, Purpose};
use crate::provider::webhook::{Refusal, TOKEN_LIFE};
use crate::secret::Secret;

/// The maximum size of a request with events. Providers send less.
const MOST_BYTES: usize = 1 << 20;
/// The maximum size of an unsubscribe request, which contains one form field.
const MOST_OF_A_PRESS: usize = 16 * 1024;
/// The maximum time to receive the body of a request.
const PATIENCE: Duration = Duration::from_secs(20);
/// The maximum time for the ledger to store events. After an error the provider sends them again.
const LEDGER: Duration = Duration::from_secs(25);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/events/{provider}", post(events))
        .route("/u/{token}", get(ask).post(press))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

/// Creates a short answer in plain text.
pub(super) fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    (status, format!("{}\n", text.into())).into_response()
}

/// Receives the whole body of a request and reserves memory for it. Returns an error answer if the
/// body is too long or incomplete.
async fn whole(
    place: &Place,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<(Bytes, HeldBytes), Response> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_long =
        || plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {most} bytes"));
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_long());
    }
    let collected = async {
        let (mut body, mut bytes, mut held) = (body, BytesMut::new(), place.body());
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            // The peer disconnected in the middle of the body, so it never sees this answer.
            let Ok(part) = frame
                .map_err(|_| {
                    plain(
                        StatusCode::BAD_REQUEST,
                        "the connection was closed before the end of the body",
                    )
                })?
                .into_data()
            else {
                continue;
            };
            if bytes.len() + part.len() > most {
                return Err(too_long());
            }
            if !held.grow(part.len()) {
                return Err(plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once"));
            }
            bytes.extend_from_slice(&part);
        }
        Ok((bytes.freeze(), held))
    };
    let late = |_| plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    tokio::time::timeout(PATIENCE, collected).await.map_err(late)?
}

async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(place): Extension<Place>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    let Some(source) = shared.sources.get(&provider) else {
        shared.metrics.add(REQUESTS, &[("provider", ""), ("result", "no_such_provider")], 1);
        return plain(StatusCode::NOT_FOUND, "no events are accepted for this provider name");
    };
    let (parts, body) = request.into_parts();
    let (result, answer) = match whole(&place, &parts.headers, body, MOST_BYTES).await {
        Ok((body, _held)) => take(&shared, &place, &provider, source, &parts.headers, &body).await,
        Err(answer) if answer.status() == StatusCode::PAYLOAD_TOO_LARGE => ("too_large", answer),
        Err(answer) => ("unfinished", answer),
    };
    shared.metrics.add(REQUESTS, &[("provider", &provider), ("result", result)], 1);
    answer
}

/// Logs a warning, unless too many were logged recently.
fn complain(shared: &Shared, provider: &str, why: &str) {
    match shared.complaints.next() {
        Some(0) => tracing::warn!(provider, "{why}"),
        Some(left_out) => tracing::warn!(provider, left_out, "{why}"),
        None => {}
    }
}

/// Verifies and parses a request, and stores its events.
async fn take(
    shared: &Shared,
    place: &Place,
    provider: &str,
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
) -> (&'static str, Response) {
    let now = Timestamp::now();
    let verified = match &source.proof {
        Proof::Secret(secret) => {
            by_secret(source, secret, headers, body, now).map(|token| (token, place.verified()))
        }
        Proof::Topic(topic) => {
            by_topic(shared, topic, body, now).await.map(|()| (None, place.verified()))
        }
    };
    let (token, _busy) = match verified {
        Ok(verified) => verified,
        Err(Unverified::Refused(why)) => {
            complain(shared, provider, &format!("a request was refused: {why}"));
            return ("refused", plain(StatusCode::UNAUTHORIZED, why.to_string()));
        }
        Err(Unverified::Undecided(why)) => {
            complain(shared, provider, &format!("a request cannot be verified now: {why}"));
            return (
                "failed",
                plain(StatusCode::BAD_GATEWAY, "the signature cannot be verified at the moment"),
            );
        }
    };
    if let Some(token) = token {
        match within(shared.ledger.use_token(token)).await {
            Ok(true) => {}
            Ok(false) => {
                complain(
                    shared,
                    provider,
                    "a request was refused: its token was used before with another body",
                );
                return (
                    "refused",
                    plain(StatusCode::UNAUTHORIZED, "the token was used before with another body"),
                );
            }
            Err(why) => {
                complain(
                    shared,
                    provider,
                    &format!("cannot check whether a token was used before: {why}"),
                );
                return (
                    "failed",
                    plain(StatusCode::SERVICE_UNAVAILABLE, "the events could not be stored"),
                );
            }
        }
    }
    let mut events = match source.webhook.read(body, now) {
        Ok(events) => events,
        Err(why) => {
            complain(shared, provider, &format!("a signed request cannot be read: {why}"));
            return ("unreadable", plain(StatusCode::BAD_REQUEST, why));
        }
    };
    for event in &mut events {
        provider.clone_into(&mut event.provider);
    }
    match within(shared.intake.take(provider, events)).await {
        Ok(()) => ("accepted", StatusCode::NO_CONTENT.into_response()),
        Err(why) => {
            complain(
                shared,
                provider,
                &format!("events could not be stored; the provider will send them again: {why}"),
            );
            ("failed", plain(StatusCode::SERVICE_UNAVAILABLE, "the events could not be stored"))
        }
    }
}

enum Unverified {
    /// The request does not come from the provider.
    Refused(Refusal),
    /// The request may be genuine, but it cannot be verified now.
    Undecided(String),
}

/// Returns the ledger's answer, or an error if it does not answer in time. The ledger may still
/// store the events later. If the provider then sends them again, each counts once.
async fn within<T>(asked: impl Future<Output = LedgerResult<T>>) -> Result<T, String> {
    match tokio::time::timeout(LEDGER, asked).await {
        Ok(answer) => answer.map_err(|why| why.to_string()),
        Err(_) => Err(format!("the ledger has not answered for {} s", LEDGER.as_secs())),
    }
}

/// Verifies a request with the provider's secret. If the signature covers a one-time token but not
/// the body, returns the token; the caller must mark it as used.
fn by_secret(
    source: &Source,
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Option<UsedToken>, Unverified> {
    let verify = source.webhook.verify.ok_or_else(|| {
        Unverified::Undecided("this provider has no verification scheme".to_owned())
    })?;
    verify(secret, headers, body, now).map_err(Unverified::Refused)?;
    let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().to_vec();
    let used = |token: String| UsedToken {
        hash: hash(token.as_bytes()),
        body: hash(body),
        at: now,
        expires_at: now + TOKEN_LIFE,
    };
    Ok(source.webhook.token.and_then(|token| token(body)).map(used))
}

async fn by_topic(
    shared: &Shared,
    topic: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unverified> {
    let envelope =
        Envelope::parse(body).map_err(|why| Unverified::Refused(Refusal::Foreign(why)))?;
    if envelope.topic != topic {
        return Err(Unverified::Refused(Refusal::Foreign(
            "the message does not come from the topic set in webhook_topic".to_owned(),
        )));
    }
    let url = envelope.certificate_url().map_err(Unverified::Refused)?;
    let certificate =
        shared.certificates.get(&url, &envelope).await.map_err(|missing| match missing {
            Missing::Distrusted(why) => Unverified::Refused(Refusal::Foreign(why)),
            Missing::Unavailable(why) => Unverified::Undecided(why),
        })?;
    envelope
        .verify(&certificate, &shared.certificates.authority, topic, now)
        .map_err(Unverified::Refused)?;
    if envelope.purpose == Purpose::SubscriptionConfirmation {
        let url = envelope.subscribe_url().map_err(Unverified::Refused)?;
        shared.certificates.confirm(&url).await.map_err(Unverified::Undecided)?;
        tracing::info!(topic, "the subscription is confirmed");
    }
    Ok(())
}

/// Verifies an unsubscribe link. Returns its token if this workspace signed the link and the ledger
/// knows the recipient, otherwise the page to show.
async fn known(shared: &Shared, signed: &str) -> Result<String, Page> {
    let token =
        shared.links.as_ref().and_then(|links| links.verify(signed)).ok_or(Page::Unknown)?;
    match within(shared.ledger.person(token)).await {
        Ok(Some(_)) => Ok(token.to_owned()),
        Ok(None) => Err(Page::Unknown),
        Err(why) => {
            complain(shared, "", &format!("the ledger cannot be read: {why}"));
            Err(Page::Failed)
        }
    }
}

/// Shows the unsubscribe page and changes nothing, because scanners and mail programs follow links
/// before a recipient reads the mail.
async fn ask(State(shared): State<Arc<Shared>>, Path(signed): Path<String>) -> Page {
    known(&shared, &signed).await.map_or_else(|page| page, |_| Page::Ask)
}

async fn press(
    State(shared): State<Arc<Shared>>,
    Extension(place): Extension<Place>,
    Path(signed): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let (body, _held) = match whole(&place, &parts.headers, body, MOST_OF_A_PRESS).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let (result, page) = unsubscribe(&shared, &place, &signed, &body).await;
    shared.metrics.add(UNSUBSCRIBES, &[("result", result)], 1);
    page.into_response()
}

async fn unsubscribe(
    shared: &Shared,
    place: &Place,
    signed: &str,
    body: &[u8],
) -> (&'static str, Page) {
    let token = match known(shared, signed).await {
        Ok(token) => token,
        Err(page) => return (if page == Page::Failed { "failed" } else { "refused" }, page),
    };
    // RFC 8058 section 3.2 allows form-encoded and multipart bodies.
    let holds = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    if !(holds(b"List-Unsubscribe") && holds(b"One-Click")) {
        return ("not_pressed", Page::NotPressed);
    }
    let now = Timestamp::now();
    let mut event = Event::new(EventKind::Unsubscribed, crate::model::event::Source::Webhook, now);
    // The time in the id makes each unsubscribe a new event. A recipient can therefore unsubscribe
    // again after an operator has removed the suppression.
    event.id = format!("unsubscribe-{token}-{}", now.as_second());
    event.reason = "unsubscribe link".to_owned();
    event.token = token;
    let _busy = place.busy();
    match within(shared.intake.take("", vec![event])).await {
        Ok(()) => ("accepted", Page::Done),
        Err(why) => {
            complain(shared, "", &format!("an unsubscribe could not be stored: {why}"));
            ("failed", Page::Failed)
        }
    }
}

/// Answers with status 200 if the ledger answers.
async fn health(State(shared): State<Arc<Shared>>) -> Response {
    if shared.health.is_well(shared.ledger.as_ref()).await {
        plain(StatusCode::OK, "ok")
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer")
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shared.metrics.text()).into_response()
}
