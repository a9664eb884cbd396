//! Arguments, `mailbatch.toml` and environment become typed settings. The only reader of the
//! environment; whatever is not understood, or not built yet, is refused with file, line and the
//! fix (exit 2).

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

/// The shortest key of unsubscribe links, in characters.
const SHORTEST_KEY: usize = 16;

/// Everything the configuration says, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub workspace: Workspace,
    /// The overlay in force.
    pub env: Option<String>,
    /// The keys of `[message]`, checked by name; `file` is absolute, `attachments` are relative to
    /// the workspace's root.
    pub message: toml::Table,
    pub list: ListSettings,
    /// Absolute; whether they exist is not looked at.
    pub suppression_files: Vec<PathBuf>,
    /// How many soft bounces stop mail to a person; `None` for no number of them.
    pub soft_bounces: Option<SoftBounces>,
    /// In the order of the file.
    pub providers: Vec<(String, ProviderConfig)>,
    /// Which of them a recipient goes through; `None` for the only one, or the one that is named.
    pub route: Option<Route>,
    pub canary: CanarySettings,
    pub listen: ListenSettings,
    /// Watched while the rest of a run goes out.
    pub pause: Vec<PauseRule>,
    /// No other address can be reached; `None` for no such limit.
    pub allow: Option<Vec<AllowRule>>,
    written: Vec<Shown>,
}

impl Settings {
    /// Finds and reads the configuration, with `[env.NAME]` laid above it when `env` names one.
    /// Exit 2 for whatever is wrong with it.
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
                .hint("name a file in TOML with -c; `mailbatch config init` makes one")
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
        // Every overlay is read, so that a slip in [env.production] is not found on the day it is
        // first used.
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
                .error(node, "`allow` belongs to an environment")
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
                    .expect("it was listed from there");
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

    /// The provider called `name`, or the only one there is; exit 2 listing them where that is not
    /// clear.
    pub(crate) fn provider(&self, name: Option<&str>) -> Result<(&str, &ProviderConfig)> {
        let names =
            || self.providers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let file = self.workspace.shown(&self.workspace.config_file);
        match (name, self.providers.as_slice()) {
            (_, []) => Err(Error::usage(format!("{file}: no provider is configured"))
                .hint("add [providers.relay] with kind = \"smtp\" and a url")),
            (None, [(name, config)]) => Ok((name, config)),
            (None, _) => Err(Error::usage(format!(
                "{file}: several providers are configured and none is named"
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

    /// The providers that a send goes through: the one that is named, else those of `[route]`, else
    /// the only one; exit 2 where that is not clear.
    pub(crate) fn chosen(&self, name: Option<&str>) -> Result<Chosen<'_>> {
        match (&self.route, name) {
            (Some(route), None) => Ok(Chosen { providers: route.providers(), route: Some(route) }),
            _ => self.provider(name).map(|(name, _)| Chosen { providers: vec![name], route: None }),
        }
    }

    /// What the provider called `name` is connected with.
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

    /// The key that unsubscribe links are signed with; `None` where the configuration names none.
    pub(crate) fn unsubscribe_key(&self) -> Result<Option<Secret>> {
        const KEY: &str = "listen.unsubscribe_key";
        let Some(value) = &self.listen.unsubscribe_key else { return Ok(None) };
        let key = Secrets::new(self.workspace.root.clone()).resolve(KEY, value)?;
        if key.expose().len() < SHORTEST_KEY {
            return Err(Error::usage(format!("{KEY}: shorter than {SHORTEST_KEY} characters"))
                .hint("make one by `openssl rand -hex 32`; a person who guesses it can unsubscribe any address"));
        }
        Ok(Some(key))
    }

    /// What events of the provider called `name` are verified with; `None` where the configuration
    /// names no secret. Exit 2 where the secret is empty, short, or not of the provider's form.
    pub(crate) fn webhook_secret(&self, name: &str) -> Result<Option<Secret>> {
        let (name, config) = self.provider(Some(name))?;
        let Some(value) = &config.webhook.secret else { return Ok(None) };
        let key = format!("providers.{name}.webhook_secret");
        let secret = Secrets::new(self.workspace.root.clone()).resolve(&key, value)?;
        if let Some(webhook) = table::webhook(&config.kind)
            && let Err(why) = (webhook.usable)(secret.expose())
        {
            return Err(Error::usage(format!("{key}: {why}")).hint(format!(
                "it is {}; copy it whole: with an empty or short one anyone could forge events",
                webhook.secret
            )));
        }
        Ok(Some(secret))
    }

    /// Resolves the secrets of the provider called `name` and builds it; touches no network.
    pub(crate) fn connect(&self, name: &str) -> Result<Box<dyn Provider>> {
        let (_, config) = self.provider(Some(name))?;
        let spec = table::find(&config.kind)
            .ok_or_else(|| Error::internal(format!("no provider kind {}", config.kind)))?;
        (spec.connect)(&self.provider_settings(name)?)
    }
    /// Every setting in force with its origin: what the environment gives to flags, what is
    /// written, and the defaults.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let mut all = shown::environment();
        all.extend(self.written.iter().cloned());
        all.extend(shown::defaults(&self.written, &self.providers));
        all
    }
}

/// The providers of one send.
#[derive(Clone, Debug)]
pub(crate) struct Chosen<'a> {
    /// Never empty.
    pub providers: Vec<&'a str>,
    /// How recipients are spread over them; `None` for a single one.
    pub route: Option<&'a Route>,
}

impl Chosen<'_> {
    /// All of them in one text, as runs and reports show it.
    pub(crate) fn label(&self) -> String {
        self.providers.join(", ")
    }
}

/// The tables under `[env]`.
fn overlays(document: &Document) -> Result<Vec<(String, Table)>> {
    let Some(section) = Section::root(document).section("env")? else { return Ok(Vec::new()) };
    let mut overlays = Vec::new();
    for (name, inner) in section.sections()? {
        if let Some(node) = inner.get("env") {
            return Err(inner
                .error(node, "an environment holds no other")
                .hint(format!("write [env.NAME] beside [env.{name}]")));
        }
        overlays.push((name.to_owned(), inner.table.clone()));
    }
    Ok(overlays)
}

/// An overlay that makes a provider another kind takes over its rates, and not the keys only the
/// old kind has.
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
