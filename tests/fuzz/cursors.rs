//! Where reading goes on: in a provider's event log and in a synchronisation, by files that may be
//! anything.

use jiff::{SignedDuration, Timestamp};
use mailbatch::internals::fuzzing::{poll_place, sync_place};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "{\"v\":1,",
    "\"v\":2,",
    "\"provider\":\"p\",",
    "\"kind\":\"postmark\",",
    "\"kind\":\"mailgun\",",
    "\"env\":null,",
    "\"env\":\"staging\",",
    "\"read_until\":\"2026-11-21T03:45:00Z\"",
    "\"read_until\":\"9999-12-30T22:00:00Z\"",
    "\"account\":\"00112233\"",
    "\"pulls\":true,",
    "\"at\":\"2026-11-21T03:45:00Z\"}\n",
    "{\"next\":\"c\",\"seen\":[\"ff\"]}\n",
    "{\"next\":null,\"seen\":[]}\n",
    "-262143-01-01T00:00:00Z",
];

#[test]
fn cursors() {
    let now = Timestamp::now();
    let head = format!(
        "{{\"v\":1,\"provider\":\"p\",\"kind\":\"postmark\",\"env\":null,\"pulls\":true,\"at\":\"{now}\"}}\n"
    );
    let mut seeds = seeds::texts(&[
        "{\"v\":1,\"provider\":\"p\",\"kind\":\"postmark\",\"env\":null,\"read_until\":\"2026-11-21T03:45:00Z\",\"account\":\"001122334455\"}\n",
        "{\"v\":1,\"provider\":\"p\",\"kind\":\"postmark\",\"env\":null,\"read_until\":\"2036-11-21T03:45:00Z\"}\n",
    ]);
    seeds.push(head.clone().into_bytes());
    seeds.push(format!("{head}{{\"next\":\"page 2\",\"seen\":[\"1f\",\"2f\"]}}\n{{\"next\":null,\"seen\":[]}}\n").into_bytes());
    fuzz(Target { name: "cursors", seeds, words: WORDS, check });
}

fn check(document: &[u8]) {
    let dir = seeds::room();
    check_poll(dir.path(), document);
    check_sync(dir.path(), document);
}

fn check_poll(dir: &std::path::Path, document: &[u8]) {
    let now: Timestamp = "2026-11-21T13:00:00Z".parse().expect("a time");
    let file = dir.join("p.json");
    std::fs::write(&file, document).expect("room");
    let place = match poll_place(dir, "p", now, None) {
        Ok(place) => place,
        Err(why) => {
            assert!(why.contains("p.json") && why.contains("hint:"), "{why}");
            assert_eq!(std::fs::read(&file).expect("it is left as it was"), document);
            return;
        }
    };
    assert_eq!(
        std::fs::read(&file).expect("it is left as it was"),
        document,
        "looking changes nothing"
    );
    assert!(
        place.is_none_or(|place| place <= now + SignedDuration::from_mins(5)),
        "a place that is yet to come"
    );
    let later = now - SignedDuration::from_mins(1);
    let moved = poll_place(dir, "p", now, Some(later)).expect("the same file");
    assert_eq!(
        moved,
        Some(place.map_or(later, |place| place.max(later))),
        "it moves on, and never back"
    );
    assert_eq!(poll_place(dir, "p", now, None), Ok(moved), "and stays there");
    assert_eq!(poll_place(dir, "p", now, Some(later)), Ok(moved), "twice is once");
}

fn check_sync(dir: &std::path::Path, document: &[u8]) {
    let file = dir.join("p.ndjson");
    std::fs::write(&file, document).expect("room");
    let found = sync_place(dir, "p", None).expect("what cannot be read is begun anew");
    let left = std::fs::read(&file).expect("a file");
    assert!(left.ends_with(b"\n"), "no line without its end is left");
    assert!(
        left.len() <= document.len() || found == (None, false, 0),
        "only a fresh beginning is longer"
    );
    assert_eq!(
        sync_place(dir, "p", Some("page 3")),
        Ok(found.clone()),
        "the second command finds what the first did"
    );
    let (cursor, is_over, seen) = sync_place(dir, "p", None).expect("a file of ours");
    assert_eq!((cursor.as_deref(), is_over), (Some("page 3"), false));
    assert!(seen >= found.2 && seen <= found.2 + 1 && seen > 0);
    // A line that was cut short was not finished.
    let whole = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &whole[..whole.len() - 1]).expect("room");
    assert_eq!(sync_place(dir, "p", None), Ok(found));
}
