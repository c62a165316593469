//! Messages over two streams, one a line. Unlike the transport of `rmcp`, every line is answered that asks for an answer: one too long, one
//! nested too deeply and one that is no JSON too.

use rmcp::{
    RoleServer,
    model::{ClientJsonRpcMessage, ErrorCode, ErrorData, NumberOrString, ServerJsonRpcMessage},
    transport::Transport,
};
use serde::Deserialize;
use std::{borrow::Cow, future::Future, io};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    sync::mpsc,
    task::JoinHandle,
};

/// The longest line: no request of ours needs more, and it bounds what a client can make the server hold.
const MOST_BYTES: usize = 4 << 20;

/// Answers that wait for a client that does not read.
const WAITING: usize = 64;

/// The server's side of the two streams.
pub(crate) struct Lines<R> {
    read: BufReader<R>,
    line: Vec<u8>,
    /// The line that is being read is too long; what comes of it is dropped.
    discarding: bool,
    /// An answer of the transport itself. It lies here, since reading may be interrupted and begun again.
    reply: Option<Vec<u8>>,
    /// Whether a request has come. What else comes before it has nobody to listen.
    begun: bool,
    write: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
}

/// What a line came to.
enum Read {
    Line,
    TooLong,
    End,
}

impl<R: AsyncRead + Send + Unpin> Lines<R> {
    pub(crate) fn new(read: R, mut write: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(WAITING);
        // One task writes, so that no line is ever half written, whoever gives up on sending.
        let writer = tokio::spawn(async move {
            while let Some(bytes) = receiver.recv().await {
                if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
                    break;
                }
            }
        });
        Self {
            read: BufReader::new(read),
            line: Vec::new(),
            discarding: false,
            reply: None,
            begun: false,
            write: Some(sender),
            writer: Some(writer),
        }
    }

    /// Reads to the end of the line. It can be dropped and begun again at any time: what was read lies in `self.line`.
    async fn read(&mut self) -> io::Result<Read> {
        loop {
            let available = self.read.fill_buf().await?;
            if available.is_empty() {
                return Ok(Read::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if !self.discarding {
                self.line.extend_from_slice(available.get(..taken).unwrap_or_default());
            }
            self.read.consume(taken);
            let was_discarding = self.discarding;
            if self.line.len() > MOST_BYTES {
                self.line.clear();
                self.discarding = true;
            }
            if newline.is_some() {
                self.discarding = false;
                return Ok(if was_discarding || self.line.is_empty() { Read::TooLong } else { Read::Line });
            }
        }
    }

    /// The message of the line that was read, or the answer to what is none.
    fn message(&mut self) -> Option<ClientJsonRpcMessage> {
        let line = self.line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let message = serde_json::from_slice::<ClientJsonRpcMessage>(line);
        let message = match message {
            Ok(message) => Some(message),
            Err(error) => {
                self.reply = refusal(line, &error);
                None
            }
        };
        self.begun |= matches!(message, Some(ClientJsonRpcMessage::Request(_)));
        message.filter(|_| self.begun)
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn name() -> Cow<'static, str> {
        "lines".into()
    }

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let write = self.write.clone();
        async move {
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            write.ok_or_else(gone)?.send(line(&message)?).await.map_err(|_| gone())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if self.reply.is_some() {
                let room = self.write.as_ref()?.reserve().await.ok()?;
                room.send(self.reply.take()?);
            }
            let read = self.read().await;
            let message = match read {
                Ok(Read::Line) => self.message(),
                Ok(Read::TooLong) => {
                    let most = serde_json::json!({ "most_bytes": MOST_BYTES });
                    self.reply = answer(ErrorData::invalid_request("the message is too long", Some(most)), None);
                    None
                }
                // What stands behind the last line's end is no message.
                Ok(Read::End) => return None,
                Err(error) => {
                    tracing::error!(%error, "the client cannot be read from");
                    return None;
                }
            };
            self.line.clear();
            if message.is_some() {
                return message;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.write.take();
        match self.writer.take() {
            // Once all that was sent is written.
            Some(writer) => writer.await.map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

fn line(message: &ServerJsonRpcMessage) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn answer(error: ErrorData, id: Option<NumberOrString>) -> Option<Vec<u8>> {
    line(&ServerJsonRpcMessage::error(error, id)).ok()
}

/// What can be told of a line that is no message. What has a method and no id is a notification: those are never answered.
fn refusal(line: &[u8], error: &serde_json::Error) -> Option<Vec<u8>> {
    /// Read without following what is nested.
    #[derive(Deserialize)]
    struct Head {
        id: Option<NumberOrString>,
        method: Option<String>,
    }
    tracing::debug!("a line is no message");
    let Ok(head) = serde_json::from_slice::<Head>(line) else {
        let code = if error.is_data() { ErrorCode::INVALID_REQUEST } else { ErrorCode::PARSE_ERROR };
        return answer(ErrorData::new(code, "the line is no JSON-RPC message", None), None);
    };
    if head.id.is_none() && head.method.is_some() {
        return None;
    }
    let message = if error.is_data() { "the message is no request of JSON-RPC 2.0" } else { "the message is nested too deeply" };
    answer(ErrorData::invalid_request(message, None), head.id)
}
