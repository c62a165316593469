//! Vectors that were paid for once: by model and content.

mod folder;
mod memory;

pub use folder::FolderCache;
pub use memory::MemoryCache;

use std::fmt;

use async_trait::async_trait;
use mastra_core::Result;
use sha2::{Digest as _, Sha256};

use super::{EmbedKind, EmbedderInfo};

/// What a vector is kept under: a SHA-256 over model, dimension, kind and text. The text cannot be read from it.
///
/// ```
/// use mastra_rag::embed::{EmbedKind, EmbedderInfo, cache::CacheKey};
///
/// let (small, large) = (EmbedderInfo::new("example/small", 2), EmbedderInfo::new("example/large", 2));
/// let key = CacheKey::new(&small, EmbedKind::Document, "a");
/// assert_eq!(key, CacheKey::new(&small, EmbedKind::Document, "a"));
/// assert_ne!(key, CacheKey::new(&large, EmbedKind::Document, "a"));
/// assert_ne!(key, CacheKey::new(&small, EmbedKind::Query, "a"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of a text's vector by that embedder.
    pub fn new(info: &EmbedderInfo, kind: EmbedKind, text: &str) -> Self {
        let mut hasher = Sha256::new();
        // With its length before it, no name can run into what follows.
        hasher.update((info.model.len() as u64).to_le_bytes());
        hasher.update(info.model.as_bytes());
        hasher.update((info.dimension as u64).to_le_bytes());
        hasher.update([match kind {
            EmbedKind::Document => 0,
            EmbedKind::Query => 1,
        }]);
        hasher.update(text.as_bytes());
        Self(hasher.finalize().into())
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

/// A place for vectors. It may forget any of them at any time; what it gives back is what was put in, or nothing.
///
/// An error of a cache is no error of the embedding: [`Cached`](super::Cached) logs it and embeds.
#[async_trait]
pub trait EmbeddingCache: fmt::Debug + Send + Sync {
    /// The vectors of these keys, in their order, `None` where there is none.
    async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>>;

    /// Keeps vectors, those of a key that is there already included.
    async fn put(&self, entries: &[(CacheKey, &[f32])]) -> Result<()>;
}
