//! How fast a store of vectors is, and how much it finds: on anybody's `Arc<dyn VectorStore>`.
//!
//! ```no_run
//! use mastra_conformance::bench::{BenchOptions, DataSet, Shape, bench_vectors};
//! use mastra_core::vector::VectorStore;
//! use std::sync::Arc;
//!
//! # async fn example(store: Arc<dyn VectorStore>) -> mastra_core::Result<()> {
//! let data = DataSet::generate(Shape::default());
//! let figures = bench_vectors(&store, &data, &BenchOptions::default()).await?;
//! print!("{figures}");
//! # Ok(())
//! # }
//! ```

mod data;
mod figures;
mod overhead;
mod truth;
mod workload;

pub use data::{DataSet, Shape};
pub use figures::{Concurrency, VectorFigure, VectorFigures, Work};
pub use overhead::arc_dyn_call;
pub use truth::{Among, TOP_K, Truth};
pub use workload::{BenchOptions, Found, Workload};

use mastra_core::{Result, vector::VectorStore};
use std::{sync::Arc, time::Instant};

/// Measures a store with an index of its own, which is deleted whatever happens: 20,000 points of [`Shape::default`] take from some seconds
/// to a minute.
///
/// The index is a graph (m 16, ef_construction 64) under cosine that serves filters on `category` and `price`, or flat where the store has
/// no graphs. All points go into it, 500 a call; then each question is asked four times: among all points and among those that
/// [`DataSet::filter`] matches, one after the other and by 16 tasks at once. Every answer is held beside the right one.
///
/// Fails as the store fails, and as `Internal` where it loses points or gives a wrong answer: see [`Truth::recall`].
pub async fn bench_vectors(store: &Arc<dyn VectorStore>, data: &DataSet, options: &BenchOptions) -> Result<VectorFigures> {
    let truth = Truth::of(data)?;
    let workload = Workload::new(store, data, options)?;
    workload.create().await?;
    let figures = all(&workload, data, &truth, options).await;
    let deleted = workload.delete().await;
    let figures = figures?;
    deleted?;
    let arc_dyn_call_us = arc_dyn_call(data.dimension()).await?;
    Ok(VectorFigures { kind: workload.kind(), figures, arc_dyn_call_us })
}

async fn all(workload: &Workload, data: &DataSet, truth: &Truth<'_>, options: &BenchOptions) -> Result<Vec<VectorFigure>> {
    let mut figures = Vec::with_capacity(Work::ALL.len());
    for work in Work::ALL {
        let figure = |count: usize, seconds: f64, recall, exact| VectorFigure {
            name: work.name(),
            s: seconds,
            per_s: count as f64 / seconds,
            count,
            unit: work.unit(),
            recall,
            exact,
        };
        figures.push(match work {
            Work::Upsert => {
                let begun = Instant::now();
                for batch in data.points().chunks(options.batch.max(1)) {
                    workload.upsert(batch).await?;
                }
                let seconds = begun.elapsed().as_secs_f64();
                workload.check_count(data.points().len()).await?;
                figure(data.points().len(), seconds, None, None)
            }
            Work::Query(among, concurrency) => {
                let count = data.questions().len();
                // Untimed: connections are opened, statements prepared, plans made.
                workload.ask(among, concurrency, 0..count.min(concurrency.tasks() * 2)).await?;
                let begun = Instant::now();
                let found = workload.ask(among, concurrency, 0..count).await?;
                let seconds = begun.elapsed().as_secs_f64();
                let exact = found.iter().all(|found| found.exact);
                figure(count, seconds, Some(mean_recall(truth, among, &found)?), Some(exact))
            }
        });
    }
    Ok(figures)
}

/// The mean recall of answers. Fails where one is wrong: see [`Truth::recall`].
pub fn mean_recall(truth: &Truth<'_>, among: Among, found: &[Found]) -> Result<f64> {
    let mut sum = 0.0;
    for found in found {
        let ids: Vec<&str> = found.ids.iter().map(String::as_str).collect();
        sum += truth.recall(among, found.question, &ids, found.exact)?;
    }
    Ok(sum / found.len().max(1) as f64)
}
