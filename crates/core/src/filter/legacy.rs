//! The older condition list.

use super::{
    ast::{Comparison, Filter, Predicate},
    operand::{Site, conjunction, field, negate},
    unique::UniqueValue,
};
use crate::{
    error::{Error, Result},
    path::Path,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One condition of Mastra's older list, such as `{"field": "data.stage", "operator": "eq", "value": "won"}`.
///
/// Operators: `is` and `eq`, `not_eq`, `contains`, `not_contains`, `in`, `not_in`, `gt`, `lt`, `gte`, `lte`, `set`, `not_set`. They mean
/// what `$eq`, `$ne`, `$contains`, … mean on that field; `set` asks that it is neither missing nor null, `not_set` that it is
/// either, and both ignore a value.
///
/// ```
/// use mastra_core::filter::Condition;
///
/// let json = r#"{"field": "data.stage", "operator": "eq", "value": "won"}"#;
/// assert_eq!(serde_json::from_str::<Condition>(json)?, Condition::new("data.stage", "eq", "won"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The path, under `data.` or relative to it.
    pub field: String,
    /// The operator's name.
    pub operator: String,
    /// The operand; null is one, `None` is none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

impl Condition {
    /// A condition with an operand.
    ///
    /// ```
    /// # use mastra_core::{Filter, filter::Condition};
    /// let filter = Filter::from_conditions([Condition::new("data.amount", "gt", 10)])?;
    /// assert_eq!(filter, Filter::gt("amount", 10)?);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn new(field: impl Into<String>, operator: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { field: field.into(), operator: operator.into(), value: Some(value.into()) }
    }
}

impl Filter {
    /// The filter that asks for every one of the conditions; none match all.
    ///
    /// An unknown operator, a field that is `data` alone, and a missing or malformed value are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with the `operator` and `path` as context.
    ///
    /// ```
    /// use mastra_core::{Filter, filter::Condition};
    ///
    /// let filter = Filter::from_conditions([
    ///     Condition::new("data.stage", "in", vec!["won", "open"]),
    ///     Condition { field: "data.owner".into(), operator: "set".into(), value: None },
    /// ])?;
    /// assert!(filter.matches(&serde_json::json!({"stage": "won", "owner": "Eva"})));
    /// assert!(Filter::from_conditions([Condition::new("data.stage", "like", "w%")]).is_err());
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn from_conditions(conditions: impl IntoIterator<Item = Condition>) -> Result<Self> {
        let filters: Result<Vec<Self>> = conditions.into_iter().map(|condition| translate(&condition)).collect();
        let filter = conjunction(filters?);
        super::limits::FilterLimits::default().check(&filter)?;
        Ok(filter)
    }
}

impl TryFrom<Vec<Condition>> for Filter {
    type Error = Error;

    fn try_from(conditions: Vec<Condition>) -> Result<Self> {
        Self::from_conditions(conditions)
    }
}

/// The path of the older form's `field`: one `data.` in front is dropped, `data` alone is refused.
///
/// ```
/// use mastra_core::filter::older_path;
///
/// assert_eq!(older_path("data.company.name")?.to_string(), "company.name");
/// assert_eq!(older_path("stage")?.to_string(), "stage");
/// assert!(older_path("data").is_err());
/// # Ok::<(), mastra_core::Error>(())
/// ```
pub fn older_path(field: &str) -> Result<Path> {
    relative_to_data(field.parse()?)
}

/// The path without one `data.` in front of it.
pub(crate) fn relative_to_data(path: Path) -> Result<Path> {
    match path.segments().split_first() {
        Some((first, rest)) if first == "data" => Path::from_segments(rest)
            .map_err(|_| Error::invalid_input("the field must name a key under data, such as data.stage").with("path", &path)),
        _ => Ok(path),
    }
}

fn translate(condition: &Condition) -> Result<Filter> {
    let operator = condition.operator.as_str();
    let path = older_path(&condition.field).map_err(|error| error.with("operator", operator))?;
    let site = Site { operator, path: &path };
    let value = || condition.value.as_ref().ok_or_else(|| site.refuse("needs a value"));
    let (positive, predicate) = match operator {
        "is" | "eq" => (true, Predicate::Eq(value()?.clone())),
        "not_eq" => (false, Predicate::Eq(value()?.clone())),
        "contains" => (true, site.contains(value()?)?),
        "not_contains" => (false, site.contains(value()?)?),
        "in" => (true, Predicate::In(site.items(value()?)?)),
        "not_in" => (false, Predicate::In(site.items(value()?)?)),
        "gt" => (true, site.compare(Comparison::Gt, value()?)?),
        "gte" => (true, site.compare(Comparison::Gte, value()?)?),
        "lt" => (true, site.compare(Comparison::Lt, value()?)?),
        "lte" => (true, site.compare(Comparison::Lte, value()?)?),
        // The older engine kept an absent field and null alike.
        "set" => (false, Predicate::Eq(Value::Null)),
        "not_set" => (true, Predicate::Eq(Value::Null)),
        _ => return Err(site.refuse("unknown operator")),
    };
    let filter = field(path, predicate);
    Ok(if positive { filter } else { negate(filter) })
}

/// Tells a value of null from no value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    UniqueValue::deserialize(deserializer).map(|UniqueValue(value)| Some(value))
}
