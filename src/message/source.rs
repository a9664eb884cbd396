//! The sources of a message: its file, mailbatch.toml, and flags.

use std::path::{Path, PathBuf};

use super::choice::Choosing;
use super::keys::{AttachmentKey, MessageKeys};
use super::{file, images};

/// The sources of a message. Flags and the environment override the file's front matter, which
/// overrides mailbatch.toml.
#[derive(Clone, Debug, Default)]
pub struct MessageSource {
    /// The message file, from `--message` or `[message] file`.
    pub file: Option<PathBuf>,
    /// The keys under `[message]` in mailbatch.toml.
    pub inline: MessageKeys,
    /// The folder that `body` in these keys, or in flags, is relative to.
    pub body_folder: Option<PathBuf>,
    /// The keys set by flags and the environment.
    pub flags: MessageKeys,
}

impl MessageSource {
    /// Returns the files that the message is read from: the message file, the attachments of all
    /// rows, and the images that the HTML shows. If the message file cannot be read, the files that
    /// it names are left out.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.file.iter().cloned().collect();
        let directory = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let read = self.file.as_deref().and_then(|file| file::read(file).ok());
        let shown = read.iter().flat_map(|file| images::references(&file.body));
        files.extend(
            shown.filter_map(|id| images::beside(directory, id)).filter(|path| path.exists()),
        );
        files.extend(self.bodies(directory));
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

    /// Returns the files of the bodies that rows choose from.
    fn bodies(&self, directory: &Path) -> Vec<PathBuf> {
        let front = self.file.as_deref().and_then(|file| file::read(file).ok());
        let front = front.and_then(|file| file.keys.body);
        let (template, base) = match front.or_else(|| self.flags.body.clone()) {
            Some(template) if self.file.is_some() => (Some(template), Some(directory)),
            template => {
                (template.or_else(|| self.inline.body.clone()), self.body_folder.as_deref())
            }
        };
        let choosing = template.and_then(|template| Choosing::of(&template, base?).ok());
        let Some(choosing) = choosing else { return Vec::new() };
        let names = choosing.names().unwrap_or_default();
        names.iter().map(|name| choosing.folder.join(name)).collect()
    }
}
