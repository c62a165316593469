//! From the Mongo-style JSON to the tree.

use super::{
    ast::{Comparison, Filter, Members, Predicate},
    limits::FilterLimits,
    operand::{Site, conjunction, field, has_dollar_key, has_operator_key, negate},
    unique::UniqueValue,
};
use crate::{
    data::MAX_DEPTH,
    error::{Error, Result},
    path::{Path, too_long},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

/// How long the paths of all conditions may be together: a key of a megabyte may be asked of, but not a thousand times.
const MAX_PATH_BYTES: usize = 16 << 20;

/// How many regular expressions one filter may hold: each takes milliseconds to compile, and a document runs through all of them.
const MAX_PATTERNS: usize = 128;

type Object = Map<String, Value>;

impl Filter {
    /// Reads the Mongo-style form within the default [`FilterLimits`]; `{}` and `null` match all.
    ///
    /// Whatever is unknown or malformed is [`InvalidInput`](crate::ErrorKind::InvalidInput) with the `operator` and its `path` as
    /// context; operands never stand in an error. A `Value` cannot show that its text repeated a key: [`Filter::from_json_str`]
    /// and serde refuse that too.
    ///
    /// ```
    /// use mastra_core::Filter;
    /// use serde_json::json;
    ///
    /// let filter = Filter::from_json(&json!({"tags": ["a", "b"], "$or": [{"n": {"$gt": 1}}, {"n": null}]}))?;
    /// assert!(filter.matches(&json!({"tags": ["b"]})));
    ///
    /// let error = Filter::from_json(&json!({"n": {"$near": 1}})).unwrap_err();
    /// assert_eq!((error.get("operator"), error.get("path")), (Some("$near"), Some("n")));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn from_json(json: &Value) -> Result<Self> {
        Self::from_json_with_limits(json, FilterLimits::default())
    }

    /// As [`Filter::from_json`], within other limits. The parser's stack grows with the depth allowed.
    ///
    /// ```
    /// use mastra_core::filter::{Filter, FilterLimits};
    /// use serde_json::json;
    ///
    /// let limits = FilterLimits { depth: 0, ..FilterLimits::default() };
    /// assert!(Filter::from_json_with_limits(&json!({"$and": [{"a": 1}]}), limits).is_err());
    /// ```
    pub fn from_json_with_limits(json: &Value, limits: FilterLimits) -> Result<Self> {
        let filter = match json {
            Value::Null => Self::all(),
            Value::Object(map) => {
                Parser { limits, conditions: 0, path_bytes: 0, patterns: 0 }.condition(map, &Path::this(), 0)?
            }
            _ => return Err(Error::invalid_input("a filter is a JSON object, or null for all")),
        };
        limits.check(&filter)?;
        Ok(filter)
    }

    /// Reads the Mongo-style form from JSON text, in which no object repeats a key.
    ///
    /// ```
    /// use mastra_core::Filter;
    ///
    /// assert!(Filter::from_json_str(r#"{"a": {"$gt": 1, "$lt": 5}}"#).is_ok());
    /// assert!(Filter::from_json_str(r#"{"a": {"$gt": 1, "$gt": 5}}"#).is_err());
    /// ```
    pub fn from_json_str(text: &str) -> Result<Self> {
        let UniqueValue(json) = serde_json::from_str(text)
            .map_err(|error| Error::invalid_input(format!("the filter's JSON is malformed: {error}")))?;
        Self::from_json(&json)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let UniqueValue(json) = UniqueValue::deserialize(deserializer)?;
        Self::from_json(&json).map_err(D::Error::custom)
    }
}

/// The two forms of `$elemMatch`.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Operators,
    Fields,
}

struct Parser {
    limits: FilterLimits,
    /// The conditions so far: a bound that holds before a flood of regular expressions has been compiled.
    conditions: usize,
    /// The length of their paths: one long key over many conditions stands in the tree many times.
    path_bytes: usize,
    /// The regular expressions.
    patterns: usize,
}

impl Parser {
    fn enter(&self, nesting: usize) -> Result<()> {
        if nesting > self.limits.nesting() { Err(self.limits.too_deep()) } else { Ok(()) }
    }

    fn push(&mut self, out: &mut Vec<Filter>, path: &Path, predicate: Predicate) -> Result<()> {
        out.push(self.field(path, predicate)?);
        Ok(())
    }

    fn field(&mut self, path: &Path, predicate: Predicate) -> Result<Filter> {
        self.conditions += 1;
        self.path_bytes += path.segments().iter().map(String::len).sum::<usize>();
        if self.conditions > self.limits.nodes || self.path_bytes > MAX_PATH_BYTES {
            return Err(self.limits.too_large());
        }
        self.patterns += usize::from(matches!(predicate, Predicate::Regex(_)));
        if self.patterns > MAX_PATTERNS {
            let message = "the filter has too many regular expressions";
            return Err(Error::invalid_input(message).with("operator", "$regex").with("patterns_allowed", MAX_PATTERNS));
        }
        Ok(field(path.clone(), predicate))
    }

    /// A condition object: fields and logical operators, all of which hold. `base` is where its documents stand, for errors.
    fn condition(&mut self, map: &Object, base: &Path, nesting: usize) -> Result<Filter> {
        self.enter(nesting)?;
        let mut all = Vec::with_capacity(map.len());
        for (key, value) in map {
            if key.starts_with('$') {
                all.push(self.logical(key, value, base, nesting)?);
            } else {
                self.value(&key.parse()?, value, base, nesting, &mut all)?;
            }
        }
        Ok(conjunction(all))
    }

    fn logical(&mut self, operator: &str, operand: &Value, base: &Path, nesting: usize) -> Result<Filter> {
        let site = Site { operator, path: base };
        match operator {
            "$and" => Ok(Filter::And(self.conditions(&site, operand, nesting)?)),
            "$or" => Ok(Filter::Or(self.conditions(&site, operand, nesting)?)),
            "$nor" => Ok(negate(Filter::Or(self.conditions(&site, operand, nesting)?))),
            "$not" => match operand {
                Value::Object(map) if !map.is_empty() => Ok(negate(self.condition(map, base, nesting + 1)?)),
                _ => Err(site.refuse("takes a condition object that is not empty")),
            },
            known if is_field_operator(known) => Err(site.refuse("stands under a field, not beside fields")),
            _ => Err(site.refuse("unknown operator")),
        }
    }

    fn conditions(&mut self, site: &Site<'_>, operand: &Value, nesting: usize) -> Result<Vec<Filter>> {
        let Value::Array(members) = operand else {
            return Err(site.refuse("takes a list of condition objects"));
        };
        let read = |member: &Value| match member {
            Value::Object(map) => self.condition(map, site.path, nesting + 1),
            _ => Err(site.refuse("every member of its list is a condition object")),
        };
        members.iter().map(read).collect()
    }

    /// What stands behind a path: a value to equal, operators, or more of the path.
    fn value(&mut self, path: &Path, value: &Value, base: &Path, nesting: usize, out: &mut Vec<Filter>) -> Result<()> {
        self.enter(nesting)?;
        match value {
            Value::Array(items) if items.iter().any(has_operator_key) => {
                Err(Site { operator: "$in", path: &base.join(path) }.refuse("operators cannot stand inside a list"))
            }
            Value::Array(items) => self.push(out, path, Predicate::In(items.clone())),
            Value::Object(map) if has_dollar_key(map) => self.operators(path, map, base, nesting, out),
            Value::Object(map) if !map.is_empty() => {
                for (key, inner) in map {
                    let path = path.join(&key.parse()?);
                    if path.segments().len() > MAX_DEPTH {
                        return Err(too_long());
                    }
                    self.value(&path, inner, base, nesting + 1, out)?;
                }
                Ok(())
            }
            literal => self.push(out, path, Predicate::Eq(literal.clone())),
        }
    }

    /// An operator object. `path` is empty where it tests the members of an array, the one at `base`.
    fn operators(&mut self, path: &Path, map: &Object, base: &Path, nesting: usize, out: &mut Vec<Filter>) -> Result<()> {
        self.enter(nesting)?;
        let whole = &base.join(path);
        if let Some(plain) = map.keys().find(|key| !key.starts_with('$')) {
            let operator = map.keys().find(|key| key.starts_with('$')).map_or("", String::as_str);
            let why = "operators and plain keys cannot be mixed in one object";
            return Err(Site { operator, path: whole }.refuse(why).with("key", plain));
        }
        for (operator, operand) in map {
            let site = Site { operator, path: whole };
            let filter = match operator.as_str() {
                "$not" => {
                    let mut inner = Vec::new();
                    match operand {
                        Value::Object(map) if has_dollar_key(map) => {
                            self.operators(path, map, base, nesting + 1, &mut inner)?;
                        }
                        _ => return Err(site.refuse("under a field it takes an object of operators")),
                    }
                    negate(conjunction(inner))
                }
                "$ne" => negate(self.field(path, Predicate::Eq(operand.clone()))?),
                "$nin" => negate(self.field(path, Predicate::In(site.items(operand)?))?),
                "$exists" => {
                    let present = self.field(path, Predicate::Exists)?;
                    if site.exists(operand)? { present } else { negate(present) }
                }
                "$options" if map.contains_key("$regex") => continue,
                "$options" => return Err(site.refuse("stands beside $regex only")),
                _ => {
                    let predicate = self.predicate(&site, map, operand, nesting)?;
                    self.field(path, predicate)?
                }
            };
            out.push(filter);
        }
        Ok(())
    }

    fn predicate(&mut self, site: &Site<'_>, map: &Object, operand: &Value, nesting: usize) -> Result<Predicate> {
        match site.operator {
            "$eq" => Ok(Predicate::Eq(operand.clone())),
            "$gt" => site.compare(Comparison::Gt, operand),
            "$gte" => site.compare(Comparison::Gte, operand),
            "$lt" => site.compare(Comparison::Lt, operand),
            "$lte" => site.compare(Comparison::Lte, operand),
            "$in" => Ok(Predicate::In(site.items(operand)?)),
            "$all" => Ok(Predicate::All(site.items(operand)?)),
            "$size" => site.size(operand),
            "$regex" => site.regex(operand, map.get("$options")),
            "$contains" => site.contains(operand),
            "$elemMatch" => self.elem_match(site, operand, nesting + 1),
            "$and" | "$or" | "$nor" => Err(site.refuse("stands beside fields, not under one")),
            _ => Err(site.refuse("unknown operator")),
        }
    }

    fn elem_match(&mut self, site: &Site<'_>, operand: &Value, nesting: usize) -> Result<Predicate> {
        let Value::Object(map) = operand else {
            return Err(site.refuse("takes an object"));
        };
        self.enter(nesting)?;
        let (members, inner) = match self.form(map, nesting)? {
            Some(Form::Fields) => (Members::Objects, self.condition(map, site.path, nesting)?),
            Some(Form::Operators) => {
                let mut all = Vec::with_capacity(map.len());
                self.operators(&Path::this(), map, site.path, nesting, &mut all)?;
                (Members::Any, conjunction(all))
            }
            None => return Err(site.refuse("takes either operators or conditions on fields, not both and not nothing")),
        };
        Ok(Predicate::ElemMatch(members, Box::new(inner)))
    }

    /// The one form that all the keys agree on. `$not` stands in both, and is of its operand's form.
    fn form(&self, map: &Object, nesting: usize) -> Result<Option<Form>> {
        self.enter(nesting)?;
        let mut agreed = None;
        for (key, value) in map {
            let form = match (key.as_str(), value) {
                ("$and" | "$or" | "$nor", _) => Form::Fields,
                ("$not", Value::Object(inner)) => match self.form(inner, nesting + 1)? {
                    Some(form) => form,
                    None => return Ok(None),
                },
                (key, _) if key.starts_with('$') => Form::Operators,
                _ => Form::Fields,
            };
            if agreed.is_some_and(|agreed| agreed != form) {
                return Ok(None);
            }
            agreed = Some(form);
        }
        Ok(agreed)
    }
}

fn is_field_operator(name: &str) -> bool {
    let known = [
        "$eq",
        "$ne",
        "$gt",
        "$gte",
        "$lt",
        "$lte",
        "$in",
        "$nin",
        "$all",
        "$size",
        "$exists",
        "$regex",
        "$options",
        "$contains",
        "$elemMatch",
    ];
    known.contains(&name)
}
