//! Opens the source of a list: a file or standard input.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::files;
use crate::model::error::{Error, Result};
use crate::model::shown::{Shown, visible};

/// A list file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Path(PathBuf),
    Stdin,
}

impl Source {
    /// Parses an argument: `-` is standard input, anything else is a path relative to `base_dir`.
    pub fn parse(text: &str, base_dir: &Path) -> Self {
        match text {
            "-" => Self::Stdin,
            _ if base_dir == Path::new(".") => Self::Path(PathBuf::from(text)),
            _ => Self::Path(base_dir.join(text)),
        }
    }

    /// Returns the name of the list for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.shown(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// Opens the list. Errors name it by `name`. Exit 4 if the file is missing or not readable.
    pub(super) fn open(&self, name: &str) -> Result<Box<dyn Read + Send>> {
        let path = match self {
            Self::Stdin => return Ok(Box::new(io::stdin())),
            Self::Path(path) => path,
        };
        let name = visible(name);
        let cannot = |error: io::Error| {
            match error.kind() {
            ErrorKind::NotFound => Error::refused(format!("{name}: there is no such file")).hint(if name.contains('{') {
                "dates are filled in in --campaign alone; in a path, let the shell do it: news-$(date +%F).csv"
            } else {
                "-C DIR sets the directory of relative paths; if another job writes the file, check whether it ran"
            }),
            ErrorKind::PermissionDenied => Error::refused(format!("{name}: permission denied")).hint("give this user read permission"),
            _ => Error::refused(format!("{name}: cannot be opened: {error}")).hint("name a file that this user can read"),
        }
        };
        // The file type is checked before opening, because opening a pipe waits until a process
        // writes to it.
        let metadata = std::fs::metadata(path).map_err(cannot)?;
        if metadata.is_dir() {
            return Err(Error::refused(format!("{name}: is a directory, not a list"))
                .hint("name the files in it; several lists can be given at once"));
        }
        if !metadata.is_file() {
            return Err(Error::refused(format!("{name}: is a pipe or a device, but mailbatch reads a list more than once"))
                .hint("write it to a file first, or use - with --campaign NAME: mailbatch send - --campaign NAME < PIPE"));
        }
        Ok(Box::new(files::open(path).map_err(cannot)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::Exit;

    #[test]
    fn a_dash_is_standard_input_and_paths_start_at_the_base() {
        assert_eq!(Source::parse("-", Path::new("/x")), Source::Stdin);
        assert_eq!(Source::parse("a.csv", Path::new("/x")).name(), "/x/a.csv");
        assert_eq!(Source::parse("a.csv", Path::new(".")).name(), "a.csv");
        assert_eq!(Source::parse("/a.csv", Path::new("/x")).name(), "/a.csv");
    }

    #[test]
    fn a_directory_and_a_missing_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Source::Path(dir.path().to_owned()).open("d").err().expect("a directory");
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(error.to_string().contains("is a directory"), "{error}");
        let error = Source::parse("none.csv", dir.path()).open("none.csv").err().expect("missing");
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(error.to_string().contains("there is no such file\nhint: -C DIR"), "{error}");
    }
}
