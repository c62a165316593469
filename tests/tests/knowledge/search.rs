//! What is found, in which order, and that nothing outdated is.

use crate::rig::{Rig, body, on_every_pairing};
use async_trait::async_trait;
use mastra_core::{ErrorKind, Filter, NewRecord, Result, UpsertMode, UpsertOptions};
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, Reranker, Retrieval, SearchMode};
use serde_json::json;
use std::sync::Arc;

on_every_pairing! {
    passages_are_found_by_words_meanings_and_filters,
    nothing_outdated_is_shown,
    passages_are_shown_with_what_stands_beside_them,
    what_cannot_be_meant_is_refused,
    any_question_has_an_answer,
    a_long_record_leaves_room_for_others,
    a_citation_points_at_its_text,
    the_least_score_holds_for_words_too,
    a_filter_counts_in_lists_as_records_do,
}

async fn filled(rig: &Rig) -> KnowledgeBase {
    let base = rig.open().await;
    rig.put("tea", &body(&["oolong", "steeping", "kettle"])).await;
    rig.put("ships", &body(&["rigging", "harbour"])).await;
    let german = NewRecord::new("tee", json!({ "title": "Tee", "body": body(&["oolong"]), "lang": "de" }));
    rig.engine.upsert_records(&rig.entity, &[german], &UpsertOptions::from(UpsertMode::Replace)).await.unwrap();
    base.index(&IndexOptions::default()).await.unwrap();
    base
}

async fn passages_are_found_by_words_meanings_and_filters(rig: &Rig) {
    let base = filled(rig).await;
    for mode in [SearchMode::Vector, SearchMode::Text, SearchMode::Hybrid] {
        let found = base.search(&Retrieval::new("harbour").mode(mode).top_k(1).explain(true)).await.unwrap();
        let first = &found.passages[0];
        assert_eq!(first.external_id, "ships", "{mode}");
        assert!(first.text.contains("harbour") && first.span.end > first.span.start, "{mode}: {first:?}");
        assert!(first.scores.vector.is_some() || mode == SearchMode::Text, "{mode}: {first:?}");
        let steps: Vec<&str> = found.steps.iter().map(|step| step.step).collect();
        assert_eq!(steps, ["candidates", "current", "ranked", "deduplicated", "assembled"]);
        assert_eq!(found.waiting, 0);
    }
    let german = Retrieval::new("oolong").filter(Filter::eq("lang", "de").unwrap());
    let found = base.search(&german).await.unwrap();
    assert!(!found.passages.is_empty() && found.passages.iter().all(|passage| passage.external_id == "tee"), "{found:?}");
    let mut near = Retrieval::new("oolong").mode(SearchMode::Vector);
    near.min_score = Some(0.999);
    assert_eq!(base.search(&near).await.unwrap().passages, []);
    let mut each = Retrieval::new("oolong steeping kettle rigging harbour").top_k(10);
    each.one_per_record = true;
    let mut ids: Vec<String> = base.search(&each).await.unwrap().passages.into_iter().map(|p| p.external_id).collect();
    ids.sort();
    assert_eq!(ids, ["ships", "tea", "tee"]);
}

async fn nothing_outdated_is_shown(rig: &Rig) {
    let base = filled(rig).await;
    let words = Retrieval::new("rigging").mode(SearchMode::Text);
    assert_eq!(base.search(&words).await.unwrap().passages.len(), 1);
    // Written, not indexed: the old words are gone at once, the new ones are not there yet.
    rig.put("ships", &body(&["anchors"])).await;
    let found = base.search(&words).await.unwrap();
    assert_eq!((found.passages.len(), found.waiting), (0, 1), "{found:?}");
    rig.delete("tea").await;
    let found = base.search(&Retrieval::new("kettle").mode(SearchMode::Text)).await.unwrap();
    assert_eq!((found.passages.len(), found.waiting), (0, 2), "{found:?}");
    base.index(&IndexOptions::default()).await.unwrap();
    let found = base.search(&Retrieval::new("anchors").mode(SearchMode::Text)).await.unwrap();
    assert_eq!((found.passages.len(), found.waiting), (1, 0), "{found:?}");
}

/// Likes what holds a word.
#[derive(Debug)]
struct Likes(&'static str);

#[async_trait]
impl Reranker for Likes {
    async fn score(&self, _query: &str, texts: &[&str]) -> Result<Vec<f64>> {
        Ok(texts.iter().map(|text| if text.contains(self.0) { 1.0 } else { 0.0 }).collect())
    }
}

async fn passages_are_shown_with_what_stands_beside_them(rig: &Rig) {
    let base = filled(rig).await;
    let mut steeping = Retrieval::new("steeping").mode(SearchMode::Text).top_k(1);
    steeping.neighbours = 1;
    let found = base.search(&steeping).await.unwrap();
    let text = &found.passages[0].text;
    assert!(text.contains("oolong") && text.contains("kettle"), "{text}");
    assert_eq!(text.matches("steeping").count(), 3, "said once: {text}");

    let all = Retrieval::new("oolong steeping kettle").mode(SearchMode::Vector).top_k(3);
    let liked = base.search(&all.clone().reranker(Arc::new(Likes("kettle")))).await.unwrap();
    assert!(liked.passages[0].text.contains("kettle"), "{liked:?}");
    assert_eq!(liked.passages[0].scores.semantic, Some(1.0));

    let mut few = all;
    few.max_tokens = Some(1);
    assert_eq!(base.search(&few).await.unwrap().passages.len(), 1, "the first is always given");
}

async fn what_cannot_be_meant_is_refused(rig: &Rig) {
    let base = filled(rig).await;
    let mut scored = Retrieval::new("a").mode(SearchMode::Text);
    scored.min_score = Some(0.5);
    let mut odd = Retrieval::new("a");
    odd.relevance = f64::NAN;
    for search in [
        Retrieval::new(" "),
        Retrieval::new("a").top_k(0),
        Retrieval::new("a").top_k(1_001),
        Retrieval::new("a").filter(Filter::eq("body", "x").unwrap()),
        scored,
        odd,
    ] {
        let refused = base.search(&search).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    }
}

/// The default mode reads words too, which a question need not hold.
async fn any_question_has_an_answer(rig: &Rig) {
    let base = filled(rig).await;
    let long = "and what about oolong? ".repeat(30);
    for question in ["a pipe of 5\" for oolong", "???", "🫖", long.as_str()] {
        let found = base.search(&Retrieval::new(question).explain(true)).await.unwrap();
        assert!(!found.passages.is_empty(), "{question}");
        assert!(found.steps[0].detail.starts_with("vector"), "it is told: {:?}", found.steps[0]);
    }
    let found = base.search(&Retrieval::new("oolong").explain(true)).await.unwrap();
    assert!(found.steps[0].detail.starts_with("hybrid"), "{:?}", found.steps[0]);
}

async fn a_long_record_leaves_room_for_others(rig: &Rig) {
    let base = rig.open().await;
    let words: Vec<String> = (0..60).map(|n| format!("oolong oolong n{n}")).collect();
    rig.put("long", &body(&words.iter().map(String::as_str).collect::<Vec<_>>())).await;
    for n in 0..6 {
        rig.put(&format!("short{n}"), &format!("A note on oolong and other things, numbered {n}.")).await;
    }
    base.index(&IndexOptions::default()).await.unwrap();
    for mode in [SearchMode::Vector, SearchMode::Text, SearchMode::Hybrid] {
        let mut each = Retrieval::new("oolong").mode(mode);
        each.one_per_record = true;
        let found = base.search(&each).await.unwrap();
        assert_eq!(found.passages.len(), 5, "{mode}: {found:?}");
    }
}

async fn a_citation_points_at_its_text(rig: &Rig) {
    let base = filled(rig).await;
    for passage in base.search(&Retrieval::new("oolong steeping harbour").top_k(10)).await.unwrap().passages {
        let record = rig.engine.get_record(passage.record_id).await.unwrap();
        assert_eq!(base.text(&record).unwrap()[passage.span.clone()], passage.text, "{passage:?}");
    }
}

async fn the_least_score_holds_for_words_too(rig: &Rig) {
    let base = rig.open().await;
    rig.put("near", &body(&["oolong"])).await;
    rig.put("far", "Granite, turbine, senate, harbour, oolong, ledger, meadow and violin.").await;
    base.index(&IndexOptions::default()).await.unwrap();
    let mut search = Retrieval::new("oolong oolong").explain(true);
    assert!(base.search(&search).await.unwrap().passages.iter().any(|passage| passage.external_id == "far"));
    search.min_score = Some(0.45);
    let found = base.search(&search).await.unwrap();
    assert!(!found.passages.is_empty());
    for passage in &found.passages {
        assert!(passage.scores.vector.unwrap() >= 0.45, "{passage:?}");
    }
    assert_eq!(found.steps[1].left, found.passages.len(), "{:?}", found.steps);
}

async fn a_filter_counts_in_lists_as_records_do(rig: &Rig) {
    let described = rig.describe().filter_field("tags.2".parse().unwrap()).filter_field("parts.1.n".parse().unwrap());
    let base = described.open(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.unwrap();
    for (id, data) in [
        ("a", json!({ "body": "words", "tags": [1, 2, 3], "parts": [5, { "n": 7 }] })),
        ("b", json!({ "body": "more words", "tags": [3], "parts": [{ "n": 7 }] })),
    ] {
        rig.engine
            .upsert_records(&rig.entity, &[NewRecord::new(id, data)], &UpsertOptions::from(UpsertMode::Replace))
            .await
            .unwrap();
    }
    base.index(&IndexOptions::default()).await.unwrap();
    for filter in [json!({ "tags.2": 3 }), json!({ "parts.1.n": 7 })] {
        let search = Retrieval::new("words").filter(Filter::from_json(&filter).unwrap());
        let found = base.search(&search).await.unwrap();
        let ids: Vec<&str> = found.passages.iter().map(|passage| passage.external_id.as_str()).collect();
        assert_eq!(ids, ["a"], "{filter}");
    }
}
