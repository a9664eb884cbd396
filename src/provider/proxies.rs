//! Decides which requests use a proxy from the environment: only requests to other machines.
//!
//! Requests to this machine are always sent directly, even if `NO_PROXY` does not list it.
//! Otherwise a remote proxy would receive the key and the recipients of a service on loopback.

use reqwest::ClientBuilder;
use url::{Host, Url};

/// Returns whether a URL points to this machine: 127.0.0.0/8, ::1, the unspecified addresses, and
/// the names under `localhost` (RFC 6761).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            let ip = ip.to_canonical();
            ip.is_loopback() || ip.is_unspecified()
        }
        None => false,
    }
}

/// Disables the environment's proxies for a client that connects to this machine.
pub(super) fn direct_on_loopback(client: ClientBuilder, base: &Url) -> ClientBuilder {
    if is_loopback(base) { client.no_proxy() } else { client }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        let is = |url: &str| is_loopback(&Url::parse(url).expect("a URL"));
        for own in [
            "127.0.0.1",
            "127.9.8.7:80",
            "127.1",
            "0x7f000001",
            "[::1]",
            "[::ffff:127.0.0.1]:8080",
            "0.0.0.0",
            "localhost",
            "API.LOCALHOST.",
        ] {
            assert!(is(&format!("http://{own}/")), "{own}");
        }
        for other in [
            "128.0.0.1",
            "[::2]",
            "localhost.example",
            "127.0.0.1.example",
            "mylocalhost",
            "10.0.0.1",
        ] {
            assert!(!is(&format!("http://{other}/")), "{other}");
        }
    }
}
