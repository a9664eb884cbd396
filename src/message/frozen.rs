//! A message as the ledger keeps it: everything that shapes the mail, and nothing that has to be
//! looked up again.

use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::model::outcome::Kind;

use super::attachment::Attachment;
use super::body::Body;
use super::includes::Include;
use super::mailboxes::ReplyTo;
use super::row_files::RowFile;
use super::template::Source;

/// The version of the frozen form; an older one must stay readable.
pub(super) const VERSION: u32 = 2;

/// Everything about a message, attachments included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frozen {
    pub(super) v: u32,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) from: String,
    pub(super) reply_to: Option<ReplyTo>,
    pub(super) envelope_sender: String,
    pub(super) subject: Source,
    pub(super) to_name: Option<Source>,
    pub(super) unsubscribe_url: Option<Source>,
    pub(super) headers: Vec<(String, Source)>,
    pub(super) body: Body,
    pub(super) attachments: Vec<Attachment>,
    /// The address to which a recipient writes who unsubscribes. Since version 2, as what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unsubscribe_mailto: Option<Source>,
    /// The value of List-Id as it goes on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) feedback_id: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preheader: Option<Source>,
    /// The attachments of each row, and the directory that they lie below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) row_files: Vec<RowFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attach_dir: Option<String>,
    /// The files that templates include. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) includes: Vec<Include>,
}

impl Frozen {
    /// SHA-256, in hex, of everything that shapes the mail; where its templates and files stand does
    /// not.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Hash(digest::Context::new(&digest::SHA256));
        hash.text("message 1");
        hash.text(self.kind.as_str());
        hash.text(&self.from);
        hash.optional(self.reply_to.as_ref().map(ReplyTo::text));
        hash.text(&self.envelope_sender);
        hash.text(&self.subject.text);
        hash.optional(self.to_name.as_ref().map(|source| source.text.as_str()));
        hash.optional(self.unsubscribe_url.as_ref().map(|source| source.text.as_str()));
        hash.count(self.headers.len());
        for (name, value) in &self.headers {
            hash.text(name);
            hash.text(&value.text);
        }
        let templates = self.body.templates();
        hash.count(templates.len());
        for (name, source) in templates {
            hash.text(&name);
            hash.text(&source.text);
        }
        hash.count(self.attachments.len());
        for attachment in &self.attachments {
            hash.text(&attachment.name);
            hash.text(&attachment.content_type);
            hash.text(&attachment.data);
        }
        for (place, file) in self.attachments.iter().enumerate() {
            if let Some(cid) = &file.cid {
                hash.text("cid");
                hash.count(place);
                hash.text(cid);
            }
        }
        for file in &self.row_files {
            hash.text("row file");
            hash.text(&file.path.text);
            hash.optional(file.name.as_ref().map(|name| name.text.as_str()));
            hash.optional(file.content_type.as_deref());
            hash.optional(file.cid.as_deref());
        }
        // What a message may have since version 2 goes in where it is there, by its name.
        let text = |source: &Option<Source>| source.as_ref().map(|source| source.text.clone());
        for (name, value) in [
            ("unsubscribe_mailto", text(&self.unsubscribe_mailto)),
            ("list_id", self.list_id.clone()),
            ("feedback_id", text(&self.feedback_id)),
            ("preheader", text(&self.preheader)),
        ] {
            if let Some(value) = value {
                hash.text(name);
                hash.text(&value);
            }
        }
        for include in &self.includes {
            hash.text("include");
            hash.text(&include.name);
            hash.text(&include.source.text);
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
