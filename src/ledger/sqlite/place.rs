//! Checks whether the ledger files that this process has open still exist under their names.
//!
//! Changes to a deleted or replaced file are lost when the process ends, so no new work may begin
//! with it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::{Fault, Result};

/// The open files of a ledger.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    /// The path, device and inode number of each file.
    files: Vec<(PathBuf, u64, u64)>,
    /// The length of the database file. The file of a ledger never becomes shorter.
    length: AtomicU64,
}

impl Place {
    /// Records the files that have just been opened: the database, its log and its shared memory.
    pub(super) fn of(path: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let files = [path.to_owned(), beside("-wal"), beside("-shm")];
        let found = files.into_iter().filter_map(|file| {
            std::fs::metadata(&file).ok().map(|about| (file, about.dev(), about.ino()))
        });
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Self { directory, files: found.collect(), length: AtomicU64::new(0) }
    }

    /// The directory in which the files were opened.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Describes what happened to one of the files; `None` if all are unchanged.
    pub(super) fn lost(&self) -> Option<String> {
        for (number, (file, device, inode)) in self.files.iter().enumerate() {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            match std::fs::metadata(file) {
                Ok(about) if (about.dev(), about.ino()) == (*device, *inode) => {
                    if number == 0 && self.is_cut_short(file, about.len()) {
                        return Some(format!(
                            "{name} was overwritten or cut short while it was in use"
                        ));
                    }
                }
                Ok(_) => {
                    return Some(format!(
                        "{name} was replaced by another file while it was in use"
                    ));
                }
                Err(_) => {
                    return Some(format!("{name} was removed or moved away while it was in use"));
                }
            }
        }
        None
    }

    /// Whether the database file has become shorter than `bytes`, the length measured before. If
    /// another thread has seen the file grow since, the length is measured again.
    fn is_cut_short(&self, file: &Path, bytes: u64) -> bool {
        let longest = self.length.fetch_max(bytes, Ordering::Relaxed);
        longest > bytes && !std::fs::metadata(file).is_ok_and(|now| now.len() >= longest)
    }

    /// Fails with `Fault::Lost` if one of the files was removed or replaced.
    pub(super) fn check(&self) -> Result<()> {
        self.lost().map_or(Ok(()), |what| Err(Fault::Lost(what)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_grew_while_it_was_looked_at_is_not_cut_short() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path();
        std::fs::write(path, [0; 200]).expect("written");
        let place = Place::of(path);
        assert_eq!(place.lost(), None);
        assert!(!place.is_cut_short(path, 100), "another thread saw 200 bytes meanwhile");
        std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(100))
            .expect("cut");
        assert!(place.lost().is_some_and(|what| what.contains("cut short")));
    }
}
