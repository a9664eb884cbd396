//! Compares the inputs that a run was planned from with the present inputs.
//!
//! A run continues from the ledger alone. Without this comparison, it would silently ignore
//! corrections that were made to the message or the list in the meantime.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::cli::{ListArgs, MessageArgs, SendArgs, TargetArgs};
use crate::input::Filter;
use crate::ledger::{Ledger, Run};
use crate::message::{Message, is_template};
use crate::model::address::key_of;
use crate::model::error::Result;
use crate::plan;
use crate::run::context::Context;
use crate::run::inputs::{Inputs, digest_of};
use crate::run::lists::lists;
use crate::run::reports::each_row;
use crate::run::settings::RunRoute;
use crate::run::settings::RunSettings;

/// The differences between a run's plan and the present inputs.
#[derive(Default)]
pub(crate) struct Changed {
    /// One line for each difference, together with the input that differs.
    pub(crate) what: Vec<(&'static str, String)>,
    /// Notes on inputs that could not be compared and are used as planned.
    pub(crate) notes: Vec<String>,
    /// Whether a provider now has another kind, so that the run cannot continue as planned.
    pub(crate) cannot_go_as_planned: bool,
    /// Suppression files of the run that are no longer in the configuration.
    pub(crate) suppression_files: Vec<PathBuf>,
}

/// The data needed to compare a run's planned inputs with the present ones.
pub(crate) struct Comparison<'a> {
    pub(crate) context: &'a Context,
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) run: &'a Run,
    pub(crate) frozen: &'a RunSettings,
}

impl Comparison<'_> {
    /// The arguments that the run was planned with. `None` for a run of an earlier version, or if a
    /// list came from standard input or no longer exists.
    pub(crate) fn send_args(&self) -> Result<Option<SendArgs>> {
        let Some(inputs) = &self.frozen.inputs else { return Ok(None) };
        let lists: Vec<PathBuf> = inputs.lists.iter().map(|(list, _)| list.clone()).collect();
        let has_all =
            lists.len() == self.run.head.lists.len() && lists.iter().all(|list| list.exists());
        if has_all { inputs.send_args(&lists).map(Some) } else { Ok(None) }
    }

    pub(crate) async fn changed(&self) -> Result<Changed> {
        let mut changed = Changed::default();
        let args = self
            .frozen
            .inputs
            .as_ref()
            .map(|inputs| inputs.send_args(&[PathBuf::from("-")]))
            .transpose()?;
        self.message(args.as_ref().map(|args| &args.message), &mut changed)?;
        if let (Some(inputs), Some(args)) = (&self.frozen.inputs, &args) {
            self.lists(inputs, &args.list, &mut changed).await?;
            self.providers(inputs, &args.target, &mut changed);
            changed.suppression_files = self.dropped(inputs);
            let shown = |file: &PathBuf| self.context.settings.workspace.shown(file);
            let gone: Vec<String> = changed.suppression_files.iter().map(shown).collect();
            changed.what.extend(gone.iter().map(|file| {
                ("the suppression files", format!("{file} is not configured any more"))
            }));
        }
        Ok(changed)
    }

    /// Returns the suppression files of the run that are no longer in the configuration. If the
    /// workspace was moved or copied, files are compared by their path relative to the workspace.
    fn dropped(&self, inputs: &Inputs) -> Vec<PathBuf> {
        let settings = &self.context.settings;
        let root = &settings.workspace.root;
        let is_there = |file: &Path, now: &Path| now.exists() || !file.exists();
        let is_moved = |file: &Path, now: &PathBuf| {
            let Ok(below) = now.strip_prefix(root) else { return false };
            // A file outside the workspace does not move with the workspace.
            if !below.components().all(|part| matches!(part, Component::Normal(_))) {
                return false;
            }
            let was = file.ancestors().find(|dir| dir.join(below) == file);
            was.is_some_and(|was| self.lay_at(inputs, was)) && is_there(file, now)
        };
        let is_named = |file: &PathBuf| {
            let now = &settings.suppression_files;
            now.contains(file) || now.iter().any(|now| is_moved(file, now))
        };
        inputs.suppression_files.iter().filter(|file| !is_named(file)).cloned().collect()
    }

    /// Whether `dir` was the workspace's directory when the run was planned. Runs of earlier
    /// versions did not record the directory. For them, the answer is yes if an input file was
    /// below `dir` and the workspace has a file at the same relative path.
    fn lay_at(&self, inputs: &Inputs, dir: &Path) -> bool {
        if let Some(root) = &inputs.root {
            return root == dir;
        }
        let root = &self.context.settings.workspace.root;
        let is_here =
            |file: &PathBuf| file.strip_prefix(dir).is_ok_and(|below| root.join(below).is_file());
        self.frozen.message_file.iter().chain(&self.frozen.lists).any(is_here)
    }

    fn message(&self, kept: Option<&MessageArgs>, changed: &mut Changed) -> Result<()> {
        let settings = &self.context.settings;
        let configured = || {
            settings
                .message
                .get("file")
                .and_then(toml::Value::as_str)
                .map(|file| settings.workspace.path_from_config(file))
        };
        let typed = match kept {
            Some(kept) => kept.clone(),
            // Earlier versions did not record the flags of the send.
            None => {
                MessageArgs { message: self.frozen.message_file.clone(), ..MessageArgs::default() }
            }
        };
        let file = typed.message.clone().or_else(configured);
        // The folder of a path template, by which rows choose files, has no tags in its path.
        let has_tags = |path: &&Path| path.to_str().is_some_and(is_template);
        let is_gone =
            |file: &&Path| !file.ancestors().find(|path| !has_tags(path)).is_some_and(Path::exists);
        if let Some(file) = file.as_deref().filter(is_gone) {
            changed.notes.push(format!(
                "{} no longer exists: the message is sent as planned",
                settings.workspace.shown(file)
            ));
            return Ok(());
        }
        let planned = Message::thaw(&self.run.head.message)?;
        match self.context.message(&typed, &[]) {
            Ok((now, _)) => changed
                .what
                .extend(planned.differences(&now).into_iter().map(|what| ("the message", what))),
            Err(error) if kept.is_some() => {
                changed.what.push((
                    "the message",
                    format!("it cannot be used as it is now: {}", error.parts().0),
                ));
            }
            Err(error) => changed.notes.push(format!(
                "the message cannot be compared with its present version: {}",
                error.parts().0
            )),
        }
        Ok(())
    }

    async fn lists(&self, inputs: &Inputs, typed: &ListArgs, changed: &mut Changed) -> Result<()> {
        let shown = |path: &Path| self.context.settings.workspace.shown(path);
        if let Some((gone, _)) = inputs.lists.iter().find(|(list, _)| !list.exists()) {
            changed
                .notes
                .push(format!("{} no longer exists: the planned recipients are used", shown(gone)));
            return Ok(());
        }
        let is_same =
            |(list, digest): &(PathBuf, String)| digest_of(list).is_ok_and(|now| now == *digest);
        // Standard input cannot be read a second time.
        let has_all = !inputs.lists.is_empty() && inputs.lists.len() == self.run.head.lists.len();
        if !has_all || tokio::task::block_in_place(|| inputs.lists.iter().all(is_same)) {
            return Ok(());
        }
        let paths: Vec<PathBuf> = inputs.lists.iter().map(|(list, _)| list.clone()).collect();
        let mut now = lists(self.context, &paths, &typed.reading, typed.email.clone());
        now.options.accept_guess = true;
        let filter = typed.reading.filter.as_deref().map(Filter::parse).transpose()?;
        let names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
        let names = names.join(", ");
        let mut rows = HashMap::<u64, Vec<u64>>::new();
        let mut count = |email: &str, fields: &str| {
            rows.entry(person(email)).or_default().push(xxh3_64(fields.as_bytes()))
        };
        match tokio::task::block_in_place(|| plan::each(&now, filter.as_ref(), &mut count)) {
            Ok(fingerprint) if fingerprint == self.run.head.list_fingerprint => Ok(()),
            Ok(_) => {
                changed.what.push(("the list", format!("{names}: {}", self.rows(rows).await?)));
                Ok(())
            }
            Err(error) => {
                changed.what.push((
                    "the list",
                    format!("it cannot be read as it is now: {}", error.parts().0),
                ));
                Ok(())
            }
        }
    }

    /// Describes how many rows were added, removed and changed since the run was planned.
    async fn rows(&self, mut now: HashMap<u64, Vec<u64>>) -> Result<String> {
        let (mut removed, mut altered) = (0_u64, 0_u64);
        each_row(self.ledger, &self.run.id, |row| {
            let fields = xxh3_64(row.fields.as_bytes());
            match now.get_mut(&person(&row.email)) {
                Some(found) if !found.is_empty() => {
                    let same = found.iter().position(|other| *other == fields);
                    altered += u64::from(same.is_none());
                    found.swap_remove(same.unwrap_or_default());
                }
                _ => removed += 1,
            }
            Ok(())
        })
        .await?;
        let added: usize = now.values().map(Vec::len).sum();
        let parts = [(added as u64, "added"), (removed, "removed"), (altered, "changed")];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        Ok(if parts.is_empty() {
            "its rows are in a different order, or its columns have different names".to_owned()
        } else {
            format!("rows: {}", parts.join(", "))
        })
    }

    fn providers(&self, inputs: &Inputs, target: &TargetArgs, changed: &mut Changed) {
        let settings = &self.context.settings;
        for (name, kind) in &inputs.kinds {
            if let Ok((_, config)) = settings.provider(Some(name))
                && config.kind != *kind
            {
                changed.what.push((
                    "the provider",
                    format!("{name} was of kind {kind} and is of kind {}", config.kind),
                ));
                changed.cannot_go_as_planned = true;
            }
        }
        // Compare with the provider that the configuration chooses, or with the one that
        // `--provider` named.
        let Ok(chosen) = settings.chosen(target.provider.as_deref()) else { return };
        if chosen.label() != self.run.head.provider || RunRoute::of(&chosen) != self.frozen.route {
            let order = |route: &RunRoute| route.order.join(", ");
            let (was, is) =
                (self.frozen.route.as_ref().map(order), RunRoute::of(&chosen).as_ref().map(order));
            let was = was.unwrap_or_else(|| self.run.head.provider.clone());
            changed.what.push((
                "the provider",
                format!(
                    "it was {was} and the configuration now chooses {}",
                    is.unwrap_or_else(|| chosen.label())
                ),
            ));
        }
    }
}

/// Rows are matched by a hash of the normalized address.
fn person(email: &str) -> u64 {
    xxh3_64(key_of(email).as_bytes())
}
