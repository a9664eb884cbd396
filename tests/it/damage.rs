//! Damage in exports: joined, cut and shifted rows, broken formulas. Nobody is mailed with
//! another's data, or lost without a word.

use crate::support::{Workspace, workspace};

/// A sandbox whose message prints the name, with this list.
fn sandbox(list: impl AsRef<[u8]>) -> Workspace {
    let ws = workspace();
    ws.sandbox_config("").message("Hi", "Hello {{ name }}!").file("list.csv", list);
    ws
}

/// Rows of `user1` to `user20`, each as `row` writes it, with `odd` in place of the tenth.
fn rows(header: &str, row: impl Fn(usize) -> String, odd: &str) -> String {
    let lines = (1..=20).map(|number| if number == 10 { odd.to_owned() } else { row(number) });
    std::iter::once(header.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

/// The list is refused by check and send with these words, and nothing is mailed.
#[track_caller]
fn refuses(list: impl AsRef<[u8]>, says: &[&str]) {
    let ws = sandbox(list);
    for arguments in [&["check", "list.csv"][..], &["-q", "send", "list.csv"]] {
        let ran = ws.run(arguments).ends(4);
        for text in says.iter().chain(&["hint: "]) {
            assert!(ran.err.contains(text), "{arguments:?}: no {text:?} in {}", ran.err);
        }
    }
    assert!(ws.mailed().is_empty());
}

/// Row 10 is invalid for this reason, which is said under `-q` too, and the others are mailed.
#[track_caller]
fn counts(list: impl AsRef<[u8]>, says: &str) {
    let ws = sandbox(list);
    ws.run(&["check", "list.csv"]).ends(0).says(says).says("list.csv:11");
    let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(ran.err.contains(says) && ran.err.contains("list.csv:11"), "{}", ran.err);
    assert_eq!(ws.mailed().len(), 19, "{:?}", ws.mailed());
    assert!(
        ws.mailed().iter().all(|to| to.starts_with("user") && to.ends_with("@example.com")),
        "{:?}",
        ws.mailed()
    );
    assert_eq!(ws.report().counts().get("invalid"), Some(&1));
}

#[test]
fn a_second_header_with_other_columns_is_refused_and_the_same_one_skipped() {
    let first = rows(
        "email,name,vip",
        |n| format!("user{n}@example.com,User{n},no"),
        "user10@example.com,User10,no",
    );
    for other in [
        "email,vip,name",
        "Email,VIP,Name",
        "\u{feff}email,vip,name",
        "email,vip,name,city",
        "vip,name,e-mail",
    ] {
        refuses(
            format!("{first}{other}\nzoe@example.com,yes,Zoe\n"),
            &["list.csv:22: is a header with other columns than that on line 1"],
        );
    }
    for same in ["email,name,vip", "\u{feff}Email,NAME,vip,"] {
        let ws = sandbox(format!("{first}{same}\nzoe@example.com,Zoe,yes\n"));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        assert!(ran.err.contains("or repeat it are skipped (1): list.csv:22"), "{}", ran.err);
        assert_eq!(ws.mailed().len(), 21);
    }
    // One column, and a suppression that was joined likewise.
    let ws = sandbox("email\nann@example.com\nEmail\nben@example.com\n");
    ws.message("Hi", "Hello");
    ws.run(&["send", "list.csv"]).ends(0);
    assert_eq!(ws.mailed().len(), 2);
    ws.config(&format!("{}\n[suppression]\nfiles = [\"stop.csv\"]\n", ws.read("mailbatch.toml")));
    ws.file("stop.csv", "email\n").file(
        "theirs.csv",
        "email,reason\nann@example.com,spam\nreason,email\nspam,ben@example.com\n",
    );
    ws.run(&["suppress", "import", "theirs.csv"])
        .ends(4)
        .says("theirs.csv:3: is a header with other columns");
}

#[test]
fn a_formula_error_is_no_mark_that_strikes_out() {
    for error in ["#N/A", "#REF!", "#NAME?", "#NV", "* Work", "-- n/a", "!"] {
        counts(
            rows(
                "email,name",
                |n| format!("user{n}@example.com,User{n}"),
                &format!("{error},User10"),
            ),
            "address has no @",
        );
        counts(
            rows(
                "name,email",
                |n| format!("User{n},user{n}@example.com"),
                &format!("User10,{error}"),
            ),
            "address has no @",
        );
    }
    refuses(
        rows("email,name", |n| format!("#REF!,User{n}"), "#REF!,User10"),
        &["20 of 20 rows cannot be mailed"],
    );
    let ws = sandbox(rows(
        "name,email",
        |n| format!("User{n},user{n}@example.com"),
        "#N/A,user10@example.com",
    ));
    ws.run(&["send", "list.csv"]).ends(0);
    assert_eq!(ws.mailed().len(), 20, "an error in a data cell is data");
}

#[test]
fn a_comma_in_place_of_a_dot_never_mails_the_stump() {
    let says = "address goes on in the next cell";
    counts(
        rows(
            "name,email,amount,",
            |n| format!("User{n},user{n}@example.com,{n},"),
            "User10,user10@example,com,10,",
        ),
        says,
    );
    counts(
        rows(
            "name,email,amount",
            |n| format!("User{n},user{n}@example.com,"),
            "User10,user10@example,com,",
        ),
        says,
    );
    counts(
        rows(
            "name,email,amount,x,y",
            |n| format!("User{n},user{n}@example.com,{n}"),
            "User10,user10@example,com,10",
        ),
        says,
    );
    let says = "row has 5 fields, most rows have 4";
    counts(
        rows(
            "name,email,amount,",
            |n| format!("User{n},user{n}@example.com,{n},"),
            "User10,user10@example.com,1,5,",
        ),
        says,
    );
}

#[test]
fn a_row_that_is_cut_off_is_no_recipient() {
    for cut in
        ["User10,user10@exam", "User10,user10@example", "User10,user10@example.c", "User10,user10@"]
    {
        let list = rows("name,email,amount", |n| format!("User{n},user{n}@example.com,{n}"), cut);
        counts(list, if cut.ends_with('@') { "address" } else { "row ends inside its address" });
    }
    let list = rows(
        "name,email,amount",
        |n| format!("User{n},user{n}@example.com,{n}"),
        "User10,user10@example.com,10",
    );
    for cut in ["Zoe,zoe@example.co", "Zoe,zoe@example.com,"] {
        let ws = sandbox(format!("{list}{cut}"));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        let is_short = !cut.ends_with(',');
        assert_eq!(ran.err.contains("file ends inside this row"), is_short, "{}", ran.err);
        assert_eq!(ws.mailed().len(), if is_short { 20 } else { 21 });
    }
    // A few short rows tell nothing about each other.
    let ws = sandbox("name,email,amount\nAnn,ann@example.com\nBen,ben@example.com");
    ws.run(&["send", "list.csv"]).ends(0);
    assert_eq!(ws.mailed().len(), 2);
}

#[test]
fn a_domain_without_a_dot_is_said() {
    let ws = sandbox("email,name\nann@example.com,Ann\nben@example,Ben\n");
    ws.run(&["check", "list.csv"])
        .ends(0)
        .says("nothing to do where a local network delivers them");
    let quiet = ws.run(&["-q", "check", "list.csv"]).ends(0);
    assert!(
        quiet
            .err
            .contains("domain has no dot, which only a local network delivers (1): list.csv:3"),
        "{}",
        quiet.err
    );
    let quiet = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(quiet.err.contains("domain has no dot"), "{}", quiet.err);
}

#[test]
fn a_row_of_another_length_among_short_ones_is_named() {
    let row = |n: usize| format!("User{n},x,user{n}@example.com,old-user{n}@example.com");
    let ws = sandbox(rows(
        "name,company,email,email 2,a,b,c",
        row,
        "User10,user10@example.com,old-user10@example.com",
    ));
    let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(
        ran.err.contains("another number of fields than most rows")
            && ran.err.contains("(1): list.csv:11"),
        "{}",
        ran.err
    );
}

#[test]
fn a_row_whose_second_address_stands_in_the_place_of_the_first_is_no_recipient() {
    let row = |n: usize| {
        format!(
            "User{n},x,user{n}@example.com,{}",
            if n.is_multiple_of(2) { "" } else { "old-user@example.com" }
        )
    };
    for (odd, says) in [
        (
            "User10,user10@example.com,old-user10@example.com",
            "row has 3 fields, most rows have 4, and an address where they have none",
        ),
        (
            "User10,x;user10@example.com,old-user10@example.com",
            "row has 3 fields, most rows have 4, and an address where they have none",
        ),
    ] {
        counts(rows("name,company,email,email 2,a,b,c", row, odd), says);
        counts(rows("name,company,email,email 2", row, odd), says);
    }
    // Cells that were left out at the end, and empty ones beyond columns that are always filled,
    // shift nothing.
    let full = |n: usize| format!("User{n},x,user{n}@example.com,old-user{n}@example.com");
    for sound in [
        "User10,x,user10@example.com",
        "User10,x,user10@example.com,old@example.com,,",
        "User10,\"write to: boss@acme.example, b@x\",user10@example.com",
    ] {
        let ws = sandbox(rows("name,company,email,email 2", full, sound));
        ws.run(&["send", "list.csv", "--email", "email"]).ends(0);
        assert_eq!(ws.mailed().len(), 20, "{sound}");
    }
}

#[test]
fn addresses_that_cannot_be_right_are_said() {
    let ws =
        sandbox("email,name\nann@example.com,Ann\nben@example.c,Ben\ncy@example.com.invalid,Cy\n");
    let ran = ws.run(&["check", "list.csv"]).ends(0);
    for text in [
        "domain that ends in a single letter: list.csv:3",
        "domain under .invalid, which never takes mail: list.csv:4",
    ] {
        assert!(ran.out.contains(text), "no {text:?} in {}", ran.out);
    }
}

#[test]
fn a_lone_carriage_return_in_a_cell_is_refused_by_line() {
    for end in ["\n", "\r\n"] {
        for odd in [
            "Us\rer10,user10@example.com,10",
            "User10,user10@exa\rmple.com,10",
            "User10,user10@example.com,1\r0",
        ] {
            let list =
                rows("name,email,amount", |n| format!("User{n},user{n}@example.com,{n}"), odd)
                    .replace('\n', end);
            refuses(list, &["list.csv:11: a lone carriage return (CR) cuts this row in two"]);
        }
    }
    // Whole rows between carriage returns are rows, and so they are where every line ends with one.
    let list = rows(
        "name,email,amount",
        |n| format!("User{n},user{n}@example.com,{n}"),
        "A,a@example.com,1\rB,b@example.com,2\rC,c@example.com,3",
    );
    for list in [
        list.clone(),
        list.replace('\n', "\r"),
        "email\rann@example.com\rben@example.com\r".to_owned(),
    ] {
        let ws = sandbox(&list);
        ws.message("Hi", "Hello").run(&["send", "list.csv"]).ends(0);
        assert_eq!(ws.mailed().len(), if list.starts_with("name") { 22 } else { 2 });
    }
}

#[test]
fn a_mark_before_a_row_is_told_from_marks_that_belong_to_names() {
    for odd in ["// #1010,user10@example.com,User10", "-- #1010,user10@example.com,User10"] {
        let ws = sandbox(rows(
            "order,email,name",
            |n| format!("#10{n:02},user{n}@example.com,User{n}"),
            odd,
        ));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        assert!(ran.err.contains("left out and not mailed (1): list.csv:11"), "{}", ran.err);
        assert_eq!(ws.mailed().len(), 19);
    }
    // Each row is judged by its own mark, whatever the first ones have.
    for (mark, mailed, says) in [
        ("# ", 8, "left out and not mailed (11)"),
        ("// ", 8, "left out and not mailed (11)"),
        ("#10", 19, "taken as recipients (11)"),
        ("#D", 19, ""),
    ] {
        let ws = sandbox(rows(
            "order,email,name",
            |n| format!("{}{n},user{n}@example.com,User{n}", if n < 13 { mark } else { "" }),
            "",
        ));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        assert!(
            ran.err.contains(says) && (says.is_empty() == ran.err.is_empty()),
            "{mark}: {}",
            ran.err
        );
        assert_eq!(ws.mailed().len(), mailed, "{mark}: {}", ran.err);
    }
    // Others of its shape have no mark.
    let says = "row begins with a mark";
    counts(
        rows(
            "no,email,name",
            |n| format!("{n},user{n}@example.com,User{n}"),
            "#10,user10@example.com,User10",
        ),
        says,
    );
    counts(
        rows(
            "name,email",
            |n| format!("User {n},user{n}@example.com"),
            "#User 10,user10@example.com",
        ),
        says,
    );
    let late =
        |n: usize| format!("{}{n},user{n}@example.com,User{n}\n", if n < 70 { "#" } else { "" });
    let ws = sandbox("no,email,name\n".to_owned() + &(1..100).map(late).collect::<String>());
    let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(
        ran.err.contains("are taken as recipients (69): list.csv:2, list.csv:3, list.csv:4, …"),
        "{}",
        ran.err
    );
    counts(
        rows(
            "tag,email,name",
            |n| format!("t{n},user{n}@example.com,User{n}"),
            "#vip,user10@example.com,User10",
        ),
        "row begins with a mark",
    );
    let ws = sandbox(rows(
        "tag,email,name",
        |n| format!("*t{n},user{n}@example.com,User{n}"),
        "*t10,user10@example.com,User10",
    ));
    let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(
        ws.mailed().len() == 20 && ran.err.contains("begin with a mark, as nearly all do"),
        "{}",
        ran.err
    );
}

#[test]
fn joined_rows_and_headers_never_lose_anybody_silently() {
    let first = rows(
        "email,name,vip",
        |n| format!("user{n}@example.com,User{n},no"),
        "user10@example.com,User10,no",
    );
    refuses(
        format!("{first}\nemail,reason\nuser1@example.com,unsubscribed\n"),
        &["list.csv:23: is a header with other columns"],
    );
    refuses(
        "email,name,zoe@example.com,Zoe\nann@example.com,Ann\n",
        &["list.csv:1: the header holds an address"],
    );
    refuses(
        "email,namezoe@example.com,Zoe\nann@example.com,Ann\n",
        &["list.csv:1: the header holds an address"],
    );
    counts(
        rows(
            "email,name",
            |n| format!("user{n}@example.com,User{n}"),
            "user10@example.com,User10zoe@example.com,",
        ),
        "were two rows joined?",
    );
    // Swallowed rows whose address is none.
    for odd in
        ["jo@intranet", "jo@@example.com", "=\"\"jo@example.com\"\"", "Jo <jo@example.com>", ""]
    {
        let list = format!("email,name,c\nx@example.com,\"X,1\n{odd},J\",2\ny@example.com,Y,3\n");
        refuses(list, &["list.csv:2: a quote opens here and closes on line 3"]);
    }
    for note in [
        "Called.\nWrite to boss@acme.example, he said",
        "From: Boss <boss@acme.example>\nTo: x\nSubject: Hi, there",
        "Lee, Ann, a@x.example\nRay, Ben, b@x.example",
    ] {
        let ws = sandbox(format!("email,name,note\nx@example.com,X,\"{note}\"\n"));
        ws.run(&["send", "list.csv"]).ends(0);
        assert_eq!(ws.mailed(), ["x@example.com"]);
    }
}

#[test]
fn a_suppression_file_never_loses_an_entry_silently() {
    let stopped = |file: &[u8], exit: i32, says: &str| {
        let ws = sandbox("email,name\nann@example.com,Ann\nben@example.com,Ben\n");
        ws.config(&format!(
            "{}\n[suppression]\nfiles = [\"stop.csv\"]\n",
            ws.read("mailbatch.toml")
        ))
        .file("stop.csv", file);
        for arguments in [&["-q", "check", "list.csv"][..], &["-q", "send", "list.csv"]] {
            let ran = ws.run(arguments).ends(exit);
            assert!(
                ran.err.contains(says),
                "{}: no {says:?} in {}",
                String::from_utf8_lossy(file),
                ran.err
            );
        }
        ws.mailed()
    };
    for (file, says) in [
        (
            &b"email,reason\rann@example.com,complaint\r"[..],
            "stop.csv:1: line holds a carriage return",
        ),
        (b"# nightly\remail\rann@example.com\r", "stop.csv:1: line holds a carriage return"),
        (
            b"email,note\nx@example.com,y\rann@example.com,z\n",
            "stop.csv:2: line holds a carriage return",
        ),
        (
            b"email,note\nx@example.com,\"a\nann@example.com,b\"\n",
            "stop.csv:2: line opens a quote that holds another entry",
        ),
        (
            b"email,\"note\nann@example.com,x\"\n",
            "stop.csv:1: line opens a quote that holds another entry",
        ),
        (b"email,noteann@example.com,a\nx@example.com,b\n", "stop.csv:1: header holds an address"),
        (b"email,note,ann@example.com,a\n", "stop.csv:1: header holds an address"),
        (b"email,note\nx@example.com,a ann@example.com,\n", "another address"),
        (b"x@example.com,complaint,,,,,nann@example.com,,,,,,\n", "another address"),
        (b"email\nx@example.com\nann@exam", "stop.csv:3: file ends inside this entry"),
        (b"PK\x03\x04xx", "stop.csv:1: is a ZIP archive"),
    ] {
        assert!(stopped(file, 4, says).is_empty());
    }
    for (file, says) in [
        (&b""[..], "stop.csv is empty and suppresses no address"),
        (b"\xef\xbb\xbf\n \n", "stop.csv is empty and suppresses no address"),
        (b"email\nann@example\n=ben@example.com\n", "2 entries may be cut off or misspelt"),
        (b"email,note\nx@example.com,\"a note\nover lines, with boss@acme.example in it\"\n", ""),
    ] {
        assert_eq!(stopped(file, 0, says).len(), 2);
    }
    let ws = sandbox("email,name\nann@example.com,Ann\n");
    ws.config(&format!("{}\n[suppression]\nfiles = [\"stop.csv\"]\n", ws.read("mailbatch.toml")))
        .file("stop.csv", "email\n");
    ws.file("cut.csv", "email\nann@example\n")
        .file("joined.csv", "email,note\nx@example.com,ay@example.com,b\n");
    let ran = ws.run(&["-q", "suppress", "import", "cut.csv"]).ends(0);
    assert!(
        ran.err.contains("may be cut off or misspelt") && ran.err.contains("cut.csv:2"),
        "{}",
        ran.err
    );
    ws.run(&["suppress", "import", "joined.csv"])
        .ends(4)
        .says("joined.csv:2: row has more fields than the header, and another address");
    ws.run(&["suppress", "add", "ann@localhost"])
        .ends(0)
        .says("entry 1 may be cut off or misspelt (domain without a dot)");
    ws.run(&["suppress", "add", "*@example.com"]).ends(2).says("@example.com");
}

#[test]
fn a_suppression_file_is_read_in_the_spellings_that_lists_are() {
    let ws = sandbox("email,name\nann@example.com,Ann\nben@example.com,Ben\n");
    ws.config(&format!("{}\n[suppression]\nfiles = [\"stop.csv\"]\n", ws.read("mailbatch.toml")));
    for file in [
        "email,reason\n=\"ann@example.com\",complaint\n",
        "reason,email\n\"complaint\", \"ann@example.com\"\n",
        "email,note\nx@example.com, \"a, b\" \n\t\"ann@example.com\" ,c\n",
        "\u{feff}\u{feff}email\nann@example.com\n",
        "email,note\nx@example.com,a\n\u{feff}Email,NOTE\nann@example.com,b\n",
        "email\nann@example.com\n\u{1a}",
        "email\nx@example.com\n\u{1a}email\n\u{1a}ann@example.com\n",
        "E-Mail-Adresse,Grund\nann@example.com,\n",
        "Name,Email Address\nAnn,ann@example.com\n",
    ] {
        ws.file("stop.csv", file);
        let dry = ws.run(&["send", "list.csv", "--dry-run", "--json"]).ends(0).object();
        assert_eq!(dry["would_send"], 1, "{file:?}: {dry}");
    }
    // What is added keeps the columns.
    ws.run(&["suppress", "add", "ben@example.com"]).ends(0);
    assert_eq!(ws.read("stop.csv"), "Name,Email Address\nAnn,ann@example.com\n,ben@example.com\n");
    for (file, says) in [
        (
            "email,reason\nx@example.com,manual\nreason,email\nmanual,ann@example.com\n",
            "stop.csv:3: line is a header with other columns",
        ),
        (
            "Email Address,Contact email\nann@example.com,x@example.com\n",
            "stop.csv:1: header names the column email twice",
        ),
        ("email\nann@@example.com\n", "`mailbatch suppress import FILE` reads exports as they are"),
    ] {
        ws.file("stop.csv", file);
        ws.run(&["send", "list.csv"]).ends(4).says(says);
    }
    assert!(ws.mailed().is_empty());
}

#[test]
fn a_suppression_file_that_lost_all_its_entries_is_refused() {
    let ws = sandbox("email,name\nann@example.com,Ann\nben@example.com,Ben\n");
    ws.config(&format!("{}\n[suppression]\nfiles = [\"stop.csv\"]\n", ws.read("mailbatch.toml")))
        .file("stop.csv", "email\nann@example.com\n");
    ws.run(&["send", "list.csv"]).ends(0);
    assert_eq!(ws.mailed(), ["ben@example.com"]);
    for empty in ["", "\n", "\u{feff}", "# nightly export\n"] {
        ws.file("stop.csv", empty);
        for arguments in [
            &["check", "list.csv"][..],
            &["-q", "send", "list.csv", "--campaign", "two"],
            &["send", "list.csv", "--dry-run", "--campaign", "two"],
        ] {
            let ran = ws.run(arguments).ends(4);
            for text in [
                "stop.csv is empty, and held 1 entries in an earlier run",
                "hint: write the file again, or leave its header, email",
            ] {
                assert!(ran.err.contains(text), "{arguments:?}: no {text:?} in {}", ran.err);
            }
        }
    }
    assert_eq!(ws.mailed().len(), 1);
    ws.file("stop.csv", "email\n");
    ws.run(&["send", "list.csv", "--campaign", "two"]).ends(0);
    assert_eq!(ws.mailed().len(), 3);
    // Nobody was ever in the other one.
    ws.file("other.csv", "")
        .run(&["send", "list.csv", "--suppress", "other.csv", "--campaign", "three"])
        .ends(0)
        .says("is empty");
}

#[test]
fn files_that_are_no_list_are_called_what_they_are() {
    for (file, says) in [
        (&b"PK\x03\x04\x14\x00\x06\x00"[..], "is a ZIP archive, as spreadsheets (.xlsx, .ods) are"),
        (b"%PDF-1.7\n%x", "is a PDF document"),
        (b"<!DOCTYPE html><html><body>log in</body></html>", "is a web page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Office document"),
        (b"email;name\nann@example.com;Zo\xc3\xab M\xfcller\n", "list.csv:2: byte 0xFC"),
    ] {
        refuses(file, &[says]);
    }
    let ws = sandbox("email,name\nann@example.com,J\u{fc}rgen M\u{fc}ller\n");
    ws.run(&["send", "list.csv", "--encoding", "windows-1252"])
        .ends(4)
        .says("is valid UTF-8, but windows-1252 is named")
        .says("--encoding utf-8");
    ws.file("list.csv", b"email,name\nann@example.com,M\x81ller\n");
    ws.run(&["send", "list.csv", "--encoding", "windows-1252"])
        .ends(4)
        .says("list.csv:2: holds U+0081");
    ws.file("list.csv", "email,name\nann@example.com,M\u{fffd}ller\nben@example.com,=A1&B1\n");
    ws.run(&["check", "list.csv"])
        .ends(0)
        .says("cells with U+FFFD")
        .says("a spreadsheet's formula");
    ws.file("list.csv", "ann@@example.com,Ann\nben@example.com,Ben\n");
    let ran = ws.run(&["check", "list.csv"]);
    assert!(!ran.err.contains("ann@@"), "{}", ran.err);
    // A FIFO never makes a command wait.
    for fifo in ["list.csv.rejected.csv", "stop.csv"] {
        let made =
            std::process::Command::new("mkfifo").arg(ws.join(fifo)).status().expect("mkfifo");
        assert!(made.success());
    }
    ws.file("list.csv", "email,name\nann@example.com,Ann\nnobody,Ben\n");
    ws.run(&["check", "list.csv", "--max-invalid", "50%"])
        .ends(0)
        .says("1  sendable")
        .says("is not a regular file");
    ws.run(&["check", "list.csv", "--suppress", "stop.csv"]).ends(4).says("it is a FIFO");
}

#[test]
fn marks_over_letters_and_odd_signs_are_refused_or_listed() {
    let ws = sandbox(
        "email,name\nben@example.com,Ben\na\u{336}n\u{336}n\u{336}@example.com,A\nann@example.com\u{338},B\nann\u{332}@example.com,C\n",
    );
    let ran = ws.run(&["check", "list.csv", "--max-invalid", "90%"]).ends(0);
    assert!(
        ran.out.contains("U+0336, a mark over or through") && ran.out.contains("3  invalid"),
        "{}",
        ran.out
    );
    ws.file(
        "list.csv",
        "email,name\nann%example.com@example.com,A\nvera%2Bx@example.com,B\no`brien@example.com,C\nx@ex_ample.com,D\n\u{251}nn@example.com,E\n",
    );
    let ran = ws.run(&["check", "list.csv"]).ends(0);
    for text in [
        "3 x legal, but look: unusual sign in the local part",
        "underscore in the domain: list.csv:5",
        "letters that look like others: list.csv:6",
    ] {
        assert!(ran.out.contains(text), "no {text:?} in {}", ran.out);
    }
}

#[test]
fn a_domain_unlike_all_others_is_doubtful() {
    let list = |odd: &str| {
        rows("email,name", |n| format!("user{n}@example.com,User{n}"), &format!("{odd},User10"))
    };
    counts(
        list("user10@example"),
        "domain has no dot, unlike those of the other rows: is it cut off?",
    );
    counts(list("user10@localhost"), "domain has no dot");
    counts(list("user10@ex_ample.com"), "domain holds an underscore");
    // A list for a local network, or too short to tell.
    for list in [
        rows("email,name", |n| format!("user{n}@mail,User{n}"), "user10@mail,User10"),
        "email,name\nann@example.com,Ann\nroot@localhost,Root\n".to_owned(),
    ] {
        sandbox(list).run(&["check", "list.csv"]).ends(0).says("domain without a dot");
    }
}

#[test]
fn a_row_that_cannot_be_rendered_stops_the_list_whatever_is_tolerated() {
    let ws = sandbox(rows(
        "email,name",
        |n| format!("user{n}@example.com,User{n}"),
        "not-an-address,User10",
    ));
    ws.message("Hi", "Hello {{ name }}{% if name == 'User7' %}{{ nickname }}{% endif %}!");
    for arguments in
        [&["check", "list.csv"][..], &["send", "list.csv", "--dry-run"], &["send", "list.csv"]]
    {
        let ran = ws.run(&[arguments, &["--max-invalid", "100%"]].concat()).ends(4);
        for text in [
            "the message cannot be rendered for 1 of 20 rows",
            "list.csv:8",
            "nickname",
            "hint: ",
            "--skip-unrendered",
        ] {
            assert!(ran.err.contains(text), "{arguments:?}: no {text:?} in {}", ran.err);
        }
    }
    assert!(
        ws.mailed().is_empty() && ws.read("list.csv.rejected.csv").contains("user7@example.com")
    );
    ws.run(&["check", "list.csv", "--skip-unrendered"]).ends(0).says("2  invalid");
    let ran = ws.run(&["-q", "send", "list.csv", "--skip-unrendered"]).ends(0);
    assert!(
        ran.err.contains("list.csv:8") && ran.err.contains("nickname"),
        "left out by name: {}",
        ran.err
    );
    assert_eq!(ws.mailed().len(), 18);
    let report = ws.report();
    assert_eq!(
        (
            report.cell("user7@example.com", "mb_outcome"),
            report.cell("user7@example.com", "mb_reason")
        ),
        ("invalid", "render")
    );
    // Rows that are left out so are none of the bad addresses that --max-invalid is about.
    ws.message("Hi", "{% if name != 'User1' %}{{ nickname }}{% endif %}");
    ws.run(&[
        "check",
        "list.csv",
        "--campaign",
        "other",
        "--skip-unrendered",
        "--max-invalid",
        "5%",
    ])
    .ends(0)
    .says("1  sendable");
}
