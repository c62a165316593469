//! The mock's vector store passes the suite, as it is and as a trait object behind a box and an arc.

use mastra_conformance::vectors::TestVectors;
use mastra_core::vector::{CheckedVectors, VectorStore};
use mastra_mock::MockEngine;
use std::sync::Arc;

/// With the engine whose transactions it shares.
fn beside(engine: MockEngine, wrap: impl FnOnce(CheckedVectors<MockEngine>) -> TestVectors) -> TestVectors {
    wrap(engine.vectors()).engine(Arc::new(engine.checked()))
}

mod concrete {
    use super::{MockEngine, TestVectors, beside};

    mastra_conformance::vector_store_suite!(async || beside(MockEngine::new(), TestVectors::new));
}

mod boxed {
    use super::{MockEngine, TestVectors, VectorStore, beside};

    async fn fresh() -> TestVectors {
        beside(MockEngine::new(), |store| TestVectors::new(Box::new(store) as Box<dyn VectorStore>))
    }

    mastra_conformance::vector_store_suite!(fresh);
}

mod shared {
    use super::{Arc, MockEngine, TestVectors, VectorStore, beside};

    async fn fresh() -> TestVectors {
        beside(MockEngine::new(), |store| TestVectors::from(Arc::new(store) as Arc<dyn VectorStore>))
    }

    mastra_conformance::vector_store_suite!(fresh);
}
