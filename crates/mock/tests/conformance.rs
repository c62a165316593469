//! The mock passes the suite, as it is and as a trait object behind a box and an arc.

use mastra_conformance::TestEngine;
use mastra_core::Engine;
use mastra_mock::MockEngine;
use std::sync::Arc;

mod concrete {
    mastra_conformance::engine_suite!(async || super::TestEngine::new(super::MockEngine::new().checked()));
}

mod boxed {
    async fn fresh() -> super::TestEngine {
        let engine: Box<dyn super::Engine> = Box::new(super::MockEngine::new().checked());
        super::TestEngine::new(engine)
    }

    mastra_conformance::engine_suite!(fresh);
}

mod shared {
    async fn fresh() -> super::TestEngine {
        let engine: super::Arc<dyn super::Engine> = super::Arc::new(super::MockEngine::new().checked());
        super::TestEngine::new(engine)
    }

    mastra_conformance::engine_suite!(fresh);
}
