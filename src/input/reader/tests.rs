use std::io::Cursor;

use super::super::compression::tests::gzip;
use super::super::encoding::tests::utf_16;
use super::*;
use crate::model::exit::Exit;

fn open_with(name: &str, data: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<ListReader> {
    ListReader::open_reader(name.to_owned(), Box::new(Cursor::new(data.into())), options)
}

fn open(name: &str, data: impl Into<Vec<u8>>) -> Result<ListReader> {
    open_with(name, data, &ReadOptions::default())
}

fn refused(name: &str, data: impl Into<Vec<u8>>) -> String {
    let error = match open(name, data) {
        Err(error) => error,
        Ok(mut list) => loop {
            match list.next_row().expect("an error before the end") {
                Ok(_) => {}
                Err(error) => {
                    assert!(list.next_row().is_none(), "nothing follows an error");
                    break error.into();
                }
            }
        },
    };
    assert_eq!(error.exit(), Exit::REFUSED, "{error}");
    error.to_string()
}

/// The line, the first text and the last text of every row.
fn rows(name: &str, data: impl Into<Vec<u8>>) -> Vec<(u64, String)> {
    let mut list = open(name, data).unwrap();
    let mut rows = Vec::new();
    while let Some(row) = list.next_row() {
        let row = row.unwrap();
        let texts: Vec<String> = list
            .columns()
            .names()
            .iter()
            .map(|name| row.fields.text(list.columns(), name).unwrap_or_default())
            .collect();
        rows.push((row.line, texts.join("/")));
    }
    rows
}

fn row(line: u64, text: &str) -> (u64, String) {
    (line, text.to_owned())
}

#[test]
fn an_empty_list_is_refused_whatever_its_name() {
    for name in ["l.csv", "l.json", "l.ndjson", "l.csv.gz", "standard input"] {
        assert!(refused(name, "").starts_with(&format!("{name}: is empty\nhint: ")), "{name}");
    }
    assert!(refused("l.csv", gzip(b"")).starts_with("l.csv: is empty"));
    assert!(refused("l.csv", "\u{feff}").starts_with("l.csv: is empty"));
    assert!(refused("l.csv", "\n\n").starts_with("l.csv: has no header line"));
}

#[test]
fn a_header_alone_and_an_empty_array_have_no_rows() {
    assert_eq!(rows("l.csv", "email,name"), []);
    assert_eq!(rows("l.json", " [ ] \n"), []);
    assert_eq!(rows("l.ndjson", "\n"), []);
}

#[test]
fn a_header_is_trimmed_and_loses_its_mark() {
    let list = open("l.csv", "\u{feff} email , First Name\n").unwrap();
    assert_eq!(list.columns().names(), ["email", "First Name"]);
}

#[test]
fn nameless_and_repeated_columns_are_read() {
    assert_eq!(
        open("l.csv", ",email,name,,name\n").unwrap().columns().names(),
        ["", "email", "name", "", "name"]
    );
    assert_eq!(open("l.csv", "a@example.com,x\n").unwrap().columns().names(), ["email", ""]);
    assert_eq!(open("l.csv", "#email,=\"x\"\n").unwrap().columns().names(), ["email", "x"]);
}

#[test]
fn a_list_without_a_header_keeps_its_first_row() {
    assert_eq!(
        rows("l.csv", "a@example.com\nb@example.com\n"),
        [row(1, "a@example.com"), row(2, "b@example.com")]
    );
}

#[test]
fn a_ragged_row_is_filled_or_kept_with_its_defect() {
    let mut list = open("l.csv", "email,name\na\nb,c,d\ne,f\n").unwrap();
    let mut next = || list.next_row().unwrap().unwrap();
    let short = next();
    assert_eq!(
        (short.defect, short.fields),
        (None, Fields::Text(StringRecord::from(vec!["a", ""])))
    );
    let long = next();
    assert_eq!(long.defect.as_deref(), Some("row has 3 fields, the header has 2"));
    assert_eq!(long.fields, Fields::Text(StringRecord::from(vec!["b", "c", "d"])));
    let good = next();
    assert_eq!((good.defect, good.line), (None, 4));
    assert_eq!(
        list.findings(),
        [Finding { kind: Kind::Short, count: 1, places: vec!["l.csv:2".to_owned()] }]
    );
}

#[test]
fn rows_that_are_struck_out_are_left_out_of_every_format() {
    for (name, source) in [
        ("l.csv", "email\n# of spring\n#a@example.com\nb@example.com\n"),
        (
            "l.ndjson",
            "{\"email\":\"#x@example.com\"}\n{\"email\":\"b@example.com\"}\n{\"email\":\"-- c@example.com\"}\n",
        ),
    ] {
        let mut list = open(name, source).unwrap();
        list.set_email(0, "email");
        let row = list.next_row().unwrap().unwrap();
        assert_eq!(row.fields.text(list.columns(), "email").as_deref(), Some("b@example.com"));
        assert!(list.next_row().is_none());
        assert_eq!(
            (list.findings()[0].kind, list.findings()[0].count),
            (Kind::Struck, 2),
            "{name}"
        );
    }
}

#[test]
fn formats_go_by_flag_then_suffix_then_content() {
    assert_eq!(open("l.tsv", "a\tb,c\n").unwrap().columns().names(), ["a", "b,c"]);
    assert_eq!(open("list", "[{\"a\":1}]").unwrap().format(), Format::Json);
    assert_eq!(open("list", "\n{\"a\":1}").unwrap().format(), Format::Ndjson);
    assert_eq!(open("list", "a,b\n").unwrap().format(), Format::Csv);
    assert_eq!(open("l.csv", "{\"a\":1}").unwrap().format(), Format::Csv);
    let options = ReadOptions { format: Some(Format::Ndjson), ..ReadOptions::default() };
    assert_eq!(open_with("l.csv", "{\"a\":1}", &options).unwrap().columns().names(), ["a"]);
    let options = ReadOptions { delimiter: Some(b'!'), ..ReadOptions::default() };
    assert_eq!(open_with("l.csv", "a!b,c\n", &options).unwrap().columns().names(), ["a", "b,c"]);
}

#[test]
fn encodings_reach_the_rows_and_are_noted() {
    let source = "email;name\na@example.com;Zoë\n";
    let expected = [row(2, "a@example.com/Zoë")];
    assert_eq!(rows("l.csv", source), expected);
    assert_eq!(rows("l.csv", utf_16(source, false)), expected);
    assert_eq!(rows("l.csv.gz", gzip(&utf_16(&format!("\u{feff}{source}"), true))), expected);
    let old = b"email;name\na@example.com;Zo\xeb\n";
    assert!(refused("l.csv", *old).contains("--encoding windows-1252"));
    let accepted = ReadOptions { accept_guess: true, ..ReadOptions::default() };
    assert_eq!(
        open_with("l.csv", *old, &accepted).unwrap().guess().map(Guess::label).as_deref(),
        Some("windows-1252")
    );
    let options = ReadOptions { encoding: Some("klingon".to_owned()), ..ReadOptions::default() };
    assert_eq!(open_with("l.csv", source, &options).unwrap_err().exit(), Exit::USAGE);
}

#[test]
fn nul_bytes_and_late_invalid_utf_8_are_refused_by_line() {
    assert!(
        refused("l.csv", "email\na@example.com\nb\0@example.com\n")
            .starts_with("l.csv:3: holds a NUL byte")
    );
    let mut late = "email\n".to_owned() + &"a@example.com\n".repeat(10_000);
    late.push('b');
    let late = [late.as_bytes(), b"\xff\n"].concat();
    assert!(
        refused("l.csv", late).starts_with("l.csv:10002: byte 0xFF at offset 140007 is no UTF-8")
    );
}

#[test]
fn a_truncated_gzip_is_refused_after_the_rows_it_has() {
    let source: String = (0_u64..50_000)
        .map(|i| format!("{:x}@example.com\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let mut packed = gzip(format!("email\n{source}").as_bytes());
    packed.truncate(packed.len() - 1000);
    assert!(
        refused("l.csv.gz", packed).starts_with(
            "l.csv.gz: the file ends in the middle of its compressed data: truncated?"
        )
    );
}

#[test]
fn arrays_and_lines_of_objects_are_read_with_columns_in_order_of_appearance() {
    let array =
        r#" [ {"email":"a@example.com","n":1}, {"email":"b","tags":["]}\"","{"],"n":null} ] "#;
    assert_eq!(open("l.json", array).unwrap().columns().names(), ["email", "n"]);
    assert_eq!(rows("l.json", array), [row(1, "a@example.com/1"), row(2, r#"b//["]}\"","{"]"#)]);
    let lines = "{\"email\":\"a\"}\r\n\n  {\"email\":\"b\",\"x\":true}";
    assert_eq!(rows("l.jsonl", lines), [row(1, "a"), row(3, "b/true")]);
    let many = format!("[{}]", vec![r#"{"email":"é@example.com"}"#; 20_000].join(",\n"));
    assert_eq!(rows("l.json", many).len(), 20_000);
}

#[test]
fn broken_json_is_refused_by_element_or_line() {
    let cases = [
        (
            "l.json",
            r#"[{"a":1},{"a":"#,
            "l.json: the file ends inside the JSON array, at element 2: truncated?",
        ),
        (
            "l.json",
            r#"[{"a":1}"#,
            "l.json: the file ends inside the JSON array, at element 1: truncated?",
        ),
        ("l.json", "[", "l.json: the file ends inside the JSON array, at element 1: truncated?"),
        (
            "l.json",
            r#"[{"a":1},]"#,
            "l.json: element 2: is the end of the array after a comma, not an object",
        ),
        ("l.json", r#"[{"a":1} {"a":2}]"#, "l.json: element 1: is followed by neither"),
        ("l.json", r#"[{"a":1}] x"#, "l.json: something follows the end"),
        ("l.json", r#"[{"a":1},"b"]"#, "l.json: element 2: is a string, not an object"),
        ("l.json", r#"[{"a":1,"a":2}]"#, "l.json: element 1: key \"a\" stands twice"),
        ("l.json", r#"[{"a":[1}]}]"#, "l.json: element 1: expected `,` or `]`"),
        (
            "l.json",
            r#"{"contacts":[]}"#,
            "l.json: holds an object where an array of objects is expected\nhint: ",
        ),
        ("l.json", "email\n", "l.json: is no JSON array"),
        ("l.ndjson", "{\"a\":1}\n[1]\n", "l.ndjson:2: is an array, not an object"),
        ("l.ndjson", "{\"a\":1}\n{\"a\":", "l.ndjson:2: EOF while parsing a value (column 5)"),
        ("l.ndjson", "{\"a\":1,\"a\":1}\n", "l.ndjson:1: key \"a\" stands twice"),
        ("l.ndjson", "{\"a\":1} {\"a\":2}\n", "l.ndjson:1: trailing characters"),
    ];
    for (name, source, expected) in cases {
        let error = refused(name, source);
        assert!(error.starts_with(expected), "{source}: {error}");
    }
}

#[test]
fn huge_json_values_are_refused() {
    let huge = "x".repeat(10 << 20);
    assert!(
        refused("l.json", format!(r#"[{{"a":1}},{{"a":"{huge}"}}]"#))
            .starts_with("l.json: element 2: is larger than 4 MiB")
    );
    assert!(
        refused("l.ndjson", format!("{{\"a\":1}}\n{{\"a\":\"{huge}\"}}\n"))
            .starts_with("l.ndjson:2: is larger than 4 MiB")
    );
    let large = "x".repeat(2 << 20);
    assert!(
        refused("l.json", format!(r#"[{{"a":"{large}"}}]"#))
            .starts_with("l.json: element 1: one of its values is larger than 1 MiB")
    );
}

#[test]
fn a_list_with_data_for_column_names_is_refused() {
    let source: String = (0..=MAX_COLUMNS).map(|i| format!("{{\"k{i}\":1}}\n")).collect();
    assert!(
        refused("l.ndjson", source)
            .starts_with("l.ndjson: the list has more than 10000 different columns")
    );
}
