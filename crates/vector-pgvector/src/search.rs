//! Searching.

use crate::{
    choose::Way,
    index::Index,
    read,
    settle::{Candidate, is_settled, settle, weigh},
    store::PgVector,
    words,
};
use mastra_core::{
    Error, Result,
    filter::Matcher,
    vector::{
        Exactness, Include, IndexKind, Metric, Placed, Point, Scope, Shortfall, Vector, VectorAnswer, VectorHit, VectorQuery,
        VectorSearch, fuse, score,
    },
};
use mastra_postgres::foundation::{Compiled, Statement, compile, driver_error};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use std::collections::HashMap;

/// How many more rows than asked for are looked at, to see whether the last of them ties with others.
const SLACK: usize = 6;
/// How many rows are looked at first where core has to finish the filter.
const LOOKED_AT: usize = 1_000;
/// How far a graph goes on before it gives up.
const MAX_SCAN_TUPLES: &str = "40000";

/// What a leg found.
struct Leg {
    placed: Vec<Placed>,
    /// What was read of them on the way.
    points: HashMap<String, Point>,
    exactness: Exactness,
    /// Why there are fewer than asked for.
    shortfall: Shortfall,
}

impl Leg {
    fn exact(placed: Vec<Placed>) -> Self {
        Self { placed, points: HashMap::new(), exactness: Exactness::Exact, shortfall: Shortfall::NoMoreRows }
    }
}

/// One search, and what it works with.
struct Search<'s> {
    store: &'s PgVector,
    index: &'s Index,
    scope: &'s Scope,
    query: &'s VectorQuery,
    compiled: Compiled,
    /// Where the server cannot say all of the filter.
    matcher: Option<Matcher>,
}

/// Answers a query.
pub(crate) async fn nearest(
    conn: &mut PgConnection,
    store: &PgVector,
    index: &Index,
    scope: &Scope,
    query: &VectorQuery,
) -> Result<VectorAnswer> {
    let compiled = compile(&query.filter);
    let matcher = (!compiled.exact).then(|| query.filter.clone().matcher());
    let search = Search { store, index, scope, query, compiled, matcher };
    let leg = match &query.search {
        VectorSearch::Vector(vector) => search.dense(conn, vector, query.include).await?,
        VectorSearch::Text(text) => Leg::exact(search.words(conn, text).await?),
        VectorSearch::Hybrid { vector, text, weights } => {
            let dense = search.dense(conn, vector, Include::ID).await?;
            let words = search.words(conn, text).await?;
            let shortfall = if dense.exactness == Exactness::Exact { Shortfall::NoMoreRows } else { Shortfall::Unknown };
            let placed = fuse(&dense.placed, &words, *weights, query.top_k);
            Leg { placed, points: HashMap::new(), shortfall, ..dense }
        }
        _ => return Err(Error::unsupported("this store does not offer such a search")),
    };
    search.answer(conn, leg).await
}

impl Search<'_> {
    fn persistent(&self) -> bool {
        self.store.database.persistent()
    }

    async fn words(&self, conn: &mut PgConnection, text: &str) -> Result<Vec<Placed>> {
        let Self { index, scope, query, compiled, .. } = self;
        words::find(conn, index, scope, text, &query.filter, compiled, query.depth()).await
    }

    /// The hits, with whatever of them was not read on the way.
    async fn answer(&self, conn: &mut PgConnection, mut leg: Leg) -> Result<VectorAnswer> {
        let include = self.query.include;
        let missing: Vec<String> =
            leg.placed.iter().map(|placed| &placed.id).filter(|id| !leg.points.contains_key(*id)).cloned().collect();
        if include == Include::ID {
            leg.points.extend(missing.into_iter().map(|id| (id.clone(), Point::new(id))));
        } else if !missing.is_empty() {
            leg.points.extend(read::by_ids(conn, self.persistent(), self.index, self.scope, &missing, include).await?);
        }
        let hit = |placed: Placed| Some(VectorHit::new(leg.points.remove(&placed.id)?, placed.score, placed.distance, include));
        let hits: Vec<VectorHit> = leg.placed.into_iter().filter_map(hit).collect();
        Ok(match leg.exactness {
            Exactness::Exact => VectorAnswer::exact(hits, self.query.top_k),
            Exactness::Approximate => VectorAnswer::approximate(hits, self.query.top_k, leg.shortfall),
        })
    }

    /// The nearest points, with these parts of them.
    async fn dense(&self, conn: &mut PgConnection, vector: &Vector, include: Include) -> Result<Leg> {
        self.index.spec.still_takes(Some(vector), self.query.model.as_deref())?;
        let asked = score::stored(self.index.spec.element, vector.as_slice());
        if self.compiled.never {
            return Ok(Leg::exact(Vec::new()));
        }
        let way = self.store.common.estimates.way(conn, self.index, self.scope, self.query, &self.compiled).await?;
        let again = match way {
            Way::Exact => true,
            Way::Graph { again, .. } | Way::Clusters { again, .. } => again,
        };
        if way != Way::Exact {
            let depth = self.query.depth();
            // Later rounds of a scan may find nearer points than the first; one round gives its points in order, and which of equals it
            // leaves out is not for the id to say.
            let limit = match way {
                Way::Graph { at_once: true, .. } => depth,
                _ if self.compiled.jsonpath.is_some() => self.first_look().saturating_add(depth),
                _ => self.first_look(),
            };
            let (rows, _) = self.look(conn, &asked, include, limit, way).await?;
            if rows.len() >= depth || !again {
                let gave_up = rows.len() < depth;
                let mut leg = self.leg(conn, &asked, rows).await?;
                leg.exactness = Exactness::Approximate;
                leg.shortfall = if gave_up { Shortfall::IndexGaveUp } else { Shortfall::Unknown };
                return Ok(leg);
            }
        }
        self.exactly(conn, &asked, include).await
    }

    fn first_look(&self) -> usize {
        let depth = self.query.depth();
        if self.matcher.is_some() { depth.saturating_mul(10).max(LOOKED_AT) } else { depth.saturating_add(SLACK) }
    }

    /// Looks at every point that matches, and on until no other point can tie with the last.
    async fn exactly(&self, conn: &mut PgConnection, asked: &[f32], include: Include) -> Result<Leg> {
        let depth = self.query.depth();
        let mut limit = self.first_look();
        loop {
            let (mut rows, seen) = self.look(conn, asked, include, limit, Way::Exact).await?;
            weigh(conn, self.persistent(), self.index, self.scope, asked, &mut rows).await?;
            if is_settled(depth, &rows) || seen < limit {
                return self.leg(conn, asked, rows).await;
            }
            limit = limit.saturating_mul(10);
        }
    }

    async fn leg(&self, conn: &mut PgConnection, asked: &[f32], rows: Vec<Candidate>) -> Result<Leg> {
        let least = self.query.min_score;
        let mut settled = settle(conn, self.persistent(), self.index, self.scope, asked, least, rows).await?;
        settled.truncate(self.query.depth());
        let mut leg = Leg::exact(Vec::with_capacity(settled.len()));
        for (placed, point) in settled {
            leg.points.insert(placed.id.clone(), point);
            leg.placed.push(placed);
        }
        Ok(leg)
    }

    /// The nearest rows that match, and how many the server gave before core looked at them.
    async fn look(
        &self,
        conn: &mut PgConnection,
        asked: &[f32],
        include: Include,
        limit: usize,
        way: Way,
    ) -> Result<(Vec<Candidate>, usize)> {
        let index = self.index;
        let limit = limit.min(read::MOST);
        let read = Include { metadata: include.metadata || self.matcher.is_some(), ..include };
        let operator = index.extension.operator(index.spec.metric)?;
        let mut statement = Statement::default();
        // Which index serves a filter best depends on what it asks: planned for the values.
        let persistent = self.persistent() && (way != Way::Exact || self.compiled.jsonpath.is_none());
        let asked = index.argument(asked, persistent, &mut statement);
        let distance = format!("{} {operator} {asked}", index.vector());
        let columns = read::columns(index, read);
        if way == Way::Exact {
            // The sum keeps every index on the vectors away.
            let matching = index.matching(self.scope, &self.compiled, &mut statement);
            statement.push(&format!(
                "SELECT {}::text, ({distance}) + 0{columns} FROM {} p WHERE {matching} ORDER BY 2, {} LIMIT {limit}",
                index.id(),
                index.table(),
                index.id_in_order()
            ));
        } else {
            let matching = index.matching_sealed(self.scope, &self.compiled, &mut statement);
            let settings = settings(way, index, &mut statement);
            // Of the order nothing but the distance: with the id behind it the graph would not serve it.
            statement.push(&format!(
                "SELECT {}::text, {distance}{columns} FROM {} p WHERE {matching} AND {settings} ORDER BY {distance} LIMIT {limit}",
                index.id(),
                index.table(),
            ));
        }
        let rows = statement.fetch_all(conn, persistent).await?;
        let mut candidates = Vec::with_capacity(rows.len());
        for row in &rows {
            let candidate = candidate(row, index.spec.metric, read).map_err(driver_error)?;
            // Of a zero vector, which only others can have stored, cosine says nothing.
            let matches = !candidate.distance.is_nan()
                && self
                    .matcher
                    .as_ref()
                    .is_none_or(|matcher| candidate.point.metadata.as_ref().is_some_and(|m| matcher.matches(m)));
            if matches {
                candidates.push(Candidate { point: candidate.point.only(include), ..candidate });
            }
        }
        Ok((candidates, rows.len()))
    }
}

fn candidate(row: &PgRow, metric: Metric, include: Include) -> sqlx::Result<Candidate> {
    let id: String = row.try_get(0)?;
    Ok(Candidate::new(metric, row.try_get(1)?, read::point(row, id, include, 2)?))
}

/// A condition that is always true, and sets how the index is searched.
///
/// It depends on no row, so the server asks it once before the scan begins; the settings end with the statement's transaction. Set in
/// statements of their own they would take two round trips more.
fn settings(way: Way, index: &Index, statement: &mut Statement) -> String {
    let mut set = |name: &str, value: String| format!("set_config('{name}', {}, true)", statement.bind(value));
    let iterates = index.extension.iterates();
    let all = match (way, index.spec.kind) {
        (Way::Clusters { probes, .. }, IndexKind::IvfFlat { .. }) => {
            let mut all = vec![set("ivfflat.probes", probes.to_string())];
            if iterates {
                all.push(set("ivfflat.iterative_scan", "relaxed_order".to_owned()));
            }
            all
        }
        (Way::Graph { ef, at_once, .. }, _) => {
            let mut all = vec![set("hnsw.ef_search", ef.to_string())];
            if iterates {
                // The strict order throws away what a later round finds nearer; here everything is put in order anyway.
                all.push(set("hnsw.iterative_scan", "relaxed_order".to_owned()));
                if !at_once {
                    all.push(set("hnsw.max_scan_tuples", MAX_SCAN_TUPLES.to_owned()));
                }
            }
            all
        }
        _ => return "TRUE".to_owned(),
    };
    format!("(SELECT {}) IS NOT NULL", all.join(" || "))
}
