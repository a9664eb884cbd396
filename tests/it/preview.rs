//! `preview` says whether `send` would mail the rows that it shows, by the same screening, and why
//! not.

use crate::support::{Workspace, workspace};

/// A sandbox with this list and these suppressions.
fn sandbox(list: &str, suppressions: &str) -> Workspace {
    let work = workspace();
    work.sandbox_config("")
        .message("Hello", "Hello {{ name }}!")
        .file("list.csv", list)
        .file("stop.csv", suppressions);
    work.config(&format!(
        "{}\n[suppression]\nfiles = [\"stop.csv\"]\n",
        work.read("mailbatch.toml")
    ));
    work
}

const LIST: &str = "email,name\nann@example.com,Ann\nben@example.com,Ben\nANN@example.com,Annie\ncy@example.com,Cy\nnot-an-address,Dee\n";

#[test]
fn a_row_that_send_would_not_mail_is_named_with_its_reason() {
    let work = sandbox(LIST, "email,reason\n# of spring\nben@example.com,complaint\n");
    work.file("more.csv", "@example.com\n");
    let would_not = |arguments: &[&str], says: &[&str]| {
        let ran = work.run(&[&["-q", "preview", "list.csv"], arguments].concat()).ends(0);
        for text in says {
            assert!(ran.err.contains(text), "{arguments:?}: no {text:?} in {}", ran.err);
        }
        ran
    };
    let first = work.run(&["preview", "list.csv", "--row", "1"]).ends(0);
    assert!(first.out.contains("Hello Ann!") && first.err.is_empty(), "{}", first.err);
    let shown = would_not(
        &["--row", "2"],
        &["`send` would not mail row 2 (list.csv:3): suppressed: ", "complaint in stop.csv:3"],
    );
    assert!(shown.out.contains("Hello Ben!"), "the message is shown all the same: {}", shown.out);
    would_not(&["--email", "ben@example.com"], &["row 2 (list.csv:3): suppressed"]);
    would_not(
        &["--row", "3"],
        &["row 3 (list.csv:4): duplicate: the address stands earlier, in row 1 (list.csv:2)"],
    );
    would_not(
        &["--row", "4", "--suppress", "more.csv"],
        &["row 4 (list.csv:5): suppressed: domain listed", "manual in more.csv:1"],
    );
    let off = work.run(&["preview", "list.csv", "--row", "3", "--dedupe", "off"]).ends(0);
    assert!(off.err.is_empty(), "{}", off.err);
    let invalid = work.run(&["preview", "list.csv", "--row", "5"]).ends(4);
    assert!(
        invalid.err.contains("list.csv:6: `send` would not mail row 5: invalid: address has no @"),
        "{}",
        invalid.err
    );
    work.run(&["preview", "list.csv", "--row", "2", "--error-on-empty"]).ends(9);
    work.run(&["preview", "list.csv", "--sample", "5", "--error-on-empty"]).ends(0);
    let object = work.run(&["preview", "list.csv", "--row", "2", "--json"]).ends(0).object();
    assert_eq!(
        (&object["would_send"], &object["outcome"], &object["line"]),
        (&false.into(), &"suppressed".into(), &3.into()),
        "{object}"
    );
    let object = work.run(&["preview", "list.csv", "--row", "1", "--json"]).ends(0).object();
    assert_eq!(
        (&object["would_send"], &object["outcome"]),
        (&true.into(), &serde_json::Value::Null),
        "{object}"
    );
    // What a send does agrees, row by row.
    work.run(&["send", "list.csv", "--max-invalid", "50%"]).ends(0);
    assert_eq!(
        work.report().column("mb_outcome"),
        ["accepted", "suppressed", "duplicate", "accepted", "invalid"]
    );
}

#[test]
fn rows_that_are_no_rows_are_named_before_the_one_that_was_meant() {
    let work = sandbox(
        "email,name\n#ann@example.com,Ann\nben@example.com,Ben\nflo@example.com,Flo\ncy@example.com,Cy\n",
        "email\n",
    );
    let ran = work.run(&["-q", "preview", "list.csv", "--row", "1"]).ends(0);
    assert!(ran.out.contains("Hello Ben!"), "{}", ran.out);
    assert!(
        ran.err.contains("row 1 is list.csv:3; ")
            && ran.err.contains("left out and not mailed (1): list.csv:2"),
        "{}",
        ran.err
    );
    let ran = work.run(&["preview", "list.csv", "--row", "2", "--where", "name != 'Flo'"]).ends(0);
    assert!(
        ran.out.contains("Hello Cy!") && ran.err.contains("row 2 is list.csv:5; "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("rows are left out by --where (1): list.csv:4"), "{}", ran.err);
    let ran = work
        .run(&["preview", "list.csv", "--email", "flo@example.com", "--where", "name != 'Flo'"])
        .ends(4);
    assert!(
        ran.err.contains("list.csv:4: `send` would not mail this row: --where leaves it out"),
        "{}",
        ran.err
    );
    for arguments in [["--row", "9"], ["--email", "ann@example.com"]] {
        let ran = work.run(&[&["preview", "list.csv"], &arguments[..]].concat()).ends(4);
        assert!(ran.err.contains("struck out") && ran.err.contains("list.csv:2"), "{}", ran.err);
    }
}

#[test]
fn whom_the_campaign_has_reached_and_what_holds_it_is_said() {
    let work = sandbox(
        "email,name\nann@example.com,Ann\nreject+1@example.com,Ray\nben@example.com,Ben\n",
        "email\n",
    );
    work.run(&["send", "list.csv", "--limit", "2"]).ends(3);
    let run = work.newest_run();
    let says = |row: &str, text: &str| {
        let ran = work.run(&["preview", "list.csv", "--row", row]).ends(0);
        assert!(ran.err.contains(text), "row {row}: no {text:?} in {}", ran.err);
    };
    says(
        "1",
        &format!(
            "row 1 (list.csv:2): already_accepted: run {run} of the campaign reached this recipient"
        ),
    );
    says("2", "suppressed");
    let held = work.run(&["preview", "list.csv", "--row", "3"]).ends(0);
    assert!(held.err.is_empty(), "a send without --limit mails this row: {}", held.err);
    let other = work.run(&["preview", "list.csv", "--row", "1", "--campaign", "other"]).ends(0);
    assert!(other.err.is_empty(), "another campaign: {}", other.err);
    work.run(&["pause", "--reason", "wrong price"]).ends(0);
    says("3", "held: this workspace has been paused since");
    says("3", "wrong price");
    work.run(&["unpause"]).ends(0);

    let strict = sandbox("email,name\nreject+1@example.com,Ray\nben@example.com,Ben\n", "email\n");
    strict.run(&["send", "list.csv", "--canary", "1", "--no-learn"]);
    let latched = strict.run(&["preview", "list.csv", "--sample", "2"]).ends(0);
    assert!(
        latched.err.contains("row 1 (list.csv:2): ")
            || latched.err.contains("row 2 (list.csv:3): "),
        "{}",
        latched.err
    );
}

#[test]
fn a_row_of_a_refused_environment_or_an_unreadable_suppression_file_is_said() {
    let work = sandbox(LIST, "email\n");
    work.config(&format!(
        "{}\n[env.staging]\nallow = [\"@acme.example\"]\n",
        work.read("mailbatch.toml")
    ));
    let ran = work.run(&["preview", "list.csv", "--row", "1", "--env", "staging"]).ends(0);
    assert!(
        ran.err.contains("not among the addresses that this environment allows"),
        "{}",
        ran.err
    );
    work.file("stop.csv", "email\n*ann@example.com\n");
    let ran = work.run(&["preview", "list.csv", "--row", "1"]).ends(0);
    assert!(
        ran.out.contains("Hello Ann!")
            && ran.err.contains("stop.csv:2: ")
            && ran.err.contains("would refuse to begin"),
        "{}",
        ran.err
    );
    work.run_with(&["preview", "-", "--row", "1"], LIST).ends(0).says("Hello Ann!");
}

#[test]
fn the_column_has_one_flag_in_every_command_and_an_address_is_not_taken_for_it() {
    let work = workspace();
    work.sandbox_config("")
        .message("Hi {{ name }}", "Hello")
        .file("list.csv", "kontakt,name\nann@example.com,Ann\nben@example.com,Ben\n");
    for flag in ["--email-column", "--email"] {
        work.run(&["check", "list.csv", flag, "kontakt"]).ends(0).says("2  sendable");
    }
    work.run(&["preview", "list.csv", "--email-column", "kontakt", "--email", "ben@example.com"])
        .ends(0)
        .says("Hi Ben");
    work.run(&["preview", "list.csv", "--email", "kontakt"]).ends(2).says("--email-column");
    work.run(&["send", "list.csv", "--email", "ben@example.com"])
        .ends(4)
        .says("has no column")
        .says("`mailbatch preview LIST --email ADDRESS`");
    work.run(&["send", "list.csv"]).ends(4).says("hint: name it: --email-column COLUMN");
    work.run(&["send", "list.csv", "--email-column", "kontakt"]).ends(0);
    assert_eq!(work.mailed().len(), 2);
}

#[test]
fn a_name_that_is_no_column_is_answered_with_the_one_that_is_meant() {
    let work = workspace();
    work.sandbox_config("").file(
        "list.csv",
        "email,Preis (\u{20ac}),Name\nann@example.com,12,Ann\nben@example.com,,Ben\n",
    );
    for (used, meant) in [
        ("Preis", "did you mean {{ preis }}?"),
        ("Nmae", "did you mean {{ Name }}?"),
        ("row['name ']", "did you mean {{ Name }}?"),
    ] {
        work.message("Hi", &format!("From {{{{ {used} }}}}"));
        for command in [
            &["send", "list.csv"][..],
            &["send", "list.csv", "--dry-run"],
            &["preview", "list.csv", "--row", "1"],
        ] {
            let said =
                work.run(command).ends(4).says("is undefined").says(meant).says("{{ email }}");
            assert!(!said.err.contains("fill in the column"), "{}", said.err);
        }
        work.run(&["check", "list.csv"]).ends(4).says(meant);
    }
    assert!(work.outbox().is_empty());
    // What the hint says works.
    work.message("Hi", "From {{ preis }}");
    work.run(&["send", "list.csv"]).ends(0);
    work.file(
        "list.ndjson",
        "{\"email\":\"ann@example.com\",\"name\":\"Ann\"}\n{\"email\":\"ben@example.com\"}\n",
    )
    .message("Hi", "Dear {{ name }}");
    work.run(&["send", "list.ndjson"])
        .ends(4)
        .says("fill in the column, or give the message a default");
}
