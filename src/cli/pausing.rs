//! The commands that stop sending and allow it again: pause, unpause.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::model::literal::parse_duration;
use crate::model::outcome::Kind;

/// Stop all runs in this workspace, or those selected by a flag, until `unpause` (exit 12)
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch pause --reason 'wrong price' --wait
  mailbatch pause --campaign spring
  mailbatch pause --kind marketing --for 2h        transactional mail continues
  mailbatch pause --provider bird                  the next provider of the route takes over")]
pub struct PauseArgs {
    #[command(flatten)]
    pub scope: PauseScopeArgs,

    /// The reason, shown by every command that the pause stops
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,

    /// End the pause automatically after this time: 30m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub lasts: Option<Duration>,

    /// Wait until the affected runs have stopped, then print the recipients' outcomes
    #[arg(long)]
    pub wait: bool,

    /// Stop waiting after this time with exit 10; the pause remains
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "wait")]
    pub timeout: Option<Duration>,
}

/// End a pause; select it with the same flag as in `pause`
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  mailbatch unpause --campaign spring")]
pub struct UnpauseArgs {
    #[command(flatten)]
    pub scope: PauseScopeArgs,
}

/// What a pause applies to: all mail, unless one of these flags is given.
#[derive(Args, Clone, Debug, Default)]
#[group(multiple = false)]
pub struct PauseScopeArgs {
    /// Only runs of this campaign, current and future; {date}, {week} and {month} are replaced
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,

    /// Only mail of this kind: marketing, transactional
    #[arg(long, value_name = "KIND", value_parser = values::kind)]
    pub kind: Option<Kind>,

    /// Only mail through this provider (its name under [providers])
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
}
