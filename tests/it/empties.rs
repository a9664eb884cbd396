//! Rows without an address: left out and said where they are people without one, refused where they
//! point at a fault of the list.

use crate::support::{Workspace, workspace};

/// A sandbox with this list.
fn sandbox(list: impl AsRef<[u8]>) -> Workspace {
    let ws = workspace();
    ws.sandbox_config("").message("Hi", "Hello!").file("list.csv", list);
    ws.config(
        &ws.read("mailbatch.toml").replace("kind = \"marketing\"", "kind = \"transactional\""),
    );
    ws
}

/// Rows in no order, with the cell `empty` in place of the address where `is_empty` says so.
fn rows(
    header: &str,
    count: u32,
    is_empty: impl Fn(u32) -> bool,
    row: impl Fn(u32, &str) -> String,
    empty: &str,
) -> String {
    let line = |n: u32| {
        let address = format!("{}user{n}@example.com", char::from(b'a' + (n * 7 % 26) as u8));
        row(n, if is_empty(n) { empty } else { &address }) + "\n"
    };
    format!("{header}\n{}", (0..count).map(line).collect::<String>())
}

/// The list is refused by each command with these words, and nothing is mailed.
#[track_caller]
fn refuses(list: &str, flags: &[&str], says: &[&str]) {
    let ws = sandbox(list);
    for arguments in [
        &["check", "list.csv"][..],
        &["send", "list.csv", "--dry-run"],
        &["-q", "send", "list.csv"],
    ] {
        let ran = ws.run(&[arguments, flags].concat()).ends(4);
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

#[test]
fn people_without_an_address_are_left_out_counted_and_said() {
    for empty in ["", "  ", "NULL", "\\N", "n/a", "\u{a0}"] {
        let list = rows(
            "id,Email,name",
            40,
            |n| n % 4 != 0,
            |n, address| format!("{n},{address},User"),
            empty,
        );
        let ws = sandbox(&list);
        ws.run(&["check", "list.csv"]).ends(0).says("10  sendable").says("30  invalid");
        ws.run(&["send", "list.csv", "--dry-run"]).ends(0).says("10  would go");
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        assert!(
            ran.out.is_empty() && ran.err.contains("in 30 rows: list.csv:3, list.csv:4"),
            "{empty:?}: {}",
            ran.err
        );
        assert_eq!(ws.mailed().len(), 10);
        let report = ws.report();
        assert_eq!(
            report.column("mb_outcome").iter().filter(|outcome| **outcome == "invalid").count(),
            30
        );
        assert_eq!(
            report.column("mb_reason").iter().filter(|reason| **reason == "bad_address").count(),
            30
        );
    }
    let ws = sandbox("");
    ws.file("list.json", "[{\"email\": \"ann@example.com\"}, {\"email\": null}, {\"email\": \"\"}, {\"name\": \"Cy\"}]");
    ws.run(&["check", "list.json"]).ends(0).says("1  sendable").says("3  invalid");
}

#[test]
fn the_share_of_bad_addresses_is_of_those_that_are_there() {
    let bad = |n: u32, address: &str| {
        format!("{n},{}", if n.is_multiple_of(8) { "ann at example" } else { address })
    };
    let says = [
        "2 of 4 rows cannot be mailed (50.0 %, 5% tolerated), apart from 12 rows without an address",
    ];
    refuses(&rows("id,email", 16, |n| n % 4 != 0, bad, ""), &[], &says);
    let ws = sandbox(rows(
        "id,email",
        400,
        |n| n % 2 != 0,
        |n, address| format!("{n},{}", if n == 4 { "x" } else { address }),
        "",
    ));
    ws.run(&["check", "list.csv"]).ends(0).says("199  sendable");
}

#[test]
fn a_list_without_any_address_is_refused_with_the_column_that_has_some() {
    let row = |n: u32, address: &str| format!("{n},,{address}");
    let says = [
        "no row has an address in its column \"Email\"; the addresses are in \"Owner\"",
        "--email-column \"Owner\"",
    ];
    refuses(&rows("id,Email,Owner", 30, |_| false, row, ""), &[], &says);
    // Nor does it hide behind a larger one.
    let ws = sandbox(rows("id,email", 100, |_| false, |n, address| format!("{n},{address}"), ""));
    ws.file("lost.csv", "id,email\n1,\n2,\n");
    ws.run(&["-q", "send", "list.csv", "lost.csv"])
        .ends(4)
        .says("lost.csv: no row has an address in its column \"email\"")
        .says("hint: ");
    ws.run(&["check", "list.csv", "lost.csv", "--max-invalid", "100%"])
        .ends(0)
        .says("100  sendable");
    refuses(
        "id,email\n1,\n",
        &[],
        &["1 of 1 rows cannot be mailed", "no row has an address in its column \"email\""],
    );
}

#[test]
fn addresses_in_a_column_where_other_rows_have_none_are_a_shift() {
    let is_shifted = |n: u32| n % 10 == 3;
    let row = |n: u32, address: &str| {
        if is_shifted(n) {
            format!("{n},,User,b{n}@example.com")
        } else {
            format!("{n},{address},User,Oslo")
        }
    };
    let says =
        ["and one in \"city\", where other rows have none (4): are cells shifted? list.csv:5"];
    refuses(&rows("id,email,name,city", 40, |_| false, row, ""), &[], &says);
    // Another address of the same person, or the address of somebody else in each row, is none.
    for header in ["id,email,name,Work e-mail", "id,email,name,owner"] {
        let row = |n: u32, address: &str| {
            let other = if header.ends_with("owner") || is_shifted(n) {
                format!("b{n}@example.com")
            } else {
                String::new()
            };
            format!("{n},{},User,{other}", if is_shifted(n) { "" } else { address })
        };
        let ws = sandbox(rows(header, 40, |_| false, row, ""));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        assert!(
            ran.err.contains("list.csv: 4 of the rows without an address in \"email\" have one in"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_column_that_ends_in_mid_list_is_refused_and_a_sorted_one_is_not() {
    let list = rows("id,email", 100, |n| n >= 70, |n, address| format!("{n},{address}"), "");
    let says = [
        "the column \"email\" has no address from line 72 on, in 30 rows, and one in each row above",
        "--where",
    ];
    refuses(&list, &[], &says);
    let ws = sandbox(&list);
    ws.run(&["send", "list.csv", "--where", "email != ''"]).ends(0);
    let sorted: String = (10..80)
        .map(|n| format!("User,user{n}@example.com\n"))
        .chain((0..30).map(|_| "User,\n".to_owned()))
        .collect();
    sandbox(format!("name,email\n{sorted}"))
        .run(&["check", "list.csv"])
        .ends(0)
        .says("70  sendable");
}

#[test]
fn rows_that_end_before_their_address_are_cut() {
    let cut = |n: u32, address: &str| {
        if n % 10 == 3 { format!("Ann\nLee,{address},Oslo") } else { format!("Ann,{address},Oslo") }
    };
    refuses(
        &rows("name,email,city", 40, |_| false, cut, ""),
        &[],
        &["row ends before its address: is it cut in two?"],
    );
    // Where the list leaves out empty cells at the end of rows, they are people without an address.
    let trimmed = |n: u32, address: &str| match n % 10 {
        3 => format!("User{n}"),
        5 => format!("User{n},{address},Oslo"),
        _ => format!("User{n},{address}"),
    };
    sandbox(rows("name,email,city", 40, |_| false, trimmed, ""))
        .run(&["check", "list.csv"])
        .ends(0)
        .says("36  sendable");
}

#[test]
fn how_many_rows_may_lack_an_address_can_be_said() {
    let list = rows("id,email", 40, |n| n % 4 == 1, |n, address| format!("{n},{address}"), "");
    refuses(
        &list,
        &["--max-empty", "5%"],
        &["10 of 40 rows have no address (25.0 %, 5% tolerated)", "--max-empty"],
    );
    sandbox(&list).run(&["send", "list.csv", "--max-empty", "25%"]).ends(0);
}

#[test]
fn a_list_without_rows_is_said_on_standard_error() {
    for list in ["email,name\n", "email,name", "email,name\n\n,\n", "sep=,\r\nemail,name\r\n"] {
        let ws = sandbox(list);
        let says = "list.csv has no rows, so that it adds no recipient";
        for arguments in [
            &["check"][..],
            &["-q", "check"],
            &["-q", "send", "--dry-run"],
            &["-q", "send"],
            &["-q", "send"],
        ] {
            let ran = ws.run(&[arguments, &["list.csv"]].concat()).ends(0);
            assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
        }
        ws.run(&["-q", "send", "list.csv", "--error-on-empty"]).ends(9).says(says);
    }
    let ws = sandbox("email,vip\nann@example.com,no\nben@example.com,no\n");
    let ran = ws.run(&["-q", "send", "list.csv", "--where", "vip == 'yes'"]).ends(0);
    assert!(
        ran.err.contains("list.csv adds no recipient: --where leaves out all of its 2 rows"),
        "{}",
        ran.err
    );
    ws.file("none.json", "[]");
    let ran = ws.run(&["-q", "send", "list.csv", "none.json"]).ends(0);
    assert!(
        ran.err.contains("none.json has no rows") && !ran.err.contains("list.csv"),
        "{}",
        ran.err
    );
}
