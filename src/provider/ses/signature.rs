//! Computes AWS Signature Version 4, which proves that a request comes from the holder of the
//! secret key.
//!
//! The same request, credentials and time give the same signature. The secret key never leaves this
//! module. Documentation:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>,
//! read on 2026-11-21.

use data_encoding::HEXLOWER;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};

use super::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// The path and query, already percent-encoded.
    pub(super) path: &'a str,
    /// Lowercase names in alphabetical order without duplicates, including `host` and `x-amz-date`.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Returns the value of the header `Authorization`. `at` is the time in the form of `x-amz-date`:
/// `20150830T123600Z`.
pub(super) fn authorization(
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: &str,
    signed: &Signed<'_>,
) -> String {
    let date = at.get(..8).unwrap_or(at);
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let request =
        HEXLOWER.encode(digest::digest(&digest::SHA256, signed.canonical().as_bytes()).as_ref());
    let first = format!("AWS4{}", credentials.secret_access_key.expose());
    let key = [date, region, service, "aws4_request"]
        .iter()
        .fold(hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes()), |key, part| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
        });
    let signature = HEXLOWER.encode(
        hmac::sign(&key, format!("{ALGORITHM}\n{at}\n{scope}\n{request}").as_bytes()).as_ref(),
    );
    format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        signed.names()
    )
}

impl Signed<'_> {
    fn names(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    /// Returns the canonical form of the request, which the client and AWS build in the same way.
    fn canonical(&self) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((self.path, ""));
        let mut pairs: Vec<(&str, &str)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        pairs.sort_unstable();
        let query = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&");
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| {
                format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        let body = HEXLOWER.encode(digest::digest(&digest::SHA256, self.body).as_ref());
        format!("{}\n{}\n{query}\n{headers}\n{}\n{body}", self.method, encoded(path), self.names())
    }
}

/// The characters that are escaped in a path: all except the unreserved characters and the slash.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Encodes an already encoded path a second time, as every AWS service except S3 requires.
fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

    /// Signs with the credentials of the published test suite for Signature Version 4.
    fn signature(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        authorization(
            &credentials,
            "us-east-1",
            "service",
            DATE.1,
            &Signed { method, path, headers, body: body.as_bytes() },
        )
    }

    #[test]
    fn the_published_vectors_hold() {
        let host = ("host", "example.amazonaws.com");
        for (name, method, path, expected) in [
            (
                "get-vanilla",
                "GET",
                "/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                "POST",
                "/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            let value = signature(method, path, &[host, DATE], "");
            assert_eq!(
                value,
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, \
                     Signature={expected}"
                ),
                "{name}"
            );
        }
        let form = ("content-type", "application/x-www-form-urlencoded");
        let value = signature("POST", "/", &[form, host, DATE], "Param1=value1");
        assert!(value.contains("SignedHeaders=content-type;host;x-amz-date,"), "{value}");
        assert!(
            value.ends_with(
                "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
            ),
            "post-x-www-form-urlencoded: {value}"
        );
    }

    #[test]
    fn a_path_is_encoded_once_more_and_spaces_in_headers_count_once() {
        assert_eq!(
            encoded("/v2/email/suppression/addresses/a%40x.example"),
            "/v2/email/suppression/addresses/a%2540x.example"
        );
        let spaced = Signed { method: "GET", path: "/", headers: &[("a", "  b   c ")], body: b"" };
        assert!(spaced.canonical().contains("\na:b c\n"));
    }
}
