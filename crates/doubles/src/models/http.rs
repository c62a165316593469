//! As much of HTTP/1.1 as the clients of such servers speak.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than any test sends.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A call that came in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// `POST`.
    pub method: String,
    /// The path, with the query if there is one.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null where it is not JSON.
    pub body: Value,
}

impl Request {
    /// The first header of that name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The texts of the call.
    #[must_use]
    pub fn inputs(&self) -> Vec<&str> {
        match self.body.get("input") {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// The next request of a connection; `None` where the client closed it. `read` holds what came early.
pub(super) async fn read(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Option<Request>> {
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
    let mut request = Request { method, target, headers, body: Value::Null };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
    while read.len() < length {
        if !more(stream, read).await? {
            return Ok(None);
        }
    }
    let body: Vec<u8> = read.drain(..length).collect();
    request.body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(request))
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<bool> {
    if read.len() > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(stream.read_buf(read).await? > 0)
}

/// Writes an answer, or half of its body under the length of all of it.
pub(super) async fn write(stream: &mut TcpStream, response: &Response, truncated: bool) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} -\r\ncontent-type: application/json\r\n", response.status);
    head.push_str(&format!("content-length: {}\r\n", response.body.len()));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let sent = if truncated { response.body.len() / 2 } else { response.body.len() };
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(response.body.get(..sent).unwrap_or_default()).await?;
    stream.flush().await
}
