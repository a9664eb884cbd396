//! A message as its parts, for providers that take structured content instead of bytes.

use std::sync::Arc;

use crate::content::{Attachment, Content, Needs, Party};
use crate::model::outcome::Kind;

use super::mailbox::Mailbox;
use super::{Filled, Message, header, unsubscribe_headers};

/// What is the same in every recipient's content.
#[derive(Debug)]
pub(super) struct Shared {
    from: Arc<Party>,
    reply_to: Option<Arc<Party>>,
    attachments: Arc<[Attachment]>,
}

impl Shared {
    fn of(message: &Message) -> Self {
        let party = |mailbox: &Mailbox| {
            Arc::new(Party {
                name: mailbox.name.clone(),
                address: mailbox.address.as_str().to_owned(),
            })
        };
        let attachments = message.frozen.attachments.iter();
        Self {
            from: party(&message.from),
            reply_to: message.reply_to.as_ref().map(party),
            attachments: attachments
                .map(|a| Attachment {
                    name: a.name.clone(),
                    content_type: a.content_type.clone(),
                    data: a.data.clone(),
                })
                .collect(),
        }
    }
}

impl Filled<'_> {
    /// The row in its parts: what `encode` encodes.
    pub(crate) fn content(&self) -> Content {
        let own = self.headers.iter().map(|(name, value)| (*name, header::sanitise(value)));
        let own = own.filter(|(_, value)| !value.is_empty());
        let headers = self
            .unsubscribe_url
            .iter()
            .flat_map(|url| unsubscribe_headers(url))
            .map(|(name, value)| (name.to_owned(), value))
            .chain(own.map(|(name, value)| (name.to_owned(), value.into_owned())));
        let shared = self.message.shared.get_or_init(|| Shared::of(self.message));
        Content {
            from: Arc::clone(&shared.from),
            reply_to: shared.reply_to.clone(),
            to_name: self.to_name.clone(),
            subject: self.subject.clone(),
            text: self.body.text(),
            html: self.body.html(),
            headers: headers.collect(),
            attachments: Arc::clone(&shared.attachments),
        }
    }
}

impl Message {
    /// What a provider must be able to do for this message.
    pub fn needs(&self) -> Needs {
        Needs {
            is_marketing: self.frozen.kind == Kind::Marketing,
            attachments: !self.frozen.attachments.is_empty(),
            headers: self.headers.iter().map(|(name, _)| name.clone()).collect(),
            envelope_sender: self.envelope_sender.as_str() != self.from.address.as_str(),
        }
    }
}
