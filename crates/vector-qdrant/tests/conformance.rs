//! The store passes the suite on the double, as it is and as a trait object; and on a server, where `QDRANT_URL` names one.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use mastra_conformance::vectors::{TestVectors, vector_cases};
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
async fn on_server(url: &str) -> Result<TestVectors> {
    let prefix = format!("t{}_", Uuid::now_v7().simple());
    let store: Arc<dyn VectorStore> = Arc::new(connect(url, &prefix).await?);
    let (last_url, last_prefix) = (url.to_owned(), prefix.clone());
    let cleanup = async move {
        // A case may have closed its store.
        let last = connect(&last_url, &last_prefix).await.unwrap();
        for index in last.list_indexes().await.unwrap() {
            last.delete_index(&index.name).await.unwrap();
        }
    };
    Ok(fresh_on(url.to_owned(), prefix, store).cleanup(cleanup))
}

/// One test a level, each case on a store of its own.
mod server {
    use super::{on_server, vector_cases};
    use mastra_conformance::vectors::{Level, run_vector_case};

    fn run(level: Level) {
        let Ok(url) = std::env::var("QDRANT_URL") else {
            println!("not run on a server: QDRANT_URL is not set");
            return;
        };
        let mut failed = Vec::new();
        for case in vector_cases().iter().filter(|case| case.level == level) {
            let outcome = run_vector_case(case, &|| Box::pin(on_server(&url)));
            failed.extend(outcome.err().map(|failure| format!("{case}: {failure:?}")));
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    #[test]
    fn basic() {
        run(Level::Basic);
    }

    #[test]
    fn points() {
        run(Level::Points);
    }

    #[test]
    fn filters() {
        run(Level::Filters);
    }

    #[test]
    fn namespaces() {
        run(Level::Namespaces);
    }

    #[test]
    fn text() {
        run(Level::Text);
    }

    #[test]
    fn administration() {
        run(Level::Administration);
    }

    #[test]
    fn shared() {
        run(Level::Shared);
    }

    #[test]
    fn approximate() {
        run(Level::Approximate);
    }
}
