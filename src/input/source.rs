//! Where a list comes from.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A list file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Path(PathBuf),
    Stdin,
}

impl Source {
    /// Reads an argument: `-` is standard input, anything else a path relative to `base_dir`.
    pub fn parse(text: &str, base_dir: &Path) -> Self {
        match text {
            "-" => Self::Stdin,
            _ if base_dir == Path::new(".") => Self::Path(PathBuf::from(text)),
            _ => Self::Path(base_dir.join(text)),
        }
    }

    /// What messages call this list.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// Opens the bytes. Errs with exit 4 where there is no file that can be read.
    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>> {
        let path = match self {
            Self::Stdin => return Ok(Box::new(io::stdin())),
            Self::Path(path) => path,
        };
        let name = self.name();
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::refused(format!("{name}: there is no such file")).hint("-C DIR changes where paths start"),
            ErrorKind::PermissionDenied => Error::refused(format!("{name}: may not be read")).hint("give this user read permission"),
            _ => Error::refused(format!("{name}: cannot be opened: {error}")),
        })?;
        let metadata = file.metadata().map_err(|error| Error::refused(format!("{name}: cannot be read: {error}")))?;
        if metadata.is_dir() {
            return Err(Error::refused(format!("{name}: is a directory, not a list")).hint("name the files in it; one call takes several lists"));
        }
        Ok(Box::new(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

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
        let error = Source::Path(dir.path().to_owned()).open().err().expect("a directory");
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(error.to_string().contains("is a directory"), "{error}");
        let error = Source::parse("none.csv", dir.path()).open().err().expect("missing");
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(error.to_string().contains("there is no such file\nhint: -C DIR"), "{error}");
    }
}
