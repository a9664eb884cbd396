//! Builds typed settings from arguments, `mailbatch.toml` and environment variables. No other
//! module reads the environment. An unknown or unsupported key is refused with its file, its line
//! and a fix (exit 2).

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::Globals;
use crate::files;
use crate::model::error::{Error, Result};
use crate::model::event::SoftBounces;
use crate::model::pause::PauseRule;
use crate::provider::table::{self, PROVIDERS};
use crate::provider::{Provider, ProviderSettings, ProviderSpec, SecretSource};
use crate::secret::Secret;

mod allow;
mod document;
pub(crate) mod keys;
mod listen;
mod permissions;
mod provider;
pub(crate) mod provider_keys;
mod route;
mod secrets;
mod section;
mod shown;
mod tables;
mod workspace;

pub(crate) use allow::AllowRule;
pub(crate) use listen::ListenSettings;
pub(crate) use provider::ProviderConfig;
pub(crate) use route::Route;
pub(crate) use secrets::Secrets;
pub(crate) use secrets::private_key;
pub(crate) use shown::Shown;
pub(crate) use tables::{CanaryRequires, CanarySettings, ListSettings};
pub(crate) use workspace::{FILE_NAME, Workspace, start_dir};

use document::{Content, Document, Table};
use section::Section;

/// The minimum length of the key for unsubscribe links, in characters.
const SHORTEST_KEY: usize = 16;

/// All settings of the configuration, after validation.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub workspace: Workspace,
    /// The name of the `[env.NAME]` table that is applied, if any.
    pub env: Option<String>,
    /// The keys of `[message]`; only known names occur. `file` is absolute; `attachments` are
    /// relative to the workspace's root.
    pub message: toml::Table,
    pub list: ListSettings,
    /// Absolute paths of the suppression files, which may not exist.
    pub suppression_files: Vec<PathBuf>,
    /// How many soft bounces suppress a recipient; `None` to ignore soft bounces.
    pub soft_bounces: Option<SoftBounces>,
    /// The providers, in the order of the file.
    pub providers: Vec<(String, ProviderConfig)>,
    /// How recipients are assigned to providers; `None` if only one provider is used.
    pub route: Option<Route>,
    pub canary: CanarySettings,
    pub listen: ListenSettings,
    /// Rules that are checked while the rest of a run is sent.
    pub pause: Vec<PauseRule>,
    /// The only addresses that can be mailed; `None` for no restriction.
    pub allow: Option<Vec<AllowRule>>,
    written: Vec<Shown>,
}

impl Settings {
    /// Finds and reads the configuration. If `env` names an environment, applies `[env.NAME]` on
    /// top. Exit 2 for any error in the configuration.
    pub(crate) fn load(globals: &Globals, env: Option<&str>) -> Result<Self> {
        Self::load_with(Workspace::find(globals)?, env, PROVIDERS)
    }

    fn load_with(
        workspace: Workspace,
        env: Option<&str>,
        specs: &[&'static ProviderSpec],
    ) -> Result<Self> {
        let name = workspace.shown(&workspace.config_file);
        let bytes = files::read(&workspace.config_file, files::CONFIGURATION).map_err(|e| {
            Error::usage(format!("{name}: {e}"))
                .hint("name a TOML file with -c; `mailbatch config init` creates one")
        })?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1;
            Error::usage(format!("{name}:{line}: not UTF-8")).hint("save the file as UTF-8")
        })?;
        permissions::check(&workspace)?;
        let document = Document::parse(&name, text.strip_prefix('\u{feff}').unwrap_or(&text))?;
        Self::read(workspace, document, env, specs)
    }

    fn read(
        workspace: Workspace,
        mut document: Document,
        env: Option<&str>,
        specs: &[&'static ProviderSpec],
    ) -> Result<Self> {
        let overlays = overlays(&document)?;
        document.root.remove("env");
        // All `[env.NAME]` tables are parsed, so that a mistake in [env.production] is found before
        // its first use.
        let mut chosen = Self::read_merged(&workspace, &document, None, specs)?;
        let mut found = env.is_none();
        for (name, overlay) in &overlays {
            let mut merged = document.clone();
            drop_keys_of_another_kind(&mut merged.root, overlay);
            merged.root.overlay(overlay);
            let settings = Self::read_merged(&workspace, &merged, Some(name), specs)?;
            if env == Some(name) {
                (chosen, found) = (settings, true);
            }
        }
        if found {
            Ok(chosen)
        } else {
            Err(no_such_env(&document.name, env.unwrap_or_default(), &overlays))
        }
    }

    fn read_merged(
        workspace: &Workspace,
        document: &Document,
        env: Option<&str>,
        specs: &[&'static ProviderSpec],
    ) -> Result<Self> {
        let root = Section::root(document);
        if let (None, Some(node)) = (env, root.get("allow")) {
            return Err(root
                .error(node, "`allow` is only accepted in an environment")
                .hint("write it under [env.NAME]"));
        }
        let mut known = keys::ROOT.to_vec();
        known.extend(env.iter().flat_map(|_| keys::names(keys::ENVIRONMENT)));
        root.check_keys(&known, &[])?;
        if let Some(state) = root.section("state")? {
            state.check_keys(&[], &["url"])?;
        }
        let mut providers = Vec::new();
        for (name, section) in
            root.section("providers")?.map(|s| s.sections()).transpose()?.unwrap_or_default()
        {
            if name.is_empty()
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            {
                let node = root
                    .section("providers")?
                    .and_then(|s| s.get(name))
                    .expect("the name comes from this table");
                return Err(root
                    .error(node, format!("{name:?} is no name for a provider"))
                    .hint("use letters, digits, - and _"));
            }
            providers.push((name.to_owned(), ProviderConfig::read(&section, specs)?));
        }
        Ok(Self {
            env: env.map(str::to_owned),
            message: tables::message(&root, workspace)?,
            list: tables::list(&root)?,
            suppression_files: tables::suppression(&root, workspace)?,
            soft_bounces: tables::soft_bounces(&root)?,
            route: Route::read(
                &root,
                &providers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            )?,
            providers,
            canary: tables::canary(&root)?,
            listen: listen::read(&root, workspace)?,
            pause: tables::pause(&root)?,
            allow: root.read_all("allow", "@acme.example", AllowRule::parse)?,
            written: shown::written(&document.name, &document.root),
            workspace: workspace.clone(),
        })
    }

    /// Returns the provider called `name`, or the only configured one. If the choice is ambiguous,
    /// exit 2 with a list of the providers.
    pub(crate) fn provider(&self, name: Option<&str>) -> Result<(&str, &ProviderConfig)> {
        let names =
            || self.providers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let file = self.workspace.shown(&self.workspace.config_file);
        match (name, self.providers.as_slice()) {
            (_, []) => Err(Error::usage(format!("{file}: no provider is configured"))
                .hint("add [providers.relay] with kind = \"smtp\" and a url")),
            (None, [(name, config)]) => Ok((name, config)),
            (None, _) => Err(Error::usage(format!(
                "{file}: several providers are configured, and none is chosen"
            ))
            .hint(format!(
                "add [route] with order = [...], or pass --provider with one of: {}",
                names()
            ))),
            (Some(wanted), all) => match all.iter().find(|(name, _)| name == wanted) {
                Some((name, config)) => Ok((name, config)),
                None => Err(Error::usage(format!("{file}: no provider {wanted:?}"))
                    .hint(format!("pass --provider with one of: {}", names()))),
            },
        }
    }

    /// Returns the providers for a send: the given one, else those of `[route]`, else the only one.
    /// Exit 2 if the choice is ambiguous.
    pub(crate) fn chosen(&self, name: Option<&str>) -> Result<Chosen<'_>> {
        match (&self.route, name) {
            (Some(route), None) => Ok(Chosen { providers: route.providers(), route: Some(route) }),
            _ => self.provider(name).map(|(name, _)| Chosen { providers: vec![name], route: None }),
        }
    }

    /// Returns the settings needed to connect the provider called `name`.
    pub(crate) fn provider_settings(&self, name: &str) -> Result<ProviderSettings> {
        let (name, config) = self.provider(Some(name))?;
        Ok(ProviderSettings {
            name: name.to_owned(),
            in_flight: config.in_flight,
            state_dir: self.workspace.state_dir.clone(),
            keys: config.keys.clone(),
            secrets: Arc::new(Secrets::new(self.workspace.root.clone())),
        })
    }

    /// Returns the key that signs unsubscribe links; `None` if it is not configured.
    pub(crate) fn unsubscribe_key(&self) -> Result<Option<Secret>> {
        const KEY: &str = "listen.unsubscribe_key";
        let Some(value) = &self.listen.unsubscribe_key else { return Ok(None) };
        let key = Secrets::new(self.workspace.root.clone()).resolve(KEY, value)?;
        if key.expose().len() < SHORTEST_KEY {
            return Err(Error::usage(format!("{KEY}: shorter than {SHORTEST_KEY} characters"))
                .hint("create one with `openssl rand -hex 32`; an attacker who guesses the key can unsubscribe any address"));
        }
        Ok(Some(key))
    }

    /// Returns the secret that verifies events of the provider called `name`; `None` if it is not
    /// configured. Exit 2 if the secret is empty, too short, or not in the provider's format.
    pub(crate) fn webhook_secret(&self, name: &str) -> Result<Option<Secret>> {
        let (name, config) = self.provider(Some(name))?;
        let Some(value) = &config.webhook.secret else { return Ok(None) };
        let key = format!("providers.{name}.webhook_secret");
        let secret = Secrets::new(self.workspace.root.clone()).resolve(&key, value)?;
        if let Some(webhook) = table::webhook(&config.kind)
            && let Err(why) = (webhook.usable)(secret.expose())
        {
            return Err(Error::usage(format!("{key}: {why}")).hint(format!(
                "it is {}; copy all of it: with an empty or short secret, anyone could forge events",
                webhook.secret
            )));
        }
        Ok(Some(secret))
    }

    /// Reads the secrets of the provider called `name` and builds the provider. Sends nothing over
    /// the network.
    pub(crate) fn connect(&self, name: &str) -> Result<Box<dyn Provider>> {
        let (_, config) = self.provider(Some(name))?;
        let spec = table::find(&config.kind)
            .ok_or_else(|| Error::internal(format!("unknown provider kind {}", config.kind)))?;
        (spec.connect)(&self.provider_settings(name)?)
    }
    /// Returns all settings in force, each with its origin: environment variable, configuration or
    /// default.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let mut all = shown::environment();
        all.extend(self.written.iter().cloned());
        all.extend(shown::defaults(&self.written, &self.providers));
        all
    }
}

/// The providers of a send.
#[derive(Clone, Debug)]
pub(crate) struct Chosen<'a> {
    /// The names of the providers; at least one.
    pub providers: Vec<&'a str>,
    /// How recipients are assigned to the providers; `None` for a single provider.
    pub route: Option<&'a Route>,
}

impl Chosen<'_> {
    /// Returns the providers' names as one string, as runs and reports show it.
    pub(crate) fn label(&self) -> String {
        self.providers.join(", ")
    }
}

/// Returns the tables under `[env]`.
fn overlays(document: &Document) -> Result<Vec<(String, Table)>> {
    let Some(section) = Section::root(document).section("env")? else { return Ok(Vec::new()) };
    let mut overlays = Vec::new();
    for (name, inner) in section.sections()? {
        if let Some(node) = inner.get("env") {
            return Err(inner
                .error(
                    node,
                    "an environment holds no other environment; both must be separate tables",
                )
                .hint(format!("write [env.NAME] as a separate table, outside [env.{name}]")));
        }
        overlays.push((name.to_owned(), inner.table.clone()));
    }
    Ok(overlays)
}

/// If an environment changes a provider's kind, the provider keeps its common keys, such as rates.
/// Keys that only the old kind accepts are dropped.
fn drop_keys_of_another_kind(base: &mut Table, overlay: &Table) {
    let Some(Content::Table(above)) = overlay.get("providers").map(|node| &node.content) else {
        return;
    };
    let kind = |table: &Table| table.get("kind").map(document::Node::to_toml);
    for (name, node) in above.iter() {
        let Content::Table(above) = &node.content else { continue };
        let Some(below) =
            base.table_mut("providers").and_then(|providers| providers.table_mut(name))
        else {
            continue;
        };
        if kind(above).is_some_and(|new| kind(below) != Some(new)) {
            below.retain(|key| keys::names(keys::COMMON).contains(&key));
        }
    }
}

fn no_such_env(file: &str, env: &str, overlays: &[(String, Table)]) -> Error {
    let names: Vec<&str> = overlays.iter().map(|(name, _)| name.as_str()).collect();
    let hint = if names.is_empty() {
        format!("it has none; add [env.{env}], or leave --env out")
    } else {
        format!("it has: {}", names.join(", "))
    };
    Error::usage(format!("{file}: no [env.{env}]")).hint(hint)
}

#[cfg(test)]
mod tests;
