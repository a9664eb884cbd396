//! The command that looks at providers without sending.

use clap::{Args, Subcommand};

/// Look at the providers of the configuration; nothing is sent
#[derive(Args, Clone, Debug)]
#[command(r#defer = super::help::with_help)]
pub struct ProviderArgs {
    /// Overlay [env.NAME] of the configuration
    #[arg(long, value_name = "NAME", global = true, env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,

    #[command(subcommand)]
    pub command: ProviderCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ProviderCommand {
    /// List them: kind, limits, and whether their secrets resolve
    List,
    /// Say what one can express, how much a request holds and how its replies are read
    Show(ProviderNameArgs),
    /// Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if
    /// not
    Test(ProviderNameArgs),
}

/// Which provider.
#[derive(Args, Clone, Debug)]
pub struct ProviderNameArgs {
    /// The provider's name under [providers]
    pub name: String,
}
