//! The values that an equality asks for, sorted by how SQL compares them.

use crate::{args::Args, finish::is_exact};
use mastra_core::number::Number;
use serde_json::Value;

/// What a value has to equal one of.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    strings: Vec<String>,
    numbers: Vec<serde_json::Number>,
    yes: bool,
    no: bool,
    pub(super) null: bool,
    /// Whole arrays or objects, which core compares.
    pub(super) array: bool,
    pub(super) object: bool,
}

impl Wanted {
    pub(super) fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut wanted = Self::default();
        for value in values {
            match value {
                Value::String(text) => wanted.strings.push(text.clone()),
                // A number that is not exact equals none in the rows that SQL judges.
                Value::Number(number) if is_exact(number) => wanted.numbers.push(number.clone()),
                Value::Number(_) => {}
                Value::Bool(true) => wanted.yes = true,
                Value::Bool(false) => wanted.no = true,
                Value::Null => wanted.null = true,
                Value::Array(_) => wanted.array = true,
                Value::Object(_) => wanted.object = true,
            }
        }
        wanted
    }

    /// For each of SQLite's JSON types, the condition on the value of that type: what it equals is wanted.
    pub(super) fn by_type(&self, value: &str, args: &mut Args) -> Vec<(&'static str, String)> {
        let mut cases = Vec::new();
        if let Some(condition) = one_of(value, &self.strings, args, |text| text.clone()) {
            cases.push(("text", condition));
        }
        if let Some(condition) = numbers(value, &self.numbers, args) {
            cases.push(("integer", condition.clone()));
            cases.push(("real", condition));
        }
        for (wanted, json_type) in [(self.yes, "true"), (self.no, "false"), (self.null, "null")] {
            if wanted {
                cases.push((json_type, "1".to_owned()));
            }
        }
        cases
    }
}

fn one_of(value: &str, items: &[String], args: &mut Args, text: impl Fn(&String) -> String) -> Option<String> {
    match items {
        [] => None,
        [only] => Some(format!("{value} = {}", args.bind(text(only)))),
        items => {
            // One bound list, so that the statement is the same for any number of items.
            let list = serde_json::to_string(items).ok()?;
            Some(format!("{value} IN (SELECT value FROM json_each({}))", args.bind(list)))
        }
    }
}

fn numbers(value: &str, items: &[serde_json::Number], args: &mut Args) -> Option<String> {
    match items {
        [] => None,
        [only] => Some(format!("{value} = {}", number(only, args))),
        items => {
            let list = serde_json::to_string(items).ok()?;
            Some(format!("{value} IN (SELECT value FROM json_each({}))", args.bind(list)))
        }
    }
}

/// Binds a number that [`is_exact`].
pub(crate) fn number(number: &serde_json::Number, args: &mut Args) -> String {
    let number = Number::from(number.clone());
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => args.bind(integer),
        (None, float) => args.bind(float),
    }
}
