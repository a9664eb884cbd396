//! Lists: CSV, TSV and JSON, in any encoding, compressed or not, in pieces of any size.

use std::io::{self, Cursor, Read, Write};

use mailbatch::internals::input::{Format, ListReader, ListRow, MAX_FIELD_BYTES, ReadOptions};
use mailbatch::internals::recipient::Fields;

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "email",
    "email,first_name\n",
    "ann@example.com",
    "\"",
    "\"\"",
    "\"a\nb\"",
    ",",
    ";",
    "\t",
    "|",
    "\r\n",
    "\n\n",
    "=\"01\"",
    "sep=;\n",
    "#",
    "{\"email\":\"ann@example.com\",\"n\":1.10}\n",
    "[",
    "]",
    "{",
    "}",
    "{\"a\":{\"b\":[1,2]}}",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud800",
    "1e400",
    "-0.0",
    "18446744073709551616",
    "null",
    ",,,,",
    "\u{feff}",
    "\u{1f}",
    "Caf\u{e9}",
    "\u{fffd}",
];

#[test]
fn lists() {
    let mut seeds = seeds::files("lists");
    seeds.extend(seeds::texts(&[
        "email,first_name,n\nann@example.com,Ann,1\n\"bob@example.com\",\"B, \"\"b\"\"\",2\n",
        "email\tname\nann@example.com\tAnn\n",
        "ann@example.com\nbob@example.com\n",
        "[{\"email\":\"ann@example.com\",\"n\":1.10,\"tags\":[\"a\",\"b\"]},{\"email\":\"bob@example.com\",\"n\":12345678901234567890123}]",
        "{\"email\":\"ann@example.com\"}\n{\"email\":\"bob@example.com\",\"x\":null}\n",
    ]));
    let small: Vec<Vec<u8>> = seeds.iter().filter(|seed| seed.len() < 4_000).cloned().collect();
    seeds.extend(small.iter().take(6).map(|seed| gzip(seed)));
    seeds.extend(small.iter().take(6).map(|seed| zstd::encode_all(&seed[..], 3).expect("memory")));
    seeds.extend(
        small.iter().take(6).filter_map(|seed| Some(utf16(std::str::from_utf8(seed).ok()?))),
    );
    fuzz(Target { name: "lists", seeds, words: WORDS, check });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// A reader that gives a few bytes at a time.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(1 + self.1 % 7);
        self.1 += 1;
        self.0.read(&mut into[..most])
    }
}

/// What a list comes to: its format, its rows, and the error that ends it.
type Read_ = (Option<(Format, Vec<String>)>, Vec<ListRow>, Option<String>);

fn read(name: &str, reader: Box<dyn Read + Send>, options: &ReadOptions) -> Read_ {
    let mut list = match ListReader::open_reader(name.to_owned(), reader, options) {
        Ok(list) => list,
        Err(why) => return (None, Vec::new(), Some(why.to_string())),
    };
    let mut rows = Vec::new();
    while let Some(row) = list.next_row() {
        match row {
            Ok(row) => rows.push(row),
            Err(why) => {
                assert!(list.next_row().is_none(), "after an error there are no more rows");
                return (
                    Some((list.format(), list.columns().names().to_vec())),
                    rows,
                    Some(why.to_string()),
                );
            }
        }
    }
    (Some((list.format(), list.columns().names().to_vec())), rows, None)
}

fn whole(name: &str, bytes: &[u8], options: &ReadOptions) -> Read_ {
    read(name, Box::new(Cursor::new(bytes.to_vec())), options)
}

fn check(document: &[u8]) {
    let options = ReadOptions { accept_guess: true, ..ReadOptions::default() };
    for name in ["list", "list.csv", "list.json"] {
        let at_once = whole(name, document, &options);
        check_result(name, document, &at_once);
        let pieces = read(name, Box::new(Pieces(Cursor::new(document.to_vec()), 0)), &options);
        assert_eq!(pieces, at_once, "{name}: pieces read like the whole");
    }
    let plain = whole("list", document, &options);
    if plain.0.is_some() && !is_compressed(document) {
        assert_eq!(whole("list", &gzip(document), &options), plain, "the same in gzip");
        let zstd = zstd::encode_all(document, 1).expect("memory");
        assert_eq!(whole("list", &zstd, &options), plain, "the same in zstd");
    }
    check_encodings(document, &plain, &options);
    check_formats(document);
    // Cut off anywhere, a compressed list is no shorter list.
    let packed = gzip(document);
    let (_, _, why) = whole("list", &packed[..packed.len() - 5], &options);
    assert!(document.is_empty() || why.is_some(), "a list that was cut short is read whole");
}

fn is_compressed(document: &[u8]) -> bool {
    document.starts_with(&[0x1f, 0x8b])
        || (document.len() >= 4
            && (document[1..4] == [0xb5, 0x2f, 0xfd] || document[1..4] == [0x2a, 0x4d, 0x18]))
}

fn check_result(name: &str, document: &[u8], (head, rows, why): &Read_) {
    if let Some(why) = why {
        assert!(why.starts_with(name), "{why:?} does not name the list");
    }
    if head.is_none() {
        assert!(why.is_some() && rows.is_empty());
    }
    // A gzip of 64 KiB holds at most 64 MiB, and a row has at least one byte of it.
    assert!(
        is_compressed(document) || rows.len() <= document.len(),
        "{} rows out of {} bytes",
        rows.len(),
        document.len()
    );
    let mut last = 0;
    for row in rows {
        assert!(row.line >= 1 && row.line >= last, "line {} after line {last}", row.line);
        last = row.line;
        let kept = row.fields.encode();
        let again = Fields::decode(&kept).expect("what was written reads back");
        assert_eq!(again, row.fields, "{kept}");
        if let Fields::Text(record) = &row.fields {
            assert!(record.iter().all(|cell| cell.len() <= MAX_FIELD_BYTES));
        }
    }
}

/// The same text is the same list in every encoding that it can be written in.
fn check_encodings(document: &[u8], plain: &Read_, options: &ReadOptions) {
    let Ok(text) = std::str::from_utf8(document) else { return };
    if text.is_empty() || text.starts_with('\u{feff}') || text.contains('\0') || plain.0.is_none() {
        return;
    }
    let marked = [b"\xef\xbb\xbf", document].concat();
    assert_eq!(whole("list", &marked, options), *plain, "the same behind a byte order mark");
    let rows = |(_, rows, why): Read_| (rows, why.is_some());
    assert_eq!(
        rows(whole("list", &utf16(text), options)),
        rows(plain.clone()),
        "the same in UTF-16"
    );
}

/// A format that is given is never another one.
fn check_formats(document: &[u8]) {
    for format in [Format::Csv, Format::Tsv, Format::Json, Format::Ndjson] {
        let options =
            ReadOptions { format: Some(format), accept_guess: true, ..ReadOptions::default() };
        let (head, rows, _) = whole("list", document, &options);
        assert!(head.is_none_or(|(read, _)| read == format));
        let is_json = matches!(format, Format::Json | Format::Ndjson);
        assert!(rows.iter().all(|row| matches!(row.fields, Fields::Json(_)) == is_json));
    }
}
