//! The knowledge base of what was loaded, and the sync that loads it: as `mastra.toml` describes them, or by defaults.

use super::source::Source;
use crate::{
    context::Context,
    exit::{HINT, Outcome, Stop},
    knowledge::{EmbedderConfig, KnowledgeConfig, all, open},
    resolve::CONFIG_FILE,
    sync::{DocumentsConfig, GuardConfig, Mode, SourceConfig, SyncConfig},
};
use mastra_core::{Error, ErrorKind};
use mastra_rag::{document::Format, knowledge::KnowledgeBase};

/// The greatest share of documents that go without a question.
const SHARE: f64 = 0.5;
/// So many names are tried, the first of them the folder's own.
const NAMES: u32 = 20;

/// A knowledge base with its description.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) config: KnowledgeConfig,
    pub(super) base: KnowledgeBase,
}

/// The description that `mastra.toml` has of the source, or one by default, of which the name may be taken. What is wrong with it is
/// known before anything is loaded.
pub(super) fn described(context: &Context, source: &Source, embedder: Option<&str>) -> Outcome<KnowledgeConfig> {
    let ours =
        |config: &KnowledgeConfig| config.entity == source.entity && config.connection.as_deref() == Some(&source.connection);
    if let Some(config) = all(context)?.into_iter().find(ours) {
        if embedder.is_some_and(|model| model != config.embedder.model) {
            return Err(config
                .placed(Error::invalid_input(format!("{CONFIG_FILE} describes this with another embedder")))
                .with("embedder", &config.embedder.model)
                .with(HINT, format!("change the embedder there, then mastra reindex {}", config.name))
                .into());
        }
        return Ok(config);
    }
    let config = KnowledgeConfig {
        name: source.knowledge.clone(),
        entity: source.entity.clone(),
        connection: Some(source.connection.clone()),
        fields: vec!["text".parse()?],
        filter_fields: vec!["path".parse()?, "kind".parse()?],
        format: Format::Markdown,
        embedder: embedder.map(EmbedderConfig::named).unwrap_or_default(),
        ..KnowledgeConfig::default()
    };
    config.check()?;
    config.embedder.options(&context.settings.variables)?;
    Ok(config)
}

/// The description that `mastra.toml` has of how the source is loaded, if it has one. What is wrong with one is known before anything is
/// loaded.
pub(super) fn synced(context: &Context, source: &Source) -> Outcome<Option<SyncConfig>> {
    let ours = |config: &SyncConfig| {
        config.entity == source.entity
            && config.connection() == source.connection
            && matches!(config.source, SourceConfig::Documents(_))
    };
    Ok(crate::sync::all(context)?.into_iter().find(ours))
}

/// A description of how the source is loaded, under the knowledge base's name, or one that no other sync has.
pub(super) fn made(context: &Context, source: &Source, known: &KnowledgeConfig) -> SyncConfig {
    let taken = |id: &String| context.settings.syncs.iter().any(|config| config.id == *id);
    let ids = (1..).map(|n| if n == 1 { known.name.clone() } else { format!("{}-{n}", known.name) });
    let id = ids.into_iter().find(|id| !taken(id)).unwrap_or_else(|| known.name.clone());
    let path = source.own.as_ref().map(|own| own.path.clone()).unwrap_or_default();
    SyncConfig {
        id,
        entity: source.entity.clone(),
        connection: Some(source.connection.clone()),
        mode: Mode::Full,
        guard: GuardConfig { max_share: Some(SHARE), min_records: None },
        source: SourceConfig::Documents(DocumentsConfig { path }),
        ..SyncConfig::default()
    }
}

/// Opens it, under a name that no other knowledge base has.
pub(super) async fn opened(context: &Context, mut config: KnowledgeConfig) -> Outcome<Known> {
    if config.line.is_some() {
        let base = open(context, &config).await?;
        return Ok(Known { config, base });
    }
    let taken: Vec<String> = context.settings.knowledge.iter().map(|config| config.name.clone()).collect();
    let (name, mut last) = (config.name.clone(), None);
    for number in 1..=NAMES {
        config.name = if number == 1 { name.clone() } else { format!("{name}-{number}") };
        if taken.contains(&config.name) {
            continue;
        }
        match open(context, &config).await {
            Ok(base) => return Ok(Known { config, base }),
            // One that was made and is not described, of other records.
            Err(Stop::Error(error)) if error.kind() == ErrorKind::AlreadyExists => last = Some(error),
            Err(Stop::Error(error)) if error.kind() == ErrorKind::SchemaMismatch && error.get("knowledge").is_some() => {
                let hint = format!(
                    "the embedder that it was indexed with; or mastra knowledge delete {}, and then this again",
                    config.name
                );
                return Err(error.with(HINT, hint).into());
            }
            Err(stop) => return Err(stop),
        }
    }
    let error = last.unwrap_or_else(|| Error::already_exists("knowledge bases have every name that would do"));
    Err(error.with("knowledge", name).into())
}
