//! Records on their way into both sides: cut and embedded for the twin before anything is timed.

use super::{
    corpus::Corpus,
    counting::Counting,
    side::{Chunks, RawChunk, RawRecord, Stores},
};
use mastra_core::{NewRecord, Result, SyncBatch};
use mastra_rag::{
    chunk::Chunker,
    document::{Document, Format},
    knowledge::{KnowledgeBase, KnowledgeBuilder},
};
use serde_json::Value;
use std::{ops::Range, sync::Arc};
use uuid::Uuid;

pub(super) const ENTITY: &str = "Articles";
pub(super) const CONNECTION: &str = "bench";

/// Some records, as each side takes them.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) ours: Vec<NewRecord>,
    pub(super) raw: Vec<RawRecord>,
    pub(super) chunks: Chunks,
    /// How many chunks those are.
    pub(super) count: usize,
}

impl Piece {
    /// The records of these numbers. The embedder knows their texts from then on, where it is to remember them.
    pub(super) fn of(corpus: &Corpus, numbers: Range<usize>, embedder: &Counting) -> Result<Self> {
        let mut piece = Self::default();
        let chunker = Chunker::default();
        for number in numbers {
            let (subject, record) = corpus.record(number);
            let id = Uuid::from_u128(number as u128 + 1);
            let body = record.data.get("body").and_then(Value::as_str).unwrap_or_default();
            let chunks = chunker.chunk(&Document::from_markdown(body))?;
            let texts: Vec<String> = chunks.iter().map(|chunk| embedded(&chunk.headings, &chunk.text)).collect();
            embedder.learn(subject, &texts.iter().map(String::as_str).collect::<Vec<_>>());
            let raw = chunks.into_iter().zip(texts).map(|(chunk, text)| RawChunk {
                order: i64::try_from(chunk.order).unwrap_or_default(),
                start: i64::try_from(chunk.span.start).unwrap_or_default(),
                end: i64::try_from(chunk.span.end).unwrap_or_default(),
                headings: chunk.headings.join("\n"),
                hash: Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string(),
                text: chunk.text,
                vector: embedder.known(&text),
            });
            let raw: Vec<RawChunk> = raw.collect();
            piece.count += raw.len();
            piece.chunks.insert(id, raw);
            piece.raw.push(RawRecord { id, external_id: record.external_id.clone(), data: record.data.to_string() });
            piece.ours.push(record);
        }
        Ok(piece)
    }

    /// The same records with one more field, which is not indexed: their texts stay what they were.
    pub(super) fn touched(mut self, round: usize) -> Self {
        for (ours, raw) in self.ours.iter_mut().zip(&mut self.raw) {
            if let Value::Object(data) = &mut ours.data {
                data.insert("seen".into(), round.into());
            }
            raw.data = ours.data.to_string();
        }
        // The twin has to take them from the points that are there.
        self.chunks.values_mut().flatten().for_each(|chunk| chunk.vector = None);
        self
    }

    /// Cuts the records once more: a part of a worker's work that both sides leave to the same code.
    pub(super) fn cut(&self) -> Result<usize> {
        let chunker = Chunker::default();
        let mut count = 0;
        for record in &self.ours {
            let body = record.data.get("body").and_then(Value::as_str).unwrap_or_default();
            count += chunker.chunk(&Document::from_markdown(body))?.len();
        }
        Ok(count)
    }

    pub(super) async fn load_ours(&self, stores: &Stores) -> Result<()> {
        stores.engine.sync_records(&SyncBatch::new(ENTITY, CONNECTION, self.ours.clone())).await.map(drop)
    }
}

/// What a knowledge base embeds of a chunk.
fn embedded(headings: &[String], text: &str) -> String {
    if headings.is_empty() { text.to_owned() } else { format!("{}\n{text}", headings.join(" > ")) }
}

/// The knowledge base that is measured: its body is what is indexed, in chunks of the default size.
pub(super) fn described(embedder: &Arc<Counting>) -> Result<KnowledgeBuilder> {
    Ok(KnowledgeBase::builder("articles")
        .entity(mastra_core::EntityRef::named(ENTITY).in_connection(CONNECTION))
        .field("body".parse()?)
        .format(Format::Markdown)
        .embedder(Arc::clone(embedder) as Arc<dyn mastra_rag::embed::Embedder>))
}

/// The entity without records, and the knowledge base that follows it.
pub(super) async fn open(stores: &Stores, embedder: &Arc<Counting>) -> Result<KnowledgeBase> {
    stores.engine.sync_records(&SyncBatch::new(ENTITY, CONNECTION, [])).await?;
    described(embedder)?.open(Arc::clone(&stores.engine), Arc::clone(&stores.vectors)).await
}
