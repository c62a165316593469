//! From the tree to the Mongo-style JSON.

use super::{
    ast::{Bound, Comparison, Filter, Members, Predicate},
    operand::has_operator_key,
};
use crate::{
    error::{Error, Result},
    path::Path,
};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

impl Filter {
    /// The Mongo-style form, which [`Filter::from_json`] reads back.
    ///
    /// Every filter that was parsed has one and reads back equal. Of trees put together by hand a few have only an equivalent
    /// (a disjunction of members comes out of its `$elemMatch`), and a few have none and are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): an empty path outside `$elemMatch`, and conditions on one member that an
    /// operator object cannot hold side by side, such as two negations.
    ///
    /// ```
    /// use mastra_core::Filter;
    /// use serde_json::json;
    ///
    /// let filter = Filter::gt("amount", 10)? & Filter::ne("stage", "lost")?;
    /// assert_eq!(filter.to_json()?, json!({"$and": [{"amount": {"$gt": 10}}, {"stage": {"$ne": "lost"}}]}));
    /// assert_eq!(Filter::from_json(&filter.to_json()?)?, filter);
    /// assert_eq!(Filter::all().to_json()?, json!({}));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn to_json(&self) -> Result<Value> {
        match self {
            Self::And(filters) if filters.is_empty() => Ok(json!({})),
            filter => condition(filter).map(Value::Object),
        }
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// A condition object, never the empty one, which `$not` refuses.
fn condition(filter: &Filter) -> Result<Object> {
    match filter {
        Filter::And(filters) => Ok(entry("$and", list(filters)?)),
        Filter::Or(filters) => Ok(entry("$or", list(filters)?)),
        Filter::Not(inner) => match inner.as_ref() {
            Filter::Or(filters) => Ok(entry("$nor", list(filters)?)),
            Filter::Field { path, predicate } if !path.is_this() && equivalent(path, predicate).is_none() => {
                Ok(entry(&path.to_string(), Value::Object(negated(inner)?)))
            }
            other => Ok(entry("$not", Value::Object(condition(other)?))),
        },
        Filter::Field { path, .. } if path.is_this() => {
            Err(no_form("an empty path stands only inside $elemMatch over any member"))
        }
        Filter::Field { path, predicate } => match equivalent(path, predicate) {
            Some(filter) => condition(&filter),
            None => Ok(entry(&path.to_string(), Value::Object(operator(predicate)?))),
        },
    }
}

fn list(filters: &[Filter]) -> Result<Value> {
    filters.iter().map(|filter| condition(filter).map(Value::Object)).collect()
}

/// The operator object of conditions on one value: a member in `$elemMatch`, or the operand of a field's `$not`.
fn operators(filter: &Filter) -> Result<Object> {
    match filter {
        // True and false of any member.
        Filter::And(filters) if filters.is_empty() => Ok(entry("$exists", true)),
        Filter::Or(filters) if filters.is_empty() => Ok(entry("$in", json!([]))),
        Filter::And(filters) => {
            let mut all = Object::new();
            for filter in filters {
                for (operator, operand) in operators(filter)? {
                    if all.insert(operator, operand).is_some() {
                        return Err(no_form("an operator object cannot ask twice for the same operator"));
                    }
                }
            }
            Ok(all)
        }
        Filter::Or(_) => Err(no_form("an operator object cannot hold a disjunction")),
        Filter::Not(inner) => negated(inner),
        Filter::Field { path, .. } if !path.is_this() => {
            Err(no_form("$elemMatch over any member takes conditions on the member itself"))
        }
        Filter::Field { path, predicate } => match equivalent(path, predicate) {
            Some(filter) => operators(&filter),
            None => operator(predicate),
        },
    }
}

/// The operator object of a negation, whose field stands outside it.
fn negated(inner: &Filter) -> Result<Object> {
    match inner {
        Filter::Field { predicate: Predicate::Eq(value), .. } => Ok(entry("$ne", value.clone())),
        Filter::Field { path, predicate: predicate @ Predicate::In(items) } if equivalent(path, predicate).is_none() => {
            Ok(entry("$nin", items.clone()))
        }
        Filter::Field { predicate: Predicate::Exists, .. } => Ok(entry("$exists", false)),
        Filter::Field { path, predicate } if equivalent(path, predicate).is_none() => Ok(entry("$not", operator(predicate)?)),
        other => Ok(entry("$not", operators(other)?)),
    }
}

fn operator(predicate: &Predicate) -> Result<Object> {
    Ok(match predicate {
        Predicate::Eq(value) => entry("$eq", value.clone()),
        Predicate::In(items) => entry("$in", items.clone()),
        Predicate::All(items) => entry("$all", items.clone()),
        Predicate::Compare(comparison, bound) => {
            let operand = match bound {
                Bound::Number(number) => Value::Number(number.0.clone()),
                Bound::String(text) => Value::String(text.clone()),
            };
            entry(comparison_operator(*comparison), operand)
        }
        Predicate::Size(size) => entry("$size", *size),
        Predicate::Exists => entry("$exists", true),
        Predicate::Regex(pattern) => {
            let mut map = entry("$regex", pattern.source());
            if !pattern.options().is_empty() {
                map.insert("$options".to_owned(), pattern.options().into());
            }
            map
        }
        Predicate::Contains(text) => entry("$contains", text.as_str()),
        Predicate::ElemMatch(Members::Any, inner) => entry("$elemMatch", operators(inner)?),
        Predicate::ElemMatch(Members::Objects, inner) => entry("$elemMatch", condition(inner)?),
    })
}

const fn comparison_operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Gt => "$gt",
        Comparison::Gte => "$gte",
        Comparison::Lt => "$lt",
        Comparison::Lte => "$lte",
    }
}

/// The same question in other nodes, where the predicate itself cannot be spelled. No parsed filter needs it.
fn equivalent(path: &Path, predicate: &Predicate) -> Option<Filter> {
    let field = |predicate| Filter::Field { path: path.clone(), predicate };
    let each = |items: &[Value]| items.iter().map(|item| field(Predicate::Eq(item.clone()))).collect();
    match predicate {
        // Items with `$` keys would read as operators, which `$eq` takes literally.
        Predicate::In(items) if items.iter().any(has_operator_key) => Some(Filter::Or(each(items))),
        Predicate::All(items) if items.iter().any(has_operator_key) => Some(Filter::And(each(items))),
        Predicate::ElemMatch(Members::Any, inner) => match inner.as_ref() {
            Filter::Or(filters) if !filters.is_empty() => {
                let alone = |filter: &Filter| field(Predicate::ElemMatch(Members::Any, Box::new(filter.clone())));
                Some(Filter::Or(filters.iter().map(alone).collect()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn entry(key: &str, value: impl Into<Value>) -> Object {
    let mut map = Object::new();
    map.insert(key.to_owned(), value.into());
    map
}

fn no_form(why: &str) -> Error {
    Error::invalid_input(format!("the filter has no JSON form: {why}"))
}
