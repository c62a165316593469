//! One sync in a connection of its own, from what is there before to the last run.

use crate::{
    scenario::{Scenario, Stage, policy},
    script::Script,
};
use mastra_core::{
    Engine, EntityRef, NewRecord, RecordSelector, UpsertOptions,
    changes::{ClaimOptions, SettlementOutcome},
    sync::RunId,
};
use mastra_sync::{
    Completed, Failure, Mastra, RunOptions, SyncDefinition as _, SyncError, SyncErrorKind, WhenBusy, define, source::Source,
    write::RecordsBuilder,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Short, so that what a dead run held comes soon to another.
pub(crate) const LEASE: Duration = Duration::from_millis(80);

/// Long: nothing is timed here, and a run that is never let in fails all the same.
const PATIENCE: Duration = Duration::from_secs(120);

/// A sync of an entity in a connection of its own, which stands for a database of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) connection: String,
    pub(crate) lease: Duration,
}

impl Case {
    pub(crate) fn entity(&self) -> EntityRef {
        EntityRef::named("Contacts").in_connection(&self.connection)
    }

    pub(crate) fn subscription(&self) -> String {
        format!("follow-{}", self.connection)
    }

    pub(crate) fn run_id(&self, number: usize) -> RunId {
        RunId::new(format!("{}-{number}", self.connection))
    }

    /// What is there before: the first run, another sync's, what people did; and nothing in the queue.
    pub(crate) async fn prepare(&self, engine: &Arc<dyn Engine>) {
        let options = || RunOptions { lease: Duration::from_secs(60), ..RunOptions::default() };
        let (scenario, first) = (self.scenario, Stage::First);
        if scenario != Scenario::Fresh {
            let source = scenario.source(first);
            self.load(engine, "crm", source, options(), move |records| scenario.told(first, records)).await.unwrap();
        }
        let shop = Script { sheets: scenario.shop(), ..Script::default() };
        if !shop.sheets.is_empty() {
            let how =
                move |records: RecordsBuilder| if scenario == Scenario::Merging { records.merge(policy()) } else { records };
            self.load(engine, "shop", shop, options(), how).await.unwrap();
        }
        for (id, data) in scenario.by_hand() {
            match data {
                Some(data) => {
                    let record = NewRecord::new(id, data);
                    engine.upsert_records(&self.entity(), &[record], &UpsertOptions::default()).await.unwrap();
                }
                None => {
                    let selector = RecordSelector::ExternalIds(vec![id.into()]);
                    engine.delete_records(&self.entity(), &selector).await.unwrap();
                }
            }
        }
        let queue = engine.changes().unwrap();
        queue.subscribe(&self.subscription(), &self.entity()).await.unwrap();
        loop {
            let claimed =
                queue.claim_changes(&self.subscription(), &ClaimOptions { limit: 500, ..Default::default() }).await.unwrap();
            if claimed.is_empty() {
                break;
            }
            let done: Vec<_> = claimed.iter().map(|change| change.settle(SettlementOutcome::done())).collect();
            queue.settle_changes(&self.subscription(), &done).await.unwrap();
        }
    }

    /// Runs the sync as the scenario has it, and waits for whoever is in its way. An error where it does not come to the scenario's end.
    pub(crate) async fn run(&self, engine: &Arc<dyn Engine>, stage: Stage, run_id: RunId) -> Result<(), SyncError> {
        let scenario = self.scenario;
        let options =
            RunOptions { run_id: Some(run_id), when_busy: WhenBusy::Wait(PATIENCE), lease: LEASE, ..scenario.options(stage) };
        let refused = scenario == Scenario::Refused && stage == Stage::Now;
        match self.load(engine, "crm", scenario.source(stage), options, move |records| scenario.told(stage, records)).await {
            Err(error) if refused && error.kind() == SyncErrorKind::Refused => Ok(()),
            done => {
                assert!(!refused || done.is_err(), "it was not refused");
                done.map(drop)
            }
        }
    }

    pub(crate) async fn load<S: Source + Clone + 'static>(
        &self,
        engine: &Arc<dyn Engine>,
        sync: &str,
        source: S,
        options: RunOptions,
        how: impl Fn(RecordsBuilder) -> RecordsBuilder + Send + Sync + 'static,
    ) -> Result<Completed<Value>, SyncError> {
        let (connection, how) = (self.connection.clone(), Arc::new(how));
        let sync = define(sync).execute(move |ctx| {
            let (source, connection, how) = (source.clone(), connection.clone(), Arc::clone(&how));
            async move {
                let target = how(ctx.records("Contacts").connection(connection)).load(&source).await?;
                Ok::<_, Failure>(serde_json::to_value(target.counts).unwrap_or_default())
            }
        });
        let id = sync.id().to_owned();
        let mastra = Mastra::builder().engine(Arc::clone(engine)).sync(sync).build().unwrap();
        mastra.sync(id, Value::Null).options(options).await
    }
}
