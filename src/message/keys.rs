//! The keys that define a message. They come from flags, the front matter or mailbatch.toml, in
//! this order of precedence.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::model::outcome::Kind;

use super::tags::is_template;

/// The keys of a message. Every key is optional here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageKeys {
    /// One mailbox, equal for every recipient.
    pub from: Option<String>,
    /// A template of one or more mailboxes.
    pub reply_to: Option<String>,
    /// A template.
    pub subject: Option<String>,
    pub kind: Option<Kind>,
    /// A template of an https, http or mailto URL.
    pub unsubscribe_url: Option<String>,
    /// Custom headers. The values are templates. A header whose value renders to an empty text is
    /// left out.
    pub headers: HeaderKeys,
    /// The address for bounces. The default is the address of `from`.
    pub envelope_sender: Option<String>,
    /// A template of the display name in To.
    pub to_name: Option<String>,
    /// An HTML body, instead of a file.
    pub html: Option<String>,
    /// A text body, instead of a file or together with `html`.
    pub text: Option<String>,
    /// A template of the path of the body's file, relative to the file that sets this key.
    pub body: Option<String>,
    /// Whether CSS is written into the `style` attributes of HTML.
    pub inline_css: Option<bool>,
    /// Files to attach. A path that is a template gives each row its own file. Other paths are
    /// relative to the file that sets this key.
    pub attachments: Option<Vec<AttachmentKey>>,
    /// A template of the address for unsubscribing by mail.
    pub unsubscribe_mailto: Option<String>,
    /// The value of List-Id, which identifies the mailing list. Equal for every recipient.
    pub list_id: Option<String>,
    /// A template of Feedback-ID, by which Gmail groups complaints.
    pub feedback_id: Option<String>,
    /// The directory of the files that templates in `attachments` name.
    pub attach_dir: Option<PathBuf>,
    /// A template of the preview text that mail programs show next to the subject.
    pub preheader: Option<String>,
}

/// The keys that a front matter may contain. `html` and `text` are not among them, because the body
/// follows the front matter.
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
    /// Returns these keys, completed by the keys of `lower`. Headers are merged by name.
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

/// One attachment: a path, or a table with the path and further settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "AttachmentForm")]
pub struct AttachmentKey {
    pub path: PathBuf,
    /// The name of the attachment. The default is the file's name.
    pub name: Option<String>,
    /// The default depends on the suffix of the name.
    pub content_type: Option<String>,
    /// The Content-ID by which the HTML shows the file. A file without one is attached.
    pub cid: Option<String>,
}

impl AttachmentKey {
    /// Whether the path or the name is a template, so that each row can have a different file.
    pub(crate) fn is_template(&self) -> bool {
        self.path.to_str().is_some_and(is_template) || self.name.as_deref().is_some_and(is_template)
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
