//! Screens one row: checks its address, its id, duplicates, suppressions, and the environment's
//! list of allowed addresses.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::AllowRule;
use crate::ledger::person_seed;
use crate::message::Message;
use crate::model::address::{Address, Dedupe};
use crate::model::outcome::{Outcome, Reason};
use crate::plan::Router;
use crate::plan::seen::{Numbered, Seen};
use crate::suppression::Suppressions;

/// The settings and data that screening needs.
pub(crate) struct Screening<'a> {
    pub suppressions: &'a Suppressions,
    /// The only addresses that may be mailed; `None` allows every address.
    pub allow: Option<&'a [AllowRule]>,
    pub dedupe: Dedupe,
    /// Addresses that are part of every canary.
    pub always: &'a [Address],
    pub message: &'a Message,
    /// The workspace's secret key, for random draws.
    pub secret: [u8; 32],
    pub campaign: &'a str,
    /// Chooses the provider for which each recipient is planned; `None` if the run has only one
    /// provider.
    pub router: Option<Router<'a>>,
}

/// The result of screening a row that is not rendered yet.
pub(crate) struct Screened {
    pub to: Option<Address>,
    pub key: String,
    /// A keyed hash of the address, ignoring case; 0 if the row has no address.
    pub person: u64,
    pub outcome: Option<(Outcome, Reason, String)>,
    pub draw: i64,
    pub always: bool,
}

pub(crate) struct Screen<'a> {
    by: &'a Screening<'a>,
    seed: u64,
    /// The key of the canary's draw. The draw is a keyed hash, so a restart draws the same
    /// recipients, and an outsider without the key cannot influence the draw.
    draws: u64,
    /// The key of the hashes used to compare people between runs.
    people: u64,
    seen: Seen,
    /// For each id, a hash of the first address with this id.
    ids: Numbered,
    occurrences: Numbered,
    always: HashSet<String>,
    always_found: HashSet<String>,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(by: &'a Screening<'a>) -> Self {
        let seed = u64::from_le_bytes(by.secret[..8].try_into().expect("the key has 32 bytes"));
        let always = by.always.iter().map(Address::folded).collect();
        let draws = xxh3_64_with_seed(by.campaign.as_bytes(), seed);
        let numbered = || Numbered::new(seed);
        let people = person_seed(&by.secret);
        Self {
            by,
            seed,
            draws,
            people,
            seen: Seen::new(seed),
            ids: numbered(),
            occurrences: numbered(),
            always,
            always_found: HashSet::new(),
        }
    }

    /// The number of addresses in `always` that are in no list.
    pub(crate) fn always_missing(&self) -> usize {
        self.always.len() - self.always_found.len()
    }

    /// Screens one row. Returns an error, which refuses the whole list, if its id occurred before
    /// with another address.
    pub(crate) fn row(
        &mut self,
        cell: &str,
        id: Option<&str>,
        defect: Option<&str>,
    ) -> Result<Screened, String> {
        let invalid = |detail: String| Screened {
            to: None,
            key: String::new(),
            person: 0,
            outcome: Some((Outcome::Invalid, Reason::BadAddress, detail)),
            draw: 0,
            always: false,
        };
        if let Some(defect) = defect {
            return Ok(invalid(defect.to_owned()));
        }
        let to = match Address::parse(cell) {
            Ok(to) => to,
            Err(error) => return Ok(invalid(error.to_string())),
        };
        let folded = to.folded();
        let same_person = if self.by.dedupe == Dedupe::Exact { to.as_str() } else { &folded };
        let mut key = match id.filter(|id| !id.trim().is_empty()) {
            Some(id) => {
                let address = xxh3_64_with_seed(folded.as_bytes(), self.seed) as u32;
                if *self.ids.entry(id, address) != address {
                    return Err("the same id has two different addresses".to_owned());
                }
                id.to_owned()
            }
            None => same_person.to_owned(),
        };
        let mut outcome = None;
        if self.by.dedupe == Dedupe::Off {
            let occurrence = self.occurrences.entry(&key, 0);
            *occurrence += 1;
            if *occurrence > 1 {
                key = format!("{key}#{occurrence}");
            }
        } else if !self.seen.insert(same_person) {
            outcome = Some((
                Outcome::Duplicate,
                Reason::Repeated,
                "the address stands earlier in the list".to_owned(),
            ));
        }
        let outcome = outcome.or_else(|| {
            let hit = self.by.suppressions.screen_folded(&to, &folded)?;
            Some((Outcome::Suppressed, hit.reason, hit.detail))
        });
        let outcome = outcome.or_else(|| {
            let allowed = self.by.allow?.iter().any(|rule| rule.admits(&to));
            (!allowed).then(|| {
                (
                    Outcome::Suppressed,
                    Reason::Policy,
                    "not among the addresses that this environment allows".to_owned(),
                )
            })
        });
        let person = xxh3_64_with_seed(folded.as_bytes(), self.people);
        let always = self.always.contains(&folded);
        if always {
            self.always_found.insert(folded);
        }
        let draw = xxh3_64_with_seed(key.as_bytes(), self.draws).cast_signed();
        Ok(Screened { to: Some(to), key, person, outcome, draw, always })
    }
}
