//! `mailbatch config`: creates a workspace, checks its configuration, and shows the settings in
//! force. Existing files are never overwritten.

mod sample;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use self::sample::ListColumns;
use crate::cli::{ConfigCommand, Globals};
use crate::config::{FILE_NAME, Settings, start_dir};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::Shown;
use crate::run::console::say;

pub(crate) fn run(globals: &Globals, command: &ConfigCommand, out: &mut dyn Write) -> Result<Exit> {
    match command {
        ConfigCommand::Init { dir, list, email } => {
            init(globals, dir.as_deref(), (list.as_deref(), email.as_deref()), out)
        }
        ConfigCommand::Validate { env } => validate(globals, env.env.as_deref(), out),
        ConfigCommand::Show { origin, env } => show(globals, env.env.as_deref(), *origin, out),
    }
}

/// Writes a commented configuration, a sample message and an empty suppression file into `dir`, or
/// into the start directory if `dir` is `None`. With a list, the samples use its columns. An
/// existing configuration is an error (exit code 2). An existing message or suppression file is
/// kept.
pub(crate) fn init(
    globals: &Globals,
    dir: Option<&Path>,
    (list, email): (Option<&Path>, Option<&str>),
    out: &mut dyn Write,
) -> Result<Exit> {
    let base = start_dir(globals)?;
    let columns = list.map(|list| ListColumns::read(&base.join(list), list, email)).transpose()?;
    let [(_, mode, text), others @ ..] = sample::files(columns.as_ref())?;
    let dir = base.join(dir.unwrap_or(Path::new("")));
    std::fs::create_dir_all(&dir).map_err(|e| {
        Error::usage(format!("{}: {e}", dir.shown()))
            .hint("choose a directory that you can write to")
    })?;
    let configuration = dir.join(FILE_NAME);
    if !create(&configuration, mode, &text)? {
        return Err(Error::usage(format!(
            "{}: cannot create this file: there is one already",
            configuration.shown()
        ))
        .hint("edit this file, or choose another directory"));
    }
    let mut summary = format!("wrote {}\n", configuration.shown());
    let (mut wrote, mut kept) = (vec![configuration], Vec::new());
    for (name, mode, text) in others {
        let path = dir.join(name);
        let (word, files) =
            if create(&path, mode, &text)? { ("wrote", &mut wrote) } else { ("kept", &mut kept) };
        summary.push_str(&format!("{word} {}\n", path.shown()));
        files.push(path);
    }
    summary.push_str("The configured provider is a sandbox and sends no mail. Before you send real mail, change everything marked CHANGE.\n");
    summary.push_str(&format!(
        "next: mailbatch check {}\n",
        list.map_or("LIST".into(), Path::to_string_lossy)
    ));
    if globals.json {
        say(
            out,
            &format!(
                "{}\n",
                serde_json::json!({"v": 1, "type": "config.init", "wrote": wrote, "kept": kept})
            ),
        )?;
    } else if !globals.quiet {
        say(out, &summary)?;
    }
    Ok(Exit::OK)
}

/// Creates a file. Returns `false` if it already exists.
fn create(path: &Path, mode: u32, text: &str) -> Result<bool> {
    let cannot = |e: std::io::Error| {
        Error::usage(format!("{}: {e}", path.shown()))
            .hint("choose a directory that you can write to")
    };
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true).map_err(cannot),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(cannot(e)),
    }
}

/// Reads the configuration, resolves the secrets of all providers, and opens the files that the
/// configuration names. Fails with exit code 2 if the configuration is wrong, and with 4 if a
/// message or suppression file is missing.
pub(crate) fn validate(globals: &Globals, env: Option<&str>, out: &mut dyn Write) -> Result<Exit> {
    let settings = Settings::load(globals, env)?;
    settings.provider(settings.providers.first().map(|(name, _)| name.as_str()))?;
    for (name, _) in &settings.providers {
        settings.connect(name)?;
    }
    let message = settings.message.get("file").and_then(toml::Value::as_str).map(Path::new);
    for (key, path) in message
        .map(|path| ("message.file", path))
        .into_iter()
        .chain(settings.suppression_files.iter().map(|p| ("suppression.files", p.as_path())))
    {
        std::fs::File::open(path)
            .and_then(|file| file.metadata())
            .and_then(
                |meta| if meta.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { Ok(()) },
            )
            .map_err(|e| {
                Error::refused(format!("{}: {e}", settings.workspace.shown(path)))
                    .hint(format!("create the file, or correct {key}"))
            })?;
    }
    if globals.json {
        let names: Vec<&str> = settings.providers.iter().map(|(name, _)| name.as_str()).collect();
        let object = serde_json::json!({"v": 1, "type": "config.validate", "valid": true, "providers": names, "env": settings.env});
        say(out, &format!("{object}\n"))?;
    } else if !globals.quiet {
        let file = settings.workspace.shown(&settings.workspace.config_file);
        let names: Vec<&str> = settings.providers.iter().map(|(name, _)| name.as_str()).collect();
        let env =
            settings.env.as_ref().map(|env| format!(", environment {env}")).unwrap_or_default();
        say(out, &format!("{file}: valid (providers: {}{env})\n", names.join(", ")))?;
    }
    Ok(Exit::OK)
}

/// Prints every setting in force, one per line, or with `--json` as NDJSON.
pub(crate) fn show(
    globals: &Globals,
    env: Option<&str>,
    origin: bool,
    out: &mut dyn Write,
) -> Result<Exit> {
    let shown = Settings::load(globals, env)?.shown();
    let width = shown
        .iter()
        .map(|s| s.key.chars().count() + s.value.chars().count() + 3)
        .max()
        .unwrap_or(0)
        .min(72);
    let mut text = String::new();
    for setting in &shown {
        let line = format!("{} = {}", setting.key, setting.value);
        if globals.json {
            text.push_str(&serde_json::to_string(setting).expect("strings always serialize"));
        } else if origin {
            text.push_str(&format!("{line:width$}  # {}", setting.origin));
        } else {
            text.push_str(&line);
        }
        text.push('\n');
    }
    say(out, &text)?;
    Ok(Exit::OK)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn globals(dir: &Path) -> Globals {
        Globals { directory: Some(dir.to_path_buf()), ..Globals::default() }
    }

    #[test]
    fn init_makes_a_workspace_and_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        std::fs::write(dir.path().join("welcome.md"), "mine").unwrap();
        init(&globals(dir.path()), None, (None, None), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("kept "));
        assert_eq!(std::fs::read_to_string(dir.path().join("welcome.md")).unwrap(), "mine");
        let mode =
            std::fs::metadata(dir.path().join("suppressions.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = init(&globals(dir.path()), None, (None, None), &mut Vec::new()).unwrap_err();
        assert!(error.exit() == Exit::USAGE && error.to_string().contains("there is one already"));
    }

    #[test]
    fn the_configuration_init_writes_is_toml_with_every_comment_taken_out_too() {
        let commented = |line: &str| {
            line.strip_prefix("# ")
                .filter(|l| {
                    l.starts_with('[') || l.split_once(" = ").is_some_and(|(k, _)| !k.contains(' '))
                })
                .map(str::to_owned)
        };
        let [(_, _, configuration), ..] = sample::files(None).unwrap();
        let all: String = configuration
            .lines()
            .map(|line| commented(line).unwrap_or_else(|| line.to_owned()) + "\n")
            .collect();
        assert!(all.contains("\n[providers.relay]") && all.contains("\nalways = "));
        toml::from_str::<toml::Table>(&configuration).unwrap();
        toml::from_str::<toml::Table>(&all).unwrap();
    }

    #[test]
    fn show_prints_settings_with_their_origin() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), "[list]\nemail = \"mail\"\n").unwrap();
        let mut out = Vec::new();
        show(&globals(dir.path()), None, true, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.lines().any(
                |l| l.starts_with("list.email = \"mail\"") && l.ends_with("# mailbatch.toml:2")
            ),
            "{text}"
        );
        assert!(
            text.lines()
                .any(|l| l.starts_with("canary.max_failed = \"5%\"") && l.ends_with("# default")),
            "{text}"
        );
    }

    #[test]
    fn a_configuration_without_a_provider_is_not_valid() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), "").unwrap();
        let error = validate(&globals(dir.path()), None, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("no provider is configured"));
    }
}
