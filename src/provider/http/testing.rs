//! Creates replies for the tests of adapters, without a server.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::answer::Answer;

/// Returns a reply with these headers, as if the service had sent it.
pub(in crate::provider) fn answer(
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Answer {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.iter().map(header).collect::<HeaderMap>(),
        body: body.to_owned().into(),
        is_whole: true,
        authorization: None,
        key: 0,
        secrets: Vec::new(),
    }
}
