//! Case files: points, filters and what they have to find, as data.
//!
//! ```json
//! {"suites": [{"name": "…", "rows": [{"id": "a", "vector": [1, 0], "metadata": {"n": 1}}],
//!   "cases": [{"name": "…", "filter": {"n": 1}, "expect_ids": ["a"]},
//!             {"name": "…", "filter": {"n": 2}, "extra_rows": [{"id": "b", "vector": [0, 1], "metadata": {"n": 2}}],
//!              "expect_ids": ["b"]},
//!             {"name": "…", "filter": {"n": {"$near": 1}}, "expect_error": true},
//!             {"name": "…", "filter": {"n": {"$regex": "^1$"}}, "expect_error_or_ids": []}]}]}
//! ```
//!
//! The engine suite's files are read too: their records are rows whose vector does not matter.

use super::fixture::{lawful, put, remove, spec};
use crate::{
    case_file::Report,
    failure::{Failure, Outcome, ensure_eq},
};
use mastra_core::{
    ErrorKind, Filter,
    vector::{Metric, NewPoint, PointCountQuery, Scope, ScrollQuery, VectorQuery, VectorStore},
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeSet;

/// The case files of this crate by name: the engine suite's corners of the filter language asked of metadata, and those of metadata
/// itself.
pub const VECTOR_BUILT_IN: &[(&str, &str)] = &[
    ("equality", include_str!("../../cases/equality.json")),
    ("paths", include_str!("../../cases/paths.json")),
    ("negation", include_str!("../../cases/negation.json")),
    ("null_and_presence", include_str!("../../cases/null_and_presence.json")),
    ("lists", include_str!("../../cases/lists.json")),
    ("ranges", include_str!("../../cases/ranges.json")),
    ("strings", include_str!("../../cases/strings.json")),
    ("logic", include_str!("../../cases/logic.json")),
    ("metadata_corners", include_str!("../../cases/vectors/metadata_corners.json")),
];

/// Every case asks for so many.
const TOP_K: usize = 100;

#[derive(Deserialize)]
struct CaseFile {
    suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    name: String,
    #[serde(default, alias = "records")]
    rows: Vec<Row>,
    cases: Vec<FileCase>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(alias = "externalId")]
    id: String,
    vector: Option<Vec<f32>>,
    #[serde(default = "nothing", alias = "data")]
    metadata: Value,
    text: Option<String>,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

/// The filter stays text: whether it can be read at all is part of the case.
#[derive(Deserialize)]
struct FileCase {
    name: String,
    filter: Option<Box<RawValue>>,
    filters: Option<Box<RawValue>>,
    sort: Option<Box<RawValue>>,
    #[serde(default)]
    extra_rows: Vec<Row>,
    #[serde(alias = "expect_external_ids")]
    expect_ids: Option<Vec<String>>,
    #[serde(default)]
    expect_error: bool,
    expect_error_or_ids: Option<Vec<String>>,
}

impl Suite {
    fn dimension(&self) -> usize {
        let extra = self.cases.iter().flat_map(|case| &case.extra_rows);
        self.rows.iter().chain(extra).find_map(|row| row.vector.as_ref().map(Vec::len)).unwrap_or(2)
    }

    /// Cosine where the rows have a direction, else the straight line.
    fn metric(&self, default: Metric) -> Metric {
        let zero = |row: &Row| row.vector.as_ref().is_some_and(|vector| vector.iter().all(|number| *number == 0.0));
        if self.rows.iter().any(zero) { Metric::Euclidean } else { default }
    }
}

fn points(rows: &[Row], dimension: usize) -> Vec<NewPoint> {
    let point = |(number, row): (usize, &Row)| {
        let vector = row.vector.clone().unwrap_or_else(|| {
            let mut vector = vec![1.0; dimension];
            vector.first_mut().into_iter().for_each(|first| *first += number as f32 / 16.0);
            vector
        });
        let point = NewPoint::new(&row.id, vector).metadata(row.metadata.clone());
        match &row.text {
            Some(text) => point.text(text),
            None => point,
        }
    };
    rows.iter().enumerate().map(point).collect()
}

/// Runs a case file on a store; each suite loads its rows once, into an index of its own.
///
/// Each case queries with `top_k` 100 and no score bound, and compares ids as sets; what `count` and `scroll` say has to be the same.
/// A file that cannot be read is a failure; a suite whose rows the store refuses fails with all its cases.
pub async fn run_vector_case_file(store: &dyn VectorStore, json: &str) -> Outcome<Report> {
    let file: CaseFile = serde_json::from_str(json).map_err(|error| Failure::from(error).about("the case file"))?;
    let mut report = Report::default();
    for (number, suite) in file.suites.iter().enumerate() {
        let rows = points(&suite.rows, suite.dimension());
        let loaded = load(store, number, suite, &rows).await;
        for case in &suite.cases {
            let outcome = match &loaded {
                Ok(scope) => case.run(store, scope, &rows, suite.dimension()).await,
                Err(error) => Err(Failure::new(format!("the suite's rows cannot be loaded: {error}"))),
            };
            report.add(&suite.name, &case.name, outcome);
        }
        if let Ok(scope) = loaded {
            store.delete_index(&scope.index).await?;
        }
    }
    Ok(report)
}

async fn load(store: &dyn VectorStore, number: usize, suite: &Suite, rows: &[NewPoint]) -> mastra_core::Result<Scope> {
    let mut spec = spec(store, &format!("suite-{number}"), suite.dimension());
    spec.metric = suite.metric(spec.metric);
    store.create_index(&spec).await?;
    let scope = Scope::index(spec.name);
    put(store, &scope, rows).await?;
    Ok(scope)
}

/// What a case came to: the ids, or why the store refused.
enum Answer {
    Ids(Vec<String>),
    Refused(ErrorKind, String),
}

impl FileCase {
    fn filter(&self) -> Result<Filter, serde_json::Error> {
        self.filter.as_ref().map_or(Ok(Filter::all()), |filter| serde_json::from_str(filter.get()))
    }

    async fn run(&self, store: &dyn VectorStore, scope: &Scope, rows: &[NewPoint], dimension: usize) -> Outcome {
        if self.filters.is_some() || self.sort.is_some() {
            return Err(Failure::new("points are neither sorted nor asked for by the older condition list"));
        }
        let answer = self.answer(store, scope, rows, dimension).await?;
        match (answer, &self.expect_ids, &self.expect_error_or_ids) {
            (Answer::Refused(ErrorKind::InvalidInput, _), _, _) if self.expect_error => Ok(()),
            (Answer::Refused(ErrorKind::InvalidInput | ErrorKind::Unsupported, _), _, Some(_)) => Ok(()),
            (Answer::Refused(kind, error), _, _) => Err(Failure::new(format!("unexpected error of kind {kind}: {error}"))),
            (Answer::Ids(found), _, _) if self.expect_error => {
                Err(Failure::new(format!("has to be refused, but found {found:?}")))
            }
            (Answer::Ids(found), Some(expected), _) | (Answer::Ids(found), None, Some(expected)) => {
                let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (found.iter().collect(), expected.iter().collect());
                ensure_eq!(found, expected, "the ids");
                Ok(())
            }
            (Answer::Ids(_), None, None) => {
                Err(Failure::new("the case expects neither expect_ids nor expect_error nor expect_error_or_ids"))
            }
        }
    }

    async fn answer(&self, store: &dyn VectorStore, scope: &Scope, rows: &[NewPoint], dimension: usize) -> Outcome<Answer> {
        let filter = match self.filter() {
            Ok(filter) => filter,
            Err(error) => return Ok(Answer::Refused(ErrorKind::InvalidInput, error.to_string())),
        };
        let extra = points(&self.extra_rows, dimension);
        if let Err(error) = put(store, scope, &extra).await {
            return Ok(Answer::Refused(error.kind(), error.to_string()));
        }
        let near = rows.iter().chain(&extra).map(|point| point.vector.clone()).find(|vector| vector.as_slice() != [0.0]);
        let near = near.unwrap_or_else(|| vec![1.0; dimension].into());
        let answer = ask(store, scope, VectorQuery::vector(near).filter(filter)).await;
        if !extra.is_empty() {
            let ids: Vec<&str> = extra.iter().filter_map(|point| point.id.as_deref()).collect();
            remove(store, scope, &ids).await?;
            let covered = |point: &&NewPoint| point.id.as_deref().is_some_and(|id| ids.contains(&id));
            let restored: Vec<NewPoint> = rows.iter().filter(covered).cloned().collect();
            put(store, scope, &restored).await?;
        }
        answer
    }
}

async fn ask(store: &dyn VectorStore, scope: &Scope, query: VectorQuery) -> Outcome<Answer> {
    let can = store.capabilities();
    let query = query.top_k(can.limits.top_k.map_or(TOP_K, |most| most.min(TOP_K)));
    let answer = match store.query(scope, &query).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Answer::Refused(error.kind(), error.to_string())),
    };
    lawful(&answer, &query)?;
    let mut ids = super::fixture::ids(&answer);
    ids.sort();
    if ids.len() < query.top_k {
        let counted = store.count(scope, &PointCountQuery::new().filter(query.filter.clone())).await?;
        ensure_eq!(counted.value, ids.len() as u64, "count, where the query found {ids:?}");
        if can.search.scroll {
            let walk = ScrollQuery::new().filter(query.filter).limit(TOP_K);
            let mut walked = super::fixture::point_ids(&store.scroll(scope, &walk).await?.items);
            walked.sort();
            ensure_eq!(walked, ids, "scroll, and what the query found");
        }
    }
    Ok(Answer::Ids(ids))
}
