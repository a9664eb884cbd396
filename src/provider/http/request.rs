//! One request to a service, as its adapter makes it.
//!
//! The rule it keeps: the body is serialised once, so that whatever goes again goes byte for byte.

use std::io::Write as _;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::answer::Fault;
use crate::model::outcome::Reason;
use crate::provider::{Health, Refusal};

/// The name of the one encoding in which bodies travel.
const GZIP: &str = "gzip";

/// One request, its body serialised once.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Request {
    pub(in crate::provider) method: Method,
    /// From the first slash on, encoded already.
    pub(in crate::provider) path: String,
    pub(in crate::provider) headers: HeaderMap,
    pub(in crate::provider) body: Bytes,
    /// The header of a success that says everything, so that a body which is cut off leaves no
    /// doubt.
    pub(in crate::provider) decisive: Option<&'static str>,
}

impl Request {
    /// A POST of JSON.
    pub(in crate::provider) fn json(path: impl Into<String>, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body)
            .expect("texts, numbers and maps with text keys are always JSON");
        Self::post(path, "application/json", body)
    }

    /// A GET.
    pub(in crate::provider) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            decisive: None,
        }
    }

    /// A POST of anything.
    pub(in crate::provider) fn post(
        path: impl Into<String>,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { method: Method::POST, path: path.into(), headers, body: body.into(), decisive: None }
    }

    /// The same whose success is known by this header alone.
    #[must_use]
    pub(in crate::provider) fn decided_by(self, header: &'static str) -> Self {
        Self { decisive: Some(header), ..self }
    }

    /// The same by another method.
    #[must_use]
    pub(in crate::provider) fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// The same whose body travels in gzip. It is compressed on its way, so limits, keys and
    /// repeats know the body alone.
    #[must_use]
    pub(in crate::provider) fn in_gzip(self) -> Self {
        self.header("content-encoding", GZIP)
    }

    /// The body as it goes over the wire.
    pub(super) async fn wire_body(&self) -> Result<Bytes, Fault> {
        let body = self.body.clone();
        if self.headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding != GZIP) {
            return Ok(body);
        }
        // A batch of megabytes is no work for a thread that serves connections.
        let compressed = tokio::task::spawn_blocking(move || {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).and_then(|()| encoder.finish())
        });
        let failed = |what: String| {
            Fault::NotWritten(Health::Failing(Refusal::new(
                Reason::Session,
                "",
                format!("compressing failed: {what}"),
            )))
        };
        let compressed = compressed.await.map_err(|error| failed(error.to_string()))?;
        compressed.map(Bytes::from).map_err(|error| failed(error.to_string()))
    }

    /// The same with another header.
    #[must_use]
    pub(in crate::provider) fn header(mut self, name: &'static str, value: &str) -> Self {
        // A value that cannot be a header is a defect of the adapter, and the service will say that
        // the header is missing.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}
