//! Stores against core's evaluator and core's scores, over points, filters and questions drawn by chance.

use super::{
    fixture::{metrics, point, spec},
    shrink,
    writes::keeps,
};
use crate::{
    differential::{Operator, Tally, documents, filter as drawn},
    failure::{Failure, Outcome, ensure},
    random::Random,
    telling::tell,
};
use mastra_core::{
    Filter,
    capabilities::DataCapabilities,
    vector::{IndexKind, Metric, NewPoint, Placed, PointCountQuery, PointUpsertOptions, Scope, VectorQuery, VectorStore, score},
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// How many pairs of a point and a filter a run compares, unless `MASTRA_TEST_PAIRS` says otherwise.
pub const VECTOR_PAIRS: usize = 20_000;

/// How many points stand in one index: each filter is asked of all of them in one query.
const POINTS: usize = 100;
const DIMENSION: usize = 4;

/// A point that the run made.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) vector: Vec<f32>,
    pub(super) metadata: Value,
}

/// Points, and what is asked of them.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) metric: Metric,
    pub(super) rows: Vec<Row>,
    pub(super) filter: Value,
    pub(super) asked: Vec<f32>,
    pub(super) top_k: usize,
    pub(super) min_score: Option<f64>,
}

impl Question {
    /// The hits that the law gives: every row that matches, best first, from the bound upwards.
    pub(super) fn ranked(&self, filter: &Filter) -> Vec<Placed> {
        let each = self.rows.iter().filter(|row| filter.matches(&row.metadata)).map(|row| {
            let distance = score::distance(self.metric, &self.asked, &row.vector);
            Placed::new(&row.id, score::score(self.metric, distance), Some(distance))
        });
        let mut ranked: Vec<Placed> = each.filter(|placed| self.min_score.is_none_or(|least| placed.score >= least)).collect();
        ranked.sort_by(|a, b| score::order((a.score, &a.id), (b.score, &b.id)));
        ranked
    }

    pub(super) fn points(&self) -> Vec<NewPoint> {
        self.rows.iter().map(|row| point(&row.id, row.vector.clone(), row.metadata.clone())).collect()
    }

    /// What the store does otherwise than the law, if anything, the rows being loaded.
    pub(super) async fn difference(&self, store: &dyn VectorStore, scope: &Scope, filter: &Filter) -> Outcome<Option<String>> {
        let ranked = self.ranked(filter);
        let mut query = VectorQuery::vector(self.asked.clone()).top_k(self.top_k).filter(filter.clone());
        query.min_score = self.min_score;
        let answer = store.query(scope, &query).await?;
        if let Err(failure) = super::fixture::lawful(&answer, &query) {
            return Ok(Some(failure.message().to_owned()));
        }
        let (found, expected) = (super::fixture::ids(&answer), ranked.iter().map(|placed| placed.id.clone()).collect::<Vec<_>>());
        let best = expected.get(..self.top_k.min(expected.len())).unwrap_or_default();
        let whole = best.len() == expected.len();
        let sets: [BTreeSet<&String>; 2] = [found.iter().collect(), best.iter().collect()];
        if whole && sets.first() != sets.last() {
            return Ok(Some(format!("found {found:?}, and has to find {best:?}")));
        }
        // Products and straight lines between whole numbers are the same in 32 bits: ties are ties, and stand as they have to.
        let flat = store.get_index(&scope.index).await?.kind == IndexKind::Flat;
        if flat && self.metric != Metric::Cosine && found != best {
            return Ok(Some(format!("the order is {found:?}, and has to be {best:?}")));
        }
        let hits: Vec<(&str, f64)> = answer.hits.iter().map(|hit| (hit.id.as_str(), hit.score)).collect();
        if let Err(failure) = super::scores::agrees(&hits, &ranked, best.len()) {
            return Ok(Some(failure.message().to_owned()));
        }
        if self.min_score.is_none() {
            let counted = store.count(scope, &PointCountQuery::new().filter(filter.clone())).await?.value;
            if counted != expected.len() as u64 {
                return Ok(Some(format!("count says {counted}, and {} match", expected.len())));
            }
        }
        Ok(None)
    }
}

/// Compares stores with core, each on the same points, filters and questions: the ids that are found, their order and scores, and their
/// number. What differs is made as small as it can be and given as a case file. The seed is printed; `MASTRA_TEST_SEED` repeats a run.
pub async fn vector_differential(stores: &[(String, Arc<dyn VectorStore>)], pairs: usize) -> Outcome<Tally> {
    let stores: Vec<(&str, &dyn VectorStore)> = stores.iter().map(|(name, store)| (name.as_str(), &**store)).collect();
    compare(&stores, pairs).await
}

pub(super) async fn compare(stores: &[(&str, &dyn VectorStore)], pairs: usize) -> Outcome<Tally> {
    let pairs = std::env::var("MASTRA_TEST_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(pairs);
    let mut random = Random::seeded("vector differential");
    let mut can = DataCapabilities { nul_characters: true, unbounded_numbers: true };
    let mut shared = Metric::ALL.to_vec();
    for (_, store) in stores {
        let keeps = keeps(store.capabilities());
        can.nul_characters &= keeps.nul_characters;
        can.unbounded_numbers &= keeps.unbounded_numbers;
        shared.retain(|metric| metrics(store.capabilities()).contains(metric));
    }
    ensure!(!stores.is_empty() && !shared.is_empty(), "no stores, or none that share a metric");
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.pairs() < pairs {
        let metric = shared.get(round % shared.len()).copied().unwrap_or(Metric::Cosine);
        let data = documents(&mut random, POINTS, can);
        let rows: Vec<Row> = (0..)
            .zip(&data)
            .map(|(n, metadata): (usize, _)| Row { id: format!("d{n}"), vector: vector(&mut random), metadata: metadata.clone() })
            .collect();
        let base = Question { metric, rows, filter: Value::Null, asked: Vec::new(), top_k: POINTS, min_score: None };
        let scope = Scope::index(format!("differential-{round}"));
        for (_, store) in stores {
            load(*store, &scope, &base).await?;
        }
        for operator in Operator::ALL {
            let json = drawn(&mut random, operator, &data);
            let filter = Filter::from_json(&json).map_err(|error| Failure::from(error).about(format!("{operator:?} {json}")))?;
            let mut question = Question { filter: json, asked: vector(&mut random), ..base.clone() };
            let matches = question.ranked(&filter).len();
            tally.add(operator, matches, POINTS);
            let mut narrow = question.clone();
            narrow.top_k = random.within(1..20);
            narrow.min_score = bound(&mut random, &narrow, &filter);
            for question in [&mut question, &mut narrow] {
                for (name, store) in stores {
                    question.top_k = store.capabilities().limits.top_k.map_or(question.top_k, |most| most.min(question.top_k));
                    let difference = question.difference(*store, &scope, &filter).await;
                    let difference =
                        difference.map_err(|failure| failure.about(format!("{name}, {operator:?} {}", question.filter)))?;
                    if let Some(difference) = difference {
                        let failure = shrink::smallest(*store, question, &difference).await.about(name);
                        for (_, store) in stores {
                            store.delete_index(&scope.index).await?;
                        }
                        return Err(failure);
                    }
                }
            }
        }
        for (_, store) in stores {
            store.delete_index(&scope.index).await?;
        }
        round += 1;
    }
    tally.check()?;
    tell(format_args!("vector differential: {} pairs on {} stores: {tally}", tally.pairs(), stores.len()));
    Ok(tally)
}

/// Small whole numbers, so that points tie, and not all zero, so that they have a direction.
fn vector(random: &mut Random) -> Vec<f32> {
    let mut numbers: Vec<f32> = (0..DIMENSION).map(|_| random.below(7) as f32 - 3.0).collect();
    if numbers.iter().all(|number| *number == 0.0) {
        numbers.fill(1.0);
    }
    numbers
}

/// A bound that rounding cannot move a hit across: between two scores, or on one that is a whole number.
fn bound(random: &mut Random, question: &Question, filter: &Filter) -> Option<f64> {
    if random.one_in(2) {
        return None;
    }
    let mut scores: Vec<f64> = question.ranked(filter).into_iter().map(|placed| placed.score).collect();
    if question.metric == Metric::Dot && random.one_in(2) {
        return random.pick(&scores).copied();
    }
    scores.dedup_by(|a, b| (*a - *b).abs() < 1e-4);
    let pairs: Vec<f64> = scores.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0).collect();
    random.pick(&pairs).copied()
}

/// An index of this name that holds the rows.
pub(super) async fn load(store: &dyn VectorStore, scope: &Scope, question: &Question) -> Outcome {
    let dimension = question.rows.first().map_or(DIMENSION, |row| row.vector.len());
    let mut spec = spec(store, &scope.index, dimension).metric(question.metric);
    // Some paths are served by fields of the index, others are not.
    spec = spec.field("a".parse()?).list_field("b".parse()?);
    store.create_index(&spec).await?;
    store.upsert(scope, &question.points(), &PointUpsertOptions::new()).await?;
    Ok(())
}
