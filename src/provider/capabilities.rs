//! Describes what a provider can do, and refuses a message with a feature that the provider cannot
//! express.

use std::time::Duration;

use crate::content::Needs;
use crate::model::error::{Error, Result};
use crate::model::literal::Rate;

/// The abilities and limits of a provider. The pipeline decides by these values and never by a
/// provider's name.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The maximum number of recipients of one claim: a batch of an HTTP API, or a group of
    /// messages over SMTP.
    pub max_recipients: usize,
    /// The maximum number of recipients of one request. At the end of a list, the pipeline divides
    /// the rest among connections, but makes no claim smaller than this.
    pub per_request: usize,
    /// The maximum number of bytes of one request; `None` if the provider limits each message
    /// separately.
    pub request_bytes: Option<usize>,
    /// The time for which the provider recognises a repeated request by its idempotency key; `None`
    /// if the provider has no idempotency keys.
    pub idempotency_window: Option<Duration>,
    /// The form in which the provider receives a message.
    pub form: Form,
    /// The side that writes the unsubscribe headers: mailbatch or the provider.
    pub unsubscribe_headers: UnsubscribeHeaders,
    /// Whether a message may have attachments.
    pub attachments: bool,
    /// Whether all recipients of a request get the same attachments.
    pub shares_attachments: bool,
    /// Whether the HTML may show attached images by `cid:`.
    pub inline_images: bool,
    /// Whether a message may have custom headers.
    pub custom_headers: bool,
    /// Whether a message may have more than one Reply-To mailbox.
    pub several_reply_to: bool,
    /// The names of custom headers that the provider refuses, in lowercase.
    pub refused_headers: &'static [&'static str],
    /// Whether the operator may choose the envelope sender, the address that receives bounces.
    pub envelope_sender: bool,
    /// The documented request rate. It applies if the configuration sets no rate; the configuration
    /// may raise or lower it.
    pub request_rate: Option<Rate>,
}

impl Capabilities {
    /// Returns the capabilities of a provider that accepts any encoded message, one at a time.
    pub const fn mime() -> Self {
        Self {
            max_recipients: 100,
            per_request: 1,
            request_bytes: None,
            idempotency_window: None,
            form: Form::Mime,
            unsubscribe_headers: UnsubscribeHeaders::Ours,
            attachments: true,
            inline_images: true,
            shares_attachments: false,
            custom_headers: true,
            several_reply_to: true,
            refused_headers: &[],
            envelope_sender: true,
            request_rate: None,
        }
    }

    /// Checks that `provider` can express every feature of the message. Otherwise fails with exit 4
    /// and names the first feature that it cannot express.
    pub fn refuse_inexpressible(&self, provider: &str, needs: &Needs) -> Result<()> {
        let refused = |what: &str, hint: &str| {
            Err(Error::refused(format!(
                "providers.{provider} cannot express {what} in a request to its API"
            ))
            .hint(hint))
        };
        if needs.inline_images && !self.inline_images {
            return refused(
                "images inside the HTML (cid:)",
                "put them on a web server and refer to them by https, or use another provider",
            );
        }
        if needs.attachments && !self.attachments {
            return refused(
                "attachments",
                "link to the file instead, or use a provider that accepts attachments",
            );
        }
        let is_refused = |name: &&String| {
            !self.custom_headers
                || self.refused_headers.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some(name) = needs.headers.iter().find(is_refused) {
            return refused(
                &format!("the header {name}"),
                "remove the header from [message.headers] (for List-Id or Feedback-ID, remove list_id or feedback_id from [message]), or use another provider",
            );
        }
        if needs.several_reply_to && !self.several_reply_to {
            return refused(
                "more than one mailbox in reply_to",
                "keep only one mailbox, or use another provider",
            );
        }
        if needs.unsubscribe_mailto && self.unsubscribe_headers != UnsubscribeHeaders::Ours {
            return refused(
                "a List-Unsubscribe header with unsubscribe_mailto",
                "remove unsubscribe_mailto from [message], or use another provider",
            );
        }
        if needs.envelope_sender && !self.envelope_sender {
            return refused(
                "a separate envelope sender",
                "remove envelope_sender from [message]; this provider receives the bounces itself",
            );
        }
        if self.unsubscribe_headers == UnsubscribeHeaders::None && needs.is_marketing {
            return refused(
                "unsubscribe headers",
                "marketing mail needs unsubscribe headers: use a provider that can send them, such as smtp",
            );
        }
        Ok(())
    }
}

/// The form in which a provider receives a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The provider receives a message encoded as MIME, in [`Job::message`](super::Job::message).
    Mime,
    /// The provider receives separate parts, in [`Job::content`](super::Job::content).
    Parts,
    /// The provider receives separate parts if they can express the message, else a message encoded
    /// as MIME. The job contains both forms.
    Both,
}

/// The side that writes `List-Unsubscribe` and `List-Unsubscribe-Post`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeHeaders {
    /// mailbatch writes the headers, and the provider keeps them.
    Ours,
    /// The provider adds its own headers and refuses those of mailbatch.
    Provider,
    /// Neither side can write the headers, so marketing mail is refused.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_expressed_is_named() {
        let bare = Capabilities {
            unsubscribe_headers: UnsubscribeHeaders::None,
            attachments: false,
            refused_headers: &["x-sg-id"],
            envelope_sender: false,
            ..Capabilities::mime()
        };
        let no_images = Capabilities { inline_images: false, ..Capabilities::mime() };
        let one_reply_to = Capabilities { several_reply_to: false, ..Capabilities::mime() };
        let no_headers = Capabilities { custom_headers: false, ..Capabilities::mime() };
        let header = |name: &str| Needs { headers: vec![name.into()], ..Needs::default() };
        for (can, needs, says) in [
            (&bare, Needs { attachments: true, ..Needs::default() }, "attachments"),
            (&bare, Needs { is_marketing: true, ..Needs::default() }, "unsubscribe headers"),
            (&bare, Needs { envelope_sender: true, ..Needs::default() }, "envelope sender"),
            (&bare, header("X-SG-ID"), "header X-SG-ID"),
            (&no_images, Needs { inline_images: true, ..Needs::default() }, "cid:"),
            (&one_reply_to, Needs { several_reply_to: true, ..Needs::default() }, "reply_to"),
            (&bare, Needs { unsubscribe_mailto: true, ..Needs::default() }, "unsubscribe_mailto"),
            (&no_headers, header("Feedback-ID"), "header Feedback-ID"),
        ] {
            let error = can.refuse_inexpressible("p", &needs).expect_err(says);
            assert_eq!(error.exit(), crate::model::exit::Exit::REFUSED);
            assert!(
                error.to_string().contains(says) && error.to_string().contains("hint:"),
                "{error}"
            );
            assert!(Capabilities::mime().refuse_inexpressible("p", &needs).is_ok());
        }
        assert!(bare.refuse_inexpressible("p", &header("Feedback-ID")).is_ok());
    }
}
