//! Lists and messages that are wrong.

use std::io::Write;
use std::process::Command;

use super::{LIST, REFUSED, USAGE, is_refused, outbox, run, sandbox, sends};
use crate::support::lists;

/// Every list is refused with these words, by `send` and by `check`, until it is mended.
#[track_caller]
fn list_is_refused(name: &str, content: impl AsRef<[u8]>, says: &[&str]) {
    let ws = sandbox();
    ws.file(name, content);
    is_refused(&ws, &["send", name], REFUSED, says);
    is_refused(&ws, &["check", name], REFUSED, says);
    is_refused(&ws, &["send", name, "--dry-run"], REFUSED, says);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn an_empty_list_is_refused() {
    list_is_refused("empty.csv", "", &["empty.csv: is empty"]);
    list_is_refused("empty.ndjson", "", &["empty.ndjson: is empty"]);
}

#[test]
fn a_header_alone_is_nobody_to_send_to() {
    let ws = sandbox();
    ws.file("list.csv", "email,name\n");
    for (arguments, exit) in
        [(&["send", "list.csv"][..], 0), (&["send", "list.csv", "--error-on-empty"], 9)]
    {
        assert_eq!(run(&ws, arguments).status.code(), Some(exit), "{arguments:?}");
    }
    let first = ["send", "list.csv", "--error-on-empty", "--campaign", "first"];
    assert_eq!(run(&ws, &first).status.code(), Some(9), "at the first start too");
    assert!(outbox(&ws).is_empty());
    ws.file("list.csv", LIST);
    sends(&ws, &first, 2);
}

#[test]
fn a_list_without_an_email_column_is_refused_with_its_columns_and_the_flag() {
    let ws = sandbox();
    ws.file("list.csv", "id,kontakt,name\n1,a@example.com,Ann\n");
    is_refused(
        &ws,
        &["send", "list.csv"],
        REFUSED,
        &["list.csv: ", "id, kontakt, name", "--email-column COLUMN"],
    );
    is_refused(
        &ws,
        &["send", "list.csv", "--email", "kontact"],
        REFUSED,
        &["\"kontact\"", "did you mean \"kontakt\"?"],
    );
    sends(&ws, &["send", "list.csv", "--email", "kontakt"], 1);
}

#[test]
fn a_list_with_two_email_columns_is_refused_with_both() {
    let ws = sandbox();
    ws.file("list.csv", "email,name,E-Mail\na@example.com,Ann,b@example.com\n");
    is_refused(
        &ws,
        &["send", "list.csv"],
        REFUSED,
        &["2 columns", "email, E-Mail", "--email-column COLUMN"],
    );
    sends(&ws, &["send", "list.csv", "--email", "E-Mail"], 1);
    assert!(String::from_utf8_lossy(&outbox(&ws)[0]).contains("b@example.com"));
}

#[test]
fn ragged_rows_are_invalid_by_line_and_refuse_the_list_when_they_are_many() {
    let ws = sandbox();
    ws.file("ragged.csv", format!("{LIST}c@example.com,Cem,x,y\nd@example.com,Dan,extra\n"));
    let says = [
        "2 of 4 rows",
        "ragged.csv:4: row has 4 fields, the header has 2",
        "ragged.csv:5: row has 3 fields",
        "--max-invalid",
    ];
    is_refused(&ws, &["send", "ragged.csv"], REFUSED, &says);
    sends(&ws, &["send", "ragged.csv", "--max-invalid", "50%"], 2);
    let report = run(&ws, &["report", "latest", "--format", "csv", "--outcome", "invalid"]);
    assert_eq!(String::from_utf8_lossy(&report.stdout).matches(",invalid,bad_address,").count(), 2);
}

#[test]
fn nul_bytes_are_refused_by_line() {
    list_is_refused(
        "nul.csv",
        "email,name\na@example.com,A\nb@example.com,B\0b\n",
        &["nul.csv:3: ", "NUL"],
    );
}

#[test]
fn invalid_utf_8_is_refused_by_line_and_offset() {
    let mut late = format!("email,name\n{}", "a@example.com,Ann\n".repeat(10_000)).into_bytes();
    late.extend_from_slice(b"b@example.com,B\xff\n");
    list_is_refused("late.csv", late, &["late.csv:10002: ", "0xFF", "--encoding windows-1252"]);
    let ws = sandbox();
    ws.file("list.csv", b"email,name\na@example.com,Zo\xeb\n");
    is_refused(
        &ws,
        &["send", "list.csv", "--encoding", "utf-8"],
        REFUSED,
        &["list.csv:2: ", "0xEB"],
    );
    is_refused(
        &ws,
        &["send", "list.csv"],
        REFUSED,
        &["list.csv: is not UTF-8", "2: …@example.com,Zoë", "--encoding windows-1252"],
    );
    sends(&ws, &["send", "list.csv", "--encoding", "windows-1252"], 1);
    let parsed = outbox(&ws);
    let message = mail_parser::MessageParser::default().parse(&parsed[0]).expect("a message");
    assert_eq!(message.subject(), Some("Hi Zoë"));
}

#[test]
fn a_field_of_ten_megabytes_is_refused_by_line() {
    let field = "x".repeat(10 << 20);
    list_is_refused(
        "big.csv",
        format!("email,name\na@example.com,Ann\nb@example.com,\"{field}\"\n"),
        &["big.csv:3: ", "larger than"],
    );
    list_is_refused(
        "big.ndjson",
        format!("{{\"email\":\"a@example.com\",\"name\":\"{field}\"}}\n"),
        &["big.ndjson:1: ", "larger than"],
    );
}

#[test]
fn truncated_lists_are_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(lists::csv(5_000).as_bytes()).expect("memory");
    let mut packed = packed.finish().expect("memory");
    packed.truncate(packed.len() / 2);
    list_is_refused("cut.csv.gz", &packed, &["cut.csv.gz: ", "truncated?"]);
    list_is_refused(
        "cut.json",
        "[{\"email\":\"a@example.com\",\"name\":\"A\"},{\"email\":\"b@exa",
        &["cut.json: ", "element 2", "truncated?"],
    );
    let objects = "{\"email\":\"a@example.com\",\"name\":\"A\"}\n{\"email\":\"b@exa";
    let ws = sandbox();
    ws.file("cut.ndjson", objects);
    is_refused(&ws, &["send", "cut.ndjson"], REFUSED, &["cut.ndjson:2: "]);
}

#[test]
fn a_list_that_is_no_file_is_refused_without_waiting() {
    let ws = sandbox();
    std::fs::create_dir(ws.join("folder")).expect("a directory");
    assert!(Command::new("mkfifo").arg(ws.join("pipe.csv")).status().expect("mkfifo").success());
    std::os::unix::fs::symlink("nowhere", ws.join("dangling.csv")).expect("a link");
    for (name, says) in [
        ("folder", "folder: is a directory"),
        ("missing.csv", "missing.csv: there is no such file"),
        ("dangling.csv", "dangling.csv: there is no such file"),
        ("pipe.csv", "pipe.csv: is a pipe"),
        ("/dev/null", "/dev/null: is a pipe or a device"),
    ] {
        is_refused(&ws, &["send", name], REFUSED, &[says]);
    }
    is_refused(&ws, &["send", "-"], USAGE, &["--campaign NAME"]);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn of_two_lists_one_bad_one_stops_both() {
    let ws = sandbox();
    ws.file("bad.csv", "id\n1\n");
    is_refused(
        &ws,
        &["send", "list.csv", "bad.csv"],
        REFUSED,
        &["bad.csv: no column is called email"],
    );
    is_refused(&ws, &["send", "list.csv", "missing.csv"], REFUSED, &["missing.csv: "]);
    ws.file("bad.csv", "email,name\nc@example.com,Cem\n");
    sends(&ws, &["send", "list.csv", "bad.csv"], 3);
}

#[test]
fn a_wrong_or_truncated_list_is_found_by_its_count() {
    let ws = sandbox();
    is_refused(
        &ws,
        &["send", "list.csv", "--expect-count", "100+-2pct"],
        REFUSED,
        &["2 rows", "100", "--expect-count"],
    );
    sends(&ws, &["send", "list.csv", "--expect-count", "2"], 2);
}

#[test]
fn a_template_syntax_error_names_file_line_and_column() {
    let ws = sandbox();
    for (name, text, place) in [
        ("body.md", "+++\nsubject = \"x\"\n+++\nHi\n\nDear {{ name name }}\n", "body.md:6:14: "),
        ("body.html", "+++\nsubject = \"x\"\n+++\n<p>{% if name %}</p>\n", "body.html:4:"),
        ("body.txt", "+++\nsubject = \"x\"\n+++\n{% endif %}\n", "body.txt:4:4: "),
        (
            "subject.md",
            "+++\nsubject = \"Hi {{ name name }}\"\n+++\nx\n",
            "subject.md:2: subject, column 12 of its text: ",
        ),
    ] {
        ws.file(name, text);
        is_refused(&ws, &["send", "list.csv", "--message", name], REFUSED, &[place, "{{ and }}"]);
        is_refused(&ws, &["preview", "list.csv", "--message", name], REFUSED, &[place]);
    }
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn front_matter_that_is_wrong_names_line_and_key() {
    let ws = sandbox();
    for (text, exit, says) in [
        ("+++\nsubjct = \"x\"\n+++\nHi\n", USAGE, "message.md:2: unknown key `subjct`"),
        ("+++\nsubject = \"x\nHi\n", REFUSED, "message.md:1: the front matter is not closed"),
        ("+++\nsubject = \"x\n+++\nHi\n", USAGE, "message.md:2: "),
        (
            "+++\nsubject = \"x\"\n[headers]\nBcc = \"x\"\n+++\nHi\n",
            USAGE,
            "message.md:4: headers.Bcc",
        ),
        (
            "+++\nsubject = \"x\"\nattachments = [\"missing.pdf\"]\n+++\nHi\n",
            REFUSED,
            "missing.pdf",
        ),
        ("Hi\n", USAGE, "`subject` is not set"),
        ("+++\nsubject = \"x\"\n+++\n", REFUSED, "the body is empty"),
    ] {
        ws.file("message.md", text);
        is_refused(&ws, &["send", "list.csv"], exit, &[says]);
    }
    std::fs::remove_file(ws.join("message.md")).expect("it was there");
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["message.md", "--message"]);
    ws.message("Hi", "Hello");
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn a_variable_missing_in_the_last_rows_is_found_before_the_first_message_leaves() {
    let ws = sandbox();
    ws.message("Hi", "Hello {{ name }}{% if name == 'Zoe' %}{{ surname }}{% endif %}");
    let many = 3_000;
    let list: String = (0..many).map(|row| format!("u{row}@example.com,Ann\n")).collect();
    ws.file("list.csv", format!("email,name\n{list}y@example.com,Zoe\nz@example.com,Zoe\n"));
    let says =
        ["2 of 3002 rows", "`surname` is undefined", "in 2 rows", "list.csv:3002, list.csv:3003"];
    is_refused(&ws, &["send", "list.csv", "--max-invalid", "0%"], REFUSED, &says);
    is_refused(&ws, &["send", "list.csv", "--max-invalid", "100%"], REFUSED, &says);
    // Left out by name the others go, and these two are told apart in the report.
    sends(&ws, &["send", "list.csv", "--skip-unrendered"], 1_000);
    let report = run(&ws, &["report", "latest", "--format", "ndjson", "--outcome", "invalid"]);
    assert_eq!(String::from_utf8_lossy(&report.stdout).matches("\"reason\":\"render\"").count(), 2);
    ws.message("Hi", "Hello {{ nme }}");
    is_refused(
        &ws,
        &["send", "list.csv", "--campaign", "other"],
        REFUSED,
        &["3002 of 3002 rows", "`nme` is undefined", ", …"],
    );
}

#[test]
fn line_breaks_and_nul_in_a_value_make_no_header() {
    let ws = sandbox();
    ws.config(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\nto_name = \"{{ name }}\"\n\
         [message.headers]\nX-Name = \"{{ name }}\"\n[providers.sandbox]\nkind = \"sandbox\"\n",
    );
    let evil =
        |email: &str, name: &str| serde_json::json!({"email": email, "name": name}).to_string();
    let list = [
        evil("a@example.com", "Ann\r\nBcc: evil@example.com"),
        evil("b@example.com", "Ben\nBcc: evil@example.com\n\nbody"),
        evil("c@example.com", "Cem\rBcc: evil@example.com"),
        evil("d@example.com", "Dan\0Bcc: evil@example.com"),
        evil("e@example.com", "Zoë\r\n\r\nBcc: evil@example.com"),
    ];
    ws.file("list.ndjson", list.join("\n"));
    sends(&ws, &["send", "list.ndjson"], 5);
    for raw in outbox(&ws) {
        let message = mail_parser::MessageParser::default().parse(&raw).expect("a message");
        assert!(
            message.bcc().is_none() && message.header("Bcc").is_none(),
            "{}",
            String::from_utf8_lossy(&raw)
        );
        assert!(
            message.subject().expect("a subject").contains("Bcc: evil@example.com"),
            "the value stands in the subject"
        );
        assert_eq!(message.to().expect("a recipient").as_list().expect("one mailbox").len(), 1);
        let header =
            raw.windows(4).position(|end| end == b"\r\n\r\n").expect("an end of the header");
        assert!(!raw[..header].contains(&0));
        let names: Vec<&str> = message.headers().iter().map(|header| header.name()).collect();
        assert_eq!(
            names.iter().filter(|name| name.eq_ignore_ascii_case("x-name")).count(),
            1,
            "{names:?}"
        );
    }
}
