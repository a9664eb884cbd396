//! Which runs are compared with each other: real mail with real mail, the sandbox with the sandbox.

use crate::config::Settings;
use crate::ledger::record::UNREACHED;
use crate::ledger::{APART_SANDBOX, Run};
use crate::run::settings::RunSettings;

/// The names of providers that are the sandbox.
pub(crate) fn sandboxes(settings: &Settings) -> Vec<String> {
    settings
        .providers
        .iter()
        .filter(|(_, config)| !config.leaves_the_machine())
        .map(|(name, _)| name.clone())
        .collect()
}

/// The word for runs through these providers.
pub(crate) fn of_providers<'a>(
    settings: &Settings,
    mut providers: impl Iterator<Item = &'a str>,
) -> &'static str {
    let sandboxes = sandboxes(settings);
    if providers.all(|name| sandboxes.iter().any(|sandbox| sandbox == name)) {
        APART_SANDBOX
    } else {
        ""
    }
}

/// The word for a run that has been planned, as its record has it.
pub(crate) fn of_run(settings: &Settings, run: &Run) -> &'static str {
    if RunSettings::of(run).is_ok_and(|frozen| !frozen.reaches_list()) {
        UNREACHED
    } else {
        of_providers(settings, run.head.provider.split(", "))
    }
}
