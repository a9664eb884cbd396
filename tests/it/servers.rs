//! Sending to real servers: each recipient once, the message as it was meant, and every answer for
//! what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mail_parser::MessageParser;

use crate::support::peers::{
    Aiosmtpd, Authority, OpenSmtpd, Postfix, PostfixOptions, SmtpSink, Stored, peer,
};
use crate::support::ran::Ran;
use crate::support::{Workspace, lists, workspace};

/// A workspace with a relay and a list of `rows` usual recipients.
fn relayed(url: &str, relay: &str, rows: usize) -> Workspace {
    let workspace = workspace();
    workspace
        .smtp_config(url, relay)
        .message("Hello {{ name }}", "Number {{ id }}.")
        .file("list.csv", lists::csv(rows));
    workspace
}

/// The line that makes a relay trust a test's authority.
fn trusting(authority: &Authority) -> String {
    format!("ca_file = {}", toml::Value::from(authority.ca.to_str().unwrap()))
}

/// Runs with the relay's password in the environment.
fn with_password(workspace: &Workspace, password: &str, arguments: &[&str]) -> Ran {
    let mut command = workspace.mailbatch();
    command.env("RELAY_PASSWORD", password).args(arguments);
    Ran::from(command)
}

const PASSWORD_KEY: &str = "password = { env = \"RELAY_PASSWORD\" }";

fn sorted(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut items: Vec<String> = items.into_iter().collect();
    items.sort();
    items
}

fn recipients(stored: &[Stored]) -> Vec<String> {
    sorted(stored.iter().flat_map(|message| message.recipients.clone()))
}

/// Asserts that the report is the list, row for row, with nothing but accepted recipients.
fn assert_all_accepted(workspace: &Workspace, rows: usize) {
    let report = workspace.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", rows)]));
    assert_eq!(report.column("email"), lists::addresses(rows));
    assert_eq!(report.column("id"), (0..rows).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(report.column("name"), (0..rows).map(lists::name).collect::<Vec<_>>());
    assert_eq!(report.column("mb_row"), (1..=rows).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// Asserts that no file of the workspace, the ledger included, holds the text.
fn assert_nowhere(dir: &Path, secret: &str) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path, secret);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
            "{} holds the password",
            path.display()
        );
    }
}

#[test]
fn ten_thousand_recipients_reach_smtp_sink_once_each() {
    const ROWS: usize = 10_000;
    let sink = peer!(SmtpSink::start(&[]));
    let workspace = relayed(&sink.url(), "", ROWS);
    let completed =
        workspace.run(&["send", "list.csv", "--canary", "5%", "--json"]).ends(0).object();
    assert_eq!(
        (completed["input"].as_u64(), completed["counts"]["accepted"].as_u64()),
        (Some(10_000), Some(10_000))
    );
    let stored = sink.stored();
    assert_eq!(stored.len(), ROWS);
    assert!(
        stored
            .iter()
            .all(|message| message.recipients.len() == 1 && message.sender == "news@acme.example")
    );
    assert_eq!(recipients(&stored), sorted(lists::addresses(ROWS)));
    assert_all_accepted(&workspace, ROWS);

    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0).says("nothing to do");
    assert_eq!(sink.count(), ROWS);
}

#[test]
fn postfix_delivers_every_name_as_it_was_written() {
    let postfix = peer!(Postfix::start(PostfixOptions::default()));
    every_name_arrives(&postfix, "", 1_000);
    assert!(!postfix.log().contains(" bdat="), "no chunk without a window");
}

#[test]
fn postfix_delivers_the_same_through_a_window() {
    let postfix = peer!(Postfix::start(PostfixOptions::default()));
    every_name_arrives(&postfix, "window = 16", 2_000);
    assert!(
        postfix.log().contains(" bdat=") && !postfix.log().contains(" data="),
        "every message is a chunk"
    );
}

/// Sends to `rows` recipients, and asserts that each has got what was meant, once.
fn every_name_arrives(postfix: &Postfix, keys: &str, rows: usize) {
    let workspace = workspace();
    workspace.config(&format!(
        "[message]\nfile = \"message.txt\"\nfrom = \"Acme – Größe & Söhne <news@acme.example>\"\nreply_to = \"help@acme.example\"\n\
         kind = \"marketing\"\nto_name = \"{{{{ name }}}}\"\nunsubscribe_url = \"https://acme.example/u/{{{{ id }}}}\"\n\
         envelope_sender = \"bounces@acme.example\"\n\n[message.headers]\nFeedback-ID = \"spring:acme:mailbatch:acme\"\nX-Greeting = \"{{{{ name }}}}!\"\n\n\
         [providers.relay]\nkind = \"smtp\"\nurl = \"{}\"\n{keys}\n",
        postfix.url()
    ));
    let long = "word ".repeat(60);
    workspace.file(
        "message.txt",
        format!("+++\nsubject = \"Hello {{{{ name }}}}, n° {{{{ id }}}}\"\n+++\nDear {{{{ name }}}},\n\n.\n..two\n{long}\nFrom Acme\nبيت\n"),
    );
    workspace.file("list.csv", lists::csv(rows));
    workspace.run(&["send", "list.csv", "--canary", "5%"]).ends(0);
    assert_all_accepted(&workspace, rows);

    let delivered = postfix.wait_delivered(rows);
    assert_eq!(recipients(&delivered), sorted(lists::addresses(rows)));
    let report = workspace.report();
    for stored in &delivered {
        let index: usize = stored.recipients[0]
            .split('@')
            .next()
            .unwrap()
            .strip_prefix("user")
            .unwrap()
            .parse()
            .unwrap();
        let (name, address) = (lists::name(index), lists::address(index));
        let message = MessageParser::default().parse(&stored.raw).unwrap();
        assert_eq!(message.subject(), Some(format!("Hello {name}, n° {index}").as_str()));
        let to = message.to().unwrap().first().unwrap();
        assert_eq!((to.name(), to.address()), (Some(name), Some(address.as_str())));
        let from = message.from().unwrap().first().unwrap();
        assert_eq!(
            (from.name(), from.address()),
            (Some("Acme – Größe & Söhne"), Some("news@acme.example"))
        );
        assert_eq!(
            message.reply_to().unwrap().first().unwrap().address(),
            Some("help@acme.example")
        );
        assert_eq!(stored.sender, "bounces@acme.example");
        let body = message.body_text(0).unwrap().replace("\r\n", "\n");
        assert_eq!(
            body.trim_end(),
            format!("Dear {name},\n\n.\n..two\n{long}\nFrom Acme\nبيت").trim_end()
        );
        let header = |wanted: &str| {
            message.header(wanted).and_then(|value| value.as_text()).map(str::to_owned)
        };
        let greeted = MessageParser::new().header_text("X-Greeting").parse(&stored.raw).unwrap();
        assert_eq!(
            greeted.header("X-Greeting").and_then(|value| value.as_text()),
            Some(format!("{name}!").as_str())
        );
        assert_eq!(header("Feedback-ID").as_deref(), Some("spring:acme:mailbatch:acme"));
        assert_eq!(message.message_id(), Some(report.column("mb_message_id")[index]));
        let raw = String::from_utf8_lossy(&stored.raw);
        assert!(
            raw.contains(&format!("https://acme.example/u/{index}>"))
                && raw.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
        );
        assert!(message.date().is_some());
        let head = raw.split("\n\n").next().unwrap();
        assert!(head.is_ascii(), "{head}");
        assert!(
            raw.lines().all(|line| line.len() <= 998),
            "lines as RFC 5322 section 2.1.1 wants them"
        );
        // The whole address list is one mailbox: a comma in a name makes no second recipient.
        assert_eq!(message.to().unwrap().iter().count(), 1);
    }
}

#[test]
fn a_markdown_message_arrives_as_text_and_as_html_in_which_names_are_only_names() {
    const ROWS: usize = 24;
    let postfix = peer!(Postfix::start(PostfixOptions::default()));
    let workspace = relayed(&postfix.url(), "", ROWS);
    workspace.message("Hello {{ name }}", "# Dear {{ name }}\n\nNumber **{{ id }}**.");
    workspace.run(&["send", "list.csv"]).ends(0);
    for stored in postfix.wait_delivered(ROWS) {
        let index: usize = stored.recipients[0]
            .split('@')
            .next()
            .unwrap()
            .strip_prefix("user")
            .unwrap()
            .parse()
            .unwrap();
        let message = MessageParser::default().parse(&stored.raw).unwrap();
        assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
        let (text, html) = (message.body_text(0).unwrap(), message.body_html(0).unwrap());
        assert!(
            html.contains(&format!("<strong>{index}</strong>"))
                && text.contains(&index.to_string()),
            "{html}\n{text}"
        );
        assert!(!html.contains("<script>"), "{html}");
        if !lists::name(index).contains(['\\', '<', '"', '_', '\'']) {
            assert!(
                html.contains(lists::name(index)) && text.contains(lists::name(index)),
                "{html}\n{text}"
            );
        }
    }
}

#[test]
fn postfix_takes_mail_under_starttls_by_plain_and_by_login() {
    let postfix = peer!(Postfix::start(PostfixOptions {
        tls: true,
        tls_required: true,
        auth: true,
        ..PostfixOptions::default()
    }));
    let trust = trusting(postfix.authority().unwrap());
    for (auth, rows) in [("", 40), ("auth = \"plain\"", 10), ("auth = \"login\"", 10)] {
        let workspace = relayed(&postfix.url(), &format!("{PASSWORD_KEY}\n{trust}\n{auth}"), rows);
        with_password(&workspace, Postfix::PASSWORD, &["send", "list.csv"]).ends(0);
        assert_all_accepted(&workspace, rows);
        assert_nowhere(workspace.path(), Postfix::PASSWORD);
    }
    let expected =
        lists::addresses(40).into_iter().chain(lists::addresses(10)).chain(lists::addresses(10));
    assert_eq!(recipients(&postfix.wait_delivered(60)), sorted(expected));
}

#[test]
fn a_wrong_password_stops_with_7_and_is_written_nowhere() {
    const WRONG: &str = "tr0ub4dor-and-3";
    let postfix = peer!(Postfix::start(PostfixOptions {
        tls: true,
        auth: true,
        ..PostfixOptions::default()
    }));
    let trust = trusting(postfix.authority().unwrap());
    // base64 of NUL user NUL password, and of the password alone, as AUTH PLAIN and AUTH LOGIN
    // carry them.
    let encoded = ["AG1haWxiYXRjaAB0cjB1YjRkb3ItYW5kLTM=", "dHIwdWI0ZG9yLWFuZC0z"];
    for auth in ["plain", "login"] {
        let workspace =
            relayed(&postfix.url(), &format!("{PASSWORD_KEY}\n{trust}\nauth = \"{auth}\""), 30);
        let reports =
            ["--report", "r.json", "--report", "r.html", "--report", "r.xml", "--report", "r.md"];
        let sent = with_password(
            &workspace,
            WRONG,
            &[&["-vv", "send", "list.csv"][..], &reports].concat(),
        )
        .ends(7)
        .says("535");
        let again = with_password(&workspace, WRONG, &["send", "list.csv", "--json"]).ends(7);
        let run = workspace.newest_run();
        let asked = ["status", "why"].map(|what| match what {
            "why" => with_password(&workspace, WRONG, &["why", &run, &lists::address(0)]),
            _ => with_password(&workspace, WRONG, &[what]),
        });
        let shown = with_password(&workspace, WRONG, &["config", "show", "--origin"]).ends(0);
        for secret in [WRONG, encoded[0], encoded[1]] {
            for ran in [&sent, &again, &shown].into_iter().chain(&asked) {
                assert!(
                    !ran.out.contains(secret) && !ran.err.contains(secret),
                    "{}\n{}",
                    ran.out,
                    ran.err
                );
            }
            assert_nowhere(workspace.path(), secret);
        }
        let report = workspace.report();
        assert_eq!(report.counts(), BTreeMap::from([("held", 30)]));
        assert_eq!(report.column("mb_reason"), vec!["auth"; 30]);

        // Mended, the same command reaches everybody.
        with_password(&workspace, Postfix::PASSWORD, &["send", "list.csv"]).ends(0);
        assert_all_accepted(&workspace, 30);
    }
    assert_eq!(postfix.wait_delivered(60).len(), 60);
}

#[test]
fn a_certificate_nobody_vouches_for_is_not_trusted() {
    let postfix = peer!(Postfix::start(PostfixOptions { tls: true, ..PostfixOptions::default() }));
    let workspace = relayed(&postfix.url(), "", 5);
    workspace.run(&["send", "list.csv"]).ends(7).says("certificate").says("ca_file");
    assert_eq!(workspace.report().counts(), BTreeMap::from([("held", 5)]));
    assert!(postfix.delivered().is_empty());
}

#[test]
fn starttls_is_required_where_the_url_says_so() {
    let postfix = peer!(Postfix::start(PostfixOptions::default()));
    let workspace = relayed(
        &postfix.url().replace("smtp://", "smtp+starttls://"),
        "retry = { for = \"0\" }",
        5,
    );
    let ran = workspace.run(&["send", "list.csv"]);
    assert!([5, 7].contains(&ran.code), "{}\n{}", ran.out, ran.err);
    ran.says("STARTTLS");
    assert!(postfix.delivered().is_empty());
}

#[test]
fn each_reply_to_a_recipient_means_what_rfc_3463_says() {
    let replies = vec![
        ("user1@example.net", "450 4.2.0 Greylisted, come back later"),
        ("user2@example.org", "550 5.1.1 No such user here"),
        ("user4@example.net", "452 4.2.2 Mailbox full"),
        ("user6@example.com", "550 5.7.1 Refused by policy"),
        ("user7@example.net", "550 5.1.6 Moved, nobody knows where"),
        ("user8@example.org", "450 5.1.1 Contradicts itself"),
    ];
    let postfix = peer!(Postfix::start(PostfixOptions { replies, ..PostfixOptions::default() }));
    let workspace = relayed(&postfix.url(), "retry = { for = \"0\" }", 12);
    let config = workspace.read("mailbatch.toml");
    workspace
        .config(&format!("{config}\n[suppression]\nfiles = [\"stop.csv\"]\n"))
        .file("stop.csv", "email,reason,source\n");
    workspace.run(&["send", "list.csv"]).ends(5);

    let report = workspace.report();
    let told = |index: usize| {
        ["mb_outcome", "mb_reason", "mb_code"].map(|column| report.column(column)[index])
    };
    assert_eq!(told(1), ["deferred", "mailbox_transient", "450 4.2.0"]);
    assert_eq!(told(2), ["rejected", "mailbox_gone", "550 5.1.1"]);
    assert_eq!(told(4), ["deferred", "mailbox_transient", "452 4.2.2"]);
    assert_eq!(told(6), ["rejected", "policy", "550 5.7.1"]);
    assert_eq!(told(7), ["rejected", "mailbox_gone", "550 5.1.6"]);
    assert_eq!(told(8)[0], "deferred");
    assert!(
        report.column("mb_detail")[2].contains("No such user here"),
        "{}",
        report.column("mb_detail")[2]
    );
    assert_eq!(
        report.counts(),
        BTreeMap::from([("accepted", 6), ("deferred", 3), ("rejected", 3)])
    );
    assert_eq!(
        recipients(&postfix.wait_delivered(6)),
        sorted([0, 3, 5, 9, 10, 11].map(lists::address))
    );

    // Learned in the file and in the ledger; what is transient, policy or contradictory is not.
    let file = workspace.read("stop.csv");
    assert!(
        file.contains("user2@example.org,hard_bounce,")
            && file.contains("user7@example.net,hard_bounce,"),
        "{file}"
    );
    assert_eq!(file.lines().count(), 3, "{file}");
    workspace.file("stop.csv", "email,reason,source\n");
    for (index, code) in [(2, 0), (7, 0), (1, 9), (4, 9), (6, 9), (8, 9)] {
        workspace.run(&["suppress", "check", &lists::address(index)]).ends(code);
    }
    workspace.run(&["send", "list.csv", "--campaign", "next"]).ends(5);
    assert_eq!(workspace.report().with("suppressed"), [lists::address(2), lists::address(7)]);
}

#[test]
fn refusals_in_the_middle_of_a_window_concern_nobody_else() {
    const ROWS: usize = 400;
    let refused =
        lists::addresses(ROWS).into_iter().enumerate().filter(|(index, _)| index % 23 == 7);
    let replies: Vec<(&'static str, &'static str)> = refused
        .map(|(index, address)| {
            (
                &*address.leak(),
                ["450 4.2.0 Come back", "550 5.1.1 Nobody here", "452 4.2.2 Full"][index % 3],
            )
        })
        .collect();
    let postfix = peer!(Postfix::start(PostfixOptions {
        replies: replies.clone(),
        ..PostfixOptions::default()
    }));
    let workspace =
        relayed(&postfix.url(), "window = 16\nin_flight = 3\nretry = { for = \"0\" }", ROWS);
    workspace.run(&["send", "list.csv"]).ends(5);
    let report = workspace.report();
    let codes = report.column("mb_code");
    for (index, address) in lists::addresses(ROWS).iter().enumerate() {
        let expected = replies
            .iter()
            .find(|(refused, _)| refused == address)
            .map_or("250 2.0.0", |(_, reply)| &reply[..9]);
        assert_eq!(codes[index], expected, "row {}", index + 1);
    }
    let others = lists::addresses(ROWS)
        .into_iter()
        .filter(|address| !replies.iter().any(|(refused, _)| refused == address));
    let others = sorted(others);
    assert_eq!(recipients(&postfix.wait_delivered(others.len())), others);
    assert!(postfix.log().contains(" bdat="));
}

#[test]
fn a_421_in_the_middle_of_a_window_sends_nobody_twice() {
    const ROWS: usize = 200;
    let replies = vec![
        ("user60@example.com", "421 4.3.2 Closing for this one"),
        ("user121@example.net", "421 4.3.2 Closing again"),
    ];
    let postfix = peer!(Postfix::start(PostfixOptions { replies, ..PostfixOptions::default() }));
    let workspace = relayed(
        &postfix.url(),
        "window = 16\nin_flight = 2\nretry = { for = \"1s\", base = \"50ms\", max = \"100ms\" }",
        ROWS,
    );
    workspace.run(&["send", "list.csv"]);
    let judge = || {
        let report = workspace.report();
        let [accepted, in_doubt] = ["accepted", "unknown"].map(|outcome| {
            report.with(outcome).into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
        });
        let delivered = recipients(&postfix.wait_delivered(accepted.len()));
        let once: BTreeSet<String> = delivered.iter().cloned().collect();
        assert_eq!(once.len(), delivered.len(), "nobody twice");
        // Postfix closes on what it has not read, which takes answers with it that it had not sent
        // yet.
        assert!(accepted.is_subset(&once), "{:?}", accepted.difference(&once));
        assert!(
            once.iter().all(|address| accepted.contains(address) || in_doubt.contains(address))
        );
        let known = ["accepted", "unknown", "deferred", "held"];
        assert!(
            report.column("mb_outcome").iter().all(|outcome| known.contains(outcome)),
            "{:?}",
            report.counts()
        );
        (accepted, in_doubt)
    };
    let (accepted, in_doubt) = judge();
    assert!(accepted.len() > ROWS / 2, "{accepted:?}");
    // Whoever is in doubt stays so: another start reaches the rest and none of them.
    workspace.run(&["send", "list.csv"]);
    assert!(judge().1.is_superset(&in_doubt));
}

#[test]
fn a_421_closes_the_connection_and_is_held_against_nobody() {
    let replies = vec![("user5@example.org", "421 4.3.2 Closing for this one")];
    let postfix = peer!(Postfix::start(PostfixOptions { replies, ..PostfixOptions::default() }));
    let workspace = relayed(
        &postfix.url(),
        "in_flight = 2\nretry = { for = \"1s\", base = \"50ms\", max = \"100ms\" }",
        30,
    );
    workspace.run(&["send", "list.csv"]).ends(5);
    let report = workspace.report();
    for (index, outcome) in report.column("mb_outcome").into_iter().enumerate() {
        if index == 5 {
            assert!(["deferred", "held"].contains(&outcome), "{outcome}");
        } else {
            assert_eq!(outcome, "accepted", "row {}", index + 1);
        }
    }
    assert_eq!(
        recipients(&postfix.wait_delivered(29)),
        sorted((0..30).filter(|index| *index != 5).map(lists::address))
    );
    workspace.run(&["suppress", "check", &lists::address(5)]).ends(9);
}

#[test]
fn a_message_larger_than_the_server_takes_is_rejected_alone() {
    let postfix = peer!(Postfix::start(PostfixOptions {
        size_limit: Some(6_000),
        ..PostfixOptions::default()
    }));
    let workspace = relayed(&postfix.url(), "", 0);
    let name = |index: usize| if index == 3 { "x".repeat(9_000) } else { "Ann".to_owned() };
    let rows: String = (0..8)
        .map(|index| format!("{index},{},{}\n", lists::address(index), name(index)))
        .collect();
    workspace
        .message("Hello", "Number {{ id }}: {{ name }}")
        .file("list.csv", format!("id,email,name\n{rows}"));
    workspace.run(&["send", "list.csv"]).ends(3);
    let report = workspace.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 7), ("rejected", 1)]));
    assert_eq!(
        (report.column("mb_outcome")[3], report.column("mb_reason")[3]),
        ("rejected", "content")
    );
    assert_eq!(
        recipients(&postfix.wait_delivered(7)),
        sorted((0..8).filter(|index| *index != 3).map(lists::address))
    );
    workspace.run(&["suppress", "check", &lists::address(3)]).ends(9);
}

#[test]
fn opensmtpd_is_never_pipelined_at() {
    const ROWS: usize = 150;
    let server = peer!(OpenSmtpd::start());
    let workspace = relayed(&server.url(), "in_flight = 3\nper_connection = 20", ROWS);
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_all_accepted(&workspace, ROWS);
    assert_eq!(
        workspace.report().column("mb_attempts"),
        vec!["1"; ROWS],
        "it would have closed the connection"
    );
    let stored = server.stored(ROWS);
    assert_eq!(
        sorted(stored.iter().flat_map(|taken| taken.recipients.clone())),
        sorted(lists::addresses(ROWS))
    );
    for taken in &stored {
        let index: usize = taken.recipients[0]
            .split('@')
            .next()
            .unwrap()
            .strip_prefix("user")
            .unwrap()
            .parse()
            .unwrap();
        let message = MessageParser::default().parse(&taken.data).unwrap();
        assert_eq!(message.subject(), Some(format!("Hello {}", lists::name(index)).as_str()));
    }
}

#[test]
fn aiosmtpd_takes_mail_in_plain_text() {
    const ROWS: usize = 60;
    let server = peer!(Aiosmtpd::start());
    let workspace = relayed(&server.url(), "", ROWS);
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_all_accepted(&workspace, ROWS);
    assert_eq!(recipients(&server.stored()), sorted(lists::addresses(ROWS)));
}

#[test]
fn aiosmtpd_takes_mail_under_starttls() {
    const ROWS: usize = 60;
    let server = peer!(Aiosmtpd::start_tls());
    let workspace = relayed(&server.url(), &trusting(server.authority().unwrap()), ROWS);
    workspace.run(&["send", "list.csv"]).ends(0);
    assert_all_accepted(&workspace, ROWS);
    let stored = server.stored();
    assert_eq!(recipients(&stored), sorted(lists::addresses(ROWS)));
    for message in &stored {
        let index: usize = message.recipients[0]
            .split('@')
            .next()
            .unwrap()
            .strip_prefix("user")
            .unwrap()
            .parse()
            .unwrap();
        let parsed = MessageParser::default().parse(&message.raw).unwrap();
        assert_eq!(parsed.subject(), Some(format!("Hello {}", lists::name(index)).as_str()));
    }
}
