//! From options and environment to what a call needs. Pure but for the look-up that it is given.

use std::time::Duration;

use mastra_core::{Error, Result};
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::embed::{EmbedKind, EmbedderInfo, EmbedderOptions, Secret};

const OPENAI: &str = "https://api.openai.com/v1";

/// OpenAI's own models: the dimension and, for all of them, the longest text.
const KNOWN: [(&str, usize); 3] =
    [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)];
const KNOWN_TOKENS: usize = 8_191;

/// The header that carries the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    None,
    Bearer(Secret),
    /// Azure's `api-key`.
    Header(Secret),
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) url: Url,
    pub(super) key: Key,
    pub(super) model: String,
    /// The dimension that was asked for.
    pub(super) dimension: Option<usize>,
    /// The one that the model gives, where it is known.
    pub(super) native_dimension: Option<usize>,
    /// What is sent as `dimensions`.
    pub(super) shortened: Option<usize>,
    pub(super) batch: usize,
    pub(super) concurrency: usize,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) max_wait: Duration,
    max_tokens: Option<usize>,
    prompts: (String, String),
    name: Option<String>,
}

impl Settings {
    pub(super) fn new(model: &str, options: EmbedderOptions, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |variable: &str| environment(variable).filter(|value| !value.trim().is_empty());
        let key = options.api_key.or_else(|| set("OPENAI_API_KEY").map(Secret::new));
        let base = options.base_url.or_else(|| set("OPENAI_BASE_URL")).unwrap_or_else(|| OPENAI.to_owned());
        let base = parse(&base)?;
        if let Some(zero) = [("dimension", options.dimension), ("batch", options.batch), ("concurrency", options.concurrency)]
            .into_iter()
            .find_map(|(name, value)| (value == Some(0)).then_some(name))
        {
            return Err(Error::invalid_input("the option is at least 1").with("option", zero));
        }
        let azure = options.api_version.is_some() || base.host_str().is_some_and(|host| host.ends_with(".azure.com"));
        let key = match key {
            None => Key::None,
            Some(key) if azure => Key::Header(key),
            Some(key) => Key::Bearer(key),
        };
        if key != Key::None && base.scheme() == "http" && !is_here(&base) {
            tracing::warn!(
                host = base.host_str(),
                "the key of the embedding model goes over the network in plain text; use https"
            );
        }
        let native_dimension = KNOWN.iter().find_map(|(known, dimension)| (*known == model).then_some(*dimension));
        Ok(Self {
            url: endpoint(base, model, options.api_version.as_deref())?,
            key,
            model: model.to_owned(),
            dimension: options.dimension,
            native_dimension,
            shortened: None,
            batch: options.batch.unwrap_or(128),
            concurrency: options.concurrency.unwrap_or(4),
            timeout: options.timeout.unwrap_or(Duration::from_secs(60)),
            retries: options.retries.unwrap_or(5),
            max_wait: options.max_wait.unwrap_or(Duration::from_secs(60)),
            max_tokens: options.max_tokens.or(native_dimension.map(|_| KNOWN_TOKENS)),
            prompts: (options.document_prompt.unwrap_or_default(), options.query_prompt.unwrap_or_default()),
            name: options.name,
        })
    }

    pub(super) fn prompt(&self, kind: EmbedKind) -> &str {
        match kind {
            EmbedKind::Document => &self.prompts.0,
            EmbedKind::Query => &self.prompts.1,
        }
    }

    pub(super) fn info(&self, dimension: usize) -> EmbedderInfo {
        let name = self.name.clone().unwrap_or_else(|| format!("openai/{}{}", self.model, self.digest()));
        let info = EmbedderInfo::new(name, dimension).batch(self.batch * self.concurrency);
        match self.max_tokens {
            Some(most) => info.max_tokens(most),
            None => info,
        }
    }

    /// Of the prompts, which decide on vectors beside the model.
    fn digest(&self) -> String {
        let (document, query) = &self.prompts;
        if document.is_empty() && query.is_empty() {
            return String::new();
        }
        let digest = Sha256::digest(format!("{}:{document}{query}", document.len()));
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("@{hex}")
    }
}

fn parse(base: &str) -> Result<Url> {
    // The URL may hold a password: it is in no error.
    let bad = |message: &str| Error::invalid_input(message).with("option", "base_url");
    let url = Url::parse(base.trim()).map_err(|_| bad("the base URL of the embedding server is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("the base URL of the embedding server begins with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("the base URL of the embedding server holds a password; give a key apart"));
    }
    Ok(url)
}

fn endpoint(mut base: Url, model: &str, api_version: Option<&str>) -> Result<Url> {
    base.set_fragment(None);
    {
        let mut path = base.path_segments_mut().map_err(|()| Error::invalid_input("the base URL can have no path"))?;
        path.pop_if_empty();
        if api_version.is_some() {
            path.extend(["openai", "deployments", model]);
        }
        path.push("embeddings");
    }
    if let Some(version) = api_version {
        base.query_pairs_mut().append_pair("api-version", version);
    }
    Ok(base)
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;

    fn settings(model: &str, options: EmbedderOptions) -> Settings {
        Settings::new(model, options, |_| None).unwrap()
    }

    #[test]
    fn where_calls_go_and_what_carries_the_key() {
        let options = EmbedderOptions::default;
        let openai = settings("m", options().api_key("k"));
        assert_eq!(openai.url.as_str(), "https://api.openai.com/v1/embeddings");
        assert_eq!(openai.key, Key::Bearer("k".into()));

        let ollama = settings("m", options().base_url("http://127.0.0.1:11434/v1/"));
        assert_eq!((ollama.url.as_str(), &ollama.key), ("http://127.0.0.1:11434/v1/embeddings", &Key::None));

        let azure = options().base_url("https://x.openai.azure.com").api_key("k").api_version("2024-10-21");
        let azure = settings("my embedder", azure);
        let expected = "https://x.openai.azure.com/openai/deployments/my%20embedder/embeddings?api-version=2024-10-21";
        assert_eq!((azure.url.as_str(), &azure.key), (expected, &Key::Header("k".into())));

        let azure = settings("m", options().base_url("https://x.openai.azure.com/openai/v1").api_key("k"));
        assert_eq!(azure.url.as_str(), "https://x.openai.azure.com/openai/v1/embeddings");
        assert_eq!(azure.key, Key::Header("k".into()));
    }

    #[test]
    fn the_environment_is_asked_after_the_options() {
        let environment = |variable: &str| match variable {
            "OPENAI_API_KEY" => Some("from-env".to_owned()),
            "OPENAI_BASE_URL" => Some("https://env.example/v1".to_owned()),
            _ => None,
        };
        let found = Settings::new("m", EmbedderOptions::default(), environment).unwrap();
        assert_eq!((found.url.as_str(), &found.key), ("https://env.example/v1/embeddings", &Key::Bearer("from-env".into())));
        let options = EmbedderOptions::default().api_key("own").base_url("https://own.example");
        let found = Settings::new("m", options, environment).unwrap();
        assert_eq!((found.url.as_str(), &found.key), ("https://own.example/embeddings", &Key::Bearer("own".into())));
    }

    #[test]
    fn what_cannot_be_is_refused_without_repeating_it() {
        for url in ["ftp://x", "no url", "https://user:hunter2@x/v1", "data:hunter2"] {
            let error = Settings::new("m", EmbedderOptions::default().base_url(url), |_| None).unwrap_err();
            assert_eq!(error.kind(), mastra_core::ErrorKind::InvalidInput);
            assert!(!format!("{error:?}").contains("hunter2"), "{url}");
        }
        for options in [EmbedderOptions::default().batch(0), EmbedderOptions::default().concurrency(0)] {
            assert!(Settings::new("m", options, |_| None).is_err());
        }
    }

    #[test]
    fn prompts_make_another_model_and_a_name_is_the_last_word() {
        let plain = settings("m", EmbedderOptions::default()).info(2).model;
        let prompted = settings("m", EmbedderOptions::default().prompts("d: ", "q: ")).info(2).model;
        let other = settings("m", EmbedderOptions::default().prompts("d: q", ": ")).info(2).model;
        assert_eq!(plain, "openai/m");
        assert!(prompted.starts_with("openai/m@") && prompted != other, "{prompted} {other}");
        assert_eq!(settings("m", EmbedderOptions::default().name("openai/x")).info(2).model, "openai/x");
    }
}
