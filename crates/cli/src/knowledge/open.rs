//! From a description to the knowledge base.

use super::config::{KnowledgeConfig, StoreUrl, none_described};
use crate::{
    context::{Context, entity_ref, make_home},
    exit::{HINT, Outcome},
    resolve::{CONFIG_FILE, redacted},
};
use mastra_core::{Engine, Error, ErrorKind, Result, vector::VectorStore};
use mastra_engine::Pair;
use mastra_rag::{
    embed::{Cached, EmbedKind, Embedder, EmbedderInfo, Embedders, cache::FolderCache},
    knowledge::{KnowledgeBase, KnowledgeBuilder},
};
use std::{collections::HashSet, path::Path, sync::Arc};

/// Every knowledge base that `mastra.toml` describes, in its order; none is no error. What is wrong with one is told before any I/O.
pub(crate) fn all(context: &Context) -> Outcome<Vec<KnowledgeConfig>> {
    let configs = context.settings.knowledge.clone();
    let mut names = HashSet::new();
    for config in &configs {
        config.check()?;
        if !names.insert(config.name.as_str()) {
            return Err(config.placed(Error::invalid_input("two knowledge bases have this name")).into());
        }
    }
    Ok(configs)
}

/// The one that is meant: that of the name, or the only one.
pub(crate) fn pick(all: Vec<KnowledgeConfig>, name: Option<&str>) -> Outcome<KnowledgeConfig> {
    let names: Vec<&str> = all.iter().map(|config| config.name.as_str()).collect();
    let listed = names.join(", ");
    let at = match (name, names.len()) {
        (_, 0) => return Err(none_described().into()),
        (None, 1) => Some(0),
        (None, _) => {
            return Err(Error::invalid_input("several knowledge bases are described: name the one that is meant")
                .with("known", listed)
                .into());
        }
        (Some(name), _) => names.iter().position(|known| *known == name),
    };
    at.and_then(|at| all.into_iter().nth(at)).ok_or_else(|| {
        let known = listed.split(", ").map(str::to_owned);
        let near = crate::resolve::nearest(name.unwrap_or_default(), known);
        let error = Error::not_found("no such knowledge base is described")
            .with("knowledge", name.unwrap_or_default())
            .with("known", listed);
        match near {
            Some(near) => error.with(HINT, format!("did you mean {near}?")),
            None => error,
        }
        .into()
    })
}

/// A knowledge base that can be opened or indexed anew, and where.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) builder: KnowledgeBuilder,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) vectors: Arc<dyn VectorStore>,
}

/// Opens a knowledge base: the engine that is there, its store of vectors, its model.
pub(crate) async fn open(context: &Context, config: &KnowledgeConfig) -> Outcome<KnowledgeBase> {
    let Described { builder, engine, vectors } = describe(context, config).await?;
    Ok(builder.open(engine, vectors).await.map_err(|error| explained(context, config, error))?)
}

/// Opens a knowledge base as it is: nothing is written. One that was never indexed is an error that says so.
pub(crate) async fn open_existing(context: &Context, config: &KnowledgeConfig) -> Outcome<KnowledgeBase> {
    let Described { builder, engine, vectors } = describe(context, config).await?;
    let opened = builder.open_existing(Arc::clone(&engine), vectors).await;
    Ok(match opened {
        Ok(base) => base,
        Err(error) => return Err(unindexed(context, config, &*engine, error).await.into()),
    })
}

/// An error of opening what is there: where there is nothing yet, what to run.
async fn unindexed(context: &Context, config: &KnowledgeConfig, engine: &dyn Engine, error: Error) -> Error {
    if !error.is_not_found() || engine.resolve_entity(&entity_ref(&config.entity, config.connection.as_deref())).await.is_err() {
        return explained(context, config, error);
    }
    Error::not_found("the knowledge base is not indexed yet")
        .with("knowledge", &config.name)
        .with(HINT, format!("mastra index {}", config.name))
}

/// Opens a knowledge base by what is stored of its model, which is not asked: for looking at it alone.
pub(super) async fn offline(context: &Context, config: &KnowledgeConfig) -> Outcome<KnowledgeBase> {
    let engine = context.connect_existing().await?;
    let stored = KnowledgeBase::stored(&*engine, &config.name).await?;
    let Some(active) = stored.active else {
        let missing = Error::not_found("the knowledge base was never indexed");
        return Err(unindexed(context, config, &*engine, missing).await.into());
    };
    let vectors = connect_vectors(context, Some(config)).await?;
    let embedder = Arc::new(Absent(EmbedderInfo::new(active.model, active.dimension)));
    let opened = config.builder()?.embedder(embedder).open_existing(engine, vectors).await;
    Ok(opened.map_err(|error| explained(context, config, error))?)
}

/// A model that is known by name, and not there.
#[derive(Debug)]
struct Absent(EmbedderInfo);

#[async_trait::async_trait]
impl Embedder for Absent {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, _: &[&str], _: EmbedKind) -> Result<Vec<Vec<f32>>> {
        Err(Error::unavailable("the knowledge base was opened without its model"))
    }
}

/// Everything that opening or reindexing needs.
pub(crate) async fn describe(context: &Context, config: &KnowledgeConfig) -> Outcome<Described> {
    config.check()?;
    // What a variable lacks is known before anything is connected to.
    store_url(context, config)?;
    let options = config.embedder.options(&context.settings.variables).map_err(|error| config.placed(error))?;
    let (engine, vectors) = connect(context, config).await?;
    let embedder = Embedders::default().connect_with(&config.embedder.model, options).await;
    let embedder = cached(context, config, embedder.map_err(|error| unreachable_model(config, error))?);
    Ok(Described { builder: config.builder()?.embedder(embedder), engine, vectors })
}

/// The engine, and the store of the points: in one where they are one database, so that both commit together.
async fn connect(context: &Context, config: &KnowledgeConfig) -> Result<Pair> {
    if store_url(context, config)?.is_none() {
        return context.connect_existing_pair().await;
    }
    Ok((context.connect_existing().await?, connect_vectors(context, Some(config)).await?))
}

/// The store of a knowledge base's points: the engine's own, unless its description names another.
pub(super) async fn connect_vectors(context: &Context, config: Option<&KnowledgeConfig>) -> Result<Arc<dyn VectorStore>> {
    let Some(config) = config else { return context.connect_vectors().await };
    let Some(StoreUrl(url)) = store_url(context, config)? else { return context.connect_vectors().await };
    context.registry.connect_vectors(&url).await.map_err(|error| {
        let migrate = error.kind() == ErrorKind::SchemaMismatch && url.starts_with("postgres");
        let error = config.placed(error).with("vectors", redacted(&url));
        if migrate { error.with(HINT, "mastra vectors migrate --engine with this store's URL") } else { error }
    })
}

fn store_url(context: &Context, config: &KnowledgeConfig) -> Result<Option<StoreUrl>> {
    let Some(name) = &config.vectors_env else { return Ok(config.vectors.clone()) };
    let url = context.settings.variables.get(name).ok_or_else(|| {
        config
            .placed(Error::invalid_input("the variable that names the store of vectors is not set"))
            .with("variable", name)
            .with(HINT, format!("export {name}=URL, or a line of .env"))
    })?;
    Ok(Some(StoreUrl(url)))
}

/// With its cache, where it has one that can be had: without one, texts only cost more.
fn cached(context: &Context, config: &KnowledgeConfig, embedder: Arc<dyn Embedder>) -> Arc<dyn Embedder> {
    let Some(folder) = config.cache.folder(config.embedder.provider()) else { return embedder };
    let home = if folder.starts_with(crate::resolve::HOME) { make_home(Path::new(".")) } else { Ok(()) };
    match home.and_then(|()| FolderCache::open(&folder)) {
        Ok(cache) => Arc::new(Cached::new(embedder, Arc::new(cache))),
        Err(error) => {
            context.out.note(format!("{}: going on without the cache of embeddings: {error}", config.name));
            embedder
        }
    }
}

/// What went wrong with the model, told so that it can be mended.
fn unreachable_model(config: &KnowledgeConfig, error: Error) -> Error {
    let error = config.placed(error).with("embedder", &config.embedder.model);
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Timeout => {
            let server = config.embedder.base_url.as_deref().unwrap_or("the server of the model");
            error.with(HINT, format!("see that {} answers", redacted(server)))
        }
        ErrorKind::PermissionDenied => match &config.embedder.api_key_env {
            Some(variable) => error.with(HINT, format!("the server refuses the key that {variable} holds")),
            None if config.embedder.provider() == "openai" => error.with(HINT, "api_key_env names the variable of the key"),
            None => error,
        },
        _ => error,
    }
}

/// An error of opening or reindexing, with what to run.
pub(crate) fn explained(context: &Context, config: &KnowledgeConfig, error: Error) -> Error {
    let name = &config.name;
    match error.kind() {
        ErrorKind::SchemaMismatch if error.get("knowledge").is_some() => {
            error.with(HINT, format!("mastra reindex {name} --dry-run says what it would cost; mastra reindex {name} does it"))
        }
        ErrorKind::AlreadyExists if error.get("knowledge").is_some() => config
            .placed(error)
            .with(HINT, format!("another name in {CONFIG_FILE}; or mastra knowledge delete {name}, then mastra index {name}")),
        ErrorKind::NotFound if error.get("entity").is_some() || error.get("name").is_some() => config.placed(error).with(
            HINT,
            format!(
                "mastra records import FILE --entity {} --id-field FIELD; mastra entities list shows what is there",
                config.entity
            ),
        ),
        ErrorKind::Unavailable | ErrorKind::Timeout => context.explained(error),
        _ => error,
    }
}
