//! Another model, chunker or choice of fields.

use crate::counting::Counting;
use crate::rig::{Rig, body, on_every_pairing};
use mastra_core::vector::{VectorOperations as _, VectorStore as _};
use mastra_core::{ErrorKind, NewEntity};
use mastra_rag::chunk::{Chunker, ChunkerConfig};
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, KnowledgeBuilder};
use std::sync::Arc;

on_every_pairing! {
    another_model_is_refused_until_it_is_reindexed,
    reindexing_goes_on_where_it_was,
    what_is_dropped_is_gone,
    an_index_that_was_lost_is_made_and_filled_again,
    another_entity_or_namespace_is_refused,
}

async fn filled(rig: &Rig) -> KnowledgeBase {
    let base = rig.open().await;
    for n in 0..10 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}"), "shared"])).await;
    }
    base.index(&IndexOptions::default()).await.unwrap();
    base
}

async fn another_model_is_refused_until_it_is_reindexed(rig: &Rig) {
    let old = filled(rig).await;
    let other = Arc::new(Counting::new("test/two", 32));
    let (engine, vectors) = (|| Arc::clone(&rig.engine), || Arc::clone(&rig.vectors));
    let described = || rig.describe().embedder(other.clone());
    let refused = described().open(engine(), vectors()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SchemaMismatch, "{refused}");
    assert!(refused.to_string().contains("reindex"), "{refused}");
    let refused = rig
        .describe()
        .chunker(Chunker::new(ChunkerConfig::new().max_size(40).overlap(0)).unwrap())
        .open(engine(), vectors())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SchemaMismatch, "{refused}");

    let plan = described().plan_reindex(engine(), vectors()).await.unwrap();
    assert_eq!((plan.records, plan.resumes, plan.to.number), (10, false, 2), "{plan:?}");
    assert_eq!(other.texts(), 0, "a plan embeds nothing");
    let (new, report) = described().reindex(engine(), vectors(), &IndexOptions::default()).await.unwrap();
    assert_eq!((report.index.records, report.index.chunks), (10, plan.texts), "{report:?}");
    rig.is_true(&new).await;
    assert!(vectors().get_index(&old.version().index).await.unwrap_err().is_not_found(), "the old index goes");
    assert_eq!(rig.engine.changes().unwrap().list_subscriptions().await.unwrap().len(), 1, "and its subscription");

    // What is written now is followed by the new one alone; the old description is the one that is refused.
    rig.put("late", &body(&["late"])).await;
    described().open(engine(), vectors()).await.unwrap().index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&new).await;
    let refused = rig.describe().open(engine(), vectors()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SchemaMismatch, "{refused}");
    let again = described().reindex(engine(), vectors(), &IndexOptions::default()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");
}

async fn reindexing_goes_on_where_it_was(rig: &Rig) {
    filled(rig).await;
    let other = Arc::new(Counting::new("test/two", 32));
    let described = || rig.describe().embedder(other.clone());
    let options = IndexOptions { batch: 3, ..IndexOptions::default() };
    // The model goes away in the middle: what is searched stays as it was.
    other.fail_next(u64::MAX);
    let stopped = described().reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors), &options).await.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Unavailable, "{stopped}");
    rig.is_true(&rig.open().await).await;
    rig.put("r0", &body(&["changed"])).await;
    rig.open().await.index(&options).await.unwrap();
    other.fail_next(0);
    let plan = described().plan_reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.unwrap();
    assert!(plan.resumes, "{plan:?}");
    let mut done = None;
    for _ in 0..200 {
        match described().reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors), &options).await {
            Ok((base, _)) => {
                done = Some(base);
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    rig.is_true(&done.unwrap()).await;
    assert_eq!(rig.vectors.list_indexes().await.unwrap().len(), 1);
}

async fn what_is_dropped_is_gone(rig: &Rig) {
    filled(rig).await.drop_all().await.unwrap();
    assert_eq!(rig.vectors.list_indexes().await.unwrap().len(), 0);
    assert_eq!(rig.engine.changes().unwrap().list_subscriptions().await.unwrap().len(), 0);
    let again = rig.open().await;
    again.index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&again).await;
}

async fn an_index_that_was_lost_is_made_and_filled_again(rig: &Rig) {
    let base = filled(rig).await;
    rig.vectors.delete_index(&base.version().index).await.unwrap();
    let refused = rig.describe().open_existing(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.unwrap_err();
    assert!(refused.is_not_found(), "{refused}");
    let again = rig.open().await;
    let report = again.index(&IndexOptions::default()).await.unwrap();
    assert_eq!(report.records, 10, "{report:?}");
    rig.is_true(&again).await;
}

async fn another_entity_or_namespace_is_refused(rig: &Rig) {
    filled(rig).await;
    let open = async |builder: KnowledgeBuilder| {
        let opened = builder.clone().open(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.map(drop);
        let existing = builder.open_existing(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.map(drop);
        let kinds = (opened.map_err(|error| error.kind()), existing.map_err(|error| error.kind()));
        assert_eq!(kinds.0, kinds.1);
        kinds.0
    };
    assert_eq!(open(rig.describe()).await, Ok(()));
    assert_eq!(open(rig.describe().namespace("tenant")).await, Err(ErrorKind::SchemaMismatch));
    let other = rig.engine.create_entity(&NewEntity::new("Others", "site")).await.unwrap();
    assert_eq!(open(rig.describe().entity(&other)).await, Err(ErrorKind::AlreadyExists));
}
