//! Represents one request to a service, as its adapter builds it.
//!
//! The body is serialised once, so a repeat has the same bytes.

use std::io::Write as _;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::answer::Fault;
use crate::model::outcome::Reason;
use crate::provider::{Health, Refusal};

/// The value of the Content-Encoding header for compressed bodies.
const GZIP: &str = "gzip";

/// One request with its serialised body.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Request {
    pub(in crate::provider) method: Method,
    /// The path and query, already percent-encoded.
    pub(in crate::provider) path: String,
    pub(in crate::provider) headers: HeaderMap,
    pub(in crate::provider) body: Bytes,
    /// A response header that alone proves success. If a success reply has it, a truncated body
    /// does not make the outcome unknown.
    pub(in crate::provider) decisive: Option<&'static str>,
}

impl Request {
    /// Creates a POST request with a JSON body.
    pub(in crate::provider) fn json(path: impl Into<String>, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body)
            .expect("texts, numbers and maps with text keys are always JSON");
        Self::post(path, "application/json", body)
    }

    /// Creates a GET request.
    pub(in crate::provider) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            decisive: None,
        }
    }

    /// Creates a POST request with any content type.
    pub(in crate::provider) fn post(
        path: impl Into<String>,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { method: Method::POST, path: path.into(), headers, body: body.into(), decisive: None }
    }

    /// Sets the response header that proves success.
    #[must_use]
    pub(in crate::provider) fn decided_by(self, header: &'static str) -> Self {
        Self { decisive: Some(header), ..self }
    }

    /// Replaces the method.
    #[must_use]
    pub(in crate::provider) fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Marks the request for gzip. The body is compressed when the request is sent, so limits, keys
    /// and repeats use the uncompressed body.
    #[must_use]
    pub(in crate::provider) fn in_gzip(self) -> Self {
        self.header("content-encoding", GZIP)
    }

    /// Returns the body as it is sent, compressed if the headers say so.
    pub(super) async fn wire_body(&self) -> Result<Bytes, Fault> {
        let body = self.body.clone();
        if self.headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding != GZIP) {
            return Ok(body);
        }
        // Compression runs on another thread, because a batch of megabytes would block a thread
        // that serves connections.
        let compressed = tokio::task::spawn_blocking(move || {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).and_then(|()| encoder.finish())
        });
        let failed = |what: String| {
            Fault::NotWritten(Health::Failing(Refusal::new(
                Reason::Session,
                "",
                format!("compressing the request failed: {what}"),
            )))
        };
        let compressed = compressed.await.map_err(|error| failed(error.to_string()))?;
        compressed.map(Bytes::from).map_err(|error| failed(error.to_string()))
    }

    /// Adds a header.
    #[must_use]
    pub(in crate::provider) fn header(mut self, name: &'static str, value: &str) -> Self {
        // An invalid header value is a defect of the adapter. The header is left out, and the
        // service's reply will report that.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}
