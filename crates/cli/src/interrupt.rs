//! Ctrl-C, and the signal by which services are ended.

use crate::exit::{Outcome, Stop};
use tokio::sync::watch;

/// Runs a command to its end or until Ctrl-C, which drops what it was doing: an open transaction is rolled back.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut interrupts = Interrupts::listen();
    tokio::select! {
        done = work => done,
        () = interrupts.pressed() => Err(Stop::Interrupted),
    }
}

/// How often Ctrl-C was pressed since it is listened for.
#[derive(Debug)]
pub(crate) struct Interrupts(watch::Receiver<u32>);

impl Interrupts {
    /// Listens from now on; Ctrl-C no longer ends the process by itself.
    pub(crate) fn listen() -> Self {
        let (sender, receiver) = watch::channel(0);
        // The handler stands before this returns: a task that had yet to be run would leave a gap.
        #[cfg(unix)]
        let signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        let signals = tokio::signal::windows::ctrl_c();
        if let Ok(mut signals) = signals {
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    sender.send_modify(|count| *count += 1);
                }
            });
        }
        Self(receiver)
    }

    pub(crate) fn count(&self) -> u32 {
        *self.0.borrow()
    }

    /// Resolves when it is pressed once more; never where the signal cannot be heard.
    pub(crate) async fn pressed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The signal by which a service is ended.
#[derive(Debug)]
#[cfg(unix)]
pub(crate) struct Ends(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Ends {
    pub(crate) fn listen() -> Self {
        Self(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok())
    }

    /// Never where it cannot be heard.
    pub(crate) async fn asked(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Elsewhere a service is ended in other ways.
#[derive(Debug)]
#[cfg(not(unix))]
pub(crate) struct Ends;

#[cfg(not(unix))]
impl Ends {
    pub(crate) fn listen() -> Self {
        Self
    }

    pub(crate) async fn asked(&mut self) {
        std::future::pending().await
    }
}
