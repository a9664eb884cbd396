//! An attachment of one recipient, as stored in the plan.

use serde::{Deserialize, Serialize};

/// The path, size and hash of an attachment. Its bytes are read when the message is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedFile {
    /// The path relative to the directory of attachments.
    pub(crate) path: String,
    pub(crate) size: u64,
    /// The hash of the file, in hexadecimal.
    pub(crate) sha256: String,
}

/// Encodes the attachments of a row for the ledger; `None` if the row has none.
pub(crate) fn encode(files: &[PlannedFile]) -> Option<String> {
    let text = || serde_json::to_string(files).expect("texts and numbers are always JSON");
    (!files.is_empty()).then(text)
}

/// Decodes the output of `encode`; `None` for any other text.
pub(crate) fn decode(text: Option<&str>) -> Option<Vec<PlannedFile>> {
    text.map_or(Some(Vec::new()), |text| serde_json::from_str(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_back_as_they_were_planned() {
        let file = PlannedFile { path: "a/ü.pdf".into(), size: 7, sha256: "00".repeat(32) };
        let text = encode(std::slice::from_ref(&file)).expect("one");
        assert_eq!(decode(Some(&text)), Some(vec![file]));
        assert_eq!((encode(&[]), decode(None)), (None, Some(vec![])));
        assert_eq!(decode(Some("x")), None);
        let first = format!(r#"[{{"path":"a.pdf","size":1,"sha256":"{}"}}]"#, "0".repeat(64));
        assert_eq!(decode(Some(&first)).map(|files| files.len()), Some(1), "the form of ledger 8");
    }
}
