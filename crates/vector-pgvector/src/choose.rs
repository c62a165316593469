//! Whether to look at every point that matches, or to let the graph choose: by how many there are.
//!
//! Measured on 20,000 points of 384 numbers: with one point in a hundred matching, a graph that goes on searching finds 85 of 100
//! neighbours, in ten times the time of looking at all that match. With one in sixteen, and those far from what is asked for, it finds
//! 78, in three times the time. A full page proves nothing.

use crate::{index::Index, read};
use mastra_core::{
    Filter, Result,
    vector::{IndexKind, Scope, VectorQuery},
};
use mastra_postgres::foundation::{Compiled, Statement, driver_error};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, types::Json};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Up to this many points are looked at one by one.
const FEW: f64 = 2_000.0;
/// Up to this many, where they are so small a share that a graph would hardly meet them.
const RARE: f64 = 10_000.0;
const RARE_SHARE: f64 = 0.1;
/// Up to this many points are looked at again, where the graph found too few.
const AGAIN: f64 = 200_000.0;
/// How long an estimate holds.
const HOLDS: Duration = Duration::from_secs(10);
/// How many estimates are kept.
const KEPT: usize = 1_024;
/// Candidates of a graph where a query does not say.
const EF: u32 = 100;
/// The most candidates that pgvector keeps.
const MOST_EF: u32 = 1_000;

/// How many points a filter matches, about, and which share of the index that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    matching: f64,
    share: f64,
}

/// How a search goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Every point that matches.
    Exact,
    /// The graph, with so many candidates.
    Graph {
        ef: u32,
        /// Whether the first round finds enough: most of the candidates match.
        at_once: bool,
        /// Whether to look at every point where it finds too few.
        again: bool,
    },
    /// So many clusters.
    Clusters { probes: u32, again: bool },
}

/// Table, namespace and condition.
type Key = (String, String, String);

/// What was estimated, and when.
#[derive(Debug, Default)]
pub(crate) struct Estimates(Mutex<HashMap<Key, (Instant, Estimate)>>);

impl Estimates {
    /// How to answer a query whose legs have to be so long.
    pub(crate) async fn way(
        &self,
        conn: &mut PgConnection,
        index: &Index,
        scope: &Scope,
        query: &VectorQuery,
        compiled: &Compiled,
    ) -> Result<Way> {
        if query.exact || !index.built || compiled.never {
            return Ok(Way::Exact);
        }
        let key = (index.table(), scope.namespace.clone(), compiled.jsonpath.clone().unwrap_or_default());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        let estimate = match known.filter(|(since, _)| since.elapsed() < HOLDS) {
            Some((_, estimate)) => estimate,
            None => {
                let estimate = estimate(conn, index, scope, &query.filter, compiled).await?;
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if all.len() >= KEPT {
                    all.clear();
                }
                all.insert(key, (Instant::now(), estimate));
                estimate
            }
        };
        Ok(decide(index.spec.kind, query, compiled, estimate))
    }
}

fn decide(kind: IndexKind, query: &VectorQuery, compiled: &Compiled, Estimate { matching, share }: Estimate) -> Way {
    if matching <= FEW || (share < RARE_SHARE && matching <= RARE) {
        return Way::Exact;
    }
    let again = matching <= AGAIN;
    // Where few match, more candidates keep the recall that going on alone would lose.
    let wider = if share < 0.1 { 1.2 / share.max(1e-4) } else { 1.0 };
    match kind {
        IndexKind::Hnsw { .. } => {
            let depth = u32::try_from(query.depth()).unwrap_or(MOST_EF);
            let reach = f64::from(depth) * wider;
            // Both lie between 1 and 1,000 after clamping.
            let ef = query.ef.unwrap_or(EF).max(depth).max(reach.min(f64::from(MOST_EF)) as u32).min(MOST_EF);
            // Of the candidates, a share matches; twice as many as are asked for leave room for rows that are gone.
            let at_once = compiled.jsonpath.is_none() && share * f64::from(ef) >= 2.0 * f64::from(depth);
            Way::Graph { ef, at_once, again }
        }
        IndexKind::IvfFlat { lists } => {
            let usual = (f64::from(lists).sqrt() * 2.0).max(10.0) * wider;
            let probes = query.probes.unwrap_or(usual.min(32_768.0) as u32).clamp(1, lists.max(1));
            Way::Clusters { probes, again }
        }
        _ => Way::Exact,
    }
}

/// Asks the planner where it has looked at the metadata, else counts up to the number that matters.
async fn estimate(
    conn: &mut PgConnection,
    index: &Index,
    scope: &Scope,
    filter: &Filter,
    compiled: &Compiled,
) -> Result<Estimate> {
    let mut statement = Statement::default();
    let table = statement.bind(index.table());
    let (schema, name) = (statement.bind(index.table_schema.clone()), statement.bind(index.table_name.clone()));
    let column = statement.bind(index.layout.metadata.clone());
    statement.push(&format!(
        "SELECT greatest(c.reltuples, 0)::float8, EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = {schema} \
         AND s.tablename = {name} AND s.attname = {column}) FROM pg_class c WHERE c.oid = to_regclass({table})"
    ));
    let known = statement.query(false)?.fetch_optional(&mut *conn).await.map_err(driver_error)?;
    let (total, analysed): (f64, bool) = match known {
        Some(row) => (row.try_get(0).map_err(driver_error)?, row.try_get(1).map_err(driver_error)?),
        None => (0.0, false),
    };
    if analysed {
        let matching = planned(conn, index, scope, compiled).await?;
        return Ok(Estimate { matching, share: if total > matching { matching / total } else { 1.0 } });
    }
    let most = FEW as u64 + 1;
    let matching = read::counted(conn, index, scope, filter, Some(most)).await?;
    if matching < most {
        return Ok(Estimate { matching: matching as f64, share: 1.0 });
    }
    // Many; how many, nobody knows yet.
    Ok(Estimate { matching: total.max(FEW + 1.0), share: 1.0 })
}

async fn planned(conn: &mut PgConnection, index: &Index, scope: &Scope, compiled: &Compiled) -> Result<f64> {
    let mut statement = Statement::new(format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM {} p WHERE ", index.table()));
    let matching = index.law(scope, compiled, &mut statement);
    statement.push(&matching);
    let row = statement.query(false)?.fetch_one(conn).await.map_err(driver_error)?;
    let Json(plan): Json<Value> = row.try_get(0).map_err(driver_error)?;
    // Without it nothing is known, which is a reason to look at every point.
    Ok(plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_f64).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use mastra_postgres::foundation::compile;

    #[test]
    fn few_and_rare_points_are_looked_at_one_by_one() {
        let query = VectorQuery::vector([1.0]);
        let of =
            |filter: &Filter, matching, share| decide(IndexKind::hnsw(), &query, &compile(filter), Estimate { matching, share });
        let way = |matching, share| of(&Filter::all(), matching, share);
        assert_eq!(way(900.0, 0.9), Way::Exact);
        assert_eq!(way(9_000.0, 0.01), Way::Exact);
        assert_eq!(way(20_000.0, 1.0), Way::Graph { ef: 100, at_once: true, again: true });
        assert_eq!(way(20_000.0, 0.01), Way::Graph { ef: 1_000, at_once: false, again: true });
        assert_eq!(way(1e7, 1.0), Way::Graph { ef: 100, at_once: true, again: false });
        let filter = Filter::eq("a", 1).unwrap();
        assert_eq!(of(&filter, 1e7, 1.0), Way::Graph { ef: 100, at_once: false, again: false });
    }
}
