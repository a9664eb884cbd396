//! Screens one row: its address, its id, duplicates, suppressions, and the environment's allow
//! list.

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

/// The inputs of the screening.
pub(crate) struct Screening<'a> {
    pub suppressions: &'a Suppressions,
    /// If given, only these addresses can be reached.
    pub allow: Option<&'a [AllowRule]>,
    pub dedupe: Dedupe,
    /// Addresses that are part of every canary.
    pub always: &'a [Address],
    pub message: &'a Message,
    /// The workspace's secret key, for random draws.
    pub secret: [u8; 32],
    pub campaign: &'a str,
    /// Chooses the provider planned for each recipient; `None` if there is only one provider.
    pub router: Option<Router<'a>>,
}

/// The result of screening a row, before it is rendered.
pub(crate) struct Screened {
    pub to: Option<Address>,
    pub key: String,
    /// A keyed hash of the address, ignoring case; 0 without an address.
    pub person: u64,
    pub outcome: Option<(Outcome, Reason, String)>,
    pub draw: i64,
    pub always: bool,
}

pub(crate) struct Screen<'a> {
    by: &'a Screening<'a>,
    seed: u64,
    /// The key of the canary's random draw. The draw is a keyed hash, so that it is the same after
    /// a restart and cannot be influenced from outside.
    draws: u64,
    /// The key of the hashes used to compare people between runs.
    people: u64,
    seen: Seen,
    /// For each id, a hash of the address that it first came with.
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

    /// How many addresses of `always` are not in the lists.
    pub(crate) fn always_missing(&self) -> usize {
        self.always.len() - self.always_found.len()
    }

    /// Screens one row. An error refuses the whole list: the same id has two addresses.
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
