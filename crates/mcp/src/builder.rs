//! Describing a server.

use crate::{
    KnowledgeSource, Limits, McpServer,
    knowledge::Knowledge,
    parts::Parts,
    records::{Records, Shown},
};
use mastra_core::{Engine, Error, Result};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::Semaphore;

/// What a server shows; [`McpServer::builder`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct McpServerBuilder {
    engine: Option<Arc<dyn Engine>>,
    knowledge: Vec<Arc<dyn KnowledgeSource>>,
    shown: Shown,
    limits: Limits,
}

impl McpServerBuilder {
    /// The engine whose entities and records are shown. Required.
    pub fn engine(mut self, engine: Arc<dyn Engine>) -> Self {
        self.engine = Some(engine);
        self
    }

    /// A knowledge base of records of the same engine, behind those that were named before: one that is open, or a [`KnowledgeSource`] that
    /// is opened when it is first asked.
    pub fn knowledge(mut self, knowledge: impl KnowledgeSource + 'static) -> Self {
        self.knowledge.push(Arc::new(knowledge));
        self
    }

    /// Shows these entities only, each by its name, as `connection/name` or by its id; all of them by default. To a client the others are not
    /// there, nor are the knowledge bases of their records. The engine's own books are never shown.
    pub fn entities<S: Into<String>>(mut self, entities: impl IntoIterator<Item = S>) -> Self {
        self.shown = Shown::Named(entities.into_iter().map(Into::into).collect());
        self
    }

    /// How much an answer may hold and how long it may take; [`Limits::default`] by default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The server, without any I/O.
    ///
    /// Errors: `InvalidInput` without an engine, for two knowledge bases of one name, and for limits that no answer could keep.
    pub fn build(self) -> Result<McpServer> {
        let engine = self.engine.ok_or_else(|| Error::invalid_input("the server names no engine"))?;
        let mut names = HashSet::new();
        if let Some(twice) = self.knowledge.iter().find(|knowledge| !names.insert(knowledge.name().to_owned())) {
            return Err(Error::invalid_input("two knowledge bases have this name").with("knowledge", twice.name()));
        }
        let limits = self.limits.checked()?;
        Ok(McpServer::new(Parts {
            records: Records::new(engine, self.shown),
            knowledge: self.knowledge.into_iter().map(Knowledge::new).collect(),
            turns: Semaphore::new(limits.concurrent.min(Semaphore::MAX_PERMITS)),
            limits,
        }))
    }
}
