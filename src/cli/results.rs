//! The commands that read what happened: status, wait, runs, report, why.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::values::{self, ReportFormat};
use crate::model::literal::parse_duration;
use crate::model::outcome::Outcome;

/// Show where a run stands: its state and cause, who was handed over, in doubt or not sent, and
/// what to do
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The run; the newest if left out
    pub run: Option<String>,

    /// List every run that is not finished, and the pauses in force; exit 1 where there is such a
    /// run, else 0
    #[arg(long, conflicts_with_all = ["run", "follow"])]
    pub open: bool,

    /// Show it again whenever it changes, until the run ends
    #[arg(long)]
    pub follow: bool,
}

/// Wait until a run ends and leave with its exit code
#[derive(Args, Clone, Debug)]
pub struct WaitArgs {
    /// The run
    pub run: String,

    /// Give up after this long, with exit 10
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
}

/// List runs, show one, or remove one
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, r#defer = super::help::with_help)]
pub struct RunsArgs {
    /// `None` lists them.
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum RunsCommand {
    /// List every run, newest first (the default)
    List,
    /// Show one run
    Show {
        /// The run
        run: String,
    },
    /// Remove a run's rows; recipients it reached are still not mailed twice
    Rm {
        /// The run
        run: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
}

/// Write what became of each recipient of a run
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch report 20261121-034500-k3f9 --format csv --outcome rejected,unknown -o trouble.csv
  mailbatch report --since 24h --domain yahoo.com --outcome rejected
  mailbatch report --trend 8w")]
pub struct ReportArgs {
    /// The runs to report (with --since: all if omitted)
    #[arg(value_name = "RUN", required_unless_present_any = ["trend", "since"])]
    pub runs: Vec<String>,

    /// Refusals, bounces, complaints and unsubscribes of all runs by week, provider and receiving
    /// domain, over the last TIME: 8w
    #[arg(long, value_name = "TIME", value_parser = values::weeks, conflicts_with_all = ["runs", "since", "outcome", "spreadsheet_safe"])]
    pub trend: Option<u32>,

    /// The report's format (default: by the suffix of -o, else table)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,

    /// Only these outcomes, such as rejected,unknown
    #[arg(long, value_name = "OUTCOMES", value_delimiter = ',')]
    pub outcome: Vec<Outcome>,

    /// Only recipients at these receiving domains
    #[arg(long, value_name = "DOMAINS", value_delimiter = ',', value_parser = values::domain)]
    pub domain: Vec<String>,

    /// Only recipients last attempted since this time: 24h, 2027-01-31
    #[arg(long, value_name = "TIME", value_parser = values::since)]
    pub since: Option<Timestamp>,

    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Put ' before cells that a spreadsheet would run as a formula
    #[arg(long)]
    pub spreadsheet_safe: bool,
}

/// Show one person over all runs: what was sent, the outcomes, bounces and complaints,
/// suppressions; newest first
#[derive(Args, Clone, Debug)]
pub struct WhoArgs {
    /// The address, in any case
    pub email: String,
}

/// Show every decision taken about one recipient, oldest first
#[derive(Args, Clone, Debug)]
pub struct WhyArgs {
    /// The run
    pub run: String,

    /// The recipient's address, in any case
    pub email: String,
}
