//! One campaign under several names: at the same time, from other places, and as hints name it.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::ran::Ran;
use crate::support::recorder::Recorder;
use crate::support::running::{LONG, everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists, wait_for, workspace};

/// A sandbox workspace with a `list.csv` of so many rows.
fn sandbox(rows: usize) -> Workspace {
    let work = workspace();
    work.sandbox_config("")
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(rows));
    work
}

/// What a hint wants to have typed after `--campaign`.
fn hinted(ran: &Ran) -> String {
    let hint = ran.err.split("hint: ").nth(1).unwrap_or_else(|| panic!("no hint: {}", ran.err));
    let typed = hint.split("--campaign ").nth(1).unwrap_or_else(|| panic!("no name: {hint}"));
    match typed.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next(),
        None => typed.split(' ').next(),
    }
    .expect("a name")
    .to_owned()
}

/// Asserts that each of those who were mailed was mailed once, and how many they are.
#[track_caller]
fn once(work: &Workspace, people: usize) {
    let mailed = work.mailed();
    assert_eq!((mailed.len(), mailed.iter().collect::<BTreeSet<_>>().len()), (people, people));
}

#[test]
fn a_new_campaign_that_is_sent_under_two_names_at_once_is_sent_once() {
    for (rows, list, name) in [
        (3, "list.csv", "message/list"),
        (12, "copy.csv", "message/list"),
        (12, "copy.csv", "spring"),
    ] {
        let server = Recorder::start();
        let work = relayed(&server, "in_flight = 1", rows);
        work.file("copy.csv", lists::csv(rows));
        work.file("first.csv", lists::csv_of(90..91));
        work.run(&["send", "first.csv"]).ends(0);
        let first = server.recipients();
        // Both have looked into the ledger before one of them can write to it.
        let ledger = Connection::open(work.join(".mailbatch/ledger.db")).expect("a ledger");
        ledger.busy_timeout(LONG).expect("a ledger");
        ledger
            .execute_batch("BEGIN IMMEDIATE; INSERT INTO meta(name, value) VALUES ('held', 1)")
            .expect("a ledger");
        let mut both =
            [work.start(&["send", "list.csv"]), work.start(&["send", list, "--campaign", name])];
        for send in &mut both {
            wait_for(
                || send.err().contains("holds the write lock") || send.has_ended(),
                Duration::from_secs(10),
            );
        }
        ledger.execute_batch("ROLLBACK").expect("a ledger");
        drop(ledger);
        let mut codes = both.map(|send| send.ends_with(&[0, 11, 14]).code);
        codes.sort_unstable();
        assert_eq!(codes[0], 0, "{name} {codes:?}");
        let mut sent = server.recipients();
        sent.retain(|to| !first.contains(to));
        assert_eq!(sent, everybody(rows), "{list} as {name}: {codes:?}");
        assert_eq!(work.run(&["runs", "--json"]).objects().len(), 2, "no run stays behind");
    }
}

#[test]
fn another_name_is_warned_about_a_run_that_is_going_on() {
    let server = Recorder::start();
    let work = relayed(&server, "in_flight = 1\nrate = \"1/s\"", 60);
    work.file("copy.csv", lists::csv(60))
        .file("other.md", "+++\nsubject = \"Other\"\n+++\nOther\n");
    let send = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 1);
    let named = ["send", "copy.csv", "--campaign", "other"];
    let refused =
        work.run(&["send", "copy.csv"]).ends(14).says("60 of these 60 people").says("--again");
    assert_eq!(hinted(&refused), "message/list");
    work.run(&[&named[..], &["--limit", "1"]].concat())
        .ends(0)
        .says("warning: 60 of these 60 people");
    // Other mail to the same people is no matter.
    let other = work
        .run(&["send", "copy.csv", "--campaign", "third", "--message", "other.md", "--limit", "1"])
        .ends(0);
    assert!(!other.err.contains("of these 60 people"), "{}", other.err);
    assert!(send.kill());
    work.run(&["send", "copy.csv", "--campaign", "another", "--limit", "1"])
        .ends(0)
        .says("warning: 60 of these 60 people");
}

#[test]
fn with_the_name_or_without_it_a_list_is_one_campaign() {
    for (first, then) in
        [(&["--campaign", "message/list"][..], &[][..]), (&[], &["--campaign", "message/list"])]
    {
        let work = sandbox(3);
        work.run(&[&["send", "list.csv"], first].concat()).ends(0);
        work.run(&[&["send", "list.csv"], then].concat()).ends(0).says("nothing to do");
        work.run(&[&["send", "./list.csv"], first].concat()).ends(0).says("nothing to do");
        once(&work, 3);
        // Another list of the same name is another campaign, whoever was first.
        work.file("deep/list.csv", lists::csv_of(3..6));
        work.run(&["send", "deep/list.csv"]).ends(0);
        work.run(&["send", "deep/list.csv"]).ends(0).says("nothing to do");
        work.run(&["send", "list.csv"]).ends(0).says("nothing to do");
        once(&work, 6);
    }
}

#[test]
fn a_hint_names_the_campaign_that_it_is_about_where_two_are_shown_by_one_name() {
    for order in [["a/list.csv", "b/list.csv"], ["b/list.csv", "a/list.csv"]] {
        let work = sandbox(1);
        let [a, b] = [lists::csv_of(0..12), lists::csv_of(20..32)];
        work.file("a/list.csv", a).file("b/list.csv", b);
        for list in order {
            work.run(&["send", list]).ends(0);
        }
        work.file("b/list.csv", lists::csv_of(20..33)).file("c/list.csv", lists::csv_of(40..43));
        let refused = work.run(&["send", "b/list.csv"]).ends(14).says("the list has changed");
        let checked = work.run(&["check", "b/list.csv"]).ends(14);
        assert_eq!(checked.err, refused.err);
        let several = work
            .run(&["send", "b/list.csv", "--campaign", "message/list"])
            .ends(2)
            .says("several campaigns are called message/list");
        let several = several.says("(of a/list.csv").says("(of b/list.csv");
        assert_eq!(hinted(&several), hinted(&refused), "the campaign of this list");
        let none = work
            .run(&["send", "c/list.csv", "--campaign", "message/list"])
            .ends(2)
            .says("none of them is of this message");
        assert!(!none.err.contains("--campaign 'message"), "none is suggested: {}", none.err);
        work.run(&["send", "b/list.csv", "--campaign", &hinted(&several)]).ends(0);
        once(&work, 25);
        work.file("copy.csv", lists::csv_of(20..34));
        let copy =
            work.run(&["send", "copy.csv"]).ends(14).says("of these 14 people had this message");
        work.run(&["send", "copy.csv", "--campaign", &hinted(&copy)]).ends(0);
        once(&work, 26);
    }
}

#[test]
fn a_name_has_nothing_that_is_not_seen() {
    let work = sandbox(3);
    work.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    for same in ["spring\u{200b}", "\u{feff}spring", " spring\u{a0}\u{200e}"] {
        work.run(&["send", "list.csv", "--campaign", same]).ends(0).says("nothing to do");
    }
    work.run(&["send", "list.csv", "--campaign", "spr\u{200b}ing"])
        .ends(2)
        .says("an invisible character, U+200B");
    once(&work, 3);
    // A long name of files can be typed, one that is new cannot be so long.
    let long = format!("{}.csv", "a".repeat(210));
    work.file(&long, lists::csv_of(3..15));
    work.run(&["send", &long]).ends(0);
    work.file(&long, lists::csv_of(3..16));
    let refused = work.run(&["send", &long]).ends(14);
    work.run(&["send", &long, "--campaign", &hinted(&refused)]).ends(0);
    work.run(&["send", "list.csv", "--campaign", &"b".repeat(201)])
        .ends(2)
        .says("cannot name a campaign");
    once(&work, 16);
}

#[test]
fn a_configuration_that_is_a_link_into_another_workspace_begins_no_second_ledger() {
    let work = sandbox(3);
    work.run(&["send", "list.csv"]).ends(0);
    let elsewhere = workspace();
    let target = work.path().canonicalize().expect("it is there").join("mailbatch.toml");
    symlink(&target, elsewhere.join("once.toml")).expect("writable");
    symlink("once.toml", elsewhere.join("news.toml")).expect("writable");
    let list = work.join("list.csv").display().to_string();
    let message = work.join("message.md").display().to_string();
    let send = ["-c", "news.toml", "send", &list, "--message", &message];
    let refused = elsewhere.run(&send).ends(2).says("has a ledger of its own");
    assert!(!elsewhere.join(".mailbatch").exists());
    let dir = refused
        .err
        .split("`mailbatch -C ")
        .nth(1)
        .and_then(|rest| rest.split('`').next())
        .and_then(|rest| rest.split(' ').next());
    elsewhere.run(&["-C", dir.expect("a directory"), "send", &list]).ends(0).says("nothing to do");
    once(&work, 3);
}

#[test]
fn a_mounted_configuration_may_move_behind_its_link_at_each_update() {
    let work = sandbox(3);
    let [config, message] = ["mailbatch.toml", "message.md"].map(|name| work.read(name));
    let mount = workspace();
    mount.file("list.csv", lists::csv(3));
    for version in ["..1", "..2"] {
        mount
            .file(format!("{version}/mailbatch.toml"), &config)
            .file(format!("{version}/message.md"), &message);
        let _ = std::fs::remove_file(mount.join("..data"));
        symlink(version, mount.join("..data")).expect("writable");
        for name in ["mailbatch.toml", "message.md"] {
            let _ = std::fs::remove_file(mount.join(name));
            symlink(format!("..data/{name}"), mount.join(name)).expect("writable");
        }
        let ran = mount.run(&["send", "list.csv"]).ends(0);
        assert!(version == "..1" || ran.err.contains("nothing to do"), "{}", ran.err);
        once(&mount, 3);
    }
}
