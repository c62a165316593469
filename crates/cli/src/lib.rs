#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
mod bench;
mod cli;
mod completions;
#[cfg(feature = "conformance")]
mod conformance;
mod context;
mod engine;
mod entities;
mod exit;
pub mod generate;
mod interrupt;
mod knowledge;
mod logging;
#[cfg(feature = "mcp")]
mod mcp;
mod output;
mod quickstart;
mod records;
mod resolve;
mod sync;
mod vectors;

use clap::Parser as _;
use clap::error::ErrorKind as UsageErrorKind;
use cli::{Cli, Command};
use context::Context;
use exit::{Exit, HINT, Outcome, Stop};
use interrupt::unless_interrupted;
use mastra_core::Error;
use output::Output;
use records::RecordsCommand;
use std::process::ExitCode;

pub use mastra_engine::Registry;

/// Runs the command that the process was started with, on the backends of a registry, and gives its exit code.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     mastra_cli::run(mastra_engine::Registry::default())
/// }
/// ```
pub fn run(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let out = Output::new(cli.global.json);
    logging::init(cli.global.verbose, cli.global.json);
    let outcome = runtime().and_then(|runtime| {
        let outcome = runtime.block_on(dispatch(cli, registry, out));
        // A blocked read of standard input must not hold the process.
        runtime.shutdown_background();
        outcome
    });
    finish(outcome, &out).into()
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|source| Error::internal("cannot start the runtime").with_source(source).into())
}

async fn dispatch(cli: Cli, registry: Registry, out: Output) -> Outcome {
    // These need no engine that was chosen, and no readable configuration.
    match &cli.command {
        Command::Completions(command) => return command.run(&out),
        #[cfg(feature = "mcp")]
        Command::Mcp(command) => command.enter()?,
        #[cfg(feature = "conformance")]
        Command::Conformance(command) => return command.run(&registry, &out).await,
        #[cfg(feature = "conformance")]
        Command::Bench(command) => return command.run(&registry, &out).await,
        _ => {}
    }
    let sources = resolve::Sources::read(cli.global.engine)?;
    let choice = resolve::resolve(&sources)?;
    let context = Context { registry, choice, settings: sources.settings(), out };
    match cli.command {
        // An import stops by itself, behind the batch that it is storing.
        Command::Records(RecordsCommand::Import(import)) => import.run(&context).await,
        // A run stops at a page's edge.
        Command::Sync(command) => command.run(&context).await,
        // So do these, behind the batch in hand.
        Command::Index(command) => command.run(&context).await,
        Command::Reindex(command) => command.run(&context).await,
        Command::Verify(command) => command.run(&context).await,
        Command::Search(command) => unless_interrupted(command.run(&context)).await,
        Command::Knowledge(command) => unless_interrupted(command.run(&context)).await,
        Command::Quickstart(command) => command.run(&context).await,
        Command::Engine(command) => unless_interrupted(command.run(&context)).await,
        Command::Entities(command) => unless_interrupted(command.run(&context)).await,
        Command::Records(command) => unless_interrupted(command.run(&context)).await,
        Command::Vectors(command) => unless_interrupted(command.run(&context)).await,
        #[cfg(feature = "mcp")]
        Command::Mcp(command) => unless_interrupted(command.run(context)).await,
        Command::Completions(command) => command.run(&context.out),
        #[cfg(feature = "conformance")]
        Command::Conformance(command) => command.run(&context.registry, &context.out).await,
        #[cfg(feature = "conformance")]
        Command::Bench(command) => command.run(&context.registry, &context.out).await,
    }
}

fn finish(outcome: Outcome, out: &Output) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(Stop::ClosedPipe) => Exit::Done,
        Err(Stop::Interrupted) => {
            out.note("interrupted");
            Exit::Interrupted
        }
        Err(Stop::Error(error)) => {
            out.failure(&error);
            Exit::from(&error)
        }
    }
}

/// Help and versions are results; anything else is a malformed command line, told as JSON where JSON was asked for.
fn usage(error: &clap::Error) -> Exit {
    let asked = matches!(error.kind(), UsageErrorKind::DisplayHelp | UsageErrorKind::DisplayVersion);
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && !asked {
        let rendered = error.render().to_string();
        let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Output::new(true).failure(&Error::invalid_input(message).with(HINT, "--help"));
    } else {
        // A closed pipe leaves nobody to tell.
        let _ = error.print();
    }
    if asked { Exit::Done } else { Exit::Usage }
}
