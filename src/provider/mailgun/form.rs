//! A form as `multipart/form-data` (RFC 7578).
//!
//! Names are escaped here and not by `percent-encoding`, which encodes every character beyond
//! ASCII: browsers, and so the service, expect those as they are, and escape `"`, CR and LF alone.
//!
//! The rule it keeps: the same fields under the same key are the same bytes.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::content::Attachment;

/// A form that is being filled in.
pub(super) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// An empty form. `key` is a hash that no writer of a message knows beforehand, so what it
    /// makes cannot stand in one.
    pub(super) fn new(key: &str) -> Self {
        Self { boundary: format!("mailbatch-{key}"), body: Vec::new() }
    }

    /// Appends a text. A name may stand several times.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{}\"", escaped(name)), None, |body| {
            body.extend_from_slice(value.as_bytes());
            Some(())
        });
    }

    /// Appends a file; `None` where its data is not base64.
    pub(super) fn file(&mut self, name: &str, file: &Attachment) -> Option<()> {
        let names = format!("name=\"{}\"; filename=\"{}\"", escaped(name), escaped(&file.name));
        self.part(&names, Some(&file.content_type), |body| {
            BASE64_STANDARD.decode(&file.data).ok().map(|data| body.extend_from_slice(&data))
        })
    }

    fn part(
        &mut self,
        names: &str,
        content_type: Option<&str>,
        write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> Option<()> {
        let content_type =
            content_type.map_or(String::new(), |kind| format!("Content-Type: {kind}\r\n"));
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; {names}\r\n{content_type}\r\n",
            self.boundary
        );
        self.body.extend_from_slice(head.as_bytes());
        write(&mut self.body)?;
        self.body.extend_from_slice(b"\r\n");
        Some(())
    }

    /// The content type and the body.
    pub(super) fn end(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary=\"{}\"", self.boundary), self.body)
    }
}

/// A name between quotes, as browsers write it.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
