//! A folder of indexes that one process has to itself.

use crate::index::{Index, sync_name};
use mastra_core::{Error, Result, vector::IndexSpec};
use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::PathBuf,
};

/// An open folder, and all that its files hold.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) indexes: BTreeMap<String, Index>,
    /// Held until the folder is dropped; the system lets go of it when the process dies.
    _lock: File,
}

impl Folder {
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let refused = |source| Error::io("the folder cannot be opened", source);
        fs::create_dir_all(&path).map_err(refused)?;
        let lock = File::create(path.join(".lock")).map_err(refused)?;
        lock.try_lock().map_err(|why| match why {
            TryLockError::WouldBlock => Error::conflict("the folder is open already; one process has it at a time"),
            TryLockError::Error(source) => refused(source),
        })?;
        let mut indexes = BTreeMap::new();
        for entry in fs::read_dir(&path).map_err(refused)? {
            let file = entry.map_err(refused)?.path();
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("jsonl") => {
                    let index = Index::open(file)?;
                    indexes.insert(index.points.spec().name.clone(), index);
                }
                // Of a process that died before the file took its place; or it has taken it by now.
                Some("new") => drop(fs::remove_file(file)),
                _ => {}
            }
        }
        Ok(Self { path, indexes, _lock: lock })
    }

    pub(crate) fn index(&self, name: &str) -> Result<&Index> {
        self.indexes.get(name).ok_or_else(|| absent(name))
    }

    pub(crate) fn index_mut(&mut self, name: &str) -> Result<&mut Index> {
        self.indexes.get_mut(name).ok_or_else(|| absent(name))
    }

    /// Makes an index. Its name is one of letters, digits and dashes, as the capabilities say, and so that of a file.
    pub(crate) fn create(&mut self, spec: IndexSpec) -> Result<()> {
        let name = spec.name.clone();
        if self.indexes.contains_key(&name) {
            return Err(Error::already_exists("there is a vector index of this name").with("index", name));
        }
        let index = Index::create(self.path.join(format!("{name}.jsonl")), spec)?;
        self.indexes.insert(name, index);
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<()> {
        let path = &self.index(name)?.path;
        let removed = fs::remove_file(path).and_then(|()| sync_name(path));
        removed.map_err(|source| Error::io("the file of the index cannot be removed", source))?;
        self.indexes.remove(name);
        Ok(())
    }
}

fn absent(name: &str) -> Error {
    Error::not_found("there is no vector index of this name").with("index", name)
}
