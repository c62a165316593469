//! Where a key has an index, Qdrant asks the index instead of the payload. What the index does not hold is not there then:
//!
//! - an integer index holds 1.0 as 1, and nothing that is no whole number; ranges over such a key see whole numbers alone;
//! - `except` sees only the values that the index holds: a number under a keyword index is not "something else";
//! - a UUID index compares UUIDs, however they are spelt;
//! - a text index knows words, with no regard to case;
//! - `is_null` sees a null inside of a list also as a condition of its own, which the payload alone does not show.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ast::{Bounds, Condition, Field, Match, Range};
use super::datetime;
use super::tokens::{self, Wanted};
use crate::qdrant::collection::Index;
use crate::qdrant::data::Data;

/// What an index answers for a point whose payload has these values at the key. `None`: it cannot serve the condition, and the
/// payload is asked.
pub(super) fn holds(index: &Index, field: &Field, values: &[&Data]) -> Option<bool> {
    if let Some(answer) = field.matching.as_ref().and_then(|matching| match_holds(index, matching, values)) {
        return Some(answer);
    }
    if let Some(answer) = field.range.and_then(|range| range_holds(index, &range, values)) {
        return Some(answer);
    }
    // Beside every index Qdrant keeps one of what is empty and null.
    if let Some(wanted) = field.is_empty {
        return Some(all_empty(values) == wanted);
    }
    field.is_null.map(|wanted| any_null(values) == wanted)
}

/// `is_empty` and `is_null` as conditions of their own.
pub(super) fn state_holds(condition: &Condition, values: &[&Data]) -> bool {
    match condition {
        Condition::IsEmpty(_) => all_empty(values),
        _ => any_null(values),
    }
}

/// A text index also serves the conditions inside of a nested filter, value by value.
pub(super) fn text_holds(index: &Index, matching: &Match, value: &Data) -> Option<bool> {
    let (Index::Text(index), Some((wanted, query))) = (index, words(matching)) else { return None };
    Some(value.members().iter().filter_map(Data::as_text).any(|text| tokens::hold(index, wanted, query, &[text])))
}

/// The distinct values of a point that a facet counts, for an index that can: keyword, integer (for look-ups), UUID, bool.
pub(crate) fn facet_values(index: &Index, values: &[&Data]) -> Option<Vec<Data>> {
    let members = values.iter().flat_map(|value| value.members());
    let found: Vec<Data> = match index {
        Index::Keyword { .. } => members.filter(|value| matches!(value, Data::Text(_))).cloned().collect(),
        Index::Integer { lookup: true, .. } => members.filter_map(whole).map(Data::Integer).collect(),
        Index::Bool => members.filter(|value| matches!(value, Data::Bool(_))).cloned().collect(),
        Index::Uuid => members.filter_map(uuid).map(|uuid| Data::Text(uuid.to_string())).collect(),
        _ => return None,
    };
    let mut distinct = Vec::new();
    for value in found {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    Some(distinct)
}

/// The values of a point that an order goes by, for an index that knows ranges.
pub(crate) fn range_keys(index: &Index, values: &[&Data]) -> Option<Vec<Data>> {
    let members = values.iter().flat_map(|value| value.members());
    Some(match index {
        Index::Integer { range: true, .. } => members.filter_map(whole).map(Data::Integer).collect(),
        Index::Float => members.filter_map(Data::as_number).map(Data::Double).collect(),
        Index::Datetime => members.filter_map(time).map(|time| Data::Integer(time.timestamp_micros())).collect(),
        _ => return None,
    })
}

fn match_holds(index: &Index, matching: &Match, values: &[&Data]) -> Option<bool> {
    let mut members = values.iter().flat_map(|value| value.members());
    Some(match (index, matching) {
        (Index::Keyword { .. }, Match::Keyword(wanted)) => members.filter_map(Data::as_text).any(|text| text == wanted),
        (Index::Keyword { .. }, Match::AnyKeyword(list)) => members.filter_map(Data::as_text).any(|text| contains(list, text)),
        (Index::Keyword { .. }, Match::ExceptKeywords(list)) => {
            members.filter_map(Data::as_text).any(|text| !contains(list, text))
        }
        (Index::Keyword { .. }, Match::Prefix(wanted)) => {
            members.filter_map(Data::as_text).any(|text| text.starts_with(wanted.as_str()))
        }
        (Index::Integer { lookup: true, .. }, Match::Integer(wanted)) => {
            members.filter_map(whole).any(|number| number == *wanted)
        }
        (Index::Integer { lookup: true, .. }, Match::AnyInteger(list)) => {
            members.filter_map(whole).any(|number| list.contains(&number))
        }
        (Index::Integer { lookup: true, .. }, Match::ExceptIntegers(list)) => {
            members.filter_map(whole).any(|number| !list.contains(&number))
        }
        (Index::Bool, Match::Bool(wanted)) => members.any(|value| *value == Data::Bool(*wanted)),
        (Index::Uuid, Match::Keyword(wanted)) => {
            let wanted = Uuid::parse_str(wanted).ok()?;
            members.filter_map(uuid).any(|uuid| uuid == wanted)
        }
        (Index::Uuid, Match::AnyKeyword(list)) => {
            let list = uuids(list)?;
            members.filter_map(uuid).any(|uuid| list.contains(&uuid))
        }
        (Index::Uuid, Match::ExceptKeywords(list)) => {
            let list = uuids(list)?;
            members.filter_map(uuid).any(|uuid| !list.contains(&uuid))
        }
        (Index::Text(index), matching) => {
            let (wanted, query) = words(matching)?;
            let texts: Vec<&str> = members.filter_map(Data::as_text).collect();
            tokens::hold(index, wanted, query, &texts)
        }
        _ => return None,
    })
}

fn range_holds(index: &Index, range: &Range, values: &[&Data]) -> Option<bool> {
    let members = values.iter().flat_map(|value| value.members());
    Some(match (index, range) {
        (Index::Integer { range: true, .. }, Range::Number(bounds)) => {
            let bounds = rounded(bounds);
            members.filter_map(whole).any(|number| bounds.hold(&number))
        }
        (Index::Integer { range: true, .. }, Range::Time(bounds)) => {
            let bounds = micros(bounds);
            members.filter_map(whole).any(|number| bounds.hold(&number))
        }
        (Index::Float, Range::Number(bounds)) => members.filter_map(Data::as_number).any(|number| bounds.hold(&number)),
        #[expect(clippy::cast_precision_loss, reason = "the server compares so")]
        (Index::Float, Range::Time(bounds)) => {
            let bounds = micros(bounds);
            members.filter_map(Data::as_number).any(|number| {
                let Bounds { lt, gt, gte, lte } = bounds;
                let as_float = |bound: Option<i64>| bound.map(|bound| bound as f64);
                Bounds { lt: as_float(lt), gt: as_float(gt), gte: as_float(gte), lte: as_float(lte) }.hold(&number)
            })
        }
        (Index::Datetime, Range::Time(bounds)) => {
            let bounds = micros(bounds);
            members.filter_map(time).any(|time| bounds.hold(&time.timestamp_micros()))
        }
        (Index::Datetime, Range::Number(bounds)) => {
            let bounds = rounded(bounds);
            members.filter_map(time).any(|time| bounds.hold(&time.timestamp_micros()))
        }
        _ => return None,
    })
}

fn words(matching: &Match) -> Option<(Wanted, &str)> {
    match matching {
        Match::Text(query) => Some((Wanted::All, query)),
        Match::TextAny(query) => Some((Wanted::Any, query)),
        Match::Phrase(query) => Some((Wanted::Phrase, query)),
        _ => None,
    }
}

fn contains(list: &[String], text: &str) -> bool {
    list.iter().any(|one| one == text)
}

/// All of them, or nothing where one is no UUID.
fn uuids(list: &[String]) -> Option<Vec<Uuid>> {
    list.iter().map(|text| Uuid::parse_str(text).ok()).collect()
}

/// A whole number, however it is written.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_cmp, reason = "the comparison shows it")]
fn whole(value: &Data) -> Option<i64> {
    match value {
        Data::Integer(number) => Some(*number),
        Data::Double(number) => {
            let whole = *number as i64;
            (whole as f64 == *number).then_some(whole)
        }
        _ => None,
    }
}

fn uuid(value: &Data) -> Option<Uuid> {
    Uuid::parse_str(value.as_text()?).ok()
}

fn time(value: &Data) -> Option<DateTime<Utc>> {
    datetime::parse(value.as_text()?)
}

/// The bounds between whole numbers that mean the same.
#[expect(clippy::cast_possible_truncation, reason = "a bound beyond all integers is the outermost one")]
fn rounded(bounds: &Bounds<f64>) -> Bounds<i64> {
    Bounds {
        lt: bounds.lt.map(|bound| bound.ceil() as i64),
        gt: bounds.gt.map(|bound| bound.floor() as i64),
        gte: bounds.gte.map(|bound| bound.ceil() as i64),
        lte: bounds.lte.map(|bound| bound.floor() as i64),
    }
}

fn micros(bounds: &Bounds<DateTime<Utc>>) -> Bounds<i64> {
    let micros = |bound: Option<DateTime<Utc>>| bound.map(|bound| bound.timestamp_micros());
    Bounds { lt: micros(bounds.lt), gt: micros(bounds.gt), gte: micros(bounds.gte), lte: micros(bounds.lte) }
}

fn all_empty(values: &[&Data]) -> bool {
    values.iter().all(|value| match value {
        Data::Null => true,
        Data::List(values) => values.is_empty(),
        _ => false,
    })
}

fn any_null(values: &[&Data]) -> bool {
    values.iter().any(|value| match value {
        Data::Null => true,
        Data::List(values) => values.contains(&Data::Null),
        _ => false,
    })
}
