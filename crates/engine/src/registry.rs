//! From a URL to an engine or a store of vectors, open to backends of other crates.

use futures::future::BoxFuture;
use mastra_core::{Engine, Error, Result, vector::VectorStore};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A connection being made.
pub type Connecting = BoxFuture<'static, Result<Arc<dyn Engine>>>;

/// A connection to a store of vectors being made.
pub type ConnectingVectors = BoxFuture<'static, Result<Arc<dyn VectorStore>>>;

/// An engine, and a store of vectors in its database.
pub type Pair = (Arc<dyn Engine>, Arc<dyn VectorStore>);

/// A connection to both being made.
pub type ConnectingPair = BoxFuture<'static, Result<Pair>>;

/// What stands behind each scheme: given the whole URL, it connects.
type Factories<C> = BTreeMap<String, Arc<dyn Fn(String) -> C + Send + Sync>>;

/// Which URL schemes lead to which backend, for engines and for stores of vectors.
///
/// The default knows the backends of the features that are on: engines under `mock`, `sqlite` (and `file`), `postgres` (and
/// `postgresql`); vectors under `mock`, `sqlite` (and `file`), `postgres` (and `postgresql`, with the feature `pgvector`), `qdrant`
/// (and `qdrants`, over TLS).
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
    engines: Factories<Connecting>,
    vectors: Factories<ConnectingVectors>,
    pairs: Factories<ConnectingPair>,
}

impl Registry {
    /// A registry that knows no backend.
    pub fn empty() -> Self {
        Self { engines: BTreeMap::new(), vectors: BTreeMap::new(), pairs: BTreeMap::new() }
    }

    /// Adds an engine, or puts it in the place of the one that had the scheme. The factory is given the whole URL.
    #[must_use]
    pub fn with<F, C>(mut self, scheme: impl Into<String>, factory: F) -> Self
    where
        F: Fn(String) -> C + Send + Sync + 'static,
        C: Future<Output = Result<Arc<dyn Engine>>> + Send + 'static,
    {
        let scheme = scheme.into().to_ascii_lowercase();
        self.pairs.remove(&scheme);
        self.engines.insert(scheme, Arc::new(move |url| Box::pin(factory(url))));
        self
    }

    /// Adds a store of vectors, or puts it in the place of the one that had the scheme. A scheme can stand for an engine and a store
    /// of vectors at once.
    #[must_use]
    pub fn with_vectors<F, C>(mut self, scheme: impl Into<String>, factory: F) -> Self
    where
        F: Fn(String) -> C + Send + Sync + 'static,
        C: Future<Output = Result<Arc<dyn VectorStore>>> + Send + 'static,
    {
        let scheme = scheme.into().to_ascii_lowercase();
        self.pairs.remove(&scheme);
        self.vectors.insert(scheme, Arc::new(move |url| Box::pin(factory(url))));
        self
    }

    /// Says how both are made at once, so that vectors are written in the engine's transactions ([`Transaction::vectors`]). Comes behind
    /// [`Registry::with`] and [`Registry::with_vectors`] of the scheme, which take it away.
    ///
    /// [`Transaction::vectors`]: mastra_core::Transaction::vectors
    #[must_use]
    pub fn with_pair<F, C>(mut self, scheme: impl Into<String>, factory: F) -> Self
    where
        F: Fn(String) -> C + Send + Sync + 'static,
        C: Future<Output = Result<Pair>> + Send + 'static,
    {
        self.pairs.insert(scheme.into().to_ascii_lowercase(), Arc::new(move |url| Box::pin(factory(url))));
        self
    }

    /// The schemes of the engines that it knows, sorted.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.engines.keys().map(String::as_str)
    }

    /// The schemes of the stores of vectors that it knows, sorted.
    pub fn vector_schemes(&self) -> impl Iterator<Item = &str> {
        self.vectors.keys().map(String::as_str)
    }

    /// Connects to the engine that the URL names.
    ///
    /// An unknown scheme, or none, is `InvalidInput`; what else can go wrong is the backend's to say. The URL is never part of
    /// an error, since it may hold a password.
    pub async fn connect(&self, url: &str) -> Result<Arc<dyn Engine>> {
        connect_by(&self.engines, url)?.await.map_err(|error| error.with_operation("connect"))
    }

    /// Connects to the store of vectors that the URL names; errors as of [`Registry::connect`].
    pub async fn connect_vectors(&self, url: &str) -> Result<Arc<dyn VectorStore>> {
        connect_by(&self.vectors, url)?.await.map_err(|error| error.with_operation("connect"))
    }

    /// Connects to the engine that the URL names, and to the vectors in its database: where the backend can, over the same connections and
    /// with vectors in the engine's transactions. Errors as of [`Registry::connect`], of either.
    #[cfg_attr(
        feature = "mock",
        doc = r#"
```
# #[tokio::main(flavor = "current_thread")]
# async fn main() -> mastra_engine::Result<()> {
let (engine, _vectors) = mastra_engine::Registry::default().connect_pair("mock://").await?;
assert!(engine.begin().await?.vectors().is_some());
# Ok(())
# }
```
"#
    )]
    pub async fn connect_pair(&self, url: &str) -> Result<Pair> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
        match self.pairs.get(&scheme) {
            Some(factory) => factory(url.to_owned()).await.map_err(|error| error.with_operation("connect")),
            None => Ok((self.connect(url).await?, self.connect_vectors(url).await?)),
        }
    }
}

/// Begins the connection of a URL's scheme.
fn connect_by<C>(factories: &Factories<C>, url: &str) -> Result<C> {
    let bad = |message: &str| {
        let known = factories.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Error::invalid_input(message).with_operation("connect").with("known", known)
    };
    let (scheme, _) = url.split_once(':').ok_or_else(|| bad("the engine URL has no scheme, such as sqlite: or postgres:"))?;
    let factory = factories
        .get(&scheme.to_ascii_lowercase())
        .ok_or_else(|| bad("no backend is built in for the URL's scheme; turn its feature on, or register it"))?;
    Ok(factory(url.to_owned()))
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
        #[cfg(feature = "mock")]
        let registry = registry.with_vectors("mock", |url| async move {
            Ok(Arc::new(mastra_mock::connect_vectors(&url).await?) as Arc<dyn VectorStore>)
        });
        #[cfg(feature = "sqlite")]
        let registry = ["sqlite", "file"].into_iter().fold(registry, |registry, scheme| {
            registry.with_vectors(scheme, |url| async move {
                Ok(Arc::new(mastra_sqlite::connect_vectors(&url).await?) as Arc<dyn VectorStore>)
            })
        });
        #[cfg(feature = "pgvector")]
        let registry = ["postgres", "postgresql"].into_iter().fold(registry, |registry, scheme| {
            registry.with_vectors(scheme, |url| async move {
                Ok(Arc::new(mastra_pgvector::connect(&url).await?) as Arc<dyn VectorStore>)
            })
        });
        #[cfg(feature = "mock")]
        let registry = registry.with_pair("mock", |url| async move {
            let engine = mastra_mock::connect(&url).await?;
            let vectors = engine.inner().vectors();
            Ok((Arc::new(engine) as Arc<dyn Engine>, Arc::new(vectors) as Arc<dyn VectorStore>))
        });
        #[cfg(feature = "sqlite")]
        let registry = ["sqlite", "file"].into_iter().fold(registry, |registry, scheme| {
            registry.with_pair(scheme, |url| async move {
                let engine = mastra_sqlite::connect(&url).await?;
                let vectors = engine.inner().vectors();
                Ok((Arc::new(engine) as Arc<dyn Engine>, Arc::new(vectors) as Arc<dyn VectorStore>))
            })
        });
        #[cfg(all(feature = "postgres", feature = "pgvector"))]
        let registry = ["postgres", "postgresql"].into_iter().fold(registry, |registry, scheme| {
            registry.with_pair(scheme, |url| async move {
                let engine = mastra_postgres::connect(&url).await?;
                let vectors = mastra_pgvector::PgVector::of(&engine).await?;
                Ok((Arc::new(engine) as Arc<dyn Engine>, Arc::new(vectors) as Arc<dyn VectorStore>))
            })
        });
        #[cfg(feature = "qdrant")]
        let registry = ["qdrant", "qdrants"].into_iter().fold(registry, |registry, scheme| {
            registry.with_vectors(scheme, |url| async move {
                Ok(Arc::new(mastra_qdrant::connect(&url).await?) as Arc<dyn VectorStore>)
            })
        });
        registry
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("schemes", &self.schemes().collect::<Vec<_>>())
            .field("vector_schemes", &self.vector_schemes().collect::<Vec<_>>())
            .finish()
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

/// Connects to the store of vectors that the URL names, among the backends that are built in.
///
/// | URL | store |
/// |---|---|
/// | `sqlite:app.db`, `sqlite::memory:` | in the file of the embedded engine |
/// | `postgres://user@host/database` | pgvector, feature `pgvector` |
/// | `qdrant://host:6334`, `qdrants://host:6334` | Qdrant, feature `qdrant` |
/// | `mock://name` | in memory, for tests |
pub async fn connect_vectors(url: &str) -> Result<Arc<dyn VectorStore>> {
    Registry::default().connect_vectors(url).await
}
