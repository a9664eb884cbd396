//! A message as the ledger keeps it: everything that shapes the mail, and nothing that has to be
//! looked up again.

use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::model::outcome::Kind;

use super::attachment::Attachment;
use super::body::Body;
use super::template::Source;

/// The version of the frozen form; an older one must stay readable.
pub(super) const VERSION: u32 = 1;

/// Everything about a message, attachments included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frozen {
    pub(super) v: u32,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) from: String,
    pub(super) reply_to: Option<String>,
    pub(super) envelope_sender: String,
    pub(super) subject: Source,
    pub(super) to_name: Option<Source>,
    pub(super) unsubscribe_url: Option<Source>,
    pub(super) headers: Vec<(String, Source)>,
    pub(super) body: Body,
    pub(super) attachments: Vec<Attachment>,
}

impl Frozen {
    /// SHA-256, in hex, of everything that shapes the mail; where its templates stand does not.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Hash(digest::Context::new(&digest::SHA256));
        hash.text("message 1");
        hash.text(self.kind.as_str());
        hash.text(&self.from);
        hash.optional(self.reply_to.as_deref());
        hash.text(&self.envelope_sender);
        hash.text(&self.subject.text);
        hash.optional(self.to_name.as_ref().map(|source| source.text.as_str()));
        hash.optional(self.unsubscribe_url.as_ref().map(|source| source.text.as_str()));
        hash.count(self.headers.len());
        for (name, value) in &self.headers {
            hash.text(name);
            hash.text(&value.text);
        }
        hash.count(self.body.templates().count());
        for (name, source) in self.body.templates() {
            hash.text(name);
            hash.text(&source.text);
        }
        hash.count(self.attachments.len());
        for attachment in &self.attachments {
            hash.text(&attachment.name);
            hash.text(&attachment.content_type);
            hash.text(&attachment.data);
        }
        HEXLOWER.encode(hash.0.finish().as_ref())
    }
}

/// Hashes a list of texts; lengths go first, so that no two lists are the same bytes.
struct Hash(digest::Context);

impl Hash {
    fn count(&mut self, n: usize) {
        self.0.update(&(n as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.count(usize::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }
}
