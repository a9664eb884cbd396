//! A message as its parts, for providers that take structured content instead of bytes.
//!
//! The rule it keeps: the same templates in the same order as `render`, so that what one form
//! refuses the other refuses too.

use std::sync::Arc;

use crate::content::{Attachment, Content, Needs, Party};
use crate::input::context::ColumnIndex;
use crate::model::outcome::Kind;
use crate::model::recipient::Fields;

use super::mailbox::Mailbox;
use super::row::Row;
use super::template::RenderError;
use super::{Ident, Message, SUBJECT, TO_NAME, header};

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

impl Message {
    /// Renders a row into its parts and names it: what `render` would encode, and the Message-ID
    /// that goes with it.
    pub fn content(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
        ident: &Ident<'_>,
    ) -> Result<(Content, String), RenderError> {
        let row = Row::new(index, fields);
        let message_id = self.message_id(ident);
        let url = self.unsubscribe_url(&row, &message_id)?;
        let subject = self.templates.render(SUBJECT, &row)?;
        let name = if self.frozen.to_name.is_some() {
            self.templates.render(TO_NAME, &row)?
        } else {
            String::new()
        };
        let mut headers: Vec<(String, String)> = url
            .as_deref()
            .into_iter()
            .flat_map(super::unsubscribe_headers)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        for (name, template) in &self.headers {
            let value = self.templates.render(template, &row)?;
            let value = header::sanitise(&value);
            if !value.is_empty() {
                headers.push((name.clone(), value.into_owned()));
            }
        }
        let parts =
            self.frozen.body.render(&self.templates, &row.with_unsubscribe_url(url.as_deref()))?;
        let shared = self.shared.get_or_init(|| Shared::of(self));
        let content = Content {
            from: Arc::clone(&shared.from),
            reply_to: shared.reply_to.clone(),
            to_name: header::sanitise(&name).into_owned(),
            subject: header::sanitise(&subject).into_owned(),
            text: parts.text,
            html: parts.html,
            headers,
            attachments: Arc::clone(&shared.attachments),
        };
        Ok((content, message_id))
    }

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
