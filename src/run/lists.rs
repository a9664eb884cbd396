//! Helpers for the commands that read lists: reading options, thresholds for refusal, and notes.

use std::path::PathBuf;

use crate::cli::{ListFormat, ReadingArgs, ScreeningArgs};
use crate::input::{Format, ReadOptions, Source};
use crate::model::error::{Error, Result};
use crate::plan::{Judgement, Lists, Survey};
use crate::run::context::Context;

/// The thresholds for refusing the lists, from the command line.
pub(crate) fn judgement(screening: &ScreeningArgs) -> Judgement<'_> {
    let ScreeningArgs { max_invalid, max_empty, skip_unrendered, expect_count, .. } = screening;
    Judgement {
        max_invalid: *max_invalid,
        max_empty: *max_empty,
        expect: expect_count.as_ref(),
        skip_unrendered: *skip_unrendered,
    }
}

/// The lists from the command line, with their reading options.
pub(crate) fn lists(
    context: &Context,
    lists: &[PathBuf],
    reading: &ReadingArgs,
    email: Option<String>,
) -> Lists {
    let settings = &context.settings;
    let email = email.or_else(|| settings.list.email.clone());
    let format = reading.format.map(|format| match format {
        ListFormat::Csv => Format::Csv,
        ListFormat::Tsv => Format::Tsv,
        ListFormat::Json => Format::Json,
        ListFormat::Ndjson => Format::Ndjson,
    });
    let options = ReadOptions {
        format: format.or(settings.list.format),
        encoding: reading
            .encoding
            .map(|encoding| encoding.name().to_owned())
            .or_else(|| settings.list.encoding.clone()),
        delimiter: reading.delimiter.or(settings.list.delimiter),
        skip_lines: reading.skip_lines.or(settings.list.skip_lines),
        email: email.clone(),
        accept_guess: false,
    };
    Lists::new(
        lists,
        |path| settings.workspace.path_from_arguments(path),
        options,
        email,
        settings.list.id.clone(),
    )
}

/// Asks the operator to confirm lists whose encoding is only guessed. Returns false if there is
/// nothing to confirm. An answer of no refuses the list.
pub(crate) fn agreed_to_guesses(context: &Context, lists: &Lists) -> Result<bool> {
    let options = ReadOptions { accept_guess: true, ..lists.options.clone() };
    let mut agreed = false;
    for (source, name) in
        lists.sources.iter().filter(|(source, _)| matches!(source, Source::Path(_)))
    {
        let reader = Lists::open(source, name, &options)?;
        let Some(guess) = reader.guess() else { continue };
        if !context.ask(&format!(
            "{name} {}\nis the text right, and may it be mailed like this?",
            guess.message()
        )) {
            return Err(Error::refused(format!("{name}: the encoding of the list is not known"))
                .hint(guess.hint()));
        }
        agreed = true;
    }
    Ok(agreed)
}

/// Warns about the lists that add no recipient, even under `-q`, because a cron job with an empty
/// export succeeds and sends nothing.
pub(crate) fn say_without_rows(context: &Context, survey: &Survey) {
    survey.without_rows().iter().for_each(|line| context.warn(line));
}

/// Warns about the lists that add no recipient. Under `-q`, which hides the other notes, also
/// prints the notes that affect which recipients are mailed.
pub(crate) fn say_decisive(context: &Context, survey: &Survey) {
    say_without_rows(context, survey);
    if context.globals.quiet {
        survey.decisive().iter().for_each(|line| context.warn(line));
    }
}

/// Returns the notes from reading the lists.
pub(crate) fn survey_notes(survey: &Survey) -> Vec<String> {
    let guessed = survey.guesses.iter().map(|(list, guess)| {
        format!("{list} is read as {}, a guess that was agreed to", guess.label())
    });
    let mut notes: Vec<String> = guessed.collect();
    notes.extend(survey.findings.iter().map(ToString::to_string));
    notes.extend(survey.trimmed_note());
    notes.extend(survey.defects().iter().map(ToString::to_string));
    notes.extend(survey.with_another());
    notes.extend(survey.no_dot_note());
    if survey.always_missing > 0 {
        notes.push(format!(
            "{} addresses under canary.always are not in the list and are not mailed",
            survey.always_missing
        ));
    }
    notes
}
