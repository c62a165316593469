//! `query_records`.

use super::{CURSOR_BYTES, Counted, Room, Tool, filter, paths, record::RecordOut};
use crate::{limits::Limits, parts::Parts};
use futures::TryStreamExt as _;
use mastra_core::{
    CountQuery, Cursor, Direction, Entity, Path, Position, Record, RecordQuery, Result, SortKey, projection::project,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Matching records are counted up to here.
const MOST_COUNTED: u64 = 100_000;

/// The filter language in a few lines.
const DESCRIPTION: &str = r#"Finds the records of an entity by their fields, sorted and page by page, and counts them. Call describe_entity first to learn the fields.

filter is a MongoDB-style condition on the record's data:
  {"stage": "won"}                                equal; a list field matches by a member too
  {"amount": {"$gte": 1000, "$lt": 5000}}         $gt $gte $lt $lte, numbers or strings (ISO dates compare as strings)
  {"stage": {"$in": ["won", "open"]}}             $in $nin; {"$ne": …} and $nin also match records that lack the field
  {"title": {"$contains": "tea"}}                 a piece of a text, whatever its case
  {"code": {"$regex": "^A-\\d+$", "$options": "i"}}
  {"tags": {"$all": ["eu", "vip"]}}               every one of them; {"$size": 2} a list's length
  {"owner.name": "Ada", "closed": {"$exists": false}}   dotted paths; several conditions all have to hold
  {"lines": {"$elemMatch": {"sku": "a", "n": {"$gt": 1}}}}   one member of a list that satisfies all of it
  {"$or": [{"a": 1}, {"b": null}]}                $and $or $nor, and {"field": {"$not": {…}}}
Types differ: 1 is not "1". sort is a list of fields, "-amount" for the largest first; ties and no sort go by age.
To count only, give count true and limit 0. For the next page repeat the call with cursor."#;

pub(super) struct QueryRecords;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The entity's name, or its id
    entity: String,
    /// Its connection, where several have an entity of that name
    #[serde(alias = "connectionId", default)]
    connection_id: Option<String>,
    /// Which records; all of them without it
    #[serde(default)]
    #[schemars(schema_with = "super::filter_schema")]
    filter: Option<Value>,
    /// Fields to sort by, the first deciding first; a minus sign in front for descending, such as ["-amount", "name"]
    #[serde(default, deserialize_with = "super::texts")]
    sort: Option<Vec<String>>,
    /// Only these fields of each record, such as ["name", "owner.email"]; all of them without it
    #[serde(default, deserialize_with = "super::texts")]
    fields: Option<Vec<String>>,
    /// How many at most; 20 by default, 200 at most, 0 for none
    #[serde(default)]
    limit: Option<u64>,
    /// next_cursor of the page before, with the same filter and sort
    #[serde(default)]
    cursor: Option<String>,
    /// Whether to count all matching records, whatever the limit
    #[serde(default)]
    count: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The entity's name
    entity: String,
    /// Its connection
    connection_id: String,
    records: Vec<RecordOut>,
    /// How many records match in all, where that was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Counted>,
    /// Whether something was left out: further records, or parts of one
    truncated: bool,
    /// Call again with this as cursor for the next page
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What was left out, and how to get it
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Tool for QueryRecords {
    const NAME: &'static str = "query_records";
    const TITLE: &'static str = "Query records";
    type Input = Input;
    type Output = Output;

    fn description(_: &Parts) -> String {
        DESCRIPTION.to_owned()
    }

    async fn run(parts: &Parts, input: Input) -> Result<Output> {
        let limit = Limits::count("limit", input.limit, 20, parts.limits.max_records)?;
        let (filter, fields) = (filter(input.filter)?, paths(input.fields)?);
        let sort = input.sort.unwrap_or_default().iter().map(|key| sort_key(key)).collect::<Result<Vec<_>>>()?;
        let entity = parts.records.entity(&input.entity, input.connection_id.as_deref()).await?;
        let total = if input.count {
            let query = CountQuery { filter: filter.clone(), cap: Some(MOST_COUNTED), ..CountQuery::default() };
            Some(parts.records.count(&entity, &query).await?.into())
        } else {
            None
        };
        let query = RecordQuery { filter, sort, cursor: input.cursor.map(Cursor::from), ..RecordQuery::default() };
        let page = page(parts, &entity, query, limit, fields.as_deref()).await?;
        Ok(Output { entity: entity.name, connection_id: entity.connection_id, total, ..page })
    }
}

/// `amount`, or `-amount` for the largest first.
fn sort_key(key: &str) -> Result<SortKey> {
    let (path, direction) = match key.strip_prefix('-') {
        Some(path) => (path, Direction::Descending),
        None => (key, Direction::Ascending),
    };
    Ok(SortKey { path: path.parse()?, direction })
}

/// The records of one page, as many as fit. They are read one after the other, so that a page of large ones is never held as a whole.
async fn page(parts: &Parts, entity: &Entity, mut query: RecordQuery, limit: u64, fields: Option<&[Path]>) -> Result<Output> {
    // One more tells whether there are more.
    query.limit = Some(limit.saturating_add(1));
    let mut records: Vec<RecordOut> = Vec::new();
    let (mut room, mut last, mut more, mut cut) = (Room::of(parts), None, false, false);
    if limit > 0 {
        let mut stream = parts.records.stream(entity, &query).await?;
        while let Some(mut record) = stream.try_next().await? {
            if records.len() as u64 == limit {
                more = true;
                break;
            }
            let position = Position::of(&query.sort, &record.data, record.id);
            select(&mut record, fields);
            let first = records.is_empty();
            let shown = if first {
                let (shown, was_cut) = RecordOut::fitted(entity, record, room.0.saturating_sub(1));
                cut = was_cut;
                shown
            } else {
                RecordOut::of(entity, record)
            };
            if !room.has(&shown) && !first {
                more = true;
                break;
            }
            last = Some(position);
            records.push(shown);
        }
    }
    let next_cursor = match last.filter(|_| more) {
        Some(position) => Some(Cursor::after(&query, position)?.to_string()),
        None => None,
    };
    let endless = next_cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_BYTES);
    let note = note(cut, more, endless, (records.len() as u64) < limit);
    Ok(Output {
        entity: String::new(),
        connection_id: String::new(),
        total: None,
        truncated: more || cut,
        next_cursor: next_cursor.filter(|_| !endless),
        note,
        records,
    })
}

fn select(record: &mut Record, fields: Option<&[Path]>) {
    if let Some(fields) = fields {
        record.data = project(&record.data, fields);
    }
}

/// What a reader has to know about a page that is not the whole answer.
fn note(cut: bool, more: bool, endless: bool, is_short: bool) -> Option<String> {
    let mut told: Vec<&str> = Vec::new();
    if cut {
        told.push(
            "The record is larger than an answer may be and was cut where its `cut` says: name the fields that you need, or read one field \
             piece by piece with get_record.",
        );
    }
    if more && endless {
        told.push("There are more records, and no cursor for them, since the sort is by long texts: sort by another field.");
    } else if more && is_short {
        told.push("There are more records than an answer may hold: call again with next_cursor as cursor, or name fewer fields.");
    } else if more {
        told.push("There are more records: call again with next_cursor as cursor.");
    }
    (!told.is_empty()).then(|| told.join(" "))
}
