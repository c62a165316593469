//! An engine of each kind, and syncs on it.

use crate::scripted::Scripted;
use mastra_core::{
    Engine, EntityRef, NewRecord, RecordQuery, RecordSelector, RecordStoreExt as _, UpsertOptions,
    sync::{QuarantineQuery, Quarantined, RunTarget, SyncMode},
};
use mastra_sync::{
    Completed, Failure, Mastra, RunOptions, SyncError, define,
    write::{MergePolicy, RecordsBuilder},
};
use mastra_tests::postgres::Postgres;
use serde_json::Value;
use std::{any::Any, collections::BTreeMap, sync::Arc, time::Duration};

/// Short, so that what a dead run held comes soon to another.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// What a test works with. Its guards go last.
pub(crate) struct Rig {
    pub(crate) engine: Arc<dyn Engine>,
    postgres: Option<Postgres>,
    _guards: Vec<Box<dyn Any + Send + Sync>>,
}

/// How a sync of a test writes.
pub(crate) type Told = Arc<dyn Fn(RecordsBuilder) -> RecordsBuilder + Send + Sync>;

pub(crate) fn told(how: impl Fn(RecordsBuilder) -> RecordsBuilder + Send + Sync + 'static) -> Told {
    Arc::new(how)
}

pub(crate) fn mode(mode: SyncMode) -> Told {
    told(move |records| records.mode(mode))
}

pub(crate) fn merging(policy: MergePolicy) -> Told {
    told(move |records| records.merge(policy.clone()))
}

impl Rig {
    pub(crate) async fn mock() -> Self {
        Self { engine: Arc::new(mastra_mock::MockEngine::new().checked()), postgres: None, _guards: Vec::new() }
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = mastra_sqlite::SqliteEngine::builder(folder.path().join("mastra.db")).connect().await.unwrap();
        Self { engine: Arc::new(engine), postgres: None, _guards: vec![Box::new(folder)] }
    }

    pub(crate) async fn postgres() -> Self {
        let postgres = Postgres::fresh("syncs").await;
        Self { engine: Arc::new(postgres.engine().await), postgres: Some(postgres), _guards: Vec::new() }
    }

    /// Runs a sync that loads a source into `Contacts`.
    pub(crate) async fn run(
        &self,
        sync: &str,
        source: &Scripted,
        told: &Told,
        options: RunOptions,
    ) -> Result<Completed<Value>, SyncError> {
        let (source, how) = (source.clone(), Arc::clone(told));
        let sync = define(sync).execute(move |ctx| {
            let (source, how) = (source.clone(), Arc::clone(&how));
            async move {
                let target = how(ctx.records("Contacts").connection("crm")).load(&source).await?;
                Ok::<_, Failure>(serde_json::to_value(target.counts).unwrap_or_default())
            }
        });
        let id = mastra_sync::SyncDefinition::id(&sync).to_owned();
        let mastra = Mastra::builder().engine(Arc::clone(&self.engine)).sync(sync).build().unwrap();
        let options = RunOptions { lease: LEASE, ..options };
        mastra.sync(id, Value::Null).options(options).await
    }

    /// Runs it as it is, and returns what it did.
    pub(crate) async fn load(&self, sync: &str, source: &Scripted, told: &Told) -> RunTarget {
        self.run(sync, source, told, RunOptions::default()).await.unwrap().run.targets.remove(0)
    }

    /// The live records, by external id.
    pub(crate) async fn contacts(&self) -> BTreeMap<String, Value> {
        let entity = EntityRef::named("Contacts").in_connection("crm");
        match self.engine.get_records(&entity, &RecordQuery::new()).await {
            Ok(page) => page.items.into_iter().map(|record| (record.external_id, record.data)).collect(),
            Err(error) if error.is_not_found() => BTreeMap::new(),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn contact(&self, id: &str) -> Option<Value> {
        self.contacts().await.remove(id)
    }

    pub(crate) fn entity(&self) -> EntityRef {
        EntityRef::named("Contacts").in_connection("crm")
    }

    /// What a person does by hand.
    pub(crate) async fn edit(&self, id: &str, data: Value) {
        self.engine.upsert_records(&self.entity(), &[NewRecord::new(id, data)], &UpsertOptions::default()).await.unwrap();
    }

    pub(crate) async fn delete(&self, id: &str) {
        let deleted = self.engine.delete_records(&self.entity(), &RecordSelector::ExternalIds(vec![id.into()])).await.unwrap();
        assert_eq!(deleted.deleted, 1);
    }

    pub(crate) async fn cursor(&self) -> Option<String> {
        self.engine.get_entity(Some("Contacts"), Some("crm")).await.unwrap().last_sync_id
    }

    /// Waits until something of this test waits for a lock on Postgres.
    pub(crate) async fn until_somebody_waits(&self) {
        let postgres = self.postgres.as_ref().unwrap();
        let pool = postgres.pool().await;
        let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position($1 IN query) > 0)";
        while !sqlx::query_scalar::<_, bool>(waits).bind(postgres.schema()).fetch_one(&pool).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pool.close().await;
    }

    pub(crate) async fn set_aside(&self) -> Vec<Quarantined> {
        self.engine.syncs().unwrap().list_quarantined(&QuarantineQuery::default()).await.unwrap()
    }

    pub(crate) async fn end(self) {
        if let Some(postgres) = self.postgres {
            postgres.drop_schema().await;
        }
    }
}

/// A test of each case on each engine.
macro_rules! on_every_engine {
    ($($case:ident),* $(,)?) => {
        on_every_engine! { @ mock [$($case)*] }
        on_every_engine! { @ sqlite [$($case)*] }
        on_every_engine! { @ postgres [$($case)*] }
    };
    (@ $rig:ident [$($case:ident)*]) => {
        mod $rig {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let rig = crate::rig::Rig::$rig().await;
                super::$case(&rig).await;
                rig.end().await;
            })*
        }
    };
}
pub(crate) use on_every_engine;
