//! The migrations as files: `migrations/<backend>/0001_name.sql`.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use clap::ValueEnum;
use mastra_core::Result;
use mastra_core::migrate::{Migration, check_series};

use crate::process::{Workspace, file_error};

/// A backend that has migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Postgres,
    Sqlite,
    Pgvector,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::Postgres, Self::Sqlite, Self::Pgvector];
    /// The engines, whose schemas change together.
    pub(crate) const ENGINES: [Self; 2] = [Self::Postgres, Self::Sqlite];

    /// The folder of the migrations, from the root.
    pub(crate) fn folder(self) -> PathBuf {
        PathBuf::from("migrations").join(self.to_string())
    }

    /// The folder of the crate that embeds them, from the root.
    pub(crate) fn crate_folder(self) -> PathBuf {
        PathBuf::from("crates").join(match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
            Self::Pgvector => "vector-pgvector",
        })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
            Self::Pgvector => "pgvector",
        })
    }
}

/// The backend's migrations in order, checked as a series.
pub(crate) fn read(workspace: &Workspace, backend: Backend) -> Result<Vec<Migration>> {
    let folder = workspace.join(backend.folder());
    let entries = fs::read_dir(&folder).map_err(|error| file_error("cannot read the migrations", &folder, error))?;
    let mut migrations = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file_error("cannot read the migrations", &folder, error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Editors leave their own files beside ours.
        if name.starts_with('.') {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| file_error("cannot read a migration", &path, error))?;
        migrations.push(Migration::parse(&name, &text)?);
    }
    migrations.sort_by_key(Migration::version);
    check_series(&migrations).map_err(|error| error.with("folder", backend.folder().display()))?;
    Ok(migrations)
}
