//! Reads the text files of a message: included files and chosen bodies.
//!
//! The rules it keeps: no file outside the message's folder is read, neither through `..` nor
//! through a symbolic link, and the number and total size of the files are limited.

use std::cell::{Cell, RefCell};
use std::path::{Component, Path, PathBuf};

use super::{beneath, utf8};
use crate::files;

/// The most files of one message, and the most bytes of all its files together.
pub(super) const MOST_FILES: usize = 1_000;
const MOST_BYTES: usize = 64 << 20;

/// The folder of a message, with the files read so far and their total size.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: RefCell<Vec<PathBuf>>,
    bytes: Cell<usize>,
}

impl Folder {
    pub(super) fn at(path: &Path) -> Self {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Self { path: path.to_owned(), files: RefCell::default(), bytes: Cell::new(0) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a text file. `name` is its path below the folder. The error says what is wrong with
    /// the file.
    pub(super) fn read(&self, name: &str) -> Result<String, String> {
        let (folder, path) = self.resolve(name)?;
        let file = beneath::open(&folder, &path, "the message's folder").map_err(|why| why.what)?;
        let bytes = files::read_open(file, files::MESSAGE).map_err(|why| why.to_string())?;
        self.files.borrow_mut().push(self.path.join(name));
        self.bytes.set(self.bytes.get() + bytes.len());
        if self.files.borrow().len() > MOST_FILES {
            return Err(format!("the message consists of more than {MOST_FILES} files"));
        }
        if self.bytes.get() > MOST_BYTES {
            let most = MOST_BYTES >> 20;
            return Err(format!("the files of the message are larger than {most} MiB in total"));
        }
        utf8::text_of(&bytes).map_err(|(line, why)| format!("it {why} (line {line})"))
    }

    /// Whether a file, directory or link has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path.join(name).symlink_metadata().is_ok()
    }

    /// The paths of the files that were read.
    pub(super) fn into_files(self) -> Vec<PathBuf> {
        self.files.into_inner()
    }

    /// Resolves all links. Returns the path of the folder, and the file's path below it.
    fn resolve(&self, name: &str) -> Result<(PathBuf, String), String> {
        let parts = Path::new(name).components();
        if name.is_empty() {
            return Err("its name is empty".to_owned());
        }
        if name.contains('\0')
            || !parts.clone().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(OUTSIDE.to_owned());
        }
        let folder = self.path.canonicalize().map_err(|why| why.to_string())?;
        let path = self.path.join(name).canonicalize().map_err(|why| why.to_string())?;
        let below = path.strip_prefix(&folder).map_err(|_| OUTSIDE.to_owned())?;
        let below = below.to_str().ok_or("its path is not UTF-8")?.to_owned();
        Ok((folder, below))
    }
}

/// Returns the hint for a file that `read` refuses; `usual` if the file's name is wrong.
pub(super) fn hint(why: &str, usual: &'static str) -> &'static str {
    match why {
        why if why.contains(utf8::NOT_UTF8) => "save the file as UTF-8",
        why if why.contains(utf8::HAS_NUL) => "save the file as UTF-8; it is UTF-16 or not a text",
        why if why.contains("in total") || why.contains("consists of") => {
            "include fewer or smaller files"
        }
        why if why.contains("includes itself") => "remove one of these tags",
        _ => usual,
    }
}

const OUTSIDE: &str = "it is not below the message's folder";

/// Resolves a name that a file in the message's folder contains, relative to that file `from`.
/// Returns the path below the message's folder, or `None` if it is outside.
pub(super) fn joined(from: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = match from.rsplit_once('/') {
        Some((folder, _)) => folder.split('/').collect(),
        None => Vec::new(),
    };
    if name.starts_with('/') || name.contains('\\') {
        return None;
    }
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Normalises a name that a row gives for a file below a folder. The error is a sentence fragment.
pub(super) fn clean(name: &str) -> std::result::Result<String, &'static str> {
    let is_outside = name.starts_with('/') || name.split('/').any(|part| part == "..");
    match joined("", name) {
        Some(name) if !is_outside && !name.is_empty() => Ok(name),
        _ => Err("leads out of the folder of the bodies"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = dir.path().join("message");
        std::fs::create_dir_all(folder.join("parts")).expect("made");
        std::fs::write(dir.path().join("secret.html"), "secret").expect("written");
        std::fs::write(folder.join("parts/a.html"), "\u{feff}one\r\ntwo").expect("written");
        std::fs::write(folder.join("latin1.html"), b"a\nZo\xeb").expect("written");
        std::os::unix::fs::symlink("../secret.html", folder.join("link.html")).expect("made");
        std::os::unix::fs::symlink("parts/a.html", folder.join("inner.html")).expect("made");
        std::fs::write(folder.join("wide.html"), b"a\0b\0").expect("written");
        std::fs::write(folder.join("old.html"), b"a\rb").expect("written");
        let folder = Folder::at(&folder);
        assert_eq!(folder.read("old.html").as_deref(), Ok("a\nb"));
        assert_eq!(folder.read("parts/a.html").as_deref(), Ok("one\ntwo"));
        assert_eq!(folder.read("./inner.html").as_deref(), Ok("one\ntwo"));
        for name in ["../secret.html", "parts/../../secret.html", "/etc/passwd", "link.html", "a\0"]
        {
            assert_eq!(folder.read(name), Err(OUTSIDE.to_owned()), "{name}");
        }
        for (name, says) in [
            ("", "empty"),
            ("parts", "directory"),
            ("gone.html", "No such file"),
            ("latin1.html", "line 2"),
            ("wide.html", "has a NUL byte (line 1)"),
        ] {
            let why = folder.read(name).expect_err("refused");
            assert!(why.contains(says), "{name}: {why}");
        }
    }

    #[test]
    fn names_are_relative_to_the_file_that_gives_them() {
        for (from, name, expected) in [
            ("welcome.mjml", "parts/a.mjml", Some("parts/a.mjml")),
            ("parts/a.mjml", "./b.mjml", Some("parts/b.mjml")),
            ("parts/a.mjml", "../c.mjml", Some("c.mjml")),
            ("parts/a.mjml", "../../c.mjml", None),
            ("a.mjml", "/etc/passwd", None),
            ("a.mjml", "https://a.example/x", Some("https:/a.example/x")),
        ] {
            assert_eq!(joined(from, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        assert_eq!(clean("./de//x.html").as_deref(), Ok("de/x.html"));
        for name in ["../x.html", "de/../../x.html", "de/../x.html", "/x.html", "", ".", "a\\b"] {
            assert!(clean(name).is_err(), "{name}");
        }
    }
}
