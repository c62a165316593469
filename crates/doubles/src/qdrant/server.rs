//! The server: it listens, and stops when it is dropped.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures::stream;
use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_client::qdrant::qdrant_server::QdrantServer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;

use super::connection::Connections;
use super::faults::Faults;
use super::gate::Gate;
use super::service::Service;

/// A running Qdrant double.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mastra_doubles::Qdrant;
/// use qdrant_client::qdrant::{CreateCollectionBuilder, Distance, VectorParamsBuilder};
///
/// let qdrant = Qdrant::start().await?;
/// let client = qdrant_client::Qdrant::from_url(&qdrant.url()).skip_compatibility_check().build()?;
/// let vectors = VectorParamsBuilder::new(4, Distance::Cosine);
/// client.create_collection(CreateCollectionBuilder::new("documents").vectors_config(vectors)).await?;
/// assert!(client.collection_exists("documents").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Qdrant {
    address: SocketAddr,
    faults: Arc<Faults>,
    connections: Arc<Connections>,
    task: JoinHandle<()>,
}

/// How a double is to be, other than by default.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    api_key: Option<Arc<str>>,
}

impl Settings {
    /// Every call but the health check needs this key, or fails with `Unauthenticated`.
    #[must_use]
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_key = Some(key.into());
        self
    }
}

impl Qdrant {
    /// Starts an empty one on a free port of the loopback address, on the runtime that this is called on.
    ///
    /// # Errors
    ///
    /// The system has no port, or lets none be listened to.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Settings::default()).await
    }

    /// As [`Qdrant::start`], with settings.
    ///
    /// # Errors
    ///
    /// The system has no port, or lets none be listened to.
    pub async fn start_with(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(Faults::default());
        let connections = Arc::new(Connections::default());
        let task = tokio::spawn(serve(listener, settings, Arc::clone(&faults), Arc::clone(&connections)));
        Ok(Self { address, faults, connections, task })
    }

    /// Where it listens, as a client takes it: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong, and how often calls were made.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Breaks every connection that is open now. Clients can connect again.
    pub fn break_connections(&self) {
        self.connections.break_all();
    }
}

/// Nothing is listened to any more, and open connections break, calls in flight with them.
impl Drop for Qdrant {
    fn drop(&mut self) {
        self.task.abort();
        self.connections.break_all();
    }
}

async fn serve(listener: TcpListener, settings: Settings, faults: Arc<Faults>, connections: Arc<Connections>) {
    let incoming = stream::unfold((listener, connections), |(listener, connections)| async move {
        let connection = listener.accept().await.and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            Ok(connections.add(stream))
        });
        Some((connection, (listener, connections)))
    });
    let service = Service { collections: Arc::new(Mutex::new(BTreeMap::new())) };
    // As the server: requests and answers of any size.
    let points = PointsServer::new(service.clone()).max_decoding_message_size(usize::MAX).max_encoding_message_size(usize::MAX);
    let points = points.accept_compressed(CompressionEncoding::Gzip).send_compressed(CompressionEncoding::Gzip);
    let collections = CollectionsServer::new(service.clone()).max_decoding_message_size(usize::MAX);
    let collections = collections.accept_compressed(CompressionEncoding::Gzip).send_compressed(CompressionEncoding::Gzip);
    // The server ends with the task that it runs in; an error of one connection is that connection's.
    let _ended = Server::builder()
        .add_service(Gate { service: points, faults: Arc::clone(&faults), api_key: settings.api_key.clone() })
        .add_service(Gate { service: collections, faults: Arc::clone(&faults), api_key: settings.api_key.clone() })
        .add_service(Gate { service: QdrantServer::new(service), faults, api_key: settings.api_key })
        .serve_with_incoming(incoming)
        .await;
}
