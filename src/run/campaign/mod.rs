//! The campaign that a send belongs to, and the lock that prevents two executions at the same time.
//!
//! A campaign's id is opaque. Message-IDs and tokens depend on it, so the id never changes after
//! mail was sent under it. A campaign's identity is the name or the files that a send was started
//! with. The ledger's alias table maps identities to ids.

mod choice;
mod dated;
mod named;
mod older;
mod paths;
mod spelling;
mod typed;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ring::digest;

use crate::files;
use crate::holder;
use crate::ledger::{Ledger, Run};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::state_dir::make_private_dir;

pub(crate) use choice::{Apart, Campaign, CampaignChoice};
pub(crate) use dated::name_unfinished;
pub(crate) use typed::{argument, choice, typable};

/// Separates the name in a campaign's id from a fingerprint, which is not displayed.
const SIGN: char = '#';

/// The id of a send whose mail is redirected to one address. This is a separate campaign with the
/// same name, because it reaches no recipient of the list. Neither campaign may continue the other.
pub(crate) fn redirected(campaign: &str, to: &Address) -> String {
    let fingerprint: String = digest::digest(&digest::SHA256, to.folded().as_bytes())
        .as_ref()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{campaign}{SIGN}{fingerprint}")
}

/// The id of a send to the provider's sandbox. This is also a separate campaign, because it reaches
/// no recipient.
pub(crate) fn sandboxed(campaign: &str) -> String {
    format!("{campaign}{SIGN}sandbox")
}

/// Whether a campaign's mail goes to the provider's sandbox.
pub(crate) fn is_sandboxed(campaign: &str) -> bool {
    campaign.ends_with(&sandboxed(""))
}

/// The name of a campaign as displayed.
pub(crate) fn shown(campaign: &str) -> &str {
    campaign.split(SIGN).next().unwrap_or(campaign)
}

/// The lock held by an execution of the campaign. The operating system releases it when the process
/// ends for any reason.
#[derive(Debug)]
pub(crate) struct Lock {
    _files: Vec<File>,
}

/// Wait for the lock at least this long. A process that only checks the lock holds it for a moment,
/// and must not look like a run.
const GLANCE: Duration = Duration::from_millis(150);

/// Takes the campaign's lock, waiting up to `wait` for it. Exit 11 if another execution holds it. A
/// campaign with several ids has a lock for each id; all locks are taken, always in the same order.
pub(crate) fn lock(
    state_dir: &Path,
    ids: &[String],
    env: Option<&str>,
    wait: Duration,
) -> Result<Lock> {
    let (wait, begun) = (wait.max(GLANCE), Instant::now());
    let mut sorted: Vec<&String> = ids.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut files = Vec::with_capacity(sorted.len());
    for id in sorted {
        let file = open(state_dir, id, env)?;
        match holder::locked_within(
            &file,
            &path(state_dir, id, env),
            wait.saturating_sub(begun.elapsed()),
        ) {
            Ok(true) => files.push(file),
            Ok(false) => {
                let holder = holder::of_file(&path(state_dir, id, env), |held| held.is_exclusive);
                let by =
                    holder.map(|holder| format!(": {holder} holds its lock")).unwrap_or_default();
                return Err(Error::new(
                    Exit::LOCKED,
                    format!("another run of the campaign {} is in progress{by}", shown(id)),
                )
                .hint("`mailbatch status` shows it; --wait-lock 10m waits for it"));
            }
            Err(e) => {
                return Err(Error::internal(format!("the campaign's lock cannot be taken: {e}")));
            }
        }
    }
    Ok(Lock { _files: files })
}

/// Takes the lock of the campaign that a run belongs to.
pub(crate) async fn lock_of(
    state_dir: &Path,
    ledger: &dyn Ledger,
    run: &Run,
    wait: Duration,
) -> Result<Lock> {
    let ids = ledger.kin(&run.head.campaign).await?;
    lock(state_dir, &ids, run.head.env.as_deref(), wait)
}

/// Whether an execution of this campaign is in progress now.
pub(crate) fn is_running(state_dir: &Path, campaign: &str, env: Option<&str>) -> Result<bool> {
    let path = path(state_dir, campaign, env);
    // The lock file is opened only for reading, so nothing is created, and a read-only directory is
    // no problem.
    match File::open(&path) {
        Ok(file) => Ok(file.try_lock_shared().is_err()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(files::unusable(&path, &e)),
    }
}

fn open(state_dir: &Path, campaign: &str, env: Option<&str>) -> Result<File> {
    make_private_dir(&state_dir.join("locks"))?;
    let path = path(state_dir, campaign, env);
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| files::unusable(&path, &e))
}

fn path(state_dir: &Path, campaign: &str, env: Option<&str>) -> PathBuf {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(campaign.as_bytes());
    hash.update(&[0]);
    hash.update(env.unwrap_or_default().as_bytes());
    let name: String =
        hash.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    state_dir.join("locks").join(name + ".lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirected_mail_is_a_campaign_of_its_own_under_the_same_name() {
        let to = |text| Address::parse(text).expect("an address");
        let (one, other) = (
            redirected("spring", &to("me@example.com")),
            redirected("spring", &to("you@example.com")),
        );
        assert!(one != "spring" && one != other);
        assert_eq!(one, redirected("spring", &to("ME@example.com")));
        assert_eq!(shown(&one), "spring");
        assert!(sandboxed("spring") != "spring" && sandboxed(&one) != one);
        assert_eq!(shown(&sandboxed(&one)), "spring");
        assert_eq!(
            shown(&redirected("welcome/list#012345", &to("me@example.com"))),
            "welcome/list"
        );
    }

    #[test]
    fn the_second_execution_is_refused_at_once_under_any_of_the_ids() {
        let dir = tempfile::tempdir().expect("a directory");
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let take = |named: &[&str], env| lock(dir.path(), &ids(named), env, Duration::ZERO);
        let first = take(&["b", "a"], None).expect("free");
        for other in [&["a"][..], &["b"], &["c", "b"], &["a", "b"]] {
            assert_eq!(take(other, None).expect_err("taken").exit(), Exit::LOCKED);
        }
        take(&["c"], None).expect("another campaign, whose lock a refused execution has let go");
        take(&["a"], Some("staging")).expect("another environment");
        drop(first);
        take(&["a", "a"], None).expect("free again");
    }
}
