//! The model's verdict on a run: what the report says, held against the list of what the server
//! took.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Workspace;
use crate::support::recorder::Recorder;

/// What a judged run came to.
pub(super) struct Judged {
    pub(super) accepted: usize,
    pub(super) unknown: usize,
}

/// Nobody twice, nobody missing; `accepted` only for what the server took, `unknown` only for those
/// whose message it had asked for.
#[track_caller]
pub(super) fn accounted_for(work: &Workspace, server: &Recorder, rows: usize) -> Judged {
    let taken = taken_once(server);
    assert_eq!(server.guessed(), BTreeSet::new(), "sent again by guess");
    let opened = server.opened();
    let report = work.report();
    let (emails, outcomes) = (report.column("email"), report.column("mb_outcome"));
    assert_eq!(emails.len(), rows);
    let mut judged = Judged { accepted: 0, unknown: 0 };
    for (email, outcome) in emails.iter().zip(outcomes) {
        let was_taken = taken.contains(*email);
        match outcome {
            "accepted" => {
                assert!(was_taken, "{email} is accepted and was not taken");
                judged.accepted += 1;
            }
            "unknown" => {
                assert!(
                    opened.contains(*email),
                    "{email} is unknown, and its message was never asked for"
                );
                judged.unknown += 1;
            }
            other => panic!("{email} ended as {other}, taken: {was_taken}"),
        }
    }
    let strangers: BTreeSet<_> =
        taken.iter().filter(|email| !emails.contains(&email.as_str())).collect();
    assert!(strangers.is_empty(), "not in the list: {strangers:?}");
    judged
}

/// The same for a run that was left alone, so that only the server can have caused doubt: `unknown`
/// are those whom it told nothing certain, and all others it took are `accepted`.
#[track_caller]
pub(super) fn told_apart(work: &Workspace, server: &Recorder, rows: usize) -> Judged {
    let judged = accounted_for(work, server, rows);
    let untold = server.untold();
    for email in work.report().with("unknown") {
        assert!(untold.contains(email), "{email} is unknown, although the server left no doubt");
    }
    judged
}

/// Running the command again and resuming send nothing, and end as the run did.
#[track_caller]
pub(super) fn stays_so(work: &Workspace, server: &Recorder, arguments: &[&str], code: i32) {
    let before = server.count();
    for arguments in [arguments, &["resume", "-q"]] {
        work.run(arguments).ends(code);
    }
    assert_eq!(server.count(), before, "something was sent again");
}

/// Everybody the server took a message for; panics when it took two for anybody.
#[track_caller]
pub(super) fn taken_once(server: &Recorder) -> BTreeSet<String> {
    let mut taken = BTreeMap::<String, usize>::new();
    for recipient in server.recipients() {
        *taken.entry(recipient).or_default() += 1;
    }
    let twice: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "mailed twice: {twice:?}");
    taken.into_keys().collect()
}
