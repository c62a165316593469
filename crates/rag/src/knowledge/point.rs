//! What a point of a knowledge base holds beside its vector and text.

use super::pieces::Piece;
use mastra_core::{Error, Filter, Path, Record, RecordId, Result, vector::NewPoint};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The keys of metadata that filters ask for.
pub(super) const RECORD: &str = "recordId";
pub(super) const GENERATION: &str = "generation";
pub(super) const DATA: &str = "data";

pub(super) fn path(key: &str) -> Result<Path> {
    Path::from_segments([key])
}

pub(super) fn data_path() -> Result<Path> {
    path(DATA)
}

/// Metadata of a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// The record.
    pub(crate) record_id: RecordId,
    /// Its id in its entity.
    pub(crate) external_id: String,
    /// The generation of the record that it was made of.
    pub(crate) generation: i64,
    /// Its place among the record's chunks, from 0.
    pub(crate) order: u32,
    /// How many chunks the record has.
    pub(crate) of: u32,
    /// Where it stands in the document's text, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// The headings above it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headings: Vec<String>,
    /// A digest of what was embedded: the same text under the same recipe has the same vector.
    pub(crate) hash: String,
    /// The fields that searches filter by, as the record has them.
    #[serde(default)]
    pub(crate) data: Value,
}

impl About {
    pub(crate) fn read(metadata: &Value) -> Result<Self> {
        Self::deserialize(metadata)
            .map_err(|source| Error::corrupt("a point's metadata is not a knowledge base's").with_source(source))
    }
}

/// The id of a chunk's point: ids of one record stand together, in order of the records.
pub(crate) fn id(record: RecordId, generation: i64, order: u32) -> String {
    format!("{record}:{generation}:{order}")
}

/// The record that a point belongs to, by its id; `None` for a point that no knowledge base made.
pub fn record_of(id: &str) -> Option<RecordId> {
    id.split_once(':')?.0.parse().ok()
}

/// The generation that a point was made of, by its id.
pub(super) fn generation_of(id: &str) -> Option<i64> {
    id.split(':').nth(1)?.parse().ok()
}

/// The point of a chunk.
pub(super) fn of(record: &Record, piece: &Piece, of: u32, vector: Vec<f32>, data: &Value) -> Result<NewPoint> {
    let about = About {
        record_id: record.id,
        external_id: record.external_id.clone(),
        generation: record.generation,
        order: piece.order,
        of,
        start: piece.start,
        end: piece.end,
        headings: piece.headings.clone(),
        hash: piece.hash.clone(),
        data: data.clone(),
    };
    let metadata =
        serde_json::to_value(about).map_err(|source| Error::internal("metadata could not be written").with_source(source))?;
    Ok(NewPoint::new(id(record.id, record.generation, piece.order), vector).metadata(metadata).text(&piece.text))
}

/// The points of records, each up to a generation. Newer ones are another worker's, who knows better.
///
/// The list of all records stands first and by itself: an index on the record's id serves it, where a store would look at every point for
/// alternatives of two conditions each.
pub(super) fn up_to(records: &[(RecordId, i64)]) -> Result<Filter> {
    let ids: Vec<String> = records.iter().map(|(record, _)| record.to_string()).collect();
    let each = |(record, generation): &(RecordId, i64)| {
        Ok(Filter::and([Filter::eq(path(RECORD)?, record.to_string())?, Filter::lte(path(GENERATION)?, *generation)?]))
    };
    let bounds = records.iter().map(each).collect::<Result<Vec<Filter>>>()?;
    Ok(Filter::and([Filter::is_in(path(RECORD)?, ids)?, Filter::or(bounds)]))
}

/// A filter on the record's data, as it is asked of a point's metadata. Only the fields that were named as filter fields are there.
pub fn data_filter(filter: &Filter) -> Result<Filter> {
    let base = data_path()?;
    Ok(under(&base, filter))
}

fn under(base: &Path, filter: &Filter) -> Filter {
    let each = |filters: &[Filter]| filters.iter().map(|filter| under(base, filter)).collect();
    match filter {
        Filter::And(filters) => Filter::And(each(filters)),
        Filter::Or(filters) => Filter::Or(each(filters)),
        Filter::Not(inner) => Filter::Not(Box::new(under(base, inner))),
        Filter::Field { path, predicate } => Filter::Field { path: base.join(path), predicate: predicate.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_of_data_ask_under_one_key() {
        let filter =
            Filter::from_json(&json!({"lang": "en", "$or": [{"tags": {"$elemMatch": {"name": "a"}}}, {"n": null}]})).unwrap();
        let moved = data_filter(&filter).unwrap();
        for data in [
            json!({"lang": "en", "n": 1}),
            json!({"lang": "en"}),
            json!({"lang": "de"}),
            json!({"lang": "en", "n": 1, "tags": [{"name": "a"}]}),
        ] {
            assert_eq!(moved.matches(&json!({"data": data})), filter.matches(&data), "{data}");
        }
    }

    #[test]
    fn each_record_has_a_bound_of_its_own() {
        let (one, two) = (RecordId::generate(), RecordId::generate());
        let filter = up_to(&[(one, 3), (two, 5)]).unwrap();
        let matches = |record: RecordId, generation: i64| filter.matches(&json!({"recordId": record, "generation": generation}));
        assert!(matches(one, 3) && !matches(one, 4) && matches(two, 4) && !matches(two, 6));
        assert!(!matches(RecordId::generate(), 1) && !up_to(&[]).unwrap().matches(&json!({})));
    }

    #[test]
    fn a_point_names_its_record() {
        let record = RecordId::generate();
        assert_eq!(record_of(&id(record, 7, 3)), Some(record));
        assert_eq!(generation_of(&id(record, 7, 3)), Some(7));
        assert_eq!(record_of("intro.md#3"), None);
    }
}
