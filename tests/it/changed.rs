//! What was corrected while a run waits is never ignored: `resume` and `retry` stop until it is
//! said which text is meant.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step, Taken};
use crate::support::running::{everybody, relayed};
use crate::support::{Workspace, lists};

/// The wrong price and the right one.
const WRONG: &str = "only 5 EUR";
const RIGHT: &str = "only 50 EUR";

/// A run of 12 that has reached 4 of them with the wrong price, in a workspace whose message lies
/// in a file.
fn waiting(server: &Recorder) -> Workspace {
    let work = relayed(server, "", 12);
    work.message("Sale", &format!("Dear reader\n{WRONG}"));
    work.run(&["send", "list.csv", "--limit", "4"]).ends(0);
    assert_eq!(server.count(), 4);
    work
}

/// How many have been sent a text.
fn got(server: &Recorder, text: &str) -> usize {
    server
        .taken()
        .iter()
        .filter(|taken| String::from_utf8_lossy(&taken.data).contains(text))
        .count()
}

/// Asserts that nobody was mailed twice, and who was mailed.
fn once(server: &Recorder, everybody: &[String]) {
    assert_eq!(server.recipients(), everybody);
}

#[test]
fn a_corrected_message_stops_until_it_is_said_which_text_is_meant() {
    for flag in ["--as-planned", "--accept-changes"] {
        let server = Recorder::start();
        let work = waiting(&server);
        let run = work.newest_run();
        work.message("Sale", &format!("Dear reader\n{RIGHT}"));
        for arguments in
            [&["resume"][..], &["resume", &run, "-y"], &["retry", &run, "--only", "held"]]
        {
            let said = work
                .run(arguments)
                .ends(14)
                .says("was \"only 5 EUR\" and is \"only 50 EUR\"")
                .says(&run);
            assert!(
                said.err.contains("--as-planned` goes on with message ")
                    && said.err.contains("--accept-changes` plans "),
                "{}",
                said.err
            );
        }
        assert_eq!(server.count(), 4, "nothing left");
        work.run(&["status", &run]).ends(0).says("open");
        work.run(&["resume", flag]).ends(0);
        once(&server, &everybody(12));
        let (wrong, right) = if flag == "--as-planned" { (12, 0) } else { (4, 8) };
        assert_eq!((got(&server, WRONG), got(&server, RIGHT)), (wrong, right), "{flag}");
        // Each report and `why` say which version it was.
        let report = work.report();
        let mut versions = BTreeMap::<&str, usize>::new();
        report
            .column("mb_message")
            .into_iter()
            .for_each(|version| *versions.entry(version).or_default() += 1);
        assert_eq!(versions.len(), if right > 0 { 2 } else { 1 }, "{versions:?}");
        assert!(
            versions
                .keys()
                .all(|version| version.len() == "0123456789ab of 2026-11-30T00:00:00Z".len()),
            "{versions:?}"
        );
        let first = &server.taken()[0].recipients[0];
        let version = report.cell(first, "mb_message").split(' ').next().expect("a fingerprint");
        work.run(&["why", "latest", first]).ends(0).says(version);
        work.run(&["resume"]).ends(0).says("nothing to do");
    }
}

#[test]
fn every_part_of_the_message_counts_and_what_is_put_back_does_not() {
    let server = Recorder::start();
    let work = relayed(&server, "", 6);
    let config = work.read("mailbatch.toml");
    let message = "+++\nsubject = \"Sale\"\nattachments = [\"price.txt\"]\nheaders = { X-Offer = \"1\" }\n+++\nDear {{ name }}\n";
    work.file("message.md", message).file("price.txt", WRONG);
    work.run(&["send", "list.csv", "--limit", "2"]).ends(0);
    let with = |text: &str, old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    };
    let changes: [(&str, &str, String, &str); 7] = [
        (
            "message.md",
            message,
            with(message, "Sale", "Sales"),
            "subject was \"Sale\" and is \"Sales\"",
        ),
        (
            "message.md",
            message,
            with(message, "Dear", "Dearest"),
            "the body differs from its line 1 on",
        ),
        (
            "message.md",
            message,
            with(message, "\"1\"", "\"2\""),
            "header X-Offer was \"1\" and is \"2\"",
        ),
        (
            "message.md",
            message,
            with(message, "Dear {{ name }}", "Dear {{ name"),
            "it cannot be used as it is now",
        ),
        ("price.txt", WRONG, RIGHT.to_owned(), "attachment price.txt has another content"),
        ("mailbatch.toml", &config, with(&config, "Acme <news@", "Acme Ltd <news@"), "from was"),
        (
            "mailbatch.toml",
            &config,
            with(&config, "acme.example/u/", "acme.example/v/"),
            "unsubscribe_url was",
        ),
    ];
    for (file, as_it_was, changed, what) in &changes {
        work.file(file, changed);
        work.run(&["resume"]).ends(14).says(what);
        work.file(file, as_it_was);
    }
    assert_eq!(server.count(), 2);
    // Written anew, with other line ends, beside what does not shape the mail.
    work.file("message.md", message.replace('\n', "\r\n")).file("list.csv", lists::csv(6));
    work.config(&format!("{config}rate = \"1000/s\"\n"));
    work.run(&["resume"]).ends(0);
    once(&server, &everybody(6));
}

#[test]
fn a_message_that_was_typed_or_stands_in_the_configuration_is_compared_too() {
    let server = Recorder::start();
    let work = relayed(&server, "", 6);
    let config = work.read("mailbatch.toml");
    let inline =
        config.replace("file = \"message.md\"", &format!("subject = \"Sale\"\ntext = \"{WRONG}\""));
    work.config(&inline);
    work.run(&["send", "list.csv", "--limit", "2", "--subject", "Typed"]).ends(0);
    work.config(&inline.replace("\"Sale\"", "\"Other\""));
    work.run(&["resume", "--accept-changes", "--json"]).ends(0);
    once(&server, &everybody(6));
    assert_eq!(
        (got(&server, "Subject: Typed"), got(&server, WRONG)),
        (6, 6),
        "what was typed stands above the configuration"
    );
    work.file("list.csv", lists::csv(9));
    work.run(&["send", "list.csv", "--campaign", "second", "--limit", "2"]).ends(0);
    work.config(&inline.replace(WRONG, RIGHT));
    work.run(&["resume"]).ends(14).says(RIGHT);
    work.run(&["resume", "--accept-changes"]).ends(0);
    assert_eq!(got(&server, RIGHT), 7);
}

#[test]
fn a_corrected_list_stops_and_its_rows_are_counted() {
    for flag in ["--as-planned", "--accept-changes"] {
        let server = Recorder::start();
        let work = relayed(&server, "", 12);
        work.run(&["send", "list.csv", "--limit", "4", "--where", "email != ''"]).ends(0);
        let rows = lists::csv(13);
        let mut lines: Vec<&str> = rows.lines().collect();
        // The last but one goes, another one comes, and one has another name.
        lines.remove(11);
        let renamed = lines[6].replacen("5,", "55,", 1);
        lines[6] = &renamed;
        work.file("list.csv", lines.join("\n") + "\n");
        let said = work.run(&["resume"]).ends(14);
        assert!(
            said.err.contains("the list: list.csv: rows: 1 added, 1 removed, 1 changed"),
            "{}",
            said.err
        );
        assert_eq!(server.count(), 4);
        work.run(&["resume", flag]).ends(0);
        let mut reached = server.recipients();
        let all = reached.len();
        reached.dedup();
        assert_eq!(reached.len(), all, "nobody twice");
        let (removed, added) = (lists::address(10), lists::address(12));
        assert_eq!(
            (reached.contains(&removed), reached.contains(&added)),
            if flag == "--as-planned" { (true, false) } else { (false, true) }
        );
    }
}

#[test]
fn suppression_files_are_read_again_and_may_not_be_left_out() {
    let server = Recorder::start();
    let work = relayed(&server, "", 12);
    let config = work.read("mailbatch.toml");
    let screened = config
        .replace("[providers.relay]", "[suppression]\nfiles = [\"stop.csv\"]\n\n[providers.relay]");
    work.config(&screened).file("stop.csv", "email\n");
    work.run(&["send", "list.csv", "--limit", "4"]).ends(0);
    let taken = server.recipients();
    let left: Vec<String> =
        everybody(12).into_iter().filter(|address| !taken.contains(address)).collect();
    work.file("stop.csv", format!("email\n{}\n", left[0]));
    work.config(&config);
    work.run(&["resume"])
        .ends(14)
        .says("the suppression files: stop.csv is not configured any more");
    work.run(&["resume", "--as-planned"]).ends(0);
    assert!(!server.recipients().contains(&left[0]), "who was suppressed since is not mailed");
    assert_eq!(server.count(), 11);
    // More entries, or another file, stop nothing.
    work.config(&screened);
    work.run(&["send", "list.csv", "--campaign", "second", "--limit", "4"]).ends(0);
    work.file("stop.csv", format!("email\n{}\n{}\n", left[0], left[1]))
        .file("more.csv", format!("email\n{}\n", left[2]));
    work.config(&screened.replace("[\"stop.csv\"]", "[\"stop.csv\", \"more.csv\"]"));
    work.run(&["resume"]).ends(0);
    assert!(work.report().with("suppressed").len() >= 2);
}

#[test]
fn another_provider_is_not_passed_over_in_silence() {
    let (server, other) = (Recorder::start(), Recorder::start());
    let work = waiting(&server);
    let config = work.read("mailbatch.toml");
    let run = work.newest_run();
    let routed = format!(
        "{config}\n[providers.second]\nkind = \"smtp\"\nurl = \"{}\"\n\n[route]\norder = [\"second\", \"relay\"]\n",
        other.url()
    );
    work.config(&routed);
    work.run(&["resume"])
        .ends(14)
        .says("the provider: it was relay and the configuration now chooses second, relay");
    work.run(&["resume", "--accept-changes"]).ends(0);
    assert_eq!((server.count() + other.count(), other.count() > 0), (12, true));
    // What was typed is not what the configuration chooses, and no kind is taken for another one.
    work.file("list.csv", lists::csv(20));
    work.run(&["send", "list.csv", "--campaign", "typed", "--provider", "relay", "--limit", "4"])
        .ends(0);
    work.config(
        &routed
            .replace("[providers.relay]\nkind = \"smtp\"", "[providers.relay]\nkind = \"sandbox\"")
            .replace(&format!("url = \"{}\"\n", server.url()), ""),
    );
    let before = server.count();
    for arguments in [&["resume"][..], &["resume", "--as-planned"]] {
        let said = work
            .run(arguments)
            .ends(14)
            .says("relay was of kind smtp and is of kind sandbox")
            .says("configure the provider as it was");
        assert!(!said.err.contains("--as-planned` goes on"), "{}", said.err);
    }
    work.config(&routed);
    work.run(&["resume"]).ends(0);
    assert_eq!(server.count(), before + 16);
    work.run(&["resume", &run]).ends(2);
}

#[test]
fn the_rest_of_a_list_that_is_gone_can_be_sent_with_the_corrected_message() {
    for how in ["gone", "standard input"] {
        let server = Recorder::start();
        let work = relayed(&server, "", 12);
        work.message("Sale", WRONG);
        let list = work.read("list.csv");
        if how == "gone" {
            work.run(&["send", "list.csv", "--limit", "4", "--campaign", "spring"]).ends(0);
            std::fs::remove_file(work.join("list.csv")).expect("it was there");
        } else {
            work.run_with(&["send", "-", "--limit", "4", "--campaign", "spring"], list).ends(0);
        }
        work.message("Sale", RIGHT);
        work.run(&["resume"]).ends(14).says(RIGHT);
        let said = work.run(&["resume", "--accept-changes"]).ends(14).says("cannot be read again");
        // The commands of the hint, as they are printed.
        let commands: Vec<&str> =
            said.err.split('`').filter(|part| part.starts_with("mailbatch ")).collect();
        assert_eq!(commands.len(), 2, "{}", said.err);
        for command in commands {
            let arguments: Vec<&str> = command.split(' ').skip(1).collect();
            work.run(&arguments).ends(0);
        }
        once(&server, &everybody(12));
        assert_eq!((got(&server, WRONG), got(&server, RIGHT)), (4, 8), "{how}");
    }
}

#[test]
fn the_rejected_are_retried_with_the_corrected_message() {
    let refused = |bad: &str| {
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("550 5.7.1 message refused")).to(bad))
    };
    let server = Recorder::with(refused("user3@"));
    let work = relayed(&server, "", 12);
    work.message("Sale", WRONG);
    let code = work.run(&["send", "list.csv"]).code;
    let rejected = work.report().with("rejected").len();
    assert_eq!(code, if rejected > 0 { 3 } else { 0 });
    server.follow(Script::default());
    work.message("Sale", RIGHT);
    if rejected > 0 {
        work.run(&["retry", "latest", "--only", "rejected"]).ends(14).says(RIGHT);
        work.run(&["retry", "latest", "--only", "rejected", "--accept-changes"]).ends(0);
    }
    once(&server, &everybody(12));
    assert_eq!(got(&server, RIGHT), rejected);
}

/// A run of 12 that has left user3 rejected, user5 deferred, and the last four held.
fn left_in_every_way(server: &Recorder) -> Workspace {
    let work = relayed(
        server,
        "in_flight = 1\nretry = { for = \"1s\", base = \"20ms\", max = \"50ms\" }",
        12,
    );
    work.message("Sale", WRONG);
    let rule = |action: &str, to: &str| Rule::new(Step::Rcpt, Action::reply(action)).to(to);
    server.follow(
        Script::default()
            .rule(rule("550 5.7.1 message refused", "user3@"))
            .rule(rule("450 4.2.0 not now", "user5@")),
    );
    work.run(&["send", "list.csv", "--limit", "8"]);
    work
}

#[test]
fn only_those_are_retried_with_the_corrected_message_who_were_asked_for() {
    for (only, expected) in
        [("rejected", &[3][..]), ("deferred", &[5]), ("held,rejected", &[3, 8, 9, 10, 11])]
    {
        let server = Recorder::start();
        let work = left_in_every_way(&server);
        let before = work.report();
        let left = |outcome: &str| before.with(outcome).len();
        assert_eq!(
            (left("rejected"), left("deferred"), left("held")),
            (1, 1, 4),
            "{:?}",
            before.counts()
        );
        server.follow(Script::default());
        work.message("Sale", RIGHT);
        work.file("list.csv", work.read("list.csv") + "99,new@example.com,New\n");
        work.run(&["retry", "latest", "--only", only, "--accept-changes"]);
        let mut expected: Vec<String> =
            expected.iter().map(|n| lists::addresses(12)[*n].clone()).collect();
        expected.sort();
        let corrected = |taken: &Taken| String::from_utf8_lossy(&taken.data).contains(RIGHT);
        let mut got: Vec<String> = server
            .taken()
            .into_iter()
            .filter(corrected)
            .flat_map(|taken| taken.recipients)
            .collect();
        got.sort();
        assert_eq!(got, expected, "{only}");
        let report = work.report();
        assert_eq!(report.cell("new@example.com", "mb_outcome"), "held", "{only}");
        if only == "rejected" {
            assert_eq!(
                report.with("held").len() + report.with("deferred").len(),
                left("held") + left("deferred") + 1
            );
            work.run(&["resume"]).ends(0);
            assert_eq!(server.recipients().len(), 13);
        }
    }
}

#[test]
fn a_run_of_an_earlier_version_is_compared_as_far_as_it_can_be() {
    let server = Recorder::start();
    let work = waiting(&server);
    Connection::open(work.join(".mailbatch/ledger.db"))
        .and_then(|ledger| {
            ledger.execute_batch("UPDATE runs SET settings = json_remove(settings, '$.inputs')")
        })
        .expect("a ledger");
    work.message("Sale", RIGHT);
    let said = work.run(&["resume"]).ends(14).says(RIGHT);
    assert!(said.err.contains("--as-planned"), "{}", said.err);
    work.run(&["resume", "--accept-changes"]).ends(14).says("rest.csv");
    work.message("Sale", &format!("Dear reader\n{WRONG}"));
    work.run(&["resume"]).ends(0);
    once(&server, &everybody(12));
}

#[test]
fn the_next_command_says_which_text_it_sends() {
    let server = Recorder::start();
    let work = relayed(&server, "", 12);
    let said = work.run(&["send", "list.csv", "--limit", "4"]).ends(0);
    let next = said.out.lines().last().expect("a last line").to_owned();
    assert!(
        next.starts_with("next    mailbatch resume ")
            && next.contains("# with the message as planned, "),
        "{next}"
    );
    // It is a command that a shell takes.
    let command = next
        .trim_start_matches("next    mailbatch ")
        .split('#')
        .next()
        .expect("a command")
        .trim()
        .to_owned();
    let arguments: Vec<&str> = command.split(' ').collect();
    work.run(&arguments).ends(0);
    once(&server, &everybody(12));
}

#[test]
fn a_workspace_that_was_moved_or_copied_goes_on_and_a_file_that_is_dropped_there_is_noticed() {
    for (how, version) in [("mv", "this"), ("mv", "earlier"), ("cp", "this"), ("cp", "earlier")] {
        let server = Recorder::start();
        let work = relayed(&server, "", 6);
        let with = |files: &str| {
            format!("{}[suppression]\nfiles = [{files}]\n", work.read("mailbatch.toml"))
        };
        std::fs::create_dir(work.join("old")).expect("writable");
        work.file("old/mailbatch.toml", with("\"stop/main.csv\", \"vip.csv\""))
            .file("old/message.md", work.read("message.md"))
            .file("old/list.csv", work.read("list.csv"))
            .file("old/vip.csv", "email\n")
            .file("old/stop/main.csv", "email\n");
        work.run(&["-C", "old", "send", "list.csv", "--message", "message.md", "--limit", "2"])
            .ends(0);
        if version == "earlier" {
            Connection::open(work.join("old/.mailbatch/ledger.db"))
                .expect("a ledger")
                .execute("UPDATE runs SET settings = json_remove(settings, '$.inputs.root')", [])
                .expect("writable");
        }
        let moved = std::process::Command::new(how)
            .args(if how == "cp" { &["-a"][..] } else { &[] })
            .args([work.join("old"), work.join("new")])
            .status();
        assert!(moved.expect(how).success());
        work.file("new/mailbatch.toml", with("\"stop/main.csv\""));
        let said =
            work.run(&["-C", "new", "resume"]).ends(14).says("vip.csv is not configured any more");
        assert!(!said.err.contains("main.csv is not"), "{}", said.err);
        work.file("new/mailbatch.toml", with("\"stop/main.csv\", \"vip.csv\""));
        work.run(&["-C", "new", "resume"]).ends(0);
        once(&server, &everybody(6));
    }
}
