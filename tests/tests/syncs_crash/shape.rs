//! Everything that is stored of a case, so that one can be compared with another.

use crate::{
    case::{Case, LEASE},
    scenario::Scenario,
};
use mastra_core::{
    Engine, EntityRef, RecordQuery,
    changes::ClaimOptions,
    sync::{KeyStake, QuarantineQuery, RunCounts, RunState, TargetInfo},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What is stored, without what differs from run to run: ids, times, generations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) live: BTreeMap<String, (String, Value)>,
    pub(crate) deleted: BTreeSet<String>,
    /// By sync and external id.
    pub(crate) stakes: BTreeMap<(String, String), Held>,
    /// By sync: its cursor, whether an enumeration was given up, and how many items are set aside.
    pub(crate) targets: BTreeMap<String, (Option<String>, bool, u64)>,
    pub(crate) last_sync_id: Option<String>,
    /// By sync and key.
    pub(crate) set_aside: BTreeMap<(String, String), (Option<String>, Value, String)>,
    /// What follows the entity has to look at: the record, and whether it is gone.
    pub(crate) queue: BTreeMap<String, bool>,
}

/// A stake, without what differs from run to run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) keys: BTreeMap<String, KeyStake>,
    created: bool,
    content: String,
    /// Whether nobody has touched the record since.
    untouched: bool,
}

/// Every record's generation, by external id.
pub(crate) async fn generations(engine: &dyn Engine, entity: &EntityRef) -> BTreeMap<String, i64> {
    let records = engine.get_records(entity, &RecordQuery::new().include_deleted()).await.unwrap().items;
    records.into_iter().map(|record| (record.external_id, record.generation)).collect()
}

impl Shape {
    /// Reads it, and checks what has to be true of every case at rest. `before`: the generations when the queue was last empty.
    pub(crate) async fn of(case: &Case, engine: &dyn Engine, before: &BTreeMap<String, i64>) -> Self {
        let syncs = engine.syncs().unwrap();
        let targets: Vec<TargetInfo> = syncs.list_targets(None).await.unwrap();
        let targets: Vec<_> = targets.into_iter().filter(|target| target.entity.connection_id == case.connection).collect();
        let last_sync_id = targets[0].entity.last_sync_id.clone();
        let records = engine.get_records(&case.entity(), &RecordQuery::new().include_deleted()).await.unwrap().items;
        let ids: BTreeSet<&String> = records.iter().map(|record| &record.external_id).collect();
        assert_eq!(ids.len(), records.len(), "one record an external id");
        let now: BTreeMap<String, i64> = records.iter().map(|record| (record.external_id.clone(), record.generation)).collect();
        let (mut stakes, mut set_aside) = (BTreeMap::new(), BTreeMap::new());
        for target in &targets {
            let open = target.state.enumeration.as_ref();
            assert!(open.is_none_or(|open| open.cursor.is_none() && !open.read), "an enumeration is left to be gone on with");
            assert_eq!(target.holder, None, "nobody holds it");
            for stake in syncs.list_stakes(target.id, None, 10_000).await.unwrap() {
                let untouched = now.get(&stake.external_id) == Some(&stake.generation);
                let held = Held { keys: stake.keys, created: stake.created, content: stake.content, untouched };
                stakes.insert((target.sync_id.clone(), stake.external_id), held);
            }
            let query = QuarantineQuery { target: Some(target.id), limit: Some(1_000), ..QuarantineQuery::default() };
            for item in syncs.list_quarantined(&query).await.unwrap() {
                set_aside.insert((target.sync_id.clone(), item.key), (item.external_id, item.raw, item.error));
            }
        }
        let (deleted, live): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.deleted_at.is_some());
        Self {
            deleted: deleted.into_iter().map(|record| record.external_id).collect(),
            live: live.into_iter().map(|record| (record.external_id, (record.entity_type, record.data))).collect(),
            stakes,
            targets: targets
                .into_iter()
                .map(|at| (at.sync_id, (at.state.cursor, at.state.enumeration.is_some(), at.state.quarantined)))
                .collect(),
            last_sync_id,
            set_aside,
            queue: queue(case, engine, before, &now).await,
        }
    }

    /// Each thing as a line.
    fn lines(&self) -> BTreeSet<String> {
        let live = self.live.iter().map(|(id, (kind, data))| format!("live {id} ({kind}) {data}"));
        let deleted = self.deleted.iter().map(|id| format!("deleted {id}"));
        let stakes = self.stakes.iter().map(|((sync, id), held)| format!("stake of {sync} in {id}: {held:?}"));
        let targets = self.targets.iter().map(|(sync, target)| format!("target of {sync}: {target:?}"));
        let set_aside = self.set_aside.iter().map(|((sync, key), item)| format!("set aside by {sync}: {key} {item:?}"));
        let queue = self.queue.iter().map(|(id, gone)| format!("queued {id}{}", if *gone { ", gone" } else { "" }));
        let last = format!("last_sync_id {:?}", self.last_sync_id);
        live.chain(deleted).chain(stakes).chain(targets).chain(set_aside).chain(queue).chain([last]).collect()
    }

    /// What is here and not as expected (`+`), and what is expected and not here (`-`).
    pub(crate) fn differences(&self, expected: &Self) -> Vec<String> {
        let (is, should) = (self.lines(), expected.lines());
        let more = is.difference(&should).map(|line| format!("+ {line}"));
        more.chain(should.difference(&is).map(|line| format!("- {line}"))).collect()
    }

    /// What does not depend on how far a run came whose source changed behind it.
    pub(crate) fn without_history(mut self) -> Self {
        self.deleted.clear();
        self.queue.clear();
        // How often a key was written tells which of two syncs wrote last; that much is in the data.
        self.stakes.values_mut().flat_map(|held| held.keys.values_mut()).for_each(|key| key.order = 0);
        self
    }
}

/// What stands in the queue: each record that changed, by its newest generation, and no other.
async fn queue(
    case: &Case,
    engine: &dyn Engine,
    before: &BTreeMap<String, i64>,
    now: &BTreeMap<String, i64>,
) -> BTreeMap<String, bool> {
    let changes = engine.changes().unwrap();
    // For so short a time that the next look finds it all again.
    let claim = ClaimOptions { limit: 1_000, lease: Duration::from_millis(1) };
    tokio::time::sleep(claim.lease * 2).await;
    let claimed = changes.claim_changes(&case.subscription(), &claim).await.unwrap();
    let queued: BTreeMap<&String, i64> = claimed.iter().map(|change| (&change.external_id, change.generation)).collect();
    let changed: BTreeMap<&String, i64> =
        now.iter().filter(|(id, generation)| before.get(*id) != Some(generation)).map(|(id, at)| (id, *at)).collect();
    assert_eq!(queued, changed, "what changed is queued, by its newest generation");
    claimed.iter().map(|change| (change.external_id.clone(), change.deleted)).collect()
}

/// What the ledger says that all runs of a case did together; checks that each run of it has come to its end.
pub(crate) async fn ledger(case: &Case, engine: &dyn Engine, runs: usize) -> RunCounts {
    let syncs = engine.syncs().unwrap();
    let mut sum = RunCounts::default();
    for number in 0..runs {
        // A run that was killed before it began is not there.
        let id = case.run_id(number);
        let mut run = match syncs.get_run(&id).await {
            Ok(run) => run,
            Err(error) if error.is_not_found() && number + 1 < runs => continue,
            Err(error) => panic!("{error}"),
        };
        // One that was killed before it held anything was not waited for.
        for _ in 0..600 {
            if run.state != RunState::Running {
                break;
            }
            tokio::time::sleep(LEASE).await;
            run = syncs.get_run(&id).await.unwrap();
        }
        assert_ne!(run.state, RunState::Running, "{run:?}");
        assert!(run.targets.len() <= 1, "{run:?}");
        if number + 1 == runs {
            let ended = match case.scenario {
                Scenario::Refused => run.state == RunState::Failed || run.state.has_result(),
                Scenario::Limited => run.state.has_result(),
                _ => run.state.has_result() && run.targets[0].complete,
            };
            assert!(ended, "{run:?}");
        }
        for target in &run.targets {
            let counts = target.counts;
            assert_eq!(target.connection_id, case.connection);
            sum.created += counts.created;
            sum.updated += counts.updated;
            sum.deleted += counts.deleted;
            sum.failed += counts.failed;
            sum.read += counts.read;
            sum.unchanged += counts.unchanged;
        }
    }
    sum
}
