//! How many rows a condition on an indexed field selects, as far as the server's statistics tell.
//!
//! The planner takes no statistics from an index that covers a part of the rows only, which ours do, and so would guess. They
//! are gathered all the same, of this entity's rows alone, and are read here; a role that does not own the tables does not see
//! them, and leaves the choice to the planner.

use crate::{error::driver, store::PgStore};
use mastra_core::{
    Result,
    filter::{Bound, Comparison, Predicate},
    number::Number,
};
use serde_json::Value;
use sqlx::Row as _;
use std::{cmp::Ordering, collections::HashMap};

/// What is known of the values under one scalar index.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    /// How many rows the index has.
    rows: f64,
    numbers: Column,
    texts: Column,
}

#[derive(Debug, Default)]
struct Column {
    common: Vec<(String, f64)>,
    /// How many values there are; below zero, as a share of the rows.
    distinct: f64,
    /// Values that split the rest into parts of equal size.
    bounds: Vec<String>,
}

impl Statistics {
    /// How many rows there are, and how many of them the predicate selects.
    pub(crate) fn estimate(&self, predicate: &Predicate) -> Option<Estimate> {
        if self.rows < 1.0 || (self.numbers.is_empty() && self.texts.is_empty()) {
            return None;
        }
        let share = match predicate {
            Predicate::Eq(value) => self.equal(value),
            Predicate::In(items) => items.iter().map(|item| self.equal(item)).sum(),
            Predicate::Compare(comparison, Bound::Number(bound)) => {
                self.numbers.beyond(*comparison, |value| number(value).map(|value| value.cmp(bound)))
            }
            Predicate::Compare(comparison, Bound::String(bound)) => {
                self.texts.beyond(*comparison, |value| Some(value.cmp(bound.as_str())))
            }
            _ => return None,
        };
        Some(Estimate { rows: self.rows, selected: (share * self.rows).clamp(1.0, self.rows) })
    }

    fn equal(&self, value: &Value) -> f64 {
        match value {
            Value::String(text) => self.texts.equal(self.rows, |known| known == text),
            Value::Number(wanted) => {
                let wanted = Number::from(wanted.clone());
                self.numbers.equal(self.rows, |known| number(known).is_some_and(|known| known == wanted))
            }
            // Two values at most.
            _ => 0.5,
        }
    }
}

/// An estimate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    rows: f64,
    selected: f64,
}

impl Estimate {
    /// Whether reading what is selected by way of the index is cheaper than reading every row.
    pub(crate) fn is_a_part(self) -> bool {
        self.selected * 4.0 <= self.rows
    }

    /// Whether it is cheaper to read what is selected and sort it, than to read in order until so many are found that are
    /// selected. The first reads `selected` rows, the second `wanted` for each of `selected` in `rows`.
    pub(crate) fn is_selective(self, wanted: u64) -> bool {
        self.selected * self.selected <= wanted as f64 * self.rows
    }
}

impl Column {
    fn is_empty(&self) -> bool {
        self.common.is_empty() && self.bounds.is_empty()
    }

    fn equal(&self, rows: f64, is: impl Fn(&str) -> bool) -> f64 {
        if let Some((_, share)) = self.common.iter().find(|(value, _)| is(value)) {
            return *share;
        }
        let distinct = if self.distinct < 0.0 { -self.distinct * rows } else { self.distinct };
        let others = (distinct - self.common.len() as f64).max(1.0);
        self.uncommon() / others
    }

    fn beyond(&self, comparison: Comparison, compare: impl Fn(&str) -> Option<Ordering>) -> f64 {
        let accepts = |value: &str| compare(value).is_some_and(|ordering| comparison.accepts(ordering));
        let common: f64 = self.common.iter().filter(|(value, _)| accepts(value)).map(|(_, share)| share).sum();
        let inside = self.bounds.iter().filter(|value| accepts(value)).count();
        let part = if self.bounds.is_empty() { 0.0 } else { inside as f64 / self.bounds.len() as f64 };
        common + part * self.uncommon()
    }

    fn uncommon(&self) -> f64 {
        (1.0 - self.common.iter().map(|(_, share)| share).sum::<f64>()).max(0.0)
    }
}

fn number(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok()
}

/// The statistics of these indexes, by their names.
pub(super) async fn read(store: &PgStore, names: Vec<String>) -> Result<HashMap<String, Statistics>> {
    let statement = "SELECT c.relname::text, c.reltuples::float8, a.attnum::int4, s.n_distinct::float8, \
                     s.most_common_vals::text::text[], s.most_common_freqs::float8[], s.histogram_bounds::text::text[] \
                     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
                     JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname \
                     WHERE n.nspname = $1 AND c.relname = ANY($2)";
    let mut session = store.read().await?;
    let query = store.shared.query(statement).bind(store.schema().name().to_owned()).bind(names);
    let rows = query.fetch_all(session.conn()?).await.map_err(driver)?;
    session.finish().await?;
    let mut found: HashMap<String, Statistics> = HashMap::new();
    for row in &rows {
        let (name, rows, at): (String, f64, i32) =
            (row.try_get(0).map_err(driver)?, row.try_get(1).map_err(driver)?, row.try_get(2).map_err(driver)?);
        let values: Option<Vec<String>> = row.try_get(4).map_err(driver)?;
        let shares: Option<Vec<f64>> = row.try_get(5).map_err(driver)?;
        let bounds: Option<Vec<String>> = row.try_get(6).map_err(driver)?;
        let column = Column {
            common: values.unwrap_or_default().into_iter().zip(shares.unwrap_or_default()).collect(),
            distinct: row.try_get(3).map_err(driver)?,
            bounds: bounds.unwrap_or_default(),
        };
        let statistics = found.entry(name).or_default();
        statistics.rows = rows;
        match at {
            2 => statistics.numbers = column,
            3 => statistics.texts = column,
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statistics() -> Statistics {
        let texts = Column {
            common: vec![("won".into(), 0.2), ("lost".into(), 0.3)],
            distinct: -0.5,
            bounds: ["a", "f", "k", "p", "z"].map(String::from).to_vec(),
        };
        Statistics { rows: 1_000.0, numbers: Column::default(), texts }
    }

    fn selected(predicate: &Predicate) -> f64 {
        statistics().estimate(predicate).unwrap().selected
    }

    #[test]
    fn common_values_have_their_share_and_others_split_the_rest() {
        assert_eq!(selected(&Predicate::Eq(json!("won"))), 200.0);
        assert_eq!(selected(&Predicate::In(vec![json!("won"), json!("lost")])), 500.0);
        assert!((1.0..2.0).contains(&selected(&Predicate::Eq(json!("else")))));
        // "won" is behind it and "lost" is not; of the rest, two bounds in five are.
        assert_eq!(selected(&Predicate::Compare(Comparison::Gt, Bound::String("m".into()))), 400.0);
    }

    #[test]
    fn what_selects_few_rows_is_read_first() {
        let few = statistics().estimate(&Predicate::Eq(json!("else"))).unwrap();
        let many = statistics().estimate(&Predicate::Eq(json!("lost"))).unwrap();
        assert!(few.is_selective(50) && !many.is_selective(50));
        assert!(few.is_a_part() && !many.is_a_part());
        assert!(Statistics::default().estimate(&Predicate::Eq(json!("won"))).is_none());
    }
}
