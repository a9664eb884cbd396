//! What is said at hand-over about a person is learned: once, with its reason, in the file and in
//! the ledger.

use serde_json::{Value, json};

use super::at;
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{LONG, relayed};
use crate::support::{lists, wait_for};

/// Emitlo, which suppresses everybody whose local part is one of its reasons, or `other`.
fn emitlo() -> HttpServer {
    HttpServer::start(|_, request: &Request| {
        let body = request.json();
        let to: Vec<&str> = body["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .filter_map(|mail| mail["to_email"].as_str())
            .collect();
        let (ours, theirs): (Vec<&str>, Vec<&str>) =
            to.iter().copied().partition(|to| to.starts_with("ann"));
        let suppressed: Vec<Value> = theirs
            .iter()
            .map(|to| json!({ "email": to, "reason": to.split('@').next() }))
            .collect();
        let data = json!({ "accepted": ours.len(), "rejected": theirs.len(), "message_ids": ours, "suppressed": suppressed });
        Act::Answer(Answer::json(202, json!({ "status": "success", "data": data }).to_string()))
    })
}

const LIST: [&str; 6] = [
    "ann@example.com",
    "hard_bounce@example.com",
    "complaint@example.com",
    "unsubscribe@example.com",
    "manual@example.com",
    "other@example.com",
];

#[test]
fn whom_the_provider_suppresses_is_learned_once_with_its_reason() {
    let server = emitlo();
    let work = at("emitlo", &server.url(), "", &LIST);
    work.run(&["send", "list.csv", "--campaign", "first"]).ends(0);
    let learned = "email,reason,source\nhard_bounce@example.com,hard_bounce,api\ncomplaint@example.com,complaint,api\n\
                   unsubscribe@example.com,unsubscribe,api\nmanual@example.com,manual,api\n";
    let mut lines: Vec<String> = work.read("stop.csv").lines().map(str::to_owned).collect();
    let mut wanted: Vec<String> = learned.lines().map(str::to_owned).collect();
    lines.sort();
    wanted.sort();
    assert_eq!(lines, wanted);
    assert_eq!(
        work.report().column("mb_reason"),
        ["", "hard_bounce", "complaint", "unsubscribe", "manual", "policy"]
    );

    // Who has unsubscribed may get transactional mail; the provider says no again, and that is no
    // news.
    work.run(&["send", "list.csv", "--campaign", "second"]).ends(0);
    assert_eq!(work.read("stop.csv").lines().count(), 5, "{}", work.read("stop.csv"));

    // The ledger knows it too.
    work.file("stop.csv", "email,reason,source\n");
    for (address, code) in [
        ("manual@example.com", 0),
        ("unsubscribe@example.com", 0),
        ("other@example.com", 9),
        ("ann@example.com", 9),
    ] {
        work.run(&["suppress", "check", address]).ends(code);
    }
    work.run(&["send", "list.csv", "--campaign", "third"]).ends(0);
    assert_eq!(
        work.read("stop.csv"),
        "email,reason,source\n",
        "what the ledger knows is not written again"
    );
}

#[test]
fn no_learn_leaves_the_lists_as_they_are_in_send_resume_and_retry() {
    let server = emitlo();
    let work = at("emitlo", &server.url(), "", &LIST);
    work.run(&["send", "list.csv", "--no-learn", "--limit", "2"]).ends(0);
    work.run(&["resume", "--no-learn"]).ends(0);
    work.run(&["retry", "latest", "--no-learn"]).ends(0);
    assert_eq!(work.report().with("suppressed").len(), 5);
    assert_eq!(work.read("stop.csv"), "email,reason,source\n");
    work.run(&["suppress", "check", "complaint@example.com"]).ends(9);
}

#[test]
fn a_bounce_that_only_the_trace_knows_after_a_kill_is_learned() {
    for (flag, learned) in [("--progress=none", true), ("--no-learn", false)] {
        let script = Script::default()
            .rule(
                Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user"))
                    .to(&lists::address(1)),
            )
            .rule(Rule::new(Step::Dot, Action::Silence).to(&lists::address(2)).first(1));
        let server = Recorder::with(script);
        let work = relayed(&server, "in_flight = 1", 3);
        let config = work.read("mailbatch.toml");
        work.config(&format!("{config}\n[suppression]\nfiles = [\"stop.csv\"]\n"))
            .file("stop.csv", "email,reason,source\n");
        let send = work.start(&["send", "list.csv"]);
        let trace = || {
            std::fs::read_dir(work.join(".mailbatch/trace"))
                .ok()
                .and_then(|mut all| all.next())
                .and_then(Result::ok)
        };
        let text = || {
            trace().and_then(|file| std::fs::read_to_string(file.path()).ok()).unwrap_or_default()
        };
        // The first is accepted; the answer about the second and the crossing of the third are on
        // record.
        assert!(
            wait_for(
                || text().contains("550 5.1.1") && text().matches("crossing").count() >= 2,
                LONG
            ),
            "{}",
            text()
        );
        assert!(send.kill());
        assert_eq!(work.read("stop.csv"), "email,reason,source\n", "nothing was settled");
        work.run(&["resume", flag]);
        let wanted = if learned {
            format!("email,reason,source\n{},hard_bounce,relay\n", lists::address(1))
        } else {
            "email,reason,source\n".into()
        };
        assert_eq!(work.read("stop.csv"), wanted);
        work.run(&["suppress", "check", &lists::address(1)]).ends(if learned { 0 } else { 9 });
        work.run(&["resume"]);
        assert_eq!(work.read("stop.csv"), wanted, "once");
    }
}

#[test]
fn why_names_the_file_and_the_line_where_somebody_is_listed() {
    let server = emitlo();
    let work = at("emitlo", &server.url(), "", &LIST[..1]);
    work.file(
        "stop.csv",
        "email,reason,source\nben@example.com,manual,crm\nANN@example.com,complaint,crm\n",
    );
    work.file("list.csv", "email\nann@example.com\nanna@example.com\n");
    work.run(&["send", "list.csv"]).ends(0);
    let ran = work
        .run(&["why", "latest", "ann@example.com"])
        .ends(0)
        .says("listed now in stop.csv:3 (complaint)");
    assert!(
        !ran.out.contains("stop.csv") && !ran.err.contains("ann@"),
        "a note for people: {}",
        ran.err
    );
    assert!(!work.run(&["why", "latest", "anna@example.com"]).ends(0).err.contains("listed"));
    std::fs::remove_file(work.join("stop.csv")).expect("it was there");
    work.run(&["why", "latest", "ann@example.com"]).ends(0).says("no suppression file");
}
