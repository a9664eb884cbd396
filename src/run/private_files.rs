//! The files of a workspace that no row may attach.

use std::path::PathBuf;

use crate::config::{Settings, Workspace};
use crate::files;
use crate::output::OwnFiles;

/// The files that no row may attach: the configuration, the files that it names, such as keys, the
/// state directory, and the lists and suppression files of the command.
pub(crate) fn private_files(settings: &Settings, read: &[PathBuf]) -> OwnFiles {
    let workspace = &settings.workspace;
    let mut own = OwnFiles::default();
    own.add_state_dir(&workspace.state_dir);
    own.add(&workspace.config_file, "the configuration");
    settings.suppression_files.iter().for_each(|file| own.add(file, "a suppression file"));
    read.iter().filter(|file| file.as_os_str() != "-").for_each(|file| {
        own.add(&workspace.path_from_arguments(file), "a list or suppression file of this command")
    });
    own.add_stdin("a list of this command");
    // Files of the message are meant for its recipients.
    let mut named = configuration(workspace);
    without_messages(&mut named);
    let mut paths = Vec::new();
    strings(named, &mut paths);
    for path in paths {
        own.add(&workspace.path_from_config(path), "a file that the configuration names");
    }
    own
}

/// Removes the `message` tables of all environments from a configuration.
fn without_messages(value: &mut toml::Value) {
    if let toml::Value::Table(table) = value {
        table.remove("message");
        table.iter_mut().for_each(|(_, value)| without_messages(value));
    }
}

/// Reads the configuration file. The result is empty if the file cannot be read.
pub(crate) fn configuration(workspace: &Workspace) -> toml::Value {
    let text = files::read_text(&workspace.config_file, files::CONFIGURATION).unwrap_or_default();
    toml::Value::Table(text.parse().unwrap_or_default())
}

/// Adds every string in a configuration to `found`.
pub(crate) fn strings(value: toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::String(text) => found.push(text),
        toml::Value::Array(values) => values.into_iter().for_each(|value| strings(value, found)),
        toml::Value::Table(table) => table.into_iter().for_each(|(_, value)| strings(value, found)),
        _ => {}
    }
}
