//! `cargo xtask migrate`: begin a migration, check them, and bring a database up to date with them.

mod lint;
mod new;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use mastra_core::{Error, Result};

use crate::codegen::Backend;
use crate::process::{Workspace, show};

/// Work on the migrations.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask migrate", bin_name = "cargo xtask migrate", max_term_width = 100)]
struct Migrate {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin the next migration: a numbered file with its header.
    New(new::New),
    /// Check every migration: headers, and for Postgres that nothing locks a table for long.
    Lint,
    /// Apply what is pending, with `mastra engine migrate`.
    Up(Forwarded),
    /// Show what is pending, with `mastra engine migrate --plan`.
    Plan(Forwarded),
    /// Fail where the schema is behind, ahead or edited, with `mastra engine migrate --check`.
    Check(Forwarded),
    /// Print the SQL of what is pending, with `mastra engine migrate --sql`.
    Sql(Forwarded),
}

#[derive(Debug, clap::Args)]
struct Forwarded {
    /// Arguments for `mastra engine migrate`, such as `--engine URL`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the command with its own arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let name = OsString::from("cargo xtask migrate");
    let flags = match Migrate::try_parse_from(std::iter::once(&name).chain(arguments)) {
        Ok(flags) => flags,
        // Help and mistakes alike: clap prints and chooses the exit code.
        Err(error) => error.exit(),
    };
    let workspace = Workspace::find()?;
    match flags.command {
        Command::New(new) => new.run(&workspace),
        Command::Lint => lint(&workspace),
        Command::Up(forwarded) => mastra(&workspace, None, &forwarded),
        Command::Plan(forwarded) => mastra(&workspace, Some("--plan"), &forwarded),
        Command::Check(forwarded) => mastra(&workspace, Some("--check"), &forwarded),
        Command::Sql(forwarded) => mastra(&workspace, Some("--sql"), &forwarded),
    }
}

/// Checks every migration and fails where one breaks a rule.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    let findings = findings(workspace)?;
    if findings.is_empty() {
        println!("every migration keeps the rules");
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(|finding| format!("{finding}\n")).collect();
    Err(Error::invalid_input(format!("migrations break {} rules:\n{}", findings.len(), lines.concat())))
}

fn findings(workspace: &Workspace) -> Result<Vec<lint::Finding>> {
    let mut findings = Vec::new();
    for backend in Backend::ALL {
        findings.extend(lint::check(backend, &crate::codegen::read_migrations(workspace, backend)?));
    }
    Ok(findings)
}

fn mastra(workspace: &Workspace, mode: Option<&str>, forwarded: &Forwarded) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--package", "mastra-cli", "--", "engine", "migrate"]);
    show(command.args(mode).args(&forwarded.arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_keep_the_rules() {
        let findings = findings(&Workspace::find().unwrap()).unwrap();
        assert!(findings.is_empty(), "{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}
