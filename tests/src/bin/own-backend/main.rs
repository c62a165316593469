//! The example of a backend of one's own, with a second one that makes a mistake.

#[allow(dead_code, reason = "its own main gives way to this one")]
#[path = "../../../../crates/cli/examples/own_backend.rs"]
mod example;

use mastra_conformance::vectors::{BrokenVectors, Mistake};
use mastra_core::vector::VectorStore;
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    mastra_cli::run(example::registry().with_vectors("broken", |_| async {
        let store = mastra_mock::connect_vectors("mock://").await?;
        Ok(Arc::new(BrokenVectors::new(store, Mistake::TiesByIdDescending)) as Arc<dyn VectorStore>)
    }))
}
