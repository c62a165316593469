//! Indexes that choose candidates: how many of the nearest they find, and whether they say what they did.

use super::{
    administration::kinds,
    fixture::{ask, ids, made, metrics, point, put},
};
use crate::{
    failure::{Outcome, ensure, ensure_eq, not_claimed},
    random::Random,
    telling::tell,
};
use mastra_core::{
    Filter,
    vector::{
        Exactness, IndexKind, IndexSpec, Metric, NewPoint, Placed, Scope, Shortfall, VectorQuery, VectorRanking, VectorStore,
        score,
    },
};
use serde_json::{Value, json};

const DIMENSION: usize = 24;
const CLUSTERS: usize = 20;
const QUERIES: usize = 40;

/// Points in clusters, as embeddings are, and questions near to them.
struct Data {
    points: Vec<(String, Vec<f32>, Value)>,
    asked: Vec<Vec<f32>>,
}

fn data(count: usize) -> Data {
    let mut random = Random::seeded("recall");
    let number = |random: &mut Random| random.below(20_001) as f32 / 10_000.0 - 1.0;
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| (0..DIMENSION).map(|_| number(&mut random)).collect()).collect();
    let near = |random: &mut Random| -> Vec<f32> {
        let centre = random.pick(&centres).cloned().unwrap_or_default();
        centre.into_iter().map(|place| place + 0.25 * number(random)).collect()
    };
    let points = (0..count)
        .map(|n| {
            let vector = near(&mut random);
            (format!("p{n:05}"), vector, json!({ "n": n, "hundredth": n % 100, "plain": n % 100, "half": n % 2 == 0 }))
        })
        .collect();
    Data { points, asked: (0..QUERIES).map(|_| near(&mut random)).collect() }
}

impl Data {
    fn written(&self) -> Vec<NewPoint> {
        self.points.iter().map(|(id, vector, metadata)| point(id, vector.clone(), metadata.clone())).collect()
    }

    fn best(&self, metric: Metric, asked: &[f32], filter: &Filter, count: usize) -> Vec<Placed> {
        let mut ranking = VectorRanking::new(count);
        for (id, vector, _) in self.points.iter().filter(|(_, _, metadata)| filter.matches(metadata)) {
            let distance = score::distance(metric, asked, vector);
            ranking.push(Placed::new(id, score::score(metric, distance), Some(distance)));
        }
        ranking.finish()
    }
}

fn size() -> usize {
    let soak = std::env::var("MASTRA_TEST_SOAK").is_ok_and(|soak| soak == "1");
    if soak { 20_000 } else { 2_000 }
}

/// The approximate kinds that a store offers, each under each metric; none ends the case.
fn forms(store: &dyn VectorStore) -> Outcome<Vec<IndexSpec>> {
    let can = store.capabilities();
    let approximate =
        kinds(can).into_iter().filter(|kind| matches!(kind, IndexKind::IvfFlat { .. }) || *kind == IndexKind::hnsw());
    let forms: Vec<IndexSpec> = approximate
        .flat_map(|kind| metrics(can).into_iter().map(move |metric| (kind, metric)))
        .enumerate()
        .map(|(n, (kind, metric))| IndexSpec::new(format!("approximate-{n}"), DIMENSION).kind(kind).metric(metric))
        .collect();
    if forms.is_empty() { not_claimed("kind.hnsw or kind.ivfFlat") } else { Ok(forms) }
}

/// A question with what its kind asks for: clusters are cut before there are points, so that all of them are looked at.
fn question(spec: &IndexSpec, asked: &[f32]) -> VectorQuery {
    let query = VectorQuery::vector(asked);
    match spec.kind {
        IndexKind::IvfFlat { lists } => query.probes(lists),
        _ => query,
    }
}

/// The part of the best ten that is found, over all questions; near ties count as found.
async fn recall(store: &dyn VectorStore, spec: &IndexSpec, data: &Data, filter: &Filter) -> Outcome<f64> {
    let scope = Scope::index(&spec.name);
    let (mut hit, mut all) = (0, 0);
    for asked in &data.asked {
        let best = data.best(spec.metric, asked, filter, 10);
        let query = question(spec, asked).filter(filter.clone());
        let answer = ask(store, &scope, &query).await?;
        let strange = answer.hits.iter().find(|hit| {
            let own = data.points.iter().find(|(id, ..)| *id == hit.id);
            own.is_none_or(|(_, _, metadata)| !filter.matches(metadata))
        });
        ensure!(strange.is_none(), "found, and does not match {filter:?}: {strange:?}");
        let worst = best.last().map_or(f64::MIN, |placed| placed.score) - 1e-6;
        let found = answer.hits.iter().filter(|hit| hit.score >= worst).count().min(best.len());
        if answer.exactness == Exactness::Exact {
            ensure_eq!(found, best.len(), "of the best found by an answer that calls itself exact");
        }
        if answer.hits.len() < best.len() {
            ensure!(
                answer.shortfall.is_some_and(|why| why != Shortfall::NoMoreRows),
                "{} hits where {} match, because of {:?}",
                answer.hits.len(),
                best.len(),
                answer.shortfall
            );
        }
        hit += found;
        all += best.len();
    }
    let recall = if all == 0 { 1.0 } else { hit as f64 / all as f64 };
    tell(format_args!("recall@10 of {} under {} with {filter:?}: {recall:.3}", spec.kind.as_str(), spec.metric));
    Ok(recall)
}

/// At the defaults nineteen of twenty of the nearest are found.
pub async fn the_nearest_are_found_at_the_defaults(store: &dyn VectorStore) -> Outcome {
    let data = data(size());
    for spec in forms(store)? {
        let scope = made(store, &spec).await?;
        put(store, &scope, &data.written()).await?;
        let found = recall(store, &spec, &data, &Filter::all()).await?;
        ensure!(found >= 0.95, "recall@10 of {} under {} is {found:.3}", spec.kind.as_str(), spec.metric);
        store.delete_index(&spec.name).await?;
    }
    Ok(())
}

/// A filter that one point in a hundred passes keeps nine of ten, whether a field serves it or not; one that half pass, too.
pub async fn a_filter_keeps_recall(store: &dyn VectorStore) -> Outcome {
    let data = data(size());
    for spec in forms(store)? {
        let spec = spec.field("hundredth".parse()?);
        let scope = made(store, &spec).await?;
        put(store, &scope, &data.written()).await?;
        for filter in [
            Filter::eq("hundredth", 7)?,
            Filter::eq("plain", 7)?,
            Filter::eq("half", true)?,
            Filter::from_json(&json!({ "plain": { "$in": [1, 2] }, "half": { "$ne": true } }))?,
            Filter::lt("n", 3)?,
            Filter::eq("n", -1)?,
        ] {
            let found = recall(store, &spec, &data, &filter).await?;
            ensure!(found >= 0.9, "recall@10 with {filter:?} is {found:.3}");
        }
        store.delete_index(&spec.name).await?;
    }
    Ok(())
}

/// On request every point is looked at, and the answer says so.
pub async fn exact_search_misses_nothing(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().search.exact {
        return not_claimed("search.exact");
    }
    let data = data(1_000);
    for spec in forms(store)? {
        let scope = made(store, &spec).await?;
        put(store, &scope, &data.written()).await?;
        for (asked, filter) in data.asked.iter().take(8).zip([Filter::all(), Filter::eq("hundredth", 3)?].iter().cycle()) {
            let best = data.best(spec.metric, asked, filter, 25);
            let answer =
                ask(store, &scope, &VectorQuery::vector(asked.clone()).exact(true).top_k(25).filter(filter.clone())).await?;
            ensure_eq!(answer.exactness, Exactness::Exact, "an answer that was asked to be exact");
            let hits: Vec<_> = answer.hits.iter().map(|hit| (hit.id.as_str(), hit.score)).collect();
            super::scores::agrees(&hits, &data.best(spec.metric, asked, filter, usize::MAX), best.len())?;
        }
        store.delete_index(&spec.name).await?;
    }
    Ok(())
}

/// More hits than there are points, knobs at their edges, points that come and go: answers stay lawful and find what is there.
pub async fn answers_stay_lawful(store: &dyn VectorStore) -> Outcome {
    let data = data(300);
    for spec in forms(store)? {
        let scope = made(store, &spec).await?;
        let empty = ask(store, &scope, &question(&spec, &[1.0; DIMENSION])).await?;
        ensure_eq!(empty.hits.len(), 0, "hits of an empty index");
        put(store, &scope, &data.written()).await?;
        let Some(asked) = data.asked.first() else { return Ok(()) };
        for query in [
            question(&spec, asked).top_k(1),
            question(&spec, asked).top_k(299),
            question(&spec, asked).top_k(500),
            question(&spec, asked).ef(400),
            VectorQuery::vector(asked.clone()).ef(1).probes(1),
            question(&spec, asked).min_score(-1e9),
            question(&spec, asked).min_score(1e9),
        ] {
            let answer = ask(store, &scope, &query).await?;
            if answer.shortfall == Some(Shortfall::NoMoreRows) && query.min_score.is_none() {
                ensure_eq!(answer.hits.len(), 300, "hits where no more match");
            }
        }
        // What lies nearest goes, and the next come.
        let best = data.best(spec.metric, asked, &Filter::all(), 40);
        let gone: Vec<&str> = best.iter().take(30).map(|placed| placed.id.as_str()).collect();
        super::fixture::remove(store, &scope, &gone).await?;
        let answer = ask(store, &scope, &question(&spec, asked)).await?;
        let found = ids(&answer);
        ensure!(gone.iter().all(|id| !found.iter().any(|found| found == id)), "a deleted point is found: {found:?}");
        let next: Vec<&str> = best.iter().skip(30).map(|placed| placed.id.as_str()).collect();
        let there = next.iter().filter(|id| found.iter().any(|found| found == *id)).count();
        ensure!(there >= 9, "of the next ten {there} are found after the nearest thirty were deleted");
        store.delete_index(&spec.name).await?;
    }
    Ok(())
}
