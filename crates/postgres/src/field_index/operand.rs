//! Which conditions a field index answers, and how.

use super::{
    Estimate,
    catalog::KnownIndexes,
    columns::{CHARACTERS, Columns, DIGITS, has_array, leaves},
};
use crate::{
    filter,
    query::{self, Statement},
};
use mastra_core::{
    Filter, Path, SortPoint,
    filter::{Bound, Comparison, Predicate},
    number::Number,
    path::array_index,
};
use serde_json::Value;

/// The most items of a list that become conditions on an index.
const ITEMS: usize = 100;

/// A condition of a filter that an index answers.
#[derive(Debug, Clone)]
pub(crate) struct Indexed {
    pub(crate) path: Path,
    predicate: Predicate,
    multi: bool,
}

/// Splits the conjunction that a filter is into the conditions that indexes answer and the rest.
pub(crate) fn indexed(filter: &Filter, known: &KnownIndexes) -> (Vec<Indexed>, Filter) {
    let conjuncts = match filter {
        Filter::And(all) => all.clone(),
        other => vec![other.clone()],
    };
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for conjunct in conjuncts {
        match Indexed::of(&conjunct, known) {
            Some(indexed) => found.push(indexed),
            None => rest.push(conjunct),
        }
    }
    (found, Filter::and(rest))
}

impl Indexed {
    fn of(filter: &Filter, known: &KnownIndexes) -> Option<Self> {
        let Filter::Field { path, predicate } = filter else { return None };
        // A segment that may be an index reads in two ways.
        if path.is_this() || path.segments().iter().any(|segment| array_index(segment).is_some() || segment.contains('\0')) {
            return None;
        }
        let multi = if known.has_scalar(path) && scalar_answers(predicate) {
            false
        } else if known.has_multi(path) && multi_answers(predicate) {
            true
        } else {
            return None;
        };
        Some(Self { path: path.clone(), predicate: predicate.clone(), multi })
    }

    /// Whether a scalar index answers it.
    pub(crate) const fn is_scalar(&self) -> bool {
        !self.multi
    }

    /// Whether it fixes one value, so that the index has its rows in order of id.
    pub(crate) const fn is_equality(&self) -> bool {
        !self.multi && matches!(self.predicate, Predicate::Eq(_))
    }

    /// How many rows it selects, where that is known.
    pub(crate) fn estimate(&self, known: &KnownIndexes) -> Option<Estimate> {
        if self.multi { None } else { known.statistics(&self.path)?.estimate(&self.predicate) }
    }

    /// The filter that it was.
    pub(crate) fn filter(&self) -> Filter {
        Filter::Field { path: self.path.clone(), predicate: self.predicate.clone() }
    }

    /// The condition: exactly what the filter says, of every row.
    pub(crate) fn condition(&self, statement: &mut Statement) -> String {
        if self.multi {
            // What it was admitted by is that the values can be asked so.
            let jsonpath = filter::of_leaves(&self.predicate).unwrap_or_default();
            return format!("{} @@ {}::jsonpath", leaves("r.", &self.path), statement.bind(jsonpath));
        }
        let alone = self.alone(statement);
        let law = filter::compile(&self.filter());
        let law = query::filter(&law, statement).unwrap_or_else(|| "TRUE".to_owned());
        format!("({alone} OR ({} AND {law}))", has_array("r.", &self.path))
    }

    /// The condition for rows without an array on the path, which have one value there.
    pub(crate) fn alone(&self, statement: &mut Statement) -> String {
        let columns = Columns::new("r.", &self.path);
        match &self.predicate {
            Predicate::Eq(value) => one_of(&columns, std::slice::from_ref(value), statement),
            Predicate::In(items) => one_of(&columns, items, statement),
            Predicate::Compare(comparison, bound) => compares(&columns, *comparison, bound, statement),
            _ => "FALSE".to_owned(),
        }
    }
}

fn scalar_answers(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Eq(value) => fits(value),
        Predicate::In(items) => !items.is_empty() && items.len() <= ITEMS && items.iter().all(fits),
        Predicate::Compare(_, bound) => holds(bound),
        _ => false,
    }
}

/// Whether every value compares to the bound as the columns do.
pub(super) fn holds(bound: &Bound) -> bool {
    match bound {
        Bound::Number(number) => number_fits(number),
        Bound::String(text) => text_fits(text),
    }
}

fn multi_answers(predicate: &Predicate) -> bool {
    let items = match predicate {
        Predicate::Eq(item) => std::slice::from_ref(item),
        Predicate::In(items) | Predicate::All(items) => items,
        _ => return false,
    };
    !items.is_empty() && items.len() <= ITEMS && items.iter().all(fits)
}

/// Whether the value is a scalar but null that an index holds whole.
fn fits(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Number(number) => number_fits(&Number::from(number.clone())),
        Value::String(text) => text_fits(text),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

pub(super) fn text_fits(text: &str) -> bool {
    !text.contains('\0') && text.chars().nth(CHARACTERS - 1).is_none()
}

fn number_fits(number: &Number) -> bool {
    number.to_plain().is_some_and(|plain| {
        let plain = plain.trim_start_matches('-');
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        whole.len() <= DIGITS && fraction.len() <= DIGITS
    })
}

/// Whether an index holds the value of a sort key only in part, so that rows may tie in it which do not.
pub(crate) fn coarse(point: &SortPoint) -> bool {
    match point {
        SortPoint::Number(number) => !number_fits(number),
        SortPoint::String(text) => !text_fits(text),
        _ => false,
    }
}

fn one_of(columns: &Columns, items: &[Value], statement: &mut Statement) -> String {
    let Columns { rank, number, text } = columns;
    let (mut texts, mut numbers, mut any) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match item {
            Value::String(item) => texts.push(item.clone()),
            Value::Number(item) => numbers.push(Number::from(item.clone()).canonical()),
            Value::Bool(item) => any.push(format!("{rank} = {}", if *item { 3 } else { 2 })),
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
    match texts.as_slice() {
        [] => {}
        [one] => any.push(format!("({rank} = 1 AND {number} = 0 AND {text} = {})", statement.bind(one.clone()))),
        _ => any.push(format!("({rank} = 1 AND {number} = 0 AND {text} = ANY({}))", statement.bind(texts))),
    }
    match numbers.as_slice() {
        [] => {}
        [one] => any.push(format!("({rank} = 0 AND {number} = {}::numeric)", statement.bind(one.clone()))),
        _ => any.push(format!("({rank} = 0 AND {number} = ANY({}::numeric[]))", statement.bind(numbers))),
    }
    format!("({})", any.join(" OR "))
}

/// Whether the value, which the columns hold, compares so.
pub(super) fn compares(columns: &Columns, comparison: Comparison, bound: &Bound, statement: &mut Statement) -> String {
    let Columns { rank, number, text } = columns;
    let operator = match comparison {
        Comparison::Gt => ">",
        Comparison::Gte => ">=",
        Comparison::Lt => "<",
        Comparison::Lte => "<=",
    };
    match bound {
        Bound::Number(bound) => {
            format!("({rank} = 0 AND {number} {operator} {}::numeric)", statement.bind(bound.canonical()))
        }
        Bound::String(bound) => {
            format!("({rank} = 1 AND {number} = 0 AND {text} {operator} {})", statement.bind(bound.clone()))
        }
    }
}
