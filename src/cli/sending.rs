//! The commands that read a list or send: send, check, preview, resume, retry. Flags that several
//! of them accept are in separate structs.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{self, ListFormat, OnCap, OnUnknown, ProgressMode, Then};
use crate::model::address::{Address, Dedupe};
use crate::model::literal::{CanarySize, ExpectCount, Percent, Rate, parse_duration, parse_wait};
use crate::model::outcome::Outcome;

/// Check a list and send to it; repeat the same command to continue an interrupted run
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch send list.csv --dry-run
  mailbatch send list.csv --canary 5% --then ask
  mailbatch send week.csv --campaign 'news-{week}' --yes --progress json")]
pub struct SendArgs {
    #[command(flatten)]
    pub list: ListArgs,
    #[command(flatten)]
    pub message: MessageArgs,
    #[command(flatten)]
    pub target: TargetArgs,

    /// Send to a small part first, judge the result, then send the rest: 5%, 5pct, or a number
    #[arg(long, value_name = "SIZE", env = "MAILBATCH_CANARY", hide_env_values = true)]
    pub canary: Option<CanarySize>,

    /// Check and plan everything and show what a send would do, without sending
    #[arg(long, conflicts_with = "listen")]
    pub dry_run: bool,

    /// Send to at most N recipients; hold the others
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// Send a changed message under the same campaign
    #[arg(long)]
    pub accept_changes: bool,

    /// Send even if most recipients got this message under another campaign
    #[arg(long)]
    pub again: bool,

    /// Send every message to this address instead of its recipient
    #[arg(long, value_name = "ADDRESS", value_parser = values::address, env = "MAILBATCH_REDIRECT_ALL_TO", hide_env_values = true)]
    pub redirect_all_to: Option<Address>,

    /// Use the provider's own sandbox or test mode, so that no recipient gets mail; refused if the
    /// provider has none
    #[arg(long)]
    pub provider_sandbox: bool,

    /// Use when the ledger is lost: rebuild it from the reports of earlier runs, so that their
    /// recipients are not mailed again
    #[arg(long, conflicts_with = "dry_run")]
    pub ledger_lost: bool,

    /// Exit 9 if there is no recipient to send to
    #[arg(long)]
    pub error_on_empty: bool,

    #[command(flatten)]
    pub sending: SendingArgs,
}

/// Find everything that `send` would refuse, without sending; write bad rows to LIST.rejected.csv
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  mailbatch check list.csv --message welcome.md")]
pub struct CheckArgs {
    #[command(flatten)]
    pub list: ListArgs,
    #[command(flatten)]
    pub message: MessageArgs,
    #[command(flatten)]
    pub target: TargetArgs,

    /// Allow From, links and unsubscribe URLs under reserved names such as example.com
    #[arg(long)]
    pub allow_example: bool,

    /// Allow marketing mail without a per-recipient unsubscribe link
    #[arg(long)]
    pub allow_no_unsubscribe: bool,

    /// Write the bad rows of all lists to FILE (default: LIST.rejected.csv next to each list)
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,

    /// Put ' before cells that a spreadsheet would run as a formula
    #[arg(long)]
    pub spreadsheet_safe: bool,
}

/// Show the message as a recipient gets it
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch preview list.csv --row 12
  mailbatch preview list.csv --sample 5 --out previews")]
pub struct PreviewArgs {
    /// The list, or - for standard input
    #[arg(value_name = "LIST")]
    pub list: PathBuf,

    /// Show the recipient in row N, counted from 1 (default: the first row whose message renders)
    #[arg(long, value_name = "N", group = "who", value_parser = clap::value_parser!(u64).range(1..))]
    pub row: Option<u64>,

    /// Show the recipient with this address (--email-column names the column)
    #[arg(long, value_name = "ADDRESS", group = "who", value_parser = values::recipient)]
    pub email: Option<Address>,

    /// Show N recipients, spread evenly over the list
    #[arg(long, value_name = "N", group = "who", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: Option<u64>,

    /// Show the recipient with the longest message
    #[arg(long, group = "who")]
    pub worst: bool,

    /// Open the message in the system's program for .eml files
    #[arg(long, conflicts_with = "out")]
    pub open: bool,

    /// Write .eml files into DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// The column with the address
    #[arg(long, value_name = "COLUMN", env = "MAILBATCH_EMAIL", hide_env_values = true)]
    pub email_column: Option<String>,

    /// Which addresses count as the same recipient: ci (ignoring case), exact, off
    #[arg(
        long,
        value_name = "HOW",
        default_value = "ci",
        env = "MAILBATCH_DEDUPE",
        hide_env_values = true
    )]
    pub dedupe: Dedupe,

    /// Another suppression file, in addition to those of the configuration (repeatable)
    #[arg(long, value_name = "FILE")]
    pub suppress: Vec<PathBuf>,

    /// Exit 9 if `send` would mail none of the recipients shown
    #[arg(long)]
    pub error_on_empty: bool,

    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub message: MessageArgs,
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Continue a run from the ledger alone, without reading its list again
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch resume
  mailbatch resume --continue      send the rest after a failed or waiting canary")]
pub struct ResumeArgs {
    /// The run's id (default: the newest unfinished run)
    pub run: Option<String>,

    /// Send the rest although the canary failed or waits for a decision
    #[arg(long = "continue", conflicts_with = "abandon")]
    pub go_on: bool,

    /// Close the run without sending the rest; those recipients keep the outcome `held`
    #[arg(long, conflicts_with_all = ["as_planned", "accept_changes"])]
    pub abandon: bool,

    #[command(flatten)]
    pub changes: ChangesArgs,

    #[command(flatten)]
    pub sending: SendingArgs,
}

/// What to do when message, list, suppression files or provider have changed since the run was
/// planned. By default the run stops with exit 14.
#[derive(Args, Clone, Copy, Debug)]
pub struct ChangesArgs {
    /// Continue with the message and rows as planned; ignore changed files
    #[arg(long, conflicts_with = "accept_changes")]
    pub as_planned: bool,

    /// Plan the remaining recipients again, with the current message, list and configuration
    #[arg(long)]
    pub accept_changes: bool,
}

/// Send again to the deferred recipients of a run
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  mailbatch retry 20261121-034500-k3f9 --only deferred,held")]
pub struct RetryArgs {
    /// The run's id, or `latest`
    pub run: String,

    /// Which outcomes to send again: rejected, deferred, held
    #[arg(long, value_name = "OUTCOMES", value_delimiter = ',', default_value = "deferred", value_parser = retryable)]
    pub only: Vec<Outcome>,

    #[command(flatten)]
    pub changes: ChangesArgs,

    #[command(flatten)]
    pub sending: SendingArgs,
}

/// One or more lists, and how their rows are read and screened.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// The lists: CSV, TSV, JSON or NDJSON; plain, gzip or zstd; - for standard input
    #[arg(value_name = "LIST", required = true)]
    pub lists: Vec<PathBuf>,

    /// The column with the address
    #[arg(
        long = "email-column",
        value_name = "COLUMN",
        visible_alias = "email",
        env = "MAILBATCH_EMAIL",
        hide_env_values = true
    )]
    pub email: Option<String>,

    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub screening: ScreeningArgs,
}

impl ListArgs {
    /// The lists and suppression files.
    pub(crate) fn reads(&self) -> Vec<PathBuf> {
        self.lists.iter().chain(&self.screening.suppress).cloned().collect()
    }
}

/// Options for reading the rows of a list.
#[derive(Args, Clone, Debug)]
pub struct ReadingArgs {
    /// The list's format, if its name and content do not show it
    #[arg(long, value_name = "FORMAT", env = "MAILBATCH_FORMAT", hide_env_values = true)]
    pub format: Option<ListFormat>,

    /// The list's character encoding, if detection is not certain: utf-8, utf-16le, windows-1252
    #[arg(long, value_name = "LABEL", value_parser = values::encoding, env = "MAILBATCH_ENCODING", hide_env_values = true)]
    pub encoding: Option<&'static encoding_rs::Encoding>,

    /// The delimiter of a CSV list, if detection is not certain: one character, or tab
    #[arg(long, value_name = "CHAR", value_parser = values::delimiter, env = "MAILBATCH_DELIMITER", hide_env_values = true)]
    pub delimiter: Option<u8>,

    /// The number of lines before the header of a CSV list
    #[arg(long, value_name = "N", env = "MAILBATCH_SKIP_LINES", hide_env_values = true)]
    pub skip_lines: Option<u64>,

    /// Only rows that match this expression, such as "country == 'FI'"
    #[arg(long = "where", value_name = "EXPR")]
    pub filter: Option<String>,
}

/// Options that decide which rows of a list may be mailed, and when the whole list is refused.
#[derive(Args, Clone, Debug)]
pub struct ScreeningArgs {
    /// Which addresses count as the same recipient: ci (ignoring case), exact, off
    #[arg(
        long,
        value_name = "HOW",
        default_value = "ci",
        env = "MAILBATCH_DEDUPE",
        hide_env_values = true
    )]
    pub dedupe: Dedupe,

    /// Refuse the list if more than this share of rows is invalid; rows without an address
    /// count only if the list seems damaged (see `mailbatch help lists`)
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "5%",
        env = "MAILBATCH_MAX_INVALID",
        hide_env_values = true
    )]
    pub max_invalid: Percent,

    /// Refuse the list if more than this share of rows has an empty address
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "100%",
        env = "MAILBATCH_MAX_EMPTY",
        hide_env_values = true
    )]
    pub max_empty: Percent,

    /// Skip rows whose message cannot be rendered, instead of refusing the list
    #[arg(long)]
    pub skip_unrendered: bool,

    /// Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct
    #[arg(long, value_name = "N", env = "MAILBATCH_EXPECT_COUNT", hide_env_values = true)]
    pub expect_count: Option<ExpectCount>,

    /// Another suppression file, in addition to those of the configuration (repeatable)
    #[arg(long, value_name = "FILE")]
    pub suppress: Vec<PathBuf>,
}

/// The message, and flags that override its front matter.
#[derive(Args, Clone, Debug, Default)]
pub struct MessageArgs {
    /// The message file: .md, .html, .mjml or .txt
    #[arg(long, value_name = "FILE", env = "MAILBATCH_MESSAGE", hide_env_values = true)]
    pub message: Option<PathBuf>,

    /// The From header
    #[arg(long, value_name = "MAILBOX", env = "MAILBATCH_FROM", hide_env_values = true)]
    pub from: Option<String>,

    /// The subject (a template)
    #[arg(long, value_name = "TEXT", env = "MAILBATCH_SUBJECT", hide_env_values = true)]
    pub subject: Option<String>,
}

/// Options for the campaign, the environment and the provider.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetArgs {
    /// The campaign's name; {date}, {week} and {month} are replaced
    #[arg(long, value_name = "NAME", env = "MAILBATCH_CAMPAIGN", hide_env_values = true)]
    pub campaign: Option<String>,

    /// Also use the settings under [env.NAME] in the configuration
    #[arg(long, value_name = "NAME", env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,

    /// The provider's name under [providers]
    #[arg(long, value_name = "NAME", env = "MAILBATCH_PROVIDER", hide_env_values = true)]
    pub provider: Option<String>,
}

/// The flags of send, resume and retry: speed, progress, report and exit code.
#[derive(Args, Clone, Debug)]
pub struct SendingArgs {
    /// What to do after the canary passes (default: ask on a terminal, continue elsewhere)
    #[arg(long, value_name = "WHAT", env = "MAILBATCH_THEN", hide_env_values = true)]
    pub then: Option<Then>,

    /// How long to wait for bounces and complaints about the canary before sending the rest
    /// (default: 15m if the provider reports bounces)
    #[arg(long, value_name = "TIME", value_parser = parse_wait, env = "MAILBATCH_CANARY_WAIT", hide_env_values = true)]
    pub canary_wait: Option<Duration>,

    /// Add recipients to a canary without a clear result, up to this share or number (25%)
    #[arg(long, value_name = "SIZE", num_args = 0..=1, require_equals = true, default_missing_value = "25%")]
    pub canary_extend: Option<CanarySize>,

    /// Receive events and unsubscribes over HTTP during the run, as `listen` does
    #[arg(long)]
    pub listen: bool,

    /// Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour
    #[arg(long, value_name = "RATE", env = "MAILBATCH_RATE", hide_env_values = true)]
    pub rate: Option<Rate>,

    /// What to do when an hourly or daily cap is reached
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "stop",
        env = "MAILBATCH_ON_CAP",
        hide_env_values = true
    )]
    pub on_cap: OnCap,

    /// What to do with recipients whose outcome is unknown after an earlier attempt
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub on_unknown: OnUnknown,

    /// Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md
    /// (repeatable)
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,

    /// How to show progress
    #[arg(
        long,
        value_name = "HOW",
        default_value = "auto",
        env = "MAILBATCH_PROGRESS",
        hide_env_values = true
    )]
    pub progress: ProgressMode,

    /// How often to write a plain progress line
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration, env = "MAILBATCH_STATS", hide_env_values = true)]
    pub stats: Duration,

    /// Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed
    #[arg(long, value_name = "OUTCOMES", value_delimiter = ',')]
    pub fail_on: Vec<Outcome>,

    /// Treat these outcomes, and only these, as failures in the exit code and in CI reports
    /// (default: rejected, deferred, unknown, held)
    #[arg(long, value_name = "OUTCOMES", value_delimiter = ',')]
    pub error_on: Vec<Outcome>,

    /// Tolerate rejections of up to this share of the attempted recipients; more give exit 3
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0%",
        env = "MAILBATCH_FAIL_OVER",
        hide_env_values = true
    )]
    pub fail_over: Percent,

    /// Allow From, links and unsubscribe URLs under reserved names such as example.com
    #[arg(long)]
    pub allow_example: bool,

    /// Allow marketing mail without a per-recipient unsubscribe link
    #[arg(long)]
    pub allow_no_unsubscribe: bool,

    /// In CSV reports, put ' before cells that a spreadsheet would run as a formula
    #[arg(long)]
    pub spreadsheet_safe: bool,

    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,

    /// Wait this long for another run of the campaign to end (default: exit 11 at once)
    #[arg(long, value_name = "TIME", value_parser = parse_duration, env = "MAILBATCH_WAIT_LOCK", hide_env_values = true)]
    pub wait_lock: Option<Duration>,

    /// Do not add hard bounces or the provider's suppressions to the suppression list
    #[arg(long)]
    pub no_learn: bool,
}

/// Parses an outcome that `retry` accepts.
fn retryable(text: &str) -> Result<Outcome, String> {
    const ALLOWED: [Outcome; 3] = [Outcome::Rejected, Outcome::Deferred, Outcome::Held];
    ALLOWED
        .into_iter()
        .find(|o| o.as_str() == text)
        .ok_or_else(|| "expected one of: rejected, deferred, held".to_owned())
}
