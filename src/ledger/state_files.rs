//! The files of a state directory that are named after runs: how to recognize their names, and
//! where they are.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::shown::Shown;

/// The length of a run's id, in bytes.
pub(super) const RUN_ID: usize = "20261121-034500-k3f9".len();

/// Whether a text has the form of a run's id.
pub(super) fn is_run_id(text: &str) -> bool {
    text.len() == RUN_ID
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 15 => byte == b'-',
            0..8 | 9..15 => byte.is_ascii_digit(),
            _ => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        })
}

/// The file names in a directory; empty if the directory does not exist.
pub(super) fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => {
            entries.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", dir.shown())))?
        }
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().map(str::to_owned));
    }
    Ok(names)
}

/// The directory of the reports that every run writes.
pub(crate) fn report_directory(state_dir: &Path) -> PathBuf {
    state_dir.join("reports")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_runs_are_taken_for_runs() {
        assert!(is_run_id("20261121-034500-k3f9") && is_run_id("20261121-034500-aaaa"));
        for other in [
            "",
            "today",
            "20261121-034500-k3f",
            "20261121-034500-k3f9x",
            "20261121x034500-k3f9",
            "20261121-034500-K3F9",
            "2026112é-034500-k3f",
        ] {
            assert!(!is_run_id(other), "{other}");
        }
    }
}
