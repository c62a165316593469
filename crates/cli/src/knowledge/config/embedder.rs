//! `embedder` of `[[knowledge]]`: a string, or a table around it.

use crate::{
    exit::HINT,
    resolve::{CONFIG_FILE, Variables},
};
use mastra_core::{Error, ErrorKind, Result};
use mastra_rag::embed::{EmbedderOptions, Embedders, Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, time::Duration};

/// What needs nothing, and sends nothing anywhere.
const DEFAULT: &str = "hash/384";
/// The variables that OpenAI's own clients read.
const OPENAI_KEY: &str = "OPENAI_API_KEY";
const OPENAI_URL: &str = "OPENAI_BASE_URL";

/// What makes vectors of texts. It never holds a key: `api_key_env` names the variable that does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(crate) struct EmbedderConfig {
    /// `provider/model`.
    pub(crate) model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key_env: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dimension: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) document_prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) query_prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retries: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_wait_seconds: Option<u64>,
}

impl Default for EmbedderConfig {
    fn default() -> Self {
        Self::named(DEFAULT)
    }
}

impl EmbedderConfig {
    /// The one of this string, with default options.
    pub(crate) fn named(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            base_url: None,
            api_key_env: None,
            api_version: None,
            dimension: None,
            name: None,
            document_prompt: None,
            query_prompt: None,
            batch: None,
            max_tokens: None,
            concurrency: None,
            timeout_seconds: None,
            retries: None,
            max_wait_seconds: None,
        }
    }

    /// What stands before the first slash.
    pub(crate) fn provider(&self) -> &str {
        self.model.split_once('/').map_or(self.model.as_str(), |(provider, _)| provider)
    }

    /// Whether there is such a provider in this program.
    pub(super) fn check(&self) -> Result<()> {
        self.api_key_env.as_deref().map_or(Ok(()), |name| variable_name(name, "embedder.api_key_env"))?;
        Embedders::default().check(&self.model).map_err(|error| {
            let error = error.with("embedder", &self.model);
            match error.kind() {
                ErrorKind::Unsupported => {
                    let feature = format!("a mastra that was built with --features {}", self.provider());
                    error.with(HINT, feature)
                }
                _ => error.with(HINT, "hash/384 needs nothing; openai/MODEL is any server that speaks OpenAI's protocol"),
            }
        })
    }

    /// What the library is told. The key comes from its variable, which has to be set.
    pub(crate) fn options(&self, variables: &Variables) -> Result<EmbedderOptions> {
        let mut options = EmbedderOptions::default();
        options.dimension = self.dimension;
        options.name.clone_from(&self.name);
        options.document_prompt.clone_from(&self.document_prompt);
        options.query_prompt.clone_from(&self.query_prompt);
        options.batch = self.batch;
        options.max_tokens = self.max_tokens;
        options.base_url.clone_from(&self.base_url);
        options.api_version.clone_from(&self.api_version);
        options.concurrency = self.concurrency;
        options.timeout = self.timeout_seconds.map(Duration::from_secs);
        options.retries = self.retries;
        options.max_wait = self.max_wait_seconds.map(Duration::from_secs);
        if let Some(name) = &self.api_key_env {
            let key = variables.get(name).ok_or_else(|| missing(name))?;
            options.api_key = Some(Secret::new(key));
        }
        if self.provider() == "openai" {
            // The library reads the environment; `.env` is read here.
            options.base_url = options.base_url.or_else(|| variables.get(OPENAI_URL));
            if options.api_key.is_none() {
                options.api_key = variables.get(OPENAI_KEY).map(Secret::new);
            }
            if options.api_key.is_none() && options.base_url.is_none() {
                return Err(missing(OPENAI_KEY));
            }
        }
        Ok(options)
    }
}

/// Whether it can be the name of a variable. What cannot may be the secret itself, and is not repeated.
pub(crate) fn variable_name(name: &str, key: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::invalid_input(
        "this names a variable of the environment, by letters, digits and underscores; the secret stands there, not here",
    )
    .with("key", key))
}

fn missing(variable: &str) -> Error {
    Error::invalid_input("the key of the embedding model is missing: the variable that holds it is not set")
        .with("variable", variable)
        .with(HINT, format!("export {variable}=…, or a line of .env; another embedder is named in {CONFIG_FILE}"))
}

impl Serialize for EmbedderConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if *self == Self::named(&self.model) { self.model.serialize(serializer) } else { Self::serialize(self, serializer) }
    }
}

impl<'de> Deserialize<'de> for EmbedderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = EmbedderConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an embedder as provider/model, or a table with its model")
            }

            fn visit_str<E: de::Error>(self, model: &str) -> std::result::Result<EmbedderConfig, E> {
                Ok(EmbedderConfig::named(model))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> std::result::Result<EmbedderConfig, A::Error> {
                EmbedderConfig::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
