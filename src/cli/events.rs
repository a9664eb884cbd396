//! The commands about what comes back: bounces, complaints and the other events.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values;
use crate::model::event::EventKind;
use crate::model::literal::parse_wait;

/// Take in what comes back, and list it
#[derive(Args, Clone, Debug)]
#[command(r#defer = super::help::with_help)]
pub struct EventsArgs {
    /// Overlay [env.NAME] of the configuration
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

/// Read bounces and complaints out of mail; each counts once, however often it is read
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  mailbatch events ingest ~/Maildir\n  mailbatch events ingest --dry-run --json bounces.mbox\n  in an alias:  bounce: \"|mailbatch -q -C /srv/news events ingest -\""
)]
pub struct IngestArgs {
    /// Messages or providers' JSON exports: a file, a directory, a Maildir, an mbox, or - for
    /// standard input
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    /// Write nothing; print what each message says
    #[arg(long)]
    pub dry_run: bool,

    /// Suppress recipients unknown to the ledger too. Mail can be forged, so otherwise only
    /// recipients of this workspace are suppressed
    #[arg(long)]
    pub any_recipient: bool,
}

/// Read a provider's own log of events, from where the last poll ended; an event that a webhook
/// delivered counts once
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  mailbatch events poll gun\n  mailbatch events poll gun --since 3d --dry-run --json\n  in a crontab:  */10 * * * * mailbatch -q -C /srv/news events poll gun"
)]
pub struct PollArgs {
    /// The provider's name in the configuration
    #[arg(value_name = "PROVIDER")]
    pub provider: String,

    /// Begin so long ago, wherever the last poll ended; 24h where there has been none
    #[arg(long, value_name = "DURATION", value_parser = parse_wait)]
    pub since: Option<Duration>,

    /// Write nothing; print each event
    #[arg(long)]
    pub dry_run: bool,
}

/// List events, oldest first
#[derive(Args, Clone, Debug)]
pub struct EventListArgs {
    /// Only events about this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,

    /// Only this type: delivered, bounced, complained, ...
    #[arg(long = "type", value_name = "TYPE", value_parser = values::event_kind)]
    pub kind: Option<EventKind>,

    /// Only events about this address, in any case
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
}
