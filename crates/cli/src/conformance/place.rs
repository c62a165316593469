//! Where cases run: what a URL is registered as, and fresh engines and stores there.

use super::unknown;
use crate::{exit::HINT, resolve::redacted};
use mastra_conformance::{TestEngine, runner::Runner, vectors::TestVectors};
use mastra_core::{Engine, EntityQuery, Error, RecordId, RecordStore as _, Result, vector::VectorStore};
use mastra_engine::Registry;
use std::sync::Arc;

/// In a URL, a name that is another for each case.
const FRESH: &str = "{}";

/// A backend of a registry.
#[derive(Debug, Clone)]
pub(super) struct Place {
    registry: Registry,
    /// For connecting only: it may hold a password.
    url: String,
    engine: bool,
    vectors: bool,
    partial_filters: bool,
}

impl Place {
    pub(super) fn new(registry: &Registry, url: &str, partial_filters: bool) -> Result<Self> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
        let engine = registry.schemes().any(|known| known == scheme);
        let vectors = registry.vector_schemes().any(|known| known == scheme);
        if !engine && !vectors {
            return Err(unknown(registry, &scheme));
        }
        Ok(Self { registry: registry.clone(), url: url.to_owned(), engine, vectors, partial_filters })
    }

    /// Gives a runner the factories of what is registered; cases that share a store run one after another.
    pub(super) fn factories(&self, mut runner: Runner) -> Runner {
        if self.engine {
            let place = self.clone();
            runner = runner.engines(move || place.clone().fresh_engine());
        }
        if self.vectors {
            let place = self.clone();
            runner = runner.vectors(move || place.clone().fresh_vectors());
        }
        if self.url.contains(FRESH) { runner } else { runner.threads(1) }
    }

    /// Connects once, and fails as `Conflict` where there is something already.
    pub(super) async fn check(&self) -> Result<()> {
        if self.engine {
            self.clone().fresh_engine().await?.end().await;
        }
        if self.vectors {
            self.clone().fresh_vectors().await?.end().await;
        }
        Ok(())
    }

    fn case_url(&self) -> String {
        // One name for all places of the URL.
        self.url.replace(FRESH, &format!("c{}", RecordId::generate().as_uuid().simple()))
    }

    fn occupied(&self, what: &'static str, count: usize) -> Error {
        Error::conflict(format!("there are {what} already, and cases run on an empty backend alone"))
            .with(what, count)
            .with("url", redacted(&self.url))
            .with(HINT, "{} in the URL gives each case a place of its own")
    }

    async fn fresh_engine(self) -> Result<TestEngine> {
        let url = self.case_url();
        let engine = self.empty_engine(&url).await?;
        let can = engine.capabilities().admin;
        let registry = self.registry;
        let reopen = {
            let (registry, url) = (registry.clone(), url.clone());
            move || connect(registry.clone(), url.clone())
        };
        let cleaned = Arc::clone(&engine);
        let fresh = TestEngine::from(engine).cleanup(async move { clean_engine(&registry, &url, &*cleaned).await });
        Ok(if can.persistent || can.multi_process { fresh.reopen(reopen) } else { fresh })
    }

    async fn fresh_vectors(self) -> Result<TestVectors> {
        let url = self.case_url();
        let store = self.registry.connect_vectors(&url).await?;
        let there = store.list_indexes().await?.len();
        if there > 0 {
            return Err(self.occupied("indexes", there));
        }
        let can = *store.capabilities();
        // What else is registered under the scheme shares its transactions only where that is claimed.
        let engine = if self.engine && can.write.transactions { Some(self.empty_engine(&url).await?) } else { None };
        let registry = self.registry;
        let reopen = {
            let (registry, url) = (registry.clone(), url.clone());
            move || connect_vectors(registry.clone(), url.clone())
        };
        let (cleaned, beside) = (Arc::clone(&store), engine.clone());
        let cleanup = async move {
            clean_vectors(&registry, &url, &*cleaned).await;
            if let Some(engine) = beside {
                clean_engine(&registry, &url, &*engine).await;
            }
        };
        let mut fresh = TestVectors::from(store).cleanup(cleanup);
        if let Some(engine) = engine {
            fresh = fresh.engine(engine);
        }
        if self.partial_filters {
            fresh = fresh.required_filters(can.filter);
        }
        Ok(if can.admin.persistent || can.admin.multi_process { fresh.reopen(reopen) } else { fresh })
    }

    async fn empty_engine(&self, url: &str) -> Result<Arc<dyn Engine>> {
        let engine = self.registry.connect(url).await?;
        let there = engine.list_entities(&EntityQuery::default()).await?.items.len();
        if there > 0 {
            return Err(self.occupied("entities", there));
        }
        Ok(engine)
    }
}

async fn connect(registry: Registry, url: String) -> Result<Arc<dyn Engine>> {
    registry.connect(&url).await
}

async fn connect_vectors(registry: Registry, url: String) -> Result<Arc<dyn VectorStore>> {
    registry.connect_vectors(&url).await
}

/// Deletes what a case made. The case may have closed the engine; then it is opened once more.
async fn clean_engine(registry: &Registry, url: &str, engine: &dyn Engine) {
    let cleaned = match empty_engine(engine).await {
        Ok(()) => Ok(()),
        Err(_) => async { empty_engine(&*registry.connect(url).await?).await }.await,
    };
    told(cleaned);
    told(engine.close().await);
}

async fn empty_engine(engine: &dyn Engine) -> Result<()> {
    for entity in engine.list_entities(&EntityQuery::default()).await?.items {
        engine.delete_entity_by_id(entity.id).await?;
    }
    if let Some(changes) = engine.changes() {
        for subscription in changes.list_subscriptions().await? {
            changes.unsubscribe(&subscription.name).await?;
        }
    }
    Ok(())
}

async fn clean_vectors(registry: &Registry, url: &str, store: &dyn VectorStore) {
    let cleaned = match empty_store(store).await {
        Ok(()) => Ok(()),
        Err(_) => async { empty_store(&*registry.connect_vectors(url).await?).await }.await,
    };
    told(cleaned);
    told(store.close().await);
}

async fn empty_store(store: &dyn VectorStore) -> Result<()> {
    for index in store.list_indexes().await? {
        store.delete_index(&index.name).await?;
    }
    Ok(())
}

/// A case has said what it had to say; what stays behind is named.
fn told(cleaned: Result<()>) {
    if let Err(error) = cleaned {
        eprintln!("warning: what a case made is left behind: {error}");
    }
}
