//! Attachments that are the same for every recipient. Each is read and encoded once and frozen with
//! the message.

use std::fmt;
use std::path::Path;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment as LettreAttachment, Body, SinglePart};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::header;
use super::keys::AttachmentKey;

/// The content type of an e-mail message.
const MESSAGE: &str = "message/rfc822";
/// The content type of a file of unknown type.
const BYTES: &str = "application/octet-stream";
/// The most bytes of a Content-ID, so that it fits on a line.
const LONGEST_CID: usize = 200;
/// The most bytes of a line without its line end (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// An attachment as it is stored in the ledger.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) content_type: String,
    /// The file's content in base64.
    pub(super) data: String,
    /// The Content-ID by which the HTML shows the file. A file without one is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cid: Option<String>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({:?}, {}, {} bytes)", self.name, self.content_type, self.bytes())
    }
}

impl Attachment {
    /// Reads the file. A relative path is relative to `directory`. An error has exit code 4 and
    /// names the file.
    pub(super) fn load(key: &AttachmentKey, directory: &Path) -> Result<Self> {
        let path = directory.join(&key.path);
        let data = files::read(&path, files::ATTACHMENT).map_err(|why| {
            Error::refused(format!("attachment {}: {why}", path.shown()))
                .hint("paths are relative to the file that names them")
        })?;
        let own_name = key.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = key.name.clone().or(own_name).unwrap_or_default();
        let Some(name) = clean_name(&name) else {
            return Err(Error::usage(format!("attachment {}: `name` is empty", path.shown())));
        };
        let content_type = type_of(&name, key.content_type.as_deref(), &data);
        if key.cid.as_deref().is_some_and(|cid| !is_cid(cid)) {
            return Err(bad_cid(&path.shown()));
        }
        let cid = key.cid.clone();
        let attachment = Self { name, content_type, data: BASE64_STANDARD.encode(&data), cid };
        attachment
            .part()
            .map_err(|why| Error::usage(format!("attachment {}: {why}", path.shown())))?;
        Ok(attachment)
    }

    /// The approximate size of the file in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() / 4 * 3
    }

    /// Returns the encoded MIME part. The error is a sentence fragment. UTF-8 text gets a charset.
    /// A message is not encoded, because RFC 2046 section 5.2.1 does not allow it.
    pub(super) fn part(&self) -> Result<SinglePart, String> {
        let lower = self.content_type.to_ascii_lowercase();
        let is_message = lower == MESSAGE;
        let is_ours = !is_message
            && ["multipart/", "message/"].iter().any(|prefix| lower.starts_with(prefix));
        if is_ours
            || !self.content_type.contains('/')
            || self.content_type.chars().any(|c| c.is_control() || !c.is_ascii())
        {
            return Err("`content_type` must be a type such as application/pdf".to_owned());
        }
        let data = BASE64_STANDARD.decode(&self.data).map_err(|_| "its content is not base64")?;
        let is_text = lower.starts_with("text/") && !lower.contains("charset");
        let content_type = if is_text && std::str::from_utf8(&data).is_ok() {
            ContentType::parse(&format!("{}; charset=utf-8", self.content_type))
        } else {
            ContentType::parse(&self.content_type)
        };
        let content_type = content_type
            .map_err(|_| "`content_type` must be a type such as application/pdf".to_owned())?;
        let body = if is_message {
            whole_message(&data)?
        } else {
            Body::new_with_encoding(data, ContentTransferEncoding::Base64)
                .map_err(|_| "it cannot be encoded")?
        };
        let file = match &self.cid {
            Some(cid) => LettreAttachment::new_inline_with_name(cid.clone(), self.name.clone()),
            None => LettreAttachment::new(self.name.clone()),
        };
        Ok(file.body(body, content_type))
    }
}

/// Returns a file name that is safe in a header and contains no path. `None` if nothing remains.
pub(super) fn clean_name(name: &str) -> Option<String> {
    let name = header::sanitise(name).replace(['/', '\\'], "_");
    (!name.is_empty()).then_some(name)
}

/// Returns the content type of a file: `given`, or else the type that the name and the content
/// suggest.
pub(super) fn type_of(name: &str, given: Option<&str>, data: &[u8]) -> String {
    let guessed = || match guess(name) {
        MESSAGE if whole_message(data).is_err() => BYTES,
        guessed => guessed,
    };
    given.unwrap_or_else(guessed).to_owned()
}

/// Whether a text can be a Content-ID without quotes or escapes, both in a header and in HTML.
pub(super) fn is_cid(text: &str) -> bool {
    (1..=LONGEST_CID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$*+-./=@^_~".contains(&b))
}

/// Returns the error for an invalid Content-ID.
pub(super) fn bad_cid(shown: &str) -> Error {
    Error::usage(format!("attachment {shown}: `cid` is not valid: it is empty, too long, or has a character that a Content-ID cannot have"))
        .hint("use letters, digits, dots and hyphens, as in cid = \"logo.png\"")
}

/// Returns a message with CRLF line ends, encoded as 7bit. The error is a sentence fragment. 8bit
/// is not used, because a server without 8BITMIME would refuse it.
fn whole_message(data: &[u8]) -> Result<Body, String> {
    let mut out = Vec::with_capacity(data.len() + data.len() / 32);
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.len() > LONGEST_LINE || text.iter().any(|byte| matches!(byte, 0 | b'\r' | 128..)) {
            return Err("a file with non-ASCII characters, lines over 998 bytes, NUL or a lone CR cannot be attached as message/rfc822; remove `content_type`".to_owned());
        }
        out.extend_from_slice(text);
        if line.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    Ok(Body::dangerous_pre_encoded(out, ContentTransferEncoding::SevenBit))
}

pub(super) fn guess(name: &str) -> &'static str {
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    match suffix.as_deref().unwrap_or_default() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "ics" => "text/calendar",
        "eml" => MESSAGE,
        "vcf" => "text/vcard",
        "json" => "application/json",
        "xml" => "application/xml",
        "zip" => "application/zip",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_name_and_type() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("Preisliste Zoë.pdf"), b"%PDF").expect("written");
        let key = AttachmentKey {
            path: "Preisliste Zoë.pdf".into(),
            name: None,
            content_type: None,
            cid: None,
        };
        let attachment = Attachment::load(&key, directory.path()).expect("loaded");
        assert_eq!(
            (attachment.name.as_str(), attachment.content_type.as_str()),
            ("Preisliste Zoë.pdf", "application/pdf")
        );
    }

    #[test]
    fn a_missing_file_and_a_bad_type_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let key =
            AttachmentKey { path: "none.pdf".into(), name: None, content_type: None, cid: None };
        let error = Attachment::load(&key, directory.path()).expect_err("missing");
        assert!(
            error.exit() == crate::model::exit::Exit::REFUSED
                && error.to_string().contains("none.pdf")
        );
        for content_type in ["pdf", "multipart/mixed", "message/partial", "a/b\r\nBcc: x"] {
            let attachment = Attachment {
                name: "a".into(),
                content_type: content_type.into(),
                data: String::new(),
                cid: None,
            };
            assert!(attachment.part().is_err(), "{content_type:?}");
        }
    }

    /// Returns the MIME part of a file with this name.
    fn part_of(name: &str, data: &[u8]) -> Result<String, String> {
        let attachment = Attachment {
            name: name.to_owned(),
            content_type: guess(name).to_owned(),
            data: BASE64_STANDARD.encode(data),
            cid: None,
        };
        attachment.part().map(|part| String::from_utf8(part.formatted()).expect("UTF-8"))
    }

    #[test]
    fn text_in_utf_8_says_so_and_other_text_does_not() {
        let part = part_of("a.csv", "name\nZoë\n".as_bytes()).expect("a part");
        assert!(part.contains("Content-Type: text/csv; charset=utf-8\r\n"), "{part}");
        let part = part_of("a.csv", b"name\nZo\xeb\n").expect("a part");
        assert!(part.contains("Content-Type: text/csv\r\n"), "{part}");
    }

    #[test]
    fn a_message_is_attached_as_it_is() {
        let part = part_of("a.eml", b"Subject: x\n\nHello\r\n").expect("a part");
        assert!(part.contains("Content-Type: message/rfc822\r\n"), "{part}");
        assert!(part.contains("Content-Transfer-Encoding: 7bit\r\n"), "{part}");
        assert!(part.contains("\r\n\r\nSubject: x\r\n\r\nHello\r\n"), "{part}");
        for data in [[b'x'; 999].as_slice(), b"a\rb", b"a\0", "Zoë".as_bytes()] {
            let why = part_of("a.eml", data).expect_err("not as it is");
            assert!(why.contains("content_type"), "{why}");
            let directory = tempfile::tempdir().expect("a directory");
            std::fs::write(directory.path().join("a.EML"), data).expect("written");
            let key =
                AttachmentKey { path: "a.EML".into(), name: None, content_type: None, cid: None };
            let attachment = Attachment::load(&key, directory.path()).expect("loaded");
            assert_eq!(attachment.content_type, BYTES);
        }
    }
}
