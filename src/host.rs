//! Who runs this program, and where: kept with decisions that stop runs or let them go on.

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
