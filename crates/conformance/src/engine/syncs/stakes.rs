//! Which keys of which records are whose.

use super::{at_work, external_ids, holding, page, records_of, stake, stakes, strings, syncs};
use crate::failure::{Outcome, ensure, ensure_eq};
use crate::fixture::{put, there};
use mastra_core::{
    EntityId, RecordSelector, RecordStore,
    sync::{KeyStake, RecordMark, Stake, StakeView, StakeWrite},
};
use serde_json::json;
use std::collections::BTreeMap;

/// A stake as it was written, its time aside.
fn is_written(stake: &Stake, written: &StakeWrite, generation: i64) -> Outcome {
    let found = (&stake.external_id, &stake.content, stake.generation, stake.created, &stake.version, &stake.keys);
    let expected = (&written.external_id, &written.content, generation, written.created, &written.version, &written.keys);
    ensure_eq!(found, expected, "the stake");
    Ok(())
}

fn ids(views: &[StakeView]) -> Vec<&str> {
    views.iter().map(|view| view.external_id.as_str()).collect()
}

/// A stake reads back as it was written, and another one takes its place.
pub async fn stakes_are_kept(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let key = |order, hash: Option<&str>, rank| KeyStake { order, hash: hash.map(str::to_owned), rank };
    let keys = BTreeMap::from([
        ("plain".to_owned(), key(0, None, None)),
        ("of \"another\"\\".to_owned(), key(i64::MIN, Some("hash"), None)),
        ("ü\n".to_owned(), key(i64::MAX, None, Some(json!({ "at": ["2026-01-01", 1.5, null] })))),
        (String::new(), key(3, Some(""), Some(json!(null)))),
    ]);
    let full = StakeWrite { version: Some("W/\"etag\"".into()), created: false, keys, ..stake("a", "first") };
    let bare = StakeWrite { keys: BTreeMap::new(), generation: Some(i64::MAX), ..stake("b", "") };
    let mut first = page(&run, &hold);
    first.stakes = vec![full.clone(), bare.clone()];
    syncs.commit_page(&first).await?;
    let found = syncs.list_stakes(hold.target, None, 10).await?;
    let [a, b] = found.as_slice() else { return Err(crate::Failure::new(format!("two stakes were written: {found:?}"))) };
    // A rank of null in JSON is none.
    let mut full = full;
    full.keys.entry(String::new()).and_modify(|key| key.rank = None);
    let mut a_read = a.clone();
    a_read.keys.entry(String::new()).and_modify(|key| key.rank = key.rank.take().filter(|rank| !rank.is_null()));
    is_written(&a_read, &full, 7)?;
    is_written(b, &bare, i64::MAX)?;
    let again = StakeWrite { content: "second".into(), version: None, generation: Some(8), created: true, ..stake("a", "") };
    let again = StakeWrite { keys: BTreeMap::from([("only".to_owned(), key(9, None, None))]), ..again };
    let mut second = page(&run, &hold);
    second.stakes = vec![again.clone()];
    syncs.commit_page(&second).await?;
    let found = syncs.list_stakes(hold.target, None, 10).await?;
    let [later, same] = found.as_slice() else { return Err(crate::Failure::new(format!("two stakes are there: {found:?}"))) };
    is_written(later, &again, 8)?;
    ensure!(later.written_at >= a.written_at, "when it was written last");
    ensure_eq!(same, b, "the other one");
    Ok(())
}

/// What is known of records is told in the order of the ids, each once, whether they are there or not.
pub async fn records_are_read_with_their_stakes(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let entity = records_of(&hold);
    put(store, &entity, [("live", json!({})), ("gone", json!({})), ("other's", json!({})), ("bare", json!({}))]).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(strings(["gone"]))).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    let (third, thirds) = holding(syncs, "Zebra", "E", "3").await?;
    for (run, hold, ids) in
        [(&run, &hold, vec!["live", "gone", "absent"]), (&other, &its, vec!["live", "other's"]), (&third, &thirds, vec!["live"])]
    {
        let mut first = page(run, hold);
        first.stakes = stakes(ids);
        syncs.commit_page(&first).await?;
    }
    let asked = strings(["other's", "absent", "live", "never", "gone", "live", "bare", "absent"]);
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &asked).await?;
    ensure_eq!(ids(&views), ["other's", "absent", "live", "never", "gone", "bare"], "the order");
    for view in &views {
        let id = view.external_id.as_str();
        let (mine, others) = match id {
            "live" => (true, vec!["Zebra", "another"]),
            "other's" => (false, vec!["another"]),
            "gone" | "absent" => (true, vec![]),
            _ => (false, vec![]),
        };
        ensure_eq!(view.own.as_ref().map(|stake| stake.external_id.as_str()), mine.then_some(id), "the own stake in {id}");
        let found: Vec<&str> = view.others.iter().map(|(sync_id, _)| sync_id.as_str()).collect();
        ensure_eq!(found, others, "who else has a stake in {id}");
        ensure!(view.others.iter().all(|(_, stake)| stake.external_id == id), "others' stakes in {id}: {:?}", view.others);
        match id {
            "gone" => ensure!(view.record.is_some_and(|mark| mark.deleted), "a deleted record: {:?}", view.record),
            "absent" | "never" => ensure_eq!(view.record, None, "a record that is not there"),
            _ => {
                let record = there(store, &entity, id).await?;
                let mark = RecordMark { id: record.id, generation: record.generation, deleted: false };
                ensure_eq!(view.record, Some(mark), "the record {id}");
            }
        }
    }
    let all = syncs.read_stakes(hold.entity.id, None, &asked).await?;
    let count: Vec<usize> = all.iter().map(|view| view.others.len()).collect();
    ensure!(all.iter().all(|view| view.own.is_none()), "nobody asks, so that nothing is own");
    ensure_eq!(count, [1, 1, 3, 0, 1, 0], "everybody's stakes");
    ensure_eq!(syncs.read_stakes(hold.entity.id, Some(hold.target), &[]).await?, [], "no ids");
    Ok(())
}

/// Entities are kept apart, whatever stands in others under the same ids.
pub async fn stakes_of_other_entities_stand_apart(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let (other, elsewhere) = holding(syncs, "another", "F", "2").await?;
    put(store, &records_of(&hold), [("a", json!({}))]).await?;
    put(store, &records_of(&elsewhere), [("a", json!({})), ("b", json!({}))]).await?;
    for (run, hold, ids) in [(&run, &hold, vec!["a"]), (&other, &elsewhere, vec!["a", "b"])] {
        let mut first = page(run, hold);
        first.stakes = stakes(ids);
        syncs.commit_page(&first).await?;
    }
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings(["a", "b"])).await?;
    let told: Vec<(bool, bool, usize)> =
        views.iter().map(|view| (view.record.is_some(), view.own.is_some(), view.others.len())).collect();
    ensure_eq!(told, [(true, true, 0), (false, false, 0)], "record, own stake and others' of each id");
    let a = there(store, &records_of(&hold), "a").await?;
    ensure_eq!(views.first().and_then(|view| view.record).map(|mark| mark.id), Some(a.id), "whose record it is");
    ensure_eq!(external_ids(syncs, &hold).await?, ["a"], "the one's stakes");
    ensure_eq!(external_ids(syncs, &elsewhere).await?, ["a", "b"], "the other's stakes");
    let absent = syncs.read_stakes(EntityId::generate(), None, &strings(["a"])).await?;
    let told: Vec<(bool, bool, usize)> =
        absent.iter().map(|view| (view.record.is_some(), view.own.is_some(), view.others.len())).collect();
    ensure_eq!(told, [(false, false, 0)], "what is known of an entity that is not there");
    Ok(())
}

/// A stake says which state of the record it is beside: the one that was read, or that of this transaction's own writing.
pub async fn a_stake_knows_the_generation(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let entity = records_of(&hold);
    put(store, &entity, [("a", json!({ "n": 1 })), ("b", json!({ "n": 1 })), ("gone", json!({}))]).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(strings(["gone"]))).await?;
    let read = there(store, &entity, "a").await?.generation;
    put(store, &entity, [("a", json!({ "n": 2 }))]).await?;
    let mut first = page(&run, &hold);
    let written = |id: &str, generation| StakeWrite { generation, ..stake(id, "content") };
    first.stakes = vec![written("b", None), written("a", Some(read)), written("gone", None)];
    syncs.commit_page(&first).await?;
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings(["a", "b", "gone"])).await?;
    let told: Vec<(Option<i64>, Option<i64>)> = views
        .iter()
        .map(|view| (view.own.as_ref().map(|stake| stake.generation), view.record.map(|record| record.generation)))
        .collect();
    let now_is = |place: usize| told.get(place).and_then(|(_, record)| *record);
    ensure_eq!(told, [(Some(read), now_is(0)), (now_is(1), now_is(1)), (now_is(2), now_is(2))], "stakes and records");
    ensure!(now_is(0) > Some(read) && now_is(1).is_some() && now_is(2).is_some(), "the records' generations: {told:?}");
    // What is given as read stands, though the stake in it is written again.
    put(store, &entity, [("b", json!({ "n": 3 }))]).await?;
    let mut second = page(&run, &hold);
    second.stakes = vec![written("b", None), written("a", Some(read))];
    syncs.commit_page(&second).await?;
    let stakes = syncs.list_stakes(hold.target, None, 2).await?;
    let generations: Vec<i64> = stakes.iter().map(|stake| stake.generation).collect();
    ensure_eq!(generations, [read, there(store, &entity, "b").await?.generation], "generations after another page");
    Ok(())
}

/// Stakes are given up by their ids, those of others and of records that are there still not.
pub async fn stakes_are_given_up(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    put(store, &records_of(&hold), [("a", json!({ "n": 1 }))]).await?;
    for (run, hold) in [(&run, &hold), (&other, &its)] {
        let mut first = page(run, hold);
        first.stakes = stakes(["a", "b", "c"]);
        syncs.commit_page(&first).await?;
    }
    let mut second = page(&run, &hold);
    second.dropped = strings(["a", "never", "c", "a"]);
    syncs.commit_page(&second).await?;
    ensure_eq!(external_ids(syncs, &hold).await?, ["b"], "what is left");
    ensure_eq!(external_ids(syncs, &its).await?, ["a", "b", "c"], "another sync's");
    ensure_eq!(there(store, &records_of(&hold), "a").await?.data, json!({ "n": 1 }), "the record");
    Ok(())
}

/// The ids by which the order of text shows: code points, not a language's alphabet, and not UTF-16.
pub(super) const ORDERED: [&str; 12] = ["\"", "'", "-1", "10", "9", "Z", "Zz", "\\", "a", "é", "\u{ffee}", "\u{1f600}"];

/// Stakes are listed in order of their ids' code points, and page by page as in one list.
pub async fn stakes_are_listed_by_code_point(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    for (run, hold) in [(&run, &hold), (&other, &its)] {
        let mut first = page(run, hold);
        first.stakes = stakes(ORDERED.into_iter().rev());
        syncs.commit_page(&first).await?;
    }
    ensure_eq!(external_ids(syncs, &hold).await?, ORDERED, "the order");
    for limit in [1, 5, 12, 13] {
        let mut after: Option<String> = None;
        let mut walked = Vec::new();
        loop {
            let page = syncs.list_stakes(hold.target, after.as_deref(), limit).await?;
            ensure!(page.len() <= limit as usize, "a page of {limit} holds {}", page.len());
            let Some(last) = page.last() else { break };
            after = Some(last.external_id.clone());
            walked.extend(page.into_iter().map(|stake| stake.external_id));
            ensure!(walked.len() <= ORDERED.len(), "pages of {limit} come to no end: {walked:?}");
        }
        ensure_eq!(walked, ORDERED, "pages of {limit}");
    }
    let between = syncs.list_stakes(hold.target, Some("A nobody's id"), 2).await?;
    let between: Vec<&str> = between.iter().map(|stake| stake.external_id.as_str()).collect();
    ensure_eq!(between, ["Z", "Zz"], "behind an id that is not there");
    Ok(())
}
