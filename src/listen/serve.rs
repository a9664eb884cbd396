//! Connections: as many as are allowed, each with a bounded time for its handshake and its headers, and an orderly end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Shared, routes};
use crate::config::Settings;
use crate::error::{Error, Result};

/// The most connections at once; more wait in the kernel.
const CONNECTIONS: usize = 512;
/// How long a TLS handshake, and the headers of a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long requests in progress may take when it ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// TLS by the configured files; exit 2 where they cannot be used.
pub(super) fn acceptor(settings: &Settings, cert: &Path, key: &Path) -> Result<TlsAcceptor> {
    let shown = |path: &Path| settings.workspace.shown(path);
    let wrong = |path: &Path, why: String| Error::usage(format!("{}: {why}", shown(path))).hint("mend listen.tls_cert and listen.tls_key");
    let read = |path: &Path| std::fs::read(path).map_err(|e| wrong(path, e.to_string()));
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&read(cert)?).collect::<Result<_, _>>().map_err(|e| wrong(cert, format!("is not PEM: {e}")))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| wrong(key, "holds no private key in PEM".to_owned()))?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, private))
        .map_err(|e| wrong(cert, format!("cannot be used: {e}")))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until it is told to stop, then lets those in progress end and files what was learned.
pub(super) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let router = routes::router(shared.clone());
    let mut connections = JoinSet::new();
    let (end, ended) = watch::channel(false);
    let taking = async {
        loop {
            let (stream, place) = tokio::select! {
                // Whoever would tell us to stop is gone: that is a reason to stop too.
                _ = stopped.changed() => break,
                Some(_) = connections.join_next() => continue,
                next = next(&listener, &room) => next,
            };
            let (tls, service, watcher) = (tls.clone(), TowerToHyperService::new(router.clone()), graceful.watcher());
            connections.spawn(async move {
                serve(stream, tls, service, watcher).await;
                drop(place);
            });
        }
        drop(listener);
        if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in time and were broken off");
        }
        connections.shutdown().await;
        // Nobody hears it where filing has ended, and then there is nothing to say.
        let _ = end.send(true);
    };
    tokio::join!(taking, shared.intake.keep_filing(ended));
}

/// The next connection, once there is room for one.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = room.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(e) => {
                // Out of file descriptors, most likely: others will be closed.
                tracing::warn!("a connection cannot be taken: {e}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, service: TowerToHyperService<axum::Router>, watcher: Watcher) {
    // Without it small answers wait for the other side's acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 * 1024);
    let ended = match tls {
        None => watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await,
        Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await,
            Ok(Err(_)) | Err(_) => return,
        },
    };
    if let Err(e) = ended {
        tracing::debug!("a connection ended: {e}");
    }
}
