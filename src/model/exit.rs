//! The table of exit codes. `--help` and README show it, and a test keeps both equal.

/// An exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exit(u8);

impl Exit {
    pub const OK: Self = Self(0);
    pub const INTERNAL: Self = Self(1);
    pub const USAGE: Self = Self(2);
    pub const REJECTED: Self = Self(3);
    pub const REFUSED: Self = Self(4);
    pub const RETRYABLE: Self = Self(5);
    pub const UNKNOWN: Self = Self(6);
    pub const NO_PROVIDER: Self = Self(7);
    pub const CAP: Self = Self(8);
    pub const EMPTY: Self = Self(9);
    pub const DEADLINE: Self = Self(10);
    pub const LOCKED: Self = Self(11);
    pub const STOPPED: Self = Self(12);
    pub const WAITING: Self = Self(13);
    pub const CHANGED: Self = Self(14);
    pub const HUNG_UP: Self = Self(129);
    pub const INTERRUPTED: Self = Self(130);
    pub const TERMINATED: Self = Self(143);

    /// The number of the exit code.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The exit code with this number, if it is in the table.
    pub fn from_code(code: u8) -> Option<Self> {
        TABLE.iter().map(|(exit, _)| *exit).find(|exit| exit.0 == code)
    }

    /// The meaning of the exit code, as shown by `--help`.
    pub fn meaning(self) -> &'static str {
        TABLE.iter().find(|(exit, _)| *exit == self).map_or("", |(_, meaning)| meaning)
    }

    /// Of several codes, returns the one that takes precedence: signals first, then 7, 12, 13, 6,
    /// 8, 10, 5, 3.
    pub fn most_telling(earned: &[Self]) -> Self {
        const ORDER: [Exit; 11] = [
            Exit::INTERRUPTED,
            Exit::TERMINATED,
            Exit::HUNG_UP,
            Exit::NO_PROVIDER,
            Exit::STOPPED,
            Exit::WAITING,
            Exit::UNKNOWN,
            Exit::CAP,
            Exit::DEADLINE,
            Exit::RETRYABLE,
            Exit::REJECTED,
        ];
        ORDER
            .into_iter()
            .find(|exit| earned.contains(exit))
            .or_else(|| earned.first().copied())
            .unwrap_or(Self::OK)
    }
}

/// Every exit code with its meaning, in the order of `--help` and README.
pub const TABLE: &[(Exit, &str)] = &[
    (
        Exit::OK,
        "everyone handled: accepted, already accepted, suppressed, duplicate, tolerated invalid, or held by --limit",
    ),
    (Exit::INTERNAL, "internal error"),
    (Exit::USAGE, "usage or configuration"),
    (Exit::REJECTED, "finished, some rejected in this run (beyond --fail-over)"),
    (Exit::REFUSED, "list, message or suppression file refused before sending"),
    (Exit::RETRYABLE, "stopped with retryable work left"),
    (Exit::UNKNOWN, "some recipients have an unknown outcome"),
    (Exit::NO_PROVIDER, "no usable provider is left (credentials, account, sender, relay)"),
    (Exit::CAP, "cap reached, or the quota of a provider used up"),
    (Exit::EMPTY, "nothing to send (only with --error-on-empty)"),
    (Exit::DEADLINE, "deadline or window closed"),
    (Exit::LOCKED, "locked by another run of the campaign"),
    (Exit::STOPPED, "canary failed, pause rule or `pause`"),
    (Exit::WAITING, "waiting for a person to decide"),
    (Exit::CHANGED, "list or message of the campaign has changed"),
    (Exit::HUNG_UP, "stopped by SIGHUP, after draining"),
    (Exit::INTERRUPTED, "stopped by SIGINT, after draining"),
    (Exit::TERMINATED, "stopped by SIGTERM, after draining"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_win_then_the_order_of_the_contract() {
        assert_eq!(Exit::most_telling(&[]), Exit::OK);
        assert_eq!(
            Exit::most_telling(&[Exit::REJECTED, Exit::RETRYABLE, Exit::UNKNOWN]),
            Exit::UNKNOWN
        );
        assert_eq!(Exit::most_telling(&[Exit::NO_PROVIDER, Exit::INTERRUPTED]), Exit::INTERRUPTED);
        assert_eq!(Exit::most_telling(&[Exit::CAP, Exit::RETRYABLE]), Exit::CAP);
    }

    #[test]
    fn every_code_has_a_meaning() {
        for (exit, meaning) in TABLE {
            assert_eq!(Exit::from_code(exit.code()), Some(*exit));
            assert!(!meaning.is_empty());
        }
    }
}
