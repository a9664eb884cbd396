//! The user and the machine that run this program. They are recorded with decisions that stop a run
//! or let it continue.

use std::path::Path;

/// The name of this machine; empty if it cannot be read.
pub(crate) fn name() -> String {
    let read = |file| {
        std::fs::read_to_string(file).ok().map(|name| clean(&name)).filter(|name| !name.is_empty())
    };
    read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).unwrap_or_default()
}

/// Returns the user who runs the program, and the user who called `sudo`. Without a user name in
/// the environment, returns the user's number.
pub(crate) fn user() -> String {
    let of = |variable: &str| {
        std::env::var(variable).ok().map(|name| clean(&name)).filter(|name| !name.is_empty())
    };
    let user = of("USER").or_else(|| of("LOGNAME")).unwrap_or_else(|| {
        match rustix::process::geteuid().as_raw() {
            0 => "root".to_owned(),
            number => format!("user {number}"),
        }
    });
    match of("SUDO_USER") {
        Some(person) if person != user => format!("{person} (as {user})"),
        _ => user,
    }
}

/// Identifies the mount of a directory as `NAMESPACE:ID`: the number of this process's mount
/// namespace and the id of the mount. The id is not reused until the machine is restarted
/// (statx(2), `STATX_MNT_ID_UNIQUE`, Linux 6.8). `None` if the system does not report the id.
pub(crate) fn mount_id(directory: &Path) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
        const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
        let namespace = std::fs::read_link("/proc/self/ns/mnt").ok()?;
        let namespace = namespace.to_str()?.strip_prefix("mnt:[")?.strip_suffix(']')?.to_owned();
        let found = statx(CWD, directory, AtFlags::empty(), UNIQUE).ok()?;
        (found.stx_mask & UNIQUE.bits() != 0).then(|| format!("{namespace}:{}", found.stx_mnt_id))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = directory;
        None
    }
}

/// Returns the user and the machine as one string.
pub(crate) fn person() -> String {
    let (user, host) = (user(), name());
    if host.is_empty() { user } else { format!("{user} on {host}") }
}

/// Converts a name to a short line without control characters.
fn clean(name: &str) -> String {
    const MOST: usize = 64;
    name.trim().chars().filter(|c| !c.is_control()).take(MOST).collect()
}
