//! One mailbox is one person however it is written, and who is suppressed is not mailed under
//! another spelling.

use std::process::Output;

use crate::support::{Workspace, workspace};

/// A sandbox with this list and these suppressions.
fn sandbox(list: &str, suppressions: &str) -> Workspace {
    let work = workspace();
    work.sandbox_config("")
        .message("Hello", "Hello.")
        .file("list.csv", list)
        .file("suppressions.csv", suppressions);
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[suppression]\nfiles = [\"suppressions.csv\"]\n"));
    work
}

fn run(work: &Workspace, arguments: &[&str]) -> Output {
    work.mailbatch().args(arguments).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[track_caller]
fn ends(work: &Workspace, arguments: &[&str], exit: i32) -> String {
    let output = run(work, arguments);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Whom the sandbox's messages went to, in order of the alphabet.
fn mailed(work: &Workspace) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(work.join(".mailbatch/outbox")) else { return Vec::new() };
    let to = |entry: std::io::Result<std::fs::DirEntry>| {
        let text =
            std::fs::read_to_string(entry.expect("a readable outbox").path()).expect("a message");
        text.lines()
            .find_map(|line| line.strip_prefix("To: ").map(str::to_owned))
            .expect("a recipient")
    };
    let mut all: Vec<String> = entries.map(to).collect();
    all.sort();
    all
}

/// The outcome and detail of the report's rows, in input order.
fn rows(work: &Workspace) -> Vec<(String, String)> {
    let report = work.read("out.csv");
    let mut reader = csv::Reader::from_reader(report.as_bytes());
    let names = reader.headers().expect("a header").clone();
    let at = |name: &str| names.iter().position(|other| other == name).expect("a column");
    let (outcome, detail) = (at("mb_outcome"), at("mb_detail"));
    reader
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| (row[outcome].to_owned(), row[detail].to_owned()))
        .collect()
}

#[test]
fn an_invisible_character_neither_evades_a_suppression_nor_makes_another_person() {
    let list = "email,name\n\u{200b}ann@example.com,Ann\nben@example.com\u{200e},Ben\n\u{202a}cara@example.com\u{202c},Cara\n\
                dan\u{200b}@example.com,Dan\neve@exam\u{ad}ple.com,Eve\n\u{feff}flo@example.com,Flo\ngus@example.com\u{a0},Gus\nann@example.com,Ann again\n";
    let work =
        sandbox(list, "email,reason\nann@example.com,complaint\ndan@example.com,complaint\n");
    let checked = ends(&work, &["check", "list.csv", "--max-invalid", "50%"], 0);
    for part in [
        "5 addresses had invisible characters at an end",
        "list.csv:2, list.csv:3, list.csv:4",
        "U+200B",
        "U+00AD",
        "list.csv:5",
        "list.csv:6",
    ] {
        assert!(checked.contains(part), "{part:?} is not in: {checked}");
    }
    ends(&work, &["check", "list.csv"], 4);
    ends(&work, &["send", "list.csv", "--max-invalid", "50%", "--report", "out.csv"], 0);
    assert_eq!(
        mailed(&work),
        ["ben@example.com", "cara@example.com", "flo@example.com", "gus@example.com"]
    );
    let outcomes: Vec<String> = rows(&work).into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(
        outcomes,
        [
            "suppressed",
            "accepted",
            "accepted",
            "invalid",
            "invalid",
            "accepted",
            "accepted",
            "duplicate"
        ]
    );
}

#[test]
fn invisible_ends_are_counted_in_suppression_files_imports_and_json() {
    let work = sandbox(
        "email\n\u{200b}zoe@example.com\n",
        "email,reason\nben@example.com,\n\u{200b}ann@example.com,complaint\n@example.net\u{a0},\n",
    );
    let checked = ends(&work, &["check", "list.csv"], 0);
    assert!(
        checked.contains("2 entries had invisible characters at an end, which were taken off: suppressions.csv:3, suppressions.csv:4"),
        "{checked}"
    );
    let sent = ends(&work, &["send", "list.csv", "--dry-run"], 0);
    assert!(sent.contains("2 entries had invisible characters"), "{sent}");
    let output = run(&work, &["check", "list.csv", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
    let finding = |rule: &str| {
        let findings = object["findings"].as_array().expect("findings");
        findings
            .iter()
            .find(|finding| finding["rule"] == rule)
            .unwrap_or_else(|| panic!("no {rule} in {object}"))
            .clone()
    };
    assert_eq!(
        (&finding("unseen_ends")["count"], &finding("unseen_ends")["places"][0]),
        (&1.into(), &"list.csv:2".into())
    );
    let entries = finding("suppression_unseen_ends");
    assert_eq!(
        (&entries["count"], &entries["places"]),
        (&2.into(), &serde_json::json!(["suppressions.csv:3", "suppressions.csv:4"]))
    );
    work.file(
        "theirs.csv",
        "name,email\nDan,dan@example.org\nCara,\u{feff}cara@example.org\u{202c}\n",
    );
    let imported = ends(&work, &["suppress", "import", "theirs.csv"], 0);
    assert!(
        imported.contains(
            "addresses with invisible characters at an end, which are taken off (1): theirs.csv:3"
        ),
        "{imported}"
    );
    assert!(work.read("suppressions.csv").contains("\ncara@example.org,"));
}

#[test]
fn an_apostrophe_that_is_a_letter_is_one_person_with_the_keyboards() {
    // Ukrainian words are written with U+02BC, and typed with the keyboard's sign as often.
    let list = "email\n\u{43f}\u{2bc}\u{44f}\u{442}\u{44c}@example.com\n\u{441}\u{456}\u{43c}\u{2bc}\u{44f}@example.com\n\
                o\u{2bc}brien@example.com\n\u{2bc}\u{44f}\u{43c}@example.com\nann@\u{43f}\u{2bc}\u{44f}\u{442}\u{44c}.example\n";
    let work = sandbox(list, "\u{43f}'\u{44f}\u{442}\u{44c}@example.com\n");
    let checked = ends(&work, &["check", "list.csv", "--max-invalid", "50%"], 0);
    assert!(checked.contains("U+02BC") && checked.contains("did you mean '"), "{checked}");
    assert!(checked.contains("letters that look like others"), "{checked}");
    let seen = checked.lines().any(|line| {
        line.contains("look like others")
            && line.contains("list.csv:2")
            && line.contains("list.csv:3")
    });
    assert!(seen, "{checked}");
    ends(&work, &["send", "list.csv", "--max-invalid", "50%", "--report", "out.csv"], 0);
    let outcomes: Vec<String> = rows(&work).into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["suppressed", "accepted", "invalid", "invalid", "accepted"]);
    // The other way round, and by a hash of either spelling.
    for entry in [
        "\u{441}\u{456}\u{43c}\u{2bc}\u{44f}@example.com",
        "\u{441}\u{456}\u{43c}'\u{44f}@example.com",
    ] {
        let digest = ring::digest::digest(&ring::digest::SHA256, entry.as_bytes());
        let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        for entry in [entry.to_owned(), format!("sha256:{hash}")] {
            let work = sandbox(
                "email\n\u{441}\u{456}\u{43c}\u{2bc}\u{44f}@example.com\n\u{441}\u{456}\u{43c}'\u{44f}@example.com\n",
                &format!("email\n{entry}\n"),
            );
            ends(&work, &["send", "list.csv"], 0);
            assert_eq!(mailed(&work), Vec::<String>::new(), "{entry}");
        }
    }
}

#[test]
fn quotation_marks_around_or_in_an_address_never_evade_a_suppression() {
    let list = "email,name\n'ann@example.com,Ann\n'ben@example.com',Ben\no\u{2019}brien@example.com,Pat\no'neil@example.com,Shaq\n\
                \u{201c}cara@example.com\u{201d},Cara\n";
    let work = sandbox(list, "ann@example.com\nben@example.com\no'brien@example.com\n");
    let refused = ends(&work, &["send", "list.csv"], 4);
    for part in ["U+0027 (')", "U+2019 (’), a typographic sign; did you mean '", "U+201C"] {
        assert!(refused.contains(part), "{part:?} is not in: {refused}");
    }
    ends(&work, &["send", "list.csv", "--max-invalid", "90%", "--report", "out.csv"], 0);
    assert_eq!(mailed(&work), ["o'neil@example.com"]);
}

#[test]
fn rows_that_were_struck_out_and_look_alikes_are_never_mailed() {
    let list = "email\nzoe@example.com\n#ann@example.com\n//ann@example.com\n--ann@example.com\n*ann@example.com\n!ann@example.com\n\
                ann@\u{435}xample.com\n\u{430}nn@example.com\nann\u{ff20}example.com\n\u{ff41}nn@example.com\n<ann@example.com>\nmailto:ann@example.com\n\
                \"ann@example.com,\"\nann@example.com;\nann@example.com.\nann@\u{1f600}.example\nann@xn--e28h.example\n";
    let work = sandbox(list, "ann@example.com\n");
    ends(&work, &["send", "list.csv", "--max-invalid", "100%", "--report", "out.csv"], 0);
    assert_eq!(mailed(&work), ["zoe@example.com"]);
}

#[test]
fn every_spelling_of_a_mailbox_is_suppressed_alike_in_file_import_and_command() {
    let spellings = [
        "ann.b@example.com",
        "\"ann.b\"@example.com",
        "\"a\\nn.b\"@EXAMPLE.com",
        "ANN.B@example.com",
        "\u{200b}ann.b@example.com\u{a0}",
    ];
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let list: String = std::iter::once("email".to_owned())
        .chain(spellings.iter().map(|text| quoted(text)))
        .collect::<Vec<_>>()
        .join("\n");
    for spelling in spellings {
        let by_file = sandbox(&list, &format!("email\n{}\n", quoted(spelling)));
        ends(&by_file, &["send", "list.csv", "--report", "out.csv"], 0);
        assert_eq!(mailed(&by_file), Vec::<String>::new(), "{spelling} in a file");

        let by_command = sandbox(&list, "email\n");
        ends(&by_command, &["suppress", "add", spelling], 0);
        spellings
            .iter()
            .for_each(|other| drop(ends(&by_command, &["suppress", "check", other], 0)));
        ends(&by_command, &["send", "list.csv"], 0);
        assert_eq!(mailed(&by_command), Vec::<String>::new(), "{spelling} by a command");
        ends(&by_command, &["suppress", "remove", spellings[1]], 0);
        ends(&by_command, &["suppress", "check", spelling], 9);

        let by_import = sandbox(&list, "email\n");
        by_import.file("theirs.csv", format!("email\n{}\n", quoted(spelling)));
        ends(&by_import, &["suppress", "import", "theirs.csv", "--reason", "manual"], 0);
        ends(&by_import, &["send", "list.csv"], 0);
        assert_eq!(mailed(&by_import), Vec::<String>::new(), "{spelling} imported");
    }
    let work = sandbox(&list, "email\n");
    ends(&work, &["send", "list.csv"], 0);
    assert_eq!(mailed(&work), ["ann.b@example.com"], "one mailbox is mailed once");
}

#[test]
fn a_suppression_that_hides_something_is_refused_and_named_wherever_it_is_given() {
    for (entry, named) in [
        ("dan\u{200b}@example.com", "U+200B"),
        ("'ann@example.com", "U+0027"),
        ("o\u{2019}brien@example.com", "U+2019"),
        ("ann@\u{435}xample.com", "another script"),
        ("ann@exam\u{ad}ple.com", "U+00AD"),
        ("ann\u{ff20}example.com", "U+FF20"),
    ] {
        let work = sandbox("email\nzoe@example.com\n", &format!("email\n{entry}\n"));
        let refused = ends(&work, &["send", "list.csv"], 4);
        assert!(
            refused.contains("suppressions.csv:2: ") && refused.contains(named),
            "{entry}: {refused}"
        );
        assert_eq!(mailed(&work), Vec::<String>::new());
        work.file("suppressions.csv", "email\n").file("theirs.csv", format!("email\n{entry}\n"));
        for arguments in [
            &["suppress", "add", entry][..],
            &["suppress", "check", entry],
            &["suppress", "remove", entry],
        ] {
            let refused = ends(&work, arguments, 2);
            assert!(refused.contains(named), "{arguments:?}: {refused}");
        }
        let refused = ends(&work, &["suppress", "import", "theirs.csv", "--reason", "manual"], 4);
        assert!(
            refused.contains("theirs.csv:2: ") && refused.contains(named),
            "{entry}: {refused}"
        );
    }
}
