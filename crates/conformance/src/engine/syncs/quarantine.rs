//! What failed and was set aside.

use super::stakes::ORDERED;
use super::{LONG, at_work, holding, info, new_hold, page, set_aside, started, strings, syncs, take};
use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::fixture::CONNECTION;
use mastra_core::{
    EntityUpdate, RecordStore,
    sync::{Hold, NewQuarantined, QuarantineQuery, Quarantined, Run, SyncStore, TargetId},
};
use serde_json::{Value, json};

async fn put_aside(syncs: &dyn SyncStore, run: &Run, hold: &Hold, items: Vec<NewQuarantined>) -> Outcome {
    let mut next = page(run, hold);
    next.quarantined = items;
    Ok(syncs.commit_page(&next).await?)
}

async fn all(syncs: &dyn SyncStore) -> Outcome<Vec<Quarantined>> {
    Ok(syncs.list_quarantined(&QuarantineQuery::default()).await?)
}

async fn only(syncs: &dyn SyncStore) -> Outcome<Quarantined> {
    let mut items = all(syncs).await?;
    ensure_eq!(items.len(), 1, "items set aside");
    items.pop().ok_or_else(|| Failure::new("nothing was set aside"))
}

/// An item is kept with where it comes from, why it failed, and what the source said.
pub async fn items_are_set_aside(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    ensure_eq!(all(syncs).await?, [], "before anything failed");
    put_aside(syncs, &run, &hold, vec![set_aside("k")]).await?;
    let item = only(syncs).await?;
    let place = (item.target, item.sync_id.as_str(), item.entity.as_str(), item.connection_id.as_str());
    ensure_eq!(place, (hold.target, "a-sync", "E", CONNECTION), "where it comes from");
    ensure_eq!((item.key.as_str(), item.external_id.as_deref()), ("k", Some("id of k")), "which it is");
    ensure_eq!((&item.raw, item.error.as_str()), (&json!({ "n": "not a number" }), "n: not a number"), "what failed, and why");
    ensure_eq!((&item.run_id, item.attempts), (&run.id, 1), "who set it aside, and how often");
    ensure_eq!(item.first_failed_at, item.last_failed_at, "when");
    ensure!(item.first_failed_at >= run.started_at, "when: {}", item.first_failed_at);
    ensure_eq!(info(syncs, &hold).await?.state.quarantined, 1, "as the target counts them");
    store.update_entity(&super::records_of(&hold), &EntityUpdate { name: Some("Renamed".into()), ..Default::default() }).await?;
    ensure_eq!(only(syncs).await?.entity, "Renamed", "the entity's name, once it has another one");
    Ok(())
}

/// One that fails again takes the place of what stood there, and counts how often it failed.
pub async fn an_item_that_fails_again_is_counted(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    put_aside(syncs, &run, &hold, vec![set_aside("k"), set_aside("other")]).await?;
    let first = all(syncs).await?;
    syncs.release(&hold).await?;
    let second = started(syncs, "2").await?;
    let taken = take(syncs, &new_hold("a-sync", "E", &second, LONG)).await?;
    super::a_moment().await;
    let again = NewQuarantined { external_id: None, raw: json!([null]), error: "worse".into(), ..set_aside("k") };
    put_aside(syncs, &second, &taken, vec![again]).await?;
    let now = all(syncs).await?;
    let [k, other] = now.as_slice() else { return Err(Failure::new(format!("two items are set aside: {now:?}"))) };
    ensure_eq!(Some(other), first.get(1), "the other one");
    ensure_eq!((k.external_id.as_deref(), &k.raw, k.error.as_str()), (None, &json!([null]), "worse"), "what failed last");
    ensure_eq!((&k.run_id, k.attempts), (&second.id, 2), "who set it aside last, and how often");
    ensure_eq!(Some(k.first_failed_at), first.first().map(|item| item.first_failed_at), "when it failed first");
    ensure!(k.last_failed_at > k.first_failed_at, "when it failed last: {} and {}", k.first_failed_at, k.last_failed_at);
    ensure_eq!(info(syncs, &taken).await?.state.quarantined, 2, "as the target counts them");
    Ok(())
}

/// What was settled is gone, of this target alone; one that fails later begins anew.
pub async fn settled_items_are_gone(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    for (run, hold) in [(&run, &hold), (&other, &its), (&run, &hold)] {
        put_aside(syncs, run, hold, vec![set_aside("a"), set_aside("b")]).await?;
    }
    let mut settled = page(&run, &hold);
    settled.settled = strings(["a", "never", "a"]);
    syncs.commit_page(&settled).await?;
    let left: Vec<(TargetId, String)> = all(syncs).await?.into_iter().map(|item| (item.target, item.key)).collect();
    let expected = [(hold.target, "b".to_owned()), (its.target, "a".to_owned()), (its.target, "b".to_owned())];
    ensure_eq!(left, expected, "what is left");
    ensure_eq!((info(syncs, &hold).await?.state.quarantined, info(syncs, &its).await?.state.quarantined), (1, 2), "in numbers");
    put_aside(syncs, &run, &hold, vec![set_aside("a")]).await?;
    let attempts: Vec<u32> = all(syncs).await?.into_iter().map(|item| item.attempts).collect();
    ensure_eq!(attempts, [1, 2, 1, 1], "how often each failed");
    Ok(())
}

/// Items are listed in order of target and key, narrowed, and page by page.
pub async fn items_are_listed_in_pages(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let elsewhere = take(syncs, &new_hold("a-sync", "F", &run, LONG)).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    for (run, hold) in [(&run, &hold), (&run, &elsewhere), (&other, &its)] {
        put_aside(syncs, run, hold, ORDERED.iter().rev().map(|key| set_aside(key)).collect()).await?;
    }
    let mut targets = [hold.target, elsewhere.target, its.target];
    targets.sort_by_key(|target| target.get());
    let expected: Vec<(TargetId, &str)> = targets.iter().flat_map(|target| ORDERED.iter().map(|key| (*target, *key))).collect();
    for query in [
        QuarantineQuery::default(),
        QuarantineQuery { sync_id: Some("a-sync".into()), ..QuarantineQuery::default() },
        QuarantineQuery { target: Some(its.target), ..QuarantineQuery::default() },
        QuarantineQuery { sync_id: Some("another".into()), target: Some(hold.target), ..QuarantineQuery::default() },
    ] {
        let fits = |target: TargetId| {
            let sync_id = if target == its.target { "another" } else { "a-sync" };
            query.sync_id.as_ref().is_none_or(|wanted| wanted == sync_id) && query.target.is_none_or(|wanted| wanted == target)
        };
        let expected: Vec<(TargetId, &str)> = expected.iter().copied().filter(|(target, _)| fits(*target)).collect();
        for limit in [None, Some(5), Some(12), Some(1_000)] {
            let mut walked: Vec<(TargetId, String)> = Vec::new();
            loop {
                let page = QuarantineQuery { after: walked.last().cloned(), limit, ..query.clone() };
                let page = syncs.list_quarantined(&page).await?;
                ensure!(page.len() <= limit.unwrap_or(100) as usize, "a page of {limit:?} holds {}", page.len());
                if page.is_empty() {
                    break;
                }
                walked.extend(page.into_iter().map(|item| (item.target, item.key)));
                ensure!(walked.len() <= expected.len(), "pages of {limit:?} of {query:?} come to no end");
            }
            let walked: Vec<(TargetId, &str)> = walked.iter().map(|(target, key)| (*target, key.as_str())).collect();
            ensure_eq!(walked, expected, "pages of {limit:?} of {query:?}");
        }
    }
    Ok(())
}

/// A list that says nothing of its length holds a hundred.
pub async fn a_list_of_items_is_bounded(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    put_aside(syncs, &run, &hold, (0..130).map(|n| set_aside(&format!("{n:03}"))).collect()).await?;
    let keys: Vec<String> = all(syncs).await?.into_iter().map(|item| item.key).collect();
    ensure_eq!(keys, (0..100).map(|n| format!("{n:03}")).collect::<Vec<_>>(), "a list without a limit");
    Ok(())
}

/// What the source said comes back as it was, also what no record could hold.
pub async fn raw_items_are_kept_exactly(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let mut deep = json!("bottom");
    for _ in 0..110 {
        deep = json!([deep]);
    }
    let raws: Vec<Value> = vec![
        json!(null),
        json!("a\u{0}b"),
        json!({ "\u{0}": "\u{0}", "it's": "\"quoted\"", "\\": "\\u0000", "": [] }),
        json!("'; DROP TABLE sync_quarantine; --"),
        json!([1, -0.5, 1e300, u64::MAX, i64::MIN, true]),
        json!("{\"json\": \"in a string\"}"),
        json!("\u{1f600} é e\u{301} \u{202e}"),
        json!({ "long": "x".repeat(200_000) }),
        deep,
    ];
    let items = raws.iter().enumerate().map(|(n, raw)| NewQuarantined { raw: raw.clone(), ..set_aside(&format!("{n:02}")) });
    put_aside(syncs, &run, &hold, items.collect()).await?;
    let found: Vec<Value> = all(syncs).await?.into_iter().map(|item| item.raw).collect();
    for (place, (found, expected)) in found.iter().zip(&raws).enumerate() {
        ensure!(
            found == expected,
            "the item {place} came back otherwise: {}",
            found.to_string().chars().take(80).collect::<String>()
        );
    }
    ensure_eq!(found.len(), raws.len(), "items");
    Ok(())
}
