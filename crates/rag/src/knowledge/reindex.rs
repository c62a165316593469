//! Another model, chunker or choice of fields: built beside, then swapped at once.

use super::{
    IndexOptions, IndexReport, KnowledgeBase, KnowledgeBuilder,
    base::Parts,
    state::{self, ATTEMPTS, State, Version, busy},
};
use futures::TryStreamExt as _;
use mastra_core::{Engine, Error, ErrorKind, RecordQuery, Result, vector::VectorStore};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// How long to wait for what other workers hold.
const PAUSE: Duration = Duration::from_millis(100);

/// What reindexing would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReindexPlan {
    /// What is searched now; `None` where nothing was indexed yet.
    pub from: Option<Version>,
    /// What would be.
    pub to: Version,
    /// Whether it was begun before and goes on.
    pub resumes: bool,
    /// Live records.
    pub records: u64,
    /// Texts to embed for them, at most: equal ones within a batch are embedded once, those of a run that was stopped not again.
    pub texts: u64,
}

/// What reindexing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReindexReport {
    /// What is searched from now on.
    pub version: Version,
    /// The work.
    pub index: IndexReport,
}

impl KnowledgeBuilder {
    /// What [`KnowledgeBuilder::reindex`] would do, without doing anything: reads every record, and calls no model.
    pub async fn plan_reindex(self, engine: Arc<dyn Engine>, vectors: Arc<dyn VectorStore>) -> Result<ReindexPlan> {
        let parts = self.parts(engine, vectors).await?;
        let (state, _) = state::load(&*parts.engine, &parts.name).await?;
        let (to, resumes) = next(&parts, &state).await?;
        let (mut records, mut texts) = (0, 0);
        let mut stream = parts.engine.stream_records(&parts.entity(), &RecordQuery::new()).await?;
        while let Some(record) = stream.try_next().await? {
            records += 1;
            texts += match parts.source.pieces(&record) {
                // Not of the format: it would be set aside.
                Err(error) if error.kind() == ErrorKind::InvalidInput => 0,
                pieces => pieces?.len() as u64,
            };
        }
        Ok(ReindexPlan { from: state.active, to, resumes, records, texts })
    }

    /// Indexes every record anew as it is described here, beside what is searched meanwhile, and then swaps the two at once. Records that
    /// change meanwhile are followed by both. Stopped in the middle, it goes on where it was when it is called again with the same
    /// description; with another, what was begun is thrown away.
    ///
    /// What was set aside does not keep it from swapping; the report tells how much that is.
    pub async fn reindex(
        self,
        engine: Arc<dyn Engine>,
        vectors: Arc<dyn VectorStore>,
        options: &IndexOptions,
    ) -> Result<(KnowledgeBase, ReindexReport)> {
        let parts = self.parts(engine, vectors).await?;
        let version = begin(&parts).await?;
        match build(&parts, &version, options).await {
            Ok((base, index)) => Ok((base, ReindexReport { version, index })),
            // Another began since, and took away what this one was filling.
            Err(_)
                if state::still_in_use(&*parts.engine, &parts.name, &version)
                    .await
                    .is_err_and(|error| error.kind() == ErrorKind::Conflict) =>
            {
                Err(replaced(&parts))
            }
            Err(error) => Err(error),
        }
    }
}

/// Fills a version until nothing waits, and swaps it in.
async fn build(parts: &Arc<Parts>, version: &Version, options: &IndexOptions) -> Result<(KnowledgeBase, IndexReport)> {
    let base = KnowledgeBase::begin(Arc::clone(parts), version.clone()).await?;
    let mut total = IndexReport::default();
    loop {
        let report = base.index(options).await?;
        total = total.and(&report);
        if report.stopped {
            return Err(Error::unavailable("reindexing was stopped; it goes on when it is called again").retryable(true));
        }
        let lag = base.lag().await?;
        if lag.waiting == 0 && lag.claimed == 0 {
            break;
        }
        if report.failed > 0 {
            let reason = report.error.unwrap_or_default();
            return Err(Error::unavailable("records could not be indexed for now; reindexing goes on when it is called again")
                .with("waiting", lag.waiting)
                .with("reason", reason)
                .retryable(true));
        }
        tokio::time::sleep(PAUSE).await;
    }
    swap(parts, version).await?;
    Ok((base, total))
}

/// The version that these parts would make, and whether it was begun.
async fn next(parts: &Parts, state: &State) -> Result<(Version, bool)> {
    if let Some(building) = state.building.as_ref().filter(|building| building.is_of(parts)) {
        return Ok((building.clone(), true));
    }
    if state.active.as_ref().is_some_and(|active| active.is_of(parts)) {
        return Err(Error::already_exists("the knowledge base is indexed like this already").with("knowledge", &parts.name));
    }
    Ok((state::unused(parts, state).await?, false))
}

/// Enters what is being built.
async fn begin(parts: &Parts) -> Result<Version> {
    for _ in 0..ATTEMPTS {
        let (state, generation) = state::load(&*parts.engine, &parts.name).await?;
        let next = next(parts, &state).await;
        let version = match &next {
            Ok((version, true)) => return Ok(version.clone()),
            Ok((version, false)) => Some(version.clone()),
            // Who goes back to what is searched gives up what was begun.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && state.building.is_some() => None,
            Err(_) => return next.map(|(version, _)| version),
        };
        let mut entered = State { building: version, ..state.clone() };
        entered.retired.extend(state.building);
        if state::store(parts, &entered, generation).await? {
            state::sweep(parts).await?;
            return next.map(|(version, _)| version);
        }
    }
    Err(busy(parts))
}

/// Makes what was built the one that is searched, and takes the old one away.
async fn swap(parts: &Parts, version: &Version) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let (state, generation) = state::load(&*parts.engine, &parts.name).await?;
        if state.active.as_ref() == Some(version) {
            return Ok(());
        }
        if state.building.as_ref() != Some(version) {
            return Err(replaced(parts));
        }
        let mut swapped = State { active: Some(version.clone()), building: None, retired: state.retired };
        swapped.retired.extend(state.active);
        if state::store(parts, &swapped, generation).await? {
            return state::sweep(parts).await;
        }
    }
    Err(busy(parts))
}

fn replaced(parts: &Parts) -> Error {
    Error::conflict("another reindexing took the place of this one").with("knowledge", &parts.name)
}
