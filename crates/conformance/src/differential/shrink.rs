//! Making a pair that differs as small as it can be.

use super::{ask, load};
use crate::failure::{Failure, Outcome};
use mastra_core::{EntityRef, Filter, NewRecord, RecordStore, UpsertMode, UpsertOptions};
use serde_json::{Map, Value, json};

/// More questions than this are not asked.
const QUESTIONS: usize = 600;

/// The failure of a filter that finds other documents than it has to, with the smallest pair as a case file.
pub(super) async fn smallest(
    store: &dyn RecordStore,
    documents: &[Value],
    filter: &Value,
    found: &[usize],
    expected: &[usize],
) -> Failure {
    let differs = (0..documents.len()).find(|at| found.contains(at) != expected.contains(at));
    let Some(document) = differs.and_then(|at| documents.get(at)) else {
        return Failure::new(format!("the rows of {filter} are doubled: {found:?}"));
    };
    match pair(store, document, filter).await {
        Ok(Some((document, filter))) => report(&document, &filter),
        Ok(None) => {
            let failure = report(document, filter);
            failure.about("alone in its entity the document is answered rightly; beside others")
        }
        Err(failure) => failure.about(format!("while making the pair {document} and {filter} smaller")),
    }
}

fn report(document: &Value, filter: &Value) -> Failure {
    let matches = Filter::from_json(filter).is_ok_and(|parsed| parsed.matches(document));
    let expected: &[&str] = if matches { &["d"] } else { &[] };
    let file = json!({ "suites": [{
        "name": "differential",
        "records": [{ "externalId": "d", "data": document }],
        "cases": [{ "name": "found by chance", "filter": filter, "expect_external_ids": expected }],
    }] });
    Failure::new(format!("the backend and core's evaluator differ; as a case file:\n{file}"))
}

struct Shrinking<'s> {
    store: &'s dyn RecordStore,
    entity: EntityRef,
    questions: usize,
}

async fn pair(store: &dyn RecordStore, document: &Value, filter: &Value) -> Outcome<Option<(Value, Value)>> {
    let entity = load(store, "the smallest pair", std::slice::from_ref(document)).await?;
    let mut shrinking = Shrinking { store, entity, questions: 0 };
    if !shrinking.differs(document, filter).await? {
        return Ok(None);
    }
    let (mut document, mut filter) = (document.clone(), filter.clone());
    'smaller: while shrinking.questions < QUESTIONS {
        for candidate in smaller(&document).into_iter().filter(Value::is_object) {
            if shrinking.differs(&candidate, &filter).await? {
                document = candidate;
                continue 'smaller;
            }
        }
        for candidate in smaller(&filter) {
            if shrinking.differs(&document, &candidate).await? {
                filter = candidate;
                continue 'smaller;
            }
        }
        break;
    }
    Ok(Some((document, filter)))
}

impl Shrinking<'_> {
    /// Whether backend and evaluator differ on this pair; a filter that is none does not count.
    async fn differs(&mut self, document: &Value, filter: &Value) -> Outcome<bool> {
        let Ok(filter) = Filter::from_json(filter) else { return Ok(false) };
        self.questions += 1;
        let record = NewRecord::new("0", document.clone());
        let options = UpsertOptions { mode: UpsertMode::Replace };
        self.store.upsert_records(&self.entity, &[record], &options).await?;
        let found = ask(self.store, &self.entity, &filter).await?;
        Ok(found.is_empty() == filter.matches(document))
    }
}

/// Values that are one step smaller: a part left out, a part in place of the whole, or a smaller part.
pub(crate) fn smaller(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(map) => {
            let without = map.keys().map(|gone| Value::Object(map.iter().filter(|(key, _)| *key != gone).map(owned).collect()));
            let inner = map.iter().flat_map(|(key, inner)| {
                smaller(inner).into_iter().map(move |inner| {
                    let mut map: Map<String, Value> = map.clone();
                    map.insert(key.clone(), inner);
                    Value::Object(map)
                })
            });
            let lifted = map.values().flat_map(|inner| match inner {
                Value::Object(_) => vec![inner.clone()],
                Value::Array(members) => members.iter().filter(|member| member.is_object()).cloned().collect(),
                _ => Vec::new(),
            });
            without.chain(lifted).chain(inner).collect()
        }
        Value::Array(members) => {
            let without = (0..members.len()).map(|gone| {
                Value::Array((0..).zip(members).filter(|(at, _)| *at != gone).map(|(_, member)| member.clone()).collect())
            });
            let inner = (0..members.len()).flat_map(|at| {
                members.get(at).map(smaller).unwrap_or_default().into_iter().map(move |inner| {
                    let replaced =
                        (0..).zip(members).map(|(other, member)| if other == at { inner.clone() } else { member.clone() });
                    Value::Array(replaced.collect())
                })
            });
            without.chain(inner).collect()
        }
        Value::String(text) if text.chars().count() > 1 => vec![json!(text.chars().take(1).collect::<String>())],
        _ => Vec::new(),
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}
