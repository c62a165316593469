//! What serves each statement: the lists that grow with the records are read by their keys, in order.

use super::{list, quarantine, stakes};
use crate::{entities, store::SqliteEngine, unit::Access as _};
use mastra_core::{
    EntityRef, NewRecord, RecordStore as _, SyncBatch,
    sync::{
        Acquired, EnumerationChange, LedgerEntry, NewHold, NewRun, PageCommit, QuarantineQuery, RunId, RunQuery, RunTarget,
        StakeWrite, SyncStore as _, TargetId,
    },
    time,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteArguments};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

/// An engine with a thousand records of a sync, of which an enumeration has met all but a few.
async fn synced() -> mastra_core::Checked<SqliteEngine> {
    let engine = SqliteEngine::builder(":memory:").connect().await.unwrap();
    let records: Vec<NewRecord> = (0..1_000).map(|id| NewRecord::new(format!("r{id:04}"), json!({ "id": id }))).collect();
    engine.sync_records(&SyncBatch::new("Contacts", "crm", records)).await.unwrap();
    let run_id = RunId::generate();
    engine.begin_run(&NewRun { id: run_id.clone(), sync_id: "s".into(), input_hash: "i".into(), lease: LEASE }).await.unwrap();
    let hold = NewHold {
        sync_id: "s".into(),
        entity: "Contacts".into(),
        connection_id: "crm".into(),
        run_id: run_id.clone(),
        lease: LEASE,
    };
    let Acquired::Held(hold) = engine.acquire(&hold).await.unwrap() else { panic!("nobody else holds it") };
    let stake = |id: usize| StakeWrite {
        external_id: format!("r{id:04}"),
        content: "c".into(),
        generation: None,
        created: true,
        version: None,
        keys: [("id".to_owned(), Default::default())].into(),
    };
    let target = RunTarget {
        entity_id: hold.entity.id,
        entity: "Contacts".into(),
        connection_id: "crm".into(),
        mode: Default::default(),
        source: None,
        cursor_from: None,
        cursor: None,
        complete: false,
        counts: Default::default(),
        bytes: 0,
        errors: Vec::new(),
    };
    let page = PageCommit {
        target: hold.target,
        fence: hold.fence,
        lease: LEASE,
        cursor: None,
        enumeration: EnumerationChange::Begin,
        seen: (0..990).map(|id| format!("r{id:04}")).collect(),
        stakes: (0..1_000).map(stake).collect(),
        dropped: Vec::new(),
        quarantined: Vec::new(),
        settled: Vec::new(),
        ledger: LedgerEntry { run_id, attempt: 1, target },
    };
    engine.commit_page(&page).await.unwrap();
    engine
}

/// The plan of a statement, a line a step.
async fn plan(connection: &mut SqliteConnection, sql: &str, args: SqliteArguments) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let rows = sqlx::query_with(AssertSqlSafe(sql), args).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(3)).collect()
}

/// Nothing is scanned but lists that the caller gives, and nothing is sorted.
fn assert_served(what: &str, plan: &[String]) {
    let bad = |line: &&String| (line.starts_with("SCAN") && !line.contains("VIRTUAL TABLE")) || line.contains("TEMP B-TREE");
    assert_eq!(plan.iter().find(bad), None, "{what}: {plan:#?}");
}

#[tokio::test]
async fn lists_are_read_by_their_keys() {
    let engine = synced().await;
    let mut unit = engine.inner().access.write().await.unwrap();
    let connection = unit.connection().unwrap();
    let known = entities::resolve(connection, &EntityRef::named("Contacts")).await.unwrap();
    let statements = [
        ("records by ids", stakes::MARKS.to_owned()),
        ("stakes by ids", stakes::stakes_of_ids()),
        ("stakes behind one", stakes::stakes_behind()),
        ("stakes unseen", stakes::unseen()),
        ("how many unseen", stakes::count_of_unseen()),
    ];
    for (what, sql) in statements {
        let mut args = crate::args::Args::default();
        args.push(known.key);
        args.push("[\"r0001\", \"r0002\"]");
        args.push(10);
        assert_served(what, &plan(connection, &sql, args.finish().unwrap()).await);
    }
    let target = TargetId::new(1);
    let queries = [
        QuarantineQuery::default(),
        QuarantineQuery { target: Some(target), ..QuarantineQuery::default() },
        QuarantineQuery { target: Some(target), after: Some((target, "r0001".into())), ..QuarantineQuery::default() },
    ];
    for query in queries {
        let (sql, args) = quarantine::select(&query).unwrap();
        let plan = plan(connection, &sql, args).await;
        assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{query:?}: {plan:?}");
        assert!(query.target.is_none() || plan.iter().all(|line| line.starts_with("SEARCH")), "{query:?}: {plan:?}");
    }
    let sync = Some("s".to_owned());
    for query in [RunQuery::default(), RunQuery { sync_id: sync, before: Some(9), ..RunQuery::default() }] {
        let (sql, args) = list::select(&query, time::now()).unwrap();
        let plan = plan(connection, &sql, args).await;
        assert!(!plan.iter().any(|line| line == "USE TEMP B-TREE FOR ORDER BY"), "{query:?}: {plan:?}");
    }
}
