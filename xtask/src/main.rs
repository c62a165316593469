//! The repository's own commands: `cargo xtask --help`.

mod ci;
mod codegen;
mod conformance;
mod flags;
mod migrate;
mod new_adapter;
mod process;
mod services;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser as _;
use mastra_core::Result;

use flags::{Command, Xtask};
use process::Workspace;

fn main() -> ExitCode {
    match run(Xtask::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Xtask) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match flags.command {
        Command::Services(command) => services::run(&workspace, command),
        Command::Test(flags) => test::run(&workspace, &flags),
        Command::Ci(flags) => ci::run(&workspace, &flags),
        Command::Tidy => tidy::run(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Codegen(flags) => codegen::run(flags.check).map(|()| ExitCode::SUCCESS),
        Command::Migrate(forwarded) => migrate::run(&forwarded.arguments).map(|()| ExitCode::SUCCESS),
        Command::NewAdapter(flags) => new_adapter::run(&workspace, &flags).map(|()| ExitCode::SUCCESS),
        Command::Conformance(forwarded) => conformance::run(&workspace, &forwarded.arguments),
        Command::Bench(forwarded) => test::forward(&workspace, "mastra-bench", &forwarded.arguments),
        Command::Eval(forwarded) => test::forward(&workspace, test::EVALUATION, &forwarded.arguments),
    }
}
