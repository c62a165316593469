//! `[[knowledge]]` of `mastra.toml`: what a knowledge base is made of.

mod embedder;

pub(crate) use embedder::{EmbedderConfig, variable_name};

use crate::{context::entity_ref, exit::HINT};
use mastra_core::{Error, Path, Result};
use mastra_rag::{
    chunk::{Chunker, ChunkerConfig},
    document::Format,
    knowledge::{IndexOptions, KnowledgeBase, KnowledgeBuilder, Retrieval, SearchMode},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, path::PathBuf, time::Duration};

/// Where vectors that were paid for are kept, where nothing else is said.
const DEFAULT_CACHE: &str = ".mastra/cache/embeddings";

/// A knowledge base as `mastra.toml` describes it. What is left out has the library's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnowledgeConfig {
    /// Its name: lower-case letters, digits and dashes.
    pub(crate) name: String,
    /// The entity whose records are known, by name or id.
    pub(crate) entity: String,
    /// The entity's connection, where several have an entity of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// The fields whose text is indexed, in order.
    pub(crate) fields: Vec<Path>,
    /// The fields that searches can filter by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) filter_fields: Vec<Path>,
    /// The field that names a record in answers; `title` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title_field: Option<Path>,
    /// What the text of the fields is: text, markdown, html or json.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) format: Format,
    /// How texts are cut.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) chunker: ChunkerConfig,
    /// What makes vectors of texts; `hash/384` where nothing is said.
    #[serde(default)]
    pub(crate) embedder: EmbedderConfig,
    /// The store of vectors, by URL; the engine's own where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vectors: Option<StoreUrl>,
    /// The variable that holds that URL, for one with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vectors_env: Option<String>,
    /// The namespace of its points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// Where embeddings are kept, so that a text is paid for once.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) cache: CacheConfig,
    /// How it is searched where the command says nothing else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) search: SearchConfig,
    /// How it is indexed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) index: IndexConfig,
    /// The line of the file that it begins at; absent for one that was made here.
    #[serde(skip)]
    pub(crate) line: Option<usize>,
}

/// The URL of a store, which may hold a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoreUrl(pub(crate) String);

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::resolve::redacted(&self.0))
    }
}

/// `cache`: a folder, or `false`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum CacheConfig {
    /// In `.mastra`, for models that cost something.
    #[default]
    Default,
    /// Nowhere.
    Off,
    /// There.
    Folder(PathBuf),
}

impl CacheConfig {
    /// The folder of the cache, if there is one for a model of this provider.
    pub(crate) fn folder(&self, provider: &str) -> Option<PathBuf> {
        match self {
            // Hashing a text is faster than reading a file.
            Self::Default => (provider != "hash").then(|| PathBuf::from(DEFAULT_CACHE)),
            Self::Off => None,
            Self::Folder(folder) => Some(folder.clone()),
        }
    }
}

impl Serialize for CacheConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Default => serializer.serialize_bool(true),
            Self::Off => serializer.serialize_bool(false),
            Self::Folder(folder) => folder.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CacheConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = CacheConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a folder, or false")
            }

            fn visit_bool<E>(self, on: bool) -> std::result::Result<CacheConfig, E> {
                Ok(if on { CacheConfig::Default } else { CacheConfig::Off })
            }

            fn visit_str<E: serde::de::Error>(self, folder: &str) -> std::result::Result<CacheConfig, E> {
                if folder.trim().is_empty() {
                    return Err(E::custom("the folder of the cache is blank; false turns it off"));
                }
                Ok(CacheConfig::Folder(folder.into()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `search`: defaults of a search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SearchConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<SearchMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_k: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overfetch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relevance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) neighbours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) one_per_record: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<usize>,
}

/// `index`: how changes are worked off.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IndexConfig {
    /// Records of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<u32>,
    /// How long a batch may take before another worker gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_seconds: Option<u64>,
    /// How often a record may fail before it is set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_failures: Option<u32>,
}

impl KnowledgeConfig {
    /// The library's description of it, to which the embedder is still to be added.
    pub(crate) fn builder(&self) -> Result<KnowledgeBuilder> {
        let mut builder = KnowledgeBase::builder(&self.name)
            .entity(entity_ref(&self.entity, self.connection.as_deref()))
            .format(self.format)
            .chunker(Chunker::new(self.chunker.clone())?);
        for field in &self.fields {
            builder = builder.field(field.clone());
        }
        for field in &self.filter_fields {
            builder = builder.filter_field(field.clone());
        }
        Ok(match &self.namespace {
            Some(namespace) => builder.namespace(namespace),
            None => builder,
        })
    }

    /// A search by its defaults.
    pub(crate) fn retrieval(&self, query: impl Into<String>) -> Retrieval {
        let (mut retrieval, search) = (Retrieval::new(query), &self.search);
        retrieval.mode = search.mode.unwrap_or(retrieval.mode);
        retrieval.top_k = search.top_k.unwrap_or(retrieval.top_k);
        retrieval.overfetch = search.overfetch.unwrap_or(retrieval.overfetch);
        retrieval.min_score = search.min_score;
        retrieval.relevance = search.relevance.unwrap_or(retrieval.relevance);
        retrieval.neighbours = search.neighbours.unwrap_or(retrieval.neighbours);
        retrieval.one_per_record = search.one_per_record.unwrap_or(retrieval.one_per_record);
        retrieval.max_tokens = search.max_tokens;
        retrieval
    }

    /// How it is indexed.
    pub(crate) fn index_options(&self) -> IndexOptions {
        let default = IndexOptions::default();
        IndexOptions {
            batch: self.index.batch.unwrap_or(default.batch),
            lease: self.index.lease_seconds.map_or(default.lease, Duration::from_secs),
            max_failures: self.index.max_failures.unwrap_or(default.max_failures),
            ..default
        }
    }

    /// What can be known to be wrong before any I/O.
    pub(crate) fn check(&self) -> Result<()> {
        self.wrong().map_err(|error| self.placed(error))
    }

    fn wrong(&self) -> Result<()> {
        let bad = |message: &str, key: &str| Err(Error::invalid_input(message.to_owned()).with("key", key));
        self.builder()?.check()?;
        if self.entity.trim().is_empty() {
            return bad("the entity's name is blank", "entity");
        }
        self.embedder.check()?;
        match (&self.vectors, &self.vectors_env) {
            (Some(_), Some(_)) => return bad("vectors and vectors_env both name the store: one of them is enough", "vectors"),
            (Some(StoreUrl(url)), None) if !url.contains(':') => {
                return bad("a store of vectors is named by a URL, such as sqlite:FILE, postgres://… or qdrant://…", "vectors");
            }
            (None, Some(name)) => variable_name(name, "vectors_env")?,
            _ => {}
        }
        if self.index.batch.is_some_and(|batch| !(1..=200).contains(&batch)) {
            return bad("a batch is of 1 to 200 records", "index.batch");
        }
        if self.index.lease_seconds.is_some_and(|seconds| !(1..=mastra_core::changes::MAX_LEASE.as_secs()).contains(&seconds)) {
            return Err(Error::invalid_input("a lease is 1 second at least, and has a bound")
                .with("key", "index.lease_seconds")
                .with("most", mastra_core::changes::MAX_LEASE.as_secs()));
        }
        if self.index.max_failures == Some(0) {
            return bad("a record may fail once at least", "index.max_failures");
        }
        let search = &self.search;
        if search.top_k == Some(0) {
            return bad("a search gives one passage at least", "search.top_k");
        }
        if search.relevance.is_some_and(|relevance| !(0.0..=1.0).contains(&relevance)) {
            return bad("relevance lies between 0 and 1", "search.relevance");
        }
        if search.min_score.is_some() && search.mode == Some(SearchMode::Text) {
            return bad("min_score bounds the vector score, which a search by text does not have", "search.min_score");
        }
        Ok(())
    }

    /// An error with the place that it is to be mended at.
    pub(crate) fn placed(&self, error: Error) -> Error {
        let error = if error.get("knowledge").is_none() { error.with("knowledge", &self.name) } else { error };
        match self.line {
            Some(line) => error.with("file", crate::resolve::CONFIG_FILE).with("line", line),
            None => error,
        }
    }
}

/// The block that describes a knowledge base, to be shown to whoever has none.
pub(crate) const EXAMPLE: &str = r#"[[knowledge]]
name = "articles"
entity = "Articles"
fields = ["title", "body"]"#;

/// The error of a command that needs one where none is described.
pub(crate) fn none_described() -> Error {
    Error::not_found(format!("{} describes no knowledge base", crate::resolve::CONFIG_FILE)).with(
        HINT,
        format!(
            "add this to {}, with an entity and fields of yours, then mastra index:\n\n{EXAMPLE}\n",
            crate::resolve::CONFIG_FILE
        ),
    )
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
