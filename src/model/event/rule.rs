//! The rules for learning suppressions from events: which events to trust, and how many soft
//! bounces count as a hard one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Bounce, Class, Event, EventKind};
use crate::model::literal::parse_duration;

/// The number of soft bounces within a period after which a recipient is suppressed: `5 in 14d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftBounces {
    /// The number of soft bounces, at least 1.
    pub count: u32,
    pub within: Duration,
}

impl SoftBounces {
    /// The default: 5 in 14 days.
    pub const DEFAULT: Self = Self { count: 5, within: Duration::from_secs(14 * 86_400) };

    /// Whether an event is a soft bounce because of the mailbox. Soft bounces because of policy,
    /// rate, size or content concern the sender.
    pub fn counts(event: &Event) -> bool {
        event.kind == EventKind::Bounced
            && event.bounce == Some(Bounce::Soft)
            && Self::CLASSES.contains(&event.class.unwrap_or(Class::Other))
    }

    /// The classes of soft bounces that count.
    pub const CLASSES: [Class; 6] = [
        Class::MailboxDisabled,
        Class::MailboxFull,
        Class::Routing,
        Class::Expired,
        Class::System,
        Class::Other,
    ];
}

impl fmt::Display for SoftBounces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.within.as_secs();
        let (number, unit) = match seconds {
            s if s % 86_400 == 0 => (s / 86_400, "d"),
            s if s % 3_600 == 0 => (s / 3_600, "h"),
            s if s % 60 == 0 => (s / 60, "min"),
            s => (s, "s"),
        };
        write!(f, "{} in {number}{unit}", self.count)
    }
}

impl FromStr for SoftBounces {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form \"5 in 14d\"");
        let (count, within) = text.split_once(" in ").ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let within = parse_duration(within.trim())?;
        if count == 0 || within.is_zero() {
            return Err(format!("{text:?} would suppress every recipient"));
        }
        Ok(Self { count, within })
    }
}

/// The rules that decide which suppressions may be learned from events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Believe {
    /// The rule for soft bounces. `None` means that soft bounces never suppress a recipient.
    pub soft: Option<SoftBounces>,
    /// Whether events received by mail may suppress addresses that the ledger does not know.
    pub mail_about_anybody: bool,
}

impl Default for Believe {
    fn default() -> Self {
        Self { soft: Some(SoftBounces::DEFAULT), mail_about_anybody: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_and_nonsense_is_refused() {
        assert_eq!("5 in 14d".parse(), Ok(SoftBounces::DEFAULT));
        assert_eq!(SoftBounces::DEFAULT.to_string(), "5 in 14d");
        assert_eq!("3 in 36h".parse::<SoftBounces>().unwrap().to_string(), "3 in 36h");
        for text in
            ["", "5", "five in 14d", "0 in 14d", "5 in 0d", "-1 in 2d", "5 in a while", "5in14d"]
        {
            assert!(text.parse::<SoftBounces>().is_err(), "{text}");
        }
    }
}
