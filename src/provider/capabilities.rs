//! What a provider can do, and what of a message it cannot express.

use std::time::Duration;

use crate::content::Needs;
use crate::model::error::{Error, Result};
use crate::model::literal::Rate;

/// What a provider can do; the pipeline reads this and knows no names.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The most recipients of one claim (a batch of an HTTP API; a chunk over SMTP).
    pub max_recipients: usize,
    /// Recipients that one request can hold: claims are not cut smaller than this to share the rest
    /// of a list among connections.
    pub per_request: usize,
    /// The most bytes of one request; `None` where the server says it for each message.
    pub request_bytes: Option<usize>,
    /// Whether a lost reply may be asked for again under the same key, and for how long.
    pub idempotency_window: Option<Duration>,
    /// What a message is handed over as.
    pub form: Form,
    /// Who writes the unsubscribe headers.
    pub unsubscribe_headers: UnsubscribeHeaders,
    /// Whether a message may have attachments.
    pub attachments: bool,
    /// Whether a message may have headers of its own.
    pub custom_headers: bool,
    /// Headers that the provider refuses although it takes others, in lowercase.
    pub refused_headers: &'static [&'static str],
    /// Whether bounces can be sent elsewhere than the provider likes.
    pub envelope_sender: bool,
    /// Requests per window where the configuration does not say: the documented default, which may
    /// be raised or lowered.
    pub request_rate: Option<Rate>,
}

impl Capabilities {
    /// Of a provider that takes any message whole and one at a time.
    pub const fn mime() -> Self {
        Self {
            max_recipients: 100,
            per_request: 1,
            request_bytes: None,
            idempotency_window: None,
            form: Form::Mime,
            unsubscribe_headers: UnsubscribeHeaders::Ours,
            attachments: true,
            custom_headers: true,
            refused_headers: &[],
            envelope_sender: true,
            request_rate: None,
        }
    }

    /// Fails with exit 4 and names the first thing about a message that `provider` cannot express.
    pub fn refuse_inexpressible(&self, provider: &str, needs: &Needs) -> Result<()> {
        let refused = |what: &str, hint: &str| {
            Err(Error::refused(format!("providers.{provider} cannot express {what}")).hint(hint))
        };
        if needs.attachments && !self.attachments {
            return refused(
                "attachments",
                "link to the file instead, or use a provider that takes attachments",
            );
        }
        let is_refused = |name: &&String| {
            !self.custom_headers
                || self.refused_headers.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some(name) = needs.headers.iter().find(is_refused) {
            return refused(
                &format!("the header {name}"),
                "take it out of [message.headers], or use another provider",
            );
        }
        if needs.envelope_sender && !self.envelope_sender {
            return refused(
                "an envelope sender of its own",
                "take envelope_sender out of [message]; the provider receives the bounces",
            );
        }
        if self.unsubscribe_headers == UnsubscribeHeaders::None && needs.is_marketing {
            return refused(
                "unsubscribe headers, which marketing mail needs",
                "use a provider that sets headers, such as smtp",
            );
        }
        Ok(())
    }
}

/// What a message is handed over as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Encoded, in [`Job::message`](super::Job::message).
    Mime,
    /// As its parts, in [`Job::content`](super::Job::content).
    Parts,
    /// As its parts where they can be expressed so, else encoded: a job has both.
    Both,
}

/// Who writes `List-Unsubscribe` and its companion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeHeaders {
    /// We do, and the provider keeps them.
    Ours,
    /// The provider adds its own and takes none of ours.
    Provider,
    /// Neither can: marketing mail is refused.
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
        let no_headers = Capabilities { custom_headers: false, ..Capabilities::mime() };
        let header = |name: &str| Needs { headers: vec![name.into()], ..Needs::default() };
        for (can, needs, says) in [
            (&bare, Needs { attachments: true, ..Needs::default() }, "attachments"),
            (&bare, Needs { is_marketing: true, ..Needs::default() }, "unsubscribe headers"),
            (&bare, Needs { envelope_sender: true, ..Needs::default() }, "envelope sender"),
            (&bare, header("X-SG-ID"), "header X-SG-ID"),
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
