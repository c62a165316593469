//! From a string to an embedder, open to those of other crates.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use mastra_core::{Error, Result};

use super::hash::HashEmbedder;
use super::{Embedder, EmbedderOptions};

/// An embedder being made.
pub type Connecting = BoxFuture<'static, Result<Arc<dyn Embedder>>>;

type Factory = Arc<dyn Fn(String, EmbedderOptions) -> Connecting + Send + Sync>;

/// What is there behind a feature, for those who have it not.
const FEATURES: [&str; 3] = ["openai", "local", "model2vec"];

/// Which providers lead to which embedder. The default knows `hash` and those of the features that are on.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_rag::embed::{Embedder, EmbedderExt as _, EmbedderOptions, Embedders, hash::HashEmbedder};
/// use std::sync::Arc;
///
/// let embedders = Embedders::default().with("mine", |_model, _options: EmbedderOptions| async {
///     Ok(Arc::new(HashEmbedder::new(64)?) as Arc<dyn Embedder>)
/// });
/// assert_eq!(embedders.connect("mine/whatever").await?.dimension(), 64);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Embedders(BTreeMap<String, Factory>);

impl Embedders {
    /// Knows none.
    pub fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a provider, or puts it in the place of the one of that name. The factory is given what follows the first slash.
    #[must_use]
    pub fn with<F, C>(mut self, provider: impl Into<String>, factory: F) -> Self
    where
        F: Fn(String, EmbedderOptions) -> C + Send + Sync + 'static,
        C: Future<Output = Result<Arc<dyn Embedder>>> + Send + 'static,
    {
        self.0.insert(provider.into(), Arc::new(move |model, options| Box::pin(factory(model, options))));
        self
    }

    /// The providers that it knows, sorted.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The embedder that `PROVIDER/MODEL` names, with default options; see [`Embedders::connect_with`].
    pub async fn connect(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        self.connect_with(name, EmbedderOptions::default()).await
    }

    /// The embedder that `PROVIDER/MODEL` names: a server may be asked what it gives, files are read.
    ///
    /// # Errors
    /// - `InvalidInput`: there is no slash, or nobody has registered such a provider.
    /// - `Unsupported`: the provider is not built in, or has no use for an option that is set.
    /// - All others are the provider's; none holds a key.
    pub async fn connect_with(&self, name: &str, options: EmbedderOptions) -> Result<Arc<dyn Embedder>> {
        let (factory, model) = self.find(name)?;
        factory(model.to_owned(), options).await.map_err(|error| error.with_operation("connect"))
    }

    /// Whether [`Embedders::connect`] would find a provider for this string, with its errors, before any I/O.
    pub fn check(&self, name: &str) -> Result<()> {
        self.find(name).map(drop)
    }

    fn find<'n>(&self, name: &'n str) -> Result<(&Factory, &'n str)> {
        let bad = |error: Error| error.with_operation("connect").with("known", self.providers().collect::<Vec<_>>().join(", "));
        let (provider, model) = match name.split_once('/') {
            Some((provider, model)) if !model.is_empty() => (provider, model),
            _ => return Err(bad(Error::invalid_input("an embedder is named as provider/model, such as hash/384"))),
        };
        let Some(factory) = self.0.get(provider) else {
            let error = match FEATURES.contains(&provider) {
                true => Error::unsupported("this embedder is not built in; turn on the feature of its name in mastra-rag"),
                false => Error::invalid_input("there is no such provider of embedders"),
            };
            return Err(bad(error.with("provider", provider)));
        };
        Ok((factory, model))
    }
}

impl Default for Embedders {
    fn default() -> Self {
        let embedders = Self::empty().with("hash", |model, options| async move {
            Ok(Arc::new(HashEmbedder::from_name(&model, &options)?) as Arc<dyn Embedder>)
        });
        #[cfg(feature = "openai")]
        let embedders = embedders.with("openai", |model, options| async move {
            Ok(Arc::new(super::openai::OpenAi::connect(&model, options).await?) as Arc<dyn Embedder>)
        });
        #[cfg(feature = "local")]
        let embedders = embedders.with("local", |model, options| async move {
            Ok(Arc::new(super::local::Local::load(&model, &options).await?) as Arc<dyn Embedder>)
        });
        #[cfg(feature = "model2vec")]
        let embedders = embedders.with("model2vec", |model, options| async move {
            Ok(Arc::new(super::model2vec::Model2Vec::load(&model, &options).await?) as Arc<dyn Embedder>)
        });
        embedders
    }
}

impl fmt::Debug for Embedders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Embedders").field(&self.providers().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::embed::EmbedderExt as _;
    use mastra_core::ErrorKind;

    #[tokio::test]
    async fn names_lead_to_embedders_or_to_an_error_that_says_what_there_is() {
        let embedders = Embedders::default();
        assert_eq!(embedders.connect("hash/64").await.unwrap().model(), "hash/64");
        for name in ["hash", "hash/", "", "/"] {
            let error = embedders.connect(name).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
            assert!(error.get("known").unwrap().contains("hash"), "{name}");
        }
        assert_eq!(embedders.connect("cohere/x").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn what_is_behind_a_feature_is_named_as_such() {
        let error = Embedders::empty().connect("openai/text-embedding-3-small").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn options_without_a_use_are_refused() {
        let options = EmbedderOptions::default().base_url("http://127.0.0.1");
        let error = Embedders::default().connect_with("hash/64", options).await.unwrap_err();
        assert_eq!((error.kind(), error.get("option")), (ErrorKind::Unsupported, Some("base_url")));
    }
}
