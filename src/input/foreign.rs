//! Recognizes files that are not lists by their first bytes, so that the error can name their
//! format.

/// A description of a file that is not a list, and a hint on how to make a list from it.
pub(crate) struct Foreign {
    pub(crate) what: &'static str,
    pub(crate) hint: &'static str,
}

const SPREADSHEET: &str = "open it in a spreadsheet program and save the sheet as CSV in UTF-8";
const UNPACK: &str = "unpack it, and use the list that it contains";
const NO_LIST: &str = "export the list as CSV, TSV, JSON or NDJSON";
const LOG_IN: &str =
    "it may be a log-in page: fetch the list again with credentials, or export it as CSV";

/// The known first bytes of such files. A longer pattern comes before a pattern that it begins
/// with.
const KNOWN: [(&[u8], &str, &str); 20] = [
    (b"PK\x03\x04", "is a ZIP archive, as spreadsheets (.xlsx, .ods) are, not a list", SPREADSHEET),
    (b"\xd0\xcf\x11\xe0", "is an old Office document (.xls, .doc), not a list", SPREADSHEET),
    (b"%PDF", "is a PDF document, not a list", NO_LIST),
    (b"{\\rtf", "is an RTF document, not a list", NO_LIST),
    (b"BZh", "is compressed with bzip2, which mailbatch cannot read", UNPACK),
    (b"\xfd7zXZ\x00", "is compressed with xz, which mailbatch cannot read", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive, not a list", UNPACK),
    (b"Rar!\x1a\x07", "is a RAR archive, not a list", UNPACK),
    (b"\x1f\x8b", "is compressed twice", UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed twice", UNPACK),
    (b"SQLite format 3\x00", "is an SQLite database, not a list", NO_LIST),
    (b"PAR1", "is a Parquet file, not a list", NO_LIST),
    (b"\x89PNG", "is a picture, not a list", NO_LIST),
    (b"\xff\xd8\xff", "is a picture, not a list", NO_LIST),
    (b"GIF8", "is a picture, not a list", NO_LIST),
    (b"BEGIN:VCARD", "is an address book (vCard), not a list", NO_LIST),
    (b"<!doctype", "is a web page, not a list", LOG_IN),
    (b"<html", "is a web page, not a list", LOG_IN),
    (b"<?xml", "is an XML document, not a list", NO_LIST),
    (b"From MAILER-DAEMON", "is a mailbox, not a list", NO_LIST),
];

/// Returns the description of a file with these first bytes, if they show that it is not a list.
pub(crate) fn foreign(first: &[u8]) -> Option<Foreign> {
    const TAR: usize = 257;
    if first.get(TAR..TAR + 5) == Some(b"ustar") {
        return Some(Foreign { what: "is a tar archive, not a list", hint: UNPACK });
    }
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let begins = |known: &[u8]| {
        text.get(..known.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(known))
    };
    let is_exact = |known: &[u8]| first.starts_with(known);
    let found = KNOWN.iter().find(|(known, ..)| {
        if known[0] == b'<' {
            begins(known)
        } else {
            is_exact(known) || (known.is_ascii() && text.starts_with(known))
        }
    });
    found.map(|(_, what, hint)| Foreign { what, hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_list_are_known_by_their_beginning() {
        for (first, says) in [
            (&b"PK\x03\x04\x14\x00"[..], ".xlsx"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\xef\xbb\xbf\n <!DOCTYPE html>", "web page"),
            (b"<HTML><head>", "web page"),
            (b"SQLite format 3\x00", "SQLite"),
        ] {
            assert!(foreign(first).is_some_and(|found| found.what.contains(says)), "{says}");
        }
        let mut tar = vec![0; 300];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(foreign(&tar).is_some());
        for list in
            [&b"email,name\n"[..], b"[{}]", b"PK,email\n", b"from,email\n", b"", b"BZ,email\n"]
        {
            assert!(foreign(list).is_none(), "{}", String::from_utf8_lossy(list));
        }
    }
}
