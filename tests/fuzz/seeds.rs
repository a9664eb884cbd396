//! Where documents come from: the fixtures of all tests.

use std::path::{Path, PathBuf};

/// A directory or file of the fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The contents of the files of a directory of the fixtures, in the order of their names; none
/// where there is no such directory.
pub(crate) fn files(directory: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(fixture(directory)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory that can be read").path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a fixture that can be read")).collect()
}

/// One file of the fixtures.
pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).expect("a fixture that can be read")
}

/// Texts as documents.
pub(crate) fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A directory for one document, in memory where that can be had: targets write thousands of files.
pub(crate) fn room() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("room")
}
