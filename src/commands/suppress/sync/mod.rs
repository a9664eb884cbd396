//! `mailbatch suppress sync` and `suppress diff`: copy suppressions between this workspace and a
//! provider, or compare them.
//!
//! No address is removed from either side. Each page is stored completely before the next is
//! requested, so after a failure the next command continues there. Addresses are written only to
//! suppression files and the ledger. Only `diff` prints them.

mod listing;
pub(crate) mod progress;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use self::listing::{Listing, key_of};
use self::progress::Progress;
use super::entries::{all, first_file};
use crate::cli::{DiffArgs, SyncArgs};
use crate::ledger::{Ledger, LedgerSuppression};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Reason;
use crate::provider::Provider;
use crate::provider::account::{Ours, RemoteList};
use crate::run::console::say;
use crate::run::context::Context;
use crate::run::provider_trouble::failed;
use crate::suppression::{self, Entry};

/// The numbers of entries that one synchronisation has handled.
#[derive(Debug, Default)]
struct Tally {
    /// Entries of the provider's lists.
    theirs: u64,
    /// Entries of the provider that were neither in our files nor in the ledger.
    pulled: u64,
    /// Our addresses that the provider accepted.
    pushed: u64,
    /// Our addresses that the provider refused.
    refused: u64,
    /// Our entries that the provider's list cannot represent.
    not_taken: u64,
}

/// Returns the suppression list of the provider called `name`. Fails with exit code 2 if its API
/// has none.
fn remote<'a>(name: &str, provider: &'a dyn Provider) -> Result<&'a dyn RemoteList> {
    provider.account_api().and_then(|account| account.suppressions()).ok_or_else(|| {
        Error::usage(format!("providers.{name}: this API has no suppression list"))
            .hint("export the list in the provider's web interface, then run `mailbatch suppress import FILE`")
    })
}

/// Copies entries in both directions, or only in one with `--pull` or `--push`.
pub(crate) async fn sync(context: &Context, args: &SyncArgs) -> Result<Exit> {
    let (name, config) = context.settings.provider(Some(&args.provider))?;
    let provider = tokio::task::block_in_place(|| context.settings.connect(name))?;
    let list = remote(name, provider.as_ref())?;
    let (pulls, pushes) = (args.pull || !args.push, args.push || !args.pull);
    let file = if pulls { Some(first_file(context)?) } else { None };
    let head = progress::Head::new(name, &config.kind, context.settings.env.as_deref(), pulls);
    let dir = context.settings.workspace.state_dir.join("sync");
    let mut progress = if args.dry_run { Progress::none() } else { Progress::open(&dir, &head)? };
    let ledger = if args.dry_run { context.existing_ledger()? } else { Some(context.ledger()?) };
    let mut tally = Tally::default();
    let mut here =
        Here { context, file, ledger: ledger.clone(), known: None, writes: !args.dry_run };
    let mut listing = Listing::new(list, &mut progress);
    while let Some(page) = listing.next().await.map_err(|trouble| failed(name, &trouble))? {
        tally.theirs += page.len() as u64;
        if pulls {
            tally.pulled += here.keep(name, page).await?;
        }
        listing.is_kept()?;
    }
    let (unreadable, left_out, mut known) = listing.end();
    if pushes {
        let ours = tokio::task::block_in_place(|| {
            not_reported(context, ledger.as_deref(), list, &mut known, &mut tally)
        })?;
        for piece in ours.chunks(list.most_pushed().max(1)) {
            if !args.dry_run {
                tally.refused +=
                    list.push(piece).await.map_err(|trouble| failed(name, &trouble))?;
                progress.add(None, piece.iter().map(|ours| key_of(&ours.email)))?;
            }
            tally.pushed += piece.len() as u64;
        }
        tally.pushed -= tally.refused.min(tally.pushed);
    }
    provider.close().await;
    progress.finish();
    print(context, name, args.dry_run, &tally, unreadable, left_out.as_slice())?;
    Ok(Exit::OK)
}

/// The workspace, to which the provider's entries are written.
struct Here<'a> {
    context: &'a Context,
    file: Option<std::path::PathBuf>,
    ledger: Option<Arc<dyn Ledger>>,
    /// The entries and reasons in the suppression files. They are read when first needed.
    known: Option<HashSet<(u128, Reason)>>,
    writes: bool,
}

impl Here<'_> {
    /// Writes a page's entries to the file and to the ledger, unless they are already there.
    /// Returns the number of entries that were in neither.
    async fn keep(&mut self, name: &str, page: Vec<LedgerSuppression>) -> Result<u64> {
        if self.known.is_none() {
            self.known = Some(tokio::task::block_in_place(|| in_files(self.context))?);
        }
        let known = self.known.get_or_insert_default();
        let page: Vec<_> = page
            .into_iter()
            .map(|kept| LedgerSuppression { source: name.to_owned(), ..kept })
            .collect();
        let new_here = match &self.ledger {
            Some(ledger) => ledger.not_kept(page.clone()).await?,
            None => page.clone(),
        };
        let is_new_here: HashSet<(u128, Reason)> =
            new_here.iter().map(|kept| (key_of(&kept.entry), kept.reason)).collect();
        let missing: Vec<_> = page
            .into_iter()
            .filter(|kept| known.insert((key_of(&kept.entry), kept.reason)))
            .collect();
        let count = missing
            .iter()
            .filter(|kept| is_new_here.contains(&(key_of(&kept.entry), kept.reason)))
            .count() as u64;
        if self.writes {
            if let Some(file) = &self.file {
                tokio::task::block_in_place(|| suppression::append(file, &missing))?;
            }
            if let Some(ledger) = self.ledger.as_ref().filter(|_| !new_here.is_empty()) {
                ledger.suppress(new_here).await?;
            }
        }
        Ok(count)
    }
}

/// Returns the entries of the configured files that have not expired. Files that do not exist count
/// as empty.
fn in_files(context: &Context) -> Result<HashSet<(u128, Reason)>> {
    let now = Timestamp::now();
    let files: Vec<_> =
        context.settings.suppression_files.iter().filter(|file| file.exists()).cloned().collect();
    let in_force = |listed: Result<suppression::Listed>| match listed {
        Ok(listed) if listed.entry.has_expired(now) => None,
        listed => Some(listed.map(|listed| (key_of(&listed.entry.entry), listed.entry.reason))),
    };
    suppression::list(&files).filter_map(in_force).collect()
}

/// Returns the address of an entry, or `None` if the entry is not an address or has expired.
fn address_of(entry: &Entry, now: Timestamp) -> Option<&str> {
    let is_address = !entry.entry.starts_with('@') && !entry.entry.starts_with("sha256:");
    (is_address && !entry.has_expired(now)).then_some(entry.entry.as_str())
}

/// Returns the addresses to push: those that the provider lacks and its list can represent.
///
/// A marketing-only suppression is pushed only to a list that stops only marketing. An entry that
/// expires is not pushed, because it would not expire at the provider.
fn not_reported(
    context: &Context,
    ledger: Option<&dyn Ledger>,
    list: &dyn RemoteList,
    known: &mut HashSet<u128>,
    tally: &mut Tally,
) -> Result<Vec<Ours>> {
    let now = Timestamp::now();
    let mut ours = Vec::new();
    for entry in all(context, ledger) {
        let entry = entry?;
        if entry.has_expired(now) {
            continue;
        }
        let reason = match entry.reason {
            reason if entry.scope.is_marketing_only(reason) => Reason::Unsubscribe,
            Reason::Unsubscribe => Reason::Manual,
            reason => reason,
        };
        match address_of(&entry, now) {
            Some(email) if known.contains(&key_of(email)) => {}
            Some(email) if entry.expires_at.is_none() && list.takes(reason) => {
                known.insert(key_of(email));
                ours.push(Ours { email: email.to_owned(), reason });
            }
            _ => tally.not_taken += 1,
        }
    }
    Ok(ours)
}

fn print(
    context: &Context,
    name: &str,
    dry_run: bool,
    tally: &Tally,
    unreadable: u64,
    left_out: &[(u64, &'static str)],
) -> Result<()> {
    if context.globals.json {
        let left_out: Vec<_> =
            left_out.iter().map(|(count, why)| json!({ "count": count, "why": why })).collect();
        let object = json!({
            "v": 1, "type": "suppress.sync", "provider": name, "dry_run": dry_run, "theirs": tally.theirs, "pulled": tally.pulled,
            "pushed": tally.pushed, "refused": tally.refused, "not_taken": tally.not_taken, "unreadable": unreadable, "left_out": left_out,
        });
        return say(&mut std::io::stdout(), &format!("{object}\n"));
    }
    let would = if dry_run { "would be " } else { "" };
    let mut text = format!(
        "{name}: {} entries at the provider, {} {would}pulled; {} of ours {would}pushed\n",
        tally.theirs, tally.pulled, tally.pushed
    );
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            text.push_str(&format!("  {count} {what}\n"));
        }
    };
    also(tally.refused, "of ours were refused by the provider");
    also(
        tally.not_taken,
        "of ours cannot be pushed: domains, hashes, entries that expire, or reasons that the provider's list does not support",
    );
    also(unreadable, "of theirs are not valid addresses");
    left_out
        .iter()
        .for_each(|(count, why)| also(*count, &format!("of theirs were left out: {why}")));
    if context.globals.quiet {
        return Ok(());
    }
    say(&mut std::io::stdout(), &text)
}

/// Prints the entries that only the workspace or only the provider has.
pub(crate) async fn diff(context: &Context, args: &DiffArgs) -> Result<Exit> {
    let (name, _) = context.settings.provider(Some(&args.provider))?;
    let provider = tokio::task::block_in_place(|| context.settings.connect(name))?;
    let mut progress = Progress::none();
    let mut listing = Listing::new(remote(name, provider.as_ref())?, &mut progress);
    let mut theirs: HashMap<String, Reason> = HashMap::new();
    while let Some(page) = listing.next().await.map_err(|trouble| failed(name, &trouble))? {
        page.into_iter().for_each(|kept| {
            theirs.entry(kept.entry).or_insert(kept.reason);
        });
        listing.is_kept()?;
    }
    let (unreadable, ..) = listing.end();
    provider.close().await;
    let ledger = context.existing_ledger()?;
    let ours = tokio::task::block_in_place(|| addresses(context, ledger.as_deref()))?;
    let only = |these: &HashMap<String, Reason>, others: &HashMap<String, Reason>| {
        let mut only: Vec<(String, Reason)> = these
            .iter()
            .filter(|(email, _)| !others.contains_key(*email))
            .map(|(email, reason)| (email.clone(), *reason))
            .collect();
        only.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        only
    };
    let (only_theirs, only_ours) = (only(&theirs, &ours), only(&ours, &theirs));
    let both = theirs.len() - only_theirs.len();
    let mut text = String::new();
    for (whose, entries) in [("theirs", &only_theirs), ("ours", &only_ours)] {
        for (email, reason) in entries {
            text.push_str(&match context.globals.json {
                true => format!("{}\n", json!({ "v": 1, "type": "suppress.difference", "only": whose, "email": email, "reason": reason })),
                false => format!("only {whose:<7} {email} {reason}\n"),
            });
        }
    }
    let counts = (only_theirs.len(), only_ours.len());
    if context.globals.json {
        let object = json!({
            "v": 1, "type": "suppress.diff", "provider": name, "both": both, "only_theirs": counts.0, "only_ours": counts.1, "unreadable": unreadable,
        });
        text.push_str(&format!("{object}\n"));
    } else {
        let unreadable = if unreadable > 0 {
            format!(", {unreadable} of theirs are not valid addresses")
        } else {
            String::new()
        };
        text.push_str(&format!(
            "{name}: {both} on both, {} only theirs, {} only ours{unreadable}\n",
            counts.0, counts.1
        ));
    }
    say(&mut std::io::stdout(), &text)?;
    Ok(Exit::OK)
}

/// Returns the addresses that this workspace suppresses, each with the reason of its first entry.
fn addresses(context: &Context, ledger: Option<&dyn Ledger>) -> Result<HashMap<String, Reason>> {
    let now = Timestamp::now();
    let mut ours = HashMap::new();
    for entry in all(context, ledger) {
        let entry = entry?;
        if let Some(email) = address_of(&entry, now) {
            ours.entry(email.to_owned()).or_insert(entry.reason);
        }
    }
    Ok(ours)
}
