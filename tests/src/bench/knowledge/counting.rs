//! An embedder that counts, and knows the texts of a run before it is measured, so that what is measured is not its work.
//!
//! The vectors that it knows lie as those of a model do: around centres, those of one subject around the same.

use async_trait::async_trait;
use mastra_conformance::Random;
use mastra_core::Result;
use mastra_rag::embed::{self, EmbedKind, Embedder, EmbedderInfo, hash::HashEmbedder};
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};
use uuid::Uuid;

/// The length of its vectors.
pub(super) const DIMENSION: usize = 384;

/// Around how many centres texts lie, and how far from them, where each number of a centre spreads by 1.
const CENTRES: u64 = 64;
const SPREAD: f32 = 0.6;

/// Numbers that spread by 1 around 0, about normally.
fn numbers(random: &mut Random) -> Vec<f32> {
    let number = |random: &mut Random| {
        let twelve: usize = (0..12).map(|_| random.below(1 << 20)).sum();
        (twelve as f64 / f64::from(1 << 20) - 6.0) as f32
    };
    (0..DIMENSION).map(|_| number(random)).collect()
}

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

    /// Learns texts of a subject: their vectors are looked up from now on.
    pub(super) fn learn(&self, subject: usize, texts: &[&str]) {
        let near = numbers(&mut Random::new(subject as u64 % CENTRES));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for text in texts {
            let seed = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).as_u64_pair().0;
            let spread = numbers(&mut Random::new(seed));
            let vector: Vec<f32> = near.iter().zip(spread).map(|(near, spread)| near + SPREAD * spread).collect();
            let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            known.insert((*text).to_owned(), vector.iter().map(|number| number / length).collect());
        }
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
