//! What relays answer and what must come of it: every row of `tests/fixtures/replies.csv`, in a
//! list of six receiving domains and of one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, workspace};

const ROWS: usize = 24;
const FEW: usize = 6;
/// Short enough for a test.
const RETRY: &str = "retry = { for = \"1s\", base = \"20ms\", max = \"50ms\" }";

fn list(rows: usize, domains: usize) -> String {
    (1..=rows).fold("email,name\n".to_owned(), |list, n| {
        list + &format!("u{n:02}@d{}.example,User {n}\n", n % domains)
    })
}

fn relay(server: &Recorder, user: &str, more: &str, rows: usize, domains: usize) -> Workspace {
    let work = workspace();
    work.smtp_config(
        &format!("smtp://{user}127.0.0.1:{}", server.port()),
        &format!("{RETRY}\n{more}"),
    )
    .message("Hello {{ name }}", "Dear {{ name }}")
    .file("list.csv", list(rows, domains));
    work
}

#[derive(Clone)]
struct Row {
    id: String,
    step: String,
    who: String,
    reply: String,
    class: String,
}

fn table() -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../fixtures/replies.csv")[..]);
    let rows: Vec<Row> = reader
        .records()
        .map(|record| {
            let record = record.expect("the table is CSV");
            let cell = |at: usize| record[at].to_owned();
            Row { id: cell(0), step: cell(1), who: cell(2), reply: cell(3), class: cell(4) }
        })
        .collect();
    assert!(rows.len() > 45);
    rows
}

/// What is wrong with how a send ended against a relay that answers so.
fn tried(row: &Row, domains: usize) -> Result<(), String> {
    let step = match row.step.as_str() {
        "greeting" => Step::Greeting,
        "AUTH" => Step::Auth,
        "MAIL" => Step::Mail,
        "RCPT" => Step::Rcpt,
        _ => Step::Dot,
    };
    let rule = Rule::new(step, Action::reply(row.reply.clone()));
    let rule = match row.who.as_str() {
        "one recipient in ten" => rule.to("u07@"),
        "after the fifth" => rule.after(5),
        "everybody" => rule,
        _ => rule.first(2),
    };
    let server = Recorder::with(Script::default().rule(rule));
    let (user, password) = if row.step == "AUTH" {
        ("user@", "password = { command = [\"printf\", \"pw\"] }")
    } else {
        ("", "")
    };
    // What passes is waited for, and slowed down a few recipients take their time.
    let passes = row.who == "the first few, then fine";
    let work = relay(&server, user, password, if passes { FEW } else { ROWS }, domains);
    if passes {
        work.config(&work.read("mailbatch.toml").replace("for = \"1s\"", "for = \"60s\""));
    }
    let ran = work.run(&["send", "list.csv"]);
    let report = work.report();
    let counts = report.counts();
    let count = |outcome: &str| counts.get(outcome).copied().unwrap_or(0);
    let is_one = row.who == "one recipient in ten";
    let (exit, rejected) = match row.class.as_str() {
        "rate" | "session" if passes => (0, 0),
        "rate" => (5, 0),
        "quota" => (8, 0),
        "auth" | "sender" => (7, 0),
        "mailbox" | "policy" | "bad_address" => (3, 1),
        "rate_mailbox" | "mailbox_later" => (5, 0),
        class => return Err(format!("no such class: {class}")),
    };
    let mut wrong = Vec::new();
    if ran.code != exit
        || count("rejected") != rejected
        || (is_one && count("accepted") != ROWS - 1)
    {
        wrong.push(format!(
            "exit {} instead of {exit}, {counts:?}\n{}{}",
            ran.code, ran.out, ran.err
        ));
    }
    if row.class == "rate"
        && report
            .column("mb_attempts")
            .iter()
            .zip(report.column("mb_outcome"))
            .any(|(n, outcome)| outcome != "accepted" && *n != "0")
    {
        wrong.push("a recipient was charged an attempt".into());
    }
    if row.class == "bad_address"
        && report.cell(&format!("u07@d{}.example", 7 % domains), "mb_reason") != "bad_address"
    {
        wrong.push("not bad_address".into());
    }
    if work.run(&["suppress", "list"]).out.contains("@d") {
        wrong.push("a recipient was suppressed".into());
    }
    if server.count() != count("accepted") {
        wrong.push(format!("{} taken, {} accepted", server.count(), count("accepted")));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{} over {domains} domains: {}", row.id, wrong.join("; ")))
    }
}

/// Replies as servers have given them whole, beside those of the table: step, who gets it, reply,
/// class.
const WHOLE: &[(&str, &str, &str, &str)] = &[
    (
        "end of message",
        "everybody",
        "554 5.2.252 SendAsDenied; relay@acme.example not allowed to send as news@acme.example; STOREDRV.Submission.Exception:\
         SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message.",
        "sender",
    ),
    (
        "end of message",
        "after the fifth",
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with \
         message The message can't be submitted because the sender's submission quota was exceeded.",
        "quota",
    ),
    (
        "end of message",
        "after the fifth",
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message \
         WASCL UserAction verdict is not None. Actual verdict is RefuseQuota.",
        "quota",
    ),
    (
        "RCPT",
        "after the fifth",
        "550-Requested action not taken: mailbox unavailable\n550 Failure sending mail. Try again later",
        "rate",
    ),
    (
        "RCPT",
        "after the fifth",
        "550 Domain acme.example has exceeded the max emails per hour (100/100 (100%)) allowed. Message discarded.",
        "quota",
    ),
    (
        "end of message",
        "after the fifth",
        "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\n550-5.4.5 sending limits go to\n\
         550 5.4.5  https://support.example/limits stub - gsmtp",
        "quota",
    ),
    (
        "end of message",
        "after the fifth",
        "554 Domain acme.example is not allowed to send: Your account is on probation and may send at most 100 messages / hour. Account will be \
         enabled in 341 seconds",
        "quota",
    ),
    ("RCPT", "everybody", "550 relay not permitted", "sender"),
    ("RCPT", "everybody", "550 Administrative prohibition", "sender"),
    ("RCPT", "everybody", "553 sorry, that domain isn't in my list of allowed rcpthosts", "sender"),
    ("RCPT", "everybody", "550 Authentication required", "sender"),
    (
        "RCPT",
        "everybody",
        "504 5.5.2 <3f2a9>: Helo command rejected: need fully-qualified hostname",
        "sender",
    ),
    ("RCPT", "after the fifth", "451 4.7.1 Ratelimit \"user\" exceeded", "rate"),
    (
        "RCPT",
        "after the fifth",
        "450 4.7.1 <u@example.com>: Recipient address rejected: Number messages per hour exceeded",
        "rate",
    ),
    // What is about one recipient, in words that others use about us.
    (
        "RCPT",
        "one recipient in ten",
        "450 4.2.1 too many messages for this recipient, come back later",
        "mailbox_later",
    ),
    (
        "RCPT",
        "one recipient in ten",
        "450 Requested mail action not taken: mailbox unavailable, try again later",
        "mailbox_later",
    ),
    (
        "RCPT",
        "one recipient in ten",
        "450 4.1.1 Recipient address rejected: unverified address: too many connections",
        "mailbox_later",
    ),
    (
        "RCPT",
        "one recipient in ten",
        "550 5.7.1 Recipient address [u07@x.example] blocked using dbl.example",
        "policy",
    ),
    ("RCPT", "one recipient in ten", "550 5.1.8 bad address of the sender", "policy"),
    ("RCPT", "one recipient in ten", "550 5.7.8 credentials", "policy"),
    ("RCPT", "one recipient in ten", "530 5.7.0 authentication required", "policy"),
    ("end of message", "one recipient in ten", "550 5.7.11 not encrypted", "policy"),
];

fn whole() -> impl Iterator<Item = Row> {
    let row = |(step, who, reply, class): &(&str, &str, &str, &str)| Row {
        id: (*reply).into(),
        step: (*step).into(),
        who: (*who).into(),
        reply: (*reply).into(),
        class: (*class).into(),
    };
    WHOLE.iter().map(row)
}

#[test]
fn every_reply_of_the_table_ends_as_it_should_over_six_domains_and_over_one() {
    let todo: Mutex<Vec<(Row, usize)>> = Mutex::new(
        table().into_iter().chain(whole()).flat_map(|row| [(row.clone(), 6), (row, 1)]).collect(),
    );
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some((row, domains)) = todo.lock().expect("no thread panics").pop() else {
                        break;
                    };
                    if let Err(text) = tried(&row, domains) {
                        wrong.lock().expect("no thread panics").push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no thread panics");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn refusals_of_mailboxes_for_everybody_are_the_providers_and_teach_nothing() {
    for (domains, rows) in [(6, 12), (1, 40)] {
        let server = Recorder::with(
            Script::default().on(Step::Rcpt, Action::reply("550 5.1.1 no such user")),
        );
        let work = relay(&server, "", "in_flight = 1", rows, domains);
        work.run(&["send", "list.csv"]).ends(7).says("in a row");
        assert_eq!(work.report().counts(), BTreeMap::from([("held", rows)]));
        assert!(!work.run(&["suppress", "list"]).out.contains("@d"));
        let asked = server.heard_count("RCPT");
        work.run(&["send", "list.csv"]).ends(7);
        assert_eq!(server.heard_count("RCPT"), asked + 1, "the next start begins with one probe");
        server.follow(Script::default());
        work.run(&["send", "list.csv"]).ends(0);
        assert_eq!(server.count(), rows);
    }
}

#[test]
fn a_mailbox_that_is_gone_is_learned_once_the_provider_has_accepted_something() {
    let server = Recorder::with(
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user")).to("u01@")),
    );
    let work = relay(&server, "", "in_flight = 1", 6, 6);
    work.run(&["send", "list.csv"]).ends(3);
    assert!(work.run(&["suppress", "list"]).out.contains("u01@d1.example"));
}

#[test]
fn a_connection_that_takes_no_more_is_changed_at_once() {
    let spent = Rule::new(
        Step::Dot,
        Action::reply("451-Requested action aborted\n451 Mails per session limit"),
    )
    .every(6);
    let server = Recorder::with(Script::default().rule(spent));
    let work = relay(&server, "", "in_flight = 1", 60, 1);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.count(), 60);
    assert!((10..=16).contains(&server.connections()), "{} connections", server.connections());
}

#[test]
fn a_relay_that_takes_five_a_window_gets_everybody_with_few_refusals() {
    let hourly =
        "450 4.7.1 <u@x.example>: Recipient address rejected: Number messages per hour exceeded";
    for (text, domains) in [
        ("451 4.7.1 Ratelimit \"user\" exceeded", 6),
        ("451 4.7.1 Ratelimit \"user\" exceeded", 2),
        (hourly, 6),
    ] {
        let script = || Script::default().rule(Rule::new(Step::Rcpt, Action::reply(text)).after(5));
        let server = Recorder::with(script());
        let work = relay(&server, "", "", 2 * FEW, domains);
        work.config(
            &work
                .read("mailbatch.toml")
                .replace(RETRY, "retry = { for = \"60s\", base = \"50ms\", max = \"300ms\" }"),
        );
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(500));
                    server.follow(script());
                }
            });
            let ran = work.run(&["send", "list.csv"]);
            is_over.store(true, Ordering::Release);
            ran.ends(0);
        });
        assert_eq!(server.count(), 2 * FEW);
        let refused = server.heard_count("RCPT") - 2 * FEW;
        assert!(refused <= 2 * FEW, "{refused} refused attempts");
    }
}

#[test]
fn a_relay_that_knows_no_login_says_what_is_missing() {
    for text in ["550 relay not permitted", "550 Administrative prohibition"] {
        let server = Recorder::with(Script::default().on(Step::Rcpt, Action::reply(text)));
        relay(&server, "", "", ROWS, 6)
            .run(&["send", "list.csv"])
            .ends(7)
            .says("is a login missing?");
    }
}

const LOGIN: &str = "password = { command = [\"printf\", \"pw\"] }";

#[test]
fn a_login_that_is_refused_for_now_is_tried_by_one_at_a_time_with_growing_pauses() {
    for text in [
        "454 4.7.0 Temporary authentication failure",
        "451 4.3.0 too many logins",
        "421 4.7.0 not now",
    ] {
        let server = Recorder::with(Script::default().on(Step::Auth, Action::reply(text)));
        let work = relay(&server, "user@", LOGIN, ROWS, 6);
        let config = work
            .read("mailbatch.toml")
            .replace(RETRY, "retry = { for = \"2s\", base = \"100ms\", max = \"10s\" }");
        work.config(&config);
        work.run(&["send", "list.csv"]).ends(5);
        assert_eq!(work.report().counts(), BTreeMap::from([("held", ROWS)]), "{text}");
        let logins: Vec<_> =
            server.heard().into_iter().filter(|heard| heard.line.starts_with("AUTH")).collect();
        assert!((3..=6).contains(&logins.len()), "{text}: {} logins", logins.len());
        let pauses: Vec<Duration> = logins.windows(2).map(|two| two[1].at - two[0].at).collect();
        assert!(
            pauses.iter().zip(1..).all(|(pause, n)| *pause >= Duration::from_millis(50 << n)),
            "{pauses:?}"
        );
        server.follow(Script::default());
        work.run(&["send", "list.csv"]).ends(0);
        assert_eq!(server.count(), ROWS);
    }
}

#[test]
fn a_login_that_is_refused_is_tried_once_and_one_that_passes_opens_the_other_connections() {
    let server = Recorder::with(Script::default().on(Step::Auth, Action::reply("535 5.7.8 no")));
    let work = relay(&server, "user@", LOGIN, ROWS, 6);
    work.run(&["send", "list.csv"]).ends(7);
    assert_eq!(server.heard_count("AUTH"), 1);
    server.follow(Script::default().delay_at(Step::Dot, Duration::from_millis(50)));
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.count(), ROWS);
    assert!(server.most_at_once() > 1);
}

#[test]
fn tls_where_the_server_speaks_none_names_the_other_scheme_at_once() {
    let server = Recorder::start();
    let work = workspace();
    work.smtp_config(&format!("smtps://127.0.0.1:{}", server.port()), "")
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", list(3, 3));
    let begun = std::time::Instant::now();
    work.run(&["send", "list.csv"])
        .ends(7)
        .says(&format!("smtp+starttls://127.0.0.1:{}", server.port()));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 3)]));
}

#[test]
fn redirected_mail_goes_to_one_domain_and_one_mailbox_proves_little() {
    let server =
        Recorder::with(Script::default().on(Step::Rcpt, Action::reply("550 5.1.1 no such user")));
    let work = relay(&server, "", "in_flight = 1", 12, 6);
    work.run(&["send", "list.csv", "--redirect-all-to", "me@acme.example"]).ends(3);
    assert_eq!(work.report().counts(), BTreeMap::from([("rejected", 12)]));
}

#[test]
fn a_list_that_begins_with_missing_mailboxes_is_not_locked_by_its_order() {
    const DEAD: usize = 12;
    const ROWS: usize = 60;
    let dead = (1..=DEAD).fold(Script::default(), |script, n| {
        script.rule(
            Rule::new(
                Step::Rcpt,
                Action::reply(format!(
                    "550 5.1.1 <u{n:02}@x.example>: Recipient address rejected: User unknown"
                )),
            )
            .to(&format!("u{n:02}@")),
        )
    });
    let server = Recorder::with(dead);
    let work = relay(&server, "", "in_flight = 1", ROWS, 6);
    let mut ran = work.run(&["send", "list.csv"]);
    assert_eq!(ran.code, 7, "{}", ran.err);
    // Each start asks for one recipient from anywhere in the list.
    for _ in 0..30 {
        if ran.code != 7 {
            break;
        }
        ran = work.run(&["resume"]);
    }
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", ROWS - DEAD), ("rejected", DEAD)])
    );
}

#[test]
fn a_refusal_at_ehlo_stops_at_once() {
    for text in ["550 5.7.1 your IP is listed in bl.example.net", "554 5.7.1 go away"] {
        let server = Recorder::with(Script::default().on(Step::Ehlo, Action::reply(text)));
        let work = relay(&server, "", "", 24, 6);
        work.run(&["send", "list.csv"]).ends(7).says(&text[10..]);
        assert_eq!(work.report().counts(), BTreeMap::from([("held", 24)]));
        assert!(server.connections() <= 16, "{} connections", server.connections());
    }
}

#[test]
fn a_refusal_of_everybody_that_begins_in_mid_run_writes_nobody_off() {
    for (domains, text) in [
        (1, "550 5.7.1 ACCESS DENIED"),
        (2, "554 Absenderadresse ist gesperrt"),
        (6, "550 5.7.1 ACCESS DENIED"),
    ] {
        let server = Recorder::with(
            Script::default().rule(Rule::new(Step::Rcpt, Action::reply(text)).after(30)),
        );
        let work = relay(&server, "", "", 120, domains);
        work.run(&["send", "list.csv"]).ends(7);
        assert_eq!(
            work.report().counts(),
            BTreeMap::from([("accepted", 30), ("held", 90)]),
            "{domains} domains: {text}"
        );
    }
}

/// Longer than a pause that the relay as a whole would get.
const PATIENT: &str = "retry = { for = \"4s\", base = \"50ms\", max = \"10s\" }";
/// Long enough for a machine that has other work.
const UNHURRIED: &str = "retry = { for = \"60s\", base = \"20ms\", max = \"1s\" }";

#[test]
fn a_receiving_domain_that_is_answered_with_421_holds_up_no_other() {
    let said = |text: &str| Action::Cut(format!("{text}\r\n").into_bytes());
    let actions = [
        said(
            "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address",
        ),
        said("421 4.3.2 try again later"),
        Action::reply("451 4.7.1 Rate limit exceeded for this destination"),
        Action::Drop,
    ];
    std::thread::scope(|scope| {
        for (action, domains) in
            actions.into_iter().flat_map(|action| [(action.clone(), 1), (action, 2)])
        {
            scope.spawn(move || {
                let script = (1..=domains).fold(Script::default(), |script, n| {
                    script
                        .rule(Rule::new(Step::Rcpt, action.clone()).to(&format!("@d{n}.")).after(3))
                });
                let server = Recorder::with(script);
                let work = relay(&server, "", "", 120, 6);
                work.config(&work.read("mailbatch.toml").replace(RETRY, PATIENT));
                let ran = work.run(&["send", "list.csv"]);
                assert_eq!(ran.code, 5, "{action:?} for {domains}: {}{}", ran.out, ran.err);
                let report = work.report();
                let counts =
                    BTreeMap::from([("accepted", 120 - 17 * domains), ("deferred", 17 * domains)]);
                assert_eq!(
                    report.counts(),
                    counts,
                    "{action:?} for {domains}: {}{}",
                    ran.out,
                    ran.err
                );
                assert_eq!(server.count(), 120 - 17 * domains);
            });
        }
    });
}

#[test]
fn a_recipient_that_is_answered_with_421_holds_up_no_other() {
    let answer = Action::Cut(b"421 4.7.0 too many connections to this destination\r\n".to_vec());
    let server = Recorder::with(Script::default().rule(Rule::new(Step::Rcpt, answer).to("u07@")));
    let work = relay(&server, "", "", 60, 1);
    work.config(&work.read("mailbatch.toml").replace(RETRY, PATIENT));
    work.run(&["send", "list.csv"]).ends(5);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 59), ("deferred", 1)]));
}

#[test]
fn a_connection_that_takes_no_more_is_changed_whatever_its_server_says() {
    const ROWS: usize = 60;
    let said = [
        (Step::Mail, "450 4.7.1 come back another time"),
        (Step::Mail, "452 that is enough"),
        (Step::Rcpt, "452 4.5.3 Error: too many recipients"),
        (Step::Data, "451 not now"),
        (Step::Dot, "451 4.3.0 not now"),
    ];
    std::thread::scope(|scope| {
        for (step, text) in said {
            scope.spawn(move || {
                let server = Recorder::with(Script::default().refuses_after(7, step, text));
                let work = relay(&server, "", "", ROWS, 6);
                work.config(&work.read("mailbatch.toml").replace(RETRY, UNHURRIED));
                let ran = work.run(&["send", "list.csv"]);
                assert_eq!(
                    (ran.code, server.count()),
                    (0, ROWS),
                    "{step:?} {text}: {}{}",
                    ran.out,
                    ran.err
                );
                let attempts =
                    work.report().column("mb_attempts").iter().filter(|n| **n != "1").count();
                assert_eq!(attempts, 0, "{step:?} {text}");
            });
        }
    });
}

#[test]
fn a_refusal_that_names_our_sender_is_charged_to_no_recipient() {
    let said = [
        (Step::Rcpt, "550 5.1.8 <news@acme.example>: Sender address rejected: Domain not found"),
        (Step::Dot, "554 5.7.1 Absender news@acme.example ist nicht erlaubt"),
        (
            Step::Rcpt,
            "550 5.7.26 Unauthenticated email from acme.example is not accepted due to domain's DMARC policy.",
        ),
    ];
    for ((step, text), domains) in
        said.into_iter().flat_map(|said| [1, 2, 6].map(|domains| (said, domains)))
    {
        let server =
            Recorder::with(Script::default().rule(Rule::new(step, Action::reply(text)).after(5)));
        let work = relay(&server, "", "", 40, domains);
        work.config(&work.read("mailbatch.toml").replace(RETRY, UNHURRIED));
        let ran = work.run(&["send", "list.csv"]);
        let report = work.report();
        assert_eq!(
            report.counts(),
            BTreeMap::from([("accepted", 5), ("held", 35)]),
            "{domains} domains, {text}: {}",
            ran.err
        );
        assert_eq!(ran.code, 7, "{domains} domains, {text}: {}", ran.err);
    }
}

#[test]
fn a_recipient_whose_server_names_our_sender_stops_no_other() {
    let text = "550 5.7.1 <news@acme.example>: Sender address rejected: Access denied";
    let server = Recorder::with(
        Script::default().rule(Rule::new(Step::Rcpt, Action::reply(text)).to("@d1.")),
    );
    let work = relay(&server, "", "", 60, 6);
    work.config(&work.read("mailbatch.toml").replace(RETRY, PATIENT));
    work.run(&["send", "list.csv"]).ends(3);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 50), ("rejected", 10)]));
}

#[test]
fn a_server_that_lets_two_connections_send_gets_everything_over_two() {
    let server = Recorder::with(Script::default().most_sending(2));
    let work = relay(&server, "", "", 120, 6);
    work.config(&work.read("mailbatch.toml").replace(RETRY, UNHURRIED));
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.count(), 120);
    assert!(work.report().column("mb_attempts").iter().all(|n| *n == "1"));
}
