//! The binary on a terminal, whose questions are answered.

use std::process::Stdio;
use std::time::Duration;

use expectrl::{Expect, Session};

use super::Workspace;

/// Runs the binary on a terminal and answers its questions in order; all that it says, and its exit
/// code. More or fewer questions than answers are an error.
#[track_caller]
pub(crate) fn on_a_terminal(
    work: &Workspace,
    arguments: &[&str],
    answers: &[&str],
) -> (String, i32) {
    let mut command = work.command();
    command.args(arguments).env("TERM", "dumb").stdin(Stdio::inherit());
    let mut session = Session::spawn(command).expect("a terminal can be made");
    session.set_expect_timeout(Some(Duration::from_secs(30)));
    let mut said = String::new();
    for answer in answers {
        let asked = session
            .expect("[y/N]")
            .unwrap_or_else(|error| panic!("it does not ask: {error}\n{said}"));
        said.push_str(&String::from_utf8_lossy(asked.as_bytes()));
        session.send_line(answer).expect("it reads");
    }
    let rest = session.expect(expectrl::Eof).expect("it ends");
    let rest = String::from_utf8_lossy(rest.as_bytes()).into_owned();
    assert!(!rest.contains("[y/N]"), "it asks once more: {rest}");
    said.push_str(&rest);
    match session.get_process().wait().expect("it ended") {
        expectrl::process::unix::WaitStatus::Exited(_, code) => (said, code),
        other => panic!("{other:?}"),
    }
}
