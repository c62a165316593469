//! What each operator takes, and the predicate that it becomes.

use super::ast::{Bound, Comparison, Filter, Pattern, Predicate};
use crate::{
    error::{Error, Result},
    number::Number,
    path::Path,
};
use serde_json::{Map, Value};

/// Where an operand stands: the operator as the caller spelled it, and the whole path that it is about.
///
/// All that an error may say, since operands are data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) operator: &'a str,
    pub(super) path: &'a Path,
}

impl Site<'_> {
    pub(super) fn refuse(&self, why: &str) -> Error {
        // An unknown operator is any key of the caller's: a line break in it must not break the message's one line.
        let operator = self.operator;
        let message = format!("{}: {why}", operator.escape_debug());
        Error::invalid_input(message).with("operator", operator).with("path", self.path)
    }

    /// The bound of `$gt` and kin.
    pub(super) fn compare(&self, comparison: Comparison, operand: &Value) -> Result<Predicate> {
        let bound = match operand {
            Value::Number(number) => Bound::Number(Number(number.clone())),
            Value::String(text) => Bound::String(text.clone()),
            _ => return Err(self.refuse("a range takes a number or a string")),
        };
        Ok(Predicate::Compare(comparison, bound))
    }

    /// The items of `$in`, `$nin` and `$all`; a lone value is a list of one.
    pub(super) fn items(&self, operand: &Value) -> Result<Vec<Value>> {
        let items = match operand {
            Value::Array(items) => items.clone(),
            lone => vec![lone.clone()],
        };
        if items.iter().any(has_operator_key) {
            return Err(self.refuse("operators cannot stand inside a list"));
        }
        Ok(items)
    }

    /// A substring, or the equality that other scalars ask for.
    pub(super) fn contains(&self, operand: &Value) -> Result<Predicate> {
        match operand {
            Value::String(text) => Ok(Predicate::Contains(text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok(Predicate::Eq(operand.clone())),
            Value::Array(items) if items.iter().all(is_scalar) => Ok(Predicate::All(items.clone())),
            Value::Array(_) => Err(self.refuse("its list takes strings, numbers and booleans")),
            Value::Null | Value::Object(_) => Err(self.refuse("takes a string, a number, a boolean, or a list of them")),
        }
    }

    /// A whole number of members.
    pub(super) fn size(&self, operand: &Value) -> Result<Predicate> {
        let size = match operand {
            Value::Number(number) => Number(number.clone()).as_u64(),
            _ => None,
        };
        size.map(Predicate::Size).ok_or_else(|| self.refuse("takes a whole number, 0 or more"))
    }

    /// Presence, or its negation for `false`.
    pub(super) fn exists(&self, operand: &Value) -> Result<bool> {
        operand.as_bool().ok_or_else(|| self.refuse("takes true or false"))
    }

    /// The expression, with the flags that stand beside it.
    pub(super) fn regex(&self, source: &Value, options: Option<&Value>) -> Result<Predicate> {
        let Value::String(source) = source else {
            return Err(self.refuse("takes a string"));
        };
        let options = match options {
            None => "",
            Some(Value::String(flags)) => flags,
            Some(_) => return Err(Site { operator: "$options", ..*self }.refuse("takes a string of flags")),
        };
        let pattern = Pattern::new(source.as_str(), options).map_err(|error| {
            let operator = error.get("operator").unwrap_or(self.operator);
            Site { operator, ..*self }.refuse(error.message())
        })?;
        Ok(Predicate::Regex(pattern))
    }
}

/// A condition on what the path leads to.
pub(super) const fn field(path: Path, predicate: Predicate) -> Filter {
    Filter::Field { path, predicate }
}

/// The complement.
pub(super) fn negate(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

/// The conjunction of several; one alone stands for itself.
pub(super) fn conjunction(mut filters: Vec<Filter>) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            Filter::And(filters)
        }
        None => Filter::And(filters),
    }
}

/// Whether a key of the object asks for an operator.
pub(super) fn has_dollar_key(map: &Map<String, Value>) -> bool {
    map.keys().any(|key| key.starts_with('$'))
}

/// Whether the value is an object with a key that asks for an operator.
pub(super) fn has_operator_key(value: &Value) -> bool {
    value.as_object().is_some_and(has_dollar_key)
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}
