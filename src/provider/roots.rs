//! Provides the trusted root certificates: the system's roots, or Mozilla's if the system has none,
//! and those that `ca_file` adds.
//!
//! Every provider uses the same TLS stack with this set of roots. No setting turns verification
//! off.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::files;

/// Reads the certificates in a PEM file. Fails if the file has none.
pub(crate) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = files::read(path, files::CERTIFICATES).map_err(|error| error.to_string())?;
    let roots = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("not a PEM file: {error}"))?;
    let mut probe = RootCertStore::empty();
    for root in &roots {
        probe
            .add(root.clone())
            .map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() { Err("it contains no certificate".into()) } else { Ok(roots) }
}

/// Returns a TLS client configuration that also trusts `extra_roots`. Reads the system's roots on
/// each call.
pub(crate) fn client_config(
    extra_roots: &[CertificateDer<'static>],
) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let (native, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if native == 0 {
        // A minimal container image has no system certificates.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
