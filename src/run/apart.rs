//! Decides which earlier runs a run is compared with. Runs that sent real mail are compared with
//! each other, and sandbox runs are compared with each other.

use crate::config::Settings;
use crate::ledger::record::UNREACHED;
use crate::ledger::{APART_SANDBOX, Run};
use crate::run::settings::RunSettings;

/// The names of the providers of kind `sandbox`.
pub(crate) fn sandboxes(settings: &Settings) -> Vec<String> {
    settings
        .providers
        .iter()
        .filter(|(_, config)| !config.leaves_the_machine())
        .map(|(name, _)| name.clone())
        .collect()
}

/// The label of a run through these providers. Only runs with the same label are compared.
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

/// Returns the label of a run that has been planned.
pub(crate) fn of_run(settings: &Settings, run: &Run) -> &'static str {
    if RunSettings::of(run).is_ok_and(|frozen| !frozen.reaches_list()) {
        UNREACHED
    } else {
        of_providers(settings, run.head.provider.split(", "))
    }
}
