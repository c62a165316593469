//! Writing generated files, or comparing them with those that are there.

use mastra_core::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FileState {
    /// It was as it should be.
    Unchanged,
    /// It was written, or with a check would be: it was not there.
    Created,
    /// It was written, or with a check would be: it was another.
    Updated,
}

/// What became of every file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// By path, in order.
    pub files: Vec<(PathBuf, FileState)>,
    /// Whether nothing was written because a check was asked for.
    pub check: bool,
}

impl Checked {
    /// Whether every file was as it should be.
    pub fn is_current(&self) -> bool {
        self.files.iter().all(|(_, state)| *state == FileState::Unchanged)
    }
}

/// Writes the files that differ, each whole or not at all; with `check` only compares.
pub(super) fn write(folder: &Path, files: &BTreeMap<String, String>, check: bool) -> Result<Checked> {
    let mut done = Vec::with_capacity(files.len());
    if !check {
        std::fs::create_dir_all(folder).map_err(|source| failed("the folder cannot be made", folder, source))?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        let state = match std::fs::read_to_string(&path) {
            // A checkout may have turned line ends.
            Ok(present) if present.replace("\r\n", "\n") == *text => FileState::Unchanged,
            Ok(_) => FileState::Updated,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => FileState::Created,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => FileState::Updated,
            Err(source) => return Err(failed("the file cannot be read", &path, source)),
        };
        if !check && state != FileState::Unchanged {
            replace(folder, &path, text).map_err(|source| failed("the file cannot be written", &path, source))?;
        }
        done.push((path, state));
    }
    Ok(Checked { files: done, check })
}

fn replace(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; source files are not.
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn failed(message: &str, path: &Path, source: std::io::Error) -> Error {
    let kind = match source.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::InvalidInput,
    };
    Error::new(kind, message).with("path", path.display()).with("why", source.kind()).with_source(source)
}
