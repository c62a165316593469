//! How often indexing and searching wait for the server.

use super::{
    corpus::Corpus,
    counting::Counting,
    homes::on_postgres,
    load::{Piece, open},
};
use crate::bench::{
    measure::{Measure, to_f64},
    postgres::Postgres,
    round_trips::Relay,
};
use mastra_core::Result;
use mastra_rag::knowledge::{IndexOptions, Retrieval};
use std::sync::Arc;

/// Records of a batch that is counted.
const BATCH: usize = 32;

/// Counts the turns of one batch of records, and of a search. Nothing where the server has no TCP port.
pub(super) async fn measure(home: &Postgres, number: usize, corpus: &Corpus, embedder: &Arc<Counting>) -> Result<Vec<Measure>> {
    let Some((relay, url)) = Relay::before(home).await? else { return Ok(Vec::new()) };
    let stores = on_postgres(&url, number).await?;
    let base = open(&stores, embedder).await?;
    let mut measures = Vec::new();
    let mut add = |name, turns: usize, note: &str| {
        measures.push(Measure { name, value: to_f64(turns), unit: "round trips", at_most: None, note: note.to_owned() });
    };
    // Statements are prepared on their first use; the last batch shows what one costs for good. The empty claim and the look at what
    // waits, which end every run, are taken off.
    let (mut turns, mut touched) = (0, 0);
    for batch in 0..4 {
        let piece = Piece::of(corpus, batch * BATCH..(batch + 1) * BATCH, embedder)?;
        for piece in [piece, Piece::of(corpus, batch * BATCH..(batch + 1) * BATCH, embedder)?.touched(batch)] {
            let is_touched = !piece.chunks.values().flatten().any(|chunk| chunk.vector.is_some());
            piece.load_ours(&stores).await?;
            relay.take().await;
            base.index(&IndexOptions::default()).await?;
            let all = relay.take().await;
            base.index(&IndexOptions::default()).await?;
            let idle = relay.take().await;
            *(if is_touched { &mut touched } else { &mut turns }) = all.saturating_sub(idle);
        }
    }
    add("round_trips_index_32", turns, "a batch of 32 new records, some 300 chunks, into a graph");
    add("round_trips_index_32_touched", touched, "the same with another field: no text is embedded");
    let (_, question) = corpus.question(1, BATCH);
    for _ in 0..3 {
        base.search(&Retrieval::new(question.as_str())).await?;
    }
    relay.take().await;
    base.search(&Retrieval::new(question.as_str())).await?;
    add("round_trips_search", relay.take().await, "a hybrid search of 20 candidates");
    let with_neighbours = Retrieval { neighbours: 1, ..Retrieval::new(question.as_str()) };
    base.search(&with_neighbours).await?;
    relay.take().await;
    base.search(&with_neighbours).await?;
    add("round_trips_search_neighbours", relay.take().await, "the same with the chunks beside each passage");
    stores.engine.close().await?;
    Ok(measures)
}
