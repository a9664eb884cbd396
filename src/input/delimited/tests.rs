use std::io::Cursor;

use proptest::prelude::*;

use super::super::compression::Plain;
use super::*;

fn read(source: &str, delimiter: Option<u8>) -> Result<Vec<(u64, Vec<String>)>, String> {
    let show = |problem: Problem| problem.in_list("l").to_string();
    let plain = Plain::new("l", Box::new(Cursor::new(source.as_bytes().to_vec()))).map_err(show)?;
    let mut text = Text::new(plain, Some(encoding_rs::UTF_8), false).map_err(show)?;
    let mut first = String::new();
    text.fill(&mut first).map_err(show)?;
    let mut records = Delimited::new(text, first, (0, 1), delimiter.unwrap_or(b','));
    let mut out = Vec::new();
    while let Some((line, record)) = records.next_record().map_err(show)? {
        out.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok(out)
}

fn cells(source: &str) -> Vec<(u64, Vec<String>)> {
    read(source, None).unwrap()
}

fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
    (line, cells.iter().map(|&cell| cell.to_owned()).collect())
}

#[test]
fn lines_are_physical_over_blank_lines_and_quoted_newlines() {
    for end in ["\n", "\r\n"] {
        let source = ["a,b", "", "1,\"x", "y\"", "2,z"].join(end);
        let expected =
            [row(1, &["a", "b"]), row(3, &["1", &format!("x{end}y")]), row(5, &["2", "z"])];
        assert_eq!(cells(&source), expected, "{source:?}");
    }
    assert_eq!(
        cells("a,b\r1,2\r\r3,4\r"),
        [row(1, &["a", "b"]), row(2, &["1", "2"]), row(4, &["3", "4"])]
    );
}

#[test]
fn quotes_are_undone() {
    assert_eq!(cells("\"a\"\"b\",\"\",c\"d,\"e\"\n"), [row(1, &["a\"b", "", "c\"d", "e"])]);
    assert_eq!(cells("\"\"\"\",\"\"\"x\"\"\"\n"), [row(1, &["\"", "\"x\""])]);
    assert_eq!(cells("a,\"b\""), [row(1, &["a", "b"])]);
    assert_eq!(cells("a,"), [row(1, &["a", ""])]);
}

#[test]
fn blanks_around_a_quoted_field_do_not_count_and_others_do() {
    assert_eq!(cells("a, \"b, c\" ,\u{a0}\t\"d\", e \n"), [row(1, &["a", "b, c", "d", " e "])]);
    assert_eq!(read("a\t \"b\"\t\t\"c\"\n", Some(b'\t')).unwrap(), [row(1, &["a", "b", "", "c"])]);
    assert_eq!(cells("a,  \n"), [row(1, &["a", "  "])]);
}

#[test]
fn text_after_a_closing_quote_is_refused_by_line() {
    for (source, says) in [
        ("a,b\n1,\"x\"y\n", "l:2: text follows a closing quote\nhint: double each quote"),
        ("a,b\n1, \"x\" y\n", "l:2: text follows a closing quote\nhint: "),
        (
            "a,b\n1,\"x \\\"y\\\" z\"\n",
            "l:2: text follows a closing quote: a quote behind a backslash (\\\")",
        ),
        (
            "a,b\n1,\"x\n2,y\n3,\"z\"\n",
            "l:2: text follows a closing quote (the quote opens here and closes on line 4)",
        ),
        (
            "a,b\n1,\"x \\\"\"\n",
            "l:2: a quote is opened here and never closed: truncated?\nhint: the list escapes quotes by a backslash",
        ),
    ] {
        let error = read(source, None).unwrap_err();
        assert!(error.starts_with(says), "{source}: {error}");
    }
}

#[test]
fn a_field_that_swallows_another_row_is_refused_and_a_note_over_lines_is_not() {
    for source in [
        "1,\"Ann\nb@example.com,Ben\",x\n",
        "1,\"Ann\r2,\"\"b@example.com\"\",Ben\rc\",x\n",
        "1,\"Ann\r\n2, <b@example.com> ,\r\n\",x\n",
    ] {
        let error = read(source, None).unwrap_err();
        assert!(
            error.starts_with("l:1: a quote opens here and closes on line "),
            "{source}: {error}"
        );
    }
    let note =
        "1,\"Call Ann, or write to\nb@example.com, she said, or c@example.com please\nAnn\",x\n";
    assert!(read(note, None).is_err(), "a cell of its own could be a person");
    let note = "1,\"Call Ann, or write to\nMrs b@example.com at home\nAnn\",x\n";
    assert_eq!(read(note, None).unwrap()[0].1.len(), 3);
}

#[test]
fn a_swallowed_row_is_told_from_prose_by_its_shape() {
    let shape = |header: &[&str], email| Shape {
        delimiter: ',',
        columns: header.len(),
        email: Some(email),
        is_spaced: header.iter().any(|name| name.starts_with(' ')),
    };
    let wide = shape(&["name", "email", "city", "note"], 1);
    for (note, before) in [
        ("Call her\nPhone, ann@example.com, Oslo", 3),
        ("Phone, ann@example.com, Oslo\nor so", 3),
        ("Best regards\nann@example.com\nAcme, Oslo", 3),
        ("x\nann@example.com,ben@example.com wrote\ny", 3),
        ("Phone, ann@example.com", 0),
    ] {
        assert!(!wide.is_in(note, before, 0), "{note}");
    }
    for (swallowed, before) in [
        ("Ann\nBen,ben@example.com,Rome,x\nCem", 3),
        ("Ann\nBen,ben@example.com\nCem", 3),
        ("Ann\nBen,ben@example.com", 3),
        ("Ann,ann@example.com,Oslo,x\nBen", 0),
        ("Ann\nBen, ben@example.com, Rome, x\nCem", 3),
    ] {
        assert!(wide.is_in(swallowed, before, 0), "{swallowed}");
    }
    assert!(
        shape(&["email", " name"], 0).is_in("Ann\nben@example.com, Ben", 1, 0),
        "blanks are this list's way"
    );
    let narrow = shape(&["email", "name", "c"], 0);
    for swallowed in [
        "jo@intranet,J",
        "jo@@example.com,J",
        "=\"\"jo@example.com\"\",J",
        "Jo <jo@example.com>,J",
        ",J",
    ] {
        assert!(narrow.is_in(&format!("X,1\n{swallowed}"), 1, 1), "{swallowed}");
        assert!(narrow.is_in(&format!("X,1\n{swallowed},2\nz@example.com"), 1, 2), "{swallowed}");
        assert!(
            !narrow.is_in(&format!("X\n{swallowed}"), 1, 1),
            "the first line does not complete a row"
        );
    }
    assert!(
        shape(&["email", "note"], 0).is_in("Ann\nben@example.com\n", 1, 0),
        "a row may be short"
    );
}

#[test]
fn an_unclosed_quote_names_the_line_where_it_was_opened() {
    let error = read("a,b\n1,2\n3,\"x\n4,5\n6,7\n", None).unwrap_err();
    assert!(error.starts_with("l:3: a quote is opened here and never closed"), "{error}");
    let long = format!("a,b\n1,\"x\n{}", "4,5\n".repeat(2 << 20));
    assert!(read(&long, None).unwrap_err().contains(
        "l:2: the field that begins here is larger than 1 MiB: is its closing quote missing?"
    ));
}

#[test]
fn a_field_of_ten_megabytes_is_refused_by_line() {
    let huge = "x".repeat(10 << 20);
    for field in [huge.clone(), format!("\"{huge}\"")] {
        let error = read(&format!("a,b\n1,2\n3,{field}\n"), None).unwrap_err();
        assert!(
            error.starts_with("l:3: the field that begins here is larger than 1 MiB"),
            "{error}"
        );
    }
    let fields = vec!["x".repeat(500_000); 20].join(",");
    assert!(
        read(&format!("a,b\n{fields}\n"), None)
            .unwrap_err()
            .starts_with("l:2: the row that begins here is larger than 4 MiB")
    );
    let fits = "x".repeat(MAX_FIELD_BYTES);
    assert_eq!(read(&format!("a,b\n\"{fits}\",2\n"), None).unwrap()[1].1[0].len(), MAX_FIELD_BYTES);
}

proptest! {
    #[test]
    fn every_text_is_read_as_the_csv_crate_reads_it(source in "[ab,;\"\n\ré]{0,60}", padding in 0_usize..3) {
        // The padding moves the text across a block boundary.
        let padding = if padding == 0 { String::new() } else { format!("{}\n", "p".repeat((64 << 10) - 20 * padding)) };
        let source = format!("{padding}{source}");
        let oracle: Vec<Vec<String>> = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.as_bytes())
            .records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        match read(&source, Some(b',')) {
            Ok(ours) => prop_assert_eq!(ours.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>(), oracle),
            Err(error) => prop_assert!(error.contains("never closed") || error.contains("text follows"), "{}", error),
        }
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(rows in proptest::collection::vec(proptest::collection::vec("[a-c,\"\n\ré]{0,5}", 3), 1..8)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let source = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let ours: Vec<Vec<String>> = read(&source, Some(b',')).unwrap().into_iter().map(|(_, cells)| cells).collect();
        prop_assert_eq!(ours, rows);
    }
}
