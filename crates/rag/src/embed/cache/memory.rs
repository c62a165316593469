//! A cache in memory, bounded.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lru::LruCache;
use mastra_core::Result;

use super::{CacheKey, EmbeddingCache};

/// Keeps the vectors used last, up to a number of them; gone with the process.
///
/// One takes its numbers times 4 bytes and about 120: 10,000 of 384 are 17 MB.
#[derive(Debug)]
pub struct MemoryCache(Mutex<LruCache<CacheKey, Box<[f32]>>>);

impl MemoryCache {
    /// Room for this many vectors, at least one.
    pub fn new(capacity: usize) -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN))))
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// No change is left half done by a panic: the map's own operations do not run foreign code.
    fn lock(&self) -> MutexGuard<'_, LruCache<CacheKey, Box<[f32]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EmbeddingCache for MemoryCache {
    async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>> {
        let mut kept = self.lock();
        Ok(keys.iter().map(|key| kept.get(key).map(|vector| vector.to_vec())).collect())
    }

    async fn put(&self, entries: &[(CacheKey, &[f32])]) -> Result<()> {
        let mut kept = self.lock();
        for (key, vector) in entries {
            kept.put(*key, (*vector).into());
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::embed::{EmbedKind, EmbedderInfo};

    #[tokio::test]
    async fn the_vector_that_was_not_used_for_longest_goes() {
        let cache = MemoryCache::new(2);
        let info = EmbedderInfo::new("example/one", 1);
        let [a, b, c] = ["a", "b", "c"].map(|text| CacheKey::new(&info, EmbedKind::Document, text));
        cache.put(&[(a, &[1.0]), (b, &[2.0])]).await.unwrap();
        cache.get(&[a]).await.unwrap();
        cache.put(&[(c, &[3.0])]).await.unwrap();
        assert_eq!(cache.get(&[a, b, c]).await.unwrap(), [Some(vec![1.0]), None, Some(vec![3.0])]);
        assert_eq!(cache.len(), 2);
    }
}
