//! What relays answer, and what must come of it: in lists of several receiving domains and of one.

use std::collections::BTreeMap;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, workspace};

/// Short enough for a test.
const RETRY: &str = "retry = { for = \"1s\", base = \"20ms\", max = \"50ms\" }";

fn list(rows: usize, domains: usize) -> String {
    (1..=rows).fold("email,name\n".to_owned(), |list, n| list + &format!("u{n:02}@d{}.example,User {n}\n", n % domains))
}

fn relay(server: &Recorder, user: &str, more: &str, rows: usize, domains: usize) -> Workspace {
    let work = workspace();
    work.smtp_config(&format!("smtp://{user}127.0.0.1:{}", server.port()), &format!("{RETRY}\n{more}"))
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", list(rows, domains));
    work
}

#[test]
fn refusals_of_mailboxes_for_everybody_are_the_providers_and_teach_nothing() {
    for (domains, rows) in [(6, 12), (1, 40)] {
        let server = Recorder::with(Script::default().on(Step::Rcpt, Action::reply("550 5.1.1 no such user")));
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
    let server = Recorder::with(Script::default().rule(Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user")).to("u01@")));
    let work = relay(&server, "", "in_flight = 1", 6, 6);
    work.run(&["send", "list.csv"]).ends(3);
    assert!(work.run(&["suppress", "list"]).out.contains("u01@d1.example"));
}

#[test]
fn a_connection_that_takes_no_more_is_changed_at_once() {
    let spent = Rule::new(Step::Dot, Action::reply("451-Requested action aborted\n451 Mails per session limit")).every(6);
    let server = Recorder::with(Script::default().rule(spent));
    let work = relay(&server, "", "in_flight = 1", 60, 1);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.count(), 60);
    assert!((10..=16).contains(&server.connections()), "{} connections", server.connections());
}
