//! The flags that a run was planned with, and digests of its input files. They are stored with the
//! run for a later comparison.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::cli::{Cli, Command, SendArgs};
use crate::config::Settings;
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

/// The version of the stored form. Later versions only add fields.
const VERSION: u32 = 1;

/// The inputs of a run's plan that the run does not store elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Inputs {
    v: u32,
    /// The flags that affect recipients or content, in the form that can be typed, with absolute
    /// paths.
    flags: Vec<String>,
    /// A digest of each list that is a file.
    pub(crate) lists: Vec<(PathBuf, String)>,
    /// The name and the kind of each provider.
    pub(crate) kinds: Vec<(String, String)>,
    /// The configured suppression files.
    pub(crate) suppression_files: Vec<PathBuf>,
    /// The workspace's directory; `None` for a run of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<PathBuf>,
}

impl Inputs {
    /// Collects the inputs of a send that is about to be planned.
    pub(crate) fn of(
        settings: &Settings,
        flags: Vec<String>,
        providers: &[&str],
        lists: &[PathBuf],
    ) -> Result<Self> {
        let digest = |path: &PathBuf| {
            let digest =
                digest_of(path).map_err(|e| Error::refused(format!("{}: {e}", path.shown())))?;
            // Links are resolved, so that changing a link later does not look like a change to the
            // list.
            Ok((path.canonicalize().unwrap_or_else(|_| path.clone()), digest))
        };
        Ok(Self {
            v: VERSION,
            flags,
            lists: tokio::task::block_in_place(|| {
                lists.iter().filter(|path| path.is_file()).map(digest).collect::<Result<_>>()
            })?,
            kinds: kinds(settings, providers),
            suppression_files: settings.suppression_files.clone(),
            root: Some(settings.workspace.root.clone()),
        })
    }

    /// Rebuilds the arguments of the send, with these lists.
    pub(crate) fn send_args(&self, lists: &[PathBuf]) -> Result<SendArgs> {
        let lists = lists.iter().map(|path| path.as_os_str().to_owned());
        let words = ["mailbatch".into(), "send".into()]
            .into_iter()
            .chain(self.flags.iter().map(Into::into))
            .chain(["--".into()])
            .chain(lists);
        match Cli::try_parse_from(words).map(|cli| cli.command) {
            Ok(Command::Send(args)) => Ok(*args),
            _ => Err(Error::internal("the flags of the run cannot be read from the ledger")
                .hint("plan the run again with `mailbatch send`")),
        }
    }
}

fn kinds(settings: &Settings, providers: &[&str]) -> Vec<(String, String)> {
    let kind = |name: &&str| {
        settings
            .provider(Some(name))
            .ok()
            .map(|(name, config)| (name.to_owned(), config.kind.clone()))
    };
    providers.iter().filter_map(kind).collect()
}

/// Returns the flags of a send that affect recipients or content, in the form that can be typed.
pub(crate) fn flags(settings: &Settings, args: &SendArgs) -> Vec<String> {
    let at = |path: &Path| settings.workspace.path_from_arguments(path).display().to_string();
    let reading = &args.list.reading;
    let delimiter = |byte: u8| match byte {
        b'\t' => "tab".to_owned(),
        b' ' => "space".to_owned(),
        byte => char::from(byte).to_string(),
    };
    let valued = [
        ("email", args.list.email.clone()),
        (
            "format",
            reading
                .format
                .and_then(|format| format.to_possible_value())
                .map(|value| value.get_name().to_owned()),
        ),
        ("encoding", reading.encoding.map(|encoding| encoding.name().to_owned())),
        ("delimiter", reading.delimiter.map(delimiter)),
        ("skip-lines", reading.skip_lines.map(|lines| lines.to_string())),
        ("where", reading.filter.clone()),
        ("dedupe", Some(args.list.screening.dedupe.to_string())),
        ("max-invalid", Some(args.list.screening.max_invalid.to_string())),
        (
            "max-empty",
            Some(args.list.screening.max_empty.to_string()).filter(|share| share != "100%"),
        ),
        ("message", args.message.message.as_deref().map(at)),
        ("from", args.message.from.clone()),
        ("subject", args.message.subject.clone()),
        ("provider", args.target.provider.clone()),
        ("canary", args.canary.map(|size| size.to_string())),
        ("redirect-all-to", args.redirect_all_to.as_ref().map(ToString::to_string)),
    ];
    let mut flags: Vec<String> = valued
        .into_iter()
        .filter_map(|(flag, value)| value.map(|value| format!("--{flag}={value}")))
        .collect();
    flags
        .extend(args.list.screening.suppress.iter().map(|file| format!("--suppress={}", at(file))));
    let set = [
        ("--provider-sandbox", args.provider_sandbox),
        ("--skip-unrendered", args.list.screening.skip_unrendered),
    ];
    flags.extend(set.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| (*flag).to_owned()));
    flags
}

/// Computes a digest of a file's bytes.
pub(crate) fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Xxh3::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:032x}", digest.digest128())),
            n => digest.update(&buffer[..n]),
        }
    }
}
