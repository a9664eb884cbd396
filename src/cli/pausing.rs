//! The commands that stop sending and let it go on: pause, unpause.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::model::literal::parse_duration;
use crate::model::outcome::Kind;

/// Stop every run in this workspace, or those that a flag names, until `unpause` (exit 12)
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch pause --reason 'wrong price' --wait
  mailbatch pause --campaign spring
  mailbatch pause --kind marketing --for 2h        transactional mail goes on
  mailbatch pause --provider bird                  the next provider of the route takes over")]
pub struct PauseArgs {
    #[command(flatten)]
    pub scope: PauseScopeArgs,

    /// The reason, which is shown wherever the pause stops something
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,

    /// End the pause by itself after this time: 30m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub lasts: Option<Duration>,

    /// Wait until nothing that is paused is under way, and print what became of it
    #[arg(long)]
    pub wait: bool,

    /// Wait no longer than this, then exit 10; the pause stays
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "wait")]
    pub timeout: Option<Duration>,
}

/// Let send again what `pause` stopped; give the same flag
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  mailbatch unpause --campaign spring")]
pub struct UnpauseArgs {
    #[command(flatten)]
    pub scope: PauseScopeArgs,
}

/// What is stopped: everything, unless one of these flags is given.
#[derive(Args, Clone, Debug, Default)]
#[group(multiple = false)]
pub struct PauseScopeArgs {
    /// Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month}
    /// are filled in
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,

    /// Only mail of this kind: marketing, transactional
    #[arg(long, value_name = "KIND", value_parser = values::kind)]
    pub kind: Option<Kind>,

    /// Only mail through this provider (its name under [providers])
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
}
