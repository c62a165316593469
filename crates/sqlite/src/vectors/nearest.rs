//! Searching.
//!
//! Distances are computed by core's score module on the stored numbers, so that they are the reference's to the last bit; dot products
//! too. SQL says which points match, and hands their vectors over many at a time: a value of a row costs a trip between threads, so a
//! block of vectors is joined into one.

use super::{
    best::{Best, Candidate},
    blob,
    place::{Place, range},
    read,
    rough::Rough,
    select,
    words::words,
};
use crate::{
    error::{Mapped as _, corrupt},
    records::rows,
    row,
};
use futures::TryStreamExt as _;
use mastra_core::{
    Error, Result,
    vector::{Element, Placed, VectorAnswer, VectorHit, VectorQuery, VectorRanking, VectorSearch, fuse, score},
};
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};
use std::collections::HashMap;

/// How many bytes of vectors are handed over at a time.
const BLOCK: usize = 128 * 1024;

/// Vectors of some size do not fit the page cache, from which each page would be read and copied again for every search. Only
/// connections that search have the file mapped: <https://www.sqlite.org/mmap.html>.
const MAPPED: &str = "PRAGMA mmap_size = 268435456";

/// The texts of blobs are their bytes, and stay so when they are joined and cast back: <https://www.sqlite.org/nulinstr.html>.
const JOINED: &str = "CAST(group_concat(vector, '') AS BLOB)";

pub(super) async fn query(connection: &mut SqliteConnection, place: &Place, query: &VectorQuery) -> Result<VectorAnswer> {
    // It may have been made again since the arguments were checked.
    place.spec.still_takes(query.search.vector(), query.model.as_deref())?;
    let placed = match &query.search {
        VectorSearch::Vector(vector) => dense(connection, place, query, vector.as_slice()).await?,
        VectorSearch::Text(text) => words(connection, place, query, text).await?,
        VectorSearch::Hybrid { vector, text, weights } => {
            let dense = dense(connection, place, query, vector.as_slice()).await?;
            let words = words(connection, place, query, text).await?;
            fuse(&dense, &words, *weights, query.top_k)
        }
        _ => return Err(Error::unsupported("this store does not offer such a search")),
    };
    let ids: Vec<String> = placed.iter().map(|placed| placed.id.clone()).collect();
    let points = read::by_ids(connection, place, &ids, query.include).await?;
    let hits =
        points.into_iter().zip(placed).map(|(point, placed)| VectorHit::new(point, placed.score, placed.distance, query.include));
    Ok(VectorAnswer::exact(hits.collect(), query.top_k))
}

/// The nearest points that match, best first.
async fn dense(connection: &mut SqliteConnection, place: &Place, query: &VectorQuery, asked: &[f32]) -> Result<Vec<Placed>> {
    let Some(namespace) = place.namespace else { return Ok(Vec::new()) };
    let size = blob::size(place.spec.element, place.spec.dimension);
    let together = (BLOCK / size).max(1);
    let mut scan = Scan::new(place, asked, query, size);
    sqlx::query(MAPPED).execute(&mut *connection).await.mapped()?;
    if query.filter.is_trivially_true() {
        let (first, last) = range(namespace);
        // Keys have gaps: each block begins at the first key that is there.
        let sql = format!(
            "WITH RECURSIVE block (first) AS (SELECT min(key) FROM point_vectors WHERE key BETWEEN {first} AND {last} UNION ALL \
             SELECT (SELECT min(key) FROM point_vectors WHERE key BETWEEN first + {together} AND {last}) FROM block WHERE first IS NOT NULL) \
             SELECT (SELECT {JOINED} FROM point_vectors WHERE key BETWEEN first AND min(first + {together} - 1, {last})) \
             FROM block WHERE first IS NOT NULL"
        );
        scan.read(connection, sql, SqliteArguments::default()).await?;
    } else {
        let keys = select::keys(connection, place, &query.filter, u64::MAX).await?;
        for keys in keys.chunks(together) {
            let mut args = crate::args::Args::default();
            let list = args.bind(format!("{keys:?}"));
            let sql = format!("SELECT {JOINED} FROM json_each({list}) j CROSS JOIN point_vectors v ON v.key = j.value");
            scan.read(connection, sql, args.finish()?).await?;
        }
    }
    rank(connection, scan.best.finish(), query.depth()).await
}

/// Vectors on their way past the one that is asked for.
struct Scan<'p> {
    place: &'p Place,
    asked: Vec<f32>,
    /// Where vectors lie as the quick look takes them.
    rough: Option<Rough>,
    size: usize,
    numbers: Vec<f32>,
    best: Best,
}

impl<'p> Scan<'p> {
    fn new(place: &'p Place, asked: &[f32], query: &VectorQuery, size: usize) -> Self {
        let asked = score::stored(place.spec.element, asked);
        let rough = (place.spec.element == Element::F32).then(|| Rough::new(place.spec.metric, &asked)).flatten();
        Self { place, asked, rough, size, numbers: Vec::new(), best: Best::new(query.depth(), query.min_score) }
    }

    async fn read(&mut self, connection: &mut SqliteConnection, sql: String, args: SqliteArguments) -> Result<()> {
        let mut rows = rows(connection, sql, args);
        while let Some(row) = rows.try_next().await? {
            self.measure(row::get(&row, 0)?)?;
        }
        Ok(())
    }

    fn measure(&mut self, block: &[u8]) -> Result<()> {
        let vectors = block.chunks_exact(self.size);
        if !vectors.remainder().is_empty() {
            return Err(corrupt("a vector"));
        }
        let spec = &self.place.spec;
        for bytes in vectors {
            if let (Some(rough), Some(least)) = (&self.rough, self.best.least())
                && !rough.may_reach(blob::numbers(bytes), least)
            {
                continue;
            }
            let key = blob::decode(bytes, spec.element, &mut self.numbers)?;
            let distance = score::distance(spec.metric, &self.asked, &self.numbers);
            self.best.push(Candidate { key, score: score::score(spec.metric, distance), distance });
        }
        Ok(())
    }
}

/// The best in order, now that ids are looked at.
async fn rank(connection: &mut SqliteConnection, found: Vec<Candidate>, depth: usize) -> Result<Vec<Placed>> {
    let found: HashMap<i64, Candidate> = found.into_iter().map(|candidate| (candidate.key, candidate)).collect();
    let keys: Vec<i64> = found.keys().copied().collect();
    let sql = "SELECT p.key, p.id FROM json_each(?1) j CROSS JOIN points p ON p.key = j.value";
    let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(format!("{keys:?}")).fetch(connection);
    let mut ranking = VectorRanking::new(depth);
    while let Some(row) = rows.try_next().await.mapped()? {
        let Some(candidate) = found.get(&row::get(&row, 0)?) else { continue };
        let id = row::get(&row, 1)?;
        if ranking.wants(candidate.score, id) {
            ranking.push(Placed::new(id, candidate.score, Some(candidate.distance)));
        }
    }
    Ok(ranking.finish())
}
