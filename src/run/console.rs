//! The terminal, pipes and log of the person who started the command.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::model::error::{Error, Result};
use crate::model::shown::visible_lines;

/// Writes to standard output what was asked for; a reader that has left is no error.
pub(crate) fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::internal(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error; one that is closed is no error.
pub(crate) fn eprintln_quietly(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", visible_lines(line));
}

/// Whether a person sits there: standard input and standard error are a terminal.
pub(crate) fn has_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a yes-or-no question on the terminal; everything but yes is no.
pub(crate) fn ask(question: &str) -> bool {
    // Not locked while the answer is awaited: other threads write there meanwhile.
    let mut err = std::io::stderr();
    if write!(err, "{question} [y/N] ").and_then(|()| err.flush()).is_err() {
        return false;
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok()
        && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Columns of the terminal; 100 without one.
pub(crate) fn width() -> u16 {
    console::Term::stdout().size_checked().map_or(100, |(_, columns)| columns)
}
