//! Who runs this program, and where: kept with decisions that stop runs or let them go on.

use std::path::Path;

/// The name of this machine; empty where it cannot be read.
pub(crate) fn name() -> String {
    let read = |file| {
        std::fs::read_to_string(file).ok().map(|name| clean(&name)).filter(|name| !name.is_empty())
    };
    read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).unwrap_or_default()
}

/// The user who runs the program, and the person behind `sudo`; the number of the user where the
/// environment names none.
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

/// The mount that a directory lies on, as `NAMESPACE:ID`: the number of this process's mount
/// namespace, and the id of the mount in it, which no later mount gets again until the machine is
/// started anew (statx(2), `STATX_MNT_ID_UNIQUE`, Linux 6.8). `None` where the system does not say.
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

/// Both in one text.
pub(crate) fn person() -> String {
    let (user, host) = (user(), name());
    if host.is_empty() { user } else { format!("{user} on {host}") }
}

/// One short line without control characters.
fn clean(name: &str) -> String {
    const MOST: usize = 64;
    name.trim().chars().filter(|c| !c.is_control()).take(MOST).collect()
}
