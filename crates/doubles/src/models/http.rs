//! A call as the server of models notes it, and an answer as it sends it.

use std::io;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::http::Incoming;

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

impl From<Incoming> for Request {
    fn from(call: Incoming) -> Self {
        let Incoming { method, target, headers, body } = call;
        Self { method, target, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }
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
