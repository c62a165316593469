//! Knowledge bases as they are stored, without a description of them: neither model nor entity has to be there.

use super::{
    KnowledgeBase,
    base::discard,
    state::{self, State},
};
use mastra_core::{Engine, Result, vector::VectorStore};

impl KnowledgeBase {
    /// What an engine keeps of the knowledge base of this name; empty where it has none. Reads one record and follows nothing.
    pub async fn stored(engine: &dyn Engine, name: &str) -> Result<State> {
        Ok(state::load(engine, name).await?.0)
    }

    /// Every knowledge base that an engine keeps, in order of name.
    pub async fn list_stored(engine: &dyn Engine) -> Result<Vec<(String, State)>> {
        state::list(engine).await
    }

    /// Ends the knowledge base of this name: the indexes of all its versions, their queues, then its entry; the records stay. What there was
    /// of it. Stopped in the middle, it goes on when it is called again.
    pub async fn remove(engine: &dyn Engine, vectors: &dyn VectorStore, name: &str) -> Result<State> {
        let stored = Self::stored(engine, name).await?;
        for version in stored.versions() {
            discard(engine, vectors, version).await?;
        }
        state::forget(engine, name).await?;
        Ok(stored)
    }
}
