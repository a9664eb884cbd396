//! Implements the signature schemes that several providers share, and constant-time comparison.

use axum::http::HeaderMap;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;

use super::{Refusal, TOLERANCE};
use crate::secret::Secret;

/// Returns a header as text. Fails if the header is missing or empty.
pub(in crate::provider) fn header<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<&'h str, Refusal> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.is_empty())
        .ok_or(Refusal::Unsigned(name))
}

/// Returns an error if a time, in seconds since 1970, is too far from the current time.
pub(in crate::provider) fn fresh(seconds: &str, now: Timestamp) -> Result<(), Refusal> {
    let seconds: i64 = seconds.trim().parse().map_err(|_| Refusal::Wrong)?;
    let at = Timestamp::from_second(seconds).map_err(|_| Refusal::Wrong)?;
    within(at, now, TOLERANCE)
}

/// Returns an error if a time is more than `past` ago, or more than [`TOLERANCE`] in the future.
pub(in crate::provider) fn within(
    at: Timestamp,
    now: Timestamp,
    past: SignedDuration,
) -> Result<(), Refusal> {
    let age = now.duration_since(at);
    match age {
        _ if age > past => Err(Refusal::Stale(age, past)),
        _ if age < -TOLERANCE => Err(Refusal::Stale(age, TOLERANCE)),
        _ => Ok(()),
    }
}

/// Checks in constant time that a tag is the HMAC-SHA256 over these parts.
pub(in crate::provider) fn hmac_fits(
    key: &[u8],
    parts: &[&[u8]],
    tag: &[u8],
) -> Result<(), Refusal> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, &parts.concat(), tag).map_err(|_| Refusal::Wrong)
}

/// The maximum number of signatures of a request that are compared. Two are normal while a secret
/// is replaced, but a header could contain a thousand.
const MOST_SIGNATURES: usize = 8;

/// Checks that one of the tags is the HMAC-SHA256 over these parts. The HMAC is computed only
/// once.
pub(in crate::provider) fn any_hmac_fits(
    key: &[u8],
    parts: &[&[u8]],
    tags: impl Iterator<Item = Vec<u8>>,
) -> Result<(), Refusal> {
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat());
    if tags.take(MOST_SIGNATURES).any(|tag| equal(expected.as_ref(), &tag)) {
        Ok(())
    } else {
        Err(Refusal::Wrong)
    }
}

/// Returns whether two texts are equal. The comparison takes constant time.
pub(in crate::provider) fn equal(expected: &[u8], given: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, expected);
    hmac::verify(&key, given, hmac::sign(&key, expected).as_ref()).is_ok()
}

/// Decodes hexadecimal digits. Returns `None` for any other text.
pub(in crate::provider) fn from_hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()
}

/// Verifies a request as Standard Webhooks and Svix describe: a base64 HMAC-SHA256 over id, time
/// and body. The two differ only in the names of the headers. While a secret is replaced, a request
/// has several signatures.
pub(in crate::provider) fn standard(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let names = match headers.contains_key("svix-id") {
        true => ["svix-id", "svix-timestamp", "svix-signature"],
        false => ["webhook-id", "webhook-timestamp", "webhook-signature"],
    };
    let [id, at, signatures] = names.map(|name| header(headers, name));
    let (id, at, signatures) = (id?, at?, signatures?);
    let key = standard_key(secret.expose())
        .ok_or(Refusal::Secret("of the form whsec_ followed by base64"))?;
    let given = signatures
        .split(' ')
        .filter_map(|entry| BASE64_STANDARD.decode(entry.strip_prefix("v1,")?).ok());
    any_hmac_fits(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body], given)?;
    fresh(at, now)
}

fn standard_key(secret: &str) -> Option<Vec<u8>> {
    let key = secret.trim();
    BASE64_STANDARD.decode(key.strip_prefix("whsec_").unwrap_or(key)).ok()
}

/// Checks that a text can be a Standard Webhooks secret: a key of at least 16 bytes. The
/// specification requires 24 to 64 bytes.
pub(in crate::provider) fn standard_key_fits(secret: &str) -> Result<(), &'static str> {
    let key = standard_key(secret).ok_or("it is not whsec_ followed by base64")?;
    if key.len() < 16 { Err("its key has fewer than 16 bytes, and can be guessed") } else { Ok(()) }
}

/// Checks that a secret whose text is the key has enough characters.
pub(in crate::provider) fn long_enough(secret: &str) -> Result<(), &'static str> {
    if secret.trim().len() < 8 {
        Err("it has fewer than 8 characters, and can be guessed")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::provider::table::{webhook, webhooks};

    #[test]
    fn secrets_that_are_empty_or_short_can_be_none_of_any_provider() {
        for webhook in webhooks().filter(|webhook| webhook.verify.is_some()) {
            for short in [
                "",
                "          ",
                "\n",
                ":",
                "::",
                "whsec_",
                "whsec_\n",
                "u:p",
                "user:",
                "secret",
                "AAAA",
            ] {
                assert!((webhook.usable)(short).is_err(), "{}: {short:?}", webhook.kind);
            }
        }
        for (kind, wrong) in [
            ("resend", "whsec_c2VjcmV0"),
            ("resend", "not base64, but long enough"),
            ("postmark", ":password"),
            ("postmark", "password"),
        ] {
            assert!((webhook(kind).unwrap().usable)(wrong).is_err(), "{kind}: {wrong}");
        }
        for (kind, good) in [
            ("resend", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("postmark", "user:pass:word"),
            ("mailgun", "signing-key"),
        ] {
            assert_eq!((webhook(kind).unwrap().usable)(good), Ok(()), "{kind}");
        }
    }
}
