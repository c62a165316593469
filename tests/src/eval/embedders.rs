//! The embedders that can be run here, and why the others cannot.

use super::options::{MINILM, Options};
use mastra_core::Result;
use mastra_rag::embed::{Cached, Embedder, EmbedderExt as _, EmbedderOptions, Embedders, cache::FolderCache};
use std::sync::Arc;

/// The name that all-MiniLM-L6-v2 has in tables, wherever its folder is.
const MINILM_NAME: &str = "local/all-MiniLM-L6-v2";

/// What is measured, and what is not.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) embedders: Vec<Named>,
    /// What was not measured, and why.
    pub(super) missing: Vec<(String, String)>,
}

/// An embedder under its name in tables.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) embedder: Arc<Cached<Arc<dyn Embedder>>>,
}

/// Those that were asked for; without a word, `hash/384` and what the environment names.
///
/// Errors: what was asked for by name and cannot be had.
pub(super) async fn choose(options: &Options) -> Result<Choice> {
    let mut choice = Choice::default();
    let all = Embedders::default();
    let cache = Arc::new(FolderCache::open(&options.cache)?);
    let keep = |name: &str, embedder: Arc<dyn Embedder>| {
        let name = name.split_once('@').map_or(name, |(name, _)| name).to_owned();
        Named { name, embedder: Arc::new(Cached::new(embedder, cache.clone())) }
    };
    for name in &options.embedders {
        let embedder = all.connect(name).await?;
        let name = embedder.model().to_owned();
        choice.embedders.push(keep(&name, embedder));
    }
    if !options.embedders.is_empty() {
        return Ok(choice);
    }
    choice.embedders.push(keep("hash/384", all.connect("hash/384").await?));
    match std::env::var(MINILM) {
        Ok(folder) if cfg!(feature = "models") => {
            let embedder = all.connect_with(&format!("local/{folder}"), EmbedderOptions::default()).await?;
            choice.embedders.push(keep(MINILM_NAME, embedder));
        }
        Ok(_) => choice.miss(MINILM_NAME, "the program was built without the feature `models`"),
        Err(_) => choice.miss(MINILM_NAME, &format!("{MINILM} does not name the folder of its weights")),
    }
    choice.miss("model2vec/…", "no weights were at hand; `--embedder model2vec/PATH` measures a model of yours");
    choice.miss("openai/…", "it takes a key and a server; `--embedder openai/MODEL` measures one where they are set");
    Ok(choice)
}

impl Choice {
    fn miss(&mut self, name: &str, why: &str) {
        self.missing.push((name.to_owned(), why.to_owned()));
    }
}
