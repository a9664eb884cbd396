//! Several writers and one suppression file: in whatever order they come, and wherever one is
//! killed, what was learned stands there once.

use std::path::Path;
use std::sync::LazyLock;

use jiff::Timestamp;
use mailbatch::internals::event::{Believe, Bounce, Class, Event, EventKind, Source};
use mailbatch::internals::events::file_learned;
use mailbatch::internals::suppression::{append, list, remove};
use tokio::runtime::Runtime;

use crate::engine::{Target, fuzz};
use crate::seeds;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads")
});

/// Each byte is what a writer does; see [`story`].
#[test]
fn writers() {
    let seeds = vec![
        b"learn file".to_vec(),
        (0..48).collect(),
        vec![0, 8, 16, 3, 1, 24, 2, 5, 4, 9, 1, 3],
        b"\0\x08\x04\x10\x01\x05\x18\x03\x06".repeat(2),
    ];
    fuzz(Target {
        name: "writers",
        seeds,
        words: &["\0\u{8}", "\u{4}\u{1}", "\u{5}", "\u{6}"],
        check,
    });
}

fn check(document: &[u8]) {
    let document = document[..document.len().min(24)].to_vec();
    RUNTIME.block_on(story(&document));
}

fn hard(person: u8) -> Event {
    let mut event = Event::new(EventKind::Bounced, Source::Webhook, Timestamp::UNIX_EPOCH);
    (event.bounce, event.class, event.status) =
        (Some(Bounce::Hard), Some(Class::MailboxGone), "5.1.1".into());
    event.recipient = Some(format!("p{person}@example.com"));
    event.id = format!("e{person}");
    event
}

fn entries(file: &Path) -> Vec<String> {
    list(&[file.to_owned()])
        .map(|listed| listed.expect("every line can be understood").entry.entry)
        .filter(|entry| entry.starts_with('p'))
        .collect()
}

async fn story(document: &[u8]) {
    let dir = seeds::room();
    let file = dir.path().join("suppressions.csv");
    std::fs::write(&file, "start@example.org\n").expect("room");
    let ledger = mailbatch::internals::ledger::open(dir.path()).expect("room");
    let mut learned: Vec<String> = Vec::new();
    for byte in document {
        let person = byte >> 3;
        let name = format!("p{person}@example.com");
        match byte & 7 {
            0 | 1 => {
                let seen = ledger.event(hard(person), Believe::default()).await.expect("a ledger");
                if seen.learned.is_some() {
                    learned.push(name);
                }
            }
            2 => drop(file_learned(&*ledger, dir.path(), &file).await.expect("room")),
            // Two at once.
            3 => {
                let (one, other) = tokio::join!(
                    file_learned(&*ledger, dir.path(), &file),
                    file_learned(&*ledger, dir.path(), &file)
                );
                one.expect("room");
                other.expect("room");
            }
            // Killed after it had said that it would write, and before it had.
            4 => {
                let numbers = ledger
                    .unfiled(9)
                    .await
                    .expect("a ledger")
                    .iter()
                    .map(|unfiled| unfiled.number)
                    .collect();
                ledger.filed(numbers, false).await.expect("a ledger");
            }
            // Killed after it had written, and before it had said so.
            5 => {
                let unfiled = ledger.unfiled(9).await.expect("a ledger");
                if unfiled.iter().all(|unfiled| !unfiled.begun) {
                    ledger
                        .filed(unfiled.iter().map(|unfiled| unfiled.number).collect(), false)
                        .await
                        .expect("a ledger");
                    let waiting: Vec<_> =
                        unfiled.into_iter().map(|unfiled| unfiled.entry).collect();
                    append(&file, &waiting).expect("room");
                }
            }
            // Another program leaves its last line without an end.
            6 => {
                let mut bytes = std::fs::read(&file).expect("a file");
                bytes.extend_from_slice(if bytes.ends_with(b"\n") { b"" } else { b"\n" });
                bytes.extend_from_slice(format!("other{person}@example.org").as_bytes());
                bytes.extend_from_slice(if person & 1 == 0 { b"" } else { b"\n" });
                std::fs::write(&file, bytes).expect("room");
            }
            _ => drop(remove(&file, &[format!("other{person}@example.org")]).expect("room")),
        }
        let there = entries(&file);
        assert!(
            there.iter().all(|entry| there.iter().filter(|other| *other == entry).count() == 1),
            "somebody stands there twice: {there:?}"
        );
        assert!(
            there.iter().all(|entry| learned.contains(entry)),
            "somebody stands there of whom nothing was learned"
        );
    }
    file_learned(&*ledger, dir.path(), &file).await.expect("room");
    let mut there = entries(&file);
    there.sort_unstable();
    learned.sort_unstable();
    assert_eq!(there, learned, "everybody of whom something was learned stands there, once");
    let before = std::fs::read(&file).expect("a file");
    assert_eq!(file_learned(&*ledger, dir.path(), &file).await.expect("room"), 0);
    assert_eq!(std::fs::read(&file).expect("a file"), before, "twice is once");
}
