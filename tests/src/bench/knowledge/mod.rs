//! Knowledge bases beside hand-written code: cutting, embedding, indexing, retrieval.
//!
//! The twins (`raw_*`) came first and use nothing of this workspace: they get chunks that were cut and embedded before. Both sides work
//! by turns on stores of the same machine, and what they did is compared.

mod corpus;
mod counting;
mod homes;
mod index;
mod latency;
mod load;
mod raw_postgres;
mod raw_sqlite;
mod report;
mod round_trips;
mod search;
mod side;
mod texts;

use super::{
    measure::{Measure, to_f64},
    memory::{forget_peak, peak_kib},
    options::{self, Options},
    postgres::Postgres,
    sqlite::Sqlite,
};
use corpus::Corpus;
use counting::Counting;
use index::Indexing;
use mastra_core::Result;
use mastra_rag::knowledge::IndexOptions;
pub(super) use report::{Part, PartsReport, Rate};
use side::Home;
use std::{sync::Arc, time::Instant};

/// Records that a round indexes, where the command line does not say.
const RECORDS: usize = 2_000;
/// Records that are indexed into a graph, of which each write waits for the server.
const INTO_GRAPH: usize = 400;
/// Questions of a round; of many chunks without a graph fewer, since each looks at all of them.
const QUESTIONS: usize = 200;
const FEW_QUESTIONS: usize = 60;
const MANY_CHUNKS: usize = 50_000;

/// Measures the parts that were asked for.
pub(super) async fn measure(options: &Options) -> Result<PartsReport> {
    let wanted = |part| options.part.is_empty() || options.part.contains(&part);
    let rounds = usize::from(options.vector_rounds);
    let mut parts = Vec::new();
    if wanted(options::Part::Texts) {
        parts.push(texts::measure(rounds).await?);
    }
    if wanted(options::Part::Sqlite) {
        parts.push(measure_home(&Sqlite::new()?, options).await?);
    }
    if wanted(options::Part::Postgres) {
        let home = Postgres::new().await?;
        let mut part = measure_home(&home, options).await?;
        let number = 9_999;
        let trips = round_trips::measure(&home, number, &Corpus::new(2..6), &Arc::new(Counting::new()?)).await;
        home.remove(number).await?;
        part.measures.extend(trips?);
        parts.push(part);
    }
    Ok(PartsReport { backend: "knowledge", machine: super::machine(), parts })
}

async fn measure_home<H: Home>(home: &H, options: &Options) -> Result<Part> {
    let (corpus, embedder) = (Corpus::new(2..6), Arc::new(Counting::new()?));
    let mut part = Part::new(home.name());
    part.about = home.describe().await?;
    let (rounds, records) = (usize::from(options.vector_rounds), options.records.unwrap_or(RECORDS));
    let chunks: Vec<String> = options.chunks.iter().map(|chunks| super::report::short(to_f64(*chunks))).collect();
    part.summary = format!("{records} records indexed, searches over {} chunks, {rounds} rounds", chunks.join(" and "));
    if !options.no_indexing {
        let mut indexing =
            Indexing { home, corpus: &corpus, embedder: &embedder, records, figures: &mut part.figures, calls: (0, 0) };
        for round in 0..rounds {
            eprintln!("{}: indexing, round {} of {rounds}", home.name(), round + 1);
            indexing.round(round, false).await?;
            if home.has_graph() {
                indexing.records = records.min(INTO_GRAPH);
                indexing.round(rounds + round, true).await?;
                indexing.records = records;
            }
        }
        let calls = indexing.calls()?;
        part.measures.extend(calls);
        part.rates.push(with_embedding(home, &corpus, records.min(1_000), rounds).await?);
    }
    for (number, chunks) in options.chunks.iter().filter(|chunks| **chunks > 0).enumerate() {
        let number = 1_000 + number;
        let done = searches(home, number, &corpus, *chunks, rounds, &mut part).await;
        let removed = home.remove(number).await;
        done.and(removed)?;
    }
    Ok(part)
}

/// Records indexed with the vectors made on the way, by `hash/384`: ours alone.
async fn with_embedding<H: Home>(home: &H, corpus: &Corpus, records: usize, rounds: usize) -> Result<Rate> {
    let mut rate = Rate::new("index_with_hash_384".into(), "records", records);
    for round in 0..rounds {
        let number = 2_000 + round;
        let embedder = Arc::new(Counting::new()?);
        let stores = home.ours(number).await?;
        let base = load::open(&stores, &embedder).await?;
        home.without_graph(&stores, &base.version().index).await?;
        let piece = load::Piece::of(corpus, 0..records, &embedder)?;
        embedder.forget();
        let begun = Instant::now();
        piece.load_ours(&stores).await?;
        let report = base.index(&IndexOptions::default()).await?;
        rate.seconds.push(begun.elapsed().as_secs_f64());
        rate.note = format!("sync, chunking and embedding included; {} chunks", report.chunks);
        stores.engine.close().await?;
        home.remove(number).await?;
    }
    Ok(rate)
}

async fn searches<H: Home>(
    home: &H,
    number: usize,
    corpus: &Corpus,
    chunks: usize,
    rounds: usize,
    part: &mut Part,
) -> Result<()> {
    let embedder = Arc::new(Counting::new()?);
    forget_peak();
    let loaded = search::load(home, number, corpus, &embedder, chunks).await?;
    let (seconds, building) = loaded.seconds;
    let mut rate = Rate::new(format!("load_{}k", chunks / 1_000), "chunks", loaded.chunks);
    rate.seconds.push(seconds + building);
    rate.note = format!("{} records synced and indexed in {seconds:.1} s, graph built in {building:.1} s", loaded.documents);
    part.rates.push(rate);
    part.measures.push(Measure {
        name: if chunks > MANY_CHUNKS { "peak_memory_large" } else { "peak_memory_small" },
        value: to_f64(usize::try_from(peak_kib()?).unwrap_or_default()) / 1024.0,
        unit: "MB",
        at_most: None,
        note: format!(
            "VmHWM of the process while {} chunks were loaded, both sides and what makes the documents; what was measured before is not given back whole",
            loaded.chunks
        ),
    });
    let few = chunks > MANY_CHUNKS && !home.has_graph();
    let count = if few { FEW_QUESTIONS } else { QUESTIONS };
    let questions: Arc<[search::Question]> = search::questions(corpus, loaded.documents, count, &embedder).into();
    let truth = loaded.truth(&questions).await?;
    for at_once in [1, 16] {
        eprintln!("{}: {} chunks, {at_once} at once", home.name(), loaded.chunks);
        part.searches.push(loaded.ask(&questions, at_once, rounds, &truth).await?);
    }
    let engine = Arc::clone(&loaded.stores.engine);
    side::RawKnowledge::close(loaded.raw).await?;
    engine.close().await
}
