//! The command that manages the suppression list.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::values::{self, ExportFormat, Preset, Scope};
use crate::model::outcome::Reason;

/// Manage the suppression list: addresses and domains that must not be mailed
#[derive(Args, Clone, Debug)]
#[command(r#defer = super::help::with_help)]
pub struct SuppressArgs {
    /// Also use the settings under [env.NAME] in the configuration
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
    /// List all suppressions in force
    List,
    Import(ImportArgs),
    Export(ExportArgs),
    Sync(SyncArgs),
    Diff(DiffArgs),
}

/// Suppress addresses, domains (@example.org) or hashed addresses (sha256:HEX)
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  mailbatch suppress add ann@example.com @example.org --reason complaint --note 'ticket 4711'"
)]
pub struct AddArgs {
    /// An address, @domain (without its subdomains) or sha256:HEX of the lowercased address
    #[arg(value_name = "ENTRY", required = true)]
    pub entries: Vec<String>,

    /// The reason: hard_bounce, complaint, unsubscribe or manual
    #[arg(long, value_name = "REASON", default_value = "manual", value_parser = values::suppression_reason)]
    pub reason: Reason,

    /// Which mail to stop (default: marketing for an unsubscribe, else all)
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<Scope>,

    /// A note to store with the entry
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,

    /// End the suppression at this time: 2027-01-31 or 2027-01-31T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    pub expires: Option<Timestamp>,

    /// The suppression file to add to (default: the first one of the configuration)
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// End suppressions; your user name is recorded
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// An address, @domain or sha256:HEX
    #[arg(value_name = "ENTRY", required = true)]
    pub entries: Vec<String>,
}

/// Check whether an address is suppressed: exit 0 if it is, 9 if not
#[derive(Args, Clone, Debug)]
pub struct EntryArgs {
    /// An address, @domain or sha256:HEX
    pub entry: String,
}

/// Add all entries of a file
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// A suppression file, or - for standard input
    pub file: PathBuf,

    /// The service whose suppression export the file is
    #[arg(long, value_name = "SERVICE", conflicts_with = "reason")]
    pub preset: Option<Preset>,

    /// The reason for entries without one: hard_bounce, complaint, unsubscribe or manual
    #[arg(long, value_name = "REASON", default_value = "manual", value_parser = values::suppression_reason)]
    pub reason: Reason,

    /// The column with the addresses, if mailbatch cannot detect it
    #[arg(long, value_name = "COLUMN", conflicts_with = "preset")]
    pub column: Option<String>,

    /// The file's character encoding, if detection is not certain: utf-8, utf-16le, windows-1252
    #[arg(long, value_name = "LABEL", value_parser = values::encoding)]
    pub encoding: Option<&'static encoding_rs::Encoding>,

    /// The file's delimiter, if detection is not certain: one character, or tab
    #[arg(long, value_name = "CHAR", value_parser = values::delimiter)]
    pub delimiter: Option<u8>,

    /// The number of lines before the file's header
    #[arg(long, value_name = "N")]
    pub skip_lines: Option<u64>,
}

/// Export all suppressions in force as CSV or NDJSON
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: ExportFormat,
}

/// Copy suppressions between this workspace and a provider, in both directions; entries are only
/// added, never removed
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  mailbatch suppress sync ses --pull --dry-run")]
pub struct SyncArgs {
    /// The provider's name under [providers]
    pub provider: String,

    /// Only copy the provider's suppressions to the first suppression file and the ledger
    #[arg(long)]
    pub pull: bool,

    /// Only copy suppressions of this workspace to the provider, as far as its API accepts them
    #[arg(long)]
    pub push: bool,

    /// Change nothing; print what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// Print the suppressions that only this workspace or only the provider has
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The provider's name under [providers]
    pub provider: String,
}
