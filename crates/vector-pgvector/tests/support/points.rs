//! Points in clusters, as embeddings lie, from a seed.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use mastra_core::vector::{NewPoint, Scope, VectorAnswer, VectorOperations, VectorQuery};
use serde_json::json;

/// A generator of numbers: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between -1 and 1, more often in the middle.
    pub(crate) fn number(&mut self) -> f32 {
        let mut unit = || (self.next() >> 40) as f32 / (1u64 << 24) as f32;
        unit() + unit() - 1.0
    }
}

/// So many points around a few dozen centres; `n` counts them, `share` is `n` modulo 100.
pub(crate) fn clustered(random: &mut Random, count: usize, dimension: usize) -> Vec<NewPoint> {
    let centres: Vec<Vec<f32>> = (0..40).map(|_| (0..dimension).map(|_| random.number()).collect()).collect();
    (0..count)
        .map(|n| {
            let near = around(random, &centres[n % centres.len()]);
            NewPoint::new(format!("p{n:06}"), near).metadata(json!({"n": n, "share": n % 100}))
        })
        .collect()
}

/// A place near another.
pub(crate) fn around(random: &mut Random, centre: &[f32]) -> Vec<f32> {
    centre.iter().map(|number| number + 0.3 * random.number()).collect()
}

/// Writes points in batches, and gives queries near some of them.
pub(crate) async fn fill(store: &dyn VectorOperations, scope: &Scope, points: &[NewPoint], random: &mut Random) -> Vec<Vec<f32>> {
    for batch in points.chunks(1_000) {
        store.upsert(scope, batch, &Default::default()).await.unwrap();
    }
    points.iter().step_by(points.len() / 20).map(|point| around(random, point.vector.as_slice())).collect()
}

pub(crate) fn ids(answer: &VectorAnswer) -> Vec<&str> {
    answer.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// Which share of the true neighbours is found, over all queries.
pub(crate) async fn recall(
    store: &dyn VectorOperations,
    scope: &Scope,
    queries: &[Vec<f32>],
    ask: impl Fn(VectorQuery) -> VectorQuery,
) -> f64 {
    let (mut found, mut all) = (0, 0);
    for query in queries {
        let query = ask(VectorQuery::vector(query.clone()));
        let truth = store.query(scope, &query.clone().exact(true)).await.unwrap();
        let answer = store.query(scope, &query).await.unwrap();
        all += truth.hits.len();
        found += ids(&truth).iter().filter(|id| ids(&answer).contains(id)).count();
    }
    found as f64 / all as f64
}
