//! TLS for SMTP sessions: which roots are trusted and what a failed handshake means.
//!
//! The rule it keeps: a certificate is always verified, also where TLS itself is optional.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::outcome::Reason;
use crate::provider::{Health, Refusal};

/// The TLS side of the settings. The system's roots are read at the first handshake, so that plain sessions do not wait for them.
#[derive(Debug)]
pub(super) struct Tls {
    /// The name that the certificate must be valid for.
    server_name: ServerName<'static>,
    /// Trusted besides the system's roots.
    extra_roots: Vec<CertificateDer<'static>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// TLS towards `server_name`, trusting `extra_roots` too.
    pub(super) fn new(server_name: ServerName<'static>, extra_roots: Vec<CertificateDer<'static>>) -> Self {
        Self { server_name, extra_roots, config: OnceLock::new() }
    }

    /// Shakes hands over `stream`; without a time limit of its own.
    pub(super) async fn upgrade(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Health> {
        let config = match self.config.get() {
            Some(config) => Arc::clone(config),
            None => {
                let config = Arc::new(build(&self.extra_roots).map_err(|error| stop(&error.to_string()))?);
                Arc::clone(self.config.get_or_init(|| config))
            }
        };
        TlsConnector::from(config).connect(self.server_name.clone(), stream).await.map_err(|error| diagnose(&error))
    }
}

/// The certificates in a PEM file, at least one.
pub(super) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let roots = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| format!("not PEM: {error}"))?;
    let mut probe = RootCertStore::empty();
    for root in &roots {
        probe.add(root.clone()).map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() { Err("no certificate in it".into()) } else { Ok(roots) }
}

fn build(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let (native, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if native == 0 {
        // A bare container has no certificates of its own.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A certificate that does not verify will not verify the next time either; anything else may be a passing failure.
fn diagnose(error: &std::io::Error) -> Health {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            stop(&format!("the server's certificate does not verify: {why}; name its root under ca_file"))
        }
        Some(other) => Health::Failing(refusal(&format!("the TLS handshake failed: {other}"))),
        None => Health::Failing(refusal(&format!("the TLS handshake failed: {error}"))),
    }
}

fn stop(detail: &str) -> Health {
    Health::Stop(refusal(detail))
}

fn refusal(detail: &str) -> Refusal {
    Refusal::new(Reason::Session, "", super::reply::shorten(detail))
}
