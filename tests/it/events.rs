//! What comes back: bounces and complaints out of mail find their recipient, are counted once, and
//! suppress whom they must and nobody else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::recorder::{Recorder, Script};
use crate::support::{Workspace, workspace};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail")
}

/// A workspace whose relay has taken the mail for ann, bob and cyd, with a token in each envelope
/// sender; the envelope senders by recipient.
fn sent() -> (Workspace, Vec<(String, String)>) {
    let server = Recorder::with(Script::default().must_be_called());
    let work = workspace();
    work.smtp_config(&server.url(), "")
        .message("Hello", "Body.")
        .file("list.csv", "email\nann@example.com\nbob@example.com\ncyd@example.com\n")
        .file("suppressions.csv", "email,reason,source,note\n");
    let config = work
        .read("mailbatch.toml")
        .replace("[message]\n", "[message]\nenvelope_sender = \"bounce+{token}@acme.example\"\n");
    work.config(&format!(
        "{config}\n[suppression]\nfiles = [\"suppressions.csv\"]\nsoft_bounces = \"2 in 14d\"\n"
    ));
    work.mailbatch().args(["send", "list.csv", "--progress", "none"]).assert().success();
    let senders = server
        .taken()
        .iter()
        .map(|taken| (taken.recipients[0].clone(), taken.sender.clone()))
        .collect();
    (work, senders)
}

fn ingest(work: &Workspace, arguments: &[&str], input: &str) -> String {
    let run = work
        .mailbatch()
        .args(["events", "ingest"])
        .args(arguments)
        .write_stdin(input)
        .assert()
        .success();
    String::from_utf8(run.get_output().stdout.clone()).unwrap()
}

fn lines(work: &Workspace, arguments: &[&str]) -> Vec<Value> {
    let run = work.mailbatch().args(arguments).assert().success();
    String::from_utf8(run.get_output().stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A bounce that names nobody but by the address that it is sent to.
fn bounce_to(envelope_sender: &str, said: &str, date: &str) -> String {
    format!(
        "Return-Path: <>\nDate: {date}\nFrom: MAILER-DAEMON@mx.example.net\nTo: <{envelope_sender}>\nSubject: Undelivered Mail\n\n\
         The message could not be delivered: {said}.\n"
    )
}

const NOON: &str = "Sat, 21 Nov 2026 12:00:00 +0000";

#[test]
fn a_bounce_finds_its_person_by_the_envelope_sender_and_suppresses_once() {
    let (work, senders) = sent();
    let tokens: BTreeSet<&str> = senders.iter().map(|(_, sender)| sender.as_str()).collect();
    assert!(
        tokens.len() == 3
            && tokens.iter().all(|sender| sender.len() == "bounce+@acme.example".len() + 24),
        "{tokens:?}"
    );
    let bob = senders
        .iter()
        .find(|(to, _)| to == "bob@example.com")
        .map(|(_, sender)| sender.as_str())
        .unwrap();
    let bounce = bounce_to(bob, "no such user", NOON);
    let said = ingest(&work, &["-"], &bounce);
    assert!(
        said.contains("1 bounced(hard)")
            && said.contains(
                "1 new, 0 known before, 0 about no recipient in the ledger; 1 suppressed"
            ),
        "{said}"
    );
    work.file("again/1", &bounce).file("again/2", &bounce);
    let said = ingest(&work, &["again"], "");
    assert!(said.contains("0 new, 2 known before"), "{said}");

    work.mailbatch().args(["suppress", "check", "bob@example.com"]).assert().success();
    work.mailbatch().args(["suppress", "check", "ann@example.com"]).assert().code(9);
    let file = work.read("suppressions.csv");
    assert_eq!(file.matches("bob@example.com,hard_bounce,dsn,").count(), 1, "{file}");
    let report = lines(&work, &["report", "latest", "--format", "ndjson"]);
    let feedback: Vec<_> = report
        .iter()
        .map(|row| (row["outcome"].as_str().unwrap(), row["feedback"].as_str().unwrap()))
        .collect();
    assert_eq!(feedback, [("accepted", ""), ("accepted", "bounced(hard)"), ("accepted", "")]);
    assert_eq!(lines(&work, &["status", "--json"])[0]["feedback"]["bounced(hard)"], 1);
    let events =
        lines(&work, &["events", "list", "--run", "latest", "--type", "bounced", "--json"]);
    assert_eq!(
        (events.len(), events[0]["linked_by"].as_str(), events[0]["row"].as_u64()),
        (1, Some("token"), Some(2))
    );
    assert!(lines(&work, &["events", "list", "--email", "ann@example.com", "--json"]).is_empty());
}

#[test]
fn soft_bounces_suppress_when_there_are_as_many_as_the_configuration_says() {
    let (work, senders) = sent();
    let (_, ann) = senders.iter().find(|(to, _)| to == "ann@example.com").unwrap();
    let said = ingest(&work, &["-"], &bounce_to(ann, "mailbox full", NOON));
    assert!(said.contains("1 bounced(soft)") && said.contains("0 suppressed"), "{said}");
    let said =
        ingest(&work, &["-"], &bounce_to(ann, "mailbox full", "Sat, 21 Nov 2026 06:00:00 +0000"));
    assert!(said.contains("1 suppressed"), "{said}");
    assert!(
        work.read("suppressions.csv").contains("\"2 in 14d, event "),
        "{}",
        work.read("suppressions.csv")
    );
}

#[test]
fn mail_about_strangers_is_kept_and_believed_only_when_asked() {
    let (work, _) = sent();
    let stranger = bounce_to("bounces+eve=example.org@acme.example", "no such user", NOON);
    let said = ingest(&work, &["-"], &stranger);
    assert!(
        said.contains("1 about no recipient in the ledger; 0 suppressed")
            && said.contains("--any-recipient"),
        "{said}"
    );
    work.mailbatch().args(["suppress", "check", "eve@example.org"]).assert().code(9);
    let said = ingest(&work, &["--any-recipient", "-"], &stranger.replace("12:00:00", "12:00:01"));
    assert!(said.contains("1 suppressed"), "{said}");
    work.mailbatch().args(["suppress", "check", "eve@example.org"]).assert().success();
    assert_eq!(lines(&work, &["events", "list", "--json"]).len(), 2);
}

#[test]
fn words_that_a_person_can_write_are_kept_as_hearsay_and_are_about_nobody() {
    let (work, senders) = sent();
    let (_, ann) = senders.iter().find(|(to, _)| to == "ann@example.com").unwrap();
    let told = |path: &str| {
        format!(
            "Return-Path: <{path}>\nDate: {NOON}\nFrom: Joe, IT <postmaster@example.com>\nTo: <{ann}>\nSubject: Undeliverable mail\n\n\
             bob@example.com: 550 5.1.1 user unknown, says our log. That is repaired.\n"
        )
    };
    let said = ingest(&work, &["--any-recipient", "-"], &told("postmaster@example.com"));
    assert!(
        said.contains("1 new, 0 known before, 1 about no recipient in the ledger; 0 suppressed")
            && said.contains("1 unverifiable bounces: recorded, not acted on"),
        "{said}"
    );
    let events = lines(&work, &["events", "list", "--email", "bob@example.com", "--json"]);
    assert!(events.len() == 1 && events[0]["run"].is_null(), "{events:?}");
    for line in lines(&work, &["report", "latest", "--format", "ndjson"]) {
        assert_eq!(line["feedback"], "", "{line}");
    }
    let answer = told("postmaster@example.com").replace("Undeliverable", "Re: Undeliverable");
    assert!(ingest(&work, &["-"], &answer).contains("1 without feedback"));
    assert_eq!(work.read("suppressions.csv").lines().count(), 1);
    // The same from a program.
    let said = ingest(&work, &["-"], &told("").replace("12:00:00", "12:00:01"));
    assert!(said.contains("1 suppressed"), "{said}");
}

#[test]
fn somebody_whose_mail_arrived_is_not_suppressed_by_the_failure_of_a_member_of_the_list_behind_the_address()
 {
    let (work, senders) = sent();
    let (_, ann) = senders.iter().find(|(to, _)| to == "ann@example.com").unwrap();
    let report = |action: &str| {
        format!(
            "Return-Path: <>\nDate: {NOON}\nFrom: MAILER-DAEMON@mx.example.net\nTo: <{ann}>\nSubject: Report\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n\
             Reporting-MTA: dns; mx.example.net\n\nOriginal-Recipient: rfc822; ann@example.com\nFinal-Recipient: rfc822; bea@example.com\n\
             Action: {action}\nStatus: 2.0.0\n\nOriginal-Recipient: rfc822; ann@example.com\nFinal-Recipient: rfc822; carl@example.com\n\
             Action: failed\nStatus: 5.1.1\n\n--b--\n"
        )
    };
    for action in ["delivered", "relayed", "expanded"] {
        let said = ingest(&work, &["-"], &report(action));
        assert!(
            said.contains("1 bounced(hard), 1 delivered") && said.contains("; 0 suppressed"),
            "{action}: {said}"
        );
    }
    work.mailbatch().args(["suppress", "check", "ann@example.com"]).assert().code(9);
    // Of those behind the address nobody was reached.
    let said = ingest(&work, &["-"], &report("failed").replace("2.0.0", "5.1.1"));
    assert!(said.contains("1 suppressed"), "{said}");
}

#[test]
fn no_automatic_answer_and_no_policy_answer_suppresses_anybody() {
    let (work, _) = sent();
    let all = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let harmless = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        name.starts_with("nothing-")
            || [
                "policy",
                "arf-not-spam",
                "arf-authentication",
                "delayed",
                "relayed",
                "exim-warning",
            ]
            .contains(&name.as_str())
    };
    let paths: Vec<String> = all.filter(harmless).map(|path| path.display().to_string()).collect();
    assert!(paths.len() > 10);
    let arguments: Vec<&str> =
        ["--any-recipient"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let said = ingest(&work, &arguments, "");
    assert!(said.contains("; 0 suppressed"), "{said}");
    assert_eq!(work.read("suppressions.csv").lines().count(), 1);
}

#[test]
fn a_dry_run_needs_no_workspace_and_writes_nothing() {
    let work = workspace();
    work.file("mail/1.eml", std::fs::read(fixtures().join("postfix-two-people.eml")).unwrap());
    work.file("mail/2.eml", std::fs::read(fixtures().join("nothing-vacation.eml")).unwrap());
    let found = lines(&work, &["events", "ingest", "--dry-run", "--json", "mail"]);
    let told: Vec<_> = found
        .iter()
        .map(|line| {
            (
                line["file"].as_str().unwrap(),
                line["type"].as_str().unwrap(),
                line["bounce"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("mail/1.eml", "bounced", Some("hard")),
            ("mail/1.eml", "bounced", Some("soft")),
            ("mail/2.eml", "none", None)
        ]
    );
    assert_eq!(
        (found[0]["recipient"].as_str(), found[0]["status"].as_str(), found[0]["code"].as_str()),
        (Some("ann@example.com"), Some("5.1.1"), Some("550"))
    );
    assert_eq!(found[2]["reason"], "an automatic answer");
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 1);
}

#[test]
fn an_mbox_and_a_maildir_are_read_message_by_message() {
    let (work, senders) = sent();
    let mbox: String = senders
        .iter()
        .map(|(_, to)| {
            format!("From MAILER-DAEMON {NOON}\n{}\n", bounce_to(to, "no such user", NOON))
        })
        .collect();
    work.file("mbox", &mbox).file("Maildir/tmp/x", "From: a@b.example\n\n");
    work.file("Maildir/cur/1:2,S", bounce_to(&senders[0].1, "no such user", NOON))
        .file("Maildir/new/2", "From: ann@example.com\n\nHello\n");
    let said = ingest(&work, &["mbox", "Maildir"], "");
    assert!(
        said.starts_with(
            "5 messages read: 4 bounced(hard); 1 without feedback\n3 new, 1 known before"
        ),
        "{said}"
    );
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let (work, senders) = sent();
    work.file("in/1", "")
        .file("in/2", [0u8, 159, 146, 150])
        .file("in/4", bounce_to(&senders[2].1, "no such user", NOON));
    std::os::unix::fs::symlink("nowhere", work.join("in/3")).unwrap();
    let run = work.mailbatch().args(["events", "ingest", "missing", "in"]).assert().code(5);
    let (out, err) = (
        String::from_utf8_lossy(&run.get_output().stdout),
        String::from_utf8_lossy(&run.get_output().stderr),
    );
    assert!(
        out.contains("3 messages read: 1 bounced(hard); 2 without feedback; 2 unreadable")
            && out.contains("1 suppressed"),
        "{out}"
    );
    assert!(
        err.contains("missing: cannot be read: No such file")
            && err.contains("in/3: cannot be read"),
        "{err}"
    );
}

#[test]
fn a_huge_message_is_read_in_part_and_an_endless_one_does_no_harm() {
    let (work, senders) = sent();
    let mut huge = bounce_to(&senders[1].1, "no such user", NOON).into_bytes();
    huge.extend(b"\n--- Below this line is a copy of the message.\n\n");
    huge.resize(64 << 20, b'x');
    work.file("huge", huge);
    let said = ingest(&work, &["huge"], "");
    assert!(said.contains("1 new") && said.contains("1 suppressed"), "{said}");
}

#[test]
fn an_envelope_sender_that_cannot_carry_its_token_is_refused() {
    for (sender, says) in [
        ("bounce+{tokens}@acme.example", "only {token} has a meaning"),
        ("bounce@{token}.acme.example", "{token} in its domain"),
        ("b{token}@acme.example", "not the end of the local part"),
    ] {
        let work = workspace();
        work.sandbox_config("")
            .message("Hello", "Body.")
            .file("list.csv", "email\nann@example.com\n");
        let config = work
            .read("mailbatch.toml")
            .replace("[message]\n", &format!("[message]\nenvelope_sender = \"{sender}\"\n"));
        work.config(&config);
        let run = work.mailbatch().args(["check", "list.csv"]).assert().code(2);
        let err = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(
            err.contains(says) && err.contains("bounce+{token}@acme.example"),
            "{sender}: {err}"
        );
    }
}

#[test]
fn a_rule_for_soft_bounces_that_makes_no_sense_is_refused() {
    let work = workspace();
    work.sandbox_config("").message("Hello", "Body.");
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[suppression]\nsoft_bounces = \"often\"\n"));
    let run = work.mailbatch().args(["events", "list"]).assert().code(2);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("5 in 14d"));
}

#[test]
fn a_complaint_whose_address_is_redacted_finds_its_person_by_the_message_and_suppresses_nobody_else()
 {
    let server = Recorder::with(Script::default().must_be_called());
    let work = workspace();
    work.smtp_config(&server.url(), "")
        .message("Hello", "Body.")
        .file("list.csv", "email\nann@example.com\nbob@example.com\n");
    let config = work.read("mailbatch.toml");
    work.file("suppressions.csv", "email,reason,source,note\n")
        .config(&format!("{config}\n[suppression]\nfiles = [\"suppressions.csv\"]\n"));
    work.run(&["send", "list.csv"]).ends(0);
    let taken = server.taken();
    let bobs = taken
        .iter()
        .find(|taken| taken.recipients == ["bob@example.com"])
        .and_then(|taken| taken.message_id.clone())
        .unwrap();
    let report = std::fs::read_to_string(fixtures().join("arf-redacted.eml")).unwrap();
    let ours = report.replace("<0123456789abcdef01234567@acme.example>", &bobs);
    assert!(ours != report && !ours.contains("bob@"));
    let said = ingest(&work, &["-"], &ours);
    assert!(said.contains("1 complained") && said.contains("1 suppressed"), "{said}");
    // About a message that is not ours nobody is suppressed, and it is kept.
    let said = ingest(&work, &["-"], &report);
    assert!(
        said.contains("1 new, 0 known before, 1 about no recipient in the ledger; 0 suppressed"),
        "{said}"
    );
    let listed = lines(&work, &["events", "list", "--json"]);
    assert_eq!(
        listed.iter().map(|event| event["run"].is_string()).collect::<Vec<_>>(),
        [true, false]
    );
    work.run(&["suppress", "check", "bob@example.com"]).ends(0).says("complaint");
    work.run(&["suppress", "check", "ann@example.com"]).ends(9);
    let file = work.read("suppressions.csv");
    assert!(file.lines().count() == 2 && !file.contains("redacted"), "{file}");
}

#[test]
fn one_mail_made_to_stop_the_reader_stops_none_of_the_others() {
    let good = |person: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered Mail\nDate: {NOON}\n\n\
             Your message could not be delivered.\n\n<{person}@example.com>: 550 5.1.1 user unknown\n"
        )
    };
    let digests: String = (0..12_000)
        .map(|n| format!("Content-Type: multipart/digest; boundary=x{n}\n\n--x{n}\n\n"))
        .collect();
    for nest in ["Content-Type: message/rfc822\n\n".repeat(20_000), digests] {
        let bad = format!("From: a@x.example\nSubject: x\n{nest}\n");
        let work = workspace();
        work.file("M/new/1", good("ann"))
            .file("M/new/2", &bad)
            .file("M/new/3", good("bob"))
            .file("M/cur/4", &bad)
            .file("M/tmp/5", "");
        let mbox: String = [good("ann"), bad.clone(), good("bob")]
            .map(|mail| format!("From x Sat Nov 21 12:00:00 2026\n{mail}\n"))
            .concat();
        work.file("mbox", mbox);
        for path in ["M", "mbox"] {
            let told = lines(&work, &["events", "ingest", "--dry-run", "--json", path]);
            let people: Vec<&str> =
                told.iter().filter_map(|event| event["recipient"].as_str()).collect();
            assert_eq!(people, ["ann@example.com", "bob@example.com"], "{path}");
            assert_eq!(
                told.iter().filter(|event| event["type"] == "none").count(),
                if path == "M" { 2 } else { 1 }
            );
        }
    }
}
