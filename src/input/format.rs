//! Determines the format of a list: by a flag, else by the file's suffix, else by the content.

use std::fmt;
use std::str::FromStr;

/// The format of a list file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A header and rows. The delimiter is detected.
    Csv,
    /// CSV delimited by tabs.
    Tsv,
    /// A single array of objects.
    Json,
    /// One object per line.
    Ndjson,
}

impl Format {
    /// Every format, in the order used by help.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Tsv, Self::Json, Self::Ndjson];

    /// Returns the word for this format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
        }
    }

    /// Returns the format for a file name's suffix. A suffix `.gz` or `.zst` is ignored.
    pub(super) fn by_suffix(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// Returns the format that the beginning of the text suggests.
    pub(super) fn by_content(text: &str) -> Self {
        match text.trim_start().as_bytes().first() {
            Some(b'[') => Self::Json,
            Some(b'{') => Self::Ndjson,
            _ => Self::Csv,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            format!("unknown format {text:?}, expected one of: csv, tsv, json, ndjson")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_names_the_format_with_or_without_compression() {
        assert_eq!(Format::by_suffix("a/List.CSV"), Some(Format::Csv));
        assert_eq!(Format::by_suffix("list.jsonl.zst"), Some(Format::Ndjson));
        assert_eq!(Format::by_suffix("list.tab.gz"), Some(Format::Tsv));
        assert_eq!(Format::by_suffix("list.txt"), None);
        assert_eq!(Format::by_suffix("list"), None);
    }

    #[test]
    fn words_read_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("xls".parse::<Format>().unwrap_err().contains("ndjson"));
    }
}
