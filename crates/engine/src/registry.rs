//! From a URL to an engine, open to backends of other crates.

use futures::future::BoxFuture;
use mastra_core::{Engine, Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A connection being made.
pub type Connecting = BoxFuture<'static, Result<Arc<dyn Engine>>>;

type Factory = Arc<dyn Fn(String) -> Connecting + Send + Sync>;

/// Which URL schemes lead to which backend.
///
/// The default knows the backends of the features that are on: `mock`, `sqlite` (and `file`), `postgres` (and `postgresql`).
#[cfg_attr(
    feature = "mock",
    doc = r#"
```
use mastra_engine::{Registry, mock};
use std::sync::Arc;

let registry = Registry::default().with("mystore", |_url| async {
    let engine: Arc<dyn mastra_engine::Engine> = Arc::new(mock::connect("mock://").await?);
    Ok(engine)
});
assert!(registry.schemes().any(|scheme| scheme == "mystore"));
```
"#
)]
#[derive(Clone)]
pub struct Registry {
    factories: BTreeMap<String, Factory>,
}

impl Registry {
    /// A registry that knows no backend.
    pub fn empty() -> Self {
        Self { factories: BTreeMap::new() }
    }

    /// Adds a backend, or puts it in the place of the one that had the scheme. The factory is given the whole URL.
    #[must_use]
    pub fn with<F, C>(mut self, scheme: impl Into<String>, factory: F) -> Self
    where
        F: Fn(String) -> C + Send + Sync + 'static,
        C: Future<Output = Result<Arc<dyn Engine>>> + Send + 'static,
    {
        self.factories.insert(scheme.into().to_ascii_lowercase(), Arc::new(move |url| Box::pin(factory(url))));
        self
    }

    /// The schemes that it knows, sorted.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }

    /// Connects to the engine that the URL names.
    ///
    /// An unknown scheme, or none, is `InvalidInput`; what else can go wrong is the backend's to say. The URL is never part of
    /// an error, since it may hold a password.
    pub async fn connect(&self, url: &str) -> Result<Arc<dyn Engine>> {
        let bad = |message: &str| {
            let known = self.schemes().collect::<Vec<_>>().join(", ");
            Error::invalid_input(message).with_operation("connect").with("known", known)
        };
        let (scheme, _) = url.split_once(':').ok_or_else(|| bad("the engine URL has no scheme, such as sqlite: or postgres:"))?;
        let factory = self
            .factories
            .get(&scheme.to_ascii_lowercase())
            .ok_or_else(|| bad("no backend is built in for the URL's scheme; turn its feature on, or register it"))?;
        factory(url.to_owned()).await.map_err(|error| error.with_operation("connect"))
    }
}

impl Default for Registry {
    fn default() -> Self {
        let registry = Self::empty();
        #[cfg(feature = "mock")]
        let registry =
            registry.with("mock", |url| async move { Ok(Arc::new(mastra_mock::connect(&url).await?) as Arc<dyn Engine>) });
        #[cfg(feature = "sqlite")]
        let registry = ["sqlite", "file"].into_iter().fold(registry, |registry, scheme| {
            registry.with(scheme, |url| async move { Ok(Arc::new(mastra_sqlite::connect(&url).await?) as Arc<dyn Engine>) })
        });
        #[cfg(feature = "postgres")]
        let registry = ["postgres", "postgresql"].into_iter().fold(registry, |registry, scheme| {
            registry.with(scheme, |url| async move { Ok(Arc::new(mastra_postgres::connect(&url).await?) as Arc<dyn Engine>) })
        });
        registry
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("schemes", &self.schemes().collect::<Vec<_>>()).finish()
    }
}

/// Connects to the engine that the URL names, among the backends that are built in.
///
/// | URL | engine |
/// |---|---|
/// | `sqlite:app.db`, `sqlite::memory:` | embedded, one file |
/// | `postgres://user@host/database` | Postgres |
/// | `mock://name` | in memory, for tests |
pub async fn connect(url: &str) -> Result<Arc<dyn Engine>> {
    Registry::default().connect(url).await
}
