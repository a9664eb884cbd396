//! The data that most commands need: the settings, access to the ledger, and output to the
//! operator.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Globals;
use crate::config::Settings;
use crate::input::context::ColumnIndex;
use crate::ledger::access::{self, Denied, Need};
use crate::ledger::loss::{Loss, Remains};
use crate::ledger::{self, Ledger, LedgerSuppression, Run};
use crate::message::{Links, Message, MessageKeys, MessageSource, is_template};
use crate::model::error::{Error, Result, Subject};
use crate::model::exit::Exit;
use crate::model::outcome::Kind;
use crate::model::recipient::Columns;
use crate::model::shown::Shown;
use crate::run::console::{self, eprintln_quietly};
use crate::run::emptied;
use crate::run::private_files::private_files;
use crate::suppression::{Places, Suppressions};

/// The workspace's settings and the global flags.
pub(crate) struct Context {
    pub(crate) globals: Globals,
    pub(crate) settings: Settings,
    /// When the command started.
    pub(crate) began: jiff::Timestamp,
}

impl Context {
    pub(crate) fn new(globals: &Globals, env: Option<&str>) -> Result<Self> {
        let began = jiff::Timestamp::now();
        let settings = Settings::load(globals, env)?;
        tracing::info!(
            file = settings.workspace.config_file.shown(),
            env = settings.env.as_deref().unwrap_or_default(),
            "configuration read"
        );
        Ok(Self { globals: globals.clone(), settings, began })
    }

    /// Opens the ledger; creates it if it does not exist.
    pub(crate) fn ledger(&self) -> Result<Arc<dyn Ledger>> {
        ledger::open(&self.settings.workspace.state_dir).map_err(|error| {
            let error = Error::from(error);
            if error.exit() == Exit::INTERNAL {
                self.refuse_unwritable_state().err().unwrap_or(error)
            } else {
                error
            }
        })
    }

    /// Opens the ledger of a workspace whose earlier ledger was lost, and finds what remains of the
    /// lost one. Creates the ledger if it does not exist.
    pub(crate) fn ledger_after_loss(&self) -> Result<(Arc<dyn Ledger>, Remains, Loss)> {
        Ok(ledger::open_after_loss(&self.settings.workspace.state_dir)?)
    }

    /// Returns why the state directory cannot be written; `None` if it can. Changes nothing on
    /// disk.
    pub(crate) fn unwritable_state(&self) -> Option<String> {
        access::denied(&self.settings.workspace.state_dir, Need::Write)
            .map(|denied| self.unwritable(&denied))
    }

    fn unwritable(&self, Denied { path, why, .. }: &Denied) -> String {
        let workspace = &self.settings.workspace;
        if !path.starts_with(&workspace.state_dir) {
            return format!(
                "the state directory {} cannot be written: {}: {why}",
                workspace.shown(&workspace.state_dir),
                path.shown()
            );
        }
        let what = if path.is_dir() { "the state directory" } else { "the ledger" };
        format!("{what} {} cannot be written: {why}", workspace.shown(path))
    }

    /// Refuses with exit 1 if the state directory, or a directory in it, cannot be written: the
    /// results of a send would be lost.
    pub(crate) fn refuse_unwritable_state(&self) -> Result<()> {
        access::denied(&self.settings.workspace.state_dir, Need::Write).map_or(Ok(()), |denied| {
            let hint = format!(
                "{}; mailbatch writes the ledger, trace and reports before and after it sends",
                denied.mend
            );
            Err(Error::internal(self.unwritable(&denied)).hint(hint))
        })
    }

    /// Refuses to create a second ledger if the configuration file is a link into another workspace
    /// that has a ledger. Otherwise, neither ledger would know the recipients reached by the other.
    /// If both ledgers exist already, this is only a warning.
    pub(crate) fn refuse_second_ledger(&self) -> Result<()> {
        let workspace = &self.settings.workspace;
        let Some(other) = workspace.behind_link() else { return Ok(()) };
        let (file, other) = (workspace.shown(&workspace.config_file), other.shown());
        let what = format!("{file} is a link into {other}, which has a ledger of its own");
        if ledger::exists(&workspace.state_dir) {
            self.warn(&format!("warning: {what}: neither ledger knows the recipients that the other one has reached"));
            return Ok(());
        }
        Err(Error::usage(format!("{what}: recipients already reached from there would get the message again"))
            .hint(format!("send from there with `mailbatch -C {other}`, or replace the link by a copy of the configuration for a separate workspace")))
    }

    /// Opens the ledger if it exists.
    pub(crate) fn existing_ledger(&self) -> Result<Option<Arc<dyn Ledger>>> {
        Ok(ledger::open_existing(&self.settings.workspace.state_dir)?)
    }

    /// Opens the ledger of a workspace that has sent something; exit 2 if it has not.
    pub(crate) fn used_ledger(&self) -> Result<Arc<dyn Ledger>> {
        self.existing_ledger()?.ok_or_else(nothing_sent)
    }

    /// Opens the ledger, if it exists, for a command that only reads. If the ledger cannot be
    /// written, opens a temporary copy.
    pub(crate) fn ledger_to_read(&self) -> Result<Option<Arc<dyn Ledger>>> {
        if self.unwritable_state().is_none() {
            return self.existing_ledger();
        }
        Ok(ledger::open_copy(&self.settings.workspace.state_dir)?)
    }

    /// Opens the ledger for a command that only reads; exit 2 if the workspace has sent nothing.
    pub(crate) fn used_ledger_to_read(&self) -> Result<Arc<dyn Ledger>> {
        self.ledger_to_read()?.ok_or_else(nothing_sent)
    }

    /// Returns a ledger that shows the present state: the same one, or a new copy if it is a copy.
    pub(crate) fn read_on(&self, ledger: Arc<dyn Ledger>) -> Result<Arc<dyn Ledger>> {
        if ledger.is_copy() { self.used_ledger_to_read() } else { Ok(ledger) }
    }

    /// Finds the run called `name`. Without a name, or for `latest`, finds the newest run.
    pub(crate) async fn run(&self, ledger: &dyn Ledger, name: Option<&str>) -> Result<Run> {
        let found = match name {
            Some(name) if name != "latest" => ledger.run(name).await?,
            _ => match ledger.runs().await?.first() {
                Some(newest) => ledger.run(&newest.id).await?,
                None => None,
            },
        };
        found.ok_or_else(|| match name {
            Some(name) => {
                Error::usage(format!("there is no run {name}")).hint("`mailbatch runs` lists them")
            }
            None => Error::usage("there is no run yet").hint("`mailbatch send LIST` starts one"),
        })
    }

    /// Loads the configured message; values from the command line take precedence. No row may
    /// attach the files that the command reads, which are its lists and suppression files.
    pub(crate) fn message(
        &self,
        args: &crate::cli::MessageArgs,
        reads: &[PathBuf],
    ) -> Result<(Message, MessageSource)> {
        let workspace = &self.settings.workspace;
        let mut keys = self.settings.message.clone();
        keys.remove("file");
        let mut inline: MessageKeys = keys.try_into().map_err(|e: toml::de::Error| {
            Error::usage(format!("[message] of the configuration: {}", e.message()))
                .hint("see `mailbatch config show`")
        })?;
        inline.attach_dir = inline.attach_dir.map(|path| workspace.path_from_config(&path));
        let attachments = inline.attachments.iter_mut().flatten();
        for attachment in attachments.filter(|attachment| !attachment.is_template()) {
            attachment.path = workspace.path_from_config(&attachment.path);
        }
        let named = self.settings.message.get("file").and_then(toml::Value::as_str);
        let mut flags = MessageKeys {
            from: args.from.clone(),
            subject: args.subject.clone(),
            ..MessageKeys::default()
        };
        let mut body_folder = workspace.path_from_config("");
        // A given path that is a template replaces the configured body, so that each row chooses
        // its file.
        let file = match (&args.message, named) {
            (Some(file), _) => match file.to_str().filter(|file| is_template(file)) {
                Some(template) => {
                    flags.body = Some(template.to_owned());
                    body_folder = workspace.path_from_arguments("");
                    None
                }
                None => Some(workspace.path_from_arguments(file)),
            },
            (None, Some(file)) if is_template(file) => {
                inline.body.get_or_insert_with(|| file.to_owned());
                None
            }
            (None, file) => file.map(|file| workspace.path_from_config(file)),
        };
        let source = MessageSource { file, inline, body_folder: Some(body_folder), flags };
        let links = self.links()?;
        let message = Message::load(&source).and_then(|message| {
            message.with_links(self.settings.listen.public_url.as_deref(), links)
        });
        let mut message = message.map_err(|e| e.about(Subject::Template))?;
        if message.has_row_files() {
            message.never_attach(&private_files(&self.settings, reads));
        }
        Ok((message, source))
    }

    /// Returns the signer of unsubscribe links, if the configuration has a key.
    pub(crate) fn links(&self) -> Result<Option<Links>> {
        Ok(self.settings.unsubscribe_key()?.as_ref().map(Links::new))
    }

    /// Loads the suppressed addresses for a run, and records which files have entries, so that a
    /// file that is empty later is detected.
    pub(crate) async fn suppressions_of_run(
        &self,
        more: &[std::path::PathBuf],
        ledger: &dyn Ledger,
        kind: Kind,
    ) -> Result<Suppressions> {
        let loaded = self.suppressions(more, Some(ledger), kind).await?;
        emptied::remember(&self.settings.workspace, &loaded, ledger).await?;
        Ok(loaded)
    }

    /// Loads all suppressed addresses: the configured files, the files in `more`, and the learned
    /// entries of the ledger.
    pub(crate) async fn suppressions(
        &self,
        more: &[std::path::PathBuf],
        ledger: Option<&dyn Ledger>,
        kind: Kind,
    ) -> Result<Suppressions> {
        let mut files = self.settings.suppression_files.clone();
        files.extend(more.iter().map(|file| self.settings.workspace.path_from_arguments(file)));
        tracing::info!(files = files.len(), "loading suppressions");
        let now = jiff::Timestamp::now();
        let loaded = tokio::task::block_in_place(|| {
            Suppressions::load(&files, ledger.into_iter().flat_map(learned), kind, now)
        });
        let loaded = loaded.map_err(|e| e.about(Subject::Suppression))?;
        if let Some(ledger) = ledger {
            emptied::refuse(&self.settings.workspace, &loaded, ledger)
                .await
                .map_err(|e| e.about(Subject::Suppression))?;
        }
        for (file, noted) in loaded.noted() {
            let file = self.settings.workspace.shown(file);
            let named = |found: &Places, what: &str| {
                let places: Vec<String> =
                    found.lines.iter().map(|line| format!("{file}:{line}")).collect();
                let more = if found.count > places.len() as u64 { ", …" } else { "" };
                let entries = if found.count == 1 { "entry" } else { "entries" };
                format!("{} {entries} {what}: {}{more}", found.count, places.join(", "))
            };
            if noted.is_blank {
                self.warn(&format!("warning: suppression file {file} is empty and suppresses no address; did its export fail?"));
            }
            if noted.unseen_ends.count > 0 {
                let line = named(
                    &noted.unseen_ends,
                    "had invisible characters at an end, which were taken off",
                );
                self.note(&format!("mailbatch: {line}"));
            }
            if noted.odd.count > 0 {
                let what = "may be cut off or misspelt (a domain without a dot, an unusual sign), and are used exactly as written";
                self.warn(&format!("warning: {}", named(&noted.odd, what)));
            }
        }
        Ok(loaded)
    }

    /// Opens the ledger for its suppressions. If it cannot be opened because its directory is not
    /// writable, warns and returns `None`.
    pub(crate) fn readable_ledger(&self) -> Result<Option<Arc<dyn Ledger>>> {
        let unwritable = self.unwritable_state();
        match (self.ledger_to_read(), unwritable) {
            (Ok(ledger), None) => Ok(ledger),
            (Ok(ledger), Some(why)) => {
                self.warn(&format!("warning: {why}; `send` would refuse to begin"));
                Ok(ledger)
            }
            (Err(_), Some(why)) => {
                self.warn(&format!("warning: {why}; `send` would refuse to begin, and the ledger's suppressions are not counted here"));
                Ok(None)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Prints the command's output to standard output.
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        console::say(&mut std::io::stdout(), text)
    }

    /// Prints one line to standard error, even under `-q`.
    pub(crate) fn warn(&self, line: &str) {
        eprintln_quietly(&format!("mailbatch: {line}"));
    }

    /// Warns before sending if learned suppressions cannot be appended to the first suppression
    /// file.
    pub(crate) fn warn_of_unwritable_suppressions(&self) {
        let Some(file) = self.settings.suppression_files.first() else { return };
        if let Some(why) = crate::suppression::unwritable(file) {
            self.warn(&format!(
                "warning: suppression file {} cannot be written ({why}): suppressions learned from bounces are kept in the ledger only",
                self.settings.workspace.shown(file)
            ));
        }
    }

    /// Prints the closing summary to standard output. Under `-q` it is printed only after a
    /// failure, to standard error, which a cron job mails.
    pub(crate) fn summarise(&self, summary: &str, exit: Exit) -> Result<()> {
        if !self.globals.quiet {
            return self.print(summary);
        }
        if exit != Exit::OK {
            eprintln_quietly(summary.trim_end());
        }
        Ok(())
    }

    /// Prints one line to standard error; under `-q` only if the command failed.
    pub(crate) fn note_about(&self, exit: Exit, line: &str) {
        if exit == Exit::OK { self.note(line) } else { eprintln_quietly(line) }
    }

    /// Prints one line to standard error, unless `-q` is given.
    pub(crate) fn note(&self, line: &str) {
        if !self.globals.quiet {
            eprintln_quietly(line);
        }
    }

    /// Prints each note on its own line to standard error, unless `-q` is given.
    pub(crate) fn note_all(&self, notes: &[String]) {
        notes.iter().for_each(|note| self.note(&format!("mailbatch: {note}")));
    }

    /// Whether an operator can be asked on the terminal.
    pub(crate) fn has_person(&self) -> bool {
        console::has_person()
    }

    /// Asks a yes-or-no question on the terminal. Any answer except yes counts as no.
    pub(crate) fn ask(&self, question: &str) -> bool {
        console::ask(question)
    }

    /// Adds the given `-C` and `-c` to a command, so that the command works from the current
    /// directory.
    pub(crate) fn command(&self, command: &str) -> String {
        let quoted = |path: &Path| {
            let text = path.shown();
            let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+,:@%".contains(c));
            if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
        };
        let given = [("-C", &self.globals.directory), ("-c", &self.globals.config)]
            .into_iter()
            .filter_map(|(flag, path)| path.as_ref().map(|path| (flag, path)));
        let flags: String = given.map(|(flag, path)| format!("{flag} {} ", quoted(path))).collect();
        command.replace("mailbatch ", &format!("mailbatch {flags}"))
    }
}

fn nothing_sent() -> Error {
    Error::usage("nothing has been sent from this workspace")
        .hint("start with `mailbatch send LIST`")
}

/// Iterates over all suppressions in the ledger with their numbers, page by page. Call it only on
/// threads that may block. Stops after the first error.
pub(crate) fn learned(
    ledger: &dyn Ledger,
) -> impl Iterator<Item = Result<(i64, LedgerSuppression)>> {
    const PAGE: usize = 1_000;
    let handle = tokio::runtime::Handle::current();
    let mut after = Some(0);
    let mut page = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(kept) = page.next() {
                return Some(Ok(kept));
            }
            match handle.block_on(ledger.suppressions(after?, PAGE)) {
                Ok(next) => {
                    after = next.last().map(|(number, _)| *number);
                    page = next.into_iter();
                }
                Err(error) => {
                    after = None;
                    return Some(Err(error.into()));
                }
            }
        }
    })
}

/// Returns the column indexes of a run's lists, which rendering needs.
pub(crate) fn column_indexes(run: &Run) -> Vec<Arc<ColumnIndex>> {
    run.columns
        .iter()
        .map(|names| Arc::new(ColumnIndex::new(&Columns::new(names.clone()))))
        .collect()
}
