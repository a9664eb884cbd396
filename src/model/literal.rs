//! Parsers for values that operators type: durations, rates, percentages, counts.
//!
//! The error messages list the accepted forms.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Parses `90s`, `15m`, `2h 30m`, `250ms`, `1d`. A number without a unit is an error, because the
/// unit would be a guess.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    if trimmed.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("{text:?} has no unit; write {trimmed}s or {trimmed}m"));
    }
    let span: jiff::SignedDuration = trimmed
        .parse()
        .or_else(|_| days(trimmed))
        .map_err(|_| format!("{text:?} is not a duration; write 30s, 15m, 2h or 1d"))?;
    Duration::try_from(span).map_err(|_| format!("{text:?} is negative"))
}

/// Parses a canary's waiting time, a duration of at most 30 days.
pub fn parse_wait(text: &str) -> Result<Duration, String> {
    let wait = parse_duration(text)?;
    if wait > Duration::from_secs(30 * 86_400) {
        Err(format!("{text:?} is longer than 30 days"))
    } else {
        Ok(wait)
    }
}

/// Parses whole days and weeks, because jiff accepts these units only in calendar spans.
fn days(text: &str) -> Result<jiff::SignedDuration, String> {
    if let Some(number) = text.strip_suffix('w') {
        let weeks: i64 = number.trim().parse().map_err(|_| String::new())?;
        return weeks
            .checked_mul(7 * 86_400)
            .map(jiff::SignedDuration::from_secs)
            .ok_or_else(String::new);
    }
    let number = text
        .strip_suffix("days")
        .or_else(|| text.strip_suffix("day"))
        .or_else(|| text.strip_suffix('d'))
        .unwrap_or("");
    let days: i64 = number.trim().parse().map_err(|_| String::new())?;
    days.checked_mul(86_400).map(jiff::SignedDuration::from_secs).ok_or_else(String::new)
}

/// A number of messages per time window: `50/s`, `3000/min`, `500/hour`, `100000/day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// The maximum number of messages in any sliding window of length `per`.
    pub count: NonZeroU32,
    /// The length of the window.
    pub per: Duration,
}

impl Rate {
    /// Whether this rate allows fewer messages on average than `other`.
    pub fn is_lower_than(&self, other: &Self) -> bool {
        u128::from(self.count.get()) * other.per.as_nanos()
            < u128::from(other.count.get()) * self.per.as_nanos()
    }

    /// The size of the largest batch that this rate allows at once, with at most `per_request`
    /// recipients in a request. Batches of this size divide the number per window almost evenly, so
    /// little of the rate is lost.
    pub fn lot(&self, per_request: u64) -> u64 {
        let count = u64::from(self.count.get());
        count / count.div_ceil(per_request.max(1))
    }

    /// The average number of messages per second.
    pub fn per_second(&self) -> f64 {
        f64::from(self.count.get()) / self.per.as_secs_f64()
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a rate; write 50/s, 3000/min, 500/hour or 100000/day");
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().replace('_', "").parse().map_err(|_| wrong())?;
        let per = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3_600,
            "d" | "day" => 86_400,
            _ => return Err(wrong()),
        };
        let count = NonZeroU32::new(count).ok_or_else(|| {
            format!(
                "{text:?} would never send; remove the key for no limit, or use `mailbatch pause`"
            )
        })?;
        Ok(Self { count, per: Duration::from_secs(per) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "min",
            3_600 => "hour",
            _ => "day",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// A share between 0 and 100 percent: `5%`, or `5pct` where `%` has a special meaning, as in a
/// crontab.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(f64);

impl Percent {
    /// Creates a share from a percentage between 0 and 100.
    pub fn new(percent: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then_some(Self(percent))
    }

    /// The share as a number between 0 and 1.
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// Returns this share of `n`, rounded up.
    pub fn of_rounded_up(self, n: u64) -> u64 {
        // Counts are far below 2^53, so the product is exact enough to round up.
        ((n as f64) * self.0 / 100.0 - 1e-9).ceil().max(0.0) as u64
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = strip_percent(text.trim())
            .ok_or_else(|| format!("{text:?} is not a percentage; write 5% or 5pct"))?;
        let percent: f64 = number
            .trim()
            .parse()
            .map_err(|_| format!("{text:?} is not a percentage; write 5% or 5pct"))?;
        Self::new(percent).ok_or_else(|| format!("{text:?} is not between 0% and 100%"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

fn strip_percent(text: &str) -> Option<&str> {
    text.strip_suffix('%').or_else(|| text.strip_suffix("pct"))
}

/// The size of a canary: a share of the sendable recipients, rounded up (`5%`), or a number of
/// recipients (`200`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CanarySize {
    Share(Percent),
    Count(u64),
}

impl CanarySize {
    /// The number of recipients in the canary, for this many sendable recipients. Never more than
    /// all of them.
    pub fn of(self, sendable: u64) -> u64 {
        match self {
            Self::Share(share) => share.of_rounded_up(sendable),
            Self::Count(count) => count.min(sendable),
        }
    }
}

impl FromStr for CanarySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = if strip_percent(text.trim()).is_some() {
            Self::Share(text.parse()?)
        } else {
            Self::Count(
                text.trim()
                    .parse()
                    .map_err(|_| format!("{text:?} is not a canary size; write 5%, 5pct or 200"))?,
            )
        };
        Ok(size)
    }
}

impl fmt::Display for CanarySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Count(count) => count.fmt(f),
        }
    }
}

/// An expected number of rows with a tolerance: `50000`, `50000±2%`, `50000+-2pct`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectCount {
    pub count: u64,
    pub tolerance: Percent,
}

impl ExpectCount {
    /// Whether the number of rows is within the tolerance.
    pub fn admits(&self, rows: u64) -> bool {
        (rows.abs_diff(self.count) as f64) <= (self.count as f64) * self.tolerance.fraction() + 1e-9
    }
}

impl FromStr for ExpectCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a count; write 50000, 50000±2% or 50000+-2pct");
        let (count, tolerance) =
            text.split_once('±').or_else(|| text.split_once("+-")).unwrap_or((text, "0%"));
        Ok(Self {
            count: count.trim().parse().map_err(|_| wrong())?,
            tolerance: tolerance.parse().map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for ExpectCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}±{}", self.count, self.tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_duration("2h 30m"), Ok(Duration::from_secs(9_000)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("2d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(parse_duration("8w"), Ok(Duration::from_secs(8 * 604_800)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_wait("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert!(parse_wait("31d").is_err() && parse_wait("15").is_err());
        assert!(parse_duration("15").unwrap_err().contains("no unit"));
        assert!(parse_duration("-3s").is_err());
        assert!(parse_duration("99999999999999999999d").is_err());
        assert!(parse_duration("").is_err());
    }

    #[test]
    fn rates_are_never_zero() {
        assert_eq!("50/s".parse::<Rate>().map(|r| r.to_string()), Ok("50/s".into()));
        assert_eq!("3000/min".parse::<Rate>().map(|r| r.per_second()), Ok(50.0));
        assert!("0/s".parse::<Rate>().unwrap_err().contains("never send"));
        for bad in ["50", "/s", "50/fortnight", "-1/s", "4294967296/s", ""] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn percentages_round_up() {
        let five: Percent = "5%".parse().expect("a percentage");
        assert_eq!(five, "5pct".parse().expect("a percentage"));
        assert_eq!(
            (five.of_rounded_up(1000), five.of_rounded_up(1001), five.of_rounded_up(0)),
            (50, 51, 0)
        );
        for bad in ["5", "101%", "-1%", "NaN%", "%"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
        assert_eq!("200".parse::<CanarySize>().map(|s| s.of(100)), Ok(100));
    }

    #[test]
    fn expected_counts_have_a_tolerance() {
        let expect: ExpectCount = "1000+-2pct".parse().expect("a count");
        assert!(expect.admits(980) && expect.admits(1020) && !expect.admits(979));
        assert!(!"1000".parse::<ExpectCount>().expect("a count").admits(999));
    }
}
