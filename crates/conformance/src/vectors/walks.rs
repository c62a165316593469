//! Walking over all points, page by page.

use super::fixture::{index, made, point, point_ids, put, remove, spec};
use crate::{
    failure::{Failure, Outcome, ensure, ensure_eq, not_claimed, refused},
    random::Random,
};
use mastra_core::{
    Cursor, ErrorKind, Filter,
    vector::{Include, NewPoint, Scope, ScrollQuery, VectorStore},
};
use serde_json::json;

/// The ids of a whole walk, and how long its pages were.
pub(crate) async fn walked(store: &dyn VectorStore, scope: &Scope, query: &ScrollQuery) -> Outcome<(Vec<String>, Vec<usize>)> {
    let (mut ids, mut lengths, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.scroll(scope, &query.clone().cursor(cursor)).await?;
        ensure!(page.items.len() <= query.limit, "a page of {} where {} fit", page.items.len(), query.limit);
        ids.extend(point_ids(&page.items));
        lengths.push(page.items.len());
        ensure!(lengths.len() <= 10_000, "the walk does not end");
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok((ids, lengths));
        }
    }
}

/// Pages of any length give every point once, in order of ids by code point; the last page says that it is the last.
pub async fn pages_cover_everything_once(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    if !store.capabilities().search.scroll {
        return not_claimed("search.scroll");
    }
    ensure_eq!(walked(store, &scope, &ScrollQuery::new()).await?.0.len(), 0, "points of an empty index");
    let mut expected: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    expected.extend(["A", "a", "é", "🦀", "\u{fffd}", "ab", "a b", "Z", "_", "~", "1", "10", "9"].map(str::to_owned));
    expected.sort();
    let mut shuffled = expected.clone();
    Random::new(5).shuffle(&mut shuffled);
    let points: Vec<NewPoint> = shuffled.iter().map(|id| point(id, [1.0, 0.0], json!({ "id": id })).text(id)).collect();
    put(store, &scope, &points).await?;
    for limit in [1, 7, expected.len() - 1, expected.len(), expected.len() + 1, 1_000] {
        let (ids, lengths) = walked(store, &scope, &ScrollQuery::new().limit(limit)).await?;
        ensure_eq!(ids, expected, "the walk in pages of {limit}");
        ensure_eq!(lengths.len(), expected.len().div_ceil(limit), "pages of {limit}");
    }
    let page = store.scroll(&scope, &ScrollQuery::new().limit(1).include(Include::ALL)).await?;
    let Some(first) = page.items.first() else { return Err(Failure::new("the walk finds nothing")) };
    ensure!(first.vector.is_some() && first.text.as_deref() == Some(&*first.id), "the parts of a point: {first:?}");
    let bare = store.scroll(&scope, &ScrollQuery::new().limit(1).include(Include::ID)).await?;
    ensure!(bare.items.iter().all(|point| point.metadata.is_none() && point.vector.is_none()), "parts that were not asked for");
    Ok(())
}

/// Ids that share their beginning, of any length and cut anywhere in a character, are walked over in their order, each once.
pub async fn ids_that_begin_alike_stay_in_order(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    if !store.capabilities().search.scroll {
        return not_claimed("search.scroll");
    }
    const ENDS: [&str; 9] = ["", "0", "1", "~", "é0", "ê", "日本1", "日本語0", "🦀\u{10ffff}"];
    let mut expected: Vec<String> = Vec::new();
    for length in [0, 7, 8, 16, 24, 31, 40] {
        for begin in ["x".repeat(length), "xé".chars().chain("日".repeat(length).chars()).take(length).collect()] {
            for first in ENDS {
                expected.extend(ENDS.iter().map(|second| format!("{begin}{first}{second}")).filter(|id| !id.is_empty()));
            }
        }
    }
    expected.sort();
    expected.dedup();
    let mut shuffled = expected.clone();
    Random::new(8).shuffle(&mut shuffled);
    let even = |id: &str| id.chars().count().is_multiple_of(2);
    put(store, &scope, &shuffled.iter().map(|id| point(id, [1.0, 0.0], json!({ "even": even(id) }))).collect::<Vec<_>>()).await?;
    for limit in [29, 400, expected.len()] {
        let (ids, lengths) = walked(store, &scope, &ScrollQuery::new().limit(limit)).await?;
        ensure!(ids == expected, "the walk in pages of {limit} meets {} of {}, or out of order", ids.len(), expected.len());
        ensure_eq!(lengths.len(), expected.len().div_ceil(limit), "pages of {limit}");
    }
    expected.retain(|id| even(id));
    let (ids, _) = walked(store, &scope, &ScrollQuery::new().filter(Filter::eq("even", true)?).limit(50)).await?;
    ensure!(ids == expected, "the walk with a filter meets {} of {}, or out of order", ids.len(), expected.len());
    Ok(())
}

/// A walk with a filter meets what matches, in full pages.
pub async fn a_walk_is_narrowed_by_a_filter(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    if !store.capabilities().search.scroll {
        return not_claimed("search.scroll");
    }
    let points: Vec<NewPoint> =
        (0..200).map(|n| point(format!("p{n:03}"), [1.0, 0.0], json!({ "n": n, "s": format!("É{}", n % 10) }))).collect();
    put(store, &scope, &points).await?;
    for (filter, matches) in [
        (json!({ "n": { "$gte": 150 } }), Box::new(|n: usize| n >= 150) as Box<dyn Fn(usize) -> bool>),
        // No store's own index serves these.
        (json!({ "s": { "$contains": "é3" } }), Box::new(|n| n % 10 == 3)),
        (json!({ "s": { "$regex": "[12]$" } }), Box::new(|n| matches!(n % 10, 1 | 2))),
        (json!({ "n": { "$nin": [0, 199] } }), Box::new(|n| n != 0 && n != 199)),
        (json!({ "n": -1 }), Box::new(|_| false)),
    ] {
        let expected: Vec<String> = (0..200).filter(|n| matches(*n)).map(|n| format!("p{n:03}")).collect();
        for limit in [3, 20, 500] {
            let query = ScrollQuery::new().filter(Filter::from_json(&filter)?).limit(limit);
            let (ids, lengths) = walked(store, &scope, &query).await?;
            ensure_eq!(ids, expected, "the walk with {filter} in pages of {limit}");
            ensure_eq!(lengths.len(), expected.len().div_ceil(limit).max(1), "pages of {limit} with {filter}");
        }
    }
    Ok(())
}

/// Points that stay are met once, whatever is written and deleted around them in the meantime.
pub async fn writes_do_not_disturb_a_walk(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    if !store.capabilities().search.scroll {
        return not_claimed("search.scroll");
    }
    let staying: Vec<String> = (0..100).map(|n| format!("m{n:03}")).collect();
    let point = |id: &str| NewPoint::new(id, [1.0, 0.0]).metadata(json!({ "id": id }));
    put(store, &scope, &staying.iter().map(|id| point(id)).collect::<Vec<_>>()).await?;
    let (mut met, mut cursor, mut number) = (Vec::new(), None::<Cursor>, 0);
    loop {
        let page = store.scroll(&scope, &ScrollQuery::new().limit(9).cursor(cursor)).await?;
        let last = page.items.last().map(|point| point.id.clone()).unwrap_or_default();
        met.extend(point_ids(&page.items));
        // Before what was met, between, and behind; and the very point that the cursor stands on goes, and comes back.
        let around = [format!("a{number}"), format!("{last}x"), format!("m{:03}y", 3 * number + 40), format!("z{number}")];
        put(store, &scope, &around.iter().map(|id| point(id)).collect::<Vec<_>>()).await?;
        if !last.is_empty() {
            remove(store, &scope, &[&last]).await?;
        }
        put(store, &scope, &staying.iter().take(number).map(|id| point(id)).collect::<Vec<_>>()).await?;
        number += 1;
        cursor = page.next_cursor;
        if cursor.is_none() || number > 200 {
            break;
        }
        if number % 2 == 0 && staying.contains(&last) {
            put(store, &scope, &[point(&last)]).await?;
        }
    }
    let times = |id: &String| met.iter().filter(|other| *other == id).count();
    let wrong: Vec<(&String, usize)> = staying.iter().map(|id| (id, times(id))).filter(|(_, times)| *times != 1).collect();
    ensure!(wrong.is_empty(), "points that were not met once: {wrong:?}");
    ensure!(met.windows(2).all(|pair| pair.first() < pair.last()), "the walk is out of order: {met:?}");
    Ok(())
}

/// A cursor goes on with the walk that it belongs to, and with no other.
pub async fn cursors_belong_to_their_walk(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    if !can.search.scroll {
        return not_claimed("search.scroll");
    }
    let scope = index(store, "docs", 2).await?;
    let other = made(store, &spec(store, "other", 2)).await?;
    let points: Vec<NewPoint> = (0..10).map(|n| point(format!("p{n}"), [1.0, 0.0], json!({ "n": n }))).collect();
    put(store, &scope, &points).await?;
    put(store, &other, &points).await?;
    let query = || ScrollQuery::new().limit(3);
    let page = store.scroll(&scope, &query()).await?;
    let cursor = page.next_cursor.clone();
    ensure!(cursor.is_some(), "a page that goes on has no cursor");
    let resumed = store.scroll(&scope, &ScrollQuery::new().limit(50).cursor(cursor.clone())).await?;
    ensure_eq!(point_ids(&resumed.items).first().map(String::as_str), Some("p3"), "where another page length goes on");
    let wrong = ErrorKind::InvalidInput;
    let with = |cursor: Option<Cursor>| query().cursor(cursor);
    refused(store.scroll(&other, &with(cursor.clone())).await, wrong)?;
    refused(store.scroll(&scope, &with(cursor.clone()).filter(Filter::gte("n", 0)?)).await, wrong)?;
    if can.admin.namespaces {
        let tenant = scope.clone().in_namespace("tenant");
        put(store, &tenant, &points).await?;
        refused(store.scroll(&tenant, &with(cursor.clone())).await, wrong)?;
    }
    for bad in ["", "x", "AAAA", "eyJxIjoiIiwicCI6IiJ9", "' OR 1=1"] {
        refused(store.scroll(&scope, &with(Some(Cursor::from(bad.to_owned())))).await, wrong)?;
    }
    refused(store.scroll(&scope, &ScrollQuery::new().limit(0)).await, wrong)?;
    refused(store.scroll(&Scope::index("absent"), &query()).await, ErrorKind::NotFound)?;
    Ok(())
}
