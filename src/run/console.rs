//! Standard output, standard error and questions on the terminal.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::model::error::{Error, Result};
use crate::model::shown::visible_lines;

/// Writes the command's output to standard output. A reader that has closed the pipe is not an
/// error.
pub(crate) fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::internal(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error. A closed standard error is not an error.
pub(crate) fn eprintln_quietly(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", visible_lines(line));
}

/// Whether an operator can be asked: standard input and standard error must both be terminals.
pub(crate) fn has_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a yes-or-no question on the terminal. Any answer except yes counts as no.
pub(crate) fn ask(question: &str) -> bool {
    // Standard error is not locked while waiting for the answer, because other threads may write to
    // it.
    let mut err = std::io::stderr();
    if write!(err, "{question} [y/N] ").and_then(|()| err.flush()).is_err() {
        return false;
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok()
        && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The width of the terminal in columns; 100 if there is no terminal.
pub(crate) fn width() -> u16 {
    console::Term::stdout().size_checked().map_or(100, |(_, columns)| columns)
}
