//! An embedder that counts, waits and fails on request.

use async_trait::async_trait;
use mastra_core::{Error, Result};
use mastra_rag::embed::{EmbedKind, Embedder, EmbedderInfo, hash::HashEmbedder};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Texts that hold this word are refused.
pub(crate) const POISON: &str = "poison";
/// Over texts that hold this one the server breaks.
pub(crate) const BREAKING: &str = "breaking";

#[derive(Debug)]
pub(crate) struct Counting {
    info: EmbedderInfo,
    inner: HashEmbedder,
    /// Texts embedded so far.
    texts: AtomicU64,
    /// Calls so far, whatever became of them.
    calls: AtomicU64,
    /// How many of the next calls fail as unavailable.
    outages: AtomicU64,
    /// How long each call takes, and each of its texts.
    pause: Mutex<(Duration, Duration)>,
}

impl Counting {
    pub(crate) fn new(model: &str, dimension: usize) -> Self {
        Self {
            info: EmbedderInfo::new(model, dimension),
            inner: HashEmbedder::new(dimension).unwrap(),
            texts: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            outages: AtomicU64::new(0),
            pause: Mutex::default(),
        }
    }

    pub(crate) fn texts(&self) -> u64 {
        self.texts.load(Ordering::SeqCst)
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn fail_next(&self, calls: u64) {
        self.outages.store(calls, Ordering::SeqCst);
    }

    pub(crate) fn take(&self, pause: Duration) {
        self.pause.lock().unwrap().0 = pause;
    }

    pub(crate) fn take_for_each_text(&self, pause: Duration) {
        self.pause.lock().unwrap().1 = pause;
    }
}

#[async_trait]
impl Embedder for Counting {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (call, text) = *self.pause.lock().unwrap();
        let pause = call + text * u32::try_from(texts.len()).unwrap();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if self.outages.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(Error::unavailable("the model does not answer"));
        }
        if texts.iter().any(|text| text.contains(BREAKING)) {
            return Err(Error::unavailable("the server of the model broke").retryable(true));
        }
        if texts.iter().any(|text| text.contains(POISON)) {
            return Err(Error::invalid_input("the model refuses a text"));
        }
        self.texts.fetch_add(texts.len() as u64, Ordering::SeqCst);
        self.inner.embed(texts, kind).await
    }
}
