//! As much of HTTP/1.1 as the clients of such servers speak, by hand, so that an answer can end in the middle.

use std::future::Future;
use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// More than any test sends.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Serves every connection that comes, until it is dropped, and then none.
pub(crate) async fn listen<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    // The set ends its tasks when this one is ended.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let served = serve(stream);
        connections.spawn(async move {
            // What breaks one connection is that connection's.
            let _ended = served.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The next request of a connection; `None` where the client closed it. `read` holds what came early.
pub(crate) async fn read_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Option<Incoming>> {
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break read.drain(..end + 4).collect::<Vec<u8>>();
        }
        if !more(stream, read).await? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, length)| length.parse().ok()).unwrap_or(0_usize);
    while read.len() < length {
        if !more(stream, read).await? {
            return Ok(None);
        }
    }
    let body: Vec<u8> = read.drain(..length).collect();
    Ok(Some(Incoming { method, target, headers, body }))
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<bool> {
    if read.len() > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(stream.read_buf(read).await? > 0)
}
