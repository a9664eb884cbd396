//! The command that resolves recipients whose outcome is unknown.

use clap::{Args, ValueEnum};

/// Resolve recipients whose outcome is unknown; sends nothing unless --replay
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch reconcile latest
  mailbatch reconcile latest --replay
  mailbatch reconcile 20261121-034500-k3f9 --assume not-taken ann@example.com")]
pub struct ReconcileArgs {
    /// The run's id, or `latest`
    pub run: String,

    /// Only these recipients (case-insensitive); requires --assume
    #[arg(value_name = "EMAIL", requires = "assume")]
    pub emails: Vec<String>,

    /// Repeat requests whose outcome is unknown, with the same idempotency key; recipients that the
    /// provider had not accepted then get the message
    #[arg(long)]
    pub replay: bool,

    /// Set the outcome of all remaining recipients, or of each EMAIL; the decision is recorded
    #[arg(long, value_name = "VERDICT")]
    pub assume: Option<Assumed>,
}

/// The operator's decision about a recipient whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Assumed {
    /// Accepted: not sent again.
    Taken,
    /// Deferred: sent again by `retry`.
    NotTaken,
}
