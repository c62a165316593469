//! One field condition against one value of the payload.

use super::ast::{Bounds, Field, Match, Range};
use super::datetime;
use crate::qdrant::data::Data;

/// Whether the condition holds for a value that its key leads to. Of a list, one member suffices; a list inside of it is a member
/// that equals no scalar.
pub(super) fn holds(field: &Field, value: &Data) -> bool {
    // These look at the list as a whole, and with one of them there the other parts are not asked.
    if let Some(bounds) = &field.values_count {
        return count_holds(bounds, value);
    }
    if let Some(wanted) = field.is_empty {
        return is_empty(value) == wanted;
    }
    if let Some(wanted) = field.is_null {
        return has_null(value) == wanted;
    }
    value.members().iter().any(|member| {
        field.matching.as_ref().is_some_and(|matching| match_holds(matching, member))
            || field.range.is_some_and(|range| range_holds(&range, member))
    })
}

/// Whether the condition holds where its key leads to nothing.
pub(super) fn holds_for_nothing(field: &Field) -> bool {
    if let Some(bounds) = &field.values_count {
        return bounds.hold(&0);
    }
    if let Some(wanted) = field.is_empty {
        return wanted;
    }
    field.is_null.is_some_and(|wanted| !wanted)
}

fn is_empty(value: &Data) -> bool {
    match value {
        Data::Null => true,
        Data::List(values) => values.is_empty(),
        _ => false,
    }
}

fn has_null(value: &Data) -> bool {
    match value {
        Data::Null => true,
        Data::List(values) => values.contains(&Data::Null),
        _ => false,
    }
}

fn count_holds(bounds: &Bounds<u64>, value: &Data) -> bool {
    bounds.hold(&match value {
        Data::Null => 0,
        Data::List(values) => values.len() as u64,
        _ => 1,
    })
}

fn match_holds(matching: &Match, value: &Data) -> bool {
    match (matching, value) {
        (Match::Keyword(wanted), Data::Text(text)) => wanted == text,
        // A double is no integer here, 1.0 neither; an index on integers sees that otherwise.
        (Match::Integer(wanted), Data::Integer(number)) => wanted == number,
        (Match::Bool(wanted), Data::Bool(flag)) => wanted == flag,
        (Match::AnyKeyword(list), Data::Text(text)) => list.contains(text),
        (Match::AnyInteger(list), Data::Integer(number)) => list.contains(number),
        (Match::ExceptKeywords(_) | Match::ExceptIntegers(_), Data::Null) => false,
        (Match::ExceptKeywords(list), Data::Text(text)) => !list.contains(text),
        (Match::ExceptIntegers(list), Data::Integer(number)) => !list.contains(number),
        // A value of another type is something else than all that is listed.
        (Match::ExceptKeywords(_) | Match::ExceptIntegers(_), _) => true,
        // Without an index on text, no words are known: it is a piece of the text, with the case as it is.
        (Match::Text(wanted) | Match::Phrase(wanted), Data::Text(text)) => text.contains(wanted.as_str()),
        (Match::TextAny(wanted), Data::Text(text)) => wanted.split_whitespace().any(|word| text.contains(word)),
        (Match::Prefix(wanted), Data::Text(text)) => text.starts_with(wanted.as_str()),
        _ => false,
    }
}

fn range_holds(range: &Range, value: &Data) -> bool {
    match range {
        Range::Number(bounds) => value.as_number().is_some_and(|number| bounds.hold(&number)),
        Range::Time(bounds) => value.as_text().and_then(datetime::parse).is_some_and(|time| bounds.hold(&time)),
    }
}
