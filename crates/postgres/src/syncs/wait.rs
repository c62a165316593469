//! Waiting for a run to change.

use super::runs;
use crate::{pooler::Pooler, store::PgStore};
use mastra_core::{
    Error, Result,
    sync::{Run, RunId},
};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::broadcast::{self, error::RecvError},
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

/// How long nobody looks at a run where nothing is heard of it.
const PAUSE: Duration = Duration::from_secs(1);
/// The first such pause where nothing can be heard, behind a pooler; they grow from there.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long the connection that listens stays open when nobody waits.
const IDLE: Duration = Duration::from_secs(10);
/// How many runs can be told of before those who wait have to look for themselves.
const TOLD: usize = 256;

/// Waits for a revision that is greater. The run is looked at once whatever the time is; later looks end with the time.
pub(super) async fn wait(store: &PgStore, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
    if store.is_transaction() {
        return Err(Error::unsupported("a transaction does not see what others do; wait outside of it"));
    }
    let deadline = Instant::now().checked_add(within);
    // Listening begins before the first look, so that no change behind it goes unheard. Where that takes a moment, those who wait are told to
    // look again once it is so.
    let mut told = if within.is_zero() { None } else { store.shared.watch.listen(store) };
    let mut pause = if told.is_some() { PAUSE } else { FIRST_PAUSE };
    let mut run = look(store, id).await?;
    while run.revision <= revision {
        let left = deadline.map_or(PAUSE, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            break;
        }
        let _ = timeout(pause.min(left), heard(&mut told, id)).await;
        pause = pause.saturating_mul(2).min(PAUSE);
        let again = match deadline {
            None => look(store, id).await,
            Some(deadline) => match timeout_at(deadline, look(store, id)).await {
                Ok(again) => again,
                Err(_) => break,
            },
        };
        run = again?;
    }
    Ok(run)
}

async fn look(store: &PgStore, id: &RunId) -> Result<Run> {
    let mut session = store.latest().await?;
    let run = runs::get(session.conn()?, &store.shared, id).await?;
    session.finish().await?;
    Ok(run)
}

/// Until something is said of the run, or may have been; for ever where nobody listens.
async fn heard(told: &mut Option<broadcast::Receiver<Told>>, id: &RunId) {
    while let Some(receiver) = told {
        match receiver.recv().await {
            Ok(Told::Run(changed)) if &*changed != id.as_str() => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => *told = None,
        }
    }
    std::future::pending::<()>().await;
}

/// What those who wait are told.
#[derive(Debug, Clone)]
enum Told {
    /// This run changed.
    Run(Arc<str>),
    /// Any may have.
    Any,
}

/// The one connection of an engine that listens, for as long as somebody waits.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    listening: Slot,
}

type Slot = Arc<Mutex<Option<Listening>>>;

#[derive(Debug)]
struct Listening {
    sender: broadcast::Sender<Told>,
    task: JoinHandle<()>,
}

impl Watch {
    /// What is said of runs from now on; `None` where nothing can be heard: behind a pooler that gives each transaction another connection.
    fn listen(&self, store: &PgStore) -> Option<broadcast::Receiver<Told>> {
        if store.shared.pooler == Pooler::Transaction {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        let mut slot = lock(&self.listening);
        if let Some(listening) = slot.as_ref().filter(|listening| !listening.task.is_finished()) {
            return Some(listening.sender.subscribe());
        }
        let (sender, receiver) = broadcast::channel(TOLD);
        let options = store.shared.writer.connect_options();
        let task = listen(options, runs::channel(&store.shared), sender.clone(), Arc::clone(&self.listening));
        *slot = Some(Listening { sender, task: runtime.spawn(task) });
        Some(receiver)
    }

    /// Ends the connection.
    pub(crate) fn close(&self) {
        if let Some(listening) = lock(&self.listening).take() {
            listening.task.abort();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Listening>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens until nobody has waited for a while. A connection that cannot be had, or is lost, is tried for again; meanwhile those who wait look
/// for themselves.
async fn listen(options: Arc<PgConnectOptions>, channel: String, sender: broadcast::Sender<Told>, slot: Slot) {
    // The driver's listener wants a pool; this one holds the listener's connection alone.
    let pool =
        PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_lazy_with(options.as_ref().clone());
    let mut wanted = Instant::now();
    loop {
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen(&channel).await.is_ok()
        {
            let _ = sender.send(Told::Any);
            loop {
                let told = match timeout(IDLE, listener.try_recv()).await {
                    Ok(Ok(Some(said))) => Some(Told::Run(said.payload().into())),
                    // It was lost, and is there again.
                    Ok(Ok(None)) => Some(Told::Any),
                    Ok(Err(_)) => break,
                    Err(_) => None,
                };
                if let Some(told) = told {
                    let _ = sender.send(told);
                }
                if unwanted(&sender, &mut wanted, &slot) {
                    return;
                }
            }
        }
        if unwanted(&sender, &mut wanted, &slot) {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Whether nobody has waited for a while; then the next to wait begins anew.
fn unwanted(sender: &broadcast::Sender<Told>, wanted: &mut Instant, slot: &Slot) -> bool {
    let mut slot = lock(slot);
    if sender.receiver_count() > 0 {
        *wanted = Instant::now();
        return false;
    }
    let over = wanted.elapsed() >= IDLE;
    if over {
        *slot = None;
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn those_who_wait_hear_of_their_run_and_of_what_they_may_have_missed() {
        let (sender, receiver) = broadcast::channel(2);
        let (mut told, mine) = (Some(receiver), RunId::new("mine"));
        let run = |id: &str| sender.send(Told::Run(id.into())).unwrap();
        assert_eq!(heard(&mut told, &mine).now_or_never(), None);
        run("another");
        assert_eq!(heard(&mut told, &mine).now_or_never(), None);
        run("mine");
        assert_eq!(heard(&mut told, &mine).now_or_never(), Some(()));
        sender.send(Told::Any).unwrap();
        assert_eq!(heard(&mut told, &mine).now_or_never(), Some(()), "the connection was lost in between");
        for _ in 0..5 {
            run("another");
        }
        assert_eq!(heard(&mut told, &mine).now_or_never(), Some(()), "more was said than is kept");
        drop(sender);
        assert_eq!(heard(&mut told, &mine).now_or_never(), None, "nobody listens any more");
        assert!(told.is_none());
    }
}
