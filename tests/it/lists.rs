//! Lists as spreadsheets, CRMs and people write them: read whole or refused by line, never with a
//! person lost or struck out mailed.

use crate::support::ran::{Ran, to};
use crate::support::terminal::on_a_terminal;
use crate::support::{Workspace, workspace};

/// A sandbox whose message prints the name.
fn sandbox() -> Workspace {
    let ws = workspace();
    ws.sandbox_config("").message("Hi", "Hello {{ name }}!");
    ws.config(
        &ws.read("mailbatch.toml").replace("kind = \"marketing\"", "kind = \"transactional\""),
    );
    ws
}

fn sends(ws: &Workspace, arguments: &[&str], exit: i32) -> Ran {
    ws.run(&[&["send"], arguments].concat()).ends(exit)
}

/// Sends the list and asserts who is mailed, and what each mail greets.
#[track_caller]
fn mails(name: &str, list: impl AsRef<[u8]>, greeted: &[(&str, &str)]) -> Ran {
    let ws = sandbox();
    ws.file(name, list);
    let ran = sends(&ws, &[name], 0);
    let mut found: Vec<(String, String)> = ws
        .outbox()
        .values()
        .map(|raw| {
            let message = mail_parser::MessageParser::default().parse(raw).expect("a message");
            let text = message.body_text(0).expect("a text").into_owned();
            let name = text
                .split("Hello ")
                .nth(1)
                .and_then(|rest| rest.split('!').next())
                .expect("a greeting")
                .to_owned();
            (to(raw), name)
        })
        .collect();
    found.sort();
    let expected: Vec<(String, String)> =
        greeted.iter().map(|(to, name)| ((*to).to_owned(), (*name).to_owned())).collect();
    assert_eq!(found, expected);
    ran
}

/// The list is refused by `send` and `check` with these words, and nothing is mailed.
#[track_caller]
fn refuses(list: impl AsRef<[u8]>, says: &[&str]) {
    let ws = sandbox();
    ws.file("list.csv", list);
    for arguments in
        [&["check", "list.csv"][..], &["send", "list.csv", "--dry-run"], &["send", "list.csv"]]
    {
        let ran = ws.run(arguments).ends(4);
        for text in says {
            assert!(
                ran.err.contains(text) || ran.out.contains(text),
                "{arguments:?}: no {text:?} in {}{}",
                ran.out,
                ran.err
            );
        }
    }
    assert!(ws.outbox().is_empty());
}

const ANN: (&str, &str) = ("ann@example.com", "Ann");
const BEN: (&str, &str) = ("ben@example.com", "Ben");

#[test]
fn a_quote_that_is_astray_is_refused_by_line() {
    refuses(
        "email,name,city\nann@example.com,\"Ann \\\"Annie\\\" Lee, PhD\",Oslo\nben@example.com,\"Ben \\\"B\\\" Ray\",Rome\n",
        &["list.csv:2: text follows a closing quote", "(\\\")", "hint: ", "doubled quotes"],
    );
    refuses(
        "email,name,city\nann@example.com,\"Ann,Oslo\nben@example.com,Ben,Rome\ncara@example.com,Cara\",Bern\n",
        &["list.csv:2: a quote opens here and closes on line 4", "address of another row"],
    );
    refuses(
        "email;name\nann@example.com;\"Ann\nben@example.com;\"Ben\"\n",
        &["list.csv:2: text follows a closing quote", "line 3"],
    );
    refuses(
        "email,name\nann@example.com,\"Ann\n",
        &["list.csv:2: a quote is opened here and never closed"],
    );
}

#[test]
fn blanks_around_quotes_do_not_count() {
    let list =
        "email, name, city\nann@example.com, \"Lee, Ann\", Oslo\nben@example.com, \"Ben\" , Rome\n";
    mails("list.csv", list, &[("ann@example.com", "Lee, Ann"), BEN]);
}

#[test]
fn what_stands_before_the_header_is_skipped_and_said() {
    for list in [
        "sep=;\r\nemail;name\r\nann@example.com;Ann\r\n",
        "\u{feff}\"sep=;\"\r\nemail;name\r\nann@example.com;Ann\r\n",
    ] {
        mails("list.csv", list, &[ANN]).says("Excel's sep= line is skipped");
    }
    let titled =
        "Spring list;;\nas of 21.11.2026\n\n# from CRM\nname;email;x\nAnn;ann@example.com;\n";
    mails("list.csv", titled, &[ANN])
        .says("lines before the header are skipped (3): list.csv:1, list.csv:2, list.csv:4");
    let ws = sandbox();
    ws.file("list.csv", "email,name\nann@example.com,old\nemail,name\nann@example.com,Ann\n");
    sends(&ws, &["list.csv", "--skip-lines", "2"], 0);
    assert_eq!(ws.mailed(), ["ann@example.com"]);
    sends(&ws, &["list.csv", "--skip-lines", "9", "--campaign", "x"], 4)
        .says("--skip-lines 9 leaves no header");
}

#[test]
fn the_delimiter_is_what_yields_addresses_or_what_is_named() {
    let german = "Name, Vorname;E-Mail;name\nMüller, Ann;ann@example.com;Ann\nRay, Ben;ben@example.com;Ben\n";
    mails("list.csv", german, &[ANN, BEN]);
    mails("list.tsv", "email,name\nann@example.com,Ann\n", &[ANN]);
    let ws = sandbox();
    ws.file("list.csv", "email~name\nann@example.com~Ann\n");
    sends(&ws, &["list.csv"], 4);
    sends(&ws, &["list.csv", "--delimiter", "~"], 0);
    assert_eq!(ws.mailed(), ["ann@example.com"]);
    sends(&ws, &["list.csv", "--delimiter", "xy"], 2).says("tab, comma, semicolon");
    ws.file("tabs.csv", "email\tname\nben@example.com\tBen\n");
    assert!(ws.run(&["preview", "tabs.csv", "--delimiter", "tab"]).ends(0).out.contains("Ben"));
}

#[test]
fn short_rows_are_filled_and_longer_ones_invalid() {
    let list = "email,phone,name\nann@example.com,1,Ann,,\nben@example.com,2,Ben\n\n,,\n  \n";
    mails("list.csv", list, &[ANN, BEN])
        .says("lose those (1): list.csv:2")
        .says("rows without any value are skipped (2): list.csv:5, list.csv:6");
    let list = "email,name,phone\nann@example.com,Ann\nben@example.com,Ben,123\n";
    mails("list.csv", list, &[ANN, BEN]).says("filled with empty cells (1): list.csv:2");
    refuses("email,name\nann@example.com,Lee, Ann\n", &["row has 3 fields, the header has 2"]);
}

#[test]
fn columns_without_a_name_or_with_the_same_are_refused_only_where_they_are_used() {
    for list in [
        ",email,name\n0,ann@example.com,Ann\n",
        "email,name,\nann@example.com,Ann,\n",
        "email,name,Comment,Comment\nann@example.com,Ann,a,b\n",
    ] {
        mails("list.csv", list, &[ANN]);
    }
    let ws = sandbox();
    ws.file("list.csv", "email,name,Comment,Comment\nann@example.com,Ann,a,b\n")
        .message("Hi", "Hello {{ comment }}!");
    sends(&ws, &["list.csv"], 4)
        .says("column \"Comment\" stands twice in the list, as columns 3 and 4");
    ws.file("list.csv", "email,name,name\nann@example.com,Ann,b\n")
        .message("Hi", "Hello {{ name }}!");
    sends(&ws, &["list.csv"], 4).says("column \"name\" stands twice");
    sends(&ws, &["list.csv", "--where", "name == 'Ann'"], 2).says("stands twice");
    ws.file("list.csv", "email,email,name\nann@example.com,ben@example.com,Ann\n");
    sends(&ws, &["list.csv"], 4).says("2 columns could hold the address");
    sends(&ws, &["list.csv", "--email", "email"], 4)
        .says("column \"email\" stands twice, as columns 1 and 2");
}

#[test]
fn a_spreadsheets_protection_of_numbers_is_undone() {
    let list = "email,code,name\nann@example.com,x,\"=\"\"00123\"\"\"\n=\"ben@example.com\",y,=\"00456\"\n";
    mails("list.csv", list, &[("ann@example.com", "00123"), ("ben@example.com", "00456")]);
}

#[test]
fn rows_that_are_struck_out_are_never_mailed() {
    let list = "email,name\n# people of spring\n#ann@example.com,Ann\n// x@example.com,X\n--y@example.com,Y\n*z@example.com,Z\n! q@example.com,Q\nben@example.com,Ben\n";
    mails("list.csv", list, &[BEN])
        .says("are left out and not mailed (6): list.csv:2, list.csv:3, list.csv:4, …");
    mails("list.csv", "name,email\n# Ann,ann@example.com\nBen,ben@example.com\n", &[BEN]);
    refuses(
        "name,email\n#Ann,ann@example.com\nBen,ben@example.com\n",
        &["row begins with a mark that strikes it out or belongs to its text"],
    );
    mails("list.csv", "#email,name\nann@example.com,Ann\n", &[ANN])
        .says("the header is behind a mark");
    mails(
        "list.csv",
        "order,email,name\n#1001,ann@example.com,Ann\n#1002,ben@example.com,Ben\n",
        &[ANN, BEN],
    );
    mails("list.csv", "email,name\nben@example.com,#Ben\n", &[("ben@example.com", "#Ben")]);
    mails(
        "list.json",
        r##"[{"email":"#ann@example.com","name":"Ann"},{"email":"ben@example.com","name":"Ben"}]"##,
        &[BEN],
    );
    let ws = sandbox();
    ws.file("list.csv", list);
    let quiet = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(
        quiet.err.contains("left out and not mailed (6)") && quiet.out.is_empty(),
        "{}",
        quiet.err
    );
}

#[test]
fn a_list_without_a_header_keeps_its_first_person() {
    let ws = sandbox();
    ws.message("Hi", "Hello {{ email }}!");
    for list in [
        "ann@example.com\nben@example.com\n",
        "1,ann@example.com,Ann\n2,ben@example.com,Ben\n",
        "# of spring\nann@example.com\nben@example.com\n",
    ] {
        ws.file("list.csv", list);
        let dry = ws.run(&["send", "list.csv", "--dry-run", "--json"]).ends(0).object();
        assert_eq!(dry["would_send"], 2, "{list}");
        assert!(dry["notes"].to_string().contains("the list has no header"), "{dry}");
    }
    refuses(
        "ann@example.com,ben@example.com\n",
        &["list.csv:1: the list has no header", "several addresses"],
    );
}

#[test]
fn an_encoding_is_never_guessed_into_the_mail() {
    for (list, shown, label, name) in [
        (
            &b"email;name\nann@example.com;\xc0\xed\xed\xe0\nben@example.com;\xc2\xe8\xea\xf2\xee\xf0\n"[..],
            "2: …@example.com;",
            "windows-1251",
            "Анна",
        ),
        (b"email;name\nann@example.com;\xa3ukasz \x9cwi\xb9tek\n", "2: …@example.com;", "windows-1250", "Łukasz świątek"),
        (b"email,name\nann@example.com,\x8eR\x93c\n", "2: …@example.com,", "shift_jis", "山田"),
    ] {
        refuses(list, &["list.csv: is not UTF-8; as ", shown, "hint: if the text is right: --encoding "]);
        let ws = sandbox();
        ws.file("list.csv", list);
        assert!(ws.run(&["preview", "list.csv"]).ends(0).err.contains("is not UTF-8"));
        sends(&ws, &["list.csv", "--encoding", label], 0);
        let greets = |raw: &Vec<u8>| {
            mail_parser::MessageParser::default().parse(raw).is_some_and(|mail| mail.body_text(0).is_some_and(|text| text.contains(name)))
        };
        assert!(ws.outbox().values().any(greets), "{label}");
        // The same without a file.
        let piped = ws.run_with(&["-q", "send", "-", "--campaign", "piped"], list).ends(4);
        assert!(piped.err.contains("--encoding"), "{}", piped.err);
    }
}

#[test]
fn a_terminal_is_asked_whether_a_guessed_encoding_is_right() {
    let list = b"email;name\nann@example.com;M\xfcller\nben@example.com;Ben\n";
    for (answers, code, mailed) in [(&["n"][..], 4, 0), (&[""], 4, 0), (&["y"], 0, 2)] {
        let ws = sandbox();
        ws.file("list.csv", list);
        let (said, ended) = on_a_terminal(&ws, &["send", "list.csv"], answers);
        assert_eq!((ended, ws.outbox().len()), (code, mailed), "{answers:?}: {said}");
        for text in [
            "list.csv is not UTF-8; as windows-1252, which is a guess",
            "2: …@example.com;Müller",
            "is the text right",
        ] {
            assert!(said.contains(text), "no {text:?} in {said}");
        }
        assert_eq!(
            code == 4,
            said.contains("hint: ") && said.contains("--encoding windows-1252"),
            "{said}"
        );
    }
    // --yes answers how many leave, not what the text is; a dry run asks too, and -q does not hide
    // the question.
    let ws = sandbox();
    ws.file("list.csv", list);
    let (said, code) = on_a_terminal(&ws, &["send", "list.csv", "-y"], &[]);
    assert!(code == 4 && said.contains("--encoding windows-1252"), "{said}");
    let (said, code) = on_a_terminal(&ws, &["send", "list.csv", "--dry-run"], &["y"]);
    assert!(
        code == 0 && said.contains("list.csv is read as windows-1252, a guess that was agreed to"),
        "{said}"
    );
    let (said, code) = on_a_terminal(&ws, &["-q", "send", "list.csv"], &["y"]);
    assert!(code == 0 && said.contains("Müller"), "{said}");
    assert_eq!(ws.outbox().len(), 2);
}

#[test]
fn check_says_in_which_encoding_each_list_is_read() {
    let ws = sandbox();
    let utf_16: Vec<u8> = "\u{feff}email\tname\r\ncy@example.com\tCy\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    ws.file("plain.csv", "email,name\nann@example.com,Ann\n").file("wide.csv", &utf_16);
    ws.file("old.csv", b"email;name\nben@example.com;M\xfcller\nnobody;Ben\n");
    let lists = ["check", "plain.csv", "wide.csv", "old.csv"];
    let ran = ws.run(&[&lists[..], &["--max-invalid", "50%"]].concat()).ends(4);
    for text in [
        "wide.csv is read as utf-16le, by its byte order mark",
        "old.csv is read as windows-1252, a guess\n  2: …@example.com;Müller\n",
        "fix: if the text is right: --encoding windows-1252",
    ] {
        assert!(ran.out.contains(text), "no {text:?} in {}", ran.out);
    }
    assert!(!ran.out.contains("plain.csv is read as"), "{}", ran.out);
    assert!(ran.err.contains("old.csv: is not UTF-8"), "{}", ran.err);
    // What else is wrong does not hide the guess.
    let ran = ws.run(&lists).ends(4);
    assert!(
        ran.err.contains("cannot be mailed")
            && ran.out.contains("old.csv is read as windows-1252, a guess"),
        "{}{}",
        ran.out,
        ran.err
    );
    let object = ws.run(&[&lists[..], &["--json"]].concat()).ends(4).object();
    let found: Vec<(&str, &str)> = object["encodings"]
        .as_array()
        .expect("encodings")
        .iter()
        .map(|list| {
            (
                list["encoding"].as_str().expect("a label"),
                list["known_by"].as_str().expect("a word"),
            )
        })
        .collect();
    assert_eq!(found, [("utf-8", "content"), ("utf-16le", "mark"), ("windows-1252", "guess")]);
    assert_eq!(object["encodings"][2]["lines"], serde_json::json!(["2: …@example.com;Müller"]));
    let object = ws
        .run(&["check", "old.csv", "--encoding", "windows-1252", "--json", "--max-invalid", "50%"])
        .ends(0)
        .object();
    assert_eq!(object["encodings"][0]["known_by"], "named");
}

#[test]
fn one_bad_byte_in_utf_8_is_refused_by_line_and_byte() {
    let mut list = "email,name\n".to_owned() + &"ann@example.com,Jürgen\n".repeat(50);
    list.push_str("ben@example.com,B");
    refuses(
        [list.as_bytes(), b"\xfcrgen\n"].concat(),
        &["list.csv:52: byte 0xFC at offset ", "no UTF-8", "--encoding"],
    );
}

#[test]
fn numbers_of_json_keep_their_digits() {
    const ROW: &str = r#""iccid":89490200001234567891,"price":1.10,"big":1e3,"zero":-0,"id":12345678901234567,"tenth":0.1,"items":[{"n":2,"p":2.50}]"#;
    let array = format!(
        r#"[{{"email":"ann@example.com",{ROW}}}, {{"email":"ben@example.com",{}}}]"#,
        ROW.replace("7891", "7899")
    );
    let lines = array.replace("}]}, {", "}]}\n{");
    let lines = lines.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).expect("an array");
    for (name, list) in [("list.json", array.as_str()), ("list.ndjson", lines)] {
        let ws = sandbox();
        ws.config(&format!("{}[list]\nid = \"iccid\"\n", ws.read("mailbatch.toml")));
        ws.message(
            "SIM {{ iccid }}",
            "{{ iccid }} {{ price }} {{ big }} {{ zero }} {{ id }} {{ tenth }}{% for item in items %} {{ item.p }}{% endfor %} {{ price * 2 }} {{ iccid + 1 }}{% if price > 1 %} dear{% endif %}",
        );
        ws.file(name, list);
        sends(&ws, &[name, "--report", "out.ndjson", "--report", "out.csv"], 0);
        let mails: Vec<String> = ws
            .outbox()
            .values()
            .map(|raw| String::from_utf8_lossy(raw).replace("=\r\n", "").replace("=\n", ""))
            .collect();
        assert_eq!(mails.len(), 2, "{name}: two persons");
        for (digits, more) in [
            ("89490200001234567891", "89490200001234567892"),
            ("89490200001234567899", "89490200001234567900"),
        ] {
            let text = format!("{digits} 1.10 1e3 -0 12345678901234567 0.1 2.50 2.2 {more} dear");
            assert!(mails.iter().any(|mail| mail.contains(&text)), "{name}: {text} in {mails:?}");
        }
        assert!(ws.read("out.ndjson").contains(ROW), "{}", ws.read("out.ndjson"));
        let csv = ws.read("out.csv");
        assert!(csv.contains("89490200001234567891") && csv.contains("1.10"), "{csv}");
    }
}

/// Every list under `tests/fixtures/lists` has the header of a service's or a program's export, and
/// the same three people.
#[test]
fn exports_are_read_whole_with_default_settings() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lists");
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 19, "{names:?}");
    let ws = sandbox();
    ws.message("Hi", "Hello");
    for name in &names {
        ws.file(name, std::fs::read(dir.join(name)).expect("a fixture"));
        let dry = ws.run(&["send", name, "--dry-run", "--json"]);
        assert_eq!(dry.code, 0, "{name}: {}{}", dry.out, dry.err);
        assert_eq!(dry.object()["would_send"], 3, "{name}: {}", dry.out);
        sends(&ws, &[name, "--campaign", name], 0);
    }
    let mailed: Vec<String> = ws.outbox().values().map(|raw| to(raw)).collect();
    assert_eq!(mailed.len(), 3 * names.len());
    for person in ["ann@example.com", "ben@example.com", "cara@example.com"] {
        assert_eq!(mailed.iter().filter(|to| *to == person).count(), names.len(), "{person}");
    }
}

#[test]
fn the_only_column_with_addresses_is_taken_where_its_heading_is_about_mail() {
    let says = "no column is called email; the only one with addresses is taken";
    for list in [
        "name,Person - Email - Work,Person - Email - Home\nAnn,ann@example.com,\nBen,ben@example.com,\n",
        "name,Billing Email Address,Shipping Email\nAnn,ann@example.com,\nBen,ben@example.com,\n",
        "name;您的邮箱\nAnn;ann@example.com\nBen;ben@example.com\n",
    ] {
        mails("list.csv", list, &[ANN, BEN]).says(says);
    }
    mails("list.csv", "name,电子邮箱\nAnn,ann@example.com\n", &[ANN]);
    let owners = "name,Owner\nAnn,boss@acme.example\nBen,boss@acme.example\n";
    refuses(
        owners,
        &["no column is called email; only \"Owner\" holds addresses", "--email-column COLUMN"],
    );
    refuses(
        "name,Mail A,Mail B\nAnn,ann@example.com,a@example.org\n",
        &["no column is called email (its columns"],
    );
    let sparse = "name,Mail or phone\nAnn,ann@example.com\nBen,555-0100\nCara,\n";
    refuses(sparse, &["no column is called email (its columns"]);
}

#[test]
fn rows_of_answers_and_lines_of_totals_are_nobody() {
    let survey = "id,Email Address,name,Rate us\n,,Open-Ended Response,Response\n1,ann@example.com,Ann,5\n2,ben@example.com,Ben,5\n";
    mails("list.csv", survey, &[ANN, BEN]).says(
        "rows below the header that describe columns or repeat it are skipped (1): list.csv:2",
    );
    for footer in ["(2 rows affected)", "Grand Total", "2 rows selected."] {
        let list = format!("email,name\nann@example.com,Ann\nben@example.com,Ben\n\n{footer}\n");
        mails("list.csv", list, &[ANN, BEN]).says("lines of one text without an address, below an empty line, are skipped (1): list.csv:5");
    }
    // Without a gap it may be a person whose address is missing.
    refuses("email,name\nann@example.com,Ann\nBen\n", &["1 of 2 rows cannot be mailed"]);
}

#[test]
fn values_beyond_a_header_that_ends_with_the_address_have_no_name() {
    let row = |n: u8| format!("user{n}@example.com,2026-01-{n}\n");
    let list = format!("email\nann@example.com\n{}", (10..16).map(row).collect::<String>());
    let ws = sandbox();
    ws.message("Hi", "Hello!").file("list.csv", list);
    let ran = sends(&ws, &["list.csv"], 0);
    assert!(
        ran.err.contains("beyond the last column of the header")
            && ran.err.contains("(6): list.csv:3"),
        "{}",
        ran.err
    );
    assert_eq!(ws.mailed().len(), 7);
    // A name that is missing before or among others would put values under the wrong names.
    let list: String =
        (10..16).map(|n| format!("user{n}@example.com,User{n},2026-01-{n}\n")).collect();
    refuses(format!("email,name\n{list}"), &["row has 3 fields, the header has 2"]);
}

#[test]
fn two_addresses_in_one_cell_have_a_reason_of_their_own() {
    refuses(
        "Name,E-mail 1 - Value,x\nAnn,ann@example.com ::: ann@example.org,\n",
        &["cell holds several addresses, separated by :::"],
    );
}

#[test]
fn a_note_with_an_address_is_no_swallowed_row_and_a_swallowed_row_is_none_of_a_note() {
    let noted = "name,email,city,note\nAnn,ann@example.com,Oslo,\"Call first\nPhone, ann@example.org, Oslo\"\n";
    mails("list.csv", noted, &[ANN]);
    refuses(
        "name,city,email\n\"Ann,Oslo,ann@example.com\nBen\",Rome,ben@example.com\n",
        &["list.csv:2: a quote opens here", "another row"],
    );
}

#[test]
fn a_starred_name_is_neither_mailed_nor_lost_silently() {
    refuses(
        "name,email\n*VIP Ann,ann@example.com\nBen,ben@example.com\n",
        &["row begins with a mark"],
    );
}

#[test]
fn how_lists_are_read_can_be_configured_and_flags_win() {
    let ws = sandbox();
    ws.config(&format!(
        "{}[list]\ndelimiter = \"~\"\nencoding = \"windows-1252\"\nskip_lines = 1\n",
        ws.read("mailbatch.toml")
    ));
    ws.file("list.csv", b"x~y\nemail~name\nann@example.com~Zo\xeb\n");
    assert!(ws.run(&["preview", "list.csv"]).ends(0).out.contains("Zoë"));
    ws.run(&["config", "validate"]).ends(0);
    let shown = ws.run(&["config", "show", "--origin"]).ends(0).out;
    assert!(shown.contains("list.delimiter") && shown.contains("list.skip_lines"), "{shown}");
    ws.file("other.csv", "x\n1\nemail;name\nann@example.com;Ann\n");
    assert!(
        ws.run(&[
            "preview",
            "other.csv",
            "--delimiter",
            ";",
            "--skip-lines",
            "2",
            "--encoding",
            "utf-8"
        ])
        .ends(0)
        .out
        .contains("Hello Ann!")
    );
}

#[test]
fn compressed_and_piped_lists_are_read_alike() {
    use std::io::Write;
    let list = b"Spring\nemail~name\nann@example.com~Zo\xeb\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(list).expect("memory");
    let ws = sandbox();
    ws.file("list.csv.gz", gzip.finish().expect("memory"));
    ws.file("list.csv.zst", zstd::encode_all(&list[..], 0).expect("memory"));
    let flags = ["--delimiter", "~", "--encoding", "windows-1252", "--skip-lines", "1"];
    for name in ["list.csv.gz", "list.csv.zst"] {
        assert!(
            ws.run(&[&["preview", name][..], &flags].concat()).ends(0).out.contains("Zoë"),
            "{name}"
        );
    }
    let piped =
        ws.run_with(&[&["send", "-", "--campaign", "piped"][..], &flags].concat(), list).ends(0);
    assert_eq!(ws.mailed(), ["ann@example.com"], "{}", piped.err);
}

#[test]
fn suppressions_are_never_read_as_nobody() {
    let ws = sandbox();
    ws.file("list.csv", "email,name\nann@example.com,Ann\nben@example.com,Ben\n");
    let utf_16: Vec<u8> = "\u{feff}email\tname\r\nann@example.com\tx\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (file, says) in [
        (&b"sep=;\r\nemail;reason\r\nann@example.com;manual\r\n"[..], "Excel's sep= line"),
        (b"email;reason\nann@example.com;manual\n", "columns are separated by commas"),
        (b"Whom we do not mail\nemail\nann@example.com\n", "suppressions.csv:1: "),
        (b"email\n*ann@example.com\n", "struck out by a mark"),
        (b"email\nann@example.com\nJ\xfcrgen\n", "not valid UTF-8"),
        (&utf_16, "suppress import"),
    ] {
        ws.file("suppressions.csv", file);
        let refused = ws.run(&["send", "list.csv", "--suppress", "suppressions.csv"]).ends(4);
        assert!(refused.err.contains(says), "{says}: {}", refused.err);
    }
    assert!(ws.outbox().is_empty());
    ws.file("suppressions.csv", "\u{feff}\"email\",\"reason\"\n\"ann@example.com\",\"manual\"\n");
    sends(&ws, &["list.csv", "--suppress", "suppressions.csv"], 0);
    assert_eq!(ws.mailed(), ["ben@example.com"]);
}

#[test]
fn suppressions_are_imported_as_spreadsheets_write_them() {
    let ws = sandbox();
    ws.file("suppressions.csv", "email\n");
    ws.config(&format!(
        "{}[suppression]\nfiles = [\"suppressions.csv\"]\n",
        ws.read("mailbatch.toml")
    ));
    ws.file(
        "theirs.csv",
        "sep=;\r\nName;E-Mail;Grund\r\n# Ben;ben@example.com;\r\nAnn;ann@example.com;\r\n",
    );
    let ran = ws.run(&["-q", "suppress", "import", "theirs.csv"]).ends(0);
    assert!(
        ran.err.contains("are left out and suppress no address (1): theirs.csv:3"),
        "{}",
        ran.err
    );
    assert!(
        ws.read("suppressions.csv").contains("ann@example.com")
            && !ws.read("suppressions.csv").contains("ben@example.com")
    );
    ws.file("old.csv", b"E-Mail;Name\r\ncara@example.com;M\xfcller\r\n");
    assert!(ws.run(&["suppress", "import", "old.csv"]).ends(4).err.contains("--encoding"));
    ws.run(&["suppress", "import", "old.csv", "--encoding", "windows-1252"]).ends(0);
    assert!(ws.read("suppressions.csv").contains("cara@example.com"));
    ws.file("empty.csv", "");
    assert!(ws.run(&["suppress", "import", "empty.csv"]).ends(4).err.contains("is empty"));
    ws.file("prose.csv", "hello\nworld\n");
    assert!(
        ws.run(&["suppress", "import", "prose.csv"]).ends(4).err.contains("no column can be meant")
    );
}
