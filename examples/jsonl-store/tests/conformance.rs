//! The store passes the suite.

use mastra_conformance::vectors::TestVectors;
use mastra_core::vector::VectorStore;
use std::sync::Arc;

async fn fresh() -> TestVectors {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("jsonl:{}", folder.path().display());
    let store = mastra_jsonl::connect(&url).await.expect("a store");
    TestVectors::new(store)
        .reopen(move || {
            let url = url.clone();
            async move { Ok(Arc::new(mastra_jsonl::connect(&url).await?) as Arc<dyn VectorStore>) }
        })
        .keep(folder)
}

mastra_conformance::vector_store_suite!(fresh);
