//! `mailbatch help TOPIC`: prints a guide or the help of a command. Needs neither `man` nor a
//! pager.

use std::io::{IsTerminal, Write};

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, HelpArgs};
use crate::guides::{GUIDES, Guide};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::visible;
use crate::run::console::say;

/// The width of a guide in a pipe, and its minimum and maximum width on a terminal.
const PIPED: usize = 80;
const NARROWEST: usize = 40;
const WIDEST: usize = 100;

/// Prints a guide or the help of a command. An unknown topic is an error (exit code 2) that lists
/// the topics.
pub(crate) fn run(args: &HelpArgs, out: &mut dyn Write) -> Result<Exit> {
    if let [topic] = args.topic.as_slice()
        && let Some(guide) = Guide::find(topic)
    {
        say(out, &shown(guide))?;
        return Ok(Exit::OK);
    }
    match help_of(&args.topic) {
        Some(help) => {
            // Printing fails if the reader closed the pipe, which is not an error.
            let _ = help.print();
            Ok(Exit::OK)
        }
        None => Err(unknown(&args.topic.join(" "))),
    }
}

/// Formats a guide for a terminal or for a pipe.
fn shown(guide: &Guide) -> String {
    if !std::io::stdout().is_terminal() {
        return guide.text(PIPED, false);
    }
    let columns =
        console::Term::stdout().size_checked().map_or(PIPED, |(_, columns)| usize::from(columns));
    guide.text(columns.clamp(NARROWEST, WIDEST), console::colors_enabled())
}

/// Returns the output of `COMMAND --help`, or `None` if there is no such command.
fn help_of(command: &[String]) -> Option<clap::Error> {
    let mut found = &Cli::command();
    for name in command {
        found = found.find_subcommand(name)?;
    }
    let typed =
        ["mailbatch"].into_iter().chain(command.iter().map(String::as_str)).chain(["--help"]);
    Cli::try_parse_from(typed).err()
}

fn unknown(topic: &str) -> Error {
    let topics: Vec<&str> = GUIDES.iter().map(|guide| guide.name).collect();
    let cli = Cli::command();
    let commands = cli.get_subcommands().map(clap::Command::get_name);
    let known = GUIDES
        .iter()
        .flat_map(|guide| guide.aliases)
        .copied()
        .chain(topics.iter().copied())
        .chain(commands);
    let nearest = known
        .map(|name| (strsim::jaro_winkler(&topic.to_lowercase(), name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let listed = format!("guides: {}; every command name is a topic too", topics.join(", "));
    let hint = match nearest {
        Some((likeness, name)) if likeness > 0.75 => {
            format!("did you mean `mailbatch help {name}`? {listed}")
        }
        _ => listed,
    };
    Error::usage(format!("no guide or command is named `{}`", visible(topic))).hint(hint)
}
