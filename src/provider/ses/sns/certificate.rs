//! Parses the certificate with which SNS signs (RFC 5280 section 4.1): its RSA key and the address
//! of its issuer's certificate.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

/// A parsed certificate that is not trusted yet, with the other certificates of its file.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificates in the file. The first one signs messages.
    chain: Vec<CertificateDer<'static>>,
    /// The RSAPublicKey of RFC 8017 appendix A.1.1, in DER.
    public_key: Vec<u8>,
    issuer_url: Option<Url>,
}

/// The maximum number of certificates read from a file.
const LONGEST_CHAIN: usize = 6;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const URI: u8 = 0x86;
/// The object identifier of rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017).
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// The object identifier of the extension Authority Information Access, 1.3.6.1.5.5.7.1.1 (RFC
/// 5280).
const AUTHORITY_INFORMATION: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
/// The object identifier of the access method caIssuers, 1.3.6.1.5.5.7.48.2 (RFC 5280).
const ISSUERS: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

/// A sequence of DER values.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// Returns the next value: its tag and its content.
    fn any(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

impl Certificate {
    /// Parses a PEM file whose first certificate signs messages. The error says what is wrong.
    pub fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let chain = CertificateDer::pem_slice_iter(pem)
            .take(LONGEST_CHAIN)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "is no PEM file")?;
        let first = chain.first().ok_or("is no PEM file")?;
        let (public_key, mut issuer_url) = read(first.as_ref()).ok_or("cannot be read")?;
        if let Some(last) = chain.get(1..).and_then(<[_]>::last) {
            issuer_url = read(last.as_ref()).and_then(|(_, url)| url);
        }
        Ok(Self { chain, public_key, issuer_url })
    }

    /// Returns the RSA key in DER.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Returns the certificate, and the certificates that lead from it to a root.
    pub(super) fn chain(&self) -> (&CertificateDer<'static>, &[CertificateDer<'static>]) {
        // `parse` requires at least one certificate.
        self.chain.split_first().expect("a certificate is read from a file that holds one")
    }

    /// Returns the address of the next issuer's certificate, if the address belongs to Amazon's
    /// authority.
    pub fn issuer_url(&self) -> Option<&Url> {
        self.issuer_url.as_ref()
    }

    /// Adds the issuer's certificate, in DER or PEM. Returns `None` if the bytes are not a
    /// certificate.
    #[must_use]
    pub fn with_issuer(&self, bytes: &[u8]) -> Option<Self> {
        let der = if bytes.first() == Some(&SEQUENCE) {
            let (_, content) = Der(bytes).any()?;
            Der(content).expect(SEQUENCE)?;
            CertificateDer::from(bytes.to_vec())
        } else {
            CertificateDer::from_pem_slice(bytes).ok()?
        };
        let mut more = self.clone();
        more.issuer_url = read(&der).and_then(|(_, url)| url);
        more.chain.push(der);
        Some(more)
    }
}

fn read(der: &[u8]) -> Option<(Vec<u8>, Option<Url>)> {
    let whole = Der(der).expect(SEQUENCE)?;
    let mut tbs = Der(Der(whole).expect(SEQUENCE)?);
    // The version is optional. The check of the chain reads the serial number, algorithm, issuer,
    // validity and subject, so they are skipped here.
    if tbs.any()?.0 == VERSION {
        tbs.any()?;
    }
    for _ in 0..4 {
        tbs.expect(SEQUENCE)?;
    }
    let mut spki = Der(tbs.expect(SEQUENCE)?);
    let algorithm = Der(spki.expect(SEQUENCE)?).expect(OBJECT)?;
    let (unused, public_key) = spki.expect(BIT_STRING)?.split_first()?;
    if algorithm != RSA || *unused != 0 {
        return None;
    }
    let mut issuer_url = None;
    while let Some((tag, content)) = tbs.any() {
        if tag == EXTENSIONS {
            issuer_url = issuer_of(content);
        }
    }
    Some((public_key.to_vec(), issuer_url))
}

/// Returns the address of the issuer's certificate (RFC 5280 section 4.2.2.1).
fn issuer_of(extensions: &[u8]) -> Option<Url> {
    let mut list = Der(Der(extensions).expect(SEQUENCE)?);
    while let Some(extension) = list.expect(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.expect(OBJECT)? != AUTHORITY_INFORMATION {
            continue;
        }
        let (mut tag, mut content) = extension.any()?;
        if tag == BOOLEAN {
            (tag, content) = extension.any()?;
        }
        if tag != OCTET_STRING {
            return None;
        }
        let mut descriptions = Der(Der(content).expect(SEQUENCE)?);
        while let Some(description) = descriptions.expect(SEQUENCE) {
            let mut description = Der(description);
            if description.expect(OBJECT)? == ISSUERS {
                return of_authority(std::str::from_utf8(description.expect(URI)?).ok()?);
            }
        }
    }
    None
}

/// Parses an address, and returns it if Amazon's authority publishes certificates there. The
/// address uses plain HTTP, as RFC 5280 specifies. A certificate from there is trusted only if the
/// chain through it is valid.
fn of_authority(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let place = url.host_str()?.strip_prefix("crt.")?.strip_suffix(".amazontrust.com")?;
    let is_label =
        !place.is_empty() && place.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_plain = url.scheme() == "http"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let is_file = url.path().ends_with(".cer") && url.query().is_none() && url.fragment().is_none();
    (is_label && is_plain && is_file).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_make_the_reader_fail_in_another_way_than_saying_so() {
        let der =
            Certificate::parse(include_bytes!("../../../../tests/fixtures/webhooks/sns-2025.pem"))
                .unwrap()
                .chain[0]
                .to_vec();
        assert!(read(&der).is_some_and(
            |(_, url)| url.unwrap().as_str() == "http://crt.r2m01.amazontrust.com/r2m01.cer"
        ));
        for end in 0..der.len() {
            assert!(read(&der[..end]).is_none(), "{end}");
        }
        for place in 0..der.len() {
            let mut changed = der.clone();
            changed[place] ^= 0xff;
            let _ = read(&changed);
        }
        // SNS signs only with RSA keys, so a certificate with another key is refused.
        let key = rcgen::KeyPair::generate().unwrap();
        let other = rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        assert_eq!(Certificate::parse(other.pem().as_bytes()).unwrap_err(), "cannot be read");
        assert_eq!(Certificate::parse(b"nothing").unwrap_err(), "is no PEM file");
    }

    #[test]
    fn certificates_of_issuers_are_taken_from_amazons_authority_alone() {
        assert!(of_authority("http://crt.r2m04.amazontrust.com/r2m04.cer").is_some());
        for bad in [
            "https://crt.r2m01.amazontrust.com/r2m01.cer",
            "http://crt.r2m01.amazontrust.com.evil.example/r2m01.cer",
            "http://crt.evil.example/r2m01.cer",
            "http://crt.a.b.amazontrust.com/r2m01.cer",
            "http://crt.amazontrust.com/r2m01.cer",
            "http://u@crt.r2m01.amazontrust.com/r2m01.cer",
            "http://crt.r2m01.amazontrust.com:8080/r2m01.cer",
            "http://crt.r2m01.amazontrust.com/r2m01.cer?x",
            "http://crt.r2m01.amazontrust.com/",
            "http://169.254.169.254/latest.cer",
            "file:///etc/passwd.cer",
            "ldap://crt.r2m01.amazontrust.com/r2m01.cer",
        ] {
            assert!(of_authority(bad).is_none(), "{bad}");
        }
    }
}
