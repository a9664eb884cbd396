//! What tests do without: whether a peer is missing is said once, in one way. The unit tests
//! include this file as well.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Says that `peer` is missing and why; a failure where peers are required. Always `None`.
pub(crate) fn require<T>(peer: &str, reason: &str) -> Option<T> {
    assert!(
        std::env::var("MAILBATCH_REQUIRE_PEERS").as_deref() != Ok("1"),
        "{peer} is required here: {reason}"
    );
    let line = format!("{peer}: {reason}\n");
    // Written past the test harness, which hides what a passing test prints.
    let _ = std::io::stderr().write_all(format!("skipped without {line}").as_bytes());
    if let Some(path) = std::env::var_os("MAILBATCH_SKIPPED")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = file.write_all(line.as_bytes());
    }
    None
}

/// Where `tests/run` unpacks what the system cannot install.
pub(crate) fn unpacked() -> PathBuf {
    std::env::var_os("MAILBATCH_PEERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"), PathBuf::from)
}
