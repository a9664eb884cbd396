//! The command that prints guides and the help of commands.

use clap::Args;

/// Print a guide, such as `help runbook`, or the help of a command
#[derive(Args, Clone, Debug)]
#[command(after_help = guides())]
pub struct HelpArgs {
    /// A guide, or a command with its subcommand; the overview if left out
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,
}

/// Leaves `COMMAND help SUBCOMMAND` to clap, whose own `help` the overview does without. It is
/// named `r#defer` in attributes, for `defer` means something else to the derive macro.
pub(super) fn with_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(false)
}

/// The list of guides as `--help` shows it.
pub(super) fn guides() -> String {
    let longest = crate::guides::GUIDES.iter().map(|guide| guide.name.len()).max().unwrap_or(0);
    let mut text = String::from("Guides, printed by `mailbatch help TOPIC`:");
    for guide in crate::guides::GUIDES {
        text.push_str(&format!("\n  {:longest$}  {}", guide.name, guide.about()));
    }
    text
}
