//! `mailbatch completions` and `mailbatch man`: generate files from the definition of the command
//! line. The output is the same on every machine.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::guides::GUIDES;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target};
use crate::run::console::say;

/// The supported shells, each with the name of its file in `completions/`.
pub const COMPLETIONS: &[(Shell, &str)] = &[
    (Shell::Bash, "mailbatch.bash"),
    (Shell::Zsh, "_mailbatch"),
    (Shell::Fish, "mailbatch.fish"),
    (Shell::PowerShell, "_mailbatch.ps1"),
    (Shell::Elvish, "mailbatch.elv"),
];

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> Result<Exit> {
    say(out, &completion_script(shell))?;
    Ok(Exit::OK)
}

/// Returns the completion script of a shell.
pub fn completion_script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mailbatch", &mut script);
    String::from_utf8(script).expect("clap writes completions as UTF-8")
}

/// Writes the man pages and the guides into `dir`, which is created if it does not exist. Each page
/// is written to a temporary file and renamed. If a page exists as a symbolic link, nothing is
/// written.
pub fn man(dir: &Path) -> Result<Exit> {
    let failed = |e: io::Error| {
        Error::usage(format!("{}: {e}", dir.shown()))
            .hint("choose a directory that you can write to")
    };
    let aside = || -> io::Result<_> {
        fs::create_dir_all(dir)?;
        let aside = tempfile::Builder::new().prefix(".mailbatch-man-").tempdir_in(dir)?;
        clap_mangen::generate_to(without_help(Cli::command()), aside.path())?;
        for guide in GUIDES {
            let (name, page) = guide.man_page();
            fs::write(aside.path().join(name), page)?;
        }
        let names = fs::read_dir(aside.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        Ok((aside, names))
    };
    let (aside, names) = aside().map_err(failed)?;
    let target = |name| {
        let path = dir.join(name);
        Target::of(&path, &path.shown(), &OwnFiles::default())
    };
    let targets = names.iter().map(target).collect::<Result<Vec<Target>>>()?;
    for (name, target) in names.iter().zip(&targets) {
        fs::rename(aside.path().join(name), target.path()).map_err(failed)?;
    }
    Ok(Exit::OK)
}

/// Hides clap's `help` subcommands, which need no man page.
fn without_help(mut command: Command) -> Command {
    command.build();
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|sub| sub.find_subcommand("help").is_some())
        .map(|sub| sub.get_name().to_owned())
        .collect();
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| sub.mut_subcommand("help", |help| help.hide(true)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_a_script() {
        for (shell, _) in COMPLETIONS {
            let script = completion_script(*shell);
            assert!(script.contains("unpause"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        man(dir.path()).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = dir.path().join(format!("mailbatch-{}.1", command.get_name()));
            assert!(page.is_file(), "{}", page.display());
        }
        assert!(
            std::fs::read_to_string(dir.path().join("mailbatch.1")).unwrap().contains("Exit codes")
        );
    }
}
