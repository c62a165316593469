//! `openai/MODEL`: OpenAI, and every server that speaks its `POST /embeddings`: Ollama, vLLM, llama.cpp, LM Studio, Azure.
//!
//! | server | [`base_url`](EmbedderOptions::base_url) or `OPENAI_BASE_URL` | beside it |
//! |---|---|---|
//! | OpenAI | none | `OPENAI_API_KEY` |
//! | Ollama | `http://127.0.0.1:11434/v1` | |
//! | vLLM | `http://HOST:8000/v1` | its `--api-key`, if it has one |
//! | Azure, v1 | `https://NAME.openai.azure.com/openai/v1` | the key, the deployment as the model |
//! | Azure, with deployments | `https://NAME.openai.azure.com` | [`api_version`](EmbedderOptions::api_version) too |
//!
//! Texts go out in batches, by number and by tokens (guessed without a tokenizer, on the safe side: what a server still finds too large is
//! halved), several at once. What a repeat can help is repeated: lost connections, time running out, and the statuses 408, 409, 425, 429
//! and 5xx; after a growing, random pause, or the one that the server asks for by `Retry-After`. Redirects are not followed, so that
//! the key goes where it was meant to go. Proxies of the environment are not used.

mod batch;
mod client;
mod retry;
mod settings;
mod wire;

use std::fmt;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use mastra_core::Result;

use self::client::Client;
use self::retry::{Failure, Pauses};
use self::settings::Settings;
use super::check::placed;
use super::{EmbedKind, Embedder, EmbedderInfo, EmbedderOptions, check_texts, checked};

/// A server of embeddings that speaks OpenAI's protocol.
///
/// What the options mean here, and their defaults:
///
/// - `dimension`: the model's own. Another one is asked for (`dimensions`), which OpenAI's third generation and some others can; those
///   that cannot refuse it as `InvalidInput`.
/// - `base_url`: `OPENAI_BASE_URL`, else OpenAI. `api_key`: `OPENAI_API_KEY`, else none. A key goes over plain HTTP only to this machine
///   without a warning.
/// - `batch`: 128 texts. `concurrency`: 4 calls. `timeout`: 60 s. `retries`: 5. `max_wait`: 60 s.
/// - `max_tokens`: 8,191 for OpenAI's own models, else none known. Longer texts are the server's to judge: OpenAI refuses them
///   (`InvalidInput`, with the position), Ollama cuts them.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_rag::embed::{EmbedderExt as _, EmbedderOptions, Embedders};
///
/// let options = EmbedderOptions::default().base_url("http://127.0.0.1:11434/v1");
/// let ollama = Embedders::default().connect_with("openai/all-minilm", options).await?;
/// assert_eq!(ollama.dimension(), 384);
/// # Ok(())
/// # }
/// ```
pub struct OpenAi {
    info: EmbedderInfo,
    settings: Settings,
    client: Client,
    pauses: Pauses,
}

impl OpenAi {
    /// The model of that name on the server that options and environment name.
    ///
    /// The dimension of OpenAI's own models is known; that of others is asked with one call, so that a wrong URL, key or model shows here.
    ///
    /// # Errors
    /// `InvalidInput` for a URL or an option that cannot be; those of [`Embedder::embed`].
    pub async fn connect(model: &str, options: EmbedderOptions) -> Result<Self> {
        Self::connect_in(model, options, |variable| std::env::var(variable).ok()).await
    }

    async fn connect_in(
        model: &str,
        options: EmbedderOptions,
        environment: impl Fn(&str) -> Option<String> + Send,
    ) -> Result<Self> {
        let mut settings = Settings::new(model, options, environment)?;
        let client = Client::new(&settings)?;
        let pauses = Pauses::new(settings.retries, settings.max_wait);
        let known = settings.native_dimension;
        let info = settings.info(known.unwrap_or(1));
        let mut embedder = Self { info, client, pauses, settings: settings.clone() };
        let native = match known {
            Some(native) => native,
            None => embedder.ask_dimension().await?,
        };
        settings.shortened = settings.dimension.filter(|dimension| *dimension != native);
        embedder.info = settings.info(settings.dimension.unwrap_or(native));
        embedder.settings = settings;
        Ok(embedder)
    }

    async fn ask_dimension(&self) -> Result<usize> {
        let vectors = self.call(&["dimension".into()]).await?;
        Ok(vectors.first().map_or(0, Vec::len))
    }

    /// One call, repeated while that can help, and halved where the server finds it too large.
    fn embed_batch<'a>(&'a self, texts: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>>> {
        Box::pin(async move {
            let failure = match self.call(texts).await {
                Ok(vectors) => return checked(&self.info, texts.len(), vectors),
                Err(failure) => failure,
            };
            if !failure.too_large {
                return Err(failure.error);
            }
            if texts.len() == 1 {
                // Alone and still too large: it is this text.
                return Err(failure.error.with("text", 0));
            }
            let (left, right) = texts.split_at(texts.len() / 2);
            let mut vectors = self.embed_batch(left).await?;
            let right = self.embed_batch(right).await;
            vectors.extend(right.map_err(|error| placed(error, |place| Some(place + left.len())))?);
            Ok(vectors)
        })
    }

    async fn call(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let body = wire::request(&self.settings, texts)?;
        let most = wire::most_bytes(texts.len());
        let mut attempt = 0;
        loop {
            self.pauses.turn().await;
            let failure = match self.client.post(body.clone(), most).await.and_then(|body| wire::vectors(&body)) {
                Ok(vectors) => return Ok(vectors),
                Err(failure) => failure,
            };
            let Some(wait) = self.pauses.before_repeat(attempt, &failure) else {
                return Err(failure.after(attempt + 1));
            };
            attempt += 1;
            tracing::debug!(attempt, ?wait, error = %failure.error, "an embedding call is made again");
            self.pauses.wait(wait, &failure).await;
        }
    }
}

#[async_trait]
impl Embedder for OpenAi {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        check_texts(texts)?;
        let prompt = self.settings.prompt(kind);
        let texts: Vec<String> = texts.iter().map(|text| format!("{prompt}{text}")).collect();
        let batches = batch::plan(&texts, self.settings.batch);
        let calls = batches.into_iter().map(|range| {
            let batch = texts.get(range.clone()).unwrap_or_default();
            async move { self.embed_batch(batch).await.map_err(|error| placed(error, |place| Some(range.start + place))) }
        });
        let vectors: Vec<Vec<Vec<f32>>> = stream::iter(calls).buffered(self.settings.concurrency).try_collect().await?;
        Ok(vectors.into_iter().flatten().collect())
    }
}

/// Without the key, which the client holds.
impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi").field("info", &self.info).finish_non_exhaustive()
    }
}
