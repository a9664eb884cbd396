//! One file per subcommand: builds the parts, runs them, says what came of it.

mod apart;
mod campaign;
mod changes;
mod check;
mod ci_reports;
mod comparison;
pub(crate) mod config;
mod decision;
mod dry_run;
mod emptied;
pub(crate) mod events;
mod finished;
mod following;
mod foresight;
mod gates;
pub(crate) mod generate;
mod help;
mod inputs;
mod listen;
mod loss;
mod outlets;
mod overlap;
mod own_files;
mod pausing;
mod preview;
mod provider;
mod reading;
mod reconcile;
mod replan;
mod report;
mod reports;
mod results;
mod resume;
mod running;
mod runs;
mod sample;
mod schedule;
mod send;
mod situation;
mod suppress;
pub(crate) mod sync;
mod verdict;
mod who;
mod workbench;

use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::cli::{Cli, Command};
use crate::commands::ci_reports::CiReports;
pub(crate) use crate::commands::ci_reports::refuse_command_line;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::Shown;

/// Runs the command that was typed. Blocks; starts the runtime that the command needs.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    let reports = CiReports::begin(&cli.globals, &cli.command);
    reports.end(run_command(cli))
}

fn run_command(cli: &Cli) -> Result<Exit> {
    let mut out = std::io::stdout();
    match &cli.command {
        Command::Config(args) => return config::run(&cli.globals, &args.command, &mut out),
        Command::Completions(args) => {
            generate::completions(args.shell, &mut out)?;
            return Ok(Exit::OK);
        }
        Command::Man(args) => {
            generate::man(&args.dir)?;
            return Ok(Exit::OK);
        }
        Command::Help(args) => return help::run(args, &mut out),
        _ => {}
    }
    crate::process::needs_files(0)?;
    crate::process::needs_threads()?;
    if matches!(cli.command, Command::Send(_) | Command::Resume(_) | Command::Retry(_)) {
        schedule::as_batch();
    }
    // One thread for the wire, which wakes no other for it; reading, rendering and SQLite have
    // threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        // Before it sleeps it lets those go on who wait for this core, a server on the same machine
        // among them: then it finds the answers of several connections at once, instead of being
        // woken for each.
        .on_thread_park(std::thread::yield_now)
        .max_blocking_threads(64)
        .enable_all()
        .build()
        .map_err(|e| Error::internal(format!("cannot start: {e}")))?;
    let exit = runtime.block_on(dispatch(cli));
    // After a second Ctrl-C a blocking task may still hang on a file; nothing is waited for.
    runtime.shutdown_background();
    exit
}

async fn dispatch(cli: &Cli) -> Result<Exit> {
    let globals = &cli.globals;
    crate::pipeline::install_sigusr1_handler()
        .map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
    match &cli.command {
        Command::Send(args) => send::run(globals, args).await,
        Command::Check(args) => check::run(globals, args).await,
        Command::Preview(args) => preview::run(globals, args).await,
        Command::Resume(args) => resume::resume(globals, args).await,
        Command::Retry(args) => resume::retry(globals, args).await,
        Command::Reconcile(args) => reconcile::run(globals, args).await,
        Command::Pause(args) => pausing::pause(globals, args).await,
        Command::Unpause(args) => pausing::unpause(globals, args).await,
        Command::Status(args) => results::status(globals, args).await,
        Command::Wait(args) => results::wait(globals, args).await,
        Command::Runs(args) => runs::run(globals, args).await,
        Command::Report(args) => report::run(globals, args).await,
        Command::Why(args) => results::why(globals, args).await,
        Command::Who(args) => who::run(globals, args).await,
        Command::Provider(args) => provider::run(globals, args).await,
        Command::Suppress(args) => suppress::run(globals, args).await,
        Command::Listen(args) => listen::run(globals, args).await,
        Command::Events(args) => events::run(globals, args).await,
        Command::Config(_) | Command::Completions(_) | Command::Man(_) | Command::Help(_) => {
            Ok(Exit::OK)
        }
    }
}

/// Writes to standard output what was asked for; a reader that has left is no error.
pub(crate) fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::internal(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Makes a directory for files that hold addresses: mode 0700.
pub(crate) fn make_private_dir(dir: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| Error::internal(format!("{}: {e}", dir.shown())))
}
