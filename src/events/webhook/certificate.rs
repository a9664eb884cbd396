//! The few fields of an X.509 certificate (RFC 5280 section 4.1) that verifying a signature of SNS needs: whom it is issued to, from when to
//! when it is valid, and its RSA key.
//!
//! Nothing here follows a chain: the certificate was fetched over TLS from the one host that may have it.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// A certificate that has been read.
#[derive(Debug)]
pub(super) struct Certificate {
    not_before: Timestamp,
    not_after: Timestamp,
    /// The RSAPublicKey of RFC 8017 appendix A.1.1, in DER.
    pub(super) public_key: Vec<u8>,
    names: Vec<String>,
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
/// 1.2.840.113549.1.1.1
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 2.5.29.17
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// Values of DER, one after the other.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The next value: its tag and its content.
    fn any(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
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
    /// Reads the first certificate of a PEM file.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| "is no PEM file")?;
        Self::read(der.as_ref()).ok_or("cannot be read")
    }

    fn read(der: &[u8]) -> Option<Self> {
        let whole = Der(der).expect(SEQUENCE)?;
        let mut tbs = Der(Der(whole).expect(SEQUENCE)?);
        // The version may be left out; serial number, algorithm and issuer are of no interest.
        if tbs.any()?.0 == VERSION {
            tbs.any()?;
        }
        tbs.expect(SEQUENCE)?;
        tbs.expect(SEQUENCE)?;
        let mut validity = Der(tbs.expect(SEQUENCE)?);
        let (not_before, not_after) = (time(validity.any()?)?, time(validity.any()?)?);
        tbs.expect(SEQUENCE)?;
        let mut spki = Der(tbs.expect(SEQUENCE)?);
        let algorithm = Der(spki.expect(SEQUENCE)?).expect(OBJECT)?;
        let (unused, public_key) = spki.expect(BIT_STRING)?.split_first()?;
        if algorithm != RSA || *unused != 0 {
            return None;
        }
        let mut names = Vec::new();
        while let Some((tag, content)) = tbs.any() {
            if tag == EXTENSIONS {
                names = alternative_names(content).unwrap_or_default();
            }
        }
        Some(Self { not_before, not_after, public_key: public_key.to_vec(), names })
    }

    /// Whether it is issued to `name` and valid now.
    pub(super) fn check(&self, name: &str, now: Timestamp) -> Result<(), &'static str> {
        if !self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err("is issued to somebody else");
        }
        if now < self.not_before || now > self.not_after {
            return Err("is not valid at this time");
        }
        Ok(())
    }
}

/// The DNS names of the subject (RFC 5280 section 4.2.1.6).
fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut list = Der(Der(extensions).expect(SEQUENCE)?);
    while let Some(extension) = list.expect(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.expect(OBJECT)? != SUBJECT_ALT_NAME {
            continue;
        }
        let (mut tag, mut content) = extension.any()?;
        if tag == BOOLEAN {
            (tag, content) = extension.any()?;
        }
        if tag != OCTET_STRING {
            return None;
        }
        let mut names = Der(Der(content).expect(SEQUENCE)?);
        let mut found = Vec::new();
        while let Some((tag, name)) = names.any() {
            if tag == DNS_NAME {
                found.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        return Some(found);
    }
    None
}

/// RFC 5280 section 4.1.2.5: `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on.
fn time((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok()?;
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    if text.len() != 15 || !text.is_ascii() {
        return None;
    }
    format!("{}-{}-{}T{}:{}:{}", &text[..4], &text[4..6], &text[6..8], &text[8..10], &text[10..12], &text[12..]).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octets_make_the_reader_fail_in_another_way_than_saying_so() {
        let key = rcgen::KeyPair::generate().unwrap();
        let der = rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec();
        for end in 0..der.len() {
            assert!(Certificate::read(&der[..end]).is_none(), "{end}");
        }
        for place in 0..der.len() {
            let mut changed = der.clone();
            changed[place] ^= 0xff;
            let _ = Certificate::read(&changed);
        }
        // Its key is not of RSA.
        assert!(Certificate::read(&der).is_none());
        assert_eq!(Certificate::parse(b"nothing").unwrap_err(), "is no PEM file");
    }
}
