//! The command that inspects providers without sending mail.

use clap::{Args, Subcommand};

/// Show and test the configured providers; no mail is sent
#[derive(Args, Clone, Debug)]
#[command(r#defer = super::help::with_help)]
pub struct ProviderArgs {
    /// Also use the settings under [env.NAME] in the configuration
    #[arg(long, value_name = "NAME", global = true, env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,

    #[command(subcommand)]
    pub command: ProviderCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ProviderCommand {
    /// List the providers: kind, limits, and whether their secrets can be read
    List,
    /// Show a provider's features, request sizes and how its replies are read
    Show(ProviderNameArgs),
    /// Ask a provider whether it would accept mail (credentials, sender, quota, age of the key);
    /// exit 7 if not
    Test(ProviderNameArgs),
}

/// The provider to show or test.
#[derive(Args, Clone, Debug)]
pub struct ProviderNameArgs {
    /// The provider's name under [providers]
    pub name: String,
}
