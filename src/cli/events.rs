//! The commands that read feedback about sent mail: bounces, complaints and other events.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values;
use crate::model::event::EventKind;
use crate::model::literal::parse_wait;

/// Read feedback about sent mail (bounces, complaints, ...) and list it
#[derive(Args, Clone, Debug)]
#[command(r#defer = super::help::with_help)]
pub struct EventsArgs {
    /// Also use the settings under [env.NAME] in the configuration
    #[arg(long, value_name = "NAME", global = true, env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,

    #[command(subcommand)]
    pub command: EventsCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum EventsCommand {
    Ingest(IngestArgs),
    Poll(PollArgs),
    List(EventListArgs),
}

/// Read bounces and complaints from mail files; a message that is read twice counts once
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  mailbatch events ingest ~/Maildir\n  mailbatch events ingest --dry-run --json bounces.mbox\n  in an alias:  bounce: \"|mailbatch -q -C /srv/news events ingest -\""
)]
pub struct IngestArgs {
    /// Messages or exported provider events (JSON): a file, a directory, a Maildir, an mbox, or -
    /// for standard input
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    /// Record nothing; print the events found in each message
    #[arg(long)]
    pub dry_run: bool,

    /// Also suppress recipients that the ledger does not know. By default only recipients of this
    /// workspace are suppressed, because mail can be forged
    #[arg(long)]
    pub any_recipient: bool,
}

/// Read new events from a provider's event log; events already received by webhook count once
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  mailbatch events poll gun\n  mailbatch events poll gun --since 3d --dry-run --json\n  in a crontab:  */10 * * * * mailbatch -q -C /srv/news events poll gun"
)]
pub struct PollArgs {
    /// The provider's name under [providers]
    #[arg(value_name = "PROVIDER")]
    pub provider: String,

    /// Start this long ago instead of at the end of the last poll (default for the first poll: 24h)
    #[arg(long, value_name = "DURATION", value_parser = parse_wait)]
    pub since: Option<Duration>,

    /// Record nothing; print each event
    #[arg(long)]
    pub dry_run: bool,
}

/// List events, oldest first
#[derive(Args, Clone, Debug)]
pub struct EventListArgs {
    /// Only events about this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,

    /// Only events of this type: delivered, bounced, complained, ...
    #[arg(long = "type", value_name = "TYPE", value_parser = values::event_kind)]
    pub kind: Option<EventKind>,

    /// Only events about this address (case-insensitive)
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
}
