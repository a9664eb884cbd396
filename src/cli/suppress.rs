//! The command that keeps the list of those who must not be mailed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::values::{self, ExportFormat, Preset, Scope};
use crate::model::outcome::Reason;

/// Keep the list of those who must not be mailed
#[derive(Args, Clone, Debug)]
#[command(r#defer = super::help::with_help)]
pub struct SuppressArgs {
    /// Overlay [env.NAME] of the configuration
    #[arg(long, value_name = "NAME", global = true, env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,

    #[command(subcommand)]
    pub command: SuppressCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum SuppressCommand {
    Add(AddArgs),
    Remove(RemoveArgs),
    Check(EntryArgs),
    /// List every suppression in force
    List,
    Import(ImportArgs),
    Export(ExportArgs),
    Sync(SyncArgs),
    Diff(DiffArgs),
}

/// Suppress addresses, @domains or sha256: entries
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  mailbatch suppress add ann@example.com @example.org --reason complaint --note 'ticket 4711'"
)]
pub struct AddArgs {
    /// An address, @domain (without its subdomains) or sha256:HEX of the lowercased address
    #[arg(value_name = "ENTRY", required = true)]
    pub entries: Vec<String>,

    /// hard_bounce, complaint, unsubscribe or manual
    #[arg(long, value_name = "REASON", default_value = "manual", value_parser = values::suppression_reason)]
    pub reason: Reason,

    /// Which mail is stopped (default: by the reason; an unsubscribe stops marketing only)
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<Scope>,

    /// A few words for the person who looks it up
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,

    /// Until when: 2027-01-31 or 2027-01-31T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    pub expires: Option<Timestamp>,

    /// The suppression file to add to (default: the configuration's first)
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Take suppressions back; who did it is recorded
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// An address, @domain or sha256:HEX
    #[arg(value_name = "ENTRY", required = true)]
    pub entries: Vec<String>,
}

/// Say whether an address is suppressed: exit 0 if it is, 9 if not
#[derive(Args, Clone, Debug)]
pub struct EntryArgs {
    /// An address, @domain or sha256:HEX
    pub entry: String,
}

/// Add every entry of a file
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// A suppression file, or - for standard input
    pub file: PathBuf,

    /// The file is this service's export of addresses that it does not mail
    #[arg(long, value_name = "SERVICE", conflicts_with = "reason")]
    pub preset: Option<Preset>,

    /// For entries without a reason of their own: hard_bounce, complaint, unsubscribe or manual
    #[arg(long, value_name = "REASON", default_value = "manual", value_parser = values::suppression_reason)]
    pub reason: Reason,

    /// The column that holds the addresses, where several could be meant
    #[arg(long, value_name = "COLUMN", conflicts_with = "preset")]
    pub column: Option<String>,

    /// The file's character encoding, where it is not clear: utf-8, utf-16le, windows-1252
    #[arg(long, value_name = "LABEL", value_parser = values::encoding)]
    pub encoding: Option<&'static encoding_rs::Encoding>,

    /// What stands between its fields, where it is not clear: one character, or tab
    #[arg(long, value_name = "CHAR", value_parser = values::delimiter)]
    pub delimiter: Option<u8>,

    /// How many lines stand before its header
    #[arg(long, value_name = "N")]
    pub skip_lines: Option<u64>,
}

/// Write every suppression in force
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: ExportFormat,
}

/// Bring our suppressions and a provider's together; no entry is taken off either list
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  mailbatch suppress sync ses --pull --dry-run")]
pub struct SyncArgs {
    /// The provider's name under [providers]
    pub provider: String,

    /// Only add theirs to the first suppression file and the ledger
    #[arg(long)]
    pub pull: bool,

    /// Only add ours to theirs, as far as their API takes them
    #[arg(long)]
    pub push: bool,

    /// Change nothing, and say what would be
    #[arg(long)]
    pub dry_run: bool,
}

/// Print the entries that only one of the two lists has: ours, or the provider's
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The provider's name under [providers]
    pub provider: String,
}
