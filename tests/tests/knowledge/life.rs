//! What becomes of the points of a record, step by step.

use crate::counting::{Counting, POISON};
use crate::rig::{Rig, body, on_every_pairing};
use mastra_core::vector::{NewPoint, PointSelector, VectorOperations as _};
use mastra_rag::document::Format;
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, VerifyOptions};
use serde_json::json;
use std::sync::Arc;

on_every_pairing! {
    a_record_and_its_points_live_together,
    an_unchanged_run_embeds_nothing,
    what_cannot_be_embedded_is_set_aside,
    what_is_not_of_the_format_is_set_aside,
    an_outage_loses_nothing,
    a_check_finds_and_mends,
    a_deleted_entity_takes_its_points_along,
}

async fn a_record_and_its_points_live_together(rig: &Rig) {
    let options = IndexOptions::default();
    rig.put("a", &body(&["apples", "pears", "plums"])).await;
    let base = rig.open().await;
    rig.put("b", &body(&["birds"])).await;
    rig.put("empty", "").await;
    let report = base.index(&options).await.unwrap();
    assert_eq!((report.records, report.deleted, report.failed, report.waiting), (3, 0, 0, 0), "{report:?}");
    assert_eq!(report.embedded, rig.embedder.texts());
    rig.is_true(&base).await;
    let before = rig.texts(&base, "a").await;
    assert!(before.len() >= 3 && before.iter().any(|text| text.contains("plums")), "{before:?}");

    // Only what changed is embedded.
    let spent = rig.embedder.texts();
    rig.put("a", &body(&["apples", "peaches", "plums"])).await;
    let report = base.index(&options).await.unwrap();
    assert!(report.embedded >= 1 && report.embedded < report.chunks, "{report:?}");
    assert_eq!(rig.embedder.texts() - spent, report.embedded);
    let after = rig.texts(&base, "a").await;
    assert!(after.iter().all(|text| !text.contains("pears")) && after.iter().any(|text| text.contains("peaches")), "{after:?}");
    rig.is_true(&base).await;

    // A document that shrinks leaves no ghosts, one that is emptied none at all.
    rig.put("a", &body(&["apples"])).await;
    base.index(&options).await.unwrap();
    assert!(rig.texts(&base, "a").await.len() < after.len());
    rig.put("b", " ").await;
    base.index(&options).await.unwrap();
    assert_eq!(rig.texts(&base, "b").await, [String::from("About b")]);
    rig.is_true(&base).await;

    // Deleted, and back with other words.
    rig.delete("a").await;
    let report = base.index(&options).await.unwrap();
    assert_eq!((report.deleted, report.embedded), (1, 0), "{report:?}");
    assert_eq!(rig.texts(&base, "a").await, Vec::<String>::new());
    rig.put("a", &body(&["apricots"])).await;
    base.index(&options).await.unwrap();
    assert!(rig.texts(&base, "a").await.iter().any(|text| text.contains("apricots")));
    rig.is_true(&base).await;
}

async fn an_unchanged_run_embeds_nothing(rig: &Rig) {
    let base = rig.open().await;
    for n in 0..40 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}"), "shared"])).await;
    }
    base.index(&IndexOptions { batch: 7, ..IndexOptions::default() }).await.unwrap();
    let spent = rig.embedder.texts();
    for n in 0..40 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}"), "shared"])).await;
    }
    let report = rig.open().await.index(&IndexOptions::default()).await.unwrap();
    assert_eq!((report.records, report.embedded, rig.embedder.texts()), (0, 0, spent), "{report:?}");
    rig.is_true(&base).await;
}

async fn what_cannot_be_embedded_is_set_aside(rig: &Rig) {
    let base = rig.open().await;
    for n in 0..5 {
        rig.put(&format!("good{n}"), &body(&[&format!("word{n}")])).await;
    }
    rig.put("bad", &format!("This is {POISON}, and nobody takes it.")).await;
    let report = base.index(&IndexOptions::default()).await.unwrap();
    assert_eq!((report.records, report.set_aside, report.waiting), (5, 1, 0), "{report:?}");
    let aside = base.set_aside(10).await.unwrap();
    assert_eq!((aside.len(), aside[0].external_id.as_str()), (1, "bad"));
    assert!(!aside[0].error.contains(POISON), "an error holds no text: {aside:?}");
    rig.put("bad", "This is harmless now.").await;
    base.index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&base).await;
}

async fn what_is_not_of_the_format_is_set_aside(rig: &Rig) {
    rig.put("good", r#"{ "a": "words" }"#).await;
    rig.put("bad", "no JSON").await;
    let described =
        || KnowledgeBase::builder("json").entity(rig.entity.clone()).field("body".parse().unwrap()).format(Format::Json);
    let open = || described().embedder(rig.embedder.clone()).open(Arc::clone(&rig.engine), Arc::clone(&rig.vectors));
    let base = open().await.unwrap();
    let report = base.index(&IndexOptions::default()).await.unwrap();
    assert_eq!((report.records, report.set_aside), (1, 1), "{report:?}");
    let found = base.verify(&VerifyOptions::default()).await.unwrap();
    assert_eq!((found.records, found.points, found.missing, found.stale), (2, 1, 1, 0), "{found:?}");
    let other = Arc::new(Counting::new("test/two", 32));
    let plan = described().embedder(other).plan_reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.unwrap();
    assert_eq!((plan.records, plan.texts), (2, 1), "{plan:?}");
}

async fn an_outage_loses_nothing(rig: &Rig) {
    let base = rig.open().await;
    for n in 0..3 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}")])).await;
    }
    rig.embedder.fail_next(1);
    let report = base.index(&IndexOptions::default()).await.unwrap();
    assert_eq!((report.records, report.failed, report.waiting), (0, 3, 3), "{report:?}");
    assert!(report.error.unwrap().contains("does not answer"));
    while base.lag().await.unwrap().waiting > 0 {
        base.index(&IndexOptions::default()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    rig.is_true(&base).await;
}

async fn a_check_finds_and_mends(rig: &Rig) {
    let base = rig.open().await;
    for n in 0..12 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}"), "more"])).await;
    }
    base.index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&base).await;
    let scope = base.scope();
    // Points lost, points of nobody, points of another text, and some that are no knowledge base's.
    let gone = rig.engine.get_records_by_external_ids(&rig.entity, &["r3".into(), "r4".into()]).await.unwrap();
    let of = |at: usize| mastra_core::Filter::eq("recordId", gone[at].id.to_string()).unwrap();
    rig.vectors.delete(&scope, &PointSelector::Filter(of(0))).await.unwrap();
    let update = mastra_core::vector::PointUpdate::new().merge(json!({ "hash": "other" }));
    rig.vectors.update(&scope, &PointSelector::Filter(of(1)), &update).await.unwrap();
    let ghost = mastra_core::RecordId::generate();
    let metadata = json!({ "recordId": ghost.to_string(), "externalId": "ghost", "generation": 1, "order": 0, "of": 1, "start": 0, "end": 1, "hash": "x" });
    let points = [
        NewPoint::new(format!("{ghost}:1:0"), vec![1.0; 64]).metadata(metadata).text("boo"),
        NewPoint::new("somebody else's", vec![1.0; 64]),
    ];
    rig.vectors.upsert(&scope, &points, &Default::default()).await.unwrap();

    let found = base.verify(&VerifyOptions::default()).await.unwrap();
    assert_eq!((found.records, found.missing, found.stale, found.ghosts, found.foreign), (12, 1, 1, 1, 1), "{found:?}");
    assert_eq!(found.queued, 0, "nothing is changed unless asked for");
    assert_eq!(base.verify(&VerifyOptions { repair: true }).await.unwrap().queued, 3);
    base.index(&IndexOptions::default()).await.unwrap();
    let found = base.verify(&VerifyOptions::default()).await.unwrap();
    assert!(found.is_clean() && found.foreign == 1, "{found:?}");
}

async fn a_deleted_entity_takes_its_points_along(rig: &Rig) {
    let base = rig.open().await;
    rig.put("a", &body(&["apples"])).await;
    base.index(&IndexOptions::default()).await.unwrap();
    let entity = rig.engine.resolve_entity(&rig.entity).await.unwrap();
    rig.engine.delete_entity_by_id(entity.id).await.unwrap();
    let report = base.index(&IndexOptions::default()).await.unwrap();
    assert_eq!(report.deleted, 1, "{report:?}");
    let found = base.verify(&VerifyOptions::default()).await.unwrap();
    assert_eq!((found.records, found.points), (0, 0), "{found:?}");
}
