//! How records meet what is there, mode by mode.

use crate::{
    rig::{Rig, mode, on_every_engine, told},
    scripted::{Scripted, contacts, numbered},
};
use mastra_core::sync::{RunCounts, SyncMode};
use mastra_sync::{RunOptions, SyncErrorKind, source::Item};
use serde_json::json;

on_every_engine!(
    incremental_goes_on_behind_the_cursor,
    the_source_may_repeat_reorder_and_give_nothing_first,
    what_the_source_says_is_gone_goes,
    full_deletes_what_is_missing_and_only_its_own,
    full_asks_before_it_deletes_much,
    full_goes_on_where_the_source_failed,
    append_leaves_what_is_there,
    the_records_of_a_parent_are_replaced_at_once,
    parents_are_gathered_over_pages,
    what_follows_the_entity_is_told,
);

async fn incremental_goes_on_behind_the_cursor(rig: &Rig) {
    let how = mode(SyncMode::Incremental);
    let first = Scripted::of(numbered(0..5), 2);
    let done = rig.load("crm", &first, &how).await;
    assert_eq!(done.counts, RunCounts { read: 5, created: 5, ..RunCounts::default() });
    assert_eq!((done.cursor.as_deref(), done.complete, done.bytes), (Some("3"), true, 30));
    assert_eq!(rig.cursor().await.as_deref(), Some("3"));
    let more = first.page(numbered(3..7));
    let done = rig.load("crm", &more, &how).await;
    assert_eq!(more.asked(), [None, Some("3".to_owned())]);
    assert_eq!(done.counts, RunCounts { read: 4, created: 2, unchanged: 2, ..RunCounts::default() });
    assert_eq!((done.cursor_from.as_deref(), done.cursor.as_deref()), (Some("3"), Some("4")));
    // From the beginning, where that is asked for: nothing changes.
    let restart = RunOptions { restart: true, ..RunOptions::default() };
    let again = rig.run("crm", &more, &how, restart).await.unwrap().run.targets.remove(0);
    assert_eq!((again.counts.read, again.counts.unchanged), (9, 9));
    assert_eq!(rig.contacts().await.len(), 7);
}

async fn the_source_may_repeat_reorder_and_give_nothing_first(rig: &Rig) {
    let mut all = numbered(0..6);
    all.reverse();
    let source = Scripted::new().page(Vec::new()).page(all.clone()).page(Vec::new()).page(all).page(numbered(5..8));
    let done = rig.load("crm", &source, &mode(SyncMode::Full)).await;
    assert_eq!((done.counts.created, done.counts.updated, done.counts.deleted), (8, 0, 0));
    let twice = contacts([("c0001", json!({ "name": "first" })), ("c0001", json!({ "name": "last" }))]);
    rig.load("crm", &Scripted::new().page(Vec::new()).page(twice), &told(|records| records)).await;
    assert_eq!(rig.contact("c0001").await, Some(json!({ "name": "n1", "at": 1 })), "the cursor stands behind both pages");
    let twice = contacts([("c0001", json!({ "name": "first" })), ("c0001", json!({ "name": "last" }))]);
    let options = RunOptions { restart: true, ..RunOptions::default() };
    rig.run("crm", &Scripted::new().page(twice), &mode(SyncMode::Incremental), options).await.unwrap();
    assert_eq!(rig.contact("c0001").await, Some(json!({ "name": "last" })));
}

async fn what_the_source_says_is_gone_goes(rig: &Rig) {
    rig.load("crm", &Scripted::of(numbered(0..3), 10), &mode(SyncMode::Incremental)).await;
    rig.edit("theirs", json!({ "name": "by hand" })).await;
    let gone = Scripted::new()
        .page(Vec::new())
        .items(|| ["c0000", "theirs", "never"].map(|id| Item::Deleted { external_id: id.into() }).into_iter().collect());
    let done = rig.load("crm", &gone, &mode(SyncMode::Incremental)).await;
    assert_eq!(done.counts.deleted, 1);
    assert_eq!(rig.contacts().await.into_keys().collect::<Vec<_>>(), ["c0001", "c0002", "theirs"]);
}

async fn full_deletes_what_is_missing_and_only_its_own(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..100), 30), &how).await;
    rig.load("shop", &Scripted::new().page(contacts([("c0001", json!({ "spent": 3 })), ("s1", json!({ "spent": 4 }))])), &how)
        .await;
    rig.edit("manual", json!({ "name": "by hand" })).await;
    rig.delete("c0050").await;
    let fewer: Vec<_> =
        numbered(0..100).into_iter().filter(|(id, _)| !["c0000", "c0001", "c0002"].contains(&id.as_str())).collect();
    let done = rig.load("crm", &Scripted::of(fewer, 30), &how).await;
    assert_eq!((done.counts.deleted, done.counts.updated, done.counts.created), (2, 1, 1), "{:?}", done.counts);
    let left = rig.contacts().await;
    assert_eq!(left.get("c0001"), Some(&json!({ "spent": 3 })), "the shop's part stays");
    assert!(left.contains_key("manual") && left.contains_key("s1") && left.contains_key("c0050"));
    assert!(!left.contains_key("c0000") && !left.contains_key("c0002"));
    // And once more: nothing.
    let fewer: Vec<_> = numbered(3..100);
    let done = rig.load("crm", &Scripted::of(fewer, 30), &how).await;
    assert_eq!(done.counts, RunCounts { read: 97, unchanged: 97, ..RunCounts::default() });
}

async fn full_asks_before_it_deletes_much(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..60), 30), &how).await;
    for source in [Scripted::of(numbered(0..40), 30), Scripted::new().page(Vec::new()), Scripted::new()] {
        let refused = rig.run("crm", &source, &how, RunOptions::default()).await.unwrap_err();
        assert_eq!(refused.kind(), SyncErrorKind::Refused, "{refused}");
        assert_eq!(rig.contacts().await.len(), 60);
    }
    let confirmed = RunOptions { confirm_deletes: true, ..RunOptions::default() };
    let done = rig.run("crm", &Scripted::of(numbered(0..40), 30), &how, confirmed.clone()).await.unwrap();
    assert_eq!(done.run.targets[0].counts.deleted, 20);
    // What is empty is confirmed alike, and nothing is left to be asked about.
    rig.run("crm", &Scripted::new(), &how, confirmed).await.unwrap();
    assert!(rig.contacts().await.is_empty());
    rig.load("crm", &Scripted::new(), &how).await;
}

async fn full_goes_on_where_the_source_failed(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..20), 5), &how).await;
    let fewer: Vec<_> = numbered(0..20).into_iter().filter(|(id, _)| id != "c0003" && id != "c0012").collect();
    let mut failing = Scripted::new();
    for page in fewer.chunks(5).take(2) {
        failing = failing.page(page.to_vec());
    }
    let error = rig.run("crm", &failing.fails(), &how, RunOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::Failed);
    assert_eq!(rig.contacts().await.len(), 20, "what was not read yet is not missing");
    let whole = Scripted::of(fewer, 5);
    let done = rig.load("crm", &whole, &how).await;
    assert_eq!(whole.asked(), [Some("2".to_owned())]);
    assert_eq!((done.counts.read, done.counts.deleted), (8, 2));
    assert_eq!(rig.contacts().await.len(), 18);
    // The next enumeration begins at the beginning.
    rig.load("crm", &whole, &how).await;
    assert_eq!(whole.asked()[1], None);
}

async fn append_leaves_what_is_there(rig: &Rig) {
    let how = mode(SyncMode::Append);
    rig.load("log", &Scripted::new().page(contacts([("1", json!({ "a": 1 })), ("1", json!({ "a": 2 }))])), &how).await;
    let options = RunOptions { restart: true, ..RunOptions::default() };
    let more = Scripted::new().page(contacts([("1", json!({ "a": 3 })), ("2", json!({ "a": 4 }))]));
    let done = rig.run("log", &more, &how, options).await.unwrap().run.targets.remove(0);
    assert_eq!((done.counts.created, done.counts.unchanged, done.counts.updated), (1, 1, 0));
    assert_eq!(rig.contact("1").await, Some(json!({ "a": 1 })));
}

async fn the_records_of_a_parent_are_replaced_at_once(rig: &Rig) {
    let chunk =
        |page: &str, at: usize| Item::record(format!("{page}#{at}"), json!({ "url": page, "text": format!("{page} {at}") }));
    let page = |url: &'static str, chunks: usize| {
        move || {
            Ok(mastra_sync::source::Page::new((0..chunks).map(|at| chunk(url, at)))
                .scope(mastra_sync::source::Scope::new("url", url)))
        }
    };
    let how = mode(SyncMode::Incremental);
    rig.load("site", &Scripted::new().say(page("/a", 3)).say(page("/b", 2)), &how).await;
    rig.edit("hand", json!({ "url": "/a", "text": "a note" })).await;
    rig.edit("list", json!({ "url": ["/a"] })).await;
    let options = RunOptions { restart: true, ..RunOptions::default() };
    let done = rig.run("site", &Scripted::new().say(page("/a", 1)), &how, options.clone()).await.unwrap();
    assert_eq!(done.run.targets[0].counts.deleted, 2);
    let left: Vec<String> = rig.contacts().await.into_keys().collect();
    assert_eq!(left, ["/a#0", "/b#0", "/b#1", "hand", "list"], "only what the sync wrote is replaced");
    rig.run("site", &Scripted::new().say(page("/b", 0)), &how, options).await.unwrap();
    assert_eq!(rig.contacts().await.into_keys().collect::<Vec<_>>(), ["/a#0", "hand", "list"]);
}

async fn parents_are_gathered_over_pages(rig: &Rig) {
    let order = |parent: &str, lines: std::ops::Range<usize>| -> Vec<_> {
        lines.map(|at| (format!("{parent}-{at}"), json!({ "order": parent, "line": at }))).collect()
    };
    let how = told(|records| records.replace_by("order"));
    let all: Vec<_> = [order("o1", 0..5), order("o2", 0..3), order("o3", 0..2)].concat();
    rig.load("orders", &Scripted::of(all, 3), &how).await;
    assert_eq!(rig.contacts().await.len(), 10);
    let fewer: Vec<_> = [order("o1", 0..4), order("o2", 5..6)].concat();
    let options = RunOptions { restart: true, ..RunOptions::default() };
    let done = rig.run("orders", &Scripted::of(fewer, 3), &how, options.clone()).await.unwrap().run.targets.remove(0);
    assert_eq!((done.counts.created, done.counts.deleted, done.counts.unchanged), (1, 4, 4));
    let left: Vec<String> = rig.contacts().await.into_keys().collect();
    assert_eq!(left, ["o1-0", "o1-1", "o1-2", "o1-3", "o2-5", "o3-0", "o3-1"]);
    // A parent that comes in two parts would lose the first: it is refused, and nothing is lost.
    let torn: Vec<_> = [order("o1", 0..1), order("o2", 5..6), order("o1", 1..2)].concat();
    let error = rig.run("orders", &Scripted::of(torn, 10), &how, options).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::Failed, "{error}");
    assert_eq!(rig.contacts().await.into_keys().collect::<Vec<_>>(), left);
}

async fn what_follows_the_entity_is_told(rig: &Rig) {
    rig.load("crm", &Scripted::of(numbered(0..3), 10), &mode(SyncMode::Full)).await;
    let queue = rig.engine.changes().unwrap();
    queue.subscribe("search", &rig.entity()).await.unwrap();
    let claim = mastra_core::changes::ClaimOptions::default();
    let claimed = queue.claim_changes("search", &claim).await.unwrap();
    let done: Vec<_> = claimed.iter().map(|change| change.settle(mastra_core::changes::SettlementOutcome::done())).collect();
    queue.settle_changes("search", &done).await.unwrap();
    let changed = contacts([("c0000", json!({ "name": "new" })), ("c0001", json!({ "name": "n1", "at": 1 }))]);
    rig.load("crm", &Scripted::new().page(changed), &mode(SyncMode::Full)).await;
    let mut told: Vec<_> = queue.claim_changes("search", &claim).await.unwrap();
    told.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    let told: Vec<_> = told.into_iter().map(|change| (change.external_id, change.deleted)).collect();
    assert_eq!(told, [("c0000".to_owned(), false), ("c0002".to_owned(), true)]);
}
