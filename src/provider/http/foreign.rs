//! Handles replies that are not in the API's format: redirects and web pages.

use std::sync::atomic::Ordering;

use reqwest::StatusCode;
use reqwest::header::LOCATION;

use super::answer::Answer;
use super::api::Read;
use super::client::Http;
use crate::model::outcome::Reason;
use crate::provider::Refusal;

impl Http {
    /// Interprets a reply that is not in the API's format. Returns `None` if the adapter must
    /// interpret the reply.
    pub(super) fn foreign(&self, answer: &Answer) -> Option<Read> {
        let page = || {
            answer.refusal(
                Reason::Session,
                "",
                "a web page instead of an answer: is base_url the service's API?",
            )
        };
        if answer.status.is_redirection() {
            let to = answer
                .headers
                .get(LOCATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|to| self.base.join(to).ok());
            let host = to.as_ref().map_or("elsewhere", |to| to.host_str().unwrap_or("elsewhere"));
            let words = format!(
                "a redirect to {host}, which mailbatch does not follow: is base_url the service's API?"
            );
            return Some(Read::Stop(Refusal {
                detail: words,
                ..answer.refusal(Reason::Session, "", "redirect")
            }));
        }
        if !answer.is_html() {
            return None;
        }
        let page = || Refusal {
            detail: "a web page instead of an answer: is base_url the service's API?".into(),
            ..page()
        };
        match answer.status {
            // This address has replied in the API's format before. A gateway may have replaced the
            // reply, so the service may have accepted the mail.
            status if status.is_success() && self.is_the_api.load(Ordering::Acquire) => {
                Some(Read::Doubt(page()))
            }
            status if status.is_success() => Some(Read::Stop(page())),
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::GONE => Some(Read::Stop(page())),
            _ => None,
        }
    }
}
