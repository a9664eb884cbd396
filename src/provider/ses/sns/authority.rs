//! Checks that a chain of certificates, valid at the time of the message, leads from an SNS
//! certificate to a root of Amazon's certificate authority.
//!
//! SNS serves its certificate without the issuer's certificate. The issuers that Amazon has used
//! since 2022 are included here. A later issuer's certificate is fetched from the address in the
//! SNS certificate, and trusted only if a root signed it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};

use super::certificate::Certificate;

/// The certificates Amazon RSA 2048 M01 to M04, issued by Amazon Root CA 1 and valid until August
/// 2030.
const ISSUERS: &[u8] = include_bytes!("amazon.pem");

/// The reason why a certificate is not trusted as one of SNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// No known Amazon root signed the certificate. The issuer's certificate may be missing.
    UnknownIssuer,
    /// The certificate was not valid when the message was published.
    NotAtThisTime,
    /// The certificate is issued to a name with which SNS does not sign in the topic's region.
    OtherName,
    /// The certificate cannot be parsed, or violates another rule of RFC 5280.
    Unusable,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => "is not issued by Amazon's certificate authority",
            Self::NotAtThisTime => "is not valid at this time",
            Self::OtherName => "is issued to another name",
            Self::Unusable => "cannot be used",
        })
    }
}

/// The roots of Amazon's certificate authority, and the known issuers below them.
pub struct Authority {
    roots: RootCertStore,
    issuers: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// Returns Amazon's authority. It contains Amazon's roots among those that Mozilla trusts, and
    /// roots with the same names in this machine's trust store, which may be newer.
    pub fn amazon() -> Self {
        let mut native = RootCertStore::empty();
        native.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let all = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().chain(native.roots);
        let roots = RootCertStore { roots: all.filter(is_amazons).collect() };
        Self { roots, issuers: CertificateDer::pem_slice_iter(ISSUERS).flatten().collect() }
    }

    /// Checks that the certificate is issued to one of `names`, and that a chain valid at the time
    /// `at` leads from it to a root.
    pub(super) fn check(
        &self,
        certificate: &Certificate,
        names: &[String],
        at: Timestamp,
    ) -> Result<(), Distrust> {
        let (first, beside) = certificate.chain();
        let parsed = ParsedCertificate::try_from(first).map_err(|_| Distrust::Unusable)?;
        let between: Vec<_> = beside.iter().chain(&self.issuers).cloned().collect();
        let at =
            UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().max(0).unsigned_abs()));
        let algorithms =
            rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, &between, at, algorithms)
            .map_err(distrust)?;
        let is_named = |name: &String| {
            ServerName::try_from(name.as_str())
                .is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
        };
        if names.iter().any(is_named) { Ok(()) } else { Err(Distrust::OtherName) }
    }
}

fn distrust(error: rustls::Error) -> Distrust {
    use CertificateError as E;
    match error {
        rustls::Error::InvalidCertificate(E::UnknownIssuer) => Distrust::UnknownIssuer,
        rustls::Error::InvalidCertificate(
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. },
        ) => Distrust::NotAtThisTime,
        _ => Distrust::Unusable,
    }
}

/// Returns whether a root is one of those listed at <https://www.amazontrust.com/repository/>.
fn is_amazons(root: &TrustAnchor<'_>) -> bool {
    let subject = root.subject.as_ref();
    match (attribute(subject, ORGANISATION), attribute(subject, COMMON_NAME)) {
        (Some(b"Amazon"), Some(name)) => {
            name.strip_prefix(b"Amazon Root CA ").is_some_and(|number| !number.is_empty())
        }
        (Some(b"Starfield Technologies, Inc."), Some(name)) => {
            name == b"Starfield Services Root Certificate Authority - G2"
        }
        _ => false,
    }
}

/// The last components of the object identifiers of commonName (2.5.4.3) and organizationName
/// (2.5.4.10).
const COMMON_NAME: u8 = 3;
const ORGANISATION: u8 = 10;

/// Returns the value of an attribute in a distinguished name. The value must be a text of fewer
/// than 128 bytes.
fn attribute(name: &[u8], which: u8) -> Option<&[u8]> {
    let at = memchr::memmem::find(name, &[0x06, 0x03, 0x55, 0x04, which])? + 5;
    let length = usize::from(*name.get(at + 1)?);
    name.get(at + 2..)?.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &[u8] = include_bytes!("../../../../tests/fixtures/webhooks/sns-2025.pem");

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_certificate_that_sns_serves_is_believed_at_its_time_and_under_its_name() {
        let authority = Authority::amazon();
        let real = Certificate::parse(REAL).unwrap();
        let name = ["sns.amazonaws.com".to_owned()];
        assert!(real.chain().1.is_empty(), "SNS serves it alone");
        assert_eq!(authority.check(&real, &name, at("2026-03-06T20:00:26Z")), Ok(()));
        assert_eq!(
            authority.check(&real, &name, at("2026-10-15T00:00:00Z")),
            Err(Distrust::NotAtThisTime)
        );
        assert_eq!(
            authority.check(&real, &name, at("2025-11-09T23:59:59Z")),
            Err(Distrust::NotAtThisTime)
        );
        assert_eq!(
            authority.check(
                &real,
                &["sns-signing.eu-south-1.amazonaws.com".to_owned()],
                at("2026-03-06T20:00:26Z")
            ),
            Err(Distrust::OtherName)
        );
        // Without the known issuers, the check needs the issuer's certificate.
        let bare = Authority { issuers: Vec::new(), ..Authority::amazon() };
        assert_eq!(
            bare.check(&real, &name, at("2026-03-06T20:00:26Z")),
            Err(Distrust::UnknownIssuer)
        );
        let with = real.with_issuer(ISSUERS).unwrap();
        assert_eq!(bare.check(&with, &name, at("2026-03-06T20:00:26Z")), Ok(()));
        assert!(
            real.with_issuer(b"<html>").is_none()
                && real.with_issuer(b"").is_none()
                && real.with_issuer(b"\x30\x03\x02\x01").is_none()
        );
    }

    #[test]
    fn roots_are_amazons_and_nobody_elses() {
        let amazon = Authority::amazon();
        assert!((4..20).contains(&amazon.roots.len()), "{}", amazon.roots.len());
        assert!(amazon.roots.roots.iter().all(|root| {
            attribute(&root.subject, COMMON_NAME).is_some_and(|name| !name.is_empty())
        }));
        assert!(webpki_roots::TLS_SERVER_ROOTS.iter().filter(|root| is_amazons(root)).count() >= 4);
        assert_eq!(amazon.issuers.len(), 4);
        assert_eq!(attribute(b"\x06\x03\x55\x04\x03\x13\x7fshort", COMMON_NAME), None);
    }
}
