//! The store passes the suite on the double, as it is and as a trait object; and on the server that `QDRANT_URL` names, where that is asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use mastra_conformance::vectors::TestVectors;
use mastra_core::{
    Result,
    vector::{CheckedVectors, VectorStore},
};
use mastra_doubles::Qdrant;
use mastra_qdrant::QdrantVectors;
use std::sync::Arc;
use uuid::Uuid;

async fn connect(url: &str, prefix: &str) -> Result<CheckedVectors<QdrantVectors>> {
    let mut builder = QdrantVectors::builder(url)?.prefix(prefix);
    if let Ok(key) = std::env::var("QDRANT_API_KEY") {
        builder = builder.api_key(key);
    }
    builder.connect().await
}

/// A store under a prefix of its own, which can be opened again.
fn fresh_on(url: String, prefix: String, store: Arc<dyn VectorStore>) -> TestVectors {
    TestVectors::from(store).reopen(move || {
        let (url, prefix) = (url.clone(), prefix.clone());
        async move { Ok(Arc::new(connect(&url, &prefix).await?) as Arc<dyn VectorStore>) }
    })
}

async fn on_double(wrap: impl FnOnce(CheckedVectors<QdrantVectors>) -> Arc<dyn VectorStore>) -> TestVectors {
    let double = Qdrant::start().await.unwrap();
    let url = double.url();
    let store = wrap(connect(&url, "").await.unwrap());
    fresh_on(url, String::new(), store).keep(double)
}

mod concrete {
    mastra_conformance::vector_store_suite!(async || super::on_double(|store| super::Arc::new(store)).await);
}

mod boxed {
    use super::{Arc, VectorStore};

    async fn fresh() -> super::TestVectors {
        super::on_double(|store| Arc::new(Box::new(store) as Box<dyn VectorStore>)).await
    }

    mastra_conformance::vector_store_suite!(fresh);
}

/// On a server every case runs under a prefix of its own, and takes its collections away.
async fn on_server() -> TestVectors {
    let url = std::env::var("QDRANT_URL").expect("QDRANT_URL names the server");
    let prefix = format!("t{}_", Uuid::now_v7().simple());
    let store: Arc<dyn VectorStore> = Arc::new(connect(&url, &prefix).await.unwrap());
    let (last_url, last_prefix) = (url.clone(), prefix.clone());
    let cleanup = async move {
        // A case may have closed its store.
        let last = connect(&last_url, &last_prefix).await.unwrap();
        for index in last.list_indexes().await.unwrap() {
            last.delete_index(&index.name).await.unwrap();
        }
    };
    fresh_on(url, prefix, store).cleanup(cleanup)
}

mod server {
    mastra_conformance::vector_store_suite!(
        #[ignore = "needs a server, which QDRANT_URL names"]
        super::on_server
    );
}
