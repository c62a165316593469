//! What cannot be written is set aside, and the rest goes on.

use crate::{
    rig::{Rig, mode, on_every_engine, told},
    scripted::{Scripted, contacts, numbered},
};
use mastra_core::{
    Error,
    sync::{RunState, SyncMode},
};
use mastra_sync::{
    RunOptions, SyncErrorKind,
    source::{Item, Page},
};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

on_every_engine!(
    what_fails_is_set_aside_and_the_rest_is_written,
    what_was_set_aside_can_be_tried_again,
    what_is_written_after_all_is_no_longer_set_aside,
    a_record_that_failed_is_not_missing,
    what_has_no_id_stops_deletions,
    an_incomplete_reading_deletes_nothing,
    a_reading_that_left_something_out_is_not_gone_on_with,
    a_failed_chunk_spares_its_parent,
);

async fn what_fails_is_set_aside_and_the_rest_is_written(rig: &Rig) {
    let long = "x".repeat(2_000);
    let mut deep = json!(1);
    (0..120).for_each(|_| deep = json!([deep]));
    let source = Scripted::new()
        .page(numbered(0..2))
        .items(move || {
            vec![
                Item::record("good", json!({ "name": "good" })),
                Item::record(" ", json!({ "name": "blank" })),
                Item::record(long.as_str(), json!({})),
                Item::record("list", json!([1])),
                Item::record("deep", json!({ "a": deep.clone() })),
                Item::Raw(json!({ "no": "id" })),
                Item::failed(Some("broken".into()), json!("{broken"), Error::invalid_input("line 7 is no JSON")),
                Item::failed(None, json!("\u{0}'; DROP TABLE records; --"), Error::invalid_input("line 8 is no JSON")),
            ]
        })
        .page(numbered(2..4));
    let done = rig.run("crm", &source, &mode(SyncMode::Incremental), RunOptions::default()).await.unwrap();
    assert_eq!(done.run.state, RunState::Partial);
    let target = &done.run.targets[0];
    assert_eq!((target.counts.read, target.counts.created, target.counts.failed), (12, 5, 7));
    assert_eq!(target.cursor.as_deref(), Some("3"), "the cursor passes what was set aside");
    assert_eq!(target.errors.len(), 7);
    let set_aside = rig.set_aside().await;
    assert_eq!(set_aside.len(), 7);
    let of = |id: &str| set_aside.iter().find(|item| item.external_id.as_deref() == Some(id)).unwrap();
    assert!(of("list").error.contains("object") && of("broken").error.contains("line 7"), "{set_aside:?}");
    assert_eq!(of("list").raw["record"]["data"], json!([1]));
    assert!(set_aside.iter().any(|item| item.raw == json!({ "unread": "\u{0}'; DROP TABLE records; --" })));
}

async fn what_was_set_aside_can_be_tried_again(rig: &Rig) {
    let mended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&mended);
    let how = told(move |records| {
        let flag = Arc::clone(&flag);
        records.map(move |mut draft| {
            let email = draft.data.get("email").cloned().unwrap_or(Value::Null);
            if email.is_null() && !flag.load(Ordering::Relaxed) {
                return Err(Error::invalid_input("it has no email"));
            }
            draft.external_id = draft.data["id"].as_str().map(str::to_owned);
            draft.data = json!({ "email": email });
            Ok(Some(draft))
        })
    });
    let source = Scripted::new().items(|| {
        vec![
            Item::Raw(json!({ "id": "1", "email": "a" })),
            Item::Raw(json!({ "id": "2" })),
            Item::Raw(json!({ "email": "no id" })),
        ]
    });
    let done = rig.run("crm", &source, &how, RunOptions::default()).await.unwrap();
    assert_eq!((done.run.state, rig.set_aside().await.len()), (RunState::Partial, 2));
    let retry = RunOptions { retry_failed: true, ..RunOptions::default() };
    // Nothing changed: it fails again, and is counted.
    let again = rig.run("crm", &source, &how, retry.clone()).await.unwrap();
    assert_eq!((again.run.state, again.run.targets[0].counts.failed), (RunState::Partial, 2));
    assert!(rig.set_aside().await.iter().all(|item| item.attempts == 2));
    mended.store(true, Ordering::Relaxed);
    let again = rig.run("crm", &source, &how, retry.clone()).await.unwrap();
    let counts = again.run.targets[0].counts;
    assert_eq!((counts.read, counts.created, counts.failed), (2, 1, 1));
    assert_eq!(rig.contact("2").await, Some(json!({ "email": null })));
    assert_eq!(source.asked().len(), 1, "the source is not asked");
    assert_eq!(rig.cursor().await.as_deref(), Some("1"), "the cursor stays");
    assert_eq!(rig.set_aside().await.len(), 1);
}

async fn what_is_written_after_all_is_no_longer_set_aside(rig: &Rig) {
    let how = mode(SyncMode::Incremental);
    rig.run("crm", &Scripted::new().page(contacts([("1", json!([]))])), &how, RunOptions::default()).await.unwrap();
    assert_eq!(rig.set_aside().await.len(), 1);
    let done = rig.load("crm", &Scripted::new().page(Vec::new()).page(contacts([("1", json!({}))])), &how).await;
    assert_eq!((done.counts.created, rig.set_aside().await.len()), (1, 0));
}

async fn a_record_that_failed_is_not_missing(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..20), 50), &how).await;
    let mut now = numbered(0..19);
    now[3].1 = json!("no object");
    let done = rig.load("crm", &Scripted::of(now, 50), &how).await;
    assert_eq!((done.counts.failed, done.counts.deleted), (1, 1));
    let left = rig.contacts().await;
    assert!(left.contains_key("c0003") && !left.contains_key("c0019"));
}

async fn what_has_no_id_stops_deletions(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..20), 50), &how).await;
    let nameless = |page: Scripted| page.items(|| vec![Item::failed(None, json!("?"), Error::invalid_input("line 9"))]);
    let source = nameless(Scripted::of(numbered(0..19), 50));
    let refused = rig.run("crm", &source, &how, RunOptions::default()).await.unwrap_err();
    assert_eq!(refused.kind(), SyncErrorKind::Refused, "{refused}");
    assert_eq!(rig.contacts().await.len(), 20);
    // Where nothing is missing, nothing has to be asked.
    rig.load("crm", &nameless(Scripted::of(numbered(0..20), 50)), &how).await;
    let confirmed = RunOptions { confirm_deletes: true, ..RunOptions::default() };
    rig.run("crm", &source, &how, confirmed).await.unwrap();
    assert_eq!(rig.contacts().await.len(), 19);
}

async fn an_incomplete_reading_deletes_nothing(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..20), 50), &how).await;
    let part = Scripted::new().say(|| {
        let items = numbered(0..5).into_iter().map(|(id, data)| Item::record(id, data));
        Ok(Page { incomplete: Some("the limit was reached".into()), ..Page::new(items) })
    });
    let done = rig.load("crm", &part, &how).await;
    assert!(!done.complete && done.counts.deleted == 0);
    assert_eq!(rig.contacts().await.len(), 20);
    let unchanged = Scripted::new().say(|| Ok(Page { unchanged: true, ..Page::default() }));
    let done = rig.load("crm", &unchanged, &how).await;
    assert!(done.complete && done.counts.deleted == 0);
    assert_eq!(rig.contacts().await.len(), 20);
}

/// What went on behind a page that left something out would take that for missing.
async fn a_reading_that_left_something_out_is_not_gone_on_with(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..20), 50), &how).await;
    let part = Scripted::new().say(|| Ok(Page { incomplete: Some("a page could not be read".into()), ..Page::new([]) }));
    rig.run("crm", &part.page(numbered(5..20)).fails(), &how, RunOptions::default()).await.unwrap_err();
    let whole = Scripted::new().page(numbered(0..10)).page(numbered(10..20)).page(numbered(5..20));
    let done = rig.load("crm", &whole, &how).await;
    assert_eq!((whole.asked(), done.counts.deleted), (vec![None], 0));
    assert_eq!(rig.contacts().await.len(), 20);
}

async fn a_failed_chunk_spares_its_parent(rig: &Rig) {
    let how = told(|records| records.replace_by("of"));
    let line = |id: &str, of: &str| Item::record(id, json!({ "of": of }));
    let whole = Scripted::new().items(move || {
        vec![line("a1", "a"), line("a2", "a"), line("b1", "b"), line("b2", "b"), line("c1", "c"), line("c2", "c")]
    });
    rig.load("orders", &whole, &how).await;
    let torn = Scripted::new().items(move || {
        vec![line("a1", "a"), Item::failed(None, json!("?"), Error::invalid_input("a line")), line("b1", "b"), line("c1", "c")]
    });
    let options = RunOptions { restart: true, ..RunOptions::default() };
    let done = rig.run("orders", &torn, &how, options).await.unwrap();
    assert_eq!(done.run.targets[0].counts.deleted, 1);
    assert_eq!(rig.contacts().await.into_keys().collect::<Vec<_>>(), ["a1", "a2", "b1", "b2", "c1"]);
}
