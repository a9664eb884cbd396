//! The file of one row, ready to be attached.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::attachment::{self, Attachment};

/// A file of one row.
#[derive(Clone, Debug)]
pub(super) struct OwnFile {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) cid: Option<String>,
    /// The file's content in base64, on one line.
    pub(super) data: Arc<str>,
    /// The headers of the MIME part with the empty line after them. `None` if the headers depend on
    /// the file's content, or if the content is not sent as base64.
    pub(super) head: Option<Vec<u8>>,
}

impl OwnFile {
    /// Builds a file for messages from its bytes, or from cached base64. The error is a sentence
    /// fragment.
    pub(super) fn new(
        (name, given): (String, Option<&str>),
        cid: Option<String>,
        bytes: &[u8],
        data: Option<Arc<str>>,
    ) -> Result<Self, String> {
        let guessed = given.unwrap_or_else(|| attachment::guess(&name));
        // Text and messages must be examined to choose their charset or encoding.
        let lower = guessed.to_ascii_lowercase();
        let looks_inside = lower.starts_with("text/") || lower.starts_with("message/");
        let mut content_type = guessed.to_owned();
        if looks_inside {
            let decoded;
            let bytes = match &data {
                Some(data) => {
                    decoded = BASE64_STANDARD
                        .decode(data.as_bytes())
                        .map_err(|_| "its content is not base64")?;
                    decoded.as_slice()
                }
                None => bytes,
            };
            content_type = attachment::type_of(&name, given, bytes);
        }
        let data = data.unwrap_or_else(|| BASE64_STANDARD.encode(bytes).into());
        let mut own = Self { name, content_type, cid, data, head: None };
        if looks_inside {
            own.attachment().part()?;
        } else {
            let mut head = own.without_bytes().part()?.formatted();
            // The part ends with the empty line after its headers and a line end for its empty
            // content.
            head.truncate(head.len().saturating_sub("\r\n".len()));
            own.head = Some(head);
        }
        Ok(own)
    }

    /// Returns the file as an attachment of the whole message.
    pub(super) fn attachment(&self) -> Attachment {
        Attachment { data: self.data.as_ref().to_owned(), ..self.without_bytes() }
    }

    fn without_bytes(&self) -> Attachment {
        Attachment {
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            data: String::new(),
            cid: self.cid.clone(),
        }
    }
}
