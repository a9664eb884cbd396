//! The sources of a message: its file, mailbatch.toml, and flags.

use std::path::PathBuf;

use super::keys::MessageKeys;

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
    /// Returns the path of the message file, or the path template of the bodies that rows choose
    /// from. `None` if the configuration contains the body.
    pub fn path(&self) -> Option<PathBuf> {
        let body = || self.flags.body.as_deref().or(self.inline.body.as_deref());
        let template = || Some(self.body_folder.clone().unwrap_or_default().join(body()?));
        self.file.clone().or_else(template)
    }
}
