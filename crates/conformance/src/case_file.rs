//! Case files: records, queries and what they have to find, as data.
//!
//! ```json
//! {"suites": [{"name": "…", "records": [{"externalId": "a", "data": {"n": 1}}],
//!   "cases": [{"name": "…", "filter": {"n": 1}, "expect_external_ids": ["a"]},
//!             {"name": "…", "filters": [{"field": "data.n", "operator": "eq", "value": 1}],
//!              "sort": [{"field": "n", "direction": "DESC"}], "limit": 5, "offset": 0,
//!              "expect_external_ids": ["a"], "ordered": true},
//!             {"name": "…", "filter": {"n": {"$near": 1}}, "expect_error": true}]}]}
//! ```

use crate::failure::{Failure, Outcome};
use crate::fixture::{CONNECTION, external_ids};
use mastra_core::{CountQuery, EntityRef, ErrorKind, NewEntity, NewRecord, RecordQuery, RecordStore, Result, UpsertOptions};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::fmt;

/// The case files of this crate by name: every corner of the filter language, and the order of values.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("equality", include_str!("../cases/equality.json")),
    ("paths", include_str!("../cases/paths.json")),
    ("negation", include_str!("../cases/negation.json")),
    ("null_and_presence", include_str!("../cases/null_and_presence.json")),
    ("lists", include_str!("../cases/lists.json")),
    ("ranges", include_str!("../cases/ranges.json")),
    ("strings", include_str!("../cases/strings.json")),
    ("logic", include_str!("../cases/logic.json")),
    ("older_conditions", include_str!("../cases/older_conditions.json")),
    ("sorting", include_str!("../cases/sorting.json")),
];

#[derive(Deserialize)]
struct CaseFile {
    suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    name: String,
    #[serde(default)]
    records: Vec<Row>,
    cases: Vec<FileCase>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    external_id: String,
    data: Value,
}

/// Parts of the query stay text: whether they can be read at all is part of the case.
#[derive(Deserialize)]
struct FileCase {
    name: String,
    filter: Option<Box<RawValue>>,
    filters: Option<Box<RawValue>>,
    sort: Option<Box<RawValue>>,
    limit: Option<Box<RawValue>>,
    offset: Option<Box<RawValue>>,
    expect_external_ids: Option<Vec<String>>,
    #[serde(default)]
    ordered: bool,
    #[serde(default)]
    expect_error: bool,
}

/// What a case file came to.
#[derive(Debug, Default)]
pub struct Report {
    /// How many cases did what they have to.
    pub passed: usize,
    /// The others.
    pub failed: Vec<FailedCase>,
}

/// A case of a file that did otherwise.
#[derive(Debug)]
pub struct FailedCase {
    /// The suite's name.
    pub suite: String,
    /// The case's name.
    pub case: String,
    /// What happened.
    pub message: String,
}

impl fmt::Display for FailedCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}: {}", self.suite, self.case, self.message)
    }
}

impl Report {
    /// A failure that lists the failed cases, if there are any.
    pub fn outcome(&self) -> Outcome {
        if self.failed.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.failed.iter().map(|failed| format!("\n  {failed}")).collect();
        Err(Failure::new(format!("{} passed, {} failed:{}", self.passed, self.failed.len(), lines.concat())))
    }

    /// Counts one more case.
    pub fn add(&mut self, suite: &str, case: &str, outcome: Outcome) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(failure) => {
                self.failed.push(FailedCase {
                    suite: suite.to_owned(),
                    case: case.to_owned(),
                    message: failure.message().to_owned(),
                });
            }
        }
    }
}

/// Runs a case file on a store; each suite loads its records once, into an entity of its own.
///
/// A file that cannot be read is a failure; a suite whose records the store refuses fails with all its cases.
pub async fn run_case_file(store: &dyn RecordStore, json: &str) -> Outcome<Report> {
    let file: CaseFile = serde_json::from_str(json).map_err(|error| Failure::from(error).about("the case file"))?;
    let mut report = Report::default();
    for (number, suite) in file.suites.iter().enumerate() {
        let loaded = load(store, number, suite).await;
        for case in &suite.cases {
            let outcome = match &loaded {
                Ok(entity) => case.run(store, entity).await,
                Err(error) => Err(Failure::new(format!("the suite's records cannot be loaded: {error}"))),
            };
            report.add(&suite.name, &case.name, outcome);
        }
    }
    Ok(report)
}

/// One call a record, so that ids ascend in the order of the file.
async fn load(store: &dyn RecordStore, number: usize, suite: &Suite) -> Result<EntityRef> {
    let mut name = format!("suite {number}");
    let entity = loop {
        match store.create_entity(&NewEntity::new(&name, CONNECTION)).await {
            // Another case file has run on this store.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => name.push('\''),
            created => break EntityRef::Id(created?.id),
        }
    };
    for row in &suite.records {
        let record = NewRecord::new(&row.external_id, row.data.clone());
        store.upsert_records(&entity, &[record], &UpsertOptions::default()).await?;
    }
    Ok(entity)
}

impl FileCase {
    /// The query as its JSON says it, which may be no query.
    fn query(&self) -> Result<RecordQuery, serde_json::Error> {
        let parts = [
            ("filter", &self.filter),
            ("filters", &self.filters),
            ("sort", &self.sort),
            ("limit", &self.limit),
            ("offset", &self.offset),
        ];
        let fields: Vec<String> =
            parts.iter().filter_map(|(name, part)| Some(format!("\"{name}\":{}", part.as_ref()?.get()))).collect();
        serde_json::from_str(&format!("{{{}}}", fields.join(",")))
    }

    async fn run(&self, store: &dyn RecordStore, entity: &EntityRef) -> Outcome {
        let asked = match self.query() {
            Ok(query) => store.get_records(entity, &query).await.map(|page| (query, page)),
            Err(error) if self.expect_error => {
                let _ = error;
                return Ok(());
            }
            Err(error) => return Err(Failure::new(format!("the query is refused: {error}"))),
        };
        match (asked, &self.expect_external_ids) {
            (Err(error), _) if self.expect_error && error.kind() == ErrorKind::InvalidInput => Ok(()),
            (Err(error), _) => Err(Failure::from(error)),
            (Ok((_, page)), _) if self.expect_error => {
                Err(Failure::new(format!("has to be refused, but found {:?}", external_ids(&page.items))))
            }
            (Ok(_), None) => Err(Failure::new("the case expects neither expect_external_ids nor expect_error")),
            (Ok((query, page)), Some(expected)) => {
                self.compare(&external_ids(&page.items), expected)?;
                if query.limit.is_none() && query.offset == 0 {
                    let counted = CountQuery { filter: query.filter, ..CountQuery::default() };
                    let value = store.count_records(entity, &counted).await?.value;
                    crate::failure::ensure_eq!(value, expected.len() as u64, "count_records");
                }
                Ok(())
            }
        }
    }

    fn compare(&self, found: &[String], expected: &[String]) -> Outcome {
        let (mut found, mut expected) = (found.to_vec(), expected.to_vec());
        if !self.ordered {
            found.sort();
            expected.sort();
        }
        if found == expected { Ok(()) } else { Err(Failure::new(format!("found {found:?}, expected {expected:?}"))) }
    }
}
