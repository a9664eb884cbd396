//! Damage in exports: joined, cut and shifted rows, broken formulas. Nobody is mailed with another's data, or lost without a word.

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
    assert!(ws.mailed().iter().all(|to| to.starts_with("user") && to.ends_with("@example.com")), "{:?}", ws.mailed());
    assert_eq!(ws.report().counts().get("invalid"), Some(&1));
}

#[test]
fn a_second_header_with_other_columns_is_refused_and_the_same_one_skipped() {
    let first = rows("email,name,vip", |n| format!("user{n}@example.com,User{n},no"), "user10@example.com,User10,no");
    for other in ["email,vip,name", "Email,VIP,Name", "\u{feff}email,vip,name", "email,vip,name,city", "vip,name,e-mail"] {
        refuses(format!("{first}{other}\nzoe@example.com,yes,Zoe\n"), &["list.csv:22: is a header with other columns than that on line 1"]);
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
    ws.file("stop.csv", "email\n").file("theirs.csv", "email,reason\nann@example.com,spam\nreason,email\nspam,ben@example.com\n");
    ws.run(&["suppress", "import", "theirs.csv"]).ends(4).says("theirs.csv:3: is a header with other columns");
}

#[test]
fn a_formula_error_is_no_mark_that_strikes_out() {
    for error in ["#N/A", "#REF!", "#NAME?", "#NV", "* Work", "-- n/a", "!"] {
        counts(rows("email,name", |n| format!("user{n}@example.com,User{n}"), &format!("{error},User10")), "address has no @");
        counts(rows("name,email", |n| format!("User{n},user{n}@example.com"), &format!("User10,{error}")), "address has no @");
    }
    refuses(rows("email,name", |n| format!("#REF!,User{n}"), "#REF!,User10"), &["20 of 20 rows cannot be mailed"]);
    let ws = sandbox(rows("name,email", |n| format!("User{n},user{n}@example.com"), "#N/A,user10@example.com"));
    ws.run(&["send", "list.csv"]).ends(0);
    assert_eq!(ws.mailed().len(), 20, "an error in a data cell is data");
}

#[test]
fn a_comma_in_place_of_a_dot_never_mails_the_stump() {
    let says = "address goes on in the next cell";
    counts(rows("name,email,amount,", |n| format!("User{n},user{n}@example.com,{n},"), "User10,user10@example,com,10,"), says);
    counts(rows("name,email,amount", |n| format!("User{n},user{n}@example.com,"), "User10,user10@example,com,"), says);
    counts(rows("name,email,amount,x,y", |n| format!("User{n},user{n}@example.com,{n}"), "User10,user10@example,com,10"), says);
    let says = "row has 5 fields, most rows have 4";
    counts(rows("name,email,amount,", |n| format!("User{n},user{n}@example.com,{n},"), "User10,user10@example.com,1,5,"), says);
}

#[test]
fn a_row_that_is_cut_off_is_no_recipient() {
    for cut in ["User10,user10@exam", "User10,user10@example", "User10,user10@example.c", "User10,user10@"] {
        let list = rows("name,email,amount", |n| format!("User{n},user{n}@example.com,{n}"), cut);
        counts(list, if cut.ends_with('@') { "address" } else { "row ends inside its address" });
    }
    let list = rows("name,email,amount", |n| format!("User{n},user{n}@example.com,{n}"), "User10,user10@example.com,10");
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
    ws.run(&["check", "list.csv"]).ends(0).says("nothing to do where a local network delivers them");
    let quiet = ws.run(&["-q", "check", "list.csv"]).ends(0);
    assert!(quiet.err.contains("domain has no dot, which only a local network delivers (1): list.csv:3"), "{}", quiet.err);
    let quiet = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(quiet.err.contains("domain has no dot"), "{}", quiet.err);
}

#[test]
fn a_row_of_another_length_among_short_ones_is_named() {
    let row = |n: usize| format!("User{n},x,user{n}@example.com,old-user{n}@example.com");
    let ws = sandbox(rows("name,company,email,email 2,a,b,c", row, "User10,user10@example.com,old-user10@example.com"));
    let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
    assert!(ran.err.contains("another number of fields than most rows") && ran.err.contains("(1): list.csv:11"), "{}", ran.err);
}

#[test]
fn a_lone_carriage_return_in_a_cell_is_refused_by_line() {
    for end in ["\n", "\r\n"] {
        for odd in ["Us\rer10,user10@example.com,10", "User10,user10@exa\rmple.com,10", "User10,user10@example.com,1\r0"] {
            let list = rows("name,email,amount", |n| format!("User{n},user{n}@example.com,{n}"), odd).replace('\n', end);
            refuses(list, &["list.csv:11: a lone carriage return (CR) cuts this row in two"]);
        }
    }
    // Whole rows between carriage returns are rows, and so they are where every line ends with one.
    let list = rows("name,email,amount", |n| format!("User{n},user{n}@example.com,{n}"), "A,a@example.com,1\rB,b@example.com,2\rC,c@example.com,3");
    for list in [list.clone(), list.replace('\n', "\r"), "email\rann@example.com\rben@example.com\r".to_owned()] {
        let ws = sandbox(&list);
        ws.message("Hi", "Hello").run(&["send", "list.csv"]).ends(0);
        assert_eq!(ws.mailed().len(), if list.starts_with("name") { 22 } else { 2 });
    }
}

#[test]
fn a_mark_before_a_row_is_told_from_marks_that_belong_to_names() {
    for odd in ["// #1010,user10@example.com,User10", "-- #1010,user10@example.com,User10"] {
        let ws = sandbox(rows("order,email,name", |n| format!("#10{n:02},user{n}@example.com,User{n}"), odd));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        assert!(ran.err.contains("left out and not mailed (1): list.csv:11"), "{}", ran.err);
        assert_eq!(ws.mailed().len(), 19);
    }
    // Most rows struck out are struck out; most orders with a mark are orders, and that is said.
    let mixed = |mark: &str| {
        let ws = sandbox(rows("order,email,name", |n| format!("{}{n},user{n}@example.com,User{n}", if n < 13 { mark } else { "" }), ""));
        let ran = ws.run(&["-q", "send", "list.csv"]).ends(0);
        (ws.mailed().len(), ran.err)
    };
    let (mailed, said) = mixed("# ");
    assert!(mailed == 8 && said.contains("left out and not mailed (11)"), "{mailed}: {said}");
    let (mailed, said) = mixed("#");
    assert!(mailed == 19 && said.contains("begin with a mark, as most do, are taken as recipients (11)"), "{mailed}: {said}");
}
