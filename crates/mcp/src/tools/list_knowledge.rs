//! `list_knowledge`.

use super::{Room, Tool, bounded};
use crate::{failure::Failure, knowledge::Knowledge, parts::Parts};
use futures::future::join_all;
use mastra_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) struct ListKnowledge;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    knowledge: Vec<KnowledgeOut>,
    /// Whether some were left out, since an answer may be no larger
    truncated: bool,
}

/// A knowledge base.
#[derive(Serialize, JsonSchema)]
struct KnowledgeOut {
    /// Its name, for search_knowledge
    name: String,
    /// ready, or unavailable: then error says why
    status: Status,
    /// The entity of its records
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    /// The entity's connection
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    /// The embedding model
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// How many numbers a vector of it has
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<usize>,
    /// The fields that filters of search_knowledge can ask
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_fields: Option<Vec<String>>,
    /// Changes of records that are still to be indexed
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    /// Records that could not be indexed
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<u64>,
    /// Why it cannot be searched
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ready,
    Unavailable,
}

impl Tool for ListKnowledge {
    const NAME: &'static str = "list_knowledge";
    const TITLE: &'static str = "List knowledge bases";
    type Input = Input;
    type Output = Output;

    fn description(_: &Parts) -> String {
        "Lists the knowledge bases that search_knowledge can ask: name, entity, embedding model, the fields that filters can ask, how many \
         changes are still to be indexed, and why one cannot be searched."
            .to_owned()
    }

    async fn run(parts: &Parts, _: Input) -> Result<Output> {
        let told = join_all(parts.knowledge.iter().map(|knowledge| told(parts, knowledge))).await;
        let told: Vec<KnowledgeOut> = told.into_iter().flatten().collect();
        let (of, mut room) = (told.len(), Room::of(parts));
        let knowledge: Vec<KnowledgeOut> = told.into_iter().take_while(|told| room.has(told)).collect();
        Ok(Output { truncated: knowledge.len() < of, knowledge })
    }
}

/// What is known of one; nothing where its entity is not shown.
async fn told(parts: &Parts, knowledge: &Knowledge) -> Option<KnowledgeOut> {
    let name = knowledge.name().to_owned();
    match parts.records.shows(knowledge.entity().as_ref()).await {
        Ok(true) => {}
        Ok(false) => return None,
        Err(error) => return Some(KnowledgeOut::unavailable(name, Failure::from(&error))),
    }
    // One that takes its time must not hide the others.
    let state = match tokio::time::timeout(parts.limits.time / 2, knowledge.state()).await {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => return Some(KnowledgeOut::unavailable(name, Failure::from(&error))),
        Err(_) => {
            let late = Error::timeout("opening it took too long").with("knowledge", &name);
            return Some(KnowledgeOut::unavailable(name, Failure::from(&late)));
        }
    };
    let entity = match parts.records.entity_by_id(state.entity_id).await {
        Ok(entity) => entity,
        Err(error) if error.is_not_found() => return None,
        Err(error) => return Some(KnowledgeOut::unavailable(name, Failure::from(&error))),
    };
    Some(KnowledgeOut {
        name,
        status: Status::Ready,
        entity: Some(entity.name),
        connection_id: Some(entity.connection_id),
        model: Some(state.model),
        dimension: Some(state.dimension),
        filter_fields: Some(bounded(&state.filter_fields)),
        waiting: Some(state.queue.waiting + state.queue.claimed),
        set_aside: Some(state.queue.set_aside),
        error: None,
    })
}

impl KnowledgeOut {
    fn unavailable(name: String, error: Failure) -> Self {
        Self {
            name,
            status: Status::Unavailable,
            entity: None,
            connection_id: None,
            model: None,
            dimension: None,
            filter_fields: None,
            waiting: None,
            set_aside: None,
            error: Some(error),
        }
    }
}
