//! An embedder that asks a cache first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use mastra_core::Result;

use super::cache::{CacheKey, EmbeddingCache};
use super::check::placed;
use super::{EmbedKind, Embedder, EmbedderInfo, check_texts, checked};

/// What a [`Cached`] did since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// Texts whose vector was there, a second mention in one call included.
    pub hits: u64,
    /// Texts that went to the embedder.
    pub misses: u64,
    /// Calls of the embedder: 0 where everything was there.
    pub calls: u64,
}

/// An embedder with a cache before it. A text is embedded once, however often and in whatever call it comes, until the cache forgets it.
///
/// A cache that fails is logged and done without.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_rag::embed::{Cached, EmbedKind, Embedder as _, Embedders, cache::MemoryCache};
/// use std::sync::Arc;
///
/// let embedder = Cached::new(Embedders::default().connect("hash/384").await?, Arc::new(MemoryCache::new(10_000)));
/// let first = embedder.embed(&["a", "b", "a"], EmbedKind::Document).await?;
/// let again = embedder.embed(&["a", "b", "a"], EmbedKind::Document).await?;
/// assert_eq!(first, again);
/// let stats = embedder.stats();
/// assert_eq!((stats.misses, stats.hits, stats.calls), (2, 4, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Cached<E> {
    embedder: E,
    cache: Arc<dyn EmbeddingCache>,
    hits: AtomicU64,
    misses: AtomicU64,
    calls: AtomicU64,
}

impl<E: Embedder> Cached<E> {
    /// Puts the cache before the embedder.
    pub fn new(embedder: E, cache: Arc<dyn EmbeddingCache>) -> Self {
        Self { embedder, cache, hits: AtomicU64::new(0), misses: AtomicU64::new(0), calls: AtomicU64::new(0) }
    }

    /// What it did so far.
    pub fn stats(&self) -> CacheStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats { hits: read(&self.hits), misses: read(&self.misses), calls: read(&self.calls) }
    }

    /// The embedder behind the cache.
    pub fn inner(&self) -> &E {
        &self.embedder
    }

    /// What the cache has, held to what the embedder promises: a cache of someone else's may hold anything.
    async fn kept(&self, keys: &[CacheKey]) -> HashMap<CacheKey, Vec<f32>> {
        let kept = match self.cache.get(keys).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "the cache of embeddings cannot be read; going on without");
                return HashMap::new();
            }
        };
        let usable = |vector: Option<Vec<f32>>| checked(self.embedder.info(), 1, vec![vector?]).ok()?.pop();
        keys.iter().zip(kept).filter_map(|(key, vector)| Some((*key, usable(vector)?))).collect()
    }

    /// Embeds each text once, and keeps its vector.
    async fn make(&self, missing: &[(CacheKey, &str)], kind: EmbedKind) -> Result<Vec<(CacheKey, Vec<f32>)>> {
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<&str> = missing.iter().map(|(_, text)| *text).collect();
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.misses.fetch_add(missing.len() as u64, Ordering::Relaxed);
        let vectors = self.embedder.embed(&texts, kind).await?;
        let made: Vec<(CacheKey, Vec<f32>)> = missing.iter().map(|(key, _)| *key).zip(vectors).collect();
        let entries: Vec<(CacheKey, &[f32])> = made.iter().map(|(key, vector)| (*key, vector.as_slice())).collect();
        if let Err(error) = self.cache.put(&entries).await {
            tracing::warn!(%error, "the cache of embeddings cannot be written; going on without");
        }
        Ok(made)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Embedder> Embedder for Cached<E> {
    fn info(&self) -> &EmbedderInfo {
        self.embedder.info()
    }

    async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        check_texts(texts)?;
        let keys: Vec<CacheKey> = texts.iter().map(|text| CacheKey::new(self.info(), kind, text)).collect();
        let mut vectors = self.kept(&keys).await;
        let (mut missing, mut places, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for (place, (key, text)) in keys.iter().zip(texts).enumerate() {
            if !vectors.contains_key(key) && seen.insert(*key) {
                missing.push((*key, *text));
                places.push(place);
            }
        }
        let made = self.make(&missing, kind).await.map_err(|error| placed(error, |place| places.get(place).copied()))?;
        self.hits.fetch_add((texts.len() - missing.len()) as u64, Ordering::Relaxed);
        vectors.extend(made);
        // A text may come twice, so vectors are copied; a copy is nothing beside an embedding.
        let all = keys.iter().filter_map(|key| vectors.get(key).cloned()).collect();
        checked(self.info(), texts.len(), all)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::embed::cache::MemoryCache;
    use mastra_core::{Error, ErrorKind};
    use std::sync::Mutex;

    /// Gives the length of a text, refuses "bad", and remembers what it was asked.
    #[derive(Debug)]
    struct Lengths(EmbedderInfo, Mutex<Vec<Vec<String>>>);

    impl Lengths {
        fn new() -> Self {
            Self(EmbedderInfo::new("example/lengths", 1), Mutex::default())
        }
    }

    #[async_trait]
    impl Embedder for Lengths {
        fn info(&self) -> &EmbedderInfo {
            &self.0
        }

        async fn embed(&self, texts: &[&str], _kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
            self.1.lock().unwrap().push(texts.iter().map(|text| (*text).to_owned()).collect());
            if let Some(place) = texts.iter().position(|text| *text == "bad") {
                return Err(Error::invalid_input("bad").with("text", place));
            }
            Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
        }
    }

    /// Reads and writes fail.
    #[derive(Debug)]
    struct Broken;

    #[async_trait]
    impl EmbeddingCache for Broken {
        async fn get(&self, _keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>> {
            Err(Error::unavailable("broken"))
        }

        async fn put(&self, _entries: &[(CacheKey, &[f32])]) -> Result<()> {
            Err(Error::unavailable("broken"))
        }
    }

    /// Holds vectors that nobody made.
    #[derive(Debug)]
    struct Nonsense;

    #[async_trait]
    impl EmbeddingCache for Nonsense {
        async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>> {
            Ok(keys.iter().map(|_| Some(vec![f32::NAN, 0.0])).collect())
        }

        async fn put(&self, _entries: &[(CacheKey, &[f32])]) -> Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn only_what_is_missing_is_embedded_once_and_in_order() {
        let cached = Cached::new(Lengths::new(), Arc::new(MemoryCache::new(10)));
        cached.embed(&["aa"], EmbedKind::Document).await.unwrap();
        let vectors = cached.embed(&["b", "aa", "ccc", "b"], EmbedKind::Document).await.unwrap();
        assert_eq!(vectors, [[1.0], [2.0], [3.0], [1.0]]);
        assert_eq!(*cached.inner().1.lock().unwrap(), [vec!["aa"], vec!["b", "ccc"]]);
        assert_eq!(cached.stats(), CacheStats { hits: 2, misses: 3, calls: 2 });

        cached.embed(&["b", "aa", "ccc"], EmbedKind::Document).await.unwrap();
        assert_eq!(cached.stats().calls, 2, "an unchanged run makes no call");
        cached.embed(&["aa"], EmbedKind::Query).await.unwrap();
        assert_eq!(cached.stats().calls, 3, "a query is another thing than a document");
    }

    #[tokio::test]
    async fn the_position_in_an_error_is_the_caller_s() {
        let cached = Cached::new(Lengths::new(), Arc::new(MemoryCache::new(10)));
        cached.embed(&["a"], EmbedKind::Document).await.unwrap();
        let error = cached.embed(&["a", "a", "b", "bad"], EmbedKind::Document).await.unwrap_err();
        assert_eq!((error.kind(), error.get("text")), (ErrorKind::InvalidInput, Some("3")));
    }

    #[tokio::test]
    async fn a_broken_cache_or_one_with_nonsense_costs_calls_and_nothing_else() {
        for cache in [Arc::new(Broken) as Arc<dyn EmbeddingCache>, Arc::new(Nonsense)] {
            let cached = Cached::new(Lengths::new(), cache);
            for _ in 0..2 {
                assert_eq!(cached.embed(&["aa"], EmbedKind::Document).await.unwrap(), [[2.0]]);
            }
            assert_eq!(cached.stats().calls, 2);
        }
    }
}
