//! The syncs that `mastra.toml` describes, and the registry of them.

use super::{
    config::{SyncConfig, none_described},
    mapping::Mapping,
    marked::{self, Marked},
    source,
};
use crate::{
    context::Context,
    exit::{HINT, Outcome},
    resolve::{CONFIG_FILE, Variables, nearest},
};
use mastra_core::{Engine, Error, Result, sync::RunTarget};
use mastra_sync::{Defined, Failure, Mastra, define, source::Source};
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};

/// Every sync that is described, in the order of the file; none is no error. What is wrong with one is told before any I/O.
pub(crate) fn all(context: &Context) -> Outcome<Vec<SyncConfig>> {
    let configs = context.settings.syncs.clone();
    let mut ids = HashSet::new();
    for config in &configs {
        config.check()?;
        if !ids.insert(config.id.as_str()) {
            return Err(config.placed(Error::invalid_input("two syncs have this id").with("key", "id")).into());
        }
    }
    Ok(configs)
}

/// Those of these ids, in their order, each once; all of the file where that is asked for.
pub(super) fn chosen(context: &Context, ids: &[String], everything: bool) -> Outcome<Vec<SyncConfig>> {
    let all = all(context)?;
    if all.is_empty() {
        return Err(none_described().into());
    }
    if everything {
        return Ok(all);
    }
    let mut chosen: Vec<SyncConfig> = Vec::with_capacity(ids.len());
    for id in ids {
        let config = all.iter().find(|config| config.id == *id).ok_or_else(|| unknown(&all, id))?;
        if !chosen.contains(config) {
            chosen.push(config.clone());
        }
    }
    Ok(chosen)
}

fn unknown(all: &[SyncConfig], id: &str) -> Error {
    let known: Vec<String> = all.iter().map(|config| config.id.clone()).collect();
    let error =
        Error::not_found(format!("{CONFIG_FILE} describes no such sync")).with("sync", id).with("known", known.join(", "));
    match nearest(id, known) {
        Some(near) => error.with(HINT, format!("did you mean {near}?")),
        None => error,
    }
}

/// Syncs that were read, and need an engine to run on. What a description lacks is told before one is connected to.
pub(super) fn opened(configs: &[SyncConfig], variables: &Variables) -> Result<Vec<Defined<Value, Value>>> {
    configs.iter().map(|config| defined(config, source::open(config, variables)?)).collect()
}

/// A registry of these syncs, as a program of one's own would make it.
pub(super) fn registry(engine: Arc<dyn Engine>, syncs: Vec<Defined<Value, Value>>) -> Result<Mastra> {
    syncs.into_iter().fold(Mastra::builder().engine(engine), |builder, sync| builder.sync(sync)).build()
}

/// A registry of one sync, with a source that is at hand.
pub(crate) fn registry_with(engine: Arc<dyn Engine>, config: &SyncConfig, source: Arc<dyn Source>) -> Result<Mastra> {
    registry(engine, vec![defined(config, source)?])
}

/// The sync of a description: it takes nothing, and says what it did.
fn defined(config: &SyncConfig, source: Arc<dyn Source>) -> Result<Defined<Value, Value>> {
    let mapping = Arc::new(Mapping::of(config).map_err(|error| config.placed(error))?);
    let source = Arc::new(Marked { source, mark: marked::of(config) });
    let mut draft = define(&config.id);
    if let Some(description) = &config.description {
        draft = draft.description(description);
    }
    let config = Arc::new(config.clone());
    Ok(draft.execute(move |ctx| {
        let (config, source, mapping) = (Arc::clone(&config), Arc::clone(&source), Arc::clone(&mapping));
        async move {
            let mut records = ctx
                .records(&config.entity)
                .connection(config.connection())
                .mode(config.mode.into())
                .merge(config.merge.policy())
                .guard(config.guard())
                .map(move |draft| mapping.apply(draft));
            if let Some(field) = &config.scope_field {
                records = records.replace_by(field);
            }
            if let Some(kind) = &config.entity_type {
                records = records.entity_type(kind);
            }
            if let Some(batch) = config.limits.batch {
                records = records.batch(batch);
            }
            let target = records.load(&*source).await?;
            Ok::<_, Failure>(output(&target))
        }
    }))
}

/// What the ledger keeps as the run's result.
fn output(target: &RunTarget) -> Value {
    json!({ "entity": target.entity, "connectionId": target.connection_id, "complete": target.complete, "counts": target.counts })
}
