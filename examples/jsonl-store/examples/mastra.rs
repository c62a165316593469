//! The whole `mastra` command on a folder of JSON lines: `cargo run --example mastra -- --engine jsonl:vectors vectors list`.

use mastra_cli::Registry;
use mastra_core::vector::VectorStore;
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    mastra_cli::run(
        Registry::default()
            .with_vectors("jsonl", |url| async move { Ok(Arc::new(mastra_jsonl::connect(&url).await?) as Arc<dyn VectorStore>) }),
    )
}
