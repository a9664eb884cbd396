//! One file per subcommand: builds the parts, runs them, says what came of it.

pub mod config;
pub mod generate;

use std::io::{ErrorKind, Write};

use crate::error::{Error, Result};

/// Writes to standard output what was asked for; a reader that has left is no error.
pub(crate) fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::internal(format!("standard output: {e}"))),
        _ => Ok(()),
    }
}
