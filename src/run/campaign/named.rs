//! Finds the campaign for a name.
//!
//! A name first matches a campaign that was started under it, then a campaign without a name that
//! is displayed under it. If neither exists, and the files of this send are displayed under the
//! name, it selects the campaign of these files. The campaign is therefore the same with and
//! without `--campaign`.

use std::collections::BTreeSet;

use super::choice::{Apart, Book, Campaign};
use super::paths::Identity;
use super::spelling::{cleaned, is_joining, no_name};
use super::{SIGN, argument, shown};
use crate::model::address::shows_nothing;
use crate::model::error::{Error, Result};

/// The prefix of identities that are derived from files.
const FILES: &str = "p:";
/// The longest name of a new campaign, in bytes.
const LONGEST: usize = 200;

impl Book<'_> {
    /// Finds the campaign with this name. `own` is the identity of this send's files.
    pub(super) async fn named(
        &self,
        name: &str,
        own: Option<&Identity>,
        apart: &Apart<'_>,
    ) -> Result<Campaign> {
        // Older ledgers may contain several spellings of the name.
        let same: BTreeSet<&str> = self
            .runs
            .iter()
            .filter_map(|run| apart.plain(run))
            .filter(|id| *id == name || (!id.contains(SIGN) && cleaned(id) == name))
            .collect();
        if !same.is_empty() {
            let identity = apart.of(&format!("n:{name}"));
            let is_plain = same.len() == 1 && same.contains(name);
            let ids: Vec<String> = same.into_iter().map(|id| apart.of(id)).collect();
            let aliases = if is_plain {
                Vec::new()
            } else {
                ids.iter().map(|id| (identity.clone(), id.clone())).collect()
            };
            return self.with_own(ids, name, aliases, own, apart).await;
        }
        let here = self
            .runs
            .iter()
            .filter(|run| run.head.env.as_deref() == apart.env)
            .filter_map(|run| apart.plain(run));
        let mut ids: Vec<String> = Vec::new();
        for id in here.filter(|id| id.contains(SIGN) && shown(id) == name).map(|id| apart.of(id)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        // If the runs of a campaign have been removed, the campaign can only be found by its id.
        let id = apart.of(name);
        if ids.is_empty()
            && name.contains(SIGN)
            && self.aliases.iter().any(|(_, campaign)| *campaign == id)
        {
            ids.push(id);
        }
        let Some(first) = ids.first() else {
            refuse_as_new(name)?;
            return self.with_own(vec![apart.of(name)], name, Vec::new(), own, apart).await;
        };
        let kin = match self.ledger {
            Some(ledger) => ledger.kin(first).await?,
            None => Vec::new(),
        };
        if ids.iter().any(|id| !kin.contains(id)) {
            return Err(self.several(name, &ids, own, apart).await?);
        }
        let mut campaign = self.campaign(kin, first.clone(), Vec::new()).await?;
        if let Some(own) = own.filter(|own| shown(&own.id) == name) {
            // A send of the same files without the name is another campaign that reaches the same
            // people, so the lock of that campaign is taken too.
            campaign.ids.push(apart.of(&own.id));
        }
        Ok(campaign)
    }

    /// Builds the campaign with these ids. It is joined with the campaign of this send's files if
    /// both have the same display name and the files do not belong to another campaign.
    async fn with_own(
        &self,
        mut ids: Vec<String>,
        name: &str,
        mut aliases: Vec<(String, String)>,
        own: Option<&Identity>,
        apart: &Apart<'_>,
    ) -> Result<Campaign> {
        let fresh = apart.of(name);
        let mut campaign = self.campaign(ids.clone(), fresh.clone(), Vec::new()).await?;
        if let Some(own) = own.filter(|own| shown(&own.id) == name) {
            let canonical = apart.of(&own.canonical);
            let known = self.known_as(&canonical);
            let has_runs = |id: &String| self.runs.iter().any(|run| run.head.campaign == *id);
            let is_of_others = self.aliases.iter().any(|(identity, id)| {
                identity.starts_with(FILES) && *identity != canonical && campaign.ids.contains(id)
            });
            let is_another = ids.iter().any(has_runs)
                && known.iter().any(|id| has_runs(id) && !campaign.ids.contains(id));
            let own_ids = known.into_iter().chain([apart.of(&own.id)]);
            if is_of_others || is_another {
                // The campaigns are not joined. Both may reach the same people, so both locks are
                // taken.
                campaign.ids.extend(own_ids);
            } else {
                ids.extend(own_ids);
                campaign = self.campaign(ids.clone(), fresh, Vec::new()).await?;
                ids.push(campaign.id.clone());
                aliases.extend(ids.into_iter().map(|id| (canonical.clone(), id)));
            }
        }
        aliases.retain(|pair| !self.aliases.contains(pair));
        aliases.sort();
        aliases.dedup();
        campaign.aliases = aliases;
        Ok(campaign)
    }

    /// Builds the refusal of a name that is displayed for several campaigns. It lists each campaign
    /// with its lists. It suggests a campaign only if that campaign has this send's files, because
    /// another campaign would send the message to its people again.
    async fn several(
        &self,
        name: &str,
        ids: &[String],
        own: Option<&Identity>,
        apart: &Apart<'_>,
    ) -> Result<Error> {
        let mut own_ids = Vec::new();
        if let Some(own) = own {
            own_ids = self.known_as(&apart.of(&own.canonical));
            own_ids.push(apart.of(&own.id));
        }
        let (mut each, mut typed) = (Vec::new(), None);
        for id in ids {
            let Some(run) = self.runs.iter().find(|run| run.head.campaign == *id) else { continue };
            let plain = apart.plain(run).unwrap_or(id);
            each.push(format!("{plain} (of {}, latest run {})", run.head.lists.join(", "), run.id));
            if own_ids.contains(id) {
                typed = Some(argument(plain));
            }
        }
        let hint = match typed {
            Some(typed) => format!("{typed} is the campaign of this message and these lists; `mailbatch runs` lists the runs"),
            None => "none of them is of this message and these lists; without --campaign, the send finds the campaign that has reached these people"
                .to_owned(),
        };
        Ok(Error::usage(format!("several campaigns are called {name}: {}", each.join("; ")))
            .hint(hint))
    }
}

/// Refuses an invalid name for a new campaign. A name that selects an existing campaign is always
/// valid.
fn refuse_as_new(name: &str) -> Result<()> {
    if name.contains(SIGN) || name.len() > LONGEST {
        return Err(no_name(name));
    }
    let chars: Vec<char> = name.chars().collect();
    for (place, c) in chars.iter().enumerate().filter(|(_, c)| **c != ' ' && shows_nothing(**c)) {
        let is_foreign = |place: Option<usize>| {
            place.and_then(|place| chars.get(place)).is_some_and(|c| !c.is_ascii())
        };
        if !is_joining(*c) || !(is_foreign(place.checked_sub(1)) || is_foreign(Some(place + 1))) {
            return Err(Error::usage(format!("the campaign name contains an invisible character, U+{:04X}", u32::from(*c)))
                .hint("write the name without this character: two names that look the same are two campaigns, and both would send to all of these people"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_short_and_shows_all_of_itself() {
        for good in [
            "spring sale",
            "fr\u{fc}hling",
            "\u{2764}\u{fe0f} mai",
            "mai \u{2764}\u{fe0f}",
            "\u{645}\u{6cc}\u{200c}\u{634}",
            "\u{1f468}\u{200d}\u{1f469}",
        ] {
            assert!(refuse_as_new(good).is_ok(), "{good}");
        }
        for bad in [
            "spr\u{200b}ing",
            "spring\u{a0}sale",
            "spr\u{200d}ing",
            "spring\u{200d}",
            "a\u{ad}b",
            "a#b",
        ] {
            assert!(refuse_as_new(bad).is_err(), "{bad:?}");
        }
        assert!(refuse_as_new(&"a".repeat(201)).is_err());
    }
}
