//! The server: it listens, and stops when it is dropped.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Reply;
use crate::http::{Incoming, listen, read_request};

/// A request that came in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// The path, with the query if there is one.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was sent along.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a query parameter, as it was written; nothing in it is decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// A running web server.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mastra_doubles::Web;
/// use mastra_doubles::web::Reply;
/// use serde_json::json;
///
/// let web = Web::start().await?;
/// // First it fails, then it goes well.
/// web.route("/items", [Reply::status(503), Reply::json(&json!([{ "id": 1 }]))]);
/// web.answer("/pages", |request| Reply::text(request.query("page").unwrap_or("0")));
/// assert!(web.url("/items").ends_with("/items"));
/// assert_eq!(web.hits("/items"), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Web {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    routes: HashMap<String, Route>,
    requests: Vec<Request>,
}

enum Route {
    /// One after the other; the last is repeated.
    Listed(VecDeque<Reply>),
    Asked(Arc<dyn Fn(&Request) -> Reply + Send + Sync>),
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(replies) => f.debug_list().entries(replies).finish(),
            Self::Asked(_) => f.write_str("Asked"),
        }
    }
}

impl Web {
    /// Starts one on a free port of the loopback address, on the runtime that this is called on.
    ///
    /// # Errors
    ///
    /// The system has no port, or lets none be listened to.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::<Mutex<State>>::default();
        let task = tokio::spawn(listen(listener, {
            let state = Arc::clone(&state);
            move |stream| serve(stream, Arc::clone(&state))
        }));
        Ok(Self { address, state, task })
    }

    /// What a path answers, with or without a query: one reply after the other, of which the last is repeated. A target with a query is
    /// looked up first. Replaces what was there.
    pub fn route(&self, target: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies = Route::Listed(replies.into_iter().collect());
        lock(&self.state).routes.insert(target.to_owned(), replies);
    }

    /// Lets a closure answer what a path is asked. Replaces what was there.
    pub fn answer(&self, target: &str, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        lock(&self.state).routes.insert(target.to_owned(), Route::Asked(Arc::new(answer)));
    }

    /// A page of HTML at a path, always.
    pub fn page(&self, target: &str, html: &str) {
        self.route(target, [Reply::html(html)]);
    }

    /// `http://127.0.0.1:PORT` and the path.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests that came in, in that order, those that failed included.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }

    /// How many requests there were of a path, with whatever query, or of a target with its query.
    #[must_use]
    pub fn hits(&self, target: &str) -> usize {
        lock(&self.state).requests.iter().filter(|request| request.target == target || request.path() == target).count()
    }

    /// Forgets the requests.
    pub fn forget(&self) {
        lock(&self.state).requests.clear();
    }
}

/// Nothing is listened to any more, and open connections break.
impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    while let Some(Incoming { method, target, headers, body }) = read_request(&mut stream, &mut read).await? {
        let request = Request { method, target, headers, body };
        if !reply(&state, &request).to(&request).send(&mut stream).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Notes the request and finds its answer.
fn reply(state: &Mutex<State>, request: &Request) -> Reply {
    let mut state = lock(state);
    state.requests.push(request.clone());
    let target = if state.routes.contains_key(&request.target) { &request.target } else { request.path() };
    let answer = match state.routes.get_mut(target) {
        None => return Reply::status(404),
        Some(Route::Listed(replies)) => {
            let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
            return reply.unwrap_or_else(|| Reply::status(404));
        }
        Some(Route::Asked(answer)) => Arc::clone(answer),
    };
    // The closure may ask the server.
    drop(state);
    answer(request)
}
