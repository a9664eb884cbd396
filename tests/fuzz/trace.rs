//! The trace beside the ledger: whatever a crash left of it, it tells what was written and nothing
//! else.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use mailbatch::internals::ledger::trace::{Trace, TraceState, directory, proof};
use mailbatch::internals::outcome::Reason;
use mailbatch::internals::provider::{Refusal, Verdict};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "mailbatch-trace 1\n",
    "mailbatch-trace 2\n",
    "mailbatch-trace 2 t.log 1:2\n",
    "00000000 ",
    "{\"crossing\":[3,[10,11]]}",
    "{\"answered\":[3,10,{\"accepted\":[null,\"250\",\"ok\"]}]}",
    "{\"pending\":[3,[10],\"x\"]}",
    "\n",
    "18446744073709551616",
    "-1",
];

#[test]
fn trace() {
    let mut seeds = vec![seeds::file("ledger/v1.trace"), seeds::file("ledger/v2.trace")];
    // The bytes of the others are what a process did.
    seeds.push(vec![0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 33, 49, 64, 81, 98, 115]);
    seeds.push((0..=255).collect());
    fuzz(Target { name: "trace", seeds, words: WORDS, check });
}

fn check(document: &[u8]) {
    let dir = seeds::room();
    check_file(&dir.path().join("t.log"), document);
    check_story(dir.path(), document);
}

/// A file that may be anything.
fn check_file(path: &Path, document: &[u8]) {
    std::fs::write(path, document).expect("room");
    let _ = proof::last_batch(path).expect("a file that can be read");
    match proof::read(path) {
        Err(why) => assert!(why.to_string().contains("damaged trace"), "{why}"),
        Ok(state) => {
            let told = state.answered.len() + state.crossing.len();
            assert!(told <= document.len() / 2, "{told} members out of {} bytes", document.len());
            assert!(
                state.answered.keys().all(|member| !state.crossing.contains(member)),
                "answered and open at once"
            );
            // What stands behind the last line break proves nothing.
            let whole = document.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            std::fs::write(path, &document[..whole]).expect("room");
            assert_eq!(proof::read(path).expect("complete lines"), state);
        }
    }
}

fn verdict(kind: u8) -> Verdict {
    let refusal = |reason: Reason, gone: bool| Refusal {
        reason,
        code: "550 5.1.1".into(),
        detail: "no \"such\"\nuser \u{2028}".into(),
        mailbox_gone: gone,
    };
    match kind % 5 {
        0 => Verdict::Accepted {
            provider_id: Some("q\\1".into()),
            code: "250".into(),
            detail: "ok".into(),
        },
        1 => Verdict::Rejected(refusal(Reason::MailboxGone, true)),
        2 => Verdict::Suppressed(refusal(Reason::Complaint, false)),
        3 => Verdict::NotTaken { refusal: refusal(Reason::Rate, false), counts: true },
        _ => Verdict::Unknown { detail: "lost".into() },
    }
}

/// A process that announces, is answered, and is killed: the bytes of the document say what it did,
/// the last one where the file ends.
fn check_story(dir: &Path, document: &[u8]) {
    let document = &document[..document.len().min(200)];
    let trace = Trace::create(dir, "20260101-000000-abcd").expect("room");
    let path = directory(dir).join(trace.name());
    let mut expected = TraceState { answered: HashMap::new(), crossing: HashSet::new() };
    for byte in document {
        let (batch, job) = (i64::from(byte >> 6), u64::from(byte >> 4 & 3));
        let member = (batch, job);
        match byte & 15 {
            0..=4 => {
                trace.crossed(trace.announce(batch, &[job]).expect("room")).expect("room");
                expected.answered.remove(&member);
                expected.crossing.insert(member);
            }
            5 => {
                trace.pending(batch, &[job], "asked by b1").expect("room");
                expected.crossing.remove(&member);
                expected.answered.insert(member, Verdict::Unknown { detail: "asked by b1".into() });
            }
            kind => {
                trace.answered(batch, job, &verdict(kind)).expect("room");
                expected.crossing.remove(&member);
                expected.answered.insert(member, verdict(kind));
            }
        }
    }
    trace.rest().expect("room");
    assert_eq!(
        proof::read(&path).expect("a trace of ours"),
        expected,
        "what was recorded reads back"
    );
    let whole = std::fs::read(&path).expect("a trace");
    let cut = document.last().map_or(0, |byte| usize::from(*byte) * whole.len() / 256);
    let copy = dir.join("copy.log");
    std::fs::write(&copy, &whole[..cut]).expect("room");
    let torn = proof::read(&copy).expect("a trace that was cut short is no damage");
    assert!(torn.answered.len() + torn.crossing.len() <= 16);
    // What the first line names is checked where a trace is asked for proof.
    let first = whole.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if cut > first && cut < whole.len() && whole[cut] != b'\n' {
        let mut damaged = whole.clone();
        damaged[cut] ^= 1;
        std::fs::write(&copy, &damaged).expect("room");
        assert!(proof::read(&copy).is_err(), "a flipped bit at {cut} is believed");
    }
}
