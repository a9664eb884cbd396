//! One recipient's message as separate parts, for services that build the mail themselves.
//!
//! Invariant: all values are already valid in headers. No value contains a line break, which could
//! inject another header.

use std::fmt;
use std::sync::Arc;

/// A mailbox: a display name, which may be empty, and an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Party {
    pub name: String,
    pub address: String,
}

/// The mailbox as text for a header that allows any character: `"Acme, Inc." <news@acme.example>`.
impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str(&self.address);
        }
        let mut phrase = String::with_capacity(self.name.len() + 2);
        push_phrase(&mut phrase, &self.name);
        write!(f, "{phrase} <{}>", self.address)
    }
}

/// Appends a display name, quoted if necessary (RFC 5322 section 3.2.5).
pub(crate) fn push_phrase(out: &mut String, name: &str) {
    if name.chars().all(|c| {
        c == ' ' || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
    }) {
        out.push_str(name);
        return;
    }
    out.push('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// A file attached to every message.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    pub content_type: String,
    /// The content in base64, on one line.
    pub data: String,
    /// The content id by which the HTML refers to the file (`cid:`); `None` if the HTML does not
    /// show the file.
    pub cid: Option<String>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Attachment({:?}, {}, {} bytes)",
            self.name,
            self.content_type,
            self.data.len() / 4 * 3
        )
    }
}

/// One recipient's message. The envelope recipient is not part of the message, because mail can be
/// redirected.
#[derive(Clone, Debug)]
pub struct Content {
    pub from: Arc<Party>,
    /// Empty if there is no Reply-To header.
    pub reply_to: Arc<[Party]>,
    /// The recipient's display name; may be empty.
    pub to_name: String,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    /// The headers from the configuration or front matter, and the unsubscribe headers if mailbatch
    /// sets them.
    pub headers: Vec<(String, String)>,
    pub attachments: Arc<[Attachment]>,
}

/// Joins mailboxes into the value of one header; `None` if there are none.
pub(crate) fn list_of(parties: &[Party]) -> Option<String> {
    (!parties.is_empty())
        .then(|| parties.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// Whether a header contains unsubscribe information (RFC 2369, RFC 8058).
pub(crate) fn is_unsubscribe_header(name: &str) -> bool {
    ["List-Unsubscribe", "List-Unsubscribe-Post"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The provider features that a message requires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub is_marketing: bool,
    pub attachments: bool,
    /// Whether the HTML shows attachments as images.
    pub inline_images: bool,
    /// The names of the additional headers that the message defines.
    pub headers: Vec<String>,
    /// Whether the Reply-To header may have more than one mailbox.
    pub several_reply_to: bool,
    /// Whether List-Unsubscribe contains an address of its own, in addition to a link.
    pub unsubscribe_mailto: bool,
    /// Whether the message has an envelope sender that differs from the From address.
    pub envelope_sender: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_quoted_where_it_must_be() {
        let party =
            |name: &str| Party { name: name.into(), address: "a@x.example".into() }.to_string();
        assert_eq!(party(""), "a@x.example");
        assert_eq!(party("Zoë Müller"), "Zoë Müller <a@x.example>");
        assert_eq!(party("O'Brien, \"Bob\""), "\"O'Brien, \\\"Bob\\\"\" <a@x.example>");
    }
}
