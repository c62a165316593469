//! What tools and resources work with.

use crate::{failure::HINT, knowledge::Knowledge, limits::Limits, records::Records};
use futures::FutureExt as _;
use mastra_core::{Entity, Error, Result};
use std::{future::Future, panic::AssertUnwindSafe};
use tokio::sync::Semaphore;

/// Everything a call reads from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) records: Records,
    pub(crate) knowledge: Vec<Knowledge>,
    pub(crate) limits: Limits,
    pub(crate) turns: Semaphore,
}

impl Parts {
    /// The knowledge base of that name, or the only one; and the entity of its records. Where that is not shown, it is not there.
    pub(crate) async fn knowledge(&self, name: Option<&str>) -> Result<(&Knowledge, Entity)> {
        let mut shown = Vec::new();
        for knowledge in &self.knowledge {
            if self.records.shows(knowledge.entity().as_ref()).await? {
                shown.push(knowledge);
            }
        }
        let names: Vec<&str> = shown.iter().map(|knowledge| knowledge.name()).collect();
        let known = names.join(", ");
        let found = match (name, shown.as_slice()) {
            (_, []) => {
                return Err(Error::not_found("no knowledge base is served here").with(
                    HINT,
                    "query_records and search_text read the records themselves; mastra.toml describes knowledge bases, in [[knowledge]]",
                ));
            }
            (None, [only]) => *only,
            (None, _) => {
                return Err(Error::invalid_input("several knowledge bases are served: name one")
                    .with("known", known)
                    .with(HINT, "list_knowledge tells what each one knows"));
            }
            (Some(name), all) => *all.iter().find(|knowledge| knowledge.name() == name).ok_or_else(|| {
                Error::not_found("there is no such knowledge base").with("knowledge", name).with("known", known)
            })?,
        };
        let entity = self.records.entity_by_id(found.entity_id().await?).await?;
        Ok((found, entity))
    }

    /// Waits for a turn, then works, for no longer than a call may take. A defect is an error of this call, not silence.
    pub(crate) async fn guarded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let whole = async {
            let _turn = self.turns.acquire().await.map_err(|_| Error::unavailable("the server is closing"))?;
            let done = AssertUnwindSafe(work).catch_unwind().await;
            done.unwrap_or_else(|_| Err(Error::internal("a defect of the server; its standard error says where")))
        };
        tokio::time::timeout(self.limits.time, whole).await.unwrap_or_else(|_| {
            Err(Error::timeout("the call took too long")
                .with("seconds", self.limits.time.as_secs())
                .with(HINT, "ask for less: a narrower filter, a lower limit"))
        })
    }
}
