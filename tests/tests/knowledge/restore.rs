//! What a backup brings back, and what a store spells in its own way.

use crate::rig::{Rig, body, on_every_pairing};
use mastra_core::vector::{NewPoint, VectorOperations as _};
use mastra_core::{Filter, NewRecord, RecordId, UpsertMode, UpsertOptions};
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, Retrieval, VerifyOptions};
use serde_json::{Value, json};

on_every_pairing! {
    points_of_a_forgotten_history_are_removed,
    numbers_are_compared_by_value,
}

async fn filled(rig: &Rig) -> KnowledgeBase {
    let base = rig.open().await;
    for n in 0..3 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}")])).await;
    }
    base.index(&IndexOptions::default()).await.unwrap();
    base
}

/// The engine was restored, the store of vectors was not: it holds points of generations that the engine is yet to give.
async fn points_of_a_forgotten_history_are_removed(rig: &Rig) {
    let base = filled(rig).await;
    let kept = rig.engine.get_records_by_external_ids(&rig.entity, &["r1".into()]).await.unwrap().remove(0);
    let generation = kept.generation + 1_000_000;
    let point = |record: RecordId| {
        let metadata = json!({ "recordId": record.to_string(), "externalId": "r1", "generation": generation, "order": 0, "of": 1, "start": 0, "end": 1, "hash": "x" });
        NewPoint::new(format!("{record}:{generation}:0"), vec![1.0; 64]).metadata(metadata).text("what was written later")
    };
    let points = [point(kept.id), point(RecordId::generate())];
    rig.vectors.upsert(&base.scope(), &points, &Default::default()).await.unwrap();

    let found = base.verify(&VerifyOptions { repair: true }).await.unwrap();
    assert_eq!((found.stale, found.ghosts), (1, 1), "{found:?}");
    base.index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&base).await;
}

/// A store may spell a number in another way.
async fn numbers_are_compared_by_value(rig: &Rig) {
    let base = rig.open().await;
    for (n, number) in ["1.0", "1.10", "1e2", "-0.0", "12345678901234567890123", "0.1", "1e-7"].iter().enumerate() {
        for lang in [(*number).to_owned(), format!(r#"{{ "among": [{number}], "none": null }}"#)] {
            let data: Value = serde_json::from_str(&format!(r#"{{ "body": "number {n}", "lang": {lang} }}"#)).unwrap();
            let record = NewRecord::new(format!("{n} {}", lang.len()), data);
            rig.engine.upsert_records(&rig.entity, &[record], &UpsertOptions::from(UpsertMode::Replace)).await.unwrap();
        }
    }
    base.index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&base).await;
    let hundred = Retrieval::new("number").filter(Filter::eq("lang", 100).unwrap());
    let found = base.search(&hundred).await.unwrap();
    assert_eq!(found.passages.iter().map(|passage| passage.external_id.as_str()).collect::<Vec<_>>(), ["2 3"]);
}
