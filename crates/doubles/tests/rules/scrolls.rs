//! Pages of points, counts and facets.

use qdrant_client::Payload;
use qdrant_client::qdrant::PointStruct;
use qdrant_client::qdrant::facet_value::Variant;
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, DeletePointsBuilder, Direction, FacetCountsBuilder, FieldType, Filter, OrderByBuilder,
    PointId, ScrollPointsBuilder, StartFrom, start_from,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, code, number};

#[tokio::test]
async fn a_scroll_goes_by_id_and_names_the_next() {
    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";
    let target = Target::new().await;
    target.fill((0..25).map(|n| json!({ "n": n }))).await;
    let (mut pages, mut offset) = (Vec::new(), None);
    loop {
        let mut scroll = ScrollPointsBuilder::new(&target.name).limit(10);
        if let Some(offset) = offset {
            scroll = scroll.offset::<qdrant_client::qdrant::PointId>(offset);
        }
        let page = target.client.scroll(scroll).await.unwrap();
        pages.push(page.result.into_iter().map(|point| number(point.id)).collect::<Vec<_>>());
        offset = page.next_page_offset;
        if offset.is_none() {
            break;
        }
    }
    assert_eq!(pages, [(1..=10).collect::<Vec<_>>(), (11..=20).collect(), (21..=25).collect()]);
    // A full page with nothing behind it names no next one.
    let all = target.client.scroll(ScrollPointsBuilder::new(&target.name).limit(25)).await.unwrap();
    assert_eq!((all.result.len(), all.next_page_offset), (25, None));
    let default = target.client.scroll(ScrollPointsBuilder::new(&target.name)).await.unwrap();
    assert_eq!(default.result.len(), 10);
    assert!(default.result.iter().all(|point| !point.payload.is_empty() && point.vectors.is_none()), "payload by default");
    target.upsert(vec![PointStruct::new(UUID, vec![1.0, 1.0], Payload::new())]).await.unwrap();
    let last = target.client.scroll(ScrollPointsBuilder::new(&target.name).offset(25).limit(5)).await.unwrap().result;
    assert_eq!(last[1].id, Some(UUID.into()), "UUIDs come behind numbers");
    assert_eq!(code(target.client.scroll(ScrollPointsBuilder::new(&target.name).limit(0)).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn a_scroll_by_a_key_needs_an_index_of_ranges() {
    let target = Target::new().await;
    target.fill([json!({ "n": 3 }), json!({ "n": [1, 4] }), json!({ "n": "x" }), json!({}), json!({ "n": 2 })]).await;
    let scroll = |order: OrderByBuilder| target.client.scroll(ScrollPointsBuilder::new(&target.name).order_by(order));
    let ids = async |order| scroll(order).await.unwrap().result.into_iter().map(|point| number(point.id)).collect::<Vec<_>>();
    assert_eq!(code(scroll(OrderByBuilder::new("n")).await), Code::InvalidArgument);
    target.index("n", FieldType::Integer).await;
    assert_eq!(ids(OrderByBuilder::new("n")).await, [2, 5, 1, 2], "once for each value, and not without one");
    assert_eq!(ids(OrderByBuilder::new("n").direction(Direction::Desc.into())).await, [2, 1, 5, 2]);
    let from = StartFrom { value: Some(start_from::Value::Integer(2)) };
    assert_eq!(ids(OrderByBuilder::new("n").start_from(from.value.unwrap())).await, [5, 1, 2]);
    let page = target.client.scroll(ScrollPointsBuilder::new(&target.name).order_by(OrderByBuilder::new("n")).limit(1)).await;
    assert_eq!(page.unwrap().next_page_offset, None);
    let offset = ScrollPointsBuilder::new(&target.name).order_by(OrderByBuilder::new("n")).offset(1);
    assert_eq!(code(target.client.scroll(offset).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn a_count_is_exact() {
    let target = Target::new().await;
    target.fill((0..30).map(|n| json!({ "even": n % 2 == 0 }))).await;
    let count = |request: CountPointsBuilder| async { target.client.count(request).await.unwrap().result.unwrap().count };
    assert_eq!(count(CountPointsBuilder::new(&target.name)).await, 30);
    let even = Filter::must([Condition::matches("even", true)]);
    assert_eq!(count(CountPointsBuilder::new(&target.name).filter(even).exact(true)).await, 15);
    target.finish().await;
}

#[tokio::test]
async fn a_facet_counts_the_values_of_an_indexed_key() {
    let target = Target::new().await;
    target
        .fill([
            json!({ "t": "b", "n": 1 }),
            json!({ "t": ["a", "b", "a"], "n": 2 }),
            json!({ "t": "c", "n": 1 }),
            json!({ "t": 7 }),
            json!({}),
        ])
        .await;
    let facet = |request: FacetCountsBuilder| target.client.facet(request);
    assert_eq!(code(facet(FacetCountsBuilder::new(&target.name, "t")).await), Code::InvalidArgument, "it needs an index");
    target.index("t", FieldType::Keyword).await;
    target.index("n", FieldType::Float).await;
    let hits = async |request: FacetCountsBuilder| {
        let hits = facet(request.exact(true)).await.unwrap().hits;
        let value = |variant| match variant {
            Variant::StringValue(text) => text,
            other => panic!("{other:?}"),
        };
        hits.into_iter().map(|hit| (value(hit.value.unwrap().variant.unwrap()), hit.count)).collect::<Vec<_>>()
    };
    let named = |name: &str, count| (name.to_owned(), count);
    let all = hits(FacetCountsBuilder::new(&target.name, "t")).await;
    assert_eq!(all, [named("b", 2), named("a", 1), named("c", 1)], "by count, then by value; a point counts once for a value");
    assert_eq!(hits(FacetCountsBuilder::new(&target.name, "t").limit(1)).await, [named("b", 2)]);
    let filter = Filter::must([Condition::has_id([3, 4])]);
    assert_eq!(hits(FacetCountsBuilder::new(&target.name, "t").filter(filter)).await, [named("c", 1)]);
    let delete = DeletePointsBuilder::new(&target.name).points(vec![3_u64.into()] as Vec<PointId>).wait(true);
    target.client.delete_points(delete).await.unwrap();
    let (none, some): (Vec<_>, Vec<_>) =
        hits(FacetCountsBuilder::new(&target.name, "t")).await.into_iter().partition(|(_, count)| *count == 0);
    assert_eq!(some, [named("b", 2), named("a", 1)]);
    assert!(none.is_empty() || none == [named("c", 0)], "a value may outlive its points, with a count of 0: {none:?}");
    let float = FacetCountsBuilder::new(&target.name, "n");
    assert_eq!(code(facet(float).await), Code::InvalidArgument, "an index of ranges alone is none");
    target.finish().await;
}
