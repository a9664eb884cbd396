//! The command that takes events and unsubscribes over the web.

use std::net::SocketAddr;

use clap::Args;

/// Take providers' events and one-click unsubscribes over the web, until SIGTERM or Ctrl-C
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Addresses:
  POST /events/NAME   events of [providers.NAME], signed by its webhook_secret
  GET, POST /u/...    the unsubscribe page and RFC 8058 one-click requests
  GET /healthz, GET /metrics

Example:
  mailbatch -C /srv/news listen --addr 127.0.0.1:8025")]
pub struct ListenArgs {
    /// Listen here instead of at listen.addr; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub addr: Option<SocketAddr>,

    /// Overlay [env.NAME] of the configuration
    #[arg(long, value_name = "NAME", env = "MAILBATCH_ENV", hide_env_values = true)]
    pub env: Option<String>,
}
