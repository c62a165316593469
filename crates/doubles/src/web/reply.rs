//! An answer, and how it goes wrong.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::Request;

/// Long enough that nobody waits for it.
const FOREVER: Duration = Duration::from_secs(86_400);

/// An answer.
///
/// ```
/// use mastra_doubles::web::Reply;
/// use serde_json::json;
///
/// let page = Reply::html("<h1>Tea</h1>").etag("\"1\"");
/// let busy = Reply::status(429).header("retry-after", "1");
/// let broken = Reply::json(&json!([1, 2, 3])).cut();
/// # let _ = (page, busy, broken);
/// ```
#[derive(Debug, Clone)]
#[must_use = "give it to a server"]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    etag: Option<String>,
    delay: Duration,
    way: Way,
}

/// How the body is sent.
#[derive(Debug, Clone, Copy)]
enum Way {
    Whole,
    /// So many bytes at once, with a pause between.
    Slow(usize, Duration),
    /// Half of it, under the length of all.
    Cut,
    /// In two chunks.
    Chunked,
    /// One chunk, and no end.
    CutChunked,
    /// The head alone, and then nothing.
    Stall,
    /// No answer ever.
    Hang,
    /// The connection breaks.
    Drop,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), etag: None, delay: Duration::ZERO, way: Way::Whole }
    }

    /// A body of this type, with status 200.
    pub fn bytes(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200) }.header("content-type", content_type)
    }

    /// A page of HTML.
    pub fn html(body: &str) -> Self {
        Self::bytes("text/html; charset=utf-8", body)
    }

    /// Plain text.
    pub fn text(body: &str) -> Self {
        Self::bytes("text/plain; charset=utf-8", body)
    }

    /// A JSON value.
    pub fn json(body: &Value) -> Self {
        Self::bytes("application/json", body.to_string())
    }

    /// A redirect with status 302.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("location", location)
    }

    /// No answer ever comes, and the connection stays open.
    pub fn hang() -> Self {
        Self { way: Way::Hang, ..Self::status(200) }
    }

    /// The connection breaks without an answer.
    pub fn drop_connection() -> Self {
        Self { way: Way::Drop, ..Self::status(200) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the body a tag, quotes included; a request that has it is answered 304.
    pub fn etag(mut self, tag: &str) -> Self {
        self.etag = Some(tag.to_owned());
        self.header("etag", tag)
    }

    /// The answer comes this much later.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The body comes in pieces of so many bytes, with a pause before each.
    pub fn slow(self, piece: usize, pause: Duration) -> Self {
        Self { way: Way::Slow(piece.max(1), pause), ..self }
    }

    /// Half of the body is sent under the length of all, and the connection ends.
    pub fn cut(self) -> Self {
        Self { way: Way::Cut, ..self }
    }

    /// The body is sent in chunks, without its length.
    pub fn chunked(self) -> Self {
        Self { way: Way::Chunked, ..self }
    }

    /// The body is sent in chunks, of which the last never comes: the connection ends.
    pub fn cut_chunked(self) -> Self {
        Self { way: Way::CutChunked, ..self }
    }

    /// The body never comes, and the connection stays open.
    pub fn stall(self) -> Self {
        Self { way: Way::Stall, ..self }
    }

    /// What is sent for this request: nothing new where it has the tag.
    pub(super) fn to(self, request: &Request) -> Self {
        let had = request.header("if-none-match");
        match &self.etag {
            Some(tag) if had.is_some_and(|had| had.split(',').any(|had| had.trim() == tag)) => {
                Self { status: 304, body: Vec::new(), way: Way::Whole, ..self }
            }
            _ => self,
        }
    }

    /// Sends it. Whether the connection stays open.
    pub(super) async fn send(&self, stream: &mut TcpStream) -> io::Result<bool> {
        tokio::time::sleep(self.delay).await;
        match self.way {
            Way::Drop => return Ok(false),
            Way::Hang => tokio::time::sleep(FOREVER).await,
            _ => {}
        }
        stream.write_all(self.head().as_bytes()).await?;
        let (half, rest) = self.body.split_at(self.body.len() / 2);
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        match self.way {
            Way::Slow(piece, pause) => {
                for piece in self.body.chunks(piece) {
                    tokio::time::sleep(pause).await;
                    stream.write_all(piece).await?;
                    stream.flush().await?;
                }
            }
            Way::Stall => tokio::time::sleep(FOREVER).await,
            Way::Cut => stream.write_all(half).await?,
            Way::CutChunked => stream.write_all(&chunk(&self.body)).await?,
            // An empty chunk would be the end.
            Way::Chunked => {
                for part in [half, rest].into_iter().filter(|part| !part.is_empty()) {
                    stream.write_all(&chunk(part)).await?;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            Way::Whole | Way::Hang | Way::Drop => stream.write_all(&self.body).await?,
        }
        stream.flush().await?;
        Ok(!matches!(self.way, Way::Cut | Way::CutChunked))
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} -\r\n", self.status);
        match self.way {
            Way::Chunked | Way::CutChunked => head.push_str("transfer-encoding: chunked\r\n"),
            _ => head.push_str(&format!("content-length: {}\r\n", self.body.len())),
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }
}
