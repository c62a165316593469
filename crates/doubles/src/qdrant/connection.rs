//! Connections that can be broken from outside.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

/// Breaks one connection.
#[derive(Debug, Default)]
pub(super) struct Switch {
    broken: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Switch {
    pub(super) fn break_off(&self) {
        self.broken.store(true, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }

    /// Registers who is to be woken, then looks: in this order no break is missed.
    fn check(&self, waker: &AtomicWaker, cx: &Context<'_>) -> io::Result<()> {
        waker.register(cx.waker());
        if self.broken.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// The open connections of a server.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Vec<Weak<Switch>>>);

impl Connections {
    pub(super) fn add(&self, stream: TcpStream) -> Connection {
        let switch = Arc::new(Switch::default());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(&switch));
        Connection { stream, switch }
    }

    pub(super) fn break_all(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        all.iter().filter_map(Weak::upgrade).for_each(|switch| switch.break_off());
    }
}

/// A connection with its switch.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    switch: Arc<Switch>,
}

/// The switch is how a call finds the connection that it came on.
impl Connected for Connection {
    type ConnectInfo = Arc<Switch>;

    fn connect_info(&self) -> Self::ConnectInfo {
        Arc::clone(&self.switch)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.switch.check(&self.switch.reader, cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.switch.check(&self.switch.writer, cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check(&self.switch.writer, cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
