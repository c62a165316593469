//! How far a copy has come, kept in `.mastra/` behind every page that was written.

use crate::{context::make_home, exit::file_error, resolve::HOME};
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

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
    /// Where in it; `None` at its end.
    cursor: Option<String>,
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
        let start = State { from: from.into(), to: to.into(), namespace: None, cursor: None, done: false, copied: 0 };
        let kept = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice::<State>(&text).ok());
        let state = kept.filter(|kept| !restart && kept.from == from && kept.to == to).unwrap_or(start);
        Ok(Self { file, state })
    }

    /// Forgets what was copied.
    pub(super) fn begin(&mut self) {
        (self.state.namespace, self.state.cursor, self.state.done, self.state.copied) = (None, None, false, 0);
    }

    pub(super) fn copied(&self) -> u64 {
        self.state.copied
    }

    /// Whether a namespace was copied to its end. They come in the order of their names.
    pub(super) fn is_behind(&self, namespace: &str) -> bool {
        match self.state.namespace.as_deref() {
            Some(current) => namespace < current || (namespace == current && self.state.done),
            None => false,
        }
    }

    /// Goes on in a namespace, or begins it.
    pub(super) fn enter(&mut self, namespace: &str) -> Option<String> {
        if self.state.namespace.as_deref() != Some(namespace) {
            (self.state.namespace, self.state.cursor, self.state.done) = (Some(namespace.to_owned()), None, false);
        }
        self.state.cursor.clone()
    }

    /// So many points more are written, and the rest is behind the cursor. The file is replaced as a whole: a kill leaves the old or the new.
    pub(super) fn move_to(&mut self, cursor: Option<&str>, points: u64) -> Result<()> {
        self.state.cursor = cursor.map(str::to_owned);
        self.state.done = cursor.is_none();
        self.state.copied += points;
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
        assert_eq!(mark.enter("a"), None);
        mark.move_to(Some("c1"), 10).unwrap();
        let mut again = open(false);
        assert_eq!((again.copied(), again.is_behind("a"), again.enter("a")), (10, false, Some("c1".into())));
        again.move_to(None, 5).unwrap();
        let mut third = open(false);
        assert!(third.is_behind("a") && third.is_behind("") && !third.is_behind("b"));
        assert_eq!((third.enter("b"), third.copied()), (None, 15));
        assert_eq!(open(true).copied(), 0);
        assert_eq!(Mark::open_in(folder.path(), "a#x", "c#x", false).unwrap().copied(), 0);
        third.end().unwrap();
        assert_eq!(open(false).copied(), 0);
    }
}
