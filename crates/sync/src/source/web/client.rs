//! The client: one request, its repeats and its redirects.

use super::answer::{Answer, Fetched, media_type, refusal, text};
use super::cause::{Boxed, lost, refused, unreachable};
use super::connect::{Allowed, Resolver};
use super::options::Auth;
use super::retry::{Failure, Pauses};
use super::{WebOptions, redirect, shown};
use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
    USER_AGENT,
};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Pool, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mastra_core::{Error, Result};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use url::Url;

/// Of the time that a request has, this much at most goes into the connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Asks the servers of one source.
pub(crate) struct Client {
    plain: Pool<HttpConnector<Resolver>, Empty<Bytes>>,
    /// Made when it is needed: a small container may have no certificates.
    tls: OnceCell<Pool<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>>,
    options: WebOptions,
    allowed: Arc<Allowed>,
    agent: HeaderValue,
    /// What goes to the host of the source alone.
    private: HeaderMap,
    home: Url,
}

/// What is asked for.
pub(crate) struct Ask<'a> {
    url: &'a Url,
    accept: &'static str,
    types: Option<&'a [&'a str]>,
    etag: Option<&'a str>,
    prefix: Option<usize>,
    follow: &'a (dyn Fn(&Url) -> bool + Sync),
}

impl<'a> Ask<'a> {
    /// A URL, whatever it is and wherever it leads.
    pub(crate) fn new(url: &'a Url) -> Self {
        Self { url, accept: "*/*", types: None, etag: None, prefix: None, follow: &|_| true }
    }

    /// Says what is liked best.
    pub(crate) fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// Reads no body of another media type.
    #[cfg(feature = "crawl")]
    pub(crate) fn types(mut self, types: &'a [&'a str]) -> Self {
        self.types = Some(types);
        self
    }

    /// Asks for it only where it is not as this tag says.
    pub(crate) fn unless(mut self, etag: Option<&'a str>) -> Self {
        self.etag = etag;
        self
    }

    /// Of a body that is longer, so many bytes are enough.
    #[cfg(feature = "crawl")]
    pub(crate) fn prefix(mut self, bytes: usize) -> Self {
        self.prefix = Some(bytes);
        self
    }

    /// Follows a redirect only where this is true of it.
    #[cfg(feature = "crawl")]
    pub(crate) fn follow(mut self, follow: &'a (dyn Fn(&Url) -> bool + Sync)) -> Self {
        self.follow = follow;
        self
    }
}

/// What comes of one request.
enum Step {
    Answer(Answer),
    Unchanged,
    Redirect(String),
}

impl Client {
    /// A client for a source at this URL. Without I/O. `InvalidInput` where a key is missing, by its variable, or cannot be sent.
    pub(crate) fn new(options: &WebOptions, home: &Url) -> Result<Self> {
        let allowed = Arc::new(options.allowed.clone());
        let agent = HeaderValue::try_from(&options.user_agent)
            .map_err(|_| Error::invalid_input("the user agent holds a character that no header can carry"))?;
        let tcp = connector(&allowed, options.timeout);
        let (plain, private) = (builder().build(tcp), private(options)?);
        Ok(Self { plain, tls: OnceCell::new(), options: options.clone(), allowed, agent, private, home: home.clone() })
    }

    /// What the server answers, behind redirects. Errors as the module says.
    pub(crate) async fn fetch(&self, ask: &Ask<'_>) -> Result<Fetched> {
        let mut url = ask.url.clone();
        let mut ours = redirect::same_owner(&self.home, &url);
        let mut seen = vec![url.clone()];
        loop {
            let location = match self.repeat(&url, ask, ours).await? {
                Step::Answer(answer) => return Ok(Fetched::Answer(answer)),
                Step::Unchanged => return Ok(Fetched::Unchanged),
                Step::Redirect(location) => location,
            };
            let lost = |error: Error| error.retryable(false).with("url", shown(ask.url)).with("redirects", seen.len() - 1);
            let next = redirect::target(&url, &location).map_err(lost)?;
            if seen.contains(&next) {
                return Err(lost(Error::unavailable("the server redirects in a circle")));
            }
            if !(ask.follow)(&next) {
                return Ok(Fetched::Elsewhere(next));
            }
            if seen.len() > self.options.max_redirects {
                return Err(lost(Error::unavailable("the server redirects too often")));
            }
            // What was once elsewhere is not trusted again.
            ours = ours && redirect::same_owner(&url, &next);
            seen.push(next.clone());
            url = next;
        }
    }

    /// One request, repeated while that can help.
    async fn repeat(&self, url: &Url, ask: &Ask<'_>, ours: bool) -> Result<Step> {
        let WebOptions { attempts, pause, max_wait, timeout, .. } = self.options;
        let pauses = Pauses { attempts, first: pause, longest: max_wait };
        for attempt in 1.. {
            let failure = match tokio::time::timeout(timeout, self.exchange(url, ask, ours)).await {
                Ok(Ok(step)) => return Ok(step),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    Failure::again(Error::timeout("the server did not answer in time").with("timeout_s", timeout.as_secs_f64()))
                }
            };
            let Some(wait) = pauses.before_repeat(attempt, &failure, fastrand::f64()) else {
                return Err(failure.after(attempt).with("url", shown(url)));
            };
            tracing::debug!(attempt, ?wait, url = shown(url), error = %failure.error, "a request is made again");
            tokio::time::sleep(wait).await;
        }
        Err(Error::internal("a request was given up without a reason"))
    }

    async fn exchange(&self, url: &Url, ask: &Ask<'_>, ours: bool) -> Result<Step, Failure> {
        self.allowed.check(url).map_err(refused)?;
        let request = self.request(url, ask, ours)?;
        let answer = if url.scheme() == "https" {
            let tls = self.tls.get_or_try_init(async || self.tls_pool()).await.map_err(Failure::last)?;
            tls.request(request).await
        } else {
            self.plain.request(request).await
        };
        let answer = answer.map_err(unreachable)?;
        match answer.status().as_u16() {
            304 if ask.etag.is_some() => Ok(Step::Unchanged),
            301 | 302 | 303 | 307 | 308 => match text(answer.headers(), &LOCATION) {
                Some(location) => Ok(Step::Redirect(location.to_owned())),
                None => Err(Failure::last(Error::unavailable("the server redirects to nowhere"))),
            },
            200..=299 => self.read(url, answer, ask).await.map(Step::Answer),
            _ => Err(refusal(answer.status(), answer.headers())),
        }
    }

    fn request(&self, url: &Url, ask: &Ask<'_>, ours: bool) -> Result<Request<Empty<Bytes>>, Failure> {
        let bad = |message: &str| Failure::last(Error::invalid_input(message));
        let uri: Uri = url.as_str().parse().map_err(|_| bad("this URL holds a character that no request can carry"))?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(ask.accept));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, self.agent.clone());
        if let Some(etag) = ask.etag {
            headers.insert(
                IF_NONE_MATCH,
                HeaderValue::try_from(etag).map_err(|_| bad("a tag holds a character that no header can carry"))?,
            );
        }
        if ours {
            headers.extend(self.private.clone());
        }
        Ok(request)
    }

    async fn read(&self, url: &Url, answer: Response<Incoming>, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let (head, body) = answer.into_parts();
        let wanted = ask.types.is_none_or(|types| types.contains(&media_type(&head.headers).as_str()));
        if !wanted {
            return Ok(Answer::new(url.clone(), head.headers, None));
        }
        // Only what was not asked for could be there.
        if text(&head.headers, &CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(Failure::last(Error::unsupported("the server compresses its answer though it was not asked to")));
        }
        let body = match ask.prefix {
            Some(most) => prefix(body, most).await?,
            None => whole(body, self.options.max_body).await?,
        };
        Ok(Answer::new(url.clone(), head.headers, Some(body)))
    }

    fn tls_pool(&self) -> Result<Pool<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>> {
        let mut tcp = connector(&self.allowed, self.options.timeout);
        tcp.enforce_http(false);
        let roots = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|source| {
                Error::unavailable("this system has no certificates to trust; install ca-certificates").with_source(source)
            })?;
        Ok(builder().build(roots.https_only().enable_http1().wrap_connector(tcp)))
    }
}

/// Without what it sends.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Pool::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_max_idle_per_host(8);
    builder
}

fn connector(allowed: &Arc<Allowed>, timeout: Duration) -> HttpConnector<Resolver> {
    let mut tcp = Resolver::connector(Arc::clone(allowed));
    tcp.set_connect_timeout(Some(CONNECT.min(timeout)));
    tcp.set_nodelay(true);
    tcp
}

/// The headers that hold keys, marked so that no log shows them.
fn private(options: &WebOptions) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: String| {
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| Error::invalid_input("a key holds a character that no header can carry").with("header", &name))?;
        value.set_sensitive(true);
        headers.append(name, value);
        Ok::<_, Error>(())
    };
    match &options.auth {
        Some(Auth::Bearer(key)) => add(AUTHORIZATION, format!("Bearer {}", key.reveal()?))?,
        Some(Auth::Basic(user, password)) => {
            let pair = format!("{user}:{}", password.reveal()?);
            add(AUTHORIZATION, format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))?;
        }
        None => {}
    }
    for (name, value) in &options.headers {
        let name =
            HeaderName::try_from(name).map_err(|_| Error::invalid_input("this is no name of a header").with("header", name))?;
        add(name, value.reveal()?)?;
    }
    Ok(headers)
}

async fn whole(body: Incoming, most: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Failure::last(Error::invalid_input("the answer is longer than max_body allows").with("max_body", most)))
        }
        Err(source) => Err(lost(Boxed(source))),
    }
}

async fn prefix(mut body: Incoming, most: usize) -> Result<Bytes, Failure> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(lost)?.into_data().unwrap_or_default();
        read.extend_from_slice(data.get(..data.len().min(most - read.len())).unwrap_or_default());
        if read.len() >= most {
            break;
        }
    }
    Ok(read.into())
}
