//! How the store is connected.

use crate::{capabilities::capabilities, client::Client, store::QdrantVectors};
use mastra_core::{
    Error, Path, Result,
    vector::{CheckedVectors, VectorStore as _},
};
use qdrant_client::{
    Qdrant,
    config::QdrantConfig,
    qdrant::{BinaryQuantizationBuilder, QuantizationConfig, QuantizationType, ScalarQuantizationBuilder, quantization_config},
};
use std::{net::IpAddr, time::Duration};
use url::Url;

/// How graphs keep vectors in memory, smaller than they are; the vectors themselves stay and decide the order of what is found. For indexes
/// that are made through this handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Quantization {
    /// As they are.
    #[default]
    None,
    /// One byte a number.
    Scalar,
    /// One bit a number: for long vectors.
    Binary,
}

impl Quantization {
    pub(crate) fn config(self) -> Option<QuantizationConfig> {
        let quantization = match self {
            Self::None => return None,
            Self::Scalar => quantization_config::Quantization::Scalar(
                ScalarQuantizationBuilder::default().r#type(QuantizationType::Int8.into()).always_ram(true).into(),
            ),
            Self::Binary => quantization_config::Quantization::Binary(BinaryQuantizationBuilder::new(true).into()),
        };
        Some(QuantizationConfig { quantization: Some(quantization) })
    }
}

/// What makes a store; from [`QdrantVectors::builder`].
#[derive(Clone)]
#[must_use]
pub struct QdrantBuilder {
    url: String,
    host: String,
    pub(crate) settings: Settings,
    /// Whether the server is this machine.
    local: bool,
    encrypted: bool,
    api_key: Option<String>,
    plain_api_key: bool,
    timeout: Duration,
    connect_timeout: Duration,
    retries: u32,
}

/// What the store itself looks at.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) quantization: Quantization,
    pub(crate) numbers: Vec<Path>,
    pub(crate) batch_bytes: usize,
    pub(crate) batch_points: usize,
}

impl std::fmt::Debug for QdrantBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QdrantBuilder").field("host", &self.host).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl QdrantBuilder {
    /// Reads a URL as [`connect`](crate::connect) takes it.
    pub fn from_url(url: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid_input(format!("not the URL of a Qdrant server: {why}"));
        let parsed = Url::parse(url).map_err(|_| bad("it cannot be read"))?;
        let scheme = match parsed.scheme() {
            "http" | "qdrant" => "http",
            "https" | "qdrants" => "https",
            _ => return Err(bad("it begins with http, https, qdrant or qdrants")),
        };
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?;
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let local = address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback());
        let host = format!("{host}:{}", parsed.port().unwrap_or(6334));
        let mut builder = Self {
            url: format!("{scheme}://{host}"),
            host,
            settings: Settings {
                prefix: String::new(),
                quantization: Quantization::None,
                numbers: Vec::new(),
                batch_bytes: 8 << 20,
                batch_points: 1_000,
            },
            local,
            encrypted: scheme == "https",
            api_key: None,
            plain_api_key: false,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retries: 2,
        };
        for (key, value) in parsed.query_pairs() {
            builder = match key.as_ref() {
                "prefix" => builder.prefix(value),
                "api_key" => builder.api_key(value),
                "plain_api_key" if matches!(value.as_ref(), "true" | "false") => builder.allow_plain_api_key(value == "true"),
                _ => return Err(bad("it has a parameter other than prefix, api_key and plain_api_key=true")),
            };
        }
        Ok(builder)
    }

    /// What stands before the name of every collection, so that several stores share a server: letters, digits, `_` and `-`, 64 at most.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// What the server asks for. It never reaches an error or a log line, and is sent encrypted only: where the URL says `http` and the
    /// server is another machine, connecting is refused.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long a call may take; 30 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take; 5 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a call that is safe to repeat is made again where the server cannot be reached; twice by default.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries.min(10);
        self
    }

    /// How graphs of indexes that are made keep vectors.
    pub fn quantization(mut self, quantization: Quantization) -> Self {
        self.settings.quantization = quantization;
        self
    }

    /// Says that the field at this path holds numbers: where an index is made to serve filters on it, ranges are served, and else words.
    pub fn numbers(mut self, path: Path) -> Self {
        self.settings.numbers.push(path);
        self
    }

    /// How many bytes of points one request carries, about; 8 MiB by default.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.settings.batch_bytes = bytes.max(1);
        self
    }

    /// How many points one request carries; 1,000 by default, fewer where the collection's strict mode says so.
    pub fn batch_points(mut self, points: usize) -> Self {
        self.settings.batch_points = points.max(1);
        self
    }

    /// Sends the key unencrypted to another machine, where the network between is trusted: inside a cluster, or through a tunnel.
    pub fn allow_plain_api_key(mut self, allow: bool) -> Self {
        self.plain_api_key = allow;
        self
    }

    /// Connects, and asks the server whether it is there.
    ///
    /// Errors: `InvalidInput` for a prefix that no collection can have, and for a key that would cross the network unencrypted;
    /// `Unavailable` where no server answers.
    pub async fn connect(self) -> Result<CheckedVectors<QdrantVectors>> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let prefix = &self.settings.prefix;
        if prefix.len() > 64 || !prefix.bytes().all(plain) {
            return Err(Error::invalid_input("a prefix takes letters, digits, _ and -, 64 at most"));
        }
        if self.api_key.is_some() && !self.encrypted && !self.local && !self.plain_api_key {
            return Err(Error::invalid_input(
                "the API key would cross the network unencrypted: write https://, or where the network is trusted, plain_api_key=true",
            )
            .with("host", &self.host));
        }
        let mut config = QdrantConfig::from_url(&self.url)
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            // The check would block this thread, and print.
            .skip_compatibility_check();
        if let Some(key) = &self.api_key {
            config.set_api_key(key);
        }
        let qdrant = Qdrant::new(config).map_err(|error| crate::error::Failure::from(error).error)?;
        let capabilities = capabilities(prefix.len());
        let store = QdrantVectors::new(Client::new(qdrant, self.retries), self.host, capabilities, self.settings);
        store.ping().await.map_err(|error| error.with_operation("connect"))?;
        Ok(CheckedVectors::new(store))
    }
}
