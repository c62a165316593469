//! The whole command line on a backend of one's own: `cargo run -p mastra-cli --example own_backend -- conformance 'mystore:{}'`.

use mastra_engine::{Engine, Registry, mock, vector::VectorStore};
use std::{process::ExitCode, sync::Arc};

/// Every backend that is built in, and `mystore:NAME`: an engine and a store of vectors. The mock stands for both here; a backend may be
/// one of them alone.
pub(crate) fn registry() -> Registry {
    Registry::default()
        .with("mystore", |url| async move { Ok(Arc::new(mock::connect(&place(&url)).await?) as Arc<dyn Engine>) })
        .with_vectors(
            "mystore",
            |url| async move { Ok(Arc::new(mock::connect_vectors(&place(&url)).await?) as Arc<dyn VectorStore>) },
        )
}

fn place(url: &str) -> String {
    format!("mock://{}", url.trim_start_matches("mystore:"))
}

/// `vectors`, `conformance`, `bench` and all other commands.
fn main() -> ExitCode {
    mastra_cli::run(registry())
}
