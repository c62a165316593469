//! The knowledge base of what was loaded: as `mastra.toml` describes it, or by defaults.

use super::source::Source;
use crate::{
    context::Context,
    exit::{HINT, Outcome, Stop},
    knowledge::{EmbedderConfig, KnowledgeConfig, all, open},
    resolve::CONFIG_FILE,
};
use mastra_core::{Error, ErrorKind};
use mastra_rag::{document::Format, knowledge::KnowledgeBase};

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
