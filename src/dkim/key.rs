//! Parses private keys for DKIM from PEM: RSA in PKCS#8 or PKCS#1, Ed25519 in PKCS#8.
//!
//! No error repeats any part of the key file.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::zeroize::Zeroizing;

use super::der;
use crate::secret::Secret;

/// The allowed length of an RSA key, in bits. Receivers need not verify signatures of longer keys
/// (RFC 8301), and many do not verify those of shorter keys.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

const MAKE_ONE: &str = "create a key: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out dkim.pem, or openssl genpkey -algorithm ed25519 -out dkim.pem";

/// An error about a text that is not a usable signing key.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

fn unfit(what: impl Into<String>, hint: &'static str) -> Unfit {
    Unfit { what: what.into(), hint }
}

/// A private key for signing.
pub(crate) enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.algorithm())
    }
}

impl Key {
    /// Parses a PEM text that contains exactly one private key.
    pub(crate) fn parse(text: &Secret) -> Result<Self, Unfit> {
        let sections = sections(text.expose())?;
        let mut private = sections.iter().filter(|section| section.label.ends_with("PRIVATE KEY"));
        let (Some(section), None) = (private.next(), private.next()) else {
            return Err(match (sections.len(), sections.first()) {
                (_, None) => unfit("holds no key in PEM format", MAKE_ONE),
                (1, Some(section)) if section.label.ends_with("PUBLIC KEY") => unfit(
                    "is a public key, which belongs in DNS",
                    "use the matching private key instead",
                ),
                (1, Some(section)) if section.label == "CERTIFICATE" => unfit(
                    "is a certificate",
                    "use a private key instead; DKIM needs no certificate",
                ),
                (1, _) => unfit("contains no private key", MAKE_ONE),
                _ => unfit(
                    "contains several keys, of which exactly one must be a private key",
                    "keep only the private key for signing",
                ),
            });
        };
        if section.is_encrypted || section.label == "ENCRYPTED PRIVATE KEY" {
            return Err(unfit(
                "is encrypted",
                "decrypt it into a file of mode 600: openssl pkey -in OLD -out NEW; or set key = { command = \"...\" } to a command that prints the decrypted key",
            ));
        }
        let der = section.der()?;
        match section.label {
            "RSA PRIVATE KEY" => rsa(&der),
            "PRIVATE KEY" => pkcs8(&der),
            label => Err(unfit(
                format!("is of type {label}, which DKIM does not support"),
                "use an RSA or Ed25519 key in PKCS#8; to convert one: openssl pkey -in OLD -out NEW",
            )),
        }
    }

    /// Returns the algorithm's name, as used in the tag `a=` and in the DNS record.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// Signs header data. RSA signing hashes the data itself. For Ed25519, this function hashes the
    /// data first and signs the hash (RFC 8463 section 3).
    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)?;
                Ok(signature)
            }
            Self::Ed25519(pair) => Ok(pair.sign(digest(&SHA256, data).as_ref()).as_ref().to_vec()),
        }
    }

    /// Returns the text of the DNS record that receivers use to verify signatures.
    pub(super) fn record(&self) -> String {
        let public = match self {
            Self::Rsa(pair) => der::rsa_public_key_info(pair.public_key().as_ref()),
            Self::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        format!("v=DKIM1; k={}; p={}", self.algorithm(), BASE64_STANDARD.encode(public))
    }
}

fn pkcs8(der: &[u8]) -> Result<Key, Unfit> {
    let damaged = || unfit("is damaged: it is not a valid PKCS#8 private key", MAKE_ONE);
    let (algorithm, inner) = der::private_key_info(der).ok_or_else(damaged)?;
    match algorithm {
        der::RSA => rsa(inner),
        der::ED25519 => {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Key::Ed25519).map_err(|_| damaged())
        }
        _ => Err(unfit("is neither an RSA nor an Ed25519 key", MAKE_ONE)),
    }
}

fn rsa(der: &[u8]) -> Result<Key, Unfit> {
    let damaged = || unfit("is damaged: it is not a valid RSA key", MAKE_ONE);
    let bits = der::rsa_bits(der).ok_or_else(damaged)?;
    if !RSA_BITS.contains(&bits) {
        return Err(unfit(
            format!(
                "is an RSA key of {bits} bits; it must have {} to {} bits",
                RSA_BITS.start(),
                RSA_BITS.end()
            ),
            MAKE_ONE,
        ));
    }
    RsaKeyPair::from_der(der).map(Key::Rsa).map_err(|_| damaged())
}

/// A PEM block: the lines from BEGIN to END.
struct Section<'a> {
    label: &'a str,
    is_encrypted: bool,
    body: Vec<&'a str>,
}

impl Section<'_> {
    fn der(&self) -> Result<Zeroizing<Vec<u8>>, Unfit> {
        let text = Zeroizing::new(self.body.concat());
        BASE64_STANDARD
            .decode(text.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| unfit("is damaged: there is no base64 between BEGIN and END", MAKE_ONE))
    }
}

/// Splits a text into its PEM blocks. Text between the blocks is ignored.
fn sections(text: &str) -> Result<Vec<Section<'_>>, Unfit> {
    let marked = |line: &'_ str, word: &str| -> Option<std::ops::Range<usize>> {
        let label = line.strip_prefix("-----")?.strip_prefix(word)?.strip_suffix("-----")?;
        let start = "-----".len() + word.len();
        Some(start..start + label.len())
    };
    let mut found = Vec::new();
    let mut open: Option<Section<'_>> = None;
    for line in text.lines().map(str::trim) {
        if let Some(label) = marked(line, "BEGIN ") {
            open = Some(Section { label: &line[label], is_encrypted: false, body: Vec::new() });
        } else if let Some(label) = marked(line, "END ") {
            match open.take() {
                Some(section) if section.label == &line[label.clone()] => found.push(section),
                _ => return Err(unfit("is damaged: it has an END without its BEGIN", MAKE_ONE)),
            }
        } else if let Some(section) = &mut open {
            // The line is a header (RFC 1421). In practice only encrypted keys have such headers.
            if line.contains(':') {
                section.is_encrypted |= line.contains("ENCRYPTED");
            } else {
                section.body.push(line);
            }
        }
    }
    match open {
        Some(_) => {
            Err(unfit("is cut off: it has a BEGIN without its END", "copy the whole file again"))
        }
        None => Ok(found),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key generated only for these tests.
    pub(crate) const RSA: &str = include_str!("../../tests/fixtures/dkim/rsa2048.pem");
    pub(crate) const RSA_PKCS1: &str = include_str!("../../tests/fixtures/dkim/rsa2048-pkcs1.pem");
    pub(crate) const ED25519: &str = include_str!("../../tests/fixtures/dkim/ed25519.pem");

    fn parse(text: &str) -> Result<Key, Unfit> {
        Key::parse(&Secret::new(text))
    }

    #[test]
    fn both_kinds_are_read_in_each_of_their_forms() {
        let rsa = parse(RSA).unwrap();
        assert_eq!(rsa.record(), include_str!("../../tests/fixtures/dkim/rsa2048.record").trim());
        assert_eq!(parse(RSA_PKCS1).unwrap().record(), rsa.record());
        let text_before = format!("Bag Attributes\n    friendlyName: x\n{ED25519}\n\n");
        for text in [ED25519, &ED25519.replace('\n', "\r\n"), &text_before] {
            let record = parse(text).unwrap().record();
            assert_eq!(record, include_str!("../../tests/fixtures/dkim/ed25519.record").trim());
        }
        assert_eq!(format!("{rsa:?}"), "Key(rsa)");
    }

    #[test]
    fn what_cannot_sign_is_refused_with_the_reason_and_a_hint() {
        for (text, says) in [
            (include_str!("../../tests/fixtures/dkim/rsa2048.pub.pem"), "is a public key"),
            (include_str!("../../tests/fixtures/dkim/rsa1024.pem"), "of 1024 bits"),
            (include_str!("../../tests/fixtures/dkim/rsa512.pem"), "of 512 bits"),
            (include_str!("../../tests/fixtures/dkim/encrypted.pem"), "is encrypted"),
            (include_str!("../../tests/fixtures/dkim/encrypted-pkcs1.pem"), "is encrypted"),
            (include_str!("../../tests/fixtures/dkim/ec.pem"), "neither an RSA nor an Ed25519 key"),
            (include_str!("../../tests/fixtures/dkim/ec-sec1.pem"), "EC PRIVATE KEY"),
            (
                include_str!("../../tests/fixtures/dkim/x25519.pem"),
                "neither an RSA nor an Ed25519 key",
            ),
            ("", "no key in PEM"),
            ("hunter2", "no key in PEM"),
            (&format!("{RSA}{ED25519}"), "several keys"),
            (&RSA[..RSA.len() / 2], "cut off"),
            (&RSA.replace("BEGIN", "BEGUN"), "END without its BEGIN"),
            (&ED25519.replace("MC4C", "MC4D"), "is damaged"),
            (&ED25519.replace("MC4C", "M!4C"), "no base64"),
            ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "is damaged"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMA==\n-----END RSA PRIVATE KEY-----\n",
                "is damaged",
            ),
            ("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", "is a certificate"),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nMA==\n-----END OPENSSH PRIVATE KEY-----\n",
                "OPENSSH",
            ),
        ] {
            let error = parse(text).expect_err(says);
            assert!(error.what.contains(says), "{says}: {}", error.what);
            assert!(!error.hint.is_empty() && !error.what.contains("hunter2"));
        }
        // Changes one number in the key, so that it no longer matches the other numbers.
        let mut lines: Vec<String> = RSA.lines().map(str::to_owned).collect();
        let line = lines[20].clone();
        lines[20] = line.chars().rev().collect();
        assert!(parse(&lines.join("\n")).expect_err("changed").what.contains("is damaged"));
    }
}
