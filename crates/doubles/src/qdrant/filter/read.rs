//! From the wire's filter to ours. What is malformed is refused here, before a collection is looked for.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;

use super::ast::{Bounds, Condition, Field, Filter, Match, MinShould, Range};
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, malformed, not_imitated, validation};

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

impl Filter {
    /// Reads a filter that a request may have left out.
    pub(crate) fn read_option(filter: Option<wire::Filter>) -> Result<Option<Self>> {
        filter.map(Self::read).transpose()
    }

    pub(crate) fn read(filter: wire::Filter) -> Result<Self> {
        let min_should = match filter.min_should {
            Some(clause) if clause.min_count == 0 => {
                return Err(validation("filter.min_should.min_count", "min_count must be greater than 0"));
            }
            Some(clause) => Some(MinShould {
                conditions: conditions(clause.conditions)?,
                min_count: usize::try_from(clause.min_count).unwrap_or(usize::MAX),
            }),
            None => None,
        };
        Ok(Self {
            must: conditions(filter.must)?,
            should: conditions(filter.should)?,
            must_not: conditions(filter.must_not)?,
            min_should,
        })
    }
}

/// A condition with nothing in it is dropped, as on the server.
fn conditions(conditions: Vec<wire::Condition>) -> Result<Vec<Condition>> {
    conditions.into_iter().filter_map(|condition| condition.condition_one_of).map(condition).collect()
}

fn condition(condition: ConditionOneOf) -> Result<Condition> {
    Ok(match condition {
        ConditionOneOf::Field(field) => Condition::Field(read_field(field)?),
        ConditionOneOf::IsEmpty(is_empty) => Condition::IsEmpty(Path::parse(&is_empty.key)?),
        ConditionOneOf::IsNull(is_null) => Condition::IsNull(Path::parse(&is_null.key)?),
        ConditionOneOf::HasId(has_id) => {
            Condition::HasId(has_id.has_id.into_iter().map(Id::from_wire).collect::<Result<BTreeSet<_>>>()?)
        }
        ConditionOneOf::HasVector(has_vector) => Condition::HasVector(has_vector.has_vector),
        ConditionOneOf::Nested(nested) => {
            let filter = nested.filter.ok_or_else(|| malformed("Nested condition must have a filter"))?;
            Condition::Nested(Path::parse(&nested.key)?.each(), Filter::read(filter)?)
        }
        ConditionOneOf::Filter(filter) => Condition::Filter(Filter::read(filter)?),
        ConditionOneOf::Slice(_) => return Err(not_imitated("slice conditions")),
    })
}

fn read_field(field: wire::FieldCondition) -> Result<Field> {
    if field.geo_bounding_box.is_some() || field.geo_radius.is_some() || field.geo_polygon.is_some() {
        return Err(not_imitated("conditions on places"));
    }
    let nothing = field.r#match.is_none()
        && field.range.is_none()
        && field.datetime_range.is_none()
        && field.values_count.is_none()
        && field.is_empty.is_none()
        && field.is_null.is_none();
    if nothing {
        return Err(validation("filter", "At least one field condition must be specified"));
    }
    let range = match (field.range, field.datetime_range) {
        (Some(range), _) => Some(Range::Number(Bounds { lt: range.lt, gt: range.gt, gte: range.gte, lte: range.lte })),
        (None, Some(range)) => {
            Some(Range::Time(Bounds { lt: time(range.lt)?, gt: time(range.gt)?, gte: time(range.gte)?, lte: time(range.lte)? }))
        }
        (None, None) => None,
    };
    Ok(Field {
        key: Path::parse(&field.key)?,
        matching: field.r#match.map(read_match).transpose()?,
        range,
        values_count: field.values_count.map(|count| Bounds { lt: count.lt, gt: count.gt, gte: count.gte, lte: count.lte }),
        is_empty: field.is_empty,
        is_null: field.is_null,
    })
}

fn read_match(matching: wire::Match) -> Result<Match> {
    Ok(match matching.match_value.ok_or_else(|| malformed("Malformed Match condition"))? {
        MatchValue::Keyword(keyword) => Match::Keyword(keyword),
        MatchValue::Integer(integer) => Match::Integer(integer),
        MatchValue::Boolean(flag) => Match::Bool(flag),
        MatchValue::Keywords(list) => Match::AnyKeyword(list.strings),
        MatchValue::Integers(list) => Match::AnyInteger(list.integers),
        MatchValue::ExceptKeywords(list) => Match::ExceptKeywords(list.strings),
        MatchValue::ExceptIntegers(list) => Match::ExceptIntegers(list.integers),
        MatchValue::Text(text) => Match::Text(text),
        MatchValue::TextAny(text) => Match::TextAny(text),
        MatchValue::Phrase(text) => Match::Phrase(text),
        MatchValue::Prefix(text) => Match::Prefix(text),
        MatchValue::Substring(_) => return Err(not_imitated("matches of a substring, which are younger")),
    })
}

fn time(timestamp: Option<prost_types::Timestamp>) -> Result<Option<DateTime<Utc>>> {
    let Some(timestamp) = timestamp else { return Ok(None) };
    let refuse = || validation("filter.datetime_range", "the timestamp is out of range");
    if !TIMESTAMPS.contains(&timestamp.seconds) {
        return Err(refuse());
    }
    let nanos = u32::try_from(timestamp.nanos).map_err(|_| refuse())?;
    DateTime::from_timestamp(timestamp.seconds, nanos).map(Some).ok_or_else(refuse)
}
