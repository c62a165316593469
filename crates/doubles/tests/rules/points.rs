//! Points are put, read, counted, and deleted.

use qdrant_client::Payload;
use qdrant_client::qdrant::points_update_operation::{DeletePoints as DeleteOfBatch, Operation, PointStructList, SetPayload};
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, DeletePoints, Filter, GetPointsBuilder, PointId, PointStruct, PointsIdsList, PointsSelector,
    PointsUpdateOperation, UpdateBatchPointsBuilder, UpdateMode, UpdateStatus, UpsertPointsBuilder,
    points_selector::PointsSelectorOneOf,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, code, number, point};

impl Target {
    async fn count(&self, filter: Filter) -> u64 {
        let count = CountPointsBuilder::new(&self.name).filter(filter).exact(true);
        self.client.count(count).await.unwrap().result.unwrap().count
    }
}

#[tokio::test]
async fn an_upsert_replaces_the_whole_point() {
    let target = Target::new().await;
    target.fill([json!({ "a": 1 }), json!({ "a": 2 })]).await;
    target.upsert(vec![point(1, vec![5.0, 5.0], json!({ "b": 1 }))]).await.unwrap();
    assert_eq!(target.payload(1).await, json!({ "b": 1 }), "nothing of the old payload stays");
    target.upsert(vec![point(2, vec![1.0, 1.0], json!({}))]).await.unwrap();
    assert_eq!(target.payload(2).await, json!({}));
    target.upsert(vec![point(3, vec![1.0, 1.0], json!({ "n": 1 })), point(3, vec![1.0, 1.0], json!({ "n": 2 }))]).await.unwrap();
    assert_eq!(target.payload(3).await, json!({ "n": 2 }), "of an id that stands twice the last counts");
    assert_eq!(target.count(Filter::default()).await, 3);
    target.finish().await;
}

#[tokio::test]
async fn an_upsert_can_ask_for_a_condition_and_a_mode() {
    let target = Target::new().await;
    target.fill([json!({ "v": 1 }), json!({ "v": 2 })]).await;
    let points = || (1..=3).map(|id| point(id, vec![1.0, 1.0], json!({ "new": true }))).collect::<Vec<_>>();
    let put = |request: UpsertPointsBuilder| target.client.upsert_points(request.wait(true));
    put(UpsertPointsBuilder::new(&target.name, points())
        .update_mode(UpdateMode::UpdateOnly)
        .update_filter(Filter::must([Condition::matches("v", 2)])))
    .await
    .unwrap();
    assert_eq!((target.payload(1).await, target.payload(2).await), (json!({ "v": 1 }), json!({ "new": true })));
    assert_eq!(target.count(Filter::default()).await, 2);
    put(UpsertPointsBuilder::new(&target.name, points()).update_mode(UpdateMode::InsertOnly)).await.unwrap();
    assert_eq!((target.payload(1).await, target.payload(3).await), (json!({ "v": 1 }), json!({ "new": true })));
    put(UpsertPointsBuilder::new(&target.name, points()).update_filter(Filter::must([Condition::matches("v", 9)])))
        .await
        .unwrap();
    assert_eq!(target.payload(1).await, json!({ "v": 1 }), "the condition is asked of points that are there");
    target.finish().await;
}

#[tokio::test]
async fn ids_are_numbers_or_uuids() {
    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";
    let target = Target::new().await;
    let named = |id: &str| PointStruct::new(id.to_owned(), vec![1.0, 1.0], Payload::new());
    target.upsert(vec![named(&UUID.to_uppercase()), point(u64::MAX, vec![1.0, 1.0], json!({}))]).await.unwrap();
    let get = |ids: Vec<PointId>| target.client.get_points(GetPointsBuilder::new(&target.name, ids));
    let found = get(vec![UUID.replace('-', "").into(), u64::MAX.into()]).await.unwrap().result;
    assert_eq!(found[0].id, Some(PointId::from(UUID)), "given back hyphenated, in lower case");
    assert_eq!(number(found[1].id.clone()), u64::MAX);
    assert_eq!(code(target.upsert(vec![named("not-a-uuid")]).await), Code::InvalidArgument);
    assert_eq!(code(get(vec!["not-a-uuid".into()]).await), Code::InvalidArgument);
    assert_eq!(code(get(vec![PointId { point_id_options: None }]).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn get_answers_in_the_order_of_the_ids_without_those_that_are_missing() {
    let target = Target::new().await;
    target.fill([json!({ "a": 1 }), json!({}), json!({})]).await;
    let get = |ids: &[u64]| {
        let ids: Vec<PointId> = ids.iter().map(|id| (*id).into()).collect();
        target.client.get_points(GetPointsBuilder::new(&target.name, ids))
    };
    let found = get(&[3, 9, 1, 3]).await.unwrap().result;
    assert!(found.iter().all(|point| point.payload.is_empty() && point.vectors.is_none()), "neither unless asked for");
    assert_eq!(found.into_iter().map(|point| number(point.id)).collect::<Vec<_>>(), [3, 1]);
    assert!(get(&[]).await.unwrap().result.is_empty(), "nothing asked for is nothing found");
    target.finish().await;
}

#[tokio::test]
async fn deletes_take_ids_or_a_filter_and_an_empty_filter_takes_all() {
    let target = Target::new().await;
    target.fill((0..6).map(|n| json!({ "n": n % 3 }))).await;
    let delete = |selector: PointsSelectorOneOf| {
        let selector = PointsSelector { points_selector_one_of: Some(selector) };
        let delete = DeletePoints {
            collection_name: target.name.clone(),
            wait: Some(true),
            points: Some(selector),
            ..DeletePoints::default()
        };
        target.client.delete_points(delete)
    };
    let ids = |ids: &[u64]| PointsSelectorOneOf::Points(PointsIdsList { ids: ids.iter().map(|id| (*id).into()).collect() });
    let answer = delete(ids(&[1, 99])).await.unwrap().result.unwrap();
    assert_eq!(answer.status(), UpdateStatus::Completed, "a missing id is no error");
    assert_eq!(target.count(Filter::default()).await, 5);
    delete(PointsSelectorOneOf::Filter(Filter::must([Condition::matches("n", 1)]))).await.unwrap();
    assert_eq!(target.count(Filter::default()).await, 3);
    assert_eq!(code(delete(ids(&[])).await), Code::InvalidArgument);
    delete(PointsSelectorOneOf::Filter(Filter::default())).await.unwrap();
    assert_eq!(target.count(Filter::default()).await, 0, "an empty filter holds for every point");
    target.finish().await;
}

#[tokio::test]
async fn who_does_not_wait_hears_that_it_was_taken() {
    let target = Target::new().await;
    let put = UpsertPointsBuilder::new(&target.name, vec![point(1, vec![1.0, 1.0], json!({}))]).wait(false);
    let answer = target.client.upsert_points(put).await.unwrap().result.unwrap();
    assert_eq!(answer.status(), UpdateStatus::Acknowledged);
    let wrong = UpsertPointsBuilder::new(&target.name, vec![point(1, vec![1.0; 3], json!({}))]).wait(false);
    assert_eq!(code(target.client.upsert_points(wrong).await), Code::InvalidArgument, "a wrong dimension is told at once");
    target.finish().await;
}

#[tokio::test]
async fn a_batch_of_updates_runs_in_order_and_stops_at_an_error() {
    let target = Target::new().await;
    let operation = |operation| PointsUpdateOperation { operation: Some(operation) };
    let upsert = |id| {
        let points = vec![point(id, vec![1.0, 1.0], json!({ "id": id }))];
        operation(Operation::Upsert(PointStructList { points, ..PointStructList::default() }))
    };
    let ids = |ids: &[u64]| PointsSelector {
        points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList {
            ids: ids.iter().map(|id| (*id).into()).collect(),
        })),
    };
    let set = |id| {
        let payload = Payload::try_from(json!({ "set": true })).unwrap().into();
        operation(Operation::SetPayload(SetPayload { payload, points_selector: Some(ids(&[id])), ..SetPayload::default() }))
    };
    let delete = |id| operation(Operation::DeletePoints(DeleteOfBatch { points: Some(ids(&[id])), ..DeleteOfBatch::default() }));
    let run = |operations| target.client.update_points_batch(UpdateBatchPointsBuilder::new(&target.name, operations).wait(true));
    let answers = run(vec![upsert(1), upsert(2), set(2), delete(1)]).await.unwrap().result;
    assert_eq!(answers.len(), 4);
    assert_eq!(target.payload(2).await, json!({ "id": 2, "set": true }));
    assert_eq!(code(run(vec![upsert(3), set(99), upsert(4)]).await), Code::NotFound);
    assert_eq!(target.ids(Filter::default()).await.unwrap(), [2, 3], "what stood before the error was applied");
    assert_eq!(code(run(vec![]).await), Code::InvalidArgument);
    target.finish().await;
}
