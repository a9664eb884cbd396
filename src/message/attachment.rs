//! Attachments: read and encoded once, frozen with the message, copied into every mail.

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

/// An attachment as the ledger keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) content_type: String,
    /// The bytes in base64.
    pub(super) data: String,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({:?}, {}, {} bytes)", self.name, self.content_type, self.bytes())
    }
}

impl Attachment {
    /// Reads the file; a relative path is relative to `directory`. Errors are exit 4 and name the
    /// file.
    pub(super) fn load(key: &AttachmentKey, directory: &Path) -> Result<Self> {
        let path = directory.join(&key.path);
        let data = files::read(&path, files::ATTACHMENT).map_err(|why| {
            Error::refused(format!("attachment {}: {why}", path.shown()))
                .hint("paths are relative to the file that names them")
        })?;
        let own_name = key.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = key.name.clone().or(own_name).unwrap_or_default();
        let name = header::sanitise(&name).replace(['/', '\\'], "_");
        if name.is_empty() {
            return Err(Error::usage(format!("attachment {}: the name is empty", path.shown())));
        }
        let content_type = key.content_type.clone().unwrap_or_else(|| guess(&name).to_owned());
        let attachment = Self { name, content_type, data: BASE64_STANDARD.encode(&data) };
        attachment
            .part()
            .map_err(|why| Error::usage(format!("attachment {}: {why}", path.shown())))?;
        Ok(attachment)
    }

    /// How many bytes the file has.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() / 4 * 3
    }

    /// The MIME part, encoded; the error is a fragment.
    pub(super) fn part(&self) -> Result<SinglePart, String> {
        let is_ours = ["multipart/", "message/"]
            .iter()
            .any(|prefix| self.content_type.to_ascii_lowercase().starts_with(prefix));
        if is_ours
            || !self.content_type.contains('/')
            || self.content_type.chars().any(|c| c.is_control() || !c.is_ascii())
        {
            return Err("`content_type` must be a type such as application/pdf".to_owned());
        }
        let content_type = ContentType::parse(&self.content_type)
            .map_err(|_| "`content_type` must be a type such as application/pdf".to_owned())?;
        let data = BASE64_STANDARD.decode(&self.data).map_err(|_| "its content is not base64")?;
        let body = Body::new_with_encoding(data, ContentTransferEncoding::Base64)
            .map_err(|_| "it cannot be encoded")?;
        Ok(LettreAttachment::new(self.name.clone()).body(body, content_type))
    }
}

fn guess(name: &str) -> &'static str {
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
        "vcf" => "text/vcard",
        "json" => "application/json",
        "xml" => "application/xml",
        "zip" => "application/zip",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_name_and_type() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("Preisliste Zoë.pdf"), b"%PDF").expect("written");
        let key =
            AttachmentKey { path: "Preisliste Zoë.pdf".into(), name: None, content_type: None };
        let attachment = Attachment::load(&key, directory.path()).expect("loaded");
        assert_eq!(
            (attachment.name.as_str(), attachment.content_type.as_str()),
            ("Preisliste Zoë.pdf", "application/pdf")
        );
    }

    #[test]
    fn a_missing_file_and_a_bad_type_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = AttachmentKey { path: "none.pdf".into(), name: None, content_type: None };
        let error = Attachment::load(&key, directory.path()).expect_err("missing");
        assert!(
            error.exit() == crate::model::exit::Exit::REFUSED
                && error.to_string().contains("none.pdf")
        );
        for content_type in ["pdf", "multipart/mixed", "a/b\r\nBcc: x"] {
            let attachment = Attachment {
                name: "a".into(),
                content_type: content_type.into(),
                data: String::new(),
            };
            assert!(attachment.part().is_err(), "{content_type:?}");
        }
    }
}
