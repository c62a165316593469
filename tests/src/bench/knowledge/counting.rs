//! An embedder that counts, and knows the texts of a run before it is measured, so that what is measured is not its work.

use async_trait::async_trait;
use mastra_core::Result;
use mastra_rag::embed::{self, EmbedKind, Embedder, EmbedderInfo, hash::HashEmbedder};
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The length of its vectors.
pub(super) const DIMENSION: usize = 384;

/// `hash/384`, with a memory.
#[derive(Debug)]
pub(super) struct Counting {
    inner: HashEmbedder,
    known: RwLock<HashMap<String, Vec<f32>>>,
    calls: AtomicU64,
    texts: AtomicU64,
}

impl Counting {
    pub(super) fn new() -> Result<Self> {
        let inner = HashEmbedder::new(DIMENSION)?;
        Ok(Self { inner, known: RwLock::default(), calls: AtomicU64::new(0), texts: AtomicU64::new(0) })
    }

    /// Learns texts: they are looked up from now on.
    pub(super) async fn learn(&self, texts: &[&str]) -> Result<()> {
        let vectors = self.inner.embed(texts, EmbedKind::Document).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(texts.iter().map(|text| (*text).to_owned()).zip(vectors));
        Ok(())
    }

    /// The vector of a text that was learnt.
    pub(super) fn known(&self, text: &str) -> Option<Vec<f32>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned()
    }

    pub(super) fn forget(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Calls with texts, and texts, so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::SeqCst), self.texts.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Embedder for Counting {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        embed::check_texts(texts)?;
        if !texts.is_empty() {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.texts.fetch_add(texts.len() as u64, Ordering::SeqCst);
        }
        let known: Option<Vec<Vec<f32>>> = texts.iter().map(|text| self.known(text)).collect();
        match known {
            Some(vectors) => Ok(vectors),
            None => self.inner.embed(texts, kind).await,
        }
    }
}
