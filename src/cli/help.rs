//! The command that prints guides and the help of commands.

use clap::Args;

/// Print a guide, such as `help runbook`, or a command's help
#[derive(Args, Clone, Debug)]
#[command(after_help = guides())]
pub struct HelpArgs {
    /// A guide, or a command with its subcommand (default: the overview)
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,
}

/// Keeps clap's own `COMMAND help SUBCOMMAND`, which is disabled for the top level only. Attributes
/// write the key as `r#defer`, because plain `defer` has another meaning in the derive macro.
pub(super) fn with_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(false)
}

/// Returns the list of guides for `--help`.
pub(super) fn guides() -> String {
    let longest = crate::guides::GUIDES.iter().map(|guide| guide.name.len()).max().unwrap_or(0);
    let mut text = String::from("Guides, printed by `mailbatch help TOPIC`:");
    for guide in crate::guides::GUIDES {
        text.push_str(&format!("\n  {:longest$}  {}", guide.name, guide.about()));
    }
    text
}
