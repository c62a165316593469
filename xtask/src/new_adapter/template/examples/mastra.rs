//! The whole `mastra` command, on this store too: `cargo run --example mastra -- --engine newstore:place vectors list`.

use mastra_cli::Registry;
use mastra_core::vector::VectorStore;
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    mastra_cli::run(Registry::default().with_vectors("newstore", |url| async move {
        Ok(Arc::new(mastra_newstore::connect(&url).await?) as Arc<dyn VectorStore>)
    }))
}
