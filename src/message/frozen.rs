//! A message as it is stored in the ledger. It contains everything that the mail depends on, so no
//! file is read again.

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

/// The version of the stored form. Older versions must stay readable.
pub(super) const VERSION: u32 = 2;

/// A message with its templates and attachments.
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
    /// The template of the address for unsubscribing by mail. This and the following fields exist
    /// since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unsubscribe_mailto: Option<Source>,
    /// The encoded value of the header List-Id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) feedback_id: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preheader: Option<Source>,
    /// The attachments whose files differ for each row. `attach_dir` is the directory of these
    /// files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) row_files: Vec<RowFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attach_dir: Option<String>,
    /// The files that templates include.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) includes: Vec<Include>,
}

impl Frozen {
    /// Returns a SHA-256 hash, in hex, of everything that the mail depends on. The paths of
    /// templates and files do not count.
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
        // Fields added by version 2 are hashed with their names, and only if they are set. Messages
        // without them keep their fingerprint.
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

/// Hashes a list of texts. Each text is preceded by its length, so different lists never give the
/// same bytes.
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
