//! Returns a message as structured content, for providers that do not accept MIME.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::content::{Attachment, Content, Needs, Party};
use crate::model::outcome::Kind;

use super::mailbox::Mailbox;
use super::mailboxes::ReplyTo;
use super::{Filled, Message, header, listed, mailboxes};

/// The parts of the content that are equal for every recipient.
#[derive(Debug)]
pub(super) struct Shared {
    from: Arc<Party>,
    reply_to: Arc<[Party]>,
    attachments: Arc<[Attachment]>,
    /// The attachments of rows whose HTML does not show all files, by which of them are sent.
    some: Mutex<HashMap<Vec<bool>, Arc<[Attachment]>>>,
}

/// The most selections of attachments that are kept.
const MOST_KEPT: usize = 64;

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
            reply_to: parties(&message.reply_to),
            attachments: attachments
                .map(|a| Attachment {
                    name: a.name.clone(),
                    content_type: a.content_type.clone(),
                    data: a.data.clone(),
                    cid: a.cid.clone(),
                })
                .collect(),
            some: Mutex::default(),
        }
    }

    /// Returns the attachments that are sent, which rows with the same attachments share.
    fn attachments(&self, is_sent: impl Fn(&Attachment) -> bool) -> Arc<[Attachment]> {
        let sent: Vec<bool> = self.attachments.iter().map(is_sent).collect();
        if !sent.contains(&false) {
            return Arc::clone(&self.attachments);
        }
        let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = some.get(&sent) {
            return Arc::clone(kept);
        }
        let files = self.attachments.iter().zip(&sent).filter(|(_, is_sent)| **is_sent);
        let files: Arc<[Attachment]> = files.map(|(file, _)| file.clone()).collect();
        if some.len() < MOST_KEPT {
            some.insert(sent, Arc::clone(&files));
        }
        files
    }
}

fn parties(mailboxes: &[Mailbox]) -> Arc<[Party]> {
    let party = |mailbox: &Mailbox| Party {
        name: mailbox.name.clone(),
        address: mailbox.address.as_str().to_owned(),
    };
    mailboxes.iter().map(party).collect()
}

impl Filled<'_> {
    /// Returns the structured content of the row. It describes the same message as `encode`.
    pub(crate) fn content(&self) -> Content {
        let own = self.headers.iter().map(|(name, value)| (*name, header::sanitise(value)));
        let own = own.filter(|(_, value)| !value.is_empty());
        let list_id = self.message.frozen.list_id.as_deref();
        let list_id = list_id.map(|value| ("List-Id", listed::unfolded(value).into_owned()));
        let feedback_id = self.feedback_id.clone().map(|value| ("Feedback-ID", value));
        let headers = self
            .unsubscribe_headers()
            .chain(list_id)
            .chain(feedback_id)
            .map(|(name, value)| (name.to_owned(), value))
            .chain(own.map(|(name, value)| (name.to_owned(), value.into_owned())));
        let shared = self.message.shared.get_or_init(|| Shared::of(self.message));
        let reply_to = match Arc::ptr_eq(&self.reply_to, &self.message.reply_to) {
            true => Arc::clone(&shared.reply_to),
            false => parties(&self.reply_to),
        };
        let common =
            shared.attachments(|file| file.cid.as_deref().is_none_or(|cid| self.shows(cid)));
        Content {
            from: Arc::clone(&shared.from),
            reply_to,
            to_name: self.to_name.clone(),
            subject: self.subject.clone(),
            text: self.body.text(),
            html: self.body.html(),
            headers: headers.collect(),
            attachments: match self.files.0.as_slice() {
                [] => common,
                own => {
                    let own = own.iter().map(|file| Attachment {
                        name: file.name.clone(),
                        content_type: file.content_type.clone(),
                        data: file.data.as_ref().to_owned(),
                        cid: file.cid.clone(),
                    });
                    common.iter().cloned().chain(own).collect()
                }
            },
        }
    }
}

impl Message {
    /// Returns what a provider must support to send this message.
    pub fn needs(&self) -> Needs {
        let keys = [
            ("List-Id", self.frozen.list_id.is_some()),
            ("Feedback-ID", self.frozen.feedback_id.is_some()),
        ];
        Needs {
            is_marketing: self.frozen.kind == Kind::Marketing,
            attachments: !self.frozen.attachments.is_empty() || self.has_row_files(),
            inline_images: self.frozen.attachments.iter().any(|file| file.cid.is_some())
                || self.frozen.row_files.iter().any(|file| file.cid.is_some()),
            headers: keys
                .into_iter()
                .filter(|(_, is_set)| *is_set)
                .map(|(name, _)| name.to_owned())
                .chain(self.headers.iter().map(|(name, _)| name.clone()))
                .collect(),
            several_reply_to: match &self.frozen.reply_to {
                Some(ReplyTo::List(source)) if self.reply_to.is_empty() => {
                    mailboxes::may_be_several(&source.text)
                }
                _ => self.reply_to.len() > 1,
            },
            unsubscribe_mailto: self.frozen.unsubscribe_mailto.is_some(),
            envelope_sender: self.envelope_sender.as_str() != self.from.address.as_str(),
        }
    }
}
