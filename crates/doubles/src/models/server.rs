//! The server: it listens, and stops when it is dropped.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::answer;
use super::faults::{Effect, Fault};
use super::http::{self, Request, Response};
use crate::http::{listen, read_request};

/// A running server of models.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mastra_doubles::Models;
/// use mastra_doubles::models::{Fault, Settings};
///
/// let models = Models::start_with(Settings::default().model("small", 8).api_key("sk-test")).await?;
/// models.fault(Fault::nth(2).status(429).header("retry-after", "1"));
/// assert!(models.url().ends_with("/v1"));
/// assert_eq!(models.requests().len(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Models {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// How a server of models is to be, other than by default.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    pub(super) models: BTreeMap<String, usize>,
    pub(super) api_key: Option<String>,
    pub(super) most_inputs: usize,
    pub(super) most_tokens: usize,
    pub(super) most_tokens_together: usize,
}

impl Default for Settings {
    /// No model, no key, and OpenAI's limits: 2,048 inputs, 8,192 tokens each, 300,000 together.
    fn default() -> Self {
        Self { models: BTreeMap::new(), api_key: None, most_inputs: 2_048, most_tokens: 8_192, most_tokens_together: 300_000 }
    }
}

impl Settings {
    /// It has a model of this name that gives vectors of this many numbers; of a name with `shorten` in it, fewer on request.
    #[must_use]
    pub fn model(mut self, name: &str, dimension: usize) -> Self {
        self.models.insert(name.to_owned(), dimension);
        self
    }

    /// Calls need this key.
    #[must_use]
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_key = Some(key.to_owned());
        self
    }

    /// The limits on inputs, on the tokens of one, and on those of all together.
    #[must_use]
    pub fn limits(mut self, inputs: usize, tokens: usize, tokens_together: usize) -> Self {
        (self.most_inputs, self.most_tokens, self.most_tokens_together) = (inputs, tokens, tokens_together);
        self
    }
}

#[derive(Debug)]
struct State {
    settings: Settings,
    inner: Mutex<Inner>,
    running: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    faults: Vec<Fault>,
    requests: Vec<Request>,
    peak: usize,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Models {
    /// Starts one with a model `small` of 8 numbers, that wants no key, on a free port of the loopback address, on the runtime that this
    /// is called on.
    ///
    /// # Errors
    ///
    /// The system has no port, or lets none be listened to.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Settings::default().model("small", 8)).await
    }

    /// As [`Models::start`], with settings.
    ///
    /// # Errors
    ///
    /// The system has no port, or lets none be listened to.
    pub async fn start_with(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { settings, inner: Mutex::default(), running: AtomicUsize::new(0) });
        let task = tokio::spawn(listen(listener, {
            let state = Arc::clone(&state);
            move |stream| serve(stream, Arc::clone(&state))
        }));
        Ok(Self { address, state, task })
    }

    /// The base that clients of OpenAI take: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1", self.root())
    }

    /// The resource, as Azure calls it: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds something that goes wrong; it counts calls from now on.
    pub fn fault(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// The calls that came in, in that order, those that failed included.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().requests.clone()
    }

    /// How many calls were under way at once, at most.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.state.lock().peak
    }
}

/// Nothing is listened to any more, and open connections break.
impl Drop for Models {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut read).await? {
        let request = Request::from(request);
        let running = state.running.fetch_add(1, Ordering::SeqCst) + 1;
        let effects = meet(&state, &request, running);
        let answered = answer_with(&mut stream, &state, &request, effects).await;
        state.running.fetch_sub(1, Ordering::SeqCst);
        if !answered? {
            return Ok(());
        }
    }
    Ok(())
}

/// Notes the call and tells what happens to it.
fn meet(state: &State, request: &Request, running: usize) -> Vec<Effect> {
    let mut inner = state.lock();
    inner.requests.push(request.clone());
    inner.peak = inner.peak.max(running);
    inner.faults.iter_mut().filter_map(Fault::meet).collect()
}

/// Whether the connection stays open.
async fn answer_with(stream: &mut TcpStream, state: &State, request: &Request, effects: Vec<Effect>) -> io::Result<bool> {
    let mut response: Response = answer::to(request, &state.settings);
    let mut truncated = false;
    for effect in effects {
        match effect {
            Effect::Delay(time) => tokio::time::sleep(time).await,
            Effect::Hang => tokio::time::sleep(Duration::from_secs(86_400)).await,
            Effect::Drop => return Ok(false),
            Effect::Truncate => truncated = true,
            Effect::Answer(other) => response = other,
            Effect::Change(change) => response.body = change(response.body),
        }
    }
    http::write(stream, &response, truncated).await?;
    Ok(!truncated)
}
