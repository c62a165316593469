//! How often an operation waits for the server: counted by a relay between both, outside of everything that is timed.

use super::{
    backend::Backend as _,
    data::Data,
    measure::{Measure, to_f64},
    postgres::Postgres,
    twin::{Ours, Twin as _},
};
use mastra_core::{Error, Result};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A relay on a port of its own, for as long as the runtime runs.
pub(super) struct Relay {
    port: u16,
    /// How often a client spoke after the server had.
    turns: Arc<AtomicUsize>,
}

impl Relay {
    /// A relay before the server, and the URL that leads through it; `None` where the server has no TCP port.
    pub(super) async fn before(backend: &Postgres) -> Result<Option<(Self, String)>> {
        let Some((host, port, before)) = backend.address() else { return Ok(None) };
        let failed = |source| Error::unavailable("the relay does not start").with_source(source);
        let relay = Self::start(host, port).await.map_err(failed)?;
        let url = backend.url().replacen(&before, &format!("@127.0.0.1:{}", relay.port), 1);
        Ok(Some((relay, url)))
    }

    async fn start(host: String, port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let relay = Self { port: listener.local_addr()?.port(), turns: Arc::default() };
        let turns = Arc::clone(&relay.turns);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect((host.as_str(), port)).await else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let spoke = Arc::new(AtomicBool::new(true));
                let (turns, server_spoke) = (Arc::clone(&turns), Arc::clone(&spoke));
                tokio::spawn(pass(from_client, to_server, move || {
                    if spoke.swap(false, Ordering::SeqCst) {
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                }));
                tokio::spawn(pass(from_server, to_client, move || server_spoke.store(true, Ordering::SeqCst)));
            }
        });
        Ok(relay)
    }

    pub(super) async fn take(&self) -> usize {
        tokio::time::sleep(SETTLE).await;
        self.turns.swap(0, Ordering::SeqCst)
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, seen: impl Fn()) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        seen();
        let Some(bytes) = buffer.get(..length) else { break };
        if to.write_all(bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// How long the pool gets for what it does with a connection after its return: that is counted with the operation.
const SETTLE: Duration = Duration::from_millis(50);

/// Counts the turns of a sync of few and of many records, of a page and of a look-up. Nothing where the server has no TCP port.
pub(super) async fn measure(backend: &Postgres, number: usize, data: &Data) -> Result<Vec<Measure>> {
    let Some((relay, url)) = Relay::before(backend).await? else { return Ok(Vec::new()) };
    let mut ours = Postgres::engine(&url, &Postgres::schema("ours", number)).await?;
    let mut measures = Vec::new();
    let mut add = |name, turns: usize, note: &str| {
        measures.push(Measure { name, value: to_f64(turns), unit: "round trips", at_most: None, note: note.to_owned() });
    };
    let batches: Vec<_> = data.records.chunks(100).map(|documents| Ours::batch(documents, Some("cursor".into()))).collect();
    let many = Ours::batch(data.records.get(..1_000.min(data.records.len())).unwrap_or_default(), Some("cursor".into()));
    // Statements are prepared on their first use; the second time shows what an operation costs for good.
    for batch in batches.iter().take(2) {
        ours.sync(batch).await?;
        relay.take().await;
    }
    if let Some(batch) = batches.get(2) {
        ours.sync(batch).await?;
        add("round_trips_sync_100", relay.take().await, "100 new records with a cursor");
    }
    ours.sync(&many).await?;
    add("round_trips_sync_1000", relay.take().await, "1,000 records, 700 of them new, with a cursor");
    ours.page("won", 5_000.0).await?;
    relay.take().await;
    ours.page("won", 5_001.0).await?;
    add("round_trips_page", relay.take().await, "a filtered and sorted page");
    if let Some(document) = data.records.first() {
        ours.by_external_id(&document.external_id).await?;
        relay.take().await;
        ours.by_external_id(&document.external_id).await?;
        add("round_trips_by_external_id", relay.take().await, "one record by entity name and external id");
    }
    ours.close().await?;
    backend.remove(number).await?;
    Ok(measures)
}
