//! Which campaign a send belongs to, and the lock that keeps two executions of it apart.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Zoned;
use ring::digest;

use crate::address::Address;
use crate::commands;
use crate::error::{Error, Result};
use crate::exit::Exit;

/// The part of a campaign's identity behind this sign is a fingerprint of paths, and not shown.
const SIGN: char = '#';

/// The name of a campaign as typed under `--campaign`, with `{date} {week} {month}` filled in.
pub(crate) fn named(typed: &str, now: &Zoned) -> Result<String> {
    let week = now.date().iso_week_date();
    let name = typed
        .replace("{date}", &now.strftime("%Y-%m-%d").to_string())
        .replace("{week}", &format!("{}-W{:02}", week.year(), week.week()))
        .replace("{month}", &now.strftime("%Y-%m").to_string());
    if name.trim().is_empty() || name.len() > 200 || name.contains([SIGN, '{', '}']) || name.chars().any(char::is_control) {
        return Err(Error::usage(format!("{typed:?} cannot name a campaign"))
            .hint("use up to 200 letters, digits and signs other than # { }; {date}, {week} and {month} are filled in"));
    }
    Ok(name)
}

/// The identity of a campaign without a name: its lists' paths and its message's, shown as `message/list`.
pub(crate) fn unnamed(message_name: &str, message_path: &Path, lists: &[std::path::PathBuf]) -> String {
    let stem =
        |path: &Path| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().split('.').next().unwrap_or_default().to_owned());
    let mut hash = digest::Context::new(&digest::SHA256);
    for path in std::iter::once(message_path).chain(lists.iter().map(AsRef::as_ref)) {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(&[0]);
    }
    let fingerprint: String = hash.finish().as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let lists: Vec<String> = lists.iter().map(|path| stem(path)).collect();
    format!("{message_name}/{}{SIGN}{fingerprint}", lists.join("+"))
}

/// The identity of a send whose mail goes to one address instead of its recipients: a campaign of its own under the same name, because it
/// reaches nobody of the list, and what it began must never go on to them, nor the other way round.
pub(crate) fn redirected(campaign: &str, to: &Address) -> String {
    let fingerprint: String =
        digest::digest(&digest::SHA256, to.folded().as_bytes()).as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{campaign}{SIGN}{fingerprint}")
}

/// The identity of a send whose mail goes to the provider's sandbox: a campaign of its own too, for it reaches nobody either.
pub(crate) fn sandboxed(campaign: &str) -> String {
    format!("{campaign}{SIGN}sandbox")
}

/// The campaign as people see it.
pub(crate) fn shown(campaign: &str) -> &str {
    campaign.split(SIGN).next().unwrap_or(campaign)
}

/// Held while an execution of the campaign goes on; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Whoever only looks whether the lock is taken holds it for a moment; that must not look like a run.
const GLANCE: Duration = Duration::from_millis(150);

/// Takes the campaign's lock, waiting up to `wait` for it. Exit 11 when another execution has it.
pub(crate) fn lock(state_dir: &Path, campaign: &str, env: Option<&str>, wait: Duration) -> Result<Lock> {
    let file = open(state_dir, campaign, env)?;
    match commands::locked_within(&file, wait.max(GLANCE)) {
        Ok(true) => Ok(Lock { _file: file }),
        Ok(false) => Err(Error::new(Exit::LOCKED, format!("another run of the campaign {} is going on", shown(campaign)))
            .hint("`mailbatch status` shows it; --wait-lock 10m waits for it")),
        Err(e) => Err(Error::internal(format!("the campaign's lock: {e}"))),
    }
}

/// Whether an execution of the campaign is going on now.
pub(crate) fn is_running(state_dir: &Path, campaign: &str, env: Option<&str>) -> Result<bool> {
    Ok(open(state_dir, campaign, env)?.try_lock_shared().is_err())
}

fn open(state_dir: &Path, campaign: &str, env: Option<&str>) -> Result<File> {
    let dir = state_dir.join("locks");
    commands::make_private_dir(&dir)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(campaign.as_bytes());
    hash.update(&[0]);
    hash.update(env.unwrap_or_default().as_bytes());
    let name: String = hash.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let path = dir.join(name + ".lock");
    OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(|e| Error::internal(format!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_odd_ones_refused() {
        let now: Zoned = "2026-11-21T10:00:00[UTC]".parse().expect("a time");
        assert_eq!(named("news-{date}-{week}-{month}", &now).expect("a name"), "news-2026-11-21-2026-W47-2026-11");
        for bad in ["", " ", "a#b", "a{year}", "a\nb"] {
            assert!(named(bad, &now).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_campaign_without_a_name_is_its_paths() {
        let at = |list: &str| unnamed("welcome", Path::new("/w/welcome.md"), &[list.into()]);
        assert_eq!(shown(&at("/w/list.csv.gz")), "welcome/list");
        assert_ne!(at("/w/list.csv"), at("/v/list.csv"));
        assert_eq!(at("/w/list.csv"), at("/w/list.csv"));
    }

    #[test]
    fn redirected_mail_is_a_campaign_of_its_own_under_the_same_name() {
        let to = |text| Address::parse(text).expect("an address");
        let (one, other) = (redirected("spring", &to("me@example.com")), redirected("spring", &to("you@example.com")));
        assert!(one != "spring" && one != other);
        assert_eq!(one, redirected("spring", &to("ME@example.com")));
        assert_eq!(shown(&one), "spring");
        assert!(sandboxed("spring") != "spring" && sandboxed(&one) != one);
        assert_eq!(shown(&sandboxed(&one)), "spring");
        assert_eq!(shown(&redirected("welcome/list#012345", &to("me@example.com"))), "welcome/list");
    }

    #[test]
    fn the_second_execution_is_told_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = lock(dir.path(), "c", None, Duration::ZERO).expect("free");
        assert_eq!(lock(dir.path(), "c", None, Duration::ZERO).expect_err("taken").exit(), Exit::LOCKED);
        lock(dir.path(), "c", Some("staging"), Duration::ZERO).expect("another environment");
        drop(first);
        lock(dir.path(), "c", None, Duration::ZERO).expect("free again");
    }
}
