//! Accepts and serves connections. Limits their number and the time for the handshake, the request
//! head, the answer and the whole connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::metrics::CROWDED_OUT;
use super::room::{Place, Room};
use super::stall::Attended;
use super::{Shared, routes};
use crate::config::{Settings, private_key};
use crate::files;
use crate::model::error::{Error, Result};

/// The maximum time for a TLS handshake. Also the maximum time for a request's head to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// The maximum time from a request's head to its answer. Receiving the body, fetching certificates
/// and writing to the ledger have shorter limits.
const TURN: Duration = Duration::from_secs(60);
/// How long a connection is kept for further requests. `GRACE` is the additional time for its last
/// request.
const LIFE: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(80);
/// The maximum size of a request's head, and of the read buffer.
const MOST_HEAD: usize = 16 * 1024;
/// The maximum number of connections that wait to be accepted. The system may allow fewer. Clients
/// beyond the limit must retry after seconds.
const BACKLOG: u32 = 4096;
/// The maximum time to finish running requests when the endpoint stops.
const FAREWELL: Duration = Duration::from_secs(10);

/// Sets up TLS with the configured certificate and key. Fails with exit code 2 if they cannot be
/// used.
pub(super) fn acceptor(settings: &Settings, cert: &Path, key: &Path) -> Result<TlsAcceptor> {
    let shown = |path: &Path| settings.workspace.shown(path);
    let wrong = |path: &Path, why: String| {
        Error::usage(format!("{}: {why}", shown(path)))
            .hint("correct listen.tls_cert and listen.tls_key")
    };
    let chain = files::read(cert, files::CERTIFICATES).map_err(|e| wrong(cert, e.to_string()))?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|e| wrong(cert, format!("is not PEM: {e}")))?;
    let private = PrivateKeyDer::from_pem_slice(&private_key(&settings.workspace, key)?)
        .map_err(|_| wrong(key, "contains no private key in PEM".to_owned()))?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, private))
    .map_err(|e| wrong(cert, format!("cannot be used: {e}")))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Opens a listening socket at an address.
pub(super) fn bind(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The next process can then bind the port at once, even if old connections are still closing.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until the stop signal. Then waits for running requests and appends learned
/// suppressions to the file.
pub(super) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let room = Room::new();
    let router = routes::router(shared.clone());
    let mut connections = JoinSet::new();
    let (end, ended) = watch::channel(false);
    let taking = async {
        let mut stop = stopped.clone();
        loop {
            let (stream, peer) = tokio::select! {
                // A dropped sender also means that the endpoint must stop.
                _ = stop.changed() => break,
                Some(_) = connections.join_next() => continue,
                next = accept(&listener, &room, &shared) => next,
            };
            let (place, has_closed) = tokio::select! {
                _ = stop.changed() => break,
                admitted = room.admit(peer.ip()) => admitted,
            };
            if has_closed {
                shared.metrics.add(CROWDED_OUT, &[], 1);
                tracing::debug!(
                    "closed the connection that has waited longest to make room for a new one"
                );
            }
            connections.spawn(serve(
                stream,
                tls.clone(),
                TowerToHyperService::new(router.clone()),
                place,
                stopped.clone(),
            ));
        }
        drop(listener);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            tracing::warn!("some requests did not finish in time and were aborted");
        }
        connections.shutdown().await;
        // Sending fails if `keep_filing` has already ended, which is harmless.
        let _ = end.send(true);
    };
    tokio::join!(taking, shared.intake.keep_filing(ended));
}

/// Accepts the next connection.
async fn accept(listener: &TcpListener, room: &Room, shared: &Shared) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(next) => return next,
            Err(e) => {
                // The usual cause is that the process has no file descriptors left.
                let has_closed = room.close_one();
                if let Some(left_out) = shared.complaints.next() {
                    tracing::warn!(has_closed, left_out, "cannot accept a connection: {e}");
                }
                tokio::time::sleep(Duration::from_millis(if has_closed { 5 } else { 100 })).await;
            }
        }
    }
}

/// Serves a connection until it ends, must make room for another one, or exceeds its maximum
/// lifetime.
async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: TowerToHyperService<axum::Router>,
    place: Place,
    stopped: watch::Receiver<bool>,
) {
    place.begin();
    // Disables Nagle's algorithm, which would delay small answers until the peer acknowledges
    // earlier data.
    let _ = stream.set_nodelay(true);
    let served = async {
        match tls {
            None => speak(stream, router, place.clone(), stopped).await,
            Some(tls) => {
                let bounded = |session: &mut rustls::ServerConnection| {
                    session.set_buffer_limit(Some(MOST_HEAD))
                };
                match tokio::time::timeout(PATIENCE, tls.accept_with(stream, bounded)).await {
                    Ok(Ok(stream)) => speak(stream, router, place.clone(), stopped).await,
                    Ok(Err(e)) => tracing::debug!("a TLS handshake failed: {e}"),
                    Err(_) => {}
                }
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = place.closed() => tracing::debug!("closed a connection to make room for others"),
        () = tokio::time::sleep(LIFE + GRACE) => tracing::debug!("a connection did not end in time"),
    }
}

/// Serves HTTP on a connection. After the stop signal, finishes the running request and accepts no
/// other.
async fn speak<S>(
    stream: S,
    router: TowerToHyperService<axum::Router>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MOST_HEAD);
    let service = Admitted { router, place: place.clone() };
    let mut connection =
        pin!(http.serve_connection(TokioIo::new(Attended::new(stream, place)), service));
    let enough = async {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(LIFE) => {}
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = enough => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!("a connection ended: {e}");
    }
}

/// Passes the requests of one connection to the router. Each request has a time limit, waits until
/// the peer has read the previous answer, and carries the connection's place.
struct Admitted {
    router: TowerToHyperService<axum::Router>,
    place: Place,
}

impl Service<Request<Incoming>> for Admitted {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let (router, place) = (self.router.clone(), self.place.clone());
        Box::pin(async move {
            let (number, is_last) = place.count_request();
            if number > 1 {
                place.unblocked().await;
                // Further requests on one connection let requests on other connections go first.
                tokio::task::yield_now().await;
            }
            request.extensions_mut().insert(place);
            let mut answer = match tokio::time::timeout(TURN, router.call(request)).await {
                Ok(answer) => answer?,
                Err(_) => {
                    routes::plain(StatusCode::SERVICE_UNAVAILABLE, "the request took too long")
                }
            };
            if is_last {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        })
    }
}
