//! A self-signed certificate for the sink with TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// The TLS acceptor of the sink, and the certificate file that clients have to trust.
pub(crate) fn acceptor(dir: &Path) -> Result<(TlsAcceptor, PathBuf)> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let file = dir.join("sink.pem");
    std::fs::write(&file, own.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), file))
}
