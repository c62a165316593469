//! Payload keys: `a.b`, `a[].b`, `a[0]`, `"a key".b`.
//!
//! A key never looks into a list on its own: under `{"a": [{"b": 1}]}` the key `a.b` finds nothing and `a[].b` finds 1.
//! A condition then looks into the one list that a key may end at.

use std::fmt;

use super::data::{Data, Object, merge};
use super::status::{Result, malformed};

/// A step below the first key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
    /// `[]`
    Each,
}

/// A parsed key: the name in the payload, then steps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    first: String,
    rest: Vec<Step>,
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| malformed(format!("Invalid json path: '{text}'")))
    }

    fn read(text: &str) -> Option<Self> {
        let (first, mut input) = key(text)?;
        let mut rest = Vec::new();
        while !input.is_empty() {
            let (step, after) = step(input)?;
            rest.push(step);
            input = after;
        }
        Some(Self { first, rest })
    }

    /// The same key with `[]` at its end, once: where a nested filter finds its objects.
    pub(crate) fn each(mut self) -> Self {
        if self.rest.last() != Some(&Step::Each) {
            self.rest.push(Step::Each);
        }
        self
    }

    /// `inner` below this key.
    pub(crate) fn join(&self, inner: &Self) -> Self {
        let mut joined = self.clone();
        joined.rest.push(Step::Key(inner.first.clone()));
        joined.rest.extend(inner.rest.iter().cloned());
        joined
    }

    /// Every value that the key leads to.
    pub(crate) fn find<'a>(&self, payload: &'a Object) -> Vec<&'a Data> {
        let mut found = Vec::new();
        if let Some(value) = payload.get(&self.first) {
            find(&self.rest, value, &mut found);
        }
        found
    }

    /// Merges the keys of `new` into the object at this key. What is in the way and no object is replaced by one; an index past
    /// the end of its list, or `[]` where there is no list, changes no member.
    pub(crate) fn merge(&self, payload: &mut Object, new: &Object) {
        let value = payload.entry(self.first.clone()).or_insert(Data::Null);
        merge_at(&self.rest, value, new);
    }

    /// Removes what stands at this key. A single member of a list is never removed; `[]` at the end empties the list.
    pub(crate) fn remove(&self, payload: &mut Object) {
        match self.rest.split_first() {
            None => drop(payload.remove(&self.first)),
            Some((step, rest)) => {
                if let Some(value) = payload.get_mut(&self.first) {
                    remove(step, rest, value);
                }
            }
        }
    }

    /// The payload with only what one of `paths` leads to or through.
    pub(crate) fn include(paths: &[Self], payload: &Object) -> Object {
        select(payload, &|at| {
            paths.iter().any(|path| path.first == at.first && path.rest.iter().zip(&at.rest).all(|(a, b)| a == b))
        })
    }

    /// The payload without what `paths` lead to.
    pub(crate) fn exclude(paths: &[Self], payload: &Object) -> Object {
        select(payload, &|at| !paths.iter().any(|path| path.first == at.first && at.rest.starts_with(&path.rest)))
    }
}

/// `[A-Za-z0-9_-]+` in any script, or a quoted text without quotes and backslashes in it.
fn key(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, after) = quoted.split_once('"')?;
        return (!name.contains('\\')).then(|| (name.to_owned(), after));
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    (!name.is_empty()).then(|| (name.to_owned(), after))
}

fn step(input: &str) -> Option<(Step, &str)> {
    if let Some(after) = input.strip_prefix('.') {
        return key(after).map(|(name, after)| (Step::Key(name), after));
    }
    let (inside, after) = input.strip_prefix('[')?.split_once(']')?;
    if inside.is_empty() {
        return Some((Step::Each, after));
    }
    let digits = inside.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| inside.parse().ok()).flatten().map(|index| (Step::Index(index), after))
}

fn find<'a>(steps: &[Step], value: &'a Data, found: &mut Vec<&'a Data>) {
    match (steps.split_first(), value) {
        (None, value) => found.push(value),
        (Some((Step::Key(key), rest)), Data::Object(object)) => {
            if let Some(value) = object.get(key) {
                find(rest, value, found);
            }
        }
        (Some((Step::Index(index), rest)), Data::List(values)) => {
            if let Some(value) = values.get(*index) {
                find(rest, value, found);
            }
        }
        (Some((Step::Each, rest)), Data::List(values)) => values.iter().for_each(|value| find(rest, value, found)),
        _ => {}
    }
}

fn merge_at(steps: &[Step], value: &mut Data, new: &Object) {
    let old = std::mem::replace(value, Data::Null);
    *value = match steps.split_first() {
        None => {
            let mut object = into_object(old);
            merge(&mut object, new);
            Data::Object(object)
        }
        Some((Step::Key(key), rest)) => {
            let mut object = into_object(old);
            merge_at(rest, object.entry(key.clone()).or_insert(Data::Null), new);
            Data::Object(object)
        }
        Some((Step::Index(index), rest)) => {
            let mut values = into_list(old);
            if let Some(value) = values.get_mut(*index) {
                merge_at(rest, value, new);
            }
            Data::List(values)
        }
        Some((Step::Each, rest)) => {
            let mut values = into_list(old);
            values.iter_mut().for_each(|value| merge_at(rest, value, new));
            Data::List(values)
        }
    };
}

fn into_object(value: Data) -> Object {
    match value {
        Data::Object(object) => object,
        _ => Object::new(),
    }
}

fn into_list(value: Data) -> Vec<Data> {
    match value {
        Data::List(values) => values,
        _ => Vec::new(),
    }
}

fn remove(step: &Step, rest: &[Step], value: &mut Data) {
    match (step, rest.split_first(), value) {
        (Step::Key(key), None, Data::Object(object)) => drop(object.remove(key)),
        (Step::Each, None, Data::List(values)) => values.clear(),
        (Step::Key(key), Some((next, rest)), Data::Object(object)) => {
            if let Some(value) = object.get_mut(key) {
                remove(next, rest, value);
            }
        }
        (Step::Index(index), Some((next, rest)), Data::List(values)) => {
            if let Some(value) = values.get_mut(*index) {
                remove(next, rest, value);
            }
        }
        (Step::Each, Some((next, rest)), Data::List(values)) => values.iter_mut().for_each(|value| remove(next, rest, value)),
        _ => {}
    }
}

/// The parts of a payload whose path `keep` answers true for; members of lists are asked for with `[]`.
fn select(payload: &Object, keep: &dyn Fn(&Path) -> bool) -> Object {
    let mut at = Path { first: String::new(), rest: Vec::new() };
    let mut kept = Object::new();
    for (key, value) in payload {
        at.first.clone_from(key);
        if keep(&at) {
            let value = select_below(&mut at, value, keep);
            kept.insert(key.clone(), value);
        }
    }
    kept
}

fn select_below(at: &mut Path, value: &Data, keep: &dyn Fn(&Path) -> bool) -> Data {
    let mut below = |step: Step, value: &Data| {
        at.rest.push(step);
        let kept = keep(at).then(|| select_below(at, value, keep));
        at.rest.pop();
        kept
    };
    match value {
        Data::List(values) => Data::List(values.iter().filter_map(|value| below(Step::Each, value)).collect()),
        Data::Object(object) => {
            let kept = object.iter().filter_map(|(key, value)| Some((key.clone(), below(Step::Key(key.clone()), value)?)));
            Data::Object(kept.collect())
        }
        scalar => scalar.clone(),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.first)?;
        for step in &self.rest {
            match step {
                Step::Key(name) => {
                    f.write_str(".")?;
                    write_key(f, name)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Each => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if key(name).is_some_and(|(_, after)| after.is_empty() && !name.starts_with('"')) {
        f.write_str(name)
    } else {
        write!(f, "\"{name}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_written_back() {
        for text in ["foo", "foo-bar_1", "a.b", "a[]", "a[].b", "a[0][12].b", "\"a key\".b", "\"\"", "ключ"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "[]", "a b", "\"a", "\"a\\\"b\"", "a[]b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
