//! What a sync's code is given.

mod services;

pub(crate) use services::Services;

use crate::write::{RecordsBuilder, RunScope, Stop};
use mastra_core::{Engine, Error, Result, sync::RunId, vector::VectorStore};
use std::{any::type_name, fmt, sync::Arc};

/// What a sync's code is given: its input, the engine, and whatever the application registered.
///
/// ```
/// use mastra_sync::{Context, Failure};
///
/// /// What writes summaries; the application's own.
/// struct Writer;
///
/// async fn execute(ctx: Context<u32>) -> Result<u64, Failure> {
///     let _writer = ctx.service::<Writer>()?;
///     for page in 0..*ctx.input() {
///         ctx.check()?; // stops here when the run is cancelled
///         ctx.note(format!("page {page}"));
///     }
///     Ok(1)
/// }
/// # let _ = execute;
/// ```
pub struct Context<I> {
    input: I,
    shared: Shared,
}

/// All of it but the input.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) services: Arc<Services>,
    pub(crate) scope: RunScope,
}

impl<I> Context<I> {
    pub(crate) fn new(input: I, shared: Shared) -> Self {
        Self { input, shared }
    }

    /// The input, validated.
    pub fn input(&self) -> &I {
        &self.input
    }

    /// The input to keep, and the rest.
    pub fn split(self) -> (I, Context<()>) {
        (self.input, Context { input: (), shared: self.shared })
    }

    /// Writes records of the entity of that name: page by page, each with cursor and ledger in one transaction.
    ///
    /// ```
    /// use mastra_core::NewRecord;
    /// use mastra_sync::define;
    /// use serde_json::json;
    ///
    /// let sync = define("contacts").output::<u64>().execute(|ctx| async move {
    ///     let mut contacts = ctx.records("contacts").connection("crm").open().await?;
    ///     contacts.put([NewRecord::new("c-1", json!({ "name": "Ada" }))]).await?;
    ///     Ok(contacts.complete().await?.counts.created)
    /// });
    /// # let _ = sync;
    /// ```
    pub fn records(&self, entity: impl Into<String>) -> RecordsBuilder {
        RecordsBuilder::new(self.scope().clone(), entity)
    }

    /// Where this sync goes on with an entity; `None` where it begins, or the run is to begin anew. One round trip;
    /// [`RecordWriter::cursor`](crate::write::RecordWriter::cursor) says the same without one.
    pub async fn cursor(&self, entity: &str, connection_id: &str) -> Result<Option<String>> {
        if self.scope().options().restart {
            return Ok(None);
        }
        let targets = self.scope().syncs()?.list_targets(Some(self.sync_id())).await?;
        let of = |name: &str, connection: &str| name == entity && connection == connection_id;
        let target = targets.into_iter().find(|target| of(&target.entity.name, &target.entity.connection_id));
        Ok(target.and_then(|target| target.state.cursor))
    }

    /// The engine. What is written by it directly belongs to nobody, and stands in no ledger; a dry run does not keep it from writing.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        self.scope().engine()
    }

    /// The vector store: the one without a name, or the only one; `NotFound` where there is none of these.
    pub fn vectors(&self) -> Result<&Arc<dyn VectorStore>> {
        self.shared.services.vectors()
    }

    /// The vector store of that name, else `NotFound`.
    pub fn vectors_named(&self, name: &str) -> Result<&Arc<dyn VectorStore>> {
        self.shared.services.vectors_named(name)
    }

    /// What the application registered of that type by [`provide`](crate::MastraBuilder::provide), else `NotFound`.
    pub fn service<T: Send + Sync + 'static>(&self) -> Result<&T> {
        self.shared.services.of_type()
    }

    /// What the application registered under that name by [`provide_named`](crate::MastraBuilder::provide_named); `NotFound` where there is
    /// none, `InvalidInput` where it is of another type.
    pub fn service_named<T: Send + Sync + 'static>(&self, name: &str) -> Result<&T> {
        self.shared.services.of_name(name)
    }

    /// The run.
    pub fn run_id(&self) -> &RunId {
        self.scope().run_id()
    }

    /// The sync.
    pub fn sync_id(&self) -> &str {
        self.scope().sync_id()
    }

    /// 1, or more where a run of that id had no result before.
    pub fn attempt(&self) -> u32 {
        self.scope().attempt()
    }

    /// Whether nothing is to be changed. Writers know it; what else the sync's code changes is its own to leave out.
    pub fn dry_run(&self) -> bool {
        self.scope().options().dry_run
    }

    /// Says what the sync is doing: in the ledger, where the last note of each second is kept, and to whoever observes the run. Without record
    /// data and secrets; cut after 500 characters.
    pub fn note(&self, note: impl Into<String>) {
        self.scope().note(note.into());
    }

    /// Waits until the run is to stop: it was cancelled, took too long, or another run took over.
    pub async fn cancelled(&self) {
        self.scope().options().cancellation.cancelled().await;
        self.scope().stopping(Stop::Cancelled);
    }

    /// Whether the run is to stop. Who sees that and returns an output has not finished: the run counts as cancelled, or as timed out.
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// An error where the run is to stop, to be passed on by `?`.
    pub fn check(&self) -> Result<()> {
        self.scope().check()
    }

    fn scope(&self) -> &RunScope {
        &self.shared.scope
    }
}

impl<I> fmt::Debug for Context<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("scope", self.scope()).field("input", &type_name::<I>()).finish()
    }
}

/// Says of what there is none, and what there is.
fn absent<'a>(what: &str, name: &str, there: impl Iterator<Item = &'a str>) -> Error {
    let there: Vec<_> = there.collect();
    Error::not_found(format!("no {what} of this name is registered")).with("name", name).with("registered", there.join(", "))
}
