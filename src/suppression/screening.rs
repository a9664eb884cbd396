//! Decides whether an address may be mailed, from the suppression files and the suppressions in the
//! ledger.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use super::entry::{Entry, reason_of, sha256_keys};
use super::gathering::{Forms, Gathered, Rule};
use super::index::{Index, masked, packed};
use super::records::Noted;
use super::watched::Watched;
use crate::ledger::LedgerSuppression;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::outcome::{Kind, Reason};

/// The reason why an address is suppressed. Does not contain the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The strongest of the reasons. The order is complaint, hard bounce, unsubscribe, manual.
    pub reason: Reason,
    /// How the address is suppressed: `listed`, `listed by its hash`, `domain listed`.
    pub detail: String,
}

/// All suppressed addresses for one kind of mail. Several threads can share the value. Entries are
/// only added, never removed.
pub struct Suppressions {
    rule: Rule,
    loaded: Index,
    added: RwLock<HashMap<u128, u8>>,
    has_domains: AtomicBool,
    has_hashes: AtomicBool,
    watched: Mutex<Vec<Watched>>,
    /// The number of the latest suppression that was added from the ledger.
    learned_up_to: AtomicI64,
    noted: Vec<(PathBuf, Noted)>,
    held: Vec<(PathBuf, u64)>,
}

impl fmt::Debug for Suppressions {
    /// Shows only the number of entries, because ten million keys are of no use in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suppressions")
            .field("kind", &self.rule.kind)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Suppressions {
    /// Reads the files and adds the ledger's numbered suppressions. Skips entries that have expired
    /// at `now` or do not stop mail of `kind`. An entry that is in force at `now` stays in force.
    ///
    /// A missing file or an invalid line gives an error with exit 4.
    pub fn load(
        files: &[PathBuf],
        ledger: impl Iterator<Item = Result<(i64, LedgerSuppression)>>,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Self> {
        let mut gathered = Gathered::new(Rule { kind, now });
        let mut watched = Vec::with_capacity(files.len());
        let (mut noted, mut held) = (Vec::new(), Vec::new());
        for path in files {
            let before = gathered.keys.len();
            watched.extend(Watched::load(path, &mut gathered)?);
            let found = std::mem::take(&mut gathered.noted);
            held.push((path.clone(), (gathered.keys.len() - before) as u64));
            noted.extend((!found.is_empty()).then(|| (path.clone(), found)));
        }
        let Gathered { rule, keys, mut forms, .. } = gathered;
        let too_many = || {
            Error::refused("the suppression files contain more than 4,294,967,295 entries")
                .hint("remove repeated and expired entries")
        };
        u32::try_from(keys.len()).map_err(|_| too_many())?;
        let in_files = Index::new(keys);
        // Most suppressions of the ledger are in the files too. Only new ones, and those with a
        // stronger reason, are added.
        let mut more = Vec::new();
        let mut learned_up_to = 0;
        for kept in ledger {
            let (number, kept) = kept?;
            learned_up_to = number;
            let found = rule.apply_entry(&Entry::from(&kept), &mut forms);
            more.extend(
                found
                    .filter(|(hash, rank)| in_files.get(*hash) < Some(*rank))
                    .map(|(hash, rank)| packed(hash, rank)),
            );
        }
        u32::try_from(in_files.len() + more.len()).map_err(|_| too_many())?;
        Ok(Self {
            rule,
            loaded: in_files.with(more),
            added: RwLock::default(),
            has_domains: forms.domains.into(),
            has_hashes: forms.hashes.into(),
            watched: Mutex::new(watched),
            learned_up_to: learned_up_to.into(),
            noted,
            held,
        })
    }

    /// The number of entries in force that each file contained when it was loaded.
    pub(crate) fn held(&self) -> &[(PathBuf, u64)] {
        &self.held
    }

    /// The files that contained suspicious entries when they were loaded.
    pub(crate) fn noted(&self) -> &[(PathBuf, Noted)] {
        &self.noted
    }

    /// Returns the reason why this address is suppressed; `None` if the address is not suppressed.
    pub fn screen(&self, address: &Address) -> Option<Hit> {
        self.screen_folded(address, &address.folded())
    }

    /// Like `screen`, for an address that is already lowercased.
    pub(crate) fn screen_folded(&self, address: &Address, folded: &str) -> Option<Hit> {
        let added = self.additions();
        let rank = |hash: u128| {
            self.loaded.get(hash).max(if added.is_empty() {
                None
            } else {
                added.get(&masked(hash)).copied()
            })
        };
        let by_address = rank(xxh3_128(folded.as_bytes()));
        let by_hash = if self.has_hashes.load(Ordering::Acquire) {
            sha256_keys(folded).filter_map(rank).max()
        } else {
            None
        };
        // Addresses and domain entries have the domain in lowercase ASCII, so they can be compared
        // directly.
        let at_domain = &address.as_str()[address.local().len()..];
        let by_domain = if self.has_domains.load(Ordering::Acquire) {
            rank(xxh3_128(at_domain.as_bytes()))
        } else {
            None
        };
        // Of equal ranks, `max_by_key` returns the last, so an entry for the address takes
        // precedence over an entry for the domain.
        let all =
            [(by_domain, "domain listed"), (by_hash, "listed by its hash"), (by_address, "listed")];
        let (rank, detail) = all
            .into_iter()
            .filter_map(|(rank, detail)| Some((rank?, detail)))
            .max_by_key(|(rank, _)| *rank)?;
        Some(Hit { reason: reason_of(rank), detail: detail.to_owned() })
    }

    /// Reads the changed parts of the files and adds new entries. Returns whether entries were
    /// added. Skips an incomplete last line until it is complete, or until a later call finds the
    /// line unchanged.
    ///
    /// An unreadable file or an invalid line gives an error with exit 5.
    pub fn refresh(&self) -> Result<bool> {
        let mut forms = Forms::default();
        let mut fresh = Vec::new();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = watched.iter_mut().try_for_each(|file| {
            file.refresh(&mut |record| {
                // A replaced file is read completely, although nearly all of its entries are
                // already in the index.
                fresh.extend(
                    self.rule
                        .apply(&record, &mut forms)
                        .filter(|(hash, rank)| self.loaded.get(*hash) < Some(*rank)),
                );
            })
        });
        // Entries that were read before an error are added, because they may name a recipient that
        // is about to be mailed.
        let is_new = self.take(fresh, forms);
        outcome.map(|()| is_new)
    }

    /// The number of the latest suppression that was added from the ledger.
    pub fn learned_up_to(&self) -> i64 {
        self.learned_up_to.load(Ordering::Acquire)
    }

    /// Adds a page of suppressions that processes have stored in the ledger.
    pub fn learn(&self, page: &[(i64, LedgerSuppression)]) {
        page.iter().for_each(|(_, kept)| self.add(kept));
        if let Some((number, _)) = page.last() {
            self.learned_up_to.fetch_max(*number, Ordering::AcqRel);
        }
    }

    /// Adds one entry that was learned during the run.
    pub fn add(&self, entry: &LedgerSuppression) {
        let mut forms = Forms::default();
        let fresh = self.rule.apply_entry(&Entry::from(entry), &mut forms);
        self.take(fresh, forms);
    }

    /// The number of different entries in force.
    pub fn len(&self) -> u64 {
        let added = self.additions();
        let more = added.keys().filter(|hash| self.loaded.get(**hash).is_none()).count();
        (self.loaded.len() + more) as u64
    }

    /// Whether nothing is suppressed.
    pub fn is_empty(&self) -> bool {
        self.loaded.len() == 0 && self.additions().is_empty()
    }

    fn additions(&self) -> RwLockReadGuard<'_, HashMap<u128, u8>> {
        // A poisoned lock can be used, because no thread leaves the map partly changed.
        self.added.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, fresh: impl IntoIterator<Item = (u128, u8)>, forms: Forms) -> bool {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = false;
        for (hash, rank) in fresh {
            let known = self.loaded.get(hash).max(added.get(&masked(hash)).copied());
            if known < Some(rank) {
                added.insert(masked(hash), rank);
                is_new = true;
            }
        }
        self.has_domains.fetch_or(forms.domains, Ordering::AcqRel);
        self.has_hashes.fetch_or(forms.hashes, Ordering::AcqRel);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::model::exit::Exit;
    use crate::suppression::append;

    struct Place {
        _dir: tempfile::TempDir,
        file: PathBuf,
    }

    fn place(text: impl AsRef<[u8]>) -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("suppressions.csv");
        fs::write(&file, text).expect("a file");
        Place { _dir: dir, file }
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().expect("a time")
    }

    fn load(file: &Path, kind: Kind) -> Result<Suppressions> {
        Suppressions::load(&[file.to_owned()], std::iter::empty(), kind, now())
    }

    fn reason(suppressions: &Suppressions, address: &str) -> Option<(Reason, String)> {
        suppressions
            .screen(&Address::parse(address).expect("an address"))
            .map(|hit| (hit.reason, hit.detail))
    }

    fn stops(suppressions: &Suppressions, address: &str) -> bool {
        reason(suppressions, address).is_some()
    }

    fn kept(entry: &str, reason: Reason) -> LedgerSuppression {
        LedgerSuppression {
            entry: entry.to_owned(),
            reason,
            scope: String::new(),
            source: "run".to_owned(),
            created_at: now(),
            expires_at: None,
            note: String::new(),
        }
    }

    #[test]
    fn addresses_domains_and_hashes_are_found_in_any_case() {
        let digest = ring::digest::digest(&ring::digest::SHA256, b"hashed@example.com");
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02X}")).collect();
        let place = place(format!(
            "\u{feff}# ours\r\n\r\nAnn@Example.com\r\n@Exämple.com,complaint\r\nsha256:{hex},hard_bounce\r\n ,,\r\nJÖSÉ@x.org"
        ));
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        assert_eq!(reason(&all, "aNN@example.COM"), Some((Reason::Manual, "listed".to_owned())));
        assert_eq!(
            reason(&all, "bob@exämple.com"),
            Some((Reason::Complaint, "domain listed".to_owned()))
        );
        assert_eq!(
            reason(&all, "Hashed@example.com"),
            Some((Reason::HardBounce, "listed by its hash".to_owned()))
        );
        assert!(stops(&all, "jösé@x.org"));
        assert!(!stops(&all, "bob@sub.exämple.com"));
        assert!(!stops(&all, "bob@example.com"));
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn scope_and_expiry_decide_what_is_in_force() {
        let place = place(
            "reason,email,scope,expires_at\nunsubscribe,u@x.org,,\nunsubscribe,ua@x.org,all,\nmanual,m@x.org,marketing,\nmanual,past@x.org,,2026-11-20\nmanual,today@x.org,,2026-11-21\n",
        );
        let marketing = load(&place.file, Kind::Marketing).expect("a sound file");
        let transactional = load(&place.file, Kind::Transactional).expect("a sound file");
        for (address, expected) in [
            ("u@x.org", false),
            ("ua@x.org", true),
            ("m@x.org", false),
            ("past@x.org", false),
            ("today@x.org", true),
        ] {
            assert_eq!(stops(&transactional, address), expected, "{address}");
            assert_eq!(stops(&marketing, address), address != "past@x.org", "{address}");
        }
    }

    #[test]
    fn the_weightier_reason_of_several_entries_is_shown() {
        let place =
            place("a@x.org,manual\na@x.org,unsubscribe\nA@x.org,complaint\na@x.org,hard_bounce\n");
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        assert_eq!(reason(&all, "a@x.org").map(|(reason, _)| reason), Some(Reason::Complaint));
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn quoted_fields_may_span_lines() {
        let place = place(
            "email,note,reason\na@x.org,\"left\nin, \"\"anger\"\"\n# no comment\",complaint\nb@x.org,,\n\"q u\"@x.org,,\n",
        );
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        assert_eq!(reason(&all, "a@x.org").map(|(reason, _)| reason), Some(Reason::Complaint));
        assert!(stops(&all, "b@x.org") && stops(&all, "\"q u\"@x.org"));
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_line_that_cannot_be_understood_names_file_and_line_and_no_address() {
        for (text, line, what) in [
            (&b"a@x.org\nb@@x.org\n"[..], 2, "more than one @"),
            (b"email,reason\n\nperson@x.org,angry\n", 3, "reason is none of"),
            (b"person@x.org,,sometimes\n", 1, "scope is none of"),
            (b"person@x.org,,,,tomorrow\n", 1, "created_at is not a time"),
            (b"person@x.org,,,,,2026-13-01\n", 1, "expires_at is not a time"),
            (b"person@x.org,,,,,,,more\n", 1, "line has 8 fields, the file has 7 columns"),
            (b"a@x.org\nperson@\xff.org\n", 2, "not valid UTF-8"),
            (b"a@x.org,,,\xff\n", 1, "not valid UTF-8"),
            (b"person@x.org,,,\0\n", 1, "NUL"),
            (b"\xff\xfee\0m\0", 1, "NUL"),
            (b"email,reason\n,complaint\n", 2, "email is empty"),
            (b"a@x.org\nperson@x.org,,,,,,\"open\nb@x.org\n", 2, "not closed"),
            (b"a@x.org,,,,,,\"5 feet\nperson@x.org,,,,,,\"6 feet\n", 1, "not closed"),
            (b"sha256:12\n", 1, "64 hex digits"),
            (b"@*.x.org\n", 1, "wildcard"),
        ] {
            let place = place(text);
            let error = load(&place.file, Kind::Marketing).expect_err("a broken file");
            let message = error.to_string();
            assert_eq!(error.exit(), Exit::REFUSED);
            assert!(
                message.starts_with(&format!("{}:{line}: ", place.file.display())),
                "{message}"
            );
            assert!(message.contains(what), "{message}");
            assert!(message.contains("\nhint: ") && !message.contains("person@"), "{message}");
        }
    }

    #[test]
    fn endless_lines_and_absent_files_are_refused() {
        let long = place(vec![b'a'; 3 << 20]);
        assert!(
            load(&long.file, Kind::Marketing)
                .expect_err("no line")
                .to_string()
                .contains(":1: line is longer than 1 MiB")
        );
        let absent = long.file.with_file_name("none.csv");
        assert_eq!(load(&absent, Kind::Marketing).expect_err("no file").exit(), Exit::REFUSED);
        let folder = long.file.parent().expect("a parent").to_owned();
        assert_eq!(load(&folder, Kind::Marketing).expect_err("a directory").exit(), Exit::REFUSED);
    }

    #[test]
    fn a_large_file_is_read_in_parts_and_nothing_is_missed() {
        let mut text = String::from("email,source,reason\n");
        let n = 600_000;
        for i in 0..n {
            text.push_str(&format!(
                "Person{i}@mail.example.com,{:>width$},\n",
                "x",
                width = 1 + i % 5
            ));
        }
        assert!(text.len() > 16 << 20);
        let place = place(&text);
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        assert_eq!(all.len(), n as u64);
        assert!((0..n).step_by(97).all(|i| stops(&all, &format!("person{i}@mail.example.com"))));

        append(&place.file, &[kept("late@x.org", Reason::Complaint)]).expect("room");
        assert_eq!(all.refresh().map_err(|why| why.to_string()), Ok(true));
        assert!(stops(&all, "late@x.org"));

        fs::write(&place.file, format!("{text}bad@@x.org,,\n")).expect("room");
        let message = load(&place.file, Kind::Marketing).expect_err("a bad line").to_string();
        assert!(message.contains(&format!(":{}: ", n + 2)), "{message}");

        let folded = text.replacen("Person7@", "\"a\nb\",,\nPerson7@", 1);
        fs::write(&place.file, folded.replacen("\"a\nb\",,", "q@x.org,\"a\nb\",", 1))
            .expect("room");
        assert_eq!(load(&place.file, Kind::Marketing).expect("a sound file").len(), n as u64 + 1);
    }

    #[test]
    fn ledger_entries_count_as_the_files_do() {
        let ledger =
            [(3, kept("Ann@x.org", Reason::HardBounce)), (7, kept("@y.org", Reason::Manual))];
        let all = Suppressions::load(&[], ledger.into_iter().map(Ok), Kind::Transactional, now())
            .expect("sound");
        assert_eq!(all.learned_up_to(), 7);
        assert!(stops(&all, "ann@x.org") && stops(&all, "bob@y.org"));
        assert!(!all.is_empty());
        all.add(&kept("@z.org", Reason::Complaint));
        all.add(&kept("ann@x.org", Reason::Complaint));
        all.add(&kept("news@x.org", Reason::Unsubscribe));
        assert_eq!(reason(&all, "ann@x.org").map(|(reason, _)| reason), Some(Reason::Complaint));
        assert!(stops(&all, "bob@z.org") && !stops(&all, "news@x.org"));
        assert_eq!(all.len(), 3);
        all.learn(&[(8, kept("late@x.org", Reason::Manual))]);
        assert!(stops(&all, "late@x.org"));
        assert_eq!((all.len(), all.learned_up_to()), (4, 8));
    }

    #[test]
    fn a_file_and_the_ledger_together_keep_the_weightiest_reason() {
        let place = place("ann@x.org,manual\nbob@x.org,complaint\n");
        let ledger = ["ann@x.org", "bob@x.org", "carl@x.org"]
            .map(|entry| Ok((1, kept(entry, Reason::HardBounce))));
        let all = Suppressions::load(
            std::slice::from_ref(&place.file),
            ledger.into_iter(),
            Kind::Marketing,
            now(),
        )
        .expect("sound");
        let reasons = ["ann@x.org", "bob@x.org", "carl@x.org"]
            .map(|address| reason(&all, address).map(|(reason, _)| reason));
        assert_eq!(
            reasons,
            [Some(Reason::HardBounce), Some(Reason::Complaint), Some(Reason::HardBounce)]
        );
        assert_eq!(all.len(), 3);
    }

    fn refresh(suppressions: &Suppressions) -> Result<bool, String> {
        suppressions.refresh().map_err(|why| why.to_string())
    }

    fn write_on(file: &Path, text: &str) {
        fs::OpenOptions::new()
            .append(true)
            .open(file)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("a file to write on");
    }

    #[test]
    fn a_file_that_grows_or_is_replaced_only_adds() {
        let place = place("email,reason\na@x.org,\n");
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        assert_eq!(refresh(&all), Ok(false));
        write_on(&place.file, "b@x.org,complaint\n@y.org,\n");
        assert_eq!(refresh(&all), Ok(true));
        assert!(stops(&all, "b@x.org") && stops(&all, "any@y.org"));
        fs::write(&place.file, "c@x.org\n").expect("a file");
        assert_eq!(refresh(&all), Ok(true));
        assert_eq!(refresh(&all), Ok(false));
        assert!(["a@x.org", "b@x.org", "c@x.org"].iter().all(|address| stops(&all, address)));
    }

    #[test]
    fn an_unfinished_line_waits_until_it_is_finished_or_stays() {
        let place = place("a@x.org\n");
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        write_on(&place.file, "b@x.or");
        assert_eq!(refresh(&all), Ok(false));
        write_on(&place.file, "g\nc@x.org");
        assert_eq!(refresh(&all), Ok(true));
        assert!(stops(&all, "b@x.org") && !stops(&all, "b@x.or") && !stops(&all, "c@x.org"));
        assert_eq!(refresh(&all), Ok(true));
        assert!(stops(&all, "c@x.org"));
        assert_eq!(refresh(&all), Ok(false));
        write_on(&place.file, ".uk\n");
        assert_eq!(refresh(&all), Ok(true));
        assert!(stops(&all, "c@x.org.uk"));
    }

    #[test]
    fn a_header_without_line_feed_is_still_the_header_when_the_file_grows() {
        let place = place("reason,email");
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        write_on(&place.file, "\ncomplaint,a@x.org\n");
        assert_eq!(refresh(&all), Ok(true));
        assert!(stops(&all, "a@x.org"));
    }

    #[test]
    fn a_file_that_became_unreadable_drains_the_run() {
        let place = place("a@x.org\n");
        let all = load(&place.file, Kind::Marketing).expect("a sound file");
        write_on(&place.file, "good@x.org\nbad@@x.org\n");
        let error = all.refresh().expect_err("a bad line");
        assert_eq!(error.exit(), Exit::RETRYABLE);
        assert!(
            error.to_string().contains("became unreadable") && error.to_string().contains(":3: "),
            "{error}"
        );
        assert!(stops(&all, "good@x.org"));
        fs::remove_file(&place.file).expect("a file");
        let error = all.refresh().expect_err("no file");
        assert_eq!(error.exit(), Exit::RETRYABLE);
        assert!(stops(&all, "a@x.org"));
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_loading_never_panics(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b','), Just(b'"'), Just(b'@'), any::<u8>()], 0..200)) {
            let place = place(&bytes);
            if let Ok(all) = load(&place.file, Kind::Marketing) {
                prop_assert!(all.len() <= bytes.len() as u64);
            }
        }
    }
}
