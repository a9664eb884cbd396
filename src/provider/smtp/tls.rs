//! Provides TLS for SMTP sessions: the trusted roots, and the interpretation of a failed handshake.
//!
//! A certificate is always verified, even if TLS itself is optional.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::model::outcome::Reason;
use crate::provider::{Health, Refusal, roots};

/// The TLS settings. The system's roots are read at the first handshake, so that plain sessions do
/// not wait for them.
#[derive(Debug)]
pub(super) struct Tls {
    /// The name for which the certificate must be valid.
    server_name: ServerName<'static>,
    /// The roots trusted in addition to the system's.
    extra_roots: Vec<CertificateDer<'static>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// Creates TLS settings for `server_name`, with `extra_roots` in addition to the system's
    /// roots.
    pub(super) fn new(
        server_name: ServerName<'static>,
        extra_roots: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { server_name, extra_roots, config: OnceLock::new() }
    }

    /// Does the handshake over `stream`. There is no time limit.
    pub(super) async fn upgrade(
        &self,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Unencrypted> {
        let config = match self.config.get() {
            Some(config) => Arc::clone(config),
            None => {
                let config = Arc::new(
                    roots::client_config(&self.extra_roots)
                        .map_err(|error| Unencrypted::Failed(stop(&error.to_string())))?,
                );
                Arc::clone(self.config.get_or_init(|| config))
            }
        };
        TlsConnector::from(config)
            .connect(self.server_name.clone(), stream)
            .await
            .map_err(|error| diagnose(&error))
    }

    /// Returns whether the server answers a TLS handshake. There is no time limit.
    pub(super) async fn is_spoken(&self, stream: TcpStream) -> bool {
        match self.upgrade(stream).await {
            Ok(_) => true,
            Err(Unencrypted::NotSpoken) => false,
            Err(Unencrypted::Failed(health)) => matches!(health, Health::Stop(_)),
        }
    }
}

/// The reason why a handshake failed.
#[derive(Debug)]
pub(super) enum Unencrypted {
    /// The server's answer is not TLS.
    NotSpoken,
    /// Any other failure, with the provider's health after it.
    Failed(Health),
}

/// The error text for a server whose answer to a TLS handshake is not TLS.
pub(super) const NOT_SPOKEN: &str = "the server's answer to the TLS handshake is not TLS";

impl From<Unencrypted> for Health {
    fn from(why: Unencrypted) -> Self {
        match why {
            Unencrypted::NotSpoken => stop(NOT_SPOKEN),
            Unencrypted::Failed(health) => health,
        }
    }
}

/// Interprets a failed handshake. An invalid certificate will be invalid again. Any other failure
/// may be temporary.
fn diagnose(error: &std::io::Error) -> Unencrypted {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => Unencrypted::Failed(stop(&format!(
            "the server's certificate does not verify: {why}; name its root certificate in ca_file"
        ))),
        Some(rustls::Error::InvalidMessage(_)) => Unencrypted::NotSpoken,
        Some(other) => failing(&format!("the TLS handshake failed: {other}")),
        None => failing(&format!("the TLS handshake failed: {error}")),
    }
}

fn failing(detail: &str) -> Unencrypted {
    Unencrypted::Failed(Health::Failing(refusal(detail)))
}

fn stop(detail: &str) -> Health {
    Health::Stop(refusal(detail))
}

fn refusal(detail: &str) -> Refusal {
    Refusal::new(Reason::Session, "", super::reply::shorten(detail))
}
