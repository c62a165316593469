//! Walking in the order of ids, which Qdrant does not know: points are read by the first rank of their ids, those of one first rank that are
//! too many for a page by the second, and so on. Those that share every rank are read together and sorted here.

use crate::{
    filter::{Plan, Tri, and, is},
    known::Known,
    name::{RANKS, alike, is_whole, ranks},
    payload::{RANKED, Read, Reads},
    store::QdrantVectors,
    walk::{Walk, scoped},
};
use mastra_core::{
    Page, Result,
    vector::{Point, Scope, ScrollQuery},
};
use qdrant_client::qdrant::{
    Condition, Direction, FieldCondition, OrderBy, Range, ScrollPoints, StartFrom, condition::ConditionOneOf, start_from,
};
use std::{collections::BTreeMap, sync::atomic::Ordering};

/// Where a page goes on: behind these ranks, those above held fast.
struct Place {
    /// The ranks that are held fast; as many as the number of the key that points are sorted by.
    above: Vec<i64>,
    /// The least rank of that key.
    from: i64,
}

impl Place {
    /// At an id's ranks, of which so many are held fast as far as there are.
    fn at(id: Option<&str>, known: &Known) -> Self {
        let mut above = id.map(ranks).unwrap_or_default();
        let depth = known.depth.load(Ordering::Relaxed).min(known.ranks - 1).min(above.len().saturating_sub(1));
        above.truncate(depth + 1);
        let from = above.pop().map_or(0, |rank| group(known, rank).0);
        Self { above, from }
    }

    fn key(&self) -> usize {
        self.above.len()
    }

    /// Among the points of one rank: from their first, or from the id that the page begins behind, if it is one of them.
    fn down(&mut self, rank: i64, after: &[i64]) {
        self.above.push(rank);
        let among = after.starts_with(&self.above);
        self.from = after.get(self.key()).copied().filter(|_| among).unwrap_or(0);
    }

    /// Behind the points of one rank; `false` where there is nothing left.
    fn up(&mut self) -> bool {
        self.above.pop().is_some_and(|rank| {
            self.from = rank + 1;
            true
        })
    }
}

/// The ranks that ids which begin like one of this rank may have.
fn group(known: &Known, rank: i64) -> (i64, i64) {
    if known.ranks < RANKS { alike(rank) } else { (rank, rank) }
}

impl QdrantVectors {
    pub(crate) async fn page(&self, known: &Known, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let after = query.position(scope)?;
        let behind = after.as_deref().map(ranks).unwrap_or_default();
        let plan = Plan::new(&query.filter);
        let reads = Reads::new(query.include).with_metadata(plan.is_judged());
        let wanted = query.limit.saturating_add(1);
        let mut place = Place::at(after.as_deref(), known);
        let mut found: BTreeMap<String, Point> = BTreeMap::new();
        let keep = |found: &mut BTreeMap<String, Point>, read: Read| {
            if after.as_ref().is_none_or(|after| read.point.id > *after) && plan.holds(&read) {
                found.insert(read.point.id.clone(), read.point.only(query.include));
            }
        };
        while found.len() < wanted {
            let key = place.key();
            let least = |read: &Read| group(known, ranks(&read.point.id).get(key).copied().unwrap_or(0));
            let (points, full) = self.by_rank(known, scope, &plan, reads, &place, wanted - found.len()).await?;
            let Some(last) = points.last().filter(|_| full).map(least) else {
                points.into_iter().for_each(|read| keep(&mut found, read));
                if place.up() {
                    continue;
                }
                break;
            };
            // Of the last rank there may be more, but where it is that of one id.
            let is_one = known.ranks == RANKS && is_whole(last.0);
            let whole = points.into_iter().filter(|read| is_one || least(read) < last);
            whole.for_each(|read| keep(&mut found, read));
            if is_one {
                place.from = last.1 + 1;
            } else if found.len() >= wanted {
                break;
            } else if key + 1 < known.ranks {
                place.down(last.0, &behind);
            } else {
                let filter = scoped(&scope.namespace, and(vec![plan.bound(), held(&place.above), is(ranked(key, last))]));
                let mut walk = Walk::new(self, known, filter, reads);
                while let Some(points) = walk.next().await? {
                    points.into_iter().for_each(|read| keep(&mut found, read));
                    // What lies beyond the page is not needed.
                    while found.len() > wanted {
                        found.pop_last();
                    }
                }
                place.from = last.1 + 1;
            }
        }
        known.depth.store(place.key(), Ordering::Relaxed);
        let mut items: Vec<Point> = found.into_values().take(wanted).collect();
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|last| query.cursor_after(scope, &last.id)).transpose()?;
        Ok(Page { items, next_cursor })
    }

    /// Points from a place on, by rank, and whether there may be more.
    async fn by_rank(
        &self,
        known: &Known,
        scope: &Scope,
        plan: &Plan,
        reads: Reads,
        place: &Place,
        wanted: usize,
    ) -> Result<(Vec<Read>, bool)> {
        let condition = and(vec![plan.bound(), held(&place.above)]);
        let Some(filter) = scoped(&scope.namespace, condition) else { return Ok((Vec::new(), false)) };
        // Room for the point that the page begins behind, for one of the last rank, and for those that core leaves out.
        let room = if plan.is_loose() { wanted.saturating_mul(4) } else { wanted.saturating_add(2) };
        let limit = u32::try_from(room).unwrap_or(u32::MAX).clamp(known.page.min(16), known.page);
        let request = ScrollPoints {
            collection_name: known.collection.clone(),
            filter: Some(filter),
            limit: Some(limit),
            with_payload: Some(reads.payload()),
            with_vectors: Some(reads.vectors(known.vector)),
            order_by: Some(OrderBy {
                key: RANKED.get(place.key()).copied().unwrap_or_default().to_owned(),
                direction: Some(Direction::Asc.into()),
                start_from: Some(StartFrom { value: Some(start_from::Value::Integer(place.from)) }),
            }),
            ..ScrollPoints::default()
        };
        let (points, _) = self.scroll_points(request).await?;
        let full = points.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        Ok((self.read_all(known, points, reads)?, full))
    }
}

/// That the first ranks are these.
fn held(above: &[i64]) -> Tri {
    and(above.iter().enumerate().map(|(key, rank)| is(ranked(key, (*rank, *rank)))).collect())
}

/// That the rank of a key is one of these.
#[expect(clippy::cast_precision_loss, reason = "ranks are below 2^53")]
fn ranked(key: usize, (least, most): (i64, i64)) -> Condition {
    let range = Range { gte: Some(least as f64), lte: Some(most as f64), ..Range::default() };
    let key = RANKED.get(key).copied().unwrap_or_default().to_owned();
    let field = FieldCondition { key, range: Some(range), ..FieldCondition::default() };
    Condition { condition_one_of: Some(ConditionOneOf::Field(field)) }
}
