//! `cargo xtask migrate new`: the next numbered file.

use std::fs;

use mastra_core::migrate::{Migration, MigrationKind, check_series};
use mastra_core::{Error, Result};

use crate::codegen::{Backend, read_migrations};
use crate::process::{Workspace, file_error};

/// Begin the next migration.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// What it does, in lower case words: add_tags.
    name: String,
    /// For which backend; both where it is not said.
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Older clients can no longer work with it.
    #[arg(long)]
    breaking: bool,
    /// Run each statement alone, for CREATE INDEX CONCURRENTLY (Postgres).
    #[arg(long)]
    no_transaction: bool,
}

impl New {
    pub(super) fn run(&self, workspace: &Workspace) -> Result<()> {
        let backends: Vec<Backend> = self.backend.map_or(Backend::ENGINES.to_vec(), |backend| vec![backend]);
        if self.no_transaction && backends != [Backend::Postgres] && backends != [Backend::Pgvector] {
            return Err(Error::invalid_input("--no-transaction is for --backend postgres"));
        }
        for backend in backends {
            let known = read_migrations(workspace, backend)?;
            let (file, text) = self.draft(&known)?;
            let path = backend.folder().join(file);
            let full = workspace.join(&path);
            fs::write(&full, text).map_err(|error| file_error("cannot write the migration", &full, error))?;
            println!("wrote {}; next: fill it in, `cargo xtask migrate lint`, `cargo xtask codegen`", path.display());
        }
        Ok(())
    }

    /// The file's name and text, tried by the rules of the series.
    fn draft(&self, known: &[Migration]) -> Result<(String, String)> {
        let version = known.last().map_or(1, |last| last.version() + 1);
        let (kind, oldest) = match self.breaking {
            true => (MigrationKind::Breaking, version),
            false => (MigrationKind::Additive, known.last().map_or(1, Migration::oldest_client)),
        };
        let transaction = if self.no_transaction { " transaction=off" } else { "" };
        let (file, name) = (format!("{version:04}_{}.sql", self.name), self.name.replace('_', " "));
        let text = format!("-- mastra: kind={kind} oldest_client={oldest}{transaction}\n-- What it does and why: {name}.\n");
        let mut series = known.to_vec();
        series.push(Migration::parse(&file, &text)?);
        check_series(&series)?;
        Ok((file, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str, breaking: bool) -> New {
        New { name: name.into(), backend: None, breaking, no_transaction: false }
    }

    #[test]
    fn a_draft_follows_the_series() {
        let first = Migration::parse("0001_a.sql", "-- mastra: kind=additive oldest_client=1\n").unwrap();
        let (file, text) = new("add_tags", false).draft(std::slice::from_ref(&first)).unwrap();
        assert_eq!(file, "0002_add_tags.sql");
        assert!(text.starts_with("-- mastra: kind=additive oldest_client=1\n"), "{text}");
        let (_, text) = new("drop_tags", true).draft(&[first]).unwrap();
        assert!(text.starts_with("-- mastra: kind=breaking oldest_client=2\n"), "{text}");
        assert!(new("Add Tags", false).draft(&[]).is_err());
    }
}
