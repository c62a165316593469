//! Which files a path stands for, and whether they are still those.

use super::state::{self, Hash, State};
use mastra_core::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// Files in the order in which they are read.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
}

/// A file, as it was when the run began.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) state: State,
    /// How much of it was read, and the hash of that; none where an earlier run read it.
    pub(super) read: Option<(u64, Hash)>,
}

impl Listing {
    /// The file at `path`, or those of the folder that end in one of `extensions`. `NotFound` where there is none: a folder that was
    /// emptied or not mounted is no source without records.
    pub(super) fn of(path: &Path, extensions: &[&str]) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|source| state::unreadable(source, path))?;
        if !metadata.is_dir() {
            if !metadata.is_file() {
                // A pipe or a device has no size, and would be taken for an empty file.
                return Err(Error::invalid_input("neither a folder nor a file").with("path", path.display()));
            }
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let file = Listed { name, path: path.to_owned(), state: State::of(&metadata), read: None };
            return Ok(Self { files: vec![file] });
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|source| state::unreadable(source, path))? {
            let entry = entry.map_err(|source| state::unreadable(source, path))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let ends = Path::new(&name).extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
            if name.starts_with('.') || !ends.is_some_and(|end| extensions.contains(&end.as_str())) {
                continue;
            }
            let path = entry.path();
            // Links are followed: the folder is the operator's own.
            let metadata = std::fs::metadata(&path).map_err(|source| state::unreadable(source, &path))?;
            if metadata.is_file() {
                files.push(Listed { name, path, state: State::of(&metadata), read: None });
            }
        }
        if files.is_empty() {
            let ends = extensions.iter().map(|end| format!(".{end}")).collect::<Vec<_>>().join(", ");
            return Err(Error::not_found(format!("the folder holds no file that ends in {ends}")).with("path", path.display()));
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { files })
    }

    /// What tells the files in front of one from others: names, sizes and times.
    pub(super) fn before(&self, index: usize) -> Option<String> {
        let before = self.files.get(..index).filter(|files| !files.is_empty())?;
        let mut hasher = Sha256::new();
        for file in before {
            hasher.update(format!("{}/{}/{}\0", file.name, file.state.bytes, file.state.nanoseconds()));
        }
        Some(state::hex(&hasher.finalize()))
    }

    /// Errors where a file was changed behind the reader: what moved from a file that was still to be read into one that was read already
    /// would be missing from the whole.
    pub(super) fn verify(&self) -> Result<()> {
        self.files.iter().try_for_each(|file| match &file.read {
            Some((bytes, hash)) => state::verify(&file.path, &file.state, *bytes, hash),
            None if State::at(&file.path).is_ok_and(|now| now == file.state) => Ok(()),
            None => Err(state::changed(&file.path)),
        })
    }
}
