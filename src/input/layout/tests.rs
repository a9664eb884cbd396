use super::*;

fn found(text: &str) -> (Layout, Vec<(Kind, u64)>) {
    of(text, &Known::default())
}

fn of(text: &str, known: &Known<'_>) -> (Layout, Vec<(Kind, u64)>) {
    let mut findings = Findings::default();
    let layout = find(text, true, known, &mut findings).expect("sound");
    (layout, findings.all("l").into_iter().map(|finding| (finding.kind, finding.count)).collect())
}

#[test]
fn the_delimiter_is_the_split_that_yields_a_column_of_addresses() {
    for (text, delimiter) in [
        (
            "Name, Vorname;E-Mail;Betrag (EUR, netto)\nMüller, Ann;ann@example.com;19,90\nRay, Ben;ben@example.com;5,00\n",
            b';',
        ),
        ("email;name\na@b.example;\"x, y\"\n", b';'),
        ("email\tname\na@b.example\tx,y\n", b'\t'),
        ("email|name\na@b.example|b\n", b'|'),
        ("email\na;b\n", b','),
        ("email,tags;more\na,x\nb,y;z;w\n", b','),
        ("\"a;b;c\",d\n1,2\n", b','),
        ("id;who\n1;a@b.example,c@d.example\n2;e@f.example\n", b';'),
        ("a@b.example;x,y\nc@d.example;x,z\n", b';'),
        ("email;name\n", b';'),
    ] {
        assert_eq!(char::from(found(text).0.delimiter), char::from(delimiter), "{text}");
    }
    assert_eq!(
        of("a!b,c\n", &Known { delimiter: Some(b'!'), ..Known::default() }).0.delimiter,
        b'!'
    );
}

#[test]
fn lines_before_the_header_are_skipped_and_said() {
    for (text, line, said) in [
        ("email,name\na@b.example,A\n", 1, vec![]),
        ("sep=;\r\nemail;name\r\na@b.example;A\r\n", 2, vec![(Kind::Separator, 1)]),
        ("\"SEP=,\"\nemail,name\n", 2, vec![(Kind::Separator, 1)]),
        ("Spring list\n\n\nname,email\nA,a@b.example\n", 4, vec![(Kind::Preamble, 1)]),
        (
            "Spring list,,\nas of,2026-11-21,\nname,email,x\nA,a@b.example,\n",
            3,
            vec![(Kind::Preamble, 2)],
        ),
        (
            "Notes:\n\"When exporting, \"\"some\"\" are missing, e.g. those\"\n\nFirst Name,Email Address\nA,a@b.example\n",
            4,
            vec![(Kind::Preamble, 2)],
        ),
        (
            "# of spring\n#old@b.example,O\nemail,name\na@b.example,A\n",
            3,
            vec![(Kind::Preamble, 2)],
        ),
        ("Exported by,me@b.example\nemail,name\na@b.example,A\n", 2, vec![(Kind::Preamble, 1)]),
        ("Email\nemail,name\na@b.example,A\n", 2, vec![(Kind::Preamble, 1)]),
    ] {
        let (layout, findings) = found(text);
        assert_eq!((layout.line, layout.headless), (line, None), "{text}");
        assert_eq!(findings, said, "{text}");
        assert!(text[layout.at..].to_lowercase().contains("mail"), "{text}");
    }
}

#[test]
fn a_first_line_that_is_a_recipient_is_no_header() {
    for (text, place) in [
        ("a@b.example\nc@d.example\n", 0),
        ("1,a@b.example,Ann\n2,c@d.example,Ben\n", 1),
        ("# people\na@b.example\n", 0),
        ("a@b.example,Ann\nemail,name\nc@d.example,Cem\n", 0),
        ("\"a@b.example\";Ann\n", 0),
    ] {
        let (layout, findings) = found(text);
        assert_eq!((layout.headless, layout.at), (Some(place), 0), "{text}");
        assert_eq!(findings, [(Kind::NoHeader, 1)], "{text}");
    }
    assert!(
        find("a@b.example,c@d.example\n", true, &Known::default(), &mut Findings::default())
            .is_err()
    );
    assert_eq!(found("id,kontakt\n1,a@b.example\n").0.headless, None);
}

#[test]
fn lines_can_be_skipped_by_number_and_a_column_by_name() {
    let text = "x\n\ny,z\nwho,email\na@b.example,c@d.example\n";
    let known = |skip_lines, email| Known { skip_lines, email, ..Known::default() };
    assert_eq!(of(text, &known(Some(3), None)).0.line, 4);
    assert_eq!(of(text, &known(Some(1), None)).0.line, 3, "a blank line is never the header");
    assert_eq!(of(text, &known(None, Some("who"))).0.line, 4);
    assert!(find(text, true, &known(Some(9), None), &mut Findings::default()).is_err());
}

#[test]
fn a_header_behind_a_mark_and_rows_of_descriptions_are_known() {
    let (layout, _) = found("#email,name\na@b.example,A\n");
    assert!(layout.is_marked && layout.line == 1);
    let (layout, findings) = found("# email,name\nemail,name,city\na@b.example,A,B\n");
    assert!(!layout.is_marked && layout.line == 2 && findings == [(Kind::Preamble, 1)]);
    let qualtrics = "StartDate,RecipientEmail\nStart Date,Recipient Email\n\"{\"\"ImportId\"\":\"\"x\"\"}\",\"{\"\"ImportId\"\":\"\"y\"\"}\"\n2026,a@b.example\n";
    assert_eq!(found(qualtrics).0.descriptions, 2);
    let own = |text: &str| found(text).0.own_mark;
    assert_eq!(own("Name,Email\n*Ann,a@b.example\n*Ben,c@d.example\n"), Some("*"));
    for text in [
        "Name,Email\n#1001,a@b.example\n#1002,c@d.example\n",
        "Name,Email\n*Ann,a@b.example\nBen,c@d.example\n",
        "Name,Email\n*Ann,a@b.example\n",
    ] {
        assert_eq!(own(text), None, "{text}");
    }
    assert_eq!(
        found(&format!("Name,Email,x\n{}Ann,a@b.example\n", "Ann,a@b.example,x\n".repeat(5)))
            .0
            .usual,
        Some(3)
    );
    assert_eq!(found(&format!("Name,Email,x\n{}", "Ann,a@b.example,x\n".repeat(4))).0.usual, None);
}

#[test]
fn a_sep_line_is_told_from_a_column() {
    for (line, byte) in [
        ("sep=;", Some(b';')),
        ("SEP=\t", Some(b'\t')),
        ("\u{feff}\"sep=,\"", Some(b',')),
        ("sep=;;;", Some(b';')),
        ("sep=\\t", Some(b'\t')),
    ] {
        assert_eq!(separator(line), byte, "{line}");
    }
    for line in ["sep=", "sep=x", "separator;email", "email", "sep=;email"] {
        assert_eq!(separator(line), None, "{line}");
    }
}
