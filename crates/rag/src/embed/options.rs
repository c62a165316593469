//! How an embedder is to be, other than by default.

use std::fmt;
use std::time::Duration;

/// A key that never reaches a log, an error or a debugger's line.
///
/// ```
/// let key = mastra_rag::embed::Secret::new("sk-1234");
/// assert_eq!(format!("{key:?}"), "Secret(***)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The key itself, for the one who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(secret: T) -> Self {
        Self::new(secret)
    }
}

/// What an embedder may be told beside its string. Each takes what it has a use for; what would silently do nothing is refused as
/// `Unsupported`.
///
/// ```
/// use mastra_rag::embed::EmbedderOptions;
///
/// // Ollama, with the prompts that this model was trained with.
/// let options = EmbedderOptions::default()
///     .base_url("http://127.0.0.1:11434/v1")
///     .prompts("search_document: ", "search_query: ");
/// # drop(options);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EmbedderOptions {
    /// How many numbers a vector is to have: `openai` asks the model to shorten its vectors (`dimensions`), others refuse what is not
    /// their model's. Absent: the model's own.
    pub dimension: Option<usize>,
    /// The name that vectors carry instead of the one made from the string ([`EmbedderInfo::model`](super::EmbedderInfo::model)). Say
    /// it where the same model has another name here: a deployment of Azure, a folder that moved.
    pub name: Option<String>,
    /// What is set before each document, for models that were trained so. `local` takes the model's own where this is absent.
    pub document_prompt: Option<String>,
    /// What is set before each query.
    pub query_prompt: Option<String>,
    /// How many texts go into one call, or through the model at once.
    pub batch: Option<usize>,
    /// The longest text that goes to the model as a whole, in tokens.
    pub max_tokens: Option<usize>,
    /// Of a server: its URL up to, without, `/embeddings`.
    pub base_url: Option<String>,
    /// Of a server: the key.
    pub api_key: Option<Secret>,
    /// Of an Azure server with deployments: the `api-version`.
    pub api_version: Option<String>,
    /// Of a server: how many calls are under way at once.
    pub concurrency: Option<usize>,
    /// Of a server: how long one call may take, repeats not counted.
    pub timeout: Option<Duration>,
    /// Of a server: how often a call is made again.
    pub retries: Option<u32>,
    /// Of a server: the longest wait before a repeat, its own wish (`Retry-After`) included. A server that wants a longer one is given
    /// up at once.
    pub max_wait: Option<Duration>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl EmbedderOptions {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = Some($name.into());
                self
            })*
        }
    };
}

setters! {
    /// Sets [`EmbedderOptions::dimension`].
    dimension: usize,
    /// Sets [`EmbedderOptions::name`].
    name: impl Into<String>,
    /// Sets [`EmbedderOptions::batch`].
    batch: usize,
    /// Sets [`EmbedderOptions::max_tokens`].
    max_tokens: usize,
    /// Sets [`EmbedderOptions::base_url`].
    base_url: impl Into<String>,
    /// Sets [`EmbedderOptions::api_key`].
    api_key: impl Into<Secret>,
    /// Sets [`EmbedderOptions::api_version`].
    api_version: impl Into<String>,
    /// Sets [`EmbedderOptions::concurrency`].
    concurrency: usize,
    /// Sets [`EmbedderOptions::timeout`].
    timeout: Duration,
    /// Sets [`EmbedderOptions::retries`].
    retries: u32,
    /// Sets [`EmbedderOptions::max_wait`].
    max_wait: Duration,
}

impl EmbedderOptions {
    /// Sets both prompts.
    #[must_use]
    pub fn prompts(mut self, document: impl Into<String>, query: impl Into<String>) -> Self {
        self.document_prompt = Some(document.into());
        self.query_prompt = Some(query.into());
        self
    }

    /// The names of the options that are set.
    fn named(&self) -> impl Iterator<Item = &'static str> {
        let Self {
            dimension,
            name,
            document_prompt,
            query_prompt,
            batch,
            max_tokens,
            base_url,
            api_key,
            api_version,
            concurrency,
            timeout,
            retries,
            max_wait,
        } = self;
        [
            ("dimension", dimension.is_some()),
            ("name", name.is_some()),
            ("document_prompt", document_prompt.is_some()),
            ("query_prompt", query_prompt.is_some()),
            ("batch", batch.is_some()),
            ("max_tokens", max_tokens.is_some()),
            ("base_url", base_url.is_some()),
            ("api_key", api_key.is_some()),
            ("api_version", api_version.is_some()),
            ("concurrency", concurrency.is_some()),
            ("timeout", timeout.is_some()),
            ("retries", retries.is_some()),
            ("max_wait", max_wait.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
    }

    /// Refuses what this embedder has no use for: only `taken` may be set.
    pub(super) fn only(&self, embedder: &'static str, taken: &[&str]) -> mastra_core::Result<()> {
        match self.named().find(|name| !taken.contains(name)) {
            Some(option) => Err(mastra_core::Error::unsupported("this embedder has no such option")
                .with("embedder", embedder)
                .with("option", option)
                .with("known", taken.join(", "))),
            None => Ok(()),
        }
    }
}
