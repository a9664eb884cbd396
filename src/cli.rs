//! The command line: names, help texts and value parsers. This module opens no file and no
//! connection. Every argument is parsed into its final type here.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

mod events;
mod help;
mod listen;
mod pausing;
mod provider;
mod reconcile;
mod results;
mod sending;
mod suppress;
mod values;

pub(crate) use events::{EventListArgs, EventsArgs, EventsCommand, IngestArgs, PollArgs};
pub(crate) use help::HelpArgs;
pub(crate) use listen::ListenArgs;
pub(crate) use pausing::{PauseArgs, PauseScopeArgs, UnpauseArgs};
pub(crate) use provider::{ProviderArgs, ProviderCommand};
pub(crate) use reconcile::{Assumed, ReconcileArgs};
pub(crate) use results::{
    ReportArgs, RunsArgs, RunsCommand, StatusArgs, WaitArgs, WhoArgs, WhyArgs,
};
pub(crate) use sending::{
    ChangesArgs, CheckArgs, ListArgs, MessageArgs, PreviewArgs, ReadingArgs, ResumeArgs, RetryArgs,
    ScreeningArgs, SendArgs, SendingArgs, TargetArgs,
};
pub(crate) use suppress::{
    AddArgs, DiffArgs, ExportArgs, ImportArgs, RemoveArgs, SuppressArgs, SuppressCommand, SyncArgs,
};
pub(crate) use values::{
    ExportFormat, ListFormat, OnCap, OnUnknown, Preset, ProgressMode, ReportFormat, Then,
};
pub(crate) use values::{delimiter, encoding};

/// Send bulk e-mail from the command line: no recipient twice, no suppressed recipient, every
/// outcome recorded.
#[derive(Clone, Debug, Parser)]
#[command(name = "mailbatch", version, after_help = after_help(), disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

const EVERYWHERE: &str = "Global options";

/// The options that every command accepts.
#[derive(Args, Clone, Debug, Default)]
pub struct Globals {
    /// Work as if started in DIR; paths on the command line are relative to it
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, help_heading = EVERYWHERE)]
    pub directory: Option<PathBuf>,

    /// Use this configuration file instead of the nearest mailbatch.toml
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true, help_heading = EVERYWHERE, env = "MAILBATCH_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Write results to standard output as JSON, one object per line
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,

    /// Print only warnings and errors
    #[arg(short, long, global = true, help_heading = EVERYWHERE, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print more; -vv prints debug messages, which may contain addresses
    #[arg(short, long, global = true, help_heading = EVERYWHERE, action = ArgAction::Count)]
    pub verbose: u8,
}

/// All subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    Send(Box<SendArgs>),
    Check(Box<CheckArgs>),
    Preview(Box<PreviewArgs>),
    Resume(Box<ResumeArgs>),
    Retry(Box<RetryArgs>),
    Reconcile(ReconcileArgs),
    Pause(PauseArgs),
    Unpause(UnpauseArgs),
    Status(StatusArgs),
    Wait(WaitArgs),
    Runs(RunsArgs),
    Report(ReportArgs),
    Why(WhyArgs),
    Who(WhoArgs),
    Suppress(SuppressArgs),
    Provider(ProviderArgs),
    Listen(ListenArgs),
    Events(EventsArgs),
    Config(ConfigArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    Help(HelpArgs),
}

/// Create, check and show the configuration
#[derive(Args, Clone, Debug)]
#[command(r#defer = help::with_help)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented mailbatch.toml with a sandbox provider and a sample message that works
    /// with any list; existing files are not overwritten
    Init {
        /// The directory to write to (default: the current directory)
        dir: Option<PathBuf>,

        /// Write a sample message that uses the columns of this list
        #[arg(long, value_name = "LIST")]
        list: Option<PathBuf>,

        /// The address column of that list, if mailbatch cannot detect it
        #[arg(long, value_name = "COLUMN", requires = "list")]
        email: Option<String>,
    },
    /// Check all settings that a send would read, including secrets, and report errors
    Validate {
        #[command(flatten)]
        env: EnvArgs,
    },
    /// Print the settings in force; for a secret, print its source instead of its value
    Show {
        /// Show where each setting was read
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        env: EnvArgs,
    },
}

/// The environment, whose table `[env.NAME]` changes the configuration.
#[derive(Args, Clone, Debug, Default)]
pub struct EnvArgs {
    /// Also use the settings under [env.NAME] in the configuration
    #[arg(long, value_name = "NAME", env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,
}

/// Print a completion script for a shell
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  mailbatch completions bash > ~/.local/share/bash-completion/completions/mailbatch"
)]
pub struct CompletionsArgs {
    /// The shell to generate the script for
    pub shell: clap_complete::Shell,
}

/// Write the man pages, including the guides, into a directory
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// The directory; created if it does not exist
    pub dir: PathBuf,
}

/// The text after the options in `--help`: a list of the guides and of the exit codes.
fn after_help() -> String {
    format!("{}\n\n{}", help::guides(), exit_codes())
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:");
    for (exit, meaning) in crate::model::exit::TABLE {
        text.push_str(&format!("\n  {:>3}  {meaning}", exit.code()));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_arguments_contradict_one_another_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for (exit, meaning) in crate::model::exit::TABLE {
            assert!(
                help.contains(&exit.code().to_string()) && help.contains(&meaning[..11]),
                "{meaning}"
            );
        }
    }

    #[test]
    fn a_send_is_read_into_types() {
        let cli = parse("mailbatch -C x send a.csv - --canary 5pct --rate 50/s --fail-on unknown,rejected --expect-count 100+-2pct --campaign n -vv")
            .unwrap();
        assert_eq!((cli.globals.directory, cli.globals.verbose), (Some("x".into()), 2));
        let Command::Send(send) = cli.command else { panic!("not a send") };
        assert_eq!(send.list.lists, [PathBuf::from("a.csv"), PathBuf::from("-")]);
        assert_eq!(send.canary.map(|c| c.to_string()).as_deref(), Some("5%"));
        assert_eq!(
            send.sending.fail_on,
            [crate::model::outcome::Outcome::Unknown, crate::model::outcome::Outcome::Rejected]
        );
        assert_eq!(send.list.screening.max_invalid.to_string(), "5%");
    }

    #[test]
    fn values_that_make_no_sense_are_refused_with_what_would() {
        for (line, says) in [
            ("mailbatch send a.csv --rate 0/s", "would never send"),
            ("mailbatch send a.csv --canary five", "5pct"),
            ("mailbatch send a.csv --stats 30", "no unit"),
            ("mailbatch send a.csv --fail-on delivered", "accepted"),
            ("mailbatch send a.csv --redirect-all-to nobody", "no @"),
            ("mailbatch send a.csv --encoding klingon", "windows-1252"),
            ("mailbatch suppress add a@example.com --reason policy", "hard_bounce"),
            ("mailbatch suppress add a@example.com --expires soon", "2027-01-31"),
            ("mailbatch resume --continue --abandon", "cannot be used"),
            ("mailbatch preview a.csv --row 1 --worst", "cannot be used"),
            ("mailbatch -q -v runs", "cannot be used"),
            ("mailbatch send", "LIST"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(says), "{line}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn runs_alone_lists_them() {
        let Command::Runs(runs) = parse("mailbatch runs").unwrap().command else {
            panic!("not runs")
        };
        assert!(runs.command.is_none());
    }
}
