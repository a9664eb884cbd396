//! The unsubscribe page, in plain HTML without scripts, images or external resources, so that
//! screen readers and text browsers can show it.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A page shown to a recipient who follows the unsubscribe link or presses the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Asks whether to unsubscribe, with a button.
    Ask,
    /// Confirms that the recipient is unsubscribed.
    Done,
    /// Says that the link is unknown or has expired.
    Unknown,
    /// Says that the request did not come from the button, and shows the button.
    NotPressed,
    /// Says that the ledger could not store the unsubscribe.
    Failed,
}

impl Page {
    fn status(self) -> StatusCode {
        match self {
            Self::Ask | Self::Done => StatusCode::OK,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::NotPressed => StatusCode::BAD_REQUEST,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Ask => (
                "Unsubscribe",
                "Press the button, and you will get no more newsletters of this kind at the address that this link was sent to.",
            ),
            Self::Done => (
                "You are unsubscribed",
                "You will get no more newsletters of this kind. A message that is already on its way may still arrive.",
            ),
            Self::Unknown => (
                "This link does not work",
                "It is incomplete, or too old. Please use the link in a newer message, or reply to the message.",
            ),
            Self::NotPressed => ("Nothing was changed", "Please press the button to unsubscribe."),
            Self::Failed => {
                ("That did not work", "Nothing was changed. Please try again in a minute.")
            }
        }
    }
}

/// A form with a button, because link scanners follow links but do not submit forms. It sends the
/// same field as a mail program's one-click request (RFC 8058 section 3.2).
const FORM: &str = r#"<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button type="submit">Unsubscribe</button></form>"#;

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
];

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let (title, text) = self.words();
        let form = if matches!(self, Self::Ask | Self::NotPressed) { FORM } else { "" };
        let body = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:1.125rem/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}\
             button{{font:inherit;padding:.75rem 1.5rem;cursor:pointer}}</style></head>\
             <body><main><h1>{title}</h1><p role=\"status\">{text}</p>{form}</main></body></html>\n"
        );
        (self.status(), HEADERS, body).into_response()
    }
}
