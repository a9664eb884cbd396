//! The files that no output may replace: the files of the workspace, of the runs in the ledger, and
//! of the running command.

use std::path::{Path, PathBuf};

use crate::config::Workspace;
use crate::ledger::Ledger;
use crate::message::Message;
use crate::model::error::Result;
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target};
use crate::run::context::Context;
use crate::run::private_files::{configuration, strings};
use crate::run::settings::RunSettings;

const LIST: &str = "a list of this workspace";
const MESSAGE: &str = "the message";
const SUPPRESSIONS: &str = "a suppression file";

/// The protected files known before the configuration has been read: the configuration file, the
/// state directory, and every path that the configuration may name, even if no file exists there
/// yet.
pub(crate) fn of_workspace(workspace: &Workspace) -> OwnFiles {
    let mut own = OwnFiles::default();
    own.add_state_dir(&workspace.state_dir);
    own.add(&workspace.config_file, "the configuration");
    named(workspace).iter().for_each(|path| own.add(path, "a file that the configuration names"));
    own.add_stdin(LIST);
    own
}

/// Returns every string of the configuration as a path, because any of them may name a file.
fn named(workspace: &Workspace) -> Vec<PathBuf> {
    let mut named = Vec::new();
    strings(configuration(workspace), &mut named);
    named.iter().map(|file| workspace.path_from_config(file)).collect()
}

/// Returns the files of a workspace and of the runs in the ledger. If the ledger cannot be read,
/// its files are left out; the command itself reports the error.
pub(crate) async fn own_files(context: &Context, ledger: Option<&dyn Ledger>) -> OwnFiles {
    let workspace = &context.settings.workspace;
    let mut own = OwnFiles::default();
    own.add_state_dir(&workspace.state_dir);
    own.add(&workspace.config_file, "the configuration");
    if let Some(file) = context.settings.message.get("file").and_then(toml::Value::as_str) {
        own.add(&workspace.path_from_config(file), MESSAGE);
    }
    context.settings.suppression_files.iter().for_each(|file| own.add(file, SUPPRESSIONS));
    // Every path in the configuration is protected, including files of other environments,
    // attachments, keys and secrets.
    for path in named(workspace).into_iter().filter(|path| path.is_file()) {
        own.add(&path, "a file that the configuration names");
    }
    own.add_stdin(LIST);
    let runs = match ledger {
        Some(ledger) => ledger.runs().await.unwrap_or_default(),
        None => Vec::new(),
    };
    for run in &runs {
        for list in run.head.lists.iter().filter(|list| *list != "-") {
            own.add(&workspace.path_from_arguments(list), LIST);
            own.add(&workspace.path_from_config(list), LIST);
        }
        let Ok(frozen) = RunSettings::of(run) else { continue };
        frozen.suppress.iter().for_each(|file| own.add(file, SUPPRESSIONS));
        frozen.lists.iter().for_each(|file| own.add(file, LIST));
        frozen
            .message_file
            .iter()
            .chain(&frozen.message_files)
            .for_each(|file| own.add(file, MESSAGE));
    }
    own
}

/// Adds the files that a command reads.
pub(crate) fn add_inputs(
    own: &mut OwnFiles,
    context: &Context,
    lists: &[PathBuf],
    suppress: &[PathBuf],
    message: &Message,
) {
    let workspace = &context.settings.workspace;
    lists
        .iter()
        .filter(|list| list.as_os_str() != "-")
        .for_each(|list| own.add(&workspace.path_from_arguments(list), LIST));
    suppress.iter().for_each(|file| own.add(&workspace.path_from_arguments(file), SUPPRESSIONS));
    message.files().iter().for_each(|file| own.add(file, MESSAGE));
}

/// Returns the output file that a flag names.
pub(crate) fn target(context: &Context, flag: &str, path: &Path, own: &OwnFiles) -> Result<Target> {
    Target::of(
        &context.settings.workspace.path_from_arguments(path),
        &format!("{flag} {}", path.shown()),
        own,
    )
}
