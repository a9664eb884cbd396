//! The suppression file: whoever it names is kept back, however it is read, and what is written to
//! it reads back.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mailbatch::internals::address::Address;
use mailbatch::internals::ledger::LedgerSuppression;
use mailbatch::internals::outcome::{Kind, Reason};
use mailbatch::internals::suppression::{
    Entry, ExportFormat, Listed, Suppressions, append, export, list, parse_entry, remove,
};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "email,reason,scope,source,created_at,expires_at,note\n",
    "ann@example.com",
    "@example.com",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "hard_bounce",
    "complaint",
    "unsubscribe",
    "manual",
    "all",
    "marketing",
    ",",
    "\"",
    "\"\"",
    "\"a\nb\"",
    "#",
    "\n",
    "\r\n",
    "\r",
    "2026-11-21",
    "2026-11-21T08:00:00Z",
    "2020-01-01",
    "=\"ann@example.com\"",
    "*",
    "!",
    "//",
    "\u{feff}",
    "\u{200b}",
    "\"ann b\"@example.com",
    ";",
    "\t",
    "EMAIL",
];

#[test]
fn suppression() {
    let seeds = seeds::texts(&[
        "email,reason,scope,source,created_at,expires_at,note\nann@example.com,hard_bounce,,run,2026-11-21T12:00:00Z,,\"5.1.1, \"\"gone\"\"\"\n@blocked.example,manual,,,,,\n",
        "ann@example.com\nbob@example.com\n# a comment\n@example.org\n",
        "# ours\nname,email,reason\nAnn,ann@x.org,manual\n",
        "ann@example.com,unsubscribe\nbob@example.com,complaint,marketing\n",
        "email,expires_at\nann@example.com,2020-01-01\nbob@example.com,2036-01-01\n",
        "\"\"\"ann b\"\"@example.com\",manual\nsha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
        "\u{feff}Email;x\r\nann@example.com\r\n",
    ]);
    fuzz(Target { name: "suppression", seeds, words: WORDS, check });
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

/// The entries of a file up to the first line that cannot be understood, and what is said about
/// that line.
fn listed(file: &Path) -> (Vec<Listed>, Option<String>) {
    let mut entries = Vec::new();
    for entry in list(&[file.to_owned()]) {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(why) => return (entries, Some(why.to_string())),
        }
    }
    (entries, None)
}

fn load(file: &Path) -> Result<Suppressions, String> {
    Suppressions::load(&[file.to_owned()], std::iter::empty(), Kind::Marketing, now())
        .map_err(|why| why.to_string())
}

fn check(document: &[u8]) {
    let dir = seeds::room();
    let file = dir.path().join("suppressions.csv");
    std::fs::write(&file, document).expect("room");
    let (entries, wrong) = listed(&file);
    let loaded = load(&file);
    // The quick way, which judges bytes where they lie, and the careful one find the same.
    match (&loaded, &wrong) {
        (Ok(suppressions), None) => {
            entries.iter().for_each(|listed| check_screened(suppressions, &listed.entry))
        }
        (Err(one), Some(other)) => assert_eq!(one, other),
        (one, other) => panic!("loaded: {:?}, listed: {other:?}", one.as_ref().err()),
    }
    if let Some(why) = &wrong {
        assert!(why.contains("suppressions.csv") && why.contains("hint:"), "{why}");
        return;
    }
    check_export(&file, &entries);
    check_growing(dir.path(), document, loaded.as_ref().expect("a sound file"), &entries);
    check_appended(&file, document, &entries);
    check_removed(&file, &entries);
}

/// Whoever an entry names is kept back while it is in force.
fn check_screened(suppressions: &Suppressions, entry: &Entry) {
    assert_eq!(parse_entry(&entry.entry).as_ref(), Ok(&entry.entry), "an entry is as it is stored");
    if entry.has_expired(now()) {
        return;
    }
    let person = match entry.entry.strip_prefix('@') {
        Some(domain) => format!("anybody@{domain}"),
        None if entry.entry.starts_with("sha256:") => return,
        None => entry.entry.clone(),
    };
    // A domain of nearly the greatest length has no room for a name before it.
    if person.len() > 254 && entry.entry.starts_with('@') {
        return;
    }
    let address = Address::parse(&person).unwrap_or_else(|why| panic!("{person:?}: {why}"));
    assert!(suppressions.screen(&address).is_some(), "{person:?} is mailed");
}

fn check_export(file: &Path, entries: &[Listed]) {
    let other = file.with_extension("exported");
    let mut bytes = Vec::new();
    let plain: Vec<Entry> = entries.iter().map(|listed| listed.entry.clone()).collect();
    export(plain.clone(), ExportFormat::Csv, &mut bytes).expect("memory");
    std::fs::write(&other, &bytes).expect("room");
    let (read, wrong) = listed(&other);
    assert_eq!(wrong, None, "what was exported is a suppression file");
    let flat = |text: &str| text.replace(['\r', '\n', '\0'], " ").trim().to_owned();
    let flat = |entry: &Entry| Entry {
        source: flat(&entry.source),
        note: flat(&entry.note),
        ..entry.clone()
    };
    assert_eq!(
        read.iter().map(|listed| flat(&listed.entry)).collect::<Vec<_>>(),
        plain.iter().map(flat).collect::<Vec<_>>(),
        "what was exported reads back"
    );
}

/// A file that grows while a run goes on suppresses what it would as a whole.
fn check_growing(dir: &Path, document: &[u8], whole: &Suppressions, entries: &[Listed]) {
    let file: PathBuf = dir.join("growing.csv");
    let cut = document
        .iter()
        .take(document.len() / 2)
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    std::fs::write(&file, &document[..cut]).expect("room");
    let Ok(growing) = load(&file) else { return };
    let mut open = std::fs::OpenOptions::new().append(true).open(&file).expect("room");
    std::io::Write::write_all(&mut open, &document[cut..]).expect("room");
    // A last line without its end is left once, for its writer to go on.
    if growing.refresh().and_then(|_| growing.refresh()).is_err() {
        return;
    }
    for listed in entries.iter().filter(|listed| !listed.entry.entry.starts_with("sha256:")) {
        let person = if listed.entry.entry.starts_with('@') {
            format!("x{}", listed.entry.entry)
        } else {
            listed.entry.entry.clone()
        };
        let Ok(address) = Address::parse(&person) else { continue };
        assert_eq!(
            growing.screen(&address).is_some(),
            whole.screen(&address).is_some(),
            "{person:?} in a file that grew"
        );
    }
}

fn learned(entry: &str) -> LedgerSuppression {
    let note = "5.1.1, \"gone\"\r\nreally".to_owned();
    LedgerSuppression {
        entry: entry.into(),
        reason: Reason::Complaint,
        scope: String::new(),
        source: "run".into(),
        created_at: now(),
        expires_at: None,
        note,
    }
}

fn check_appended(file: &Path, document: &[u8], entries: &[Listed]) {
    let people = ["zoe@appended.example", "\"z,z\"@appended.example"];
    append(file, &people.map(learned)).expect("a sound file can be appended to");
    let bytes = std::fs::read(file).expect("a file");
    assert!(bytes.starts_with(document), "what stood there stands");
    let (after, wrong) = listed(file);
    assert_eq!(wrong, None, "what was appended can be read");
    assert_eq!(after.len(), entries.len() + people.len());
    assert_eq!(
        after[..entries.len()].iter().map(|listed| &listed.entry).collect::<Vec<_>>(),
        entries.iter().map(|listed| &listed.entry).collect::<Vec<_>>()
    );
    let suppressions = load(file).expect("a sound file");
    assert!(
        people.iter().all(|person| suppressions
            .screen(&Address::parse(person).expect("an address"))
            .is_some())
    );
}

fn check_removed(file: &Path, entries: &[Listed]) {
    let Some(first) = entries
        .iter()
        .map(|listed| &listed.entry.entry)
        .find(|entry| !entry.starts_with("sha256:"))
    else {
        return;
    };
    let before = listed(file).0.len();
    let removed = remove(file, std::slice::from_ref(first)).expect("room");
    let (after, wrong) = listed(file);
    assert_eq!(
        (wrong, after.len() as u64 + removed.lines),
        (None, before as u64),
        "what was not removed stands"
    );
    assert!(
        removed.lines >= 1 && after.iter().all(|listed| listed.entry.entry != *first),
        "{first:?} still stands there"
    );
    assert_eq!(remove(file, std::slice::from_ref(first)).expect("room").lines, 0, "twice is once");
}
