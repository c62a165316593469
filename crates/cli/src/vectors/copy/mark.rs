//! How far a copy has come, kept in `.mastra/` behind every page that was written.

use crate::{context::make_home, exit::file_error, resolve::HOME};
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
};

/// How far a copy has come.
#[derive(Debug)]
pub(super) struct Mark {
    file: PathBuf,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    from: String,
    to: String,
    /// The namespace that is being copied; those before it are done.
    namespace: Option<String>,
    /// The last of its points that was written; they come in the order of their ids.
    last: Option<String>,
    /// Whether its end was reached.
    done: bool,
    copied: u64,
}

impl Mark {
    /// Where an earlier run of the same copy stopped, else the beginning.
    pub(super) fn open(from: &str, to: &str, restart: bool) -> Result<Self> {
        Self::open_in(Path::new("."), from, to, restart)
    }

    fn open_in(project: &Path, from: &str, to: &str, restart: bool) -> Result<Self> {
        make_home(project)?;
        let digest = Sha256::digest(format!("{from}\n{to}"));
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let file = project.join(HOME).join(format!("copy-{name}.json"));
        let start = State { from: from.into(), to: to.into(), namespace: None, last: None, done: false, copied: 0 };
        let kept = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice::<State>(&text).ok());
        let state = kept.filter(|kept| !restart && kept.from == from && kept.to == to).unwrap_or(start);
        Ok(Self { file, state })
    }

    /// Forgets what was copied.
    pub(super) fn begin(&mut self) -> Result<()> {
        (self.state.namespace, self.state.last, self.state.done, self.state.copied) = (None, None, false, 0);
        self.keep()
    }

    pub(super) fn copied(&self) -> u64 {
        self.state.copied
    }

    /// Whether an earlier run passed a point. Namespaces come in the order of their names, points in that of their ids.
    pub(super) fn is_past(&self, namespace: &str, id: &str) -> bool {
        match self.state.namespace.as_deref().map(|current| namespace.cmp(current)) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => self.state.done || self.state.last.as_deref().is_some_and(|last| id <= last),
            Some(Ordering::Greater) | None => false,
        }
    }

    /// So many points more are written, the last of them this one.
    pub(super) fn move_to(&mut self, namespace: &str, last: &str, points: u64) -> Result<()> {
        (self.state.namespace, self.state.last, self.state.done) = (Some(namespace.to_owned()), Some(last.to_owned()), false);
        self.state.copied += points;
        self.keep()
    }

    /// A namespace is written to its end.
    pub(super) fn finish(&mut self, namespace: &str) -> Result<()> {
        if self.state.namespace.as_deref().is_some_and(|current| namespace < current) {
            return Ok(());
        }
        (self.state.namespace, self.state.last, self.state.done) = (Some(namespace.to_owned()), None, true);
        self.keep()
    }

    /// The file is replaced as a whole: a kill leaves the old or the new.
    fn keep(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.state)
            .map_err(|source| Error::internal("the copy's position could not be written").with_source(source))?;
        let new = self.file.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &self.file))
            .map_err(|source| file_error("cannot keep the copy's position", &self.file, source))
    }

    /// The copy is done: the next one begins anew.
    pub(super) fn end(self) -> Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(file_error("cannot remove the copy's position", &self.file, source))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_on_behind_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let open = |restart| Mark::open_in(folder.path(), "a#x", "b#x", restart).unwrap();
        let mut mark = open(false);
        assert!(!mark.is_past("", ""));
        mark.begin().unwrap();
        mark.move_to("a", "m", 10).unwrap();
        let mut again = open(false);
        assert_eq!(again.copied(), 10);
        assert!(again.is_past("", "z") && again.is_past("a", "m") && !again.is_past("a", "n") && !again.is_past("b", "a"));
        again.move_to("a", "z", 5).unwrap();
        again.finish("a").unwrap();
        again.finish("").unwrap();
        let third = open(false);
        assert!(third.is_past("a", "zz") && third.is_past("", "a") && !third.is_past("b", "a"));
        assert_eq!(third.copied(), 15);
        assert_eq!(open(true).copied(), 0);
        assert_eq!(Mark::open_in(folder.path(), "a#x", "c#x", false).unwrap().copied(), 0);
        third.end().unwrap();
        assert_eq!(open(false).copied(), 0);
    }
}
