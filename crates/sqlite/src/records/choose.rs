//! Choosing the field index that a query is read by.
//!
//! SQLite's planner would choose by statistics that nobody keeps. What matters is known here: an index that gives the order lets a
//! page end early, and one that meets few rows makes the order cheap; a look at the index itself tells which.

use crate::{
    args::Args,
    entities::Known,
    error::Mapped as _,
    filter,
    index::{self, Index},
    key::{self, Narrow},
};
use mastra_core::{FieldIndexKind, Filter, Result, SortKey, filter::Predicate};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Fewer rows than this are sorted rather than found in order.
const FEW: i64 = 512;

/// An index to read by.
#[derive(Debug)]
pub(super) struct Choice<'k> {
    index: &'k Index,
    /// Whether it tells what filters on its path ask; else it gives the order alone.
    filters: bool,
}

impl Choice<'_> {
    /// The table `records` as `r`, to be read by this index alone.
    pub(super) fn table(choice: Option<&Self>) -> String {
        match choice {
            None => "records r".to_owned(),
            Some(choice) if !choice.index.is_list() => {
                format!("records r INDEXED BY {}", choice.index.name())
            }
            // By key, which is no index: <https://www.sqlite.org/lang_indexedby.html>.
            Some(_) => "records r NOT INDEXED".to_owned(),
        }
    }

    /// A conjunct of the filter as a condition that the index serves, where it does, exactly.
    pub(super) fn serve(&self, filter: &Filter, args: &mut Args) -> Option<String> {
        if !self.filters {
            return None;
        }
        serve(self.index, filter, args).map(|(_, condition)| condition)
    }
}

fn serve(index: &Index, filter: &Filter, args: &mut Args) -> Option<(Narrow, String)> {
    let Filter::Field { path, predicate } = filter else { return None };
    if *path != index.path {
        return None;
    }
    if !index.is_list() {
        return key::condition(&key::expression("r.data", path)?, predicate, args);
    }
    let field = index.key;
    serve_list(predicate, args, |condition| {
        format!("r.key IN (SELECT record FROM field_values WHERE field = {field} AND {condition})")
    })
}

/// What a predicate asks of a list of values per row. `rows` gives the condition on a row that one of its values meets another.
pub(crate) fn serve_list(predicate: &Predicate, args: &mut Args, rows: impl Fn(&str) -> String) -> Option<(Narrow, String)> {
    let mut one = |predicate: &Predicate| {
        let (narrow, condition) = key::condition("value", predicate, args)?;
        Some((narrow, rows(&condition)))
    };
    match predicate {
        Predicate::All(values) if !values.is_empty() => {
            let each = values.iter().map(|value| one(&Predicate::Eq(value.clone()))).collect::<Option<Vec<_>>>()?;
            let each: Vec<String> = each.into_iter().map(|(_, condition)| condition).collect();
            Some((Narrow::Several, filter::balanced(&each, "AND")))
        }
        predicate => one(predicate),
    }
}

/// Chooses for a conjunction and a sort, of which a page is wanted or everything.
pub(super) async fn choose<'k>(
    connection: &mut SqliteConnection,
    known: &'k Known,
    conjuncts: &[&Filter],
    sort: &[SortKey],
    page: bool,
) -> Result<Option<Choice<'k>>> {
    if known.indexes.is_empty() {
        return Ok(None);
    }
    let mut filtering = Vec::new();
    for index in &known.indexes {
        let served = conjuncts.iter().filter_map(|filter| serve(index, filter, &mut Args::default()));
        let Some(narrow) = served.map(|(narrow, _)| narrow).min() else { continue };
        if index.is_list() || !meets_arrays(connection, known, index).await? {
            filtering.push((narrow, index));
        }
    }
    let filters = |index: &Index| filtering.iter().any(|(_, other)| other.key == index.key);
    let first = sort.first().filter(|_| page);
    let ordered = first.and_then(|key| index::find(known, &key.path, FieldIndexKind::Scalar)).filter(|index| !index.is_list());
    let ordered = ordered.map(|index| Choice { index, filters: filters(index) });
    let mut best: Option<(i64, Narrow, &Index)> = None;
    for (narrow, index) in filtering.iter().copied() {
        // The rows of one value are in order of id in their index: as good as any order for a page without a sort.
        let in_order = narrow == Narrow::One && !index.is_list();
        let is_order = ordered.as_ref().is_some_and(|ordered| ordered.index.key == index.key);
        let clear = filtering.len() == 1 && (is_order || (ordered.is_none() && (!page || !sort.is_empty() || in_order)));
        let rows = if clear { 0 } else { meets(connection, known, index, conjuncts).await? };
        if best.is_none_or(|(fewest, _, _)| rows < fewest) {
            best = Some((rows, narrow, index));
        }
    }
    let Some((rows, narrow, index)) = best else { return Ok(ordered) };
    let few = rows < FEW && ordered.as_ref().is_none_or(|ordered| ordered.index.key != index.key);
    let read_anyway = !page || (ordered.is_none() && (!sort.is_empty() || (narrow == Narrow::One && !index.is_list())));
    if few || read_anyway { Ok(Some(Choice { index, filters: true })) } else { Ok(ordered) }
}

/// Whether the path of a scalar index meets an array in any record, so that keys do not tell what a filter asks.
async fn meets_arrays(connection: &mut SqliteConnection, known: &Known, index: &Index) -> Result<bool> {
    let Some(branches) = key::branches("r.data", &index.path) else { return Ok(true) };
    let (name, entity) = (index.branches_name(), known.key);
    let sql = format!("SELECT EXISTS (SELECT 1 FROM records r INDEXED BY {name} WHERE r.entity = {entity} AND {branches})");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.mapped()
}

/// How many rows the conjuncts meet that an index serves, counted up to [`FEW`].
async fn meets(connection: &mut SqliteConnection, known: &Known, index: &Index, conjuncts: &[&Filter]) -> Result<i64> {
    let mut args = Args::default();
    let served: Vec<String> =
        conjuncts.iter().filter_map(|filter| serve(index, filter, &mut args)).map(|(_, condition)| condition).collect();
    let conditions = served.join(" AND ");
    let sql = match index.is_list() {
        false => format!(
            "SELECT count(*) FROM (SELECT 1 FROM records r INDEXED BY {} WHERE r.entity = {} AND {conditions} LIMIT {FEW})",
            index.name(),
            known.key
        ),
        true => format!("SELECT count(*) FROM (SELECT 1 FROM records r WHERE {conditions} LIMIT {FEW})"),
    };
    sqlx::query_scalar_with(AssertSqlSafe(sql), args.finish()?).fetch_one(connection).await.mapped()
}
