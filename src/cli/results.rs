//! The commands that show results: status, wait, runs, report, who, why.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::values::{self, ReportFormat};
use crate::model::literal::parse_duration;
use crate::model::outcome::Outcome;

/// Show the state of a run: its progress, why it stopped, outcomes so far, and what to do next
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The run's id (default: the newest run)
    pub run: Option<String>,

    /// List unfinished runs and the pauses in force; exit 1 if any run is unfinished, else 0
    #[arg(long, conflicts_with_all = ["run", "follow"])]
    pub open: bool,

    /// Print the state again at each change, until the run ends
    #[arg(long)]
    pub follow: bool,
}

/// Wait until a run ends, then exit with its exit code
#[derive(Args, Clone, Debug)]
pub struct WaitArgs {
    /// The run's id, or `latest`
    pub run: String,

    /// Stop waiting after this time, with exit 10
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
}

/// List runs, show one, or remove one
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, r#defer = super::help::with_help)]
pub struct RunsArgs {
    /// `None` for `runs` without a subcommand, which means `list`.
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum RunsCommand {
    /// List every run, newest first (the default)
    List,
    /// Show one run
    Show {
        /// The run's id, or `latest`
        run: String,
    },
    /// Remove a run's rows; recipients whose mail was accepted are remembered, so later runs of the
    /// campaign do not mail them again
    Rm {
        /// The run's id, or `latest`
        run: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
}

/// Write a report: the outcome of each recipient of a run
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailbatch report 20261121-034500-k3f9 --format csv --outcome rejected,unknown -o trouble.csv
  mailbatch report --since 24h --domain yahoo.com --outcome rejected
  mailbatch report --trend 8w")]
pub struct ReportArgs {
    /// The runs to report (with --since: all runs by default)
    #[arg(value_name = "RUN", required_unless_present_any = ["trend", "since"])]
    pub runs: Vec<String>,

    /// Show rejections, bounces, complaints and unsubscribes of all runs by week, provider and
    /// receiving domain, over this time: 8w
    #[arg(long, value_name = "TIME", value_parser = values::weeks, conflicts_with_all = ["runs", "since", "outcome", "spreadsheet_safe"])]
    pub trend: Option<u32>,

    /// The report's format (default: by the suffix of the -o file, else table)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,

    /// Only recipients with these outcomes, such as rejected,unknown
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

/// Show everything recorded about an address in all runs: messages, outcomes, bounces, complaints
/// and suppressions; newest first
#[derive(Args, Clone, Debug)]
pub struct WhoArgs {
    /// The address (case-insensitive)
    pub email: String,
}

/// Show every decision about one recipient of a run, oldest first
#[derive(Args, Clone, Debug)]
pub struct WhyArgs {
    /// The run's id, or `latest`
    pub run: String,

    /// The recipient's address (case-insensitive)
    pub email: String,
}
