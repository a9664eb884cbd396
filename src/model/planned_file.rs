//! A file that goes with one row's message, as the plan knows it.

use serde::{Deserialize, Serialize};

/// Where a file lies, how long it is, and what is in it. The bytes are read when the message is
/// built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedFile {
    /// Below the directory of such files.
    pub(crate) path: String,
    pub(crate) size: u64,
    /// In hexadecimal.
    pub(crate) sha256: String,
}

/// The files of a row as the ledger keeps them; `None` where there are none.
pub(crate) fn encode(files: &[PlannedFile]) -> Option<String> {
    let text = || serde_json::to_string(files).expect("texts and numbers are always JSON");
    (!files.is_empty()).then(text)
}

/// Reads back what `encode` wrote; `None` where it did not.
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
