//! One reading of everything that a source has, and what it did not meet.

use super::stakes::ORDERED;
use super::{at_work, holding, info, new_hold, page, stakes, started, strings, syncs, take};
use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use mastra_core::{
    RecordStore,
    sync::{Enumeration, EnumerationChange, Hold, Run, SyncStore, Unseen},
};

async fn commit(syncs: &dyn SyncStore, run: &Run, hold: &Hold, enumeration: EnumerationChange, seen: &[&str]) -> Outcome {
    let mut next = page(run, hold);
    next.enumeration = enumeration;
    next.seen = seen.iter().map(|id| (*id).to_owned()).collect();
    Ok(syncs.commit_page(&next).await?)
}

async fn unseen(syncs: &dyn SyncStore, hold: &Hold) -> Outcome<Vec<String>> {
    Ok(syncs.list_unseen(hold.target, 1_000).await?.into_iter().map(|stake| stake.external_id).collect())
}

async fn under_way(syncs: &dyn SyncStore, hold: &Hold) -> Outcome<Enumeration> {
    let enumeration = info(syncs, hold).await?.state.enumeration;
    enumeration.ok_or_else(|| Failure::new("no enumeration is under way"))
}

/// The run "1" with stakes in these records.
async fn with_stakes<'i>(syncs: &dyn SyncStore, ids: impl IntoIterator<Item = &'i str>) -> Outcome<(Run, Hold)> {
    let (run, hold) = at_work(syncs).await?;
    let mut first = page(&run, &hold);
    first.stakes = stakes(ids);
    syncs.commit_page(&first).await?;
    Ok((run, hold))
}

/// An enumeration begins, goes on, is read to its end, and ends.
pub async fn an_enumeration_goes_its_way(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = with_stakes(syncs, ["a", "b", "c"]).await?;
    ensure_eq!(info(syncs, &hold).await?.state.enumeration, None, "before it begins");
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["a"]).await?;
    let began = under_way(syncs, &hold).await?;
    ensure_eq!((&began.cursor, began.read), (&None, false), "as it begins");
    ensure!(began.started_at >= run.started_at, "when it began");
    for cursor in [Some("1"), None, Some("it's \"2\"")] {
        commit(syncs, &run, &hold, EnumerationChange::Advance(cursor.map(str::to_owned)), &[]).await?;
        let now = under_way(syncs, &hold).await?;
        let expected = Enumeration { cursor: cursor.map(str::to_owned), ..began.clone() };
        ensure_eq!(now, expected, "as it goes on");
        commit(syncs, &run, &hold, EnumerationChange::Keep, &["b"]).await?;
        ensure_eq!(under_way(syncs, &hold).await?, expected, "as it is kept");
    }
    commit(syncs, &run, &hold, EnumerationChange::Read, &[]).await?;
    let read = under_way(syncs, &hold).await?;
    ensure_eq!((read.read, read.started_at), (true, began.started_at), "as it is read to its end");
    ensure_eq!(unseen(syncs, &hold).await?, ["c"], "what it did not meet");
    ensure_eq!(info(syncs, &hold).await?.state.cursor, None, "its cursor is not the sync's");
    commit(syncs, &run, &hold, EnumerationChange::End, &[]).await?;
    ensure_eq!(info(syncs, &hold).await?.state.enumeration, None, "once it has ended");
    Ok(())
}

/// What was seen is counted once, however often it is met, over all pages since the beginning.
pub async fn what_was_seen_is_remembered(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = with_stakes(syncs, ["a", "b", "c", "d"]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["b", "new", "b"]).await?;
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen { stakes: 4, unseen: 3 }, "behind the first page");
    commit(syncs, &run, &hold, EnumerationChange::Advance(Some("2".into())), &["d", "b"]).await?;
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen { stakes: 4, unseen: 2 }, "behind the second page");
    ensure_eq!(unseen(syncs, &hold).await?, ["a", "c"], "what was not met");
    // A stake that comes later counts by whether its record was met.
    let mut third = page(&run, &hold);
    third.stakes = stakes(["new", "other"]);
    third.dropped = strings(["c"]);
    syncs.commit_page(&third).await?;
    ensure_eq!(unseen(syncs, &hold).await?, ["a", "other"], "what was not met of what is there now");
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen { stakes: 5, unseen: 2 }, "in numbers");
    let all = syncs.list_unseen(hold.target, 10).await?;
    let listed = syncs.list_stakes(hold.target, None, 1).await?;
    ensure_eq!(all.first(), listed.first(), "a stake of the list, whole");
    Ok(())
}

/// Beginning again, and ending, forget what was seen.
pub async fn what_was_seen_is_forgotten(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = with_stakes(syncs, ["a", "b"]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["a", "b"]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Advance(Some("9".into())), &[]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Read, &[]).await?;
    ensure_eq!(unseen(syncs, &hold).await?, [""; 0], "all was met");
    let first = under_way(syncs, &hold).await?;
    super::a_moment().await;
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["b"]).await?;
    ensure_eq!(unseen(syncs, &hold).await?, ["a"], "what the second did not meet");
    let second = under_way(syncs, &hold).await?;
    ensure_eq!((&second.cursor, second.read), (&None, false), "the second begins at the beginning");
    ensure!(second.started_at > first.started_at, "when the second began: {} and {}", first.started_at, second.started_at);
    commit(syncs, &run, &hold, EnumerationChange::End, &[]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Begin, &[]).await?;
    ensure_eq!(unseen(syncs, &hold).await?, ["a", "b"], "what the third did not meet");
    Ok(())
}

/// An enumeration whose run died is there for the next holder.
pub async fn an_enumeration_outlives_its_run(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = with_stakes(syncs, ["a", "b"]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["a"]).await?;
    commit(syncs, &run, &hold, EnumerationChange::Advance(Some("2".into())), &[]).await?;
    syncs.release(&hold).await?;
    let second = started(syncs, "2").await?;
    let taken = take(syncs, &new_hold("a-sync", "E", &second, super::LONG)).await?;
    let going_on = taken.state.enumeration.as_ref().map(|one| (one.cursor.as_deref(), one.read));
    ensure_eq!(going_on, Some((Some("2"), false)), "where it goes on");
    ensure_eq!(syncs.count_unseen(taken.target).await?, Unseen { stakes: 2, unseen: 1 }, "what it had met");
    commit(syncs, &second, &taken, EnumerationChange::Keep, &["b"]).await?;
    ensure_eq!(unseen(syncs, &taken).await?, [""; 0], "what both did not meet");
    Ok(())
}

/// What one sync met is no other's affair, and neither is what it met in another entity.
pub async fn enumerations_stand_apart(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = with_stakes(syncs, ["a", "b"]).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    let elsewhere = take(syncs, &new_hold("a-sync", "F", &run, super::LONG)).await?;
    for (run, hold) in [(&other, &its), (&run, &elsewhere)] {
        let mut first = page(run, hold);
        first.stakes = stakes(["a", "b", "c"]);
        syncs.commit_page(&first).await?;
    }
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["a"]).await?;
    commit(syncs, &other, &its, EnumerationChange::Begin, &["b"]).await?;
    commit(syncs, &run, &elsewhere, EnumerationChange::Begin, &[]).await?;
    ensure_eq!(unseen(syncs, &hold).await?, ["b"], "the one's");
    ensure_eq!(unseen(syncs, &its).await?, ["a", "c"], "the other's");
    ensure_eq!(syncs.count_unseen(elsewhere.target).await?, Unseen { stakes: 3, unseen: 3 }, "those of another entity");
    commit(syncs, &other, &its, EnumerationChange::End, &[]).await?;
    ensure_eq!(unseen(syncs, &hold).await?, ["b"], "the one's, once the other's has ended");
    ensure!(under_way(syncs, &hold).await?.cursor.is_none(), "the one's goes on");
    Ok(())
}

/// What was not seen is listed in order of the ids' code points, so many at a time.
pub async fn unseen_stakes_are_listed_by_code_point(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = with_stakes(syncs, ORDERED.into_iter().rev()).await?;
    commit(syncs, &run, &hold, EnumerationChange::Begin, &["9", "z", "E\u{301}", "É"]).await?;
    let expected: Vec<&str> = ORDERED.into_iter().filter(|id| *id != "9").collect();
    ensure_eq!(unseen(syncs, &hold).await?, expected, "the order");
    let mut rounds = Vec::new();
    loop {
        let some = syncs.list_unseen(hold.target, 4).await?;
        if some.is_empty() {
            break;
        }
        // As a sync deletes what is gone: what is worked off is given up.
        let mut next = page(&run, &hold);
        next.dropped = some.iter().map(|stake| stake.external_id.clone()).collect();
        rounds.push(next.dropped.clone());
        ensure!(rounds.len() < 9, "what is given up comes back: {rounds:?}");
        syncs.commit_page(&next).await?;
    }
    ensure_eq!(rounds.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 3], "rounds");
    ensure_eq!(rounds.concat(), expected, "all rounds");
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen { stakes: 1, unseen: 0 }, "what is left");
    Ok(())
}

/// Ids that look alike are different ids.
pub async fn ids_are_seen_exactly(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let alike = ["A", "a", "a ", " a", "é", "e\u{301}", "ß", "ss", "%", "_", "a%"];
    let (run, hold) = with_stakes(syncs, alike).await?;
    for (place, seen) in alike.iter().enumerate() {
        commit(syncs, &run, &hold, EnumerationChange::Begin, &[seen]).await?;
        let left = unseen(syncs, &hold).await?;
        ensure_eq!(left.len(), alike.len() - 1, "what is left beside {seen:?}, the id {place}");
        ensure!(!left.iter().any(|id| id == seen), "{seen:?} was seen");
    }
    Ok(())
}
