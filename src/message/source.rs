//! Where a message comes from: its file, mailbatch.toml, flags.

use std::path::{Path, PathBuf};

use super::keys::{AttachmentKey, MessageKeys};
use super::{file, images};

/// Where a message comes from. Flags (and the environment) win over the file's front matter, which
/// wins over mailbatch.toml.
#[derive(Clone, Debug, Default)]
pub struct MessageSource {
    /// The message file, of `--message` or of `[message] file`.
    pub file: Option<PathBuf>,
    /// The keys under `[message]` of mailbatch.toml.
    pub inline: MessageKeys,
    /// What flags and the environment say.
    pub flags: MessageKeys,
}

impl MessageSource {
    /// The files that the message is read from: its own and its attachments, as far as they can be
    /// found.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.file.iter().cloned().collect();
        let directory = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let read = self.file.as_deref().and_then(|file| file::read(file).ok());
        let shown = read.iter().flat_map(|file| images::references(&file.body));
        files.extend(
            shown.filter_map(|id| images::beside(directory, id)).filter(|path| path.exists()),
        );
        let front = read.as_ref().and_then(|file| file.keys.attachments.as_ref());
        let is_one = |key: &&AttachmentKey| !key.is_template();
        files.extend(
            front.into_iter().flatten().filter(is_one).map(|key| directory.join(&key.path)),
        );
        files.extend(
            self.inline.attachments.iter().flatten().filter(is_one).map(|key| key.path.clone()),
        );
        files
    }
}
