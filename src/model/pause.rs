//! The syntax and evaluation of pause rules. A pause rule stops a part of a run if too many
//! messages bounce, are complained about, or fail.
//!
//! A share is computed over the recipients submitted within the rule's time. A bounce counts for
//! the time at which its message was submitted, whenever the bounce arrives.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::figures::grouped;
use crate::model::literal::{Percent, parse_duration};
use crate::model::outcome::words;

words! {
    /// The kind of recipients that a rule counts.
    Watched {
        /// Recipients whose message was reported as bounced, hard or soft.
        Bounced = "bounced",
        /// Recipients who complained.
        Complained = "complained",
        /// Recipients that were rejected or deferred, or that have an unknown outcome.
        Failed = "failed",
    }
}

words! {
    /// The group of recipients for which a rule computes a share, and which it holds.
    RuleScope {
        /// All recipients of the run.
        Run = "run",
        /// The recipients of one provider.
        Provider = "provider",
        /// The recipients at one receiving domain.
        Domain = "domain",
    }
}

/// A rule, for example `bounced > 5% over 1h min 200/20 by domain`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PauseRule {
    pub watched: Watched,
    /// The largest share that does not trigger the rule.
    pub over: Percent,
    /// The rule counts only recipients submitted within this time.
    pub within: Duration,
    /// The minimum number of submitted recipients. With fewer, the rule does not trigger.
    pub min_sent: u64,
    /// The minimum number of events. With fewer, the rule does not trigger.
    pub min_events: u64,
    pub by: RuleScope,
}

impl PauseRule {
    /// The default minimum numbers of recipients and of events.
    pub const LEAST: (u64, u64) = (200, 20);

    /// The longest time that a rule may look back.
    const LONGEST: Duration = Duration::from_secs(400 * 86_400);
}

impl fmt::Display for PauseRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.within.as_secs();
        let (number, unit) = match seconds {
            s if s % 3_600 == 0 => (s / 3_600, "h"),
            s if s % 60 == 0 => (s / 60, "m"),
            s => (s, "s"),
        };
        write!(
            f,
            "{} > {} over {number}{unit} min {}/{}",
            self.watched, self.over, self.min_sent, self.min_events
        )?;
        match self.by {
            RuleScope::Run => Ok(()),
            by => write!(f, " by {by}"),
        }
    }
}

impl FromStr for PauseRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not of the form \"bounced > 5% over 1h min 200/20 by domain\"; the parts min and by are optional"
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [watched, ">", over, "over", within, more @ ..] = words.as_slice() else {
            return Err(wrong());
        };
        let mut rule = Self {
            watched: watched.parse()?,
            over: over.parse()?,
            within: parse_duration(within)?,
            min_sent: Self::LEAST.0,
            min_events: Self::LEAST.1,
            by: RuleScope::Run,
        };
        let mut more = more;
        if let ["min", least, rest @ ..] = more {
            let (sent, events) = least.split_once('/').ok_or_else(wrong)?;
            (rule.min_sent, rule.min_events) =
                (sent.parse().map_err(|_| wrong())?, events.parse().map_err(|_| wrong())?);
            more = rest;
        }
        if let ["by", by, rest @ ..] = more {
            rule.by = by.parse()?;
            more = rest;
        }
        match () {
            () if !more.is_empty() => Err(wrong()),
            () if rule.within < Duration::from_secs(1) || rule.within > Self::LONGEST => {
                Err(format!("{text:?}: the time is not between 1s and 400d"))
            }
            () if rule.within.subsec_nanos() != 0 => {
                Err(format!("{text:?}: the time is not a whole number of seconds"))
            }
            () if rule.min_sent == 0 || rule.min_events == 0 => {
                Err(format!("{text:?}: both numbers after min must be at least 1"))
            }
            () if rule.over.fraction() >= 1.0 => {
                Err(format!("{text:?} can never trigger, because a share is at most 100%"))
            }
            () => Ok(rule),
        }
    }
}

/// The number of messages submitted through one provider to one receiving domain within a rule's
/// time, and how many of them have an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackRate {
    pub provider: String,
    pub domain: String,
    pub sent: u64,
    /// How many of these messages have an event that the rule counts.
    pub events: u64,
}

/// The effect of a triggered rule: which recipients to hold, and the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub by: RuleScope,
    /// The name of the provider or the domain; empty if the whole run is held.
    pub name: String,
    /// For example `30 of 400 bounced at example.com, 7.50 %: bounced > 5% over 1h min 200/20 by
    /// domain`.
    pub evidence: String,
}

impl PauseRule {
    /// The groups of recipients for which these numbers trigger the rule.
    pub fn broken(&self, rates: &[FeedbackRate]) -> Vec<Broken> {
        let mut groups: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for one in rates {
            let name = match self.by {
                RuleScope::Run => "",
                RuleScope::Provider => &one.provider,
                RuleScope::Domain => &one.domain,
            };
            let group = groups.entry(name).or_default();
            *group = (group.0 + one.sent, group.1 + one.events);
        }
        let is_broken = |(sent, events): (u64, u64)| {
            sent >= self.min_sent
                && events >= self.min_events
                && events as f64 > sent as f64 * self.over.fraction() + 1e-9
        };
        groups
            .into_iter()
            .filter(|(_, counts)| is_broken(*counts))
            .map(|(name, (sent, events))| {
                let at = match self.by {
                    RuleScope::Run => String::new(),
                    RuleScope::Provider => format!(" through {name}"),
                    RuleScope::Domain => format!(" at {name}"),
                };
                let share = events as f64 / sent as f64 * 100.0;
                let evidence = format!(
                    "{} of {} {}{at}, {share:.2} %: {self}",
                    grouped(events),
                    grouped(sent),
                    self.watched
                );
                Broken { by: self.by, name: name.to_owned(), evidence }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> PauseRule {
        text.parse().expect("a rule")
    }

    #[test]
    fn rules_read_back_and_nonsense_is_refused() {
        assert_eq!(rule("bounced > 5% over 1h").to_string(), "bounced > 5% over 1h min 200/20");
        for text in [
            "complained > 0.3% over 24h min 1000/3",
            "failed > 20% over 5m min 200/20 by provider",
            "bounced > 0% over 90s min 1/1 by domain",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
        assert_eq!(rule("bounced > 5pct over 1d by run").within, Duration::from_secs(86_400));
        for text in [
            "",
            "bounced",
            "opened > 5% over 1h",
            "bounced >5% over 1h",
            "bounced > 5 over 1h",
            "bounced > 5% over 1",
            "bounced > 5% over 0",
            "bounced > 5% over 999d",
            "bounced > 5% over 1500ms",
            "bounced > 5% over 20.0000001h",
            "bounced > 100% over 1h",
            "bounced > 5% over 1h min 200",
            "bounced > 5% over 1h min 0/20",
            "bounced > 5% over 1h min -1/2",
            "bounced > 5% over 1h by list",
            "bounced > 5% over 1h by domain min 1/1",
            "bounced < 5% over 1h",
        ] {
            assert!(text.parse::<PauseRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_holds_only_whom_it_counts_together() {
        let of = |provider: &str, domain: &str, sent, events| FeedbackRate {
            provider: provider.into(),
            domain: domain.into(),
            sent,
            events,
        };
        let rates = [
            of("a", "x.example", 150, 3),
            of("a", "y.example", 100, 15),
            of("b", "x.example", 250, 2),
        ];
        let names = |text: &str| {
            rule(text).broken(&rates).into_iter().map(|broken| broken.name).collect::<Vec<_>>()
        };
        assert_eq!(names("bounced > 3.9% over 1h min 200/20"), [""], "20 of 500 are 4 %");
        assert!(
            names("bounced > 4% over 1h min 200/20").is_empty(),
            "the limit itself is tolerated"
        );
        assert!(names("bounced > 5% over 1h min 200/20").is_empty());
        assert!(names("bounced > 1% over 1h min 501/20").is_empty());
        assert_eq!(names("bounced > 5% over 1h min 200/5 by provider"), ["a"]);
        assert_eq!(names("bounced > 5% over 1h min 50/5 by domain"), ["y.example"]);
        let said = &rule("bounced > 5% over 1h min 50/5 by domain").broken(&rates)[0].evidence;
        assert_eq!(
            said,
            "15 of 100 bounced at y.example, 15.00 %: bounced > 5% over 1h min 50/5 by domain"
        );
    }
}
