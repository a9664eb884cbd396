//! Campaign names that contain a date, as nightly jobs use them. Fills in the date, and recognizes
//! the same name with other dates.

use jiff::Zoned;

use super::spelling::cleaned;

use crate::ledger::{Ledger, RunState};
use crate::model::error::Result;
use crate::model::outcome::Outcome;
use crate::run::context::Context;

/// The date placeholders, each with an example of the form of its value, in which `0` means any
/// digit.
const SIGNS: [(&str, &str); 3] =
    [("{date}", "0000-00-00"), ("{week}", "0000-W00"), ("{month}", "0000-00")];

/// Fills in the date of `now`, in its time zone.
pub(crate) fn filled(typed: &str, now: &Zoned) -> String {
    let week = now.date().iso_week_date();
    typed
        .replace("{date}", &now.strftime("%Y-%m-%d").to_string())
        .replace("{week}", &format!("{}-W{:02}", week.year(), week.week()))
        .replace("{month}", &now.strftime("%Y-%m").to_string())
}

/// Whether the name contains a date placeholder.
pub(crate) fn is_dated(typed: &str) -> bool {
    SIGNS.iter().any(|(sign, _)| typed.contains(sign))
}

/// Whether `name` is the typed name with any date filled in.
pub(crate) fn gives(typed: &str, name: &str) -> bool {
    let mut form = typed.to_owned();
    // A `0` in the typed name is not a placeholder, so it is first replaced by a character that no
    // name contains.
    form = form.chars().map(|c| if c == '0' { '\0' } else { c }).collect();
    for (sign, date) in SIGNS {
        form = form.replace(sign, date);
    }
    let is_alike = |(wanted, found): (char, char)| match wanted {
        '0' => found.is_ascii_digit(),
        '\0' => found == '0',
        other => found == other,
    };
    form.chars().count() == name.chars().count() && form.chars().zip(name.chars()).all(is_alike)
}

/// Warns about unfinished runs of the same name with other dates, even under `-q`. A job that
/// starts a new campaign each night never continues them. `campaign` is the campaign that starts
/// now.
pub(crate) async fn name_unfinished(
    context: &Context,
    ledger: &dyn Ledger,
    typed: Option<&str>,
    campaign: &str,
) -> Result<()> {
    const MOST: usize = 3;
    let Some(typed) = typed.map(cleaned).filter(|typed| is_dated(typed)) else { return Ok(()) };
    let mut runs = ledger.runs().await?;
    runs.retain(|run| {
        let is_other = run.head.campaign != campaign
            && run.head.env.as_deref() == context.settings.env.as_deref();
        is_other && run.state == RunState::Open && gives(&typed, &run.head.campaign)
    });
    for run in runs.iter().take(MOST) {
        let tally = ledger.standing(&run.id).await?.tally;
        let counts = [
            (tally.open, "open"),
            (tally.get(Outcome::Held), "held"),
            (tally.get(Outcome::Deferred), "deferred"),
        ];
        let left: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let next = context.command(&format!("mailbatch resume {}", run.id));
        context.warn(&format!(
            "warning: {} is unfinished ({}): `{next}` goes on with it",
            run.head.name(),
            left.join(", ")
        ));
    }
    if runs.len() > MOST {
        context.warn(&format!(
            "warning: {} more runs of {typed} are unfinished; `mailbatch runs` lists them",
            runs.len() - MOST
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_on_another_day() {
        for (typed, name) in [
            ("news-{date}", "news-2026-11-28"),
            ("{week} digest", "2026-W01 digest"),
            ("bill-{month}-v10", "bill-2025-12-v10"),
            ("{date}-{week}-{month}", "2026-11-21-2026-W47-2026-11"),
        ] {
            assert!(gives(typed, name), "{typed} {name}");
        }
        for (typed, name) in [
            ("news-{date}", "news-2026-11"),
            ("news-{date}", "news-2026-11-28-again"),
            ("news-{date}", "other-2026-11-28"),
            ("news-{month}", "news-2026-11-28"),
            ("bill-{month}-v10", "bill-2025-12-v11"),
            ("bill-{month}-v10", "bill-2025-12-v17"),
            ("v0-{month}", "v1-2026-11"),
            ("news", "news-2026-11-28"),
        ] {
            assert!(!gives(typed, name), "{typed} {name}");
        }
    }
}
