//! The subcommands, one per file. Each converts its arguments to text or JSON output. Steps that
//! several commands share are in [`run`](crate::run). A command never imports another command.

mod check;
mod config;
pub(crate) mod events;
pub(crate) mod generate;
mod help;
mod listen;
mod pause;
mod preview;
mod provider;
mod reconcile;
mod report;
mod resume;
mod retry;
mod runs;
mod send;
mod status;
pub(crate) mod suppress;
mod wait;
mod who;
mod why;

use crate::cli::{Cli, Command};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::ci_reports::CiReports;
use crate::run::schedule;

/// Runs the given command and waits for its end. Starts an async runtime if the command needs one.
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
        crate::process::needs_room_in_files()?;
        schedule::as_batch();
    }
    // A single thread handles network I/O, which avoids wake-ups between threads. Files, templates
    // and SQLite are handled on separate blocking threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        // Yields the processor before sleeping, so that other processes, such as a local server,
        // can run first. Several replies are then handled with one wake-up.
        .on_thread_park(std::thread::yield_now)
        .max_blocking_threads(64)
        .enable_all()
        .build()
        .map_err(|e| Error::internal(format!("the async runtime cannot start: {e}")))?;
    let exit = runtime.block_on(dispatch(cli));
    // After a second Ctrl-C a blocking task may still wait for a file. The process ends without
    // waiting for the task.
    runtime.shutdown_background();
    exit
}

async fn dispatch(cli: &Cli) -> Result<Exit> {
    let globals = &cli.globals;
    crate::pipeline::install_sigusr1_handler()
        .map_err(|e| Error::internal(format!("cannot install signal handlers: {e}")))?;
    match &cli.command {
        Command::Send(args) => send::run(globals, args).await,
        Command::Check(args) => check::run(globals, args).await,
        Command::Preview(args) => preview::run(globals, args).await,
        Command::Resume(args) => resume::run(globals, args).await,
        Command::Retry(args) => retry::run(globals, args).await,
        Command::Reconcile(args) => reconcile::run(globals, args).await,
        Command::Pause(args) => pause::pause(globals, args).await,
        Command::Unpause(args) => pause::unpause(globals, args).await,
        Command::Status(args) => status::run(globals, args).await,
        Command::Wait(args) => wait::run(globals, args).await,
        Command::Runs(args) => runs::run(globals, args).await,
        Command::Report(args) => report::run(globals, args).await,
        Command::Why(args) => why::run(globals, args).await,
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
