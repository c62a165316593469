//! Walks over ids that begin alike, in collections of this layout and of the first, and swaps that meet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use mastra_core::{
    Filter,
    vector::{
        CheckedVectors, Include, IndexSpec, NewPoint, PointUpsertOptions, Scope, ScrollQuery, VectorOperations as _,
        VectorStore as _,
    },
};
use mastra_doubles::Qdrant;
use mastra_qdrant::QdrantVectors;
use qdrant_client::{
    Payload,
    qdrant::{Condition, DeletePayloadPointsBuilder, Filter as Wire, SetPayloadPointsBuilder, UpdateCollectionBuilder},
};
use serde_json::json;
use std::{collections::HashMap, sync::Arc};

async fn fresh() -> (Qdrant, CheckedVectors<QdrantVectors>, Scope) {
    let double = Qdrant::start().await.unwrap();
    let store = QdrantVectors::builder(&double.url()).unwrap().connect().await.unwrap();
    store.create_index(&IndexSpec::new("docs", 1)).await.unwrap();
    (double, store, Scope::from("docs"))
}

fn points(ids: &[String]) -> Vec<NewPoint> {
    ids.iter().map(|id| NewPoint::new(id, [1.0])).collect()
}

async fn walked(store: &CheckedVectors<QdrantVectors>, scope: &Scope, limit: usize) -> Vec<String> {
    let (mut met, mut query) = (Vec::new(), ScrollQuery::new().limit(limit).include(Include::ID));
    loop {
        let page = store.scroll(scope, &query).await.unwrap();
        met.extend(page.items.into_iter().map(|point| point.id));
        match page.next_cursor {
            Some(cursor) => query = query.cursor(Some(cursor)),
            None => return met,
        }
    }
}

/// Each page is a few requests, however many ids share their first 8, 16 or 24 characters.
#[tokio::test]
async fn a_page_is_a_few_requests_however_alike_ids_begin() {
    const POINTS: u64 = 4_000;
    for begin in ["", "document-", "https://example.com/", "https://example.com/docs/"] {
        let (double, store, scope) = fresh().await;
        let ids: Vec<String> = (0..POINTS).map(|n| format!("{begin}{n:06}")).collect();
        store.upsert(&scope, &points(&ids), &Default::default()).await.unwrap();
        let before = double.faults().calls("Scroll");
        assert_eq!(walked(&store, &scope, 100).await, ids);
        let requests = double.faults().calls("Scroll") - before;
        assert!(requests <= POINTS / 100 * 4, "{requests} requests for {} pages of {begin}…", POINTS / 100);
    }
}

/// A collection whose points have one rank each, as they were made before: walked over in order, and so are points written since.
#[tokio::test]
async fn collections_of_the_first_layout_are_walked_over_in_order() {
    let (double, store, scope) = fresh().await;
    let ends = ["", "0", "z", "é1", "ê0", "日本", "日本x", "\u{1}b", "\u{2}a"];
    let mut ids: Vec<String> = ["a", "document", "é", "document-000000000000000000000000"]
        .iter()
        .flat_map(|begin| ends.iter().map(move |end| format!("{begin}{end}")))
        .chain((0..40).map(|n| format!("document-{n:03}")))
        .collect();
    ids.sort();
    ids.dedup();
    store.upsert(&scope, &points(&ids), &Default::default()).await.unwrap();
    let client = qdrant_client::Qdrant::from_url(&double.url()).skip_compatibility_check().build().unwrap();
    let layout = HashMap::from([("mastra_ranks".to_owned(), 1.into())]);
    client.update_collection(UpdateCollectionBuilder::new("docs").metadata(layout)).await.unwrap();
    let keys = ["_rank2", "_rank3", "_rank4"].map(str::to_owned).to_vec();
    client
        .delete_payload(DeletePayloadPointsBuilder::new("docs", keys).points_selector(Wire::default()).wait(true))
        .await
        .unwrap();
    for id in &ids {
        let own = Wire::must([Condition::matches("_id", id.clone())]);
        let payload = Payload::try_from(json!({ "_rank": rank_of_the_first_layout(id) })).unwrap();
        client.set_payload(SetPayloadPointsBuilder::new("docs", payload).points_selector(own).wait(true)).await.unwrap();
    }
    let store = QdrantVectors::builder(&double.url()).unwrap().connect().await.unwrap();
    for limit in [1, 7, 1_000] {
        assert_eq!(walked(&store, &scope, limit).await, ids, "pages of {limit}");
    }
    let later: Vec<String> = ids.iter().map(|id| format!("{id}9")).collect();
    store.upsert(&scope, &points(&later), &Default::default()).await.unwrap();
    ids.extend(later);
    ids.sort();
    ids.dedup();
    for limit in [1, 7, 1_000] {
        assert_eq!(walked(&store, &scope, limit).await, ids, "pages of {limit}, of old points and new");
    }
}

fn rank_of_the_first_layout(id: &str) -> i64 {
    let mut bytes = id.bytes();
    (0..8).fold(0, |rank, _| {
        let class = match bytes.next() {
            None => 0,
            Some(0..=0x1f) => 1,
            Some(printable @ 0x20..=0x7e) => i64::from(printable) - 0x20 + 2,
            Some(_) => 97,
        };
        rank * 98 + class
    })
}

/// Of swaps of one document at once, by two stores of one process, one is left; those of others are not touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn swaps_of_one_document_take_turns() {
    let (double, store, scope) = fresh().await;
    let other = QdrantVectors::builder(&double.url()).unwrap().connect().await.unwrap();
    let stores = [Arc::new(store), Arc::new(other)];
    for round in 0..5 {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (store, scope, document) = (Arc::clone(&stores[writer % 2]), scope.clone(), writer / 4);
                tokio::spawn(async move {
                    let piece = |n: usize| {
                        NewPoint::new(format!("{document}-{round}-{writer}-{n}"), [1.0]).metadata(json!({ "doc": document }))
                    };
                    let swap = PointUpsertOptions::new().replace_where(Filter::eq("doc", document).unwrap());
                    store.upsert(&scope, &[piece(0), piece(1), piece(2)], &swap).await.unwrap();
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let left = walked(&stores[0], &scope, 100).await;
        assert_eq!(left.len(), 6, "one generation of each document: {left:?}");
        for pieces in left.chunks(3) {
            let generation = |id: &str| id.rsplit_once('-').map(|(generation, _)| generation.to_owned());
            assert!(pieces.iter().all(|id| generation(id) == generation(&pieces[0])), "pieces of several: {left:?}");
        }
    }
}
