//! The HTTP client.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Pool, Error as PoolError, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mastra_core::{Error, Result};

use super::retry::{Failure, asked_wait};
use super::settings::{Key, Settings};
use super::wire;

/// Of the time that a call has, this much at most goes into the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// A refusal is short.
const MOST_REFUSAL: usize = 64 * 1024;

/// Calls one URL.
pub(super) struct Client {
    pool: Pools,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

/// Plain connections need no certificates, which a small container may not have.
enum Pools {
    Plain(Pool<HttpConnector, Full<Bytes>>),
    Tls(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let bad = |_| Error::invalid_input("the base URL of the embedding server is no URL");
        let uri: Uri = settings.url.as_str().parse().map_err(bad)?;
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT.min(settings.timeout)));
        tcp.set_nodelay(true);
        let mut builder = Pool::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_max_idle_per_host(settings.concurrency);
        let pool = if uri.scheme_str() == Some("https") {
            tcp.enforce_http(false);
            let roots = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                .map_err(|source| {
                    Error::unavailable("this system has no certificates to trust; install ca-certificates").with_source(source)
                })?;
            Pools::Tls(builder.build(roots.https_only().enable_http1().wrap_connector(tcp)))
        } else {
            Pools::Plain(builder.build(tcp))
        };
        Ok(Self { pool, uri, headers: headers(&settings.key)?, timeout: settings.timeout })
    }

    /// The body of a successful answer, of `most` bytes at most.
    pub(super) async fn post(&self, body: Bytes, most: usize) -> Result<Bytes, Failure> {
        match tokio::time::timeout(self.timeout, self.exchange(body, most)).await {
            Ok(answer) => answer,
            Err(_) => {
                let error = Error::timeout("the embedding server did not answer in time");
                Err(Failure::again(error.with("timeout_s", self.timeout.as_secs_f64())))
            }
        }
    }

    async fn exchange(&self, body: Bytes, most: usize) -> Result<Bytes, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = match &self.pool {
            Pools::Plain(pool) => pool.request(request).await,
            Pools::Tls(pool) => pool.request(request).await,
        };
        let answer = answer.map_err(unreachable)?;
        if answer.status().is_success() {
            return read(answer, most).await;
        }
        let (status, wait) = (answer.status().as_u16(), wait(answer.headers()));
        // A refusal counts by its status even where its body is lost.
        let body = read(answer, MOST_REFUSAL).await.unwrap_or_default();
        Err(Failure { wait, ..wire::failure(status, &body) })
    }
}

fn headers(key: &Key) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json.clone());
    headers.insert(ACCEPT, json);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("mastra-rag/", env!("CARGO_PKG_VERSION"))));
    let (name, value) = match key {
        Key::None => return Ok(headers),
        Key::Bearer(key) => (AUTHORIZATION, format!("Bearer {}", key.expose().trim())),
        Key::Header(key) => (HeaderName::from_static("api-key"), key.expose().trim().to_owned()),
    };
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| Error::invalid_input("the key of the embedding server holds a character that no header can carry"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: Option<&HeaderValue>| value?.to_str().ok().map(str::to_owned);
    let milliseconds = text(headers.get("retry-after-ms"));
    asked_wait(milliseconds.as_deref(), text(headers.get(RETRY_AFTER)).as_deref(), SystemTime::now())
}

async fn read(answer: Response<Incoming>, most: usize) -> Result<Bytes, Failure> {
    match Limited::new(answer.into_body(), most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Failure::last(Error::corrupt("the embedding server's answer is longer than any can be").with("most_bytes", most)))
        }
        Err(source) => {
            let error = Error::unavailable("the embedding server's answer ended in the middle");
            Err(Failure::again(error.with_source(Lost(source))))
        }
    }
}

fn unreachable(source: PoolError) -> Failure {
    let message = if source.is_connect() {
        "the embedding server cannot be reached; is it running, and is base_url right?"
    } else {
        "the connection to the embedding server was lost"
    };
    Failure::again(Error::unavailable(message).with_source(source))
}

/// An error that comes in a box, which is none itself.
#[derive(Debug)]
struct Lost(Box<dyn StdError + Send + Sync>);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Lost {}
