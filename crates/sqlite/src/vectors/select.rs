//! Which points a filter or a list of ids means.

use super::place::{Place, range};
use crate::{
    args::Args,
    error::{Mapped as _, corrupt},
    filter::{self, Doubt},
    records::{Judge, json_list, rows, serve_list},
    row,
};
use futures::TryStreamExt as _;
use mastra_core::{Error, Filter, Result, vector::PointSelector};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// A filter on the points of a namespace, the table `points` as `p`, as SQL.
pub(super) struct Where {
    /// A condition that every matching point meets; further points may meet it too.
    pub(super) sql: String,
    judge: Judge,
}

impl Where {
    pub(super) fn new(place: &Place, namespace: i64, filter: &Filter, args: &mut Args) -> Self {
        if filter.is_trivially_true() {
            return Self { sql: "1 = 1".to_owned(), judge: Judge::new(Doubt::Never, filter) };
        }
        let mut conjuncts = Vec::new();
        filter::conjuncts(filter, &mut conjuncts);
        let mut all = Vec::new();
        let mut rest = Vec::new();
        for conjunct in conjuncts {
            match serve(place, namespace, conjunct, args) {
                Some(condition) => all.push(condition),
                None => rest.push(conjunct),
            }
        }
        let compiled = filter::compile(&rest, "p.metadata", args);
        all.extend(compiled.conditions);
        let mut sql = if all.is_empty() { "1 = 1".to_owned() } else { filter::balanced(&all, "AND") };
        let mut doubt = compiled.doubt;
        if place.finish {
            sql = format!("(p.finish = 1 OR {sql})");
            doubt = match doubt {
                Doubt::Never => Doubt::Rows("p.finish = 1".to_owned()),
                Doubt::Rows(doubtful) => Doubt::Rows(format!("p.finish = 1 OR {doubtful}")),
                Doubt::Always => Doubt::Always,
            };
        }
        Self { sql, judge: Judge::new(doubt, filter) }
    }

    /// Whether SQL alone decides.
    pub(super) fn decides(&self) -> bool {
        self.judge.is_idle()
    }

    /// The metadata of points that core has to judge, as a column; NULL of others.
    pub(super) fn column(&self) -> String {
        match self.judge.column() {
            None => "NULL".to_owned(),
            Some("1") => "p.metadata".to_owned(),
            Some(doubtful) => format!("CASE WHEN {doubtful} THEN p.metadata END"),
        }
    }

    /// Whether a point matches, by what [`Where::column`] gave for it.
    pub(super) fn accepts(&self, doubtful: Option<&str>) -> Result<bool> {
        doubtful.map_or(Ok(true), |metadata| Ok(self.judge.accepts(&row::parse(metadata)?)))
    }
}

/// A conjunct as a condition on the values of an indexed field, where they tell what it asks.
fn serve(place: &Place, namespace: i64, filter: &Filter, args: &mut Args) -> Option<String> {
    let Filter::Field { path, predicate } = filter else { return None };
    let field = place.fields.iter().find(|field| field.path == *path)?.key;
    let (first, last) = range(namespace);
    let rows = |condition: &str| {
        format!(
            "p.key IN (SELECT point FROM point_values WHERE field = {field} AND {condition} AND point BETWEEN {first} AND {last})"
        )
    };
    serve_list(predicate, args, rows).map(|(_, condition)| condition)
}

/// The keys of the points that match, at most so many.
pub(super) async fn keys(connection: &mut SqliteConnection, place: &Place, filter: &Filter, most: u64) -> Result<Vec<i64>> {
    let Some(namespace) = place.namespace else { return Ok(Vec::new()) };
    let mut args = Args::default();
    let matching = Where::new(place, namespace, filter, &mut args);
    let (first, last) = range(namespace);
    let from = format!("FROM points p WHERE p.key BETWEEN {first} AND {last} AND {}", matching.sql);
    if matching.decides() {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // One value, since every row costs a trip between threads.
        let sql = format!("SELECT json_group_array(key) FROM (SELECT p.key {from} LIMIT {most})");
        let list: String = sqlx::query_scalar_with(AssertSqlSafe(sql), args.finish()?).fetch_one(connection).await.mapped()?;
        return serde_json::from_str(&list).map_err(|_| corrupt("a key"));
    }
    let mut keys = Vec::new();
    let sql = format!("SELECT p.key, {} {from}", matching.column());
    let mut rows = rows(connection, sql, args.finish()?);
    while let Some(row) = rows.try_next().await? {
        if matching.accepts(row::get(&row, 1)?)? {
            keys.push(row::get(&row, 0)?);
            if keys.len() as u64 >= most {
                break;
            }
        }
    }
    Ok(keys)
}

/// The keys of the points of these ids, each with its position in the list, in the order of positions.
pub(super) async fn of_ids(connection: &mut SqliteConnection, place: &Place, ids: &[String]) -> Result<Vec<(usize, i64)>> {
    let Some(namespace) = place.namespace else { return Ok(Vec::new()) };
    let (list, _) = json_list(ids.iter().map(String::as_str))?;
    let sql = "SELECT json_group_array(json_array(j.key, p.key)) FROM json_each(?2) j CROSS JOIN points p \
               ON p.namespace = ?1 AND p.id = j.value";
    let found: String = sqlx::query_scalar(sql).bind(namespace).bind(list).fetch_one(connection).await.mapped()?;
    serde_json::from_str(&found).map_err(|_| corrupt("a key"))
}

/// The keys of the points that a selector means, each once.
pub(super) async fn selected(connection: &mut SqliteConnection, place: &Place, selector: &PointSelector) -> Result<Vec<i64>> {
    match selector {
        PointSelector::Ids(ids) => {
            let found = of_ids(connection, place, ids).await?;
            let mut keys: Vec<i64> = found.into_iter().map(|(_, key)| key).collect();
            keys.sort_unstable();
            keys.dedup();
            Ok(keys)
        }
        PointSelector::Filter(filter) => keys(connection, place, filter, u64::MAX).await,
        _ => Err(Error::unsupported("this store does not offer such a selection")),
    }
}
