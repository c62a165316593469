//! What several test files share.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]
#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod awkward;

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Tells a child process, which is the test file again, what to do and in which file.
pub(crate) const ROLE: &str = "MASTRA_SQLITE_TEST_ROLE";
pub(crate) const FILE: &str = "MASTRA_SQLITE_TEST_FILE";

/// Starts the test `child` of this test file in a process of its own.
pub(crate) fn start(role: &str, path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(ROLE, role).env(FILE, path);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// A small generator, so that a failure can be run again.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// An engine in memory.
pub(crate) async fn memory() -> mastra_core::Checked<mastra_sqlite::SqliteEngine> {
    mastra_sqlite::connect("sqlite::memory:").await.unwrap()
}

/// An engine in a file of its own, which goes with the directory.
pub(crate) async fn file() -> (tempfile::TempDir, mastra_core::Checked<mastra_sqlite::SqliteEngine>) {
    let directory = tempfile::tempdir().unwrap();
    let engine = mastra_sqlite::SqliteEngine::builder(directory.path().join("mastra.db")).connect().await.unwrap();
    (directory, engine)
}
