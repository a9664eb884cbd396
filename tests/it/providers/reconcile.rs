//! Whoever may have been taken is settled: by a replay where the service knows keys, by the
//! service's log, and on a person's word.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::contract::{Contract, KEY, Mail, Service};
use super::{bird, drin, handed_over, mailersio, mailgun, resend};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{LONG, everybody, relayed};
use crate::support::{Workspace, wait_for};

const ROWS: usize = 40;

/// A workspace whose run was killed while the service had the request with number 1 and did not
/// answer; who was in it.
fn killed(
    contract: &'static Contract,
    was_taken: bool,
) -> (HttpServer, Arc<Mutex<Service>>, Workspace, usize) {
    let (server, service) = contract.service(move |number, take| {
        (number == 1).then(|| {
            if was_taken {
                take();
            }
            Act::Silence
        })
    });
    let work = contract.workspace(&server.url(), "", ROWS);
    let running = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| handed_over(&server).len() == 2, LONG), "{}", contract.kind);
    let in_doubt = (contract.mails)(&handed_over(&server)[1]).len();
    assert!(running.kill(), "it had ended");
    (server, service, work, in_doubt)
}

#[test]
fn a_replay_settles_whoever_was_taken_and_mails_who_was_not() {
    for contract in [&resend::CONTRACT, &drin::CONTRACT, &bird::CONTRACT, &mailersio::CONTRACT] {
        for was_taken in [true, false] {
            let (server, service, work, in_doubt) = killed(contract, was_taken);
            // Without it nothing is sent, and nothing is known.
            let asked = work.run(&["reconcile", "latest", "--json"]).ends(6).object();
            assert_eq!(
                (asked["unknown"].as_u64(), asked["settled"].as_array().map(Vec::len)),
                (Some(in_doubt as u64), Some(0))
            );
            assert_eq!(handed_over(&server).len(), 2, "{}", contract.kind);
            work.run(&["reconcile", "latest", "--replay"])
                .ends(0)
                .says(&format!("{in_doubt} accepted by replay"));
            let requests = handed_over(&server);
            let name = contract.key_header.expect("it knows keys");
            assert_eq!(
                (requests[1].header(name), &requests[1].body),
                (requests[2].header(name), &requests[2].body),
                "{}",
                contract.kind
            );
            work.run(&["send", "list.csv"]).ends(0);
            let service = service.lock().unwrap();
            assert_eq!(
                (service.addresses(), service.replays),
                (everybody(ROWS), usize::from(was_taken)),
                "{}",
                contract.kind
            );
            assert_eq!(work.report().counts(), BTreeMap::from([("accepted", ROWS)]));
            let mail = &(contract.mails)(&requests[1])[0];
            assert_eq!(
                work.report().cell(mail.address(), "mb_provider_id"),
                format!("id-{}", mail.id)
            );
            work.run(&["why", "latest", mail.address()])
                .ends(0)
                .says("reconciled")
                .says("under its key")
                .says("accepted");
        }
    }
}

#[test]
fn a_replay_that_would_not_be_the_same_request_does_not_go() {
    let (server, _service, work, in_doubt) = killed(&resend::CONTRACT, true);
    let config = work.read("mailbatch.toml");
    work.config(
        &config.replace("[providers.api]\n", "[providers.api]\noptions = { topic_id = \"t\" }\n"),
    );
    let ran = work
        .run(&["reconcile", "latest", "--replay", "--json"])
        .ends(6)
        .says("would not be the same");
    assert_eq!(ran.object()["unknown"].as_u64(), Some(in_doubt as u64));
    // Nor with somebody in it who must not be mailed any more.
    let somebody = (resend::CONTRACT.mails)(&handed_over(&server)[1])[0].address().to_owned();
    work.config(&format!("{config}\n[suppression]\nfiles = [\"stop.csv\"]\n"))
        .file("stop.csv", format!("{somebody}\n"));
    work.run(&["reconcile", "latest", "--replay"]).ends(6).says("has been suppressed since");
    assert_eq!(handed_over(&server).len(), 2);
}

#[test]
fn a_replay_of_an_address_that_is_none_any_more_does_not_go_and_can_be_settled() {
    let (server, _service, work, in_doubt) = killed(&resend::CONTRACT, true);
    let somebody = (resend::CONTRACT.mails)(&handed_over(&server)[1])[0].address().to_owned();
    work.run(&["reconcile", "latest"]).ends(6);
    let ledger = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).expect("a ledger");
    ledger
        .execute("UPDATE recipients SET email = 'a b@example.com' WHERE email = ?1", [&somebody])
        .expect("writable");
    drop(ledger);
    work.run(&["reconcile", "latest", "--replay"])
        .ends(6)
        .says("no address that can be mailed now")
        .says("--assume");
    assert_eq!(handed_over(&server).len(), 2);
    work.run(&["reconcile", "latest", "--assume", "taken"])
        .ends(0)
        .says(&format!("{in_doubt} accepted by word"));
    work.run(&["resume"]).ends(0);
}

#[test]
fn a_replay_that_would_go_to_another_account_does_not_go() {
    for contract in [&resend::CONTRACT, &drin::CONTRACT, &bird::CONTRACT, &mailersio::CONTRACT] {
        let (server, service, work, in_doubt) = killed(contract, false);
        let config = work.read("mailbatch.toml");
        let elsewhere = HttpServer::forbidden();
        let refused = |what: &str| {
            let ran = work
                .run(&["reconcile", "latest", "--replay", "--json"])
                .ends(6)
                .says("this may be another account");
            assert_eq!(
                ran.object()["unknown"].as_u64(),
                Some(in_doubt as u64),
                "{}: {what}",
                contract.kind
            );
            assert!(
                !ran.out.contains(KEY) && !ran.err.contains(KEY) && !ran.err.contains("sk_other"),
                "{}",
                ran.err
            );
        };
        work.config(&config.replace(&server.url(), &elsewhere.url()));
        refused("another base_url");
        work.config(&config).secret("key", "sk_other");
        refused("another key");
        assert_eq!(handed_over(&server).len(), 2, "{}", contract.kind);
        // The key in the ledger ends in what tells accounts apart, and in nothing of the key.
        let header = contract.key_header.expect("it knows keys");
        let keys: Vec<String> =
            handed_over(&server).iter().map(|request| request.header(header).to_owned()).collect();
        assert!(
            keys.iter().all(|key| key.split_once('-').map(|(_, mark)| mark)
                == keys[0].split_once('-').map(|(_, mark)| mark)),
            "{keys:?}"
        );
        work.secret("key", KEY);
        work.run(&["reconcile", "latest", "--replay"])
            .ends(0)
            .says(&format!("{in_doubt} accepted by replay"));
        work.run(&["send", "list.csv"]).ends(0);
        assert_eq!(service.lock().unwrap().addresses(), everybody(ROWS), "{}", contract.kind);
    }
}

/// A service that takes every request but loses its answer to the second one, and whose log has
/// whom it has taken.
fn with_log(in_log: fn(&Mail) -> bool) -> (HttpServer, Arc<Mutex<Service>>) {
    let contract = &mailgun::CONTRACT;
    let service = Arc::new(Mutex::new(Service::default()));
    let shared = Arc::clone(&service);
    let server = HttpServer::start(move |_, request| {
        if request.method == "POST" {
            let answer = contract.take(&shared, request);
            let is_second = shared.lock().unwrap().taken.len() > 2;
            return if is_second { Act::Close } else { Act::Answer(answer) };
        }
        Act::Answer(log(request, &shared.lock().unwrap().taken, in_log))
    });
    (server, service)
}

/// Two pages of events of one address: first some of another message to it.
fn log(request: &Request, taken: &[Mail], in_log: fn(&Mail) -> bool) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let host = request.header("host");
    let page = |items: Vec<serde_json::Value>, next: &str| {
        let next = format!("http://{host}/v3/mg.acme.example/events/{next}");
        Answer::json(200, json!({ "items": items, "paging": { "next": next } }).to_string())
    };
    let event = |id: &str| {
        json!({ "event": "accepted", "timestamp": 1_529_704_976.1, "user-variables": { "mailbatch_id": id },
            "message": { "headers": { "message-id": format!("{id}@mg.acme.example") } } })
    };
    if path == "/v3/mg.acme.example/events" {
        let field = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
                .to_owned()
        };
        assert!(field("begin").parse::<u64>().is_ok() && field("ascending") == "yes", "{query}");
        let address = field("recipient").replace("%40", "@");
        return page(vec![event("0123456789abcdef01234567")], &address);
    }
    let address = path.strip_prefix("/v3/mg.acme.example/events/").expect("a page");
    page(
        taken
            .iter()
            .filter(|mail| mail.address() == address && in_log(mail))
            .map(|mail| event(&mail.id))
            .collect(),
        "end",
    )
}

#[test]
fn a_log_settles_whom_it_has_and_nobody_else() {
    let (server, service) = with_log(|mail| !mail.address().starts_with("user1"));
    let work = mailgun::CONTRACT.workspace(&server.url(), "", ROWS);
    work.run(&["send", "list.csv"]).ends(6);
    let doubted = work
        .report()
        .with("unknown")
        .iter()
        .map(|address| (*address).to_owned())
        .collect::<Vec<_>>();
    let (absent, found): (Vec<_>, Vec<_>) =
        doubted.iter().partition(|address| address.starts_with("user1"));
    assert!(!absent.is_empty() && !found.is_empty(), "{doubted:?}");
    work.run(&["reconcile", "latest", "--replay"])
        .ends(6)
        .says(&format!("{} accepted by log", found.len()))
        .says("knows no idempotency keys");
    let report = work.report();
    assert_eq!(
        report.with("unknown"),
        absent.iter().map(|address| address.as_str()).collect::<Vec<_>>()
    );
    assert!(report.cell(found[0], "mb_provider_id").ends_with("@mg.acme.example"));
    work.run(&["why", "latest", found[0]]).ends(0).says("the log of api: accepted");
    service.lock().unwrap().nobody_twice();
}

/// A run of six of whom one was taken and never answered: the address, and the envelope sender with
/// its token.
fn one_in_doubt() -> (Recorder, Workspace, String, String) {
    let server = Recorder::with(
        Script::default().rule(Rule::new(Step::Dot, Action::Drop).nth(2).having_taken()),
    );
    let work = relayed(&server, "in_flight = 1\nwindow = 1", 6);
    work.config(
        &work.read("mailbatch.toml").replace(
            "[message]\n",
            "[message]\nenvelope_sender = \"bounce+{token}@acme.example\"\n",
        ),
    );
    work.run(&["send", "list.csv"]).ends(6);
    let unknown = work.report().with("unknown")[0].to_owned();
    let sender = server
        .taken()
        .iter()
        .find(|taken| taken.recipients[0] == unknown)
        .expect("it was taken")
        .sender
        .clone();
    (server, work, unknown, sender)
}

#[test]
fn a_bounce_proves_that_the_message_was_taken() {
    let (server, work, unknown, sender) = one_in_doubt();
    let bounce = format!(
        "Return-Path: <>\nDate: Sat, 21 Nov 2026 12:00:00 +0000\nFrom: MAILER-DAEMON@mx.example.net\nTo: <{sender}>\n\
         Subject: Undelivered Mail\n\nThe message could not be delivered: mailbox full.\n"
    );
    work.run_with(&["events", "ingest", "-"], bounce).ends(0);
    work.run(&["reconcile", "latest"]).ends(0).says("1 accepted by events");
    work.run(&["why", "latest", &unknown]).ends(0).says("event bounced from dsn");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.taken().iter().filter(|taken| taken.recipients[0] == unknown).count(), 1);
}

#[test]
fn what_a_provider_says_it_refused_proves_nothing() {
    let (_server, work, unknown, sender) = one_in_doubt();
    let token =
        sender.strip_prefix("bounce+").and_then(|rest| rest.split('@').next()).expect("a token");
    let (at, metadata) = ("2026-11-21T12:00:00Z", json!({ "mailbatch_id": token }));
    let mailgun = |event: &str| {
        json!({ "event": event, "id": event, "log-level": "info", "timestamp": 1_795_262_400, "recipient": unknown, "severity": "permanent",
            "reason": "suppress-bounce", "user-variables": metadata })
    };
    let refused = [
        mailgun("rejected"),
        mailgun("failed"),
        json!({ "event": "dropped", "sg_event_id": "d", "email": unknown, "timestamp": 1_795_262_400, "mailbatch_id": token }),
        json!({ "eventType": "Reject", "mail": { "messageId": "r", "timestamp": at, "destination": [unknown], "tags": { "mailbatch_id": [token] } } }),
        json!({ "RecordType": "Bounce", "ID": 7, "Type": "SMTPApiError", "Email": unknown, "BouncedAt": at, "Metadata": metadata }),
        json!({ "type": "email.failed", "created_at": at, "data": { "email_id": "f", "to": [unknown], "tags": metadata } }),
    ];
    for (before, event) in refused.into_iter().enumerate() {
        work.run_with(&["events", "ingest", "-"], event.to_string()).ends(0);
        let told = work.run(&["events", "list", "--json"]).ends(0).objects();
        assert_eq!(told.len(), before + 1, "{event}");
        assert!(
            told.iter().all(|told| told["type"] == "rejected" && told["linked_by"] == "token"),
            "{told:?}"
        );
        work.run(&["reconcile", "latest"]).ends(6);
        assert_eq!(work.report().with("unknown"), [unknown.as_str()], "{event}");
    }
    work.run_with(&["events", "ingest", "-"], mailgun("accepted").to_string()).ends(0);
    work.run(&["reconcile", "latest"]).ends(0).says("1 accepted by events");
    work.run(&["why", "latest", &unknown]).ends(0).says("event queued from mailgun");
}

#[test]
fn without_evidence_a_persons_word_settles_and_is_recorded() {
    let rule = |step| Rule::new(step, Action::Drop).nth(2).having_taken();
    let server = Recorder::with(Script::default().rule(rule(Step::Dot).to("user")));
    let work = relayed(&server, "in_flight = 1\nwindow = 1", 6);
    work.run(&["send", "list.csv"]).ends(6);
    let unknown = work
        .report()
        .with("unknown")
        .iter()
        .map(|address| (*address).to_owned())
        .collect::<Vec<_>>();
    assert!(!unknown.is_empty());
    work.run(&["reconcile", "latest", "--replay"])
        .ends(6)
        .says("keeps no log")
        .says("knows no idempotency keys");
    let accepted = work.report().with("accepted")[0].to_owned();
    work.run(&["reconcile", "latest", "--assume", "taken", &unknown[0], &accepted])
        .ends(2)
        .says("1 of the 2 addresses");
    assert_eq!(work.report().with("unknown"), unknown, "nobody was settled");
    work.run(&["reconcile", "latest", "--assume", "not-taken"]).ends(0).says("mailbatch retry");
    assert_eq!(work.report().with("deferred"), unknown);
    let mut why = work.mailbatch();
    why.args(["why", "latest", &unknown[0]]);
    let told = String::from_utf8(why.assert().success().get_output().stdout.clone()).unwrap();
    assert!(told.contains("assumed not taken by "), "{told}");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 6)]));
    work.run(&["reconcile", "latest"]).ends(0).says("0 unknown");
}
