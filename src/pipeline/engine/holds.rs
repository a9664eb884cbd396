//! Providers and receiving domains whose recipients are held because a pause rule was triggered.

use crate::ledger::{Hold, LedgerRow};
use crate::model::pause::{Broken, RuleScope};
use crate::pipeline::Why;
use crate::pipeline::chunk::Route;

/// The holds of an execution.
#[derive(Default)]
pub(super) struct Holds {
    pub(super) all: Vec<Held>,
    /// Whether a recipient may have been reopened since the holds were last applied. If so, the
    /// holds must be applied again.
    pub(super) has_reopened: bool,
}

/// The hold of one provider or receiving domain.
pub(super) struct Held {
    pub(super) broken: Broken,
    /// Whether the hold has not been applied to the ledger yet.
    pub(super) is_new: bool,
    /// The index of the provider; `None` for a hold of a domain.
    pub(super) place: Option<usize>,
    pub(super) hold: Hold,
}

impl Holds {
    /// Records that a recipient may have been reopened, so that the holds are applied again.
    pub(super) fn note_reopened(&mut self) {
        self.has_reopened = true;
    }

    /// Whether a hold covers one of these rows, which were sent by this route and have returned.
    pub(super) fn may_hold(&self, rows: &[LedgerRow], route: Route) -> bool {
        let covers = |held: &Held| match &held.hold {
            Hold::Domain(domain) => rows.iter().any(|row| row.domain == *domain),
            Hold::Through(_) => [route.first, route.through].map(Some).contains(&held.place),
        };
        self.all.iter().any(covers)
    }

    /// Whether the provider with this index is held.
    pub(super) fn covers_provider(&self, place: usize) -> bool {
        self.all.iter().any(|held| held.place == Some(place))
    }

    /// Whether this receiving domain is held.
    pub(super) fn covers_domain(&self, domain: &str) -> bool {
        self.all
            .iter()
            .any(|held| held.broken.by == RuleScope::Domain && held.broken.name == domain)
    }

    /// The evidence for all holds as one text.
    pub(super) fn evidence(&self) -> String {
        self.all.iter().map(|held| held.broken.evidence.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Why the execution ended, if all remaining recipients are held.
    pub(super) fn why(&self) -> Option<Why> {
        (!self.all.is_empty()).then(|| Why::Rule(self.evidence()))
    }
}
