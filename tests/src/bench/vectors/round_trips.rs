//! How often an operation on vectors waits for the server.

use super::pgvector::Pgvector;
use crate::bench::{
    measure::{Measure, to_f64},
    postgres::Postgres,
    round_trips::Relay,
};
use mastra_conformance::bench::{Among, BenchOptions, Concurrency, DataSet, Workload};
use mastra_core::Result;

/// Counts the turns of an upsert and of searches. Nothing where the server has no TCP port.
pub(in crate::bench) async fn measure(backend: &Postgres, number: usize, data: &DataSet) -> Result<Vec<Measure>> {
    let Some((relay, url)) = Relay::before(backend).await? else { return Ok(Vec::new()) };
    let store = Pgvector::open(&url, number).await?;
    let workload = Workload::new(&store, data, &BenchOptions::default())?;
    workload.create().await?;
    let mut measures = Vec::new();
    let mut add = |name, turns: usize, note: &str| {
        measures.push(Measure { name, value: to_f64(turns), unit: "round trips", at_most: None, note: note.to_owned() });
    };
    // Enough for a graph to be searched, and not every point; written in batches, of which the last shows what one costs for good.
    let points = data.points().get(..data.points().len().min(3_000)).unwrap_or_default();
    let mut turns = 0;
    for batch in points.chunks(500) {
        relay.take().await;
        workload.upsert(batch).await?;
        turns = relay.take().await;
    }
    add("round_trips_vector_upsert_500", turns, "500 points into a graph");
    Pgvector(backend).settle_ours(number).await?;
    for (among, name, note) in [
        (Among::All, "round_trips_query_top10", "ten neighbours"),
        (Among::Matching, "round_trips_query_filtered", "ten neighbours among those that match"),
    ] {
        workload.ask(among, Concurrency::One, 0..2).await?;
        relay.take().await;
        workload.ask(among, Concurrency::One, 2..3).await?;
        add(name, relay.take().await, note);
    }
    store.close().await?;
    Ok(measures)
}
