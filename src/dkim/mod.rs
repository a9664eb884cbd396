//! Signs messages with DKIM (RFC 6376, RFC 8301, RFC 8463). It uses relaxed/relaxed
//! canonicalization and signs the whole body.
//!
//! The signed bytes are exactly the bytes that are sent. Adding another header with a name in
//! `OVERSIGNED` breaks the signature. No key is ever shown.

mod align;
mod canonical;
mod der;
mod key;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::model::error::{Error, Result};

pub(crate) use align::is_aligned;
pub(crate) use key::Key;

/// Headers that the tag `h=` names once more often than they occur in the message. Adding another
/// such header then breaks the signature (RFC 6376 section 8.15).
const OVERSIGNED: [&str; 6] =
    ["From", "To", "Subject", "Date", "List-Unsubscribe", "List-Unsubscribe-Post"];

/// Names of headers that are not signed, in lowercase. Servers add or remove them in transit.
/// Headers that begin with `x-` are not signed either, because they may be instructions to a
/// server.
const UNSIGNED: [&str; 7] = [
    "return-path",
    "received",
    "dkim-signature",
    "authentication-results",
    "bcc",
    "comments",
    "keywords",
];
const UNSIGNED_PREFIXES: [&str; 3] = ["x-", "arc-", "resent-"];

/// The maximum length of a line in a signature.
const LINE: usize = 76;

/// A private key with its domain and the selector of its DNS record.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The domain for which the key signs, in lowercase ASCII.
    pub(crate) domain: String,
    pub(crate) selector: String,
    key: Key,
}

impl Signer {
    /// Creates a signer for `domain`, which must be in lowercase ASCII.
    pub(crate) fn new(domain: String, selector: String, key: Key) -> Self {
        Self { domain, selector, key }
    }

    /// Returns the name and the text of the DNS record that receivers use to verify signatures.
    pub(crate) fn record(&self) -> (String, String) {
        (format!("{}._domainkey.{}", self.selector, self.domain), self.key.record())
    }

    /// Returns the signature header up to the tag `b=`, after which the base64 of the signature
    /// follows.
    fn header(&self, names: &str, body_hash: &str, at: i64) -> String {
        let Self { domain, selector, key } = self;
        format!(
            "DKIM-Signature: v=1; a={}-sha256; c=relaxed/relaxed; d={domain};\r\n s={selector}; t={at};\r\n h={names};\r\n bh={body_hash};\r\n b=",
            key.algorithm()
        )
    }
}

/// The DKIM signers for the mail of one provider.
#[derive(Debug)]
pub struct Signers(pub(crate) Vec<Signer>);

impl Signers {
    /// Inserts one signature per key at the beginning of a complete message. `at` is the time in
    /// seconds since 1970. A bare CR or LF is first converted to CRLF, because it would be sent as
    /// CRLF. Fails if a signature cannot be computed.
    pub(crate) fn sign(&self, message: &mut Vec<u8>, at: i64) -> Result<()> {
        if canonical::has_bare_ends(message) {
            *message = canonical::with_crlf(message);
        }
        let (fields, body) = canonical::split(message);
        let body_hash = BASE64_STANDARD.encode(canonical::body_hash(body));
        let (names, mut data) = header_data(&fields);
        let end = data.len();
        let mut block = String::with_capacity(self.0.len() * 1024);
        for signer in &self.0 {
            let header = signer.header(&names, &body_hash, at);
            data.truncate(end);
            canonical::push_header(&mut data, header.as_bytes());
            let signature = signer.key.sign(&data).map_err(|_| {
                Error::internal(format!(
                    "the DKIM signature for {} cannot be computed",
                    signer.domain
                ))
            })?;
            block.push_str(&header);
            push_folded(&mut block, &BASE64_STANDARD.encode(signature));
        }
        let length = message.len();
        message.resize(length + block.len(), 0);
        message.copy_within(..length, block.len());
        message[..block.len()].copy_from_slice(block.as_bytes());
        Ok(())
    }
}

/// Returns the folded header names for the tag `h=`, and the canonical form of those headers. If a
/// name is repeated, its first occurrence in `h=` refers to the lowest header (RFC 6376 section
/// 5.4.2). The headers are therefore named from the lowest to the highest.
fn header_data(fields: &[&[u8]]) -> (String, Vec<u8>) {
    let mut names = String::with_capacity(512);
    let mut data = Vec::with_capacity(2048);
    let mut column = " h=".len();
    let mut push_name = |name: &str| {
        if !names.is_empty() {
            names.push(':');
            if column + name.len() + 2 > LINE {
                names.push_str("\r\n ");
                column = 1;
            }
        }
        names.push_str(name);
        column += name.len() + 1;
    };
    for field in fields.iter().rev() {
        let Ok(name) = std::str::from_utf8(canonical::name_of(field)) else { continue };
        if is_signed(name) {
            push_name(name);
            canonical::push_header(&mut data, field);
            data.extend_from_slice(b"\r\n");
        }
    }
    OVERSIGNED.into_iter().for_each(push_name);
    (names, data)
}

fn is_signed(name: &str) -> bool {
    let begins = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    // A header name with a semicolon would end the list of names in `h=`.
    !name.is_empty()
        && !name.contains(';')
        && !UNSIGNED.iter().any(|known| known.eq_ignore_ascii_case(name))
        && !UNSIGNED_PREFIXES.iter().any(begins)
}

/// Appends the base64 of the signature, folded into lines, and a line end.
fn push_folded(out: &mut String, base64: &str) {
    let mut rest = base64;
    let mut room = LINE - " b=".len();
    while rest.len() > room {
        let (line, behind) = rest.split_at(room);
        out.push_str(line);
        out.push_str("\r\n ");
        rest = behind;
        room = LINE - 1;
    }
    out.push_str(rest);
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests;
