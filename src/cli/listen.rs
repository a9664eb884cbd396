//! The command that receives provider events and unsubscribe requests over HTTP.

use std::net::SocketAddr;

use clap::Args;

/// Receive provider events and one-click unsubscribes over HTTP, until SIGTERM or Ctrl-C
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Addresses:
  POST /events/NAME   events of [providers.NAME], signed by its webhook_secret
  GET, POST /u/...    the unsubscribe page and RFC 8058 one-click requests
  GET /healthz, GET /metrics

Example:
  mailbatch -C /srv/news listen --addr 127.0.0.1:8025")]
pub struct ListenArgs {
    /// Listen on this address instead of listen.addr; port 0 picks a free port
    #[arg(long, value_name = "ADDR")]
    pub addr: Option<SocketAddr>,

    /// Also use the settings under [env.NAME] in the configuration
    #[arg(long, value_name = "NAME", env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,
}
