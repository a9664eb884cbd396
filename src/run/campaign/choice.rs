//! Finds the campaign in the ledger that a command selects, by name or by the files it is given.

use std::collections::BTreeSet;

use jiff::Zoned;

use super::older::Places;
use super::paths::{Files, Identity, Root};
use super::spelling::{cleaned, no_name};
use super::{SIGN, dated, redirected, sandboxed};
use crate::config::Workspace;
use crate::ledger::{Ledger, Run, RunState};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::settings::RunSettings;

/// How many campaigns of earlier versions are checked for the paths of this send.
const MOST_OLD: usize = 200;

/// How a command selects its campaign.
#[derive(Clone, Debug)]
pub(crate) enum CampaignChoice {
    /// By `--campaign`, with `{date} {week} {month}` filled in. `files` is `None` if the files
    /// cannot be read twice.
    Named { name: String, files: Option<Files> },
    /// By the files alone.
    Files(Files),
}

/// The campaign that a send belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    /// The id that the run is planned under.
    pub(crate) id: String,
    /// Every id of the campaign. The locks of all these ids are taken, and all their runs belong to
    /// the campaign.
    pub(crate) ids: Vec<String>,
    /// Pairs of identity and id, which must be stored before anything is planned.
    pub(crate) aliases: Vec<(String, String)>,
    /// An earlier campaign of the same path, if the path is a link that now leads elsewhere.
    pub(crate) respelled: Option<String>,
}

impl CampaignChoice {
    /// Reads the name typed for `--campaign`, and fills in `{date} {week} {month}`.
    pub(crate) fn named(typed: &str, now: &Zoned, files: Option<Files>) -> Result<Self> {
        let name = cleaned(&dated::filled(typed, now));
        if name.is_empty() || name.contains(['{', '}']) || name.chars().any(char::is_control) {
            return Err(no_name(typed));
        }
        Ok(Self::Named { name, files })
    }

    /// Finds the campaign. `ledger` is `None` if no ledger exists yet.
    pub(crate) async fn find(
        &self,
        ledger: Option<&dyn Ledger>,
        workspace: &Workspace,
        apart: &Apart<'_>,
    ) -> Result<Campaign> {
        let book = Book::read(ledger).await?;
        match self {
            Self::Named { name, files } => {
                let own = files.as_ref().map(|files| files.identity(&Root::new(&workspace.root)));
                book.named(name, own.as_ref(), apart).await
            }
            Self::Files(files) => book.unnamed(files, workspace, apart).await,
        }
    }
}

/// Settings that create a separate campaign although the name or the files are the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart<'a> {
    pub(crate) env: Option<&'a str>,
    pub(crate) redirect: Option<&'a Address>,
    pub(crate) provider_sandbox: bool,
}

impl Apart<'_> {
    /// Derives the id or identity of the separate campaign from the plain one.
    pub(super) fn of(&self, plain: &str) -> String {
        let id = self.redirect.map_or_else(|| plain.to_owned(), |to| redirected(plain, to));
        if self.provider_sandbox { sandboxed(&id) } else { id }
    }

    /// Returns the campaign id of a run without the suffix for these settings; `None` if the run
    /// had other settings.
    pub(super) fn plain<'r>(&self, run: &'r Run) -> Option<&'r str> {
        let suffix = self.of("");
        let frozen = RunSettings::of(run).ok()?;
        if frozen.redirect.is_some() != self.redirect.is_some()
            || frozen.provider_sandbox != self.provider_sandbox
        {
            return None;
        }
        run.head.campaign.strip_suffix(&suffix)
    }
}

/// The runs and aliases in the ledger that identify its campaigns.
pub(super) struct Book<'a> {
    pub(super) ledger: Option<&'a dyn Ledger>,
    /// Runs, newest first.
    pub(super) runs: Vec<Run>,
    pub(super) aliases: Vec<(String, String)>,
}

impl<'a> Book<'a> {
    async fn read(ledger: Option<&'a dyn Ledger>) -> Result<Self> {
        let Some(open) = ledger else {
            return Ok(Self { ledger, runs: Vec::new(), aliases: Vec::new() });
        };
        let runs = open.runs().await?;
        let runs = runs.into_iter().filter(|run| run.state != RunState::Planning).collect();
        Ok(Self { ledger, runs, aliases: open.aliases().await? })
    }

    /// Builds the campaign with these ids. It keeps the newest run's id, so that Message-IDs do not
    /// change.
    pub(super) async fn campaign(
        &self,
        mut ids: Vec<String>,
        fresh: String,
        aliases: Vec<(String, String)>,
    ) -> Result<Campaign> {
        if let Some(ledger) = self.ledger {
            for id in ids.clone() {
                ids.extend(ledger.kin(&id).await?);
            }
        }
        let newest =
            self.runs.iter().map(|run| &run.head.campaign).find(|campaign| ids.contains(campaign));
        let id = newest.or(ids.first()).unwrap_or(&fresh).clone();
        ids.extend([id.clone(), fresh]);
        ids.sort();
        ids.dedup();
        Ok(Campaign { id, ids, aliases, respelled: None })
    }

    /// Returns the ids stored for an identity.
    pub(super) fn known_as(&self, identity: &str) -> Vec<String> {
        self.aliases
            .iter()
            .filter(|(known, _)| known == identity)
            .map(|(_, campaign)| campaign.clone())
            .collect()
    }

    /// Finds the campaign of a send without `--campaign`.
    async fn unnamed(
        &self,
        files: &Files,
        workspace: &Workspace,
        apart: &Apart<'_>,
    ) -> Result<Campaign> {
        let root = Root::new(&workspace.root);
        let Identity { canonical, spelled, id } = files.identity(&root);
        let (canonical, spelled, fresh) =
            (apart.of(&canonical), spelled.map(|spelled| apart.of(&spelled)), apart.of(&id));
        let mut ids = self.known_as(&canonical);
        if ids.is_empty() {
            ids = self.older(&canonical, &Places::new(workspace, &root), apart).await?;
        }
        let through_link =
            spelled.as_deref().map(|spelled| self.known_as(spelled)).unwrap_or_default();
        let respelled = if ids.is_empty() {
            self.runs
                .iter()
                .map(|run| &run.head.campaign)
                .find(|campaign| through_link.contains(campaign))
                .cloned()
        } else {
            None
        };
        let mut campaign = self.campaign(ids.clone(), fresh, Vec::new()).await?;
        ids.push(campaign.id.clone());
        campaign.aliases = ids.into_iter().map(|id| (canonical.clone(), id)).collect();
        campaign.aliases.extend(spelled.map(|spelled| (spelled, campaign.id.clone())));
        campaign.aliases.dedup();
        campaign.aliases.retain(|pair| !self.aliases.contains(pair));
        campaign.respelled = respelled;
        Ok(campaign)
    }

    /// Returns the ids that earlier versions gave to the campaign with this identity.
    async fn older(
        &self,
        canonical: &str,
        places: &Places<'_>,
        apart: &Apart<'_>,
    ) -> Result<Vec<String>> {
        let Some(ledger) = self.ledger else { return Ok(Vec::new()) };
        let mut seen: BTreeSet<&str> =
            self.aliases.iter().map(|(_, campaign)| campaign.as_str()).collect();
        let mut found = Vec::new();
        let plain = self.runs.iter().filter_map(|run| apart.plain(run).map(|plain| (run, plain)));
        for (run, plain) in plain.filter(|(_, plain)| plain.contains(SIGN)).take(MOST_OLD) {
            if !seen.insert(&run.head.campaign) {
                continue;
            }
            let Some(run) = ledger.run(&run.id).await? else { continue };
            if places.identity(&run, plain).is_some_and(|identity| apart.of(&identity) == canonical)
            {
                found.push(run.head.campaign.clone());
            }
        }
        Ok(found)
    }
}

impl Campaign {
    /// Continues the campaign that the same command selected earlier, although a link in the path
    /// now leads elsewhere.
    pub(crate) fn go_on_as(&mut self, old: String, kin: Vec<String>) {
        for (_, campaign) in &mut self.aliases {
            campaign.clone_from(&old);
        }
        self.ids.extend(kin);
        self.ids.push(old.clone());
        self.id = old;
        self.respelled = None;
    }

    /// Builds the refusal if a link leads to another list while the earlier campaign has an
    /// unfinished run.
    pub(crate) fn is_respelled(run: &Run, what: &str) -> Error {
        Error::new(Exit::CHANGED, format!("a link leads elsewhere now, {what}, and run {} of {} is not finished", run.id, run.head.name())).hint(
            format!(
                "`mailbatch resume {}` finishes it and `mailbatch resume {} --abandon` closes it; --campaign NAME sends this list as a separate campaign",
                run.id, run.id
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_odd_ones_refused() {
        let now: Zoned = "2026-11-21T10:00:00[UTC]".parse().expect("a time");
        let named = |typed: &str| match CampaignChoice::named(typed, &now, None) {
            Ok(CampaignChoice::Named { name, .. }) => Some(name),
            _ => None,
        };
        assert_eq!(
            named("news-{date}-{week}-{month}").as_deref(),
            Some("news-2026-11-21-2026-W47-2026-11")
        );
        assert_eq!(named(" fru\u{308}hling ").as_deref(), Some("fr\u{fc}hling"));
        assert_eq!(named("\u{feff}spring\u{200b}\u{a0}").as_deref(), Some("spring"));
        for bad in ["", " ", "\u{200b}", "a{year}", "a\nb"] {
            assert_eq!(named(bad), None, "{bad:?}");
        }
    }
}
