//! How a knowledge base stands, as far as that can be known without its model.

use super::{KnowledgeConfig, config::StoreUrl, open::connect_vectors};
use crate::{context::Context, resolve::redacted};
use mastra_core::{
    Engine, Result,
    changes::QueueStatus,
    vector::{PointCountQuery, Scope, VectorStore},
};
use mastra_rag::knowledge::{KnowledgeBase, State};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, sync::Arc};

/// One knowledge base.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) name: String,
    /// Its description in `mastra.toml`; absent where it is stored only.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "without_password")]
    pub(super) described: Option<KnowledgeConfig>,
    /// What is stored; empty where it was never indexed.
    #[serde(flatten)]
    pub(super) stored: State,
    /// What its queue holds.
    pub(super) lag: Option<QueueStatus>,
    /// The chunks that are searched.
    pub(super) points: Option<u64>,
    /// Why chunks could not be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

fn without_password<S: Serializer>(config: &Option<KnowledgeConfig>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut shown = config.clone();
    if let Some(StoreUrl(url)) = shown.as_mut().and_then(|config| config.vectors.as_mut()) {
        *url = redacted(url);
    }
    if let Some(url) = shown.as_mut().and_then(|config| config.embedder.base_url.as_mut()) {
        *url = redacted(url);
    }
    shown.serialize(serializer)
}

impl Status {
    /// In a few words.
    pub(super) fn word(&self) -> &'static str {
        match (&self.stored.active, &self.stored.building, &self.lag) {
            (None, None, _) => "not indexed",
            (_, Some(_), _) => "reindexing",
            (Some(_), None, Some(lag)) if lag.waiting + lag.claimed > 0 => "behind",
            (Some(_), None, Some(lag)) if lag.set_aside > 0 => "partial",
            _ => "up to date",
        }
    }

    pub(super) fn model(&self) -> String {
        let stored = self.stored.active.as_ref().map(|version| version.model.clone());
        stored.or_else(|| self.described.as_ref().map(|config| config.embedder.model.clone())).unwrap_or_default()
    }
}

/// All that are described or stored, by name.
pub(super) async fn all(context: &Context, configs: Vec<KnowledgeConfig>) -> Result<Vec<Status>> {
    let engine = context.connect_existing().await?;
    let mut names: BTreeMap<String, (Option<KnowledgeConfig>, State)> =
        configs.into_iter().map(|config| (config.name.clone(), (Some(config), State::default()))).collect();
    for (name, state) in KnowledgeBase::list_stored(&*engine).await? {
        names.entry(name).or_default().1 = state;
    }
    let mut found = Vec::with_capacity(names.len());
    for (name, (config, state)) in names {
        found.push(one(context, &engine, name, config, state).await?);
    }
    Ok(found)
}

/// One, as far as it can be known.
pub(super) async fn one(
    context: &Context,
    engine: &Arc<dyn Engine>,
    name: String,
    described: Option<KnowledgeConfig>,
    stored: State,
) -> Result<Status> {
    let mut status = Status { name, described, stored, lag: None, points: None, error: None };
    let Some(active) = &status.stored.active else { return Ok(status) };
    if let Some(queue) = engine.changes() {
        status.lag = match queue.queue_status(&active.subscription).await {
            Err(error) if error.is_not_found() => None,
            lag => Some(lag?),
        };
    }
    let namespace = status.described.as_ref().and_then(|config| config.namespace.clone()).unwrap_or_default();
    let counted = match connect_vectors(context, status.described.as_ref()).await {
        Ok(vectors) => count(&*vectors, &Scope::index(&active.index).in_namespace(namespace)).await,
        Err(error) => Err(error),
    };
    match counted {
        Ok(points) => status.points = Some(points),
        // Of a store that is described nowhere, this is no wonder.
        Err(error) => status.error = Some(error.message().to_owned()),
    }
    Ok(status)
}

async fn count(vectors: &dyn VectorStore, scope: &Scope) -> Result<u64> {
    Ok(vectors.count(scope, &PointCountQuery::new()).await?.value)
}
