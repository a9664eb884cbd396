//! Encodes a form as `multipart/form-data` (RFC 7578).
//!
//! Names are escaped as browsers escape them: only `"`, CR and LF. The crate `percent-encoding`
//! would also encode every non-ASCII character, but the service expects these unchanged. The same
//! fields under the same key give the same bytes.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::content::Attachment;

/// A form under construction.
pub(super) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// Creates an empty form. Its boundary contains `key`, a hash that the author of a message
    /// cannot know, so no message contains the boundary.
    pub(super) fn new(key: &str) -> Self {
        Self { boundary: format!("mailbatch-{key}"), body: Vec::new() }
    }

    /// Appends a text field. The same name may be used several times.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{}\"", escaped(name)), None, |body| {
            body.extend_from_slice(value.as_bytes());
            Some(())
        });
    }

    /// Appends a file. Returns `None` if its data is not base64. The HTML refers to an inline file
    /// by its file name.
    pub(super) fn file(&mut self, file: &Attachment) -> Option<()> {
        let (name, called) = match &file.cid {
            Some(cid) => ("inline", cid),
            None => ("attachment", &file.name),
        };
        let names = format!("name=\"{name}\"; filename=\"{}\"", escaped(called));
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

    /// Ends the form. Returns the content type and the body.
    pub(super) fn end(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary=\"{}\"", self.boundary), self.body)
    }
}

/// Returns a quoted name, escaped as browsers escape it.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
