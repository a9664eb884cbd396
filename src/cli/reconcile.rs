//! The command that settles what is in doubt.

use clap::{Args, ValueEnum};

/// Resolve recipients whose outcome is unknown; sends nothing unless --replay
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch reconcile latest
  mailbatch reconcile latest --replay
  mailbatch reconcile 20261121-034500-k3f9 --assume not-taken ann@example.com")]
pub struct ReconcileArgs {
    /// The run
    pub run: String,

    /// Only these recipients, in any case; with --assume
    #[arg(value_name = "EMAIL", requires = "assume")]
    pub emails: Vec<String>,

    /// Send what is in doubt once more under the same idempotency key; this may hand over what was
    /// never taken
    #[arg(long)]
    pub replay: bool,

    /// Resolve all who are left, or each EMAIL, on your word, which is recorded
    #[arg(long, value_name = "VERDICT")]
    pub assume: Option<Assumed>,
}

/// A person's word about a recipient in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Assumed {
    /// Accepted: not sent again.
    Taken,
    /// Deferred: sent again by `retry`.
    NotTaken,
}
