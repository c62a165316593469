//! Backends against core's evaluator, over documents and filters drawn by chance.

mod broken;
mod generate;
mod shrink;

pub use broken::Broken;
pub(crate) use broken::mistake;
pub use generate::{documents, filter};
pub(crate) use shrink::smaller;

use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::fixture::{CONNECTION, external_ids};
use crate::random::Random;
use crate::telling::tell;
use mastra_core::{CountQuery, EntityRef, Filter, NewEntity, NewRecord, RecordQuery, RecordStore, Result, UpsertOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// How many pairs of a document and a filter a run compares, unless `MASTRA_TEST_PAIRS` says otherwise.
pub const PAIRS: usize = 40_000;

/// How many documents stand in one entity: each filter is asked of all of them in one query.
const DOCUMENTS: usize = 100;

/// The operators of the filter language, as filters are drawn for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// A bare value, or `$eq`.
    Eq,
    /// `$ne`.
    Ne,
    /// `$gt`.
    Gt,
    /// `$gte`.
    Gte,
    /// `$lt`.
    Lt,
    /// `$lte`.
    Lte,
    /// `$in`, or a bare list.
    In,
    /// `$nin`.
    Nin,
    /// `$all`.
    All,
    /// `$size`.
    Size,
    /// `$exists`.
    Exists,
    /// `$regex`.
    Regex,
    /// `$contains`.
    Contains,
    /// `$elemMatch` with operators.
    ElemMatchValues,
    /// `$elemMatch` with conditions on fields.
    ElemMatchObjects,
    /// `$and`.
    And,
    /// `$or`.
    Or,
    /// `$nor`.
    Nor,
    /// `$not`, at the top and under a field.
    Not,
}

impl Operator {
    /// Every one of them.
    pub const ALL: [Self; 19] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::In,
        Self::Nin,
        Self::All,
        Self::Size,
        Self::Exists,
        Self::Regex,
        Self::Contains,
        Self::ElemMatchValues,
        Self::ElemMatchObjects,
        Self::And,
        Self::Or,
        Self::Nor,
        Self::Not,
    ];
}

/// How often the filters of each operator matched.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Operator, (usize, usize)>);

impl Tally {
    pub(crate) fn add(&mut self, operator: Operator, matches: usize, pairs: usize) {
        let entry = self.0.entry(operator).or_default();
        entry.0 += matches;
        entry.1 += pairs;
    }

    /// How many pairs were compared.
    pub fn pairs(&self) -> usize {
        self.0.values().map(|(_, pairs)| pairs).sum()
    }

    /// Fails unless each operator both matched and missed in a tenth of its pairs at least.
    pub(crate) fn check(&self) -> Outcome {
        for operator in Operator::ALL {
            let (matches, pairs) = self.0.get(&operator).copied().unwrap_or_default();
            let enough = matches * 10 >= pairs && (pairs - matches) * 10 >= pairs && pairs > 0;
            ensure!(enough, "{operator:?} matched {matches} of {pairs} pairs, which tests too little; all: {self}");
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (operator, (matches, pairs)) in &self.0 {
            write!(f, "{operator:?} {matches}/{pairs} ")?;
        }
        Ok(())
    }
}

/// Compares a store with [`Filter::matches`] on at least `pairs` pairs: the rows of `get_records` and the number of
/// `count_records`. A pair that differs is made as small as it can be and given as a case file.
pub async fn differential(store: &dyn RecordStore, pairs: usize) -> Outcome<Tally> {
    let pairs = std::env::var("MASTRA_TEST_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(pairs);
    let mut random = Random::seeded("differential");
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.pairs() < pairs {
        let documents = documents(&mut random, DOCUMENTS, store.capabilities().data);
        let entity = load(store, &format!("differential {round}"), &documents).await?;
        for operator in Operator::ALL {
            let json = filter(&mut random, operator, &documents);
            let parsed = Filter::from_json(&json).map_err(|error| Failure::from(error).about(format!("{operator:?} {json}")))?;
            let expected: Vec<usize> = (0..).zip(&documents).filter(|(_, data)| parsed.matches(data)).map(|(at, _)| at).collect();
            tally.add(operator, expected.len(), documents.len());
            let found = ask(store, &entity, &parsed).await.map_err(|failure| failure.about(format!("{operator:?} {json}")))?;
            if found != expected {
                return Err(shrink::smallest(store, &documents, &json, &found, &expected).await);
            }
        }
        round += 1;
    }
    tally.check()?;
    tell(format_args!("differential: {} pairs: {tally}", tally.pairs()));
    Ok(tally)
}

/// An entity that holds these documents, each under its number.
async fn load(store: &dyn RecordStore, name: &str, documents: &[Value]) -> Result<EntityRef> {
    let entity = EntityRef::Id(store.create_entity(&NewEntity::new(name, CONNECTION)).await?.id);
    let records: Vec<NewRecord> =
        (0..).zip(documents).map(|(at, data): (usize, _)| NewRecord::new(at.to_string(), data.clone())).collect();
    store.upsert_records(&entity, &records, &UpsertOptions::default()).await?;
    Ok(entity)
}

/// The numbers of the documents that a store finds, after its count has agreed with them.
async fn ask(store: &dyn RecordStore, entity: &EntityRef, filter: &Filter) -> Outcome<Vec<usize>> {
    let rows = store.get_records(entity, &RecordQuery::new().filter(filter.clone())).await?.items;
    let mut found: Vec<usize> = external_ids(&rows).iter().filter_map(|id| id.parse().ok()).collect();
    found.sort_unstable();
    let counted = store.count_records(entity, &CountQuery { filter: filter.clone(), ..CountQuery::default() }).await?;
    ensure_eq!(counted.value, found.len() as u64, "count_records differs from the rows of get_records");
    Ok(found)
}
