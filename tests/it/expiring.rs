//! Credentials that expire while a run goes on.

use std::collections::BTreeMap;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, lists, workspace};

/// A relay whose password is another one each time that the command runs.
const PASSWORD: &str =
    "password = { command = \"echo x >> calls; printf token-%s $(grep -c x calls)\" }";

fn relayed(server: &Recorder, rows: usize) -> Workspace {
    let work = workspace();
    let relay = format!("{PASSWORD}\nauth = \"plain\"\nin_flight = 1\nper_connection = 5");
    work.smtp_config(&format!("smtp://ann@127.0.0.1:{}", server.port()), &relay)
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(rows));
    work
}

fn logins(server: &Recorder) -> Vec<String> {
    let heard = server.heard().into_iter().map(|heard| heard.line);
    heard.filter(|line| line.starts_with("AUTH")).collect()
}

#[test]
fn a_password_that_expires_in_mid_run_is_fetched_anew_and_the_run_goes_on() {
    const ROWS: usize = 60;
    let expired = || Rule::new(Step::Auth, Action::reply("535 5.7.8 token expired"));
    let server = Recorder::with(Script::default().rule(expired().nth(4)).rule(expired().nth(9)));
    let work = relayed(&server, ROWS);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", ROWS)]));
    assert_eq!(server.count(), ROWS, "nobody twice");
    let mut logins = logins(&server);
    // One for every five messages, and two that were refused.
    assert_eq!(logins.len(), ROWS / 5 + 2, "{logins:?}");
    logins.dedup();
    assert_eq!(logins.len(), 3, "each password until it is refused, and no longer: {logins:?}");
    // It runs before the list is read, when the run begins, and twice for what has expired.
    assert_eq!(work.read("calls").lines().count(), 4);
}

#[test]
fn a_password_that_is_refused_after_it_was_fetched_anew_ends_the_run_with_7() {
    let refused = Rule::new(Step::Auth, Action::reply("535 5.7.8 token expired")).after(2);
    let server = Recorder::with(Script::default().rule(refused));
    let work = relayed(&server, 60);
    work.run(&["send", "list.csv"]).ends(7).says("535").says("token expired");
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 10), ("held", 50)]));
    let logins = logins(&server);
    assert_eq!(logins.len(), 4, "two that passed, and two passwords refused: {logins:?}");
    assert!(logins[1] == logins[2] && logins[2] != logins[3], "{logins:?}");
}
