//! Identifies the files of a campaign without a name. The identity does not depend on how the paths
//! are typed or where the workspace is.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use icu_normalizer::ComposingNormalizerBorrowed;
use ring::digest;

use super::SIGN;
use crate::message::{is_template, name_of};

/// The canonical path of the workspace's directory.
pub(super) struct Root {
    path: PathBuf,
    /// Device and inode, because the same directory may be mounted at several paths.
    node: Option<(u64, u64)>,
}

impl Root {
    pub(super) fn new(dir: &Path) -> Self {
        let path = fs::canonicalize(dir).unwrap_or_else(|_| lexical(dir));
        Self { node: node(&path), path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Converts an absolute path to the form used in identities: the part below the workspace, or
    /// the whole path for a file elsewhere. The text is in NFC.
    fn key(&self, path: &Path) -> Vec<u8> {
        let below = match path.strip_prefix(&self.path) {
            Ok(below) => Some(below),
            Err(_) => {
                let is_root = |dir: &&Path| self.node.is_some() && node(dir) == self.node;
                path.ancestors().skip(1).find(is_root).and_then(|dir| path.strip_prefix(dir).ok())
            }
        };
        let (kind, path) = below.map_or((b'o', path), |below| (b'i', below));
        let mut key = vec![kind];
        match path.to_str() {
            Some(text) => key.extend_from_slice(nfc(text).as_bytes()),
            None => key.extend_from_slice(path.as_os_str().as_bytes()),
        }
        key
    }
}

fn node(dir: &Path) -> Option<(u64, u64)> {
    fs::metadata(dir).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Converts text to NFC, because the same name can be typed in different normal forms.
pub(super) fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Removes `.` and `..` from the path; links are not resolved.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// Resolves all links in the path. The path of a file that does not exist stays as it is; opening
/// the file is refused later.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let path = lexical(path);
    // A path template does not exist, but its folder does.
    let has_tags = |path: &Path| path.to_str().is_some_and(is_template);
    let folder = path.ancestors().find(|folder| !has_tags(folder)).filter(|_| has_tags(&path));
    let rest = folder.and_then(|folder| Some((folder, path.strip_prefix(folder).ok()?)));
    match rest.and_then(|(folder, rest)| Some(fs::canonicalize(folder).ok()?.join(rest))) {
        Some(path) => path,
        None => path,
    }
}

/// The message and the lists of a campaign without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// The message file, or the path template of bodies that rows choose. `None` for a message in
    /// the configuration.
    pub(super) message: Option<PathBuf>,
    pub(super) config: PathBuf,
    /// The paths of the lists as typed, made absolute.
    pub(super) lists: Vec<PathBuf>,
}

/// The identity of a campaign without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Computed from the canonical paths.
    pub(super) canonical: String,
    /// Computed from the paths with links unresolved, if that identity differs from `canonical`.
    pub(super) spelled: Option<String>,
    /// The id of a new campaign; displayed as `message/list`.
    pub(super) id: String,
}

impl Files {
    /// Computes the identity of these files in a workspace. The order of the lists and repeated
    /// lists make no difference.
    pub(super) fn identity(&self, root: &Root) -> Identity {
        let message = self.message.as_ref().unwrap_or(&self.config);
        let real_message = resolved(message);
        let mut lists: Vec<(Vec<u8>, PathBuf)> = self
            .lists
            .iter()
            .map(|list| resolved(list))
            .map(|list| (root.key(&list), list))
            .collect();
        lists.sort();
        lists.dedup_by(|one, other| one.0 == other.0);
        let canonical =
            fingerprint(&root.key(&real_message), lists.iter().map(|(key, _)| key.as_slice()));
        let mut as_typed: Vec<Vec<u8>> =
            self.lists.iter().map(|list| root.key(&lexical(list))).collect();
        as_typed.sort();
        as_typed.dedup();
        let spelled = fingerprint(&root.key(&lexical(message)), as_typed.iter().map(Vec::as_slice));
        let name = if self.message.is_some() {
            shown(Some(name_of(&real_message).as_ref()))
        } else {
            "inline".to_owned()
        };
        let lists: Vec<String> = lists
            .iter()
            .map(|(_, list)| shown(list.file_name().map(until_dot).as_deref()))
            .collect();
        Identity {
            id: format!("{name}/{}{SIGN}{}", lists.join("+"), &canonical[..12]),
            spelled: (spelled != canonical).then(|| format!("s:{spelled}")),
            canonical: format!("p:{canonical}"),
        }
    }
}

fn until_dot(name: &std::ffi::OsStr) -> OsString {
    OsString::from_vec(
        name.as_bytes().split(|byte| *byte == b'.').next().unwrap_or_default().to_vec(),
    )
}

/// Converts a file's name to a part of a campaign's name, without characters that `--campaign` does
/// not accept.
fn shown(name: Option<&std::ffi::OsStr>) -> String {
    let text = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    nfc(&text)
        .chars()
        .map(|c| if c.is_control() || [SIGN, '{', '}'].contains(&c) { '_' } else { c })
        .collect()
}

fn fingerprint<'a>(message: &'a [u8], lists: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [b"campaign 2".as_slice(), message].into_iter().chain(lists) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(hash, 16)
}

/// Returns the first bytes of a digest, in hexadecimal.
pub(super) fn hex(hash: digest::Context, bytes: usize) -> String {
    hash.finish().as_ref().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Bed {
        dir: tempfile::TempDir,
        root: Root,
    }

    fn bed() -> Bed {
        let dir = tempfile::tempdir().expect("a directory");
        let top = fs::canonicalize(dir.path()).expect("it is there");
        fs::create_dir_all(top.join("ws/sub")).expect("writable");
        for file in ["ws/welcome.md", "ws/list.csv", "ws/other.csv", "ws/sub/list.csv", "away.csv"]
        {
            fs::write(top.join(file), "").expect("writable");
        }
        Bed { root: Root::new(&top.join("ws")), dir }
    }

    impl Bed {
        fn files(&self, lists: &[&str]) -> Files {
            let at = |path: &str| {
                fs::canonicalize(self.dir.path()).expect("it is there").join("ws").join(path)
            };
            Files {
                message: Some(at("welcome.md")),
                config: at("mailbatch.toml"),
                lists: lists.iter().map(|list| at(list)).collect(),
            }
        }

        fn of(&self, lists: &[&str]) -> Identity {
            self.files(lists).identity(&self.root)
        }
    }

    #[test]
    fn every_spelling_of_a_path_is_one_identity_and_other_files_are_others() {
        let bed = bed();
        symlink("list.csv", bed.dir.path().join("ws/latest.csv")).expect("writable");
        symlink("ws", bed.dir.path().join("alias")).expect("writable");
        let plain = bed.of(&["list.csv"]);
        assert_eq!(super::super::shown(&plain.id), "welcome/list");
        assert_eq!(plain.spelled, None);
        for spelling in ["./list.csv", "sub/../list.csv", "../ws/list.csv", "sub//..//./list.csv"] {
            assert_eq!(bed.of(&[spelling]), plain, "{spelling}");
        }
        for link in ["latest.csv", "../alias/list.csv"] {
            let linked = bed.of(&[link]);
            assert_eq!((&linked.canonical, &linked.id), (&plain.canonical, &plain.id), "{link}");
            assert_eq!(
                linked.spelled.is_some(),
                link == "latest.csv",
                "the workspace's own directory is known by its inode"
            );
        }
        for other in ["sub/list.csv", "../away.csv", "other.csv", "LIST.csv"] {
            assert_ne!(bed.of(&[other]).canonical, plain.canonical, "{other}");
        }
        assert_eq!(
            bed.of(&["list.csv", "other.csv"]),
            bed.of(&["other.csv", "./list.csv", "list.csv"])
        );
    }

    #[test]
    fn bodies_that_rows_choose_have_the_identity_of_their_path_template() {
        let bed = bed();
        let top = fs::canonicalize(bed.dir.path()).expect("it is there");
        fs::create_dir(top.join("ws/emails")).expect("writable");
        symlink("emails", top.join("ws/linked")).expect("writable");
        let of = |message: &str| {
            let message = Some(top.join("ws").join(message));
            Files { message, ..bed.files(&["list.csv"]) }.identity(&bed.root)
        };
        let plain = of("emails/{{ locale }}.html");
        assert_eq!(super::super::shown(&plain.id), "emails/list");
        assert_eq!(of("./sub/../linked/{{ locale }}.html").canonical, plain.canonical);
        for other in ["emails/{{ language }}.html", "sub/{{ locale }}.html", "welcome.md"] {
            assert_ne!(of(other).canonical, plain.canonical, "{other}");
        }
    }

    #[test]
    fn a_workspace_that_was_moved_keeps_its_identities() {
        let bed = bed();
        let (inside, outside) = (bed.of(&["list.csv"]), bed.of(&["../away.csv"]));
        let top = fs::canonicalize(bed.dir.path()).expect("it is there");
        fs::create_dir(top.join("deep")).expect("writable");
        fs::rename(top.join("ws"), top.join("deep/moved")).expect("writable");
        let moved = |list: &Path| {
            let dir = top.join("deep/moved");
            let files = Files {
                message: Some(dir.join("welcome.md")),
                config: dir.join("mailbatch.toml"),
                lists: vec![dir.join(list)],
            };
            files.identity(&Root::new(&dir))
        };
        assert_eq!(moved(Path::new("list.csv")), inside);
        assert_eq!(moved(&top.join("away.csv")).canonical, outside.canonical);
    }

    #[test]
    fn a_name_is_one_in_either_normal_form_and_can_be_typed() {
        let bed = bed();
        let of = |name: &str| {
            fs::write(bed.dir.path().join("ws").join(name), "").expect("writable");
            bed.of(&[name])
        };
        assert_eq!(of("fr\u{fc}hling.csv").canonical, of("fru\u{308}hling.csv").canonical);
        assert_eq!(super::super::shown(&of("a#{b}\n.csv").id), "welcome/a__b__");
    }
}
