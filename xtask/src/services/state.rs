//! What is up, on disk: `.services/state.json`, and `.services/url` for whoever wants the URL alone.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::flags::Source;
use crate::process::{Workspace, file_error};

/// The services as they came up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The server's URL, password included.
    pub(crate) url: String,
    /// Its port.
    pub(crate) port: u16,
    /// Its version, such as `15.18`.
    pub(crate) version: String,
    /// The version of pgvector that can be created in it.
    pub(crate) pgvector: String,
    /// Where it came from.
    pub(crate) source: Source,
    /// The private server's directory.
    #[serde(default)]
    pub(crate) directory: Option<PathBuf>,
    /// Server binaries, for tests that start a server of their own.
    #[serde(default)]
    pub(crate) pg_bin: Option<PathBuf>,
    /// The pooler's binary.
    #[serde(default)]
    pub(crate) pgbouncer: Option<PathBuf>,
    /// What could not be had, a line each.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
}

impl State {
    /// What `up` saved last; `None` before the first and after `down`.
    pub(crate) fn load(workspace: &Workspace) -> Result<Option<Self>> {
        let path = file(workspace);
        match std::fs::read_to_string(&path) {
            // A file of an older form says nothing: `up` writes it again.
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_error("cannot read", &path, source)),
        }
    }

    pub(crate) fn save(&self, workspace: &Workspace) -> Result<()> {
        write_secret(&file(workspace), &self.to_json()?)?;
        write_secret(&workspace.join(".services/url"), &self.url)
    }

    pub(crate) fn forget(workspace: &Workspace) -> Result<()> {
        for path in [file(workspace), workspace.join(".services/url")] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(file_error("cannot remove", &path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|source| Error::internal("cannot write the state as JSON").with_source(source))
    }
}

fn file(workspace: &Workspace) -> PathBuf {
    workspace.join(".services/state.json")
}

/// Puts a file that only its owner can read into place at once, so that a reader sees the old one or the whole new one.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension("new");
    let attempt = || {
        let _ = std::fs::remove_file(&unfinished);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        writeln!(file, "{text}")?;
        std::fs::rename(&unfinished, path)
    };
    attempt().map_err(|source| file_error("cannot write", path, source))
}
