//! `crawl`: the pages of a web site.

use super::{bad, is_default, web::WebConfig};
use crate::resolve::redacted;
use mastra_core::Result;
use mastra_rag::chunk::ChunkerConfig;
use serde::{Deserialize, Serialize};

/// `crawl`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrawlConfig {
    /// The page to begin with.
    pub(crate) url: String,
    /// Only pages whose path this matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_regex: Option<String>,
    /// The most pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
    /// The characters of a chunk; a page is one record where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunk: Option<usize>,
    /// The same, told in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunker: Option<ChunkerConfig>,
    /// The pause between two requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_seconds: Option<f64>,
    /// Pages that are read at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency: Option<usize>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) web: WebConfig,
}

impl CrawlConfig {
    pub(super) fn check(&self) -> Result<()> {
        if redacted(&self.url) != self.url {
            return Err(bad("a key never stands in this file: web.bearer_env or web.basic name its variable", "source.url"));
        }
        if self.chunk.is_some() && self.chunker.is_some() {
            return Err(bad("chunk and chunker both say how pages are cut: one of them is enough", "source.chunk"));
        }
        if self.delay_seconds.is_some_and(|seconds| !(0.0..=3_600.0).contains(&seconds)) {
            return Err(bad("the pause between two requests is of 0 to 3600 seconds", "source.delay_seconds"));
        }
        if self.limit == Some(0) {
            return Err(bad("a crawl reads one page at least", "source.limit"));
        }
        self.web.check()
    }
}
