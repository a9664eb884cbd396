//! The keys of a message, from its front matter, mailbatch.toml or flags, and which
//! of the three wins.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::model::outcome::Kind;

/// The keys of a message; each may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageKeys {
    /// One mailbox, the same for every recipient.
    pub from: Option<String>,
    /// A template of one or more mailboxes.
    pub reply_to: Option<String>,
    /// A template.
    pub subject: Option<String>,
    pub kind: Option<Kind>,
    /// A template; the result is an https, http or mailto URL.
    pub unsubscribe_url: Option<String>,
    /// Further headers; the values are templates, and one that renders to nothing leaves its header
    /// out.
    pub headers: HeaderKeys,
    /// Where bounces go; the address of `from` unless set.
    pub envelope_sender: Option<String>,
    /// A template for the display name of To.
    pub to_name: Option<String>,
    /// An HTML body instead of a file.
    pub html: Option<String>,
    /// A text body instead of a file, or beside `html`.
    pub text: Option<String>,
    /// A template of the path of a file with the body; relative to the file that names it.
    pub body: Option<String>,
    /// Whether CSS is written into the `style` attributes of HTML.
    pub inline_css: Option<bool>,
    /// Files that go with every message, and templates of files of each row; relative paths are relative to the file that names them.
    pub attachments: Option<Vec<AttachmentKey>>,
    /// A template of the address to which a recipient writes who unsubscribes.
    pub unsubscribe_mailto: Option<String>,
    /// What programs know the list by, the same for every recipient.
    pub list_id: Option<String>,
    /// A template of what Gmail groups complaints by.
    pub feedback_id: Option<String>,
    /// The directory of the files that a template of `attachments` names.
    pub attach_dir: Option<PathBuf>,
    /// A template of what mail programs show beside the subject.
    pub preheader: Option<String>,
}

/// The keys that a front matter may hold: all but `html` and `text`, for the body follows it.
pub(super) const FRONT_MATTER: &[&str] = &[
    "from",
    "reply_to",
    "subject",
    "kind",
    "unsubscribe_url",
    "headers",
    "envelope_sender",
    "to_name",
    "attachments",
    "unsubscribe_mailto",
    "list_id",
    "feedback_id",
    "preheader",
    "attach_dir",
    "body",
    "inline_css",
];

impl MessageKeys {
    /// These keys, and `lower`'s where these are absent. Headers are merged name by name.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            from: self.from.or(lower.from),
            reply_to: self.reply_to.or(lower.reply_to),
            subject: self.subject.or(lower.subject),
            kind: self.kind.or(lower.kind),
            unsubscribe_url: self.unsubscribe_url.or(lower.unsubscribe_url),
            headers: self.headers.over(lower.headers),
            envelope_sender: self.envelope_sender.or(lower.envelope_sender),
            to_name: self.to_name.or(lower.to_name),
            html: self.html.or(lower.html),
            text: self.text.or(lower.text),
            attachments: self.attachments.or(lower.attachments),
            unsubscribe_mailto: self.unsubscribe_mailto.or(lower.unsubscribe_mailto),
            list_id: self.list_id.or(lower.list_id),
            feedback_id: self.feedback_id.or(lower.feedback_id),
            attach_dir: self.attach_dir.or(lower.attach_dir),
            preheader: self.preheader.or(lower.preheader),
            body: self.body.or(lower.body),
            inline_css: self.inline_css.or(lower.inline_css),
        }
    }
}

/// Custom headers in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderKeys(pub Vec<(String, String)>);

impl HeaderKeys {
    fn over(self, lower: Self) -> Self {
        let mut merged = lower.0;
        for (name, value) in self.0 {
            match merged.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some(entry) => *entry = (name, value),
                None => merged.push((name, value)),
            }
        }
        Self(merged)
    }
}

impl<'de> Deserialize<'de> for HeaderKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = HeaderKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of header names and their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderKeys, A::Error> {
                let mut headers = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    headers.push(entry);
                }
                Ok(HeaderKeys(headers))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// One attachment: a path, or a path with the name and the content type it is sent under.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "AttachmentForm")]
pub struct AttachmentKey {
    pub path: PathBuf,
    /// The file's own name unless set.
    pub name: Option<String>,
    /// Guessed from the name's suffix unless set.
    pub content_type: Option<String>,
    /// What the HTML calls it by `cid:`, where it is shown there and not attached.
    pub cid: Option<String>,
}

impl AttachmentKey {
    /// Whether each row has a file of its own: whether the path or the name is a template.
    pub(crate) fn is_template(&self) -> bool {
        let has_tags = |text: &str| ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag));
        self.path.to_str().is_some_and(has_tags) || self.name.as_deref().is_some_and(has_tags)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a path, or a table of path, name, content_type and cid")]
enum AttachmentForm {
    Path(PathBuf),
    Table(AttachmentTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachmentTable {
    path: PathBuf,
    name: Option<String>,
    content_type: Option<String>,
    cid: Option<String>,
}

impl From<AttachmentForm> for AttachmentKey {
    fn from(form: AttachmentForm) -> Self {
        match form {
            AttachmentForm::Path(path) => Self { path, name: None, content_type: None, cid: None },
            AttachmentForm::Table(AttachmentTable { path, name, content_type, cid }) => {
                Self { path, name, content_type, cid }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_the_upper_ones_win() {
        let upper: MessageKeys =
            toml::from_str("subject = 'new'\nheaders = { x-b = '3', X-C = '4' }").expect("valid");
        let lower: MessageKeys =
            toml::from_str("subject = 'old'\nfrom = 'a@b.example'\nkind = 'marketing'\n[headers]\nX-A = '1'\nX-B = '2'").expect("valid");
        let merged = upper.over(lower);
        assert_eq!(
            (merged.subject.as_deref(), merged.from.as_deref(), merged.kind),
            (Some("new"), Some("a@b.example"), Some(Kind::Marketing))
        );
        let headers: Vec<(&str, &str)> =
            merged.headers.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, [("X-A", "1"), ("x-b", "3"), ("X-C", "4")]);
    }

    #[test]
    fn attachments_are_paths_or_tables() {
        let keys: MessageKeys = toml::from_str(
            "attachments = ['a.pdf', { path = 'b', name = 'c.txt', content_type = 'text/plain' }]",
        )
        .expect("valid");
        let attachments = keys.attachments.expect("two");
        assert_eq!(
            attachments[0],
            AttachmentKey { path: "a.pdf".into(), name: None, content_type: None, cid: None }
        );
        assert_eq!(attachments[1].name.as_deref(), Some("c.txt"));
        assert!(
            toml::from_str::<MessageKeys>("attachments = [{ path = 'b', nmae = 'c' }]").is_err()
        );
        assert!(toml::from_str::<MessageKeys>("sujbect = 'x'").is_err());
    }
}
