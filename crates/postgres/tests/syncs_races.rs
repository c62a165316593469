//! Many who want the same run, target or entity at once.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
#[path = "support/syncs.rs"]
mod support;

use common::TestSchema;
use futures::future::join_all;
use mastra_core::{
    Checked, Engine as _, EngineExt as _, EntityId, EntityRef, ErrorKind, NewRecord, RecordStore as _, Transaction,
    UpsertOptions,
    sync::{Acquired, Hold, NewHold, NewRun, PageCommit, RunId, RunStart, RunUpdate},
};
use mastra_postgres::PostgresEngine;
use serde_json::json;
use sqlx::PgConnection;
use std::{sync::Arc, time::Duration};
use support::{LEASE, begin, hold, new_hold, new_run, page, progress, stake, syncs, take_over};

/// A lease that is as good as over.
const MOMENT: Duration = Duration::from_millis(1);

async fn engines(schema: &TestSchema, number: usize) -> Vec<Arc<Checked<PostgresEngine>>> {
    join_all((0..number).map(|_| async { Arc::new(schema.engine().await) })).await
}

/// Waits until a statement of somebody stands still behind a lock in this schema.
async fn somebody_waits(schema: &TestSchema, conn: &mut PgConnection) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position($1 IN query) > 0";
    while sqlx::query_scalar::<_, i64>(sql).bind(&schema.name).fetch_one(&mut *conn).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn rows(conn: &mut PgConnection, target: i64) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM sync_stakes WHERE target_id = $1)";
    sqlx::query_as(sql).bind(target).fetch_one(conn).await.unwrap()
}

/// A page with these records, as a writer commits it.
async fn write(transaction: &mut Transaction, entity: EntityId, page: &PageCommit) -> mastra_core::Result<()> {
    let records: Vec<NewRecord> = page.stakes.iter().map(|stake| NewRecord::new(&stake.external_id, json!({ "n": 1 }))).collect();
    transaction.upsert_records(&EntityRef::Id(entity), &records, &UpsertOptions::default()).await?;
    transaction.syncs().unwrap().commit_page(page).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_want_a_target_one_has_it_and_the_others_hear_who() {
    let schema = TestSchema::new().await;
    let engines = engines(&schema, 4).await;
    for round in 0..5 {
        let entity = format!("E{round}");
        let wanting = (0..16).map(|n| {
            let (engine, entity) = (Arc::clone(&engines[n % 4]), entity.clone());
            tokio::spawn(async move {
                let run = RunId::new(format!("run {n}"));
                (run.clone(), syncs(&engine).acquire(&new_hold(&run, &entity, LEASE)).await.unwrap())
            })
        });
        let (mut winners, mut named) = (Vec::new(), Vec::new());
        for done in join_all(wanting).await {
            match done.unwrap() {
                (run, Acquired::Held(hold)) => winners.push((run, hold.fence)),
                (_, Acquired::Busy { run_id, .. }) => named.push(run_id),
            }
        }
        assert_eq!((winners.len(), winners[0].1), (1, 1), "{winners:?}");
        assert!(named.iter().all(|run| *run == winners[0].0), "{named:?} for {winners:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_begin_a_run_one_does_again_and_again() {
    let schema = TestSchema::new().await;
    let engines = engines(&schema, 4).await;
    for attempt in 1..=5 {
        let beginning = (0..16).map(|n| {
            let engine = Arc::clone(&engines[n % 4]);
            tokio::spawn(async move { syncs(&engine).begin_run(&new_run("run")).await.unwrap() })
        });
        let begun: Vec<RunStart> = join_all(beginning).await.into_iter().map(Result::unwrap).collect();
        let started = begun.iter().filter(|begun| matches!(begun, RunStart::Started(run) if run.attempt == attempt)).count();
        let busy = begun.iter().filter(|begun| matches!(begun, RunStart::Busy(run) if run.attempt == attempt)).count();
        assert_eq!((started, busy), (1, 15), "{begun:?}");
        let run = RunId::new("run");
        // It gives up the ghost.
        let dying = RunUpdate { lease: Some(MOMENT), ..RunUpdate::default() };
        syncs(&engines[0]).update_run(&run, attempt, &dying).await.unwrap();
        while !syncs(&engines[0]).get_run(&run).await.unwrap().state.is_finished() {
            tokio::time::sleep(MOMENT).await;
        }
    }
}

/// A page that began before a takeover ends before it; afterwards the old holder writes nothing, records included.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_takeover_waits_for_the_page_under_way_and_the_next_one_is_refused() {
    let schema = TestSchema::new().await;
    let engines = engines(&schema, 2).await;
    let mut conn = schema.connection().await;
    let (old, new) = (begin(syncs(&engines[0]), "old").await, begin(syncs(&engines[1]), "new").await);
    let held = hold(syncs(&engines[0]), &old, "E", MOMENT).await;
    let entity = held.entity.id;

    let mut under_way = engines[0].begin().await.unwrap();
    let mut first = PageCommit { lease: MOMENT, ..page(&old, &held) };
    first.stakes = vec![stake("a", None)];
    write(&mut under_way, entity, &first).await.unwrap();
    let taking = {
        let (engine, new) = (Arc::clone(&engines[1]), new.clone());
        tokio::spawn(async move { take_over(syncs(&engine), &new, "E").await })
    };
    somebody_waits(&schema, &mut conn).await;
    assert!(!taking.is_finished());
    under_way.commit().await.unwrap();
    let taken = taking.await.unwrap();
    assert_eq!((taken.target, taken.fence), (held.target, held.fence + 1));
    assert_eq!(rows(&mut conn, held.target.get()).await, (1, 1), "the page that was under way is there");

    let mut second = page(&old, &held);
    second.stakes = vec![stake("b", None)];
    second.cursor = Some("late".into());
    let refused = engines[0].transaction(async |transaction| write(transaction, entity, &second).await).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::Conflict, false), "{refused}");
    assert_eq!(syncs(&engines[0]).commit_page(&second).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(syncs(&engines[0]).extend_hold(&held, LEASE).await.unwrap_err().kind(), ErrorKind::Conflict);
    syncs(&engines[0]).release(&held).await.unwrap();
    assert_eq!(rows(&mut conn, held.target.get()).await, (1, 1), "nothing of the refused page is");
    assert_eq!(engines[0].resolve_entity(&EntityRef::Id(entity)).await.unwrap().last_sync_id, None);
    assert_eq!(syncs(&engines[0]).get_run(&old).await.unwrap().targets[0].counts.read, 0);

    let mut third = page(&new, &taken);
    third.stakes = vec![stake("c", None)];
    engines[1].transaction(async |transaction| write(transaction, entity, &third).await).await.unwrap();
    assert_eq!(rows(&mut conn, held.target.get()).await, (2, 2));
}

/// The same the other way round: a page that waits for a takeover is refused once that has committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_that_waits_for_a_takeover_writes_nothing() {
    let schema = TestSchema::new().await;
    let engines = engines(&schema, 2).await;
    let mut conn = schema.connection().await;
    let (old, new) = (begin(syncs(&engines[0]), "old").await, begin(syncs(&engines[1]), "new").await);
    let held = hold(syncs(&engines[0]), &old, "E", MOMENT).await;
    tokio::time::sleep(MOMENT * 5).await;
    let takeover = engines[1].begin().await.unwrap();
    take_over(takeover.syncs().unwrap(), &new, "E").await;
    let writing = {
        let (engine, old, held) = (Arc::clone(&engines[0]), old.clone(), held.clone());
        tokio::spawn(async move {
            let mut late = page(&old, &held);
            late.stakes = vec![stake("a", None)];
            engine.transaction(async |transaction| write(transaction, held.entity.id, &late).await).await
        })
    };
    somebody_waits(&schema, &mut conn).await;
    takeover.commit().await.unwrap();
    assert_eq!(writing.await.unwrap().unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(rows(&mut conn, held.target.get()).await, (0, 0));
}

/// A lease that ran out hurts nobody while nobody takes over.
#[tokio::test]
async fn a_holder_whose_lease_ran_out_still_commits_where_nobody_took_over() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let run = begin(syncs(&engine), "run").await;
    let held = hold(syncs(&engine), &run, "E", MOMENT).await;
    let mut conn = schema.connection().await;
    while !sqlx::query_scalar::<_, bool>("SELECT lease_until < clock_timestamp() FROM sync_targets")
        .fetch_one(&mut conn)
        .await
        .unwrap()
    {
        tokio::time::sleep(MOMENT).await;
    }
    syncs(&engine).commit_page(&page(&run, &held)).await.unwrap();
    let busy = syncs(&engine).acquire(&new_hold(&RunId::new("other"), "E", LEASE)).await.unwrap();
    assert!(matches!(busy, Acquired::Busy { run_id, .. } if run_id == run), "the page held it for longer");
}

/// The longest lease, taken while another waits: that one's time lies before it, and must not make it look like a clock that was set back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_longest_lease_is_respected_by_those_who_waited_for_it() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.engine().await);
    let mut conn = schema.connection().await;
    let longest = mastra_core::sync::MAX_SYNC_LEASE;
    let run = begin(syncs(&engine), "run").await;
    let held = hold(syncs(&engine), &run, "E", LEASE).await;
    let holding = engine.begin().await.unwrap();
    let blocker = holding.syncs().unwrap();
    blocker.extend_hold(&held, LEASE).await.unwrap();
    blocker.update_run(&run, 1, &RunUpdate::default()).await.unwrap();
    let wanting = {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let other = RunId::new("other");
            let wanted = new_hold(&other, "E", LEASE);
            futures::join!(syncs(&engine).acquire(&wanted), async { syncs(&engine).begin_run(&new_run("run")).await })
        })
    };
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position($1 IN query) > 0";
    while sqlx::query_scalar::<_, i64>(sql).bind(&schema.name).fetch_one(&mut conn).await.unwrap() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let blocker = holding.syncs().unwrap();
    blocker.extend_hold(&held, longest).await.unwrap();
    blocker.update_run(&run, 1, &RunUpdate { lease: Some(longest), ..RunUpdate::default() }).await.unwrap();
    holding.commit().await.unwrap();
    let (acquired, begun) = wanting.await.unwrap();
    assert!(matches!(acquired.unwrap(), Acquired::Busy { .. }));
    assert!(matches!(begun.unwrap(), RunStart::Busy(_)));
}

/// Whoever deletes an entity waits for a page under way, and takes along what it wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deleting_an_entity_waits_for_the_page_under_way() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.engine().await);
    let mut conn = schema.connection().await;
    let run = begin(syncs(&engine), "run").await;
    let held = hold(syncs(&engine), &run, "E", LEASE).await;
    let mut under_way = engine.begin().await.unwrap();
    let mut first = page(&run, &held);
    first.stakes = vec![stake("a", None)];
    write(&mut under_way, held.entity.id, &first).await.unwrap();
    let deleting = {
        let (engine, id) = (Arc::clone(&engine), held.entity.id);
        tokio::spawn(async move { engine.delete_entity_by_id(id).await.unwrap().records })
    };
    somebody_waits(&schema, &mut conn).await;
    under_way.commit().await.unwrap();
    assert_eq!(deleting.await.unwrap(), 1);
    assert_eq!(rows(&mut conn, held.target.get()).await, (0, 0));
    let refused = syncs(&engine).commit_page(&page(&run, &held)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::Conflict, false));
}

/// What a storm of pages is made of.
struct Storm {
    /// How many syncs write, each into one of the entities.
    writers: usize,
    entities: usize,
    deletions: u32,
    /// Whether a page that lost to others is run again.
    retry: bool,
}

/// Pages of many syncs, with and without records, signs of life of their runs, and deletions of the entities, all at once. What fails is a page
/// whose entity was deleted; how many succeeded.
async fn storm(schema: &TestSchema, storm: Storm) -> u64 {
    let engines = engines(schema, 3).await;
    let Storm { writers, entities, deletions, retry } = storm;
    let writing = (0..writers).map(|writer| {
        let engine = Arc::clone(&engines[writer % 3]);
        async move {
            let (sync_id, entity) = (format!("sync {writer}"), format!("E{}", writer % entities));
            let new = NewRun { sync_id: sync_id.clone(), ..new_run(&format!("run {writer}")) };
            let RunStart::Started(run) = syncs(&engine).begin_run(&new).await.unwrap() else { panic!("it is there already") };
            let mut held: Option<Hold> = None;
            let mut written = 0;
            for turn in 0..60_u64 {
                let hold = match held.take() {
                    Some(hold) => hold,
                    None => {
                        let new = NewHold { sync_id: sync_id.clone(), ..new_hold(&run.id, &entity, LEASE) };
                        let Acquired::Held(hold) = syncs(&engine).acquire(&new).await.unwrap() else { panic!("held by another") };
                        *hold
                    }
                };
                let mut page = page(&run.id, &hold);
                page.cursor = Some(format!("{writer}/{turn}"));
                page.ledger.target = progress(&hold, turn);
                page.stakes = (0..(turn % 3) * 5).map(|n| stake(n.to_string(), None)).collect();
                let commit = async || {
                    if retry {
                        let write = async |transaction: &mut Transaction| write(transaction, hold.entity.id, &page).await;
                        engine.transaction_with_retry(write).await
                    } else {
                        engine.transaction(async |transaction| write(transaction, hold.entity.id, &page).await).await
                    }
                };
                let (committed, alive) =
                    futures::join!(commit(), async { syncs(&engine).update_run(&run.id, 1, &RunUpdate::default()).await });
                alive.unwrap();
                match committed {
                    Ok(()) => {
                        written += 1;
                        held = Some(hold);
                    }
                    Err(error) => {
                        assert!(deletions > 0 && error.get("sqlstate") != Some("40P01"), "{error}");
                        assert!(!(retry && error.is_retryable()), "{error}");
                        assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound), "{error}");
                    }
                }
            }
            written
        }
    });
    let deleting = async {
        for turn in 0..deletions {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let name = format!("E{}", turn as usize % entities);
            if let Ok(entity) = engines[0].resolve_entity(&EntityRef::named(name)).await {
                engines[0].delete_entity_by_id(entity.id).await.unwrap();
            }
        }
    };
    let (written, ()) = futures::join!(join_all(writing), deleting);
    let mut conn = schema.connection().await;
    let orphans = "SELECT count(*) FROM sync_stakes s WHERE NOT EXISTS (SELECT FROM sync_targets t WHERE t.id = s.target_id)";
    assert_eq!(sqlx::query_scalar::<_, i64>(orphans).fetch_one(&mut conn).await.unwrap(), 0);
    written.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn syncs_of_one_entity_do_not_wait_for_each_other_in_a_circle() {
    let schema = TestSchema::new().await;
    let written = storm(&schema, Storm { writers: 4, entities: 1, deletions: 0, retry: false }).await;
    assert_eq!(written, 4 * 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_and_the_deletion_of_their_entity_do_not_wait_for_each_other_in_a_circle() {
    let schema = TestSchema::new().await;
    let written = storm(&schema, Storm { writers: 3, entities: 3, deletions: 15, retry: false }).await;
    assert!(written >= 3 * 60 - 15, "{written}: a deletion costs a page at most");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn syncs_of_an_entity_that_is_deleted_under_them_come_through_by_trying_again() {
    let schema = TestSchema::new().await;
    let written = storm(&schema, Storm { writers: 4, entities: 1, deletions: 10, retry: true }).await;
    assert!(written >= 4 * (60 - 10), "{written}: a deletion costs each sync a page at most");
}
