//! `cargo xtask codegen`: files that are generated and committed.

mod embed;
mod reference;
mod source;

use std::fs;
use std::path::PathBuf;

use mastra_core::{Error, Result};

use crate::process::{Workspace, file_error};

pub(crate) use source::{Backend, read as read_migrations};

/// A file whose text follows from others.
pub(crate) struct Generated {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Writes the generated files that differ, or with `check` names them and fails.
pub(crate) fn run(check: bool) -> Result<()> {
    let workspace = Workspace::find()?;
    let stale = stale(&workspace)?;
    if stale.is_empty() {
        println!("every generated file is up to date");
        return Ok(());
    }
    if check {
        let names: Vec<String> = stale.iter().map(|file| format!("  {}\n", file.path.display())).collect();
        let message = format!("generated files are stale:\n{}fix: run `cargo xtask codegen` and commit", names.concat());
        return Err(Error::invalid_input(message));
    }
    for file in stale {
        let path = workspace.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| file_error("cannot create the folder", folder, error))?;
        }
        fs::write(&path, &file.text).map_err(|error| file_error("cannot write a generated file", &path, error))?;
        println!("wrote {}", file.path.display());
    }
    Ok(())
}

/// The generated files that are missing or differ from what they follow from.
fn stale(workspace: &Workspace) -> Result<Vec<Generated>> {
    let mut stale = Vec::new();
    for file in generate(workspace)? {
        let path = workspace.join(&file.path);
        match fs::read_to_string(&path) {
            // A checkout may have turned the line endings.
            Ok(text) if text.replace("\r\n", "\n") == file.text => {}
            Ok(_) => stale.push(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => stale.push(file),
            Err(error) => return Err(file_error("cannot read a generated file", &path, error)),
        }
    }
    Ok(stale)
}

fn generate(workspace: &Workspace) -> Result<Vec<Generated>> {
    let mut series = Vec::new();
    for backend in Backend::ALL {
        series.push((backend, source::read(workspace, backend)?));
    }
    let mut files: Vec<Generated> = series.iter().map(|(backend, migrations)| embed::module(*backend, migrations)).collect();
    files.push(reference::page(&series));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_what_would_be_generated() {
        let stale = stale(&Workspace::find().unwrap()).unwrap();
        let names: Vec<_> = stale.iter().map(|file| file.path.display().to_string()).collect();
        assert!(names.is_empty(), "run `cargo xtask codegen`: {names:?}");
    }
}
