//! The mock passes the suite.

mod engine {
    use mastra_core::Engine;
    use mastra_mock::MockEngine;
    use std::sync::Arc;

    async fn fresh() -> Arc<dyn Engine> {
        Arc::new(MockEngine::new().checked())
    }

    mastra_conformance::engine_suite!(fresh);
}
