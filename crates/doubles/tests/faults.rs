//! What a client meets when things go wrong. Always against the double.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use mastra_doubles::Qdrant as Double;
use mastra_doubles::qdrant::{Fault, Settings, VERSION};
use qdrant_client::config::CompressionEncoding;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::{
    CountPointsBuilder, CreateCollectionBuilder, Distance, GetPointsBuilder, PointStruct, ScrollPointsBuilder,
    SearchPointsBuilder, UpsertPointsBuilder, VectorParamsBuilder,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

const NAME: &str = "documents";

fn client(double: &Double) -> Qdrant {
    Qdrant::from_url(&double.url()).skip_compatibility_check().build().unwrap()
}

/// A server with an empty collection.
async fn started() -> (Double, Qdrant) {
    let double = Double::start().await.unwrap();
    let client = client(&double);
    let vectors = VectorParamsBuilder::new(2, Distance::Dot);
    client.create_collection(CreateCollectionBuilder::new(NAME).vectors_config(vectors)).await.unwrap();
    (double, client)
}

/// The calls as they are. The client makes a call on points a second time, on its own, where the first failed with `Internal`,
/// `Unavailable`, `Cancelled` or `Unknown`, which hides what these tests are about.
#[derive(Clone)]
struct Bare(PointsClient<Channel>);

/// A server with an empty collection.
async fn bare() -> (Double, Bare) {
    let (double, _) = started().await;
    let channel = Endpoint::from_shared(double.url()).unwrap().connect_lazy();
    (double, Bare(PointsClient::new(channel)))
}

impl Bare {
    async fn upsert(&self, id: u64) -> Result<(), Status> {
        self.0.clone().upsert(UpsertPointsBuilder::new(NAME, vec![point(id)]).wait(true).build()).await.map(drop)
    }

    async fn count(&self) -> Result<u64, Status> {
        let counted = self.0.clone().count(CountPointsBuilder::new(NAME).exact(true).build()).await?;
        Ok(counted.into_inner().result.unwrap().count)
    }
}

fn point(id: u64) -> PointStruct {
    PointStruct::new(id, vec![1.0, 0.0], Payload::new())
}

trait Codes {
    fn code(self) -> Code;
}

impl<T: std::fmt::Debug> Codes for Result<T, Status> {
    fn code(self) -> Code {
        self.unwrap_err().code()
    }
}

impl<T: std::fmt::Debug> Codes for Result<T, QdrantError> {
    fn code(self) -> Code {
        match self.unwrap_err() {
            QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => status.code(),
            other => panic!("no status: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_nth_call_fails_with_the_code_and_without_effect() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Upsert").nth(2).fail(Code::Unavailable));
    client.upsert(1).await.unwrap();
    assert_eq!(client.upsert(2).await.code(), Code::Unavailable);
    client.upsert(3).await.unwrap();
    assert_eq!(client.count().await.unwrap(), 2);
    assert_eq!(double.faults().calls("Points/Upsert"), 3);
    assert_eq!(double.faults().calls("Upsert"), 3);
    assert_eq!(double.faults().calls("Query"), 0);
    assert_eq!(double.faults().all_calls(), 5);
}

#[tokio::test]
async fn a_fault_is_on_one_call_on_all_behind_it_or_on_every_one() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Points/Count").from(2).fail(Code::Internal));
    assert!(client.count().await.is_ok());
    assert_eq!(client.count().await.code(), Code::Internal);
    assert_eq!(client.count().await.code(), Code::Internal);
    double.faults().clear();
    assert!(client.count().await.is_ok());
    double.faults().add(Fault::on_any().every().fail(Code::Aborted));
    assert_eq!(client.count().await.code(), Code::Aborted);
    assert_eq!(client.upsert(1).await.code(), Code::Aborted);
    double.faults().clear();
    // Two services have a `Get`; a fault can be on one of them.
    double.faults().add(Fault::on("Collections/Get").every().fail(Code::Aborted));
    let full = self::client(&double);
    assert_eq!(full.collection_info(NAME).await.code(), Code::Aborted);
    assert!(full.get_points(GetPointsBuilder::new(NAME, vec![1.into()])).await.is_ok());
}

#[tokio::test]
async fn a_throttled_call_says_when_to_come_again() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Upsert").throttle(Duration::from_millis(1500)));
    let full = self::client(&double);
    match full.upsert_points(UpsertPointsBuilder::new(NAME, vec![point(1)])).await.unwrap_err() {
        QdrantError::ResourceExhaustedError { status, retry_after_seconds } => {
            assert_eq!((status.code(), retry_after_seconds), (Code::ResourceExhausted, 2));
        }
        other => panic!("{other:?}"),
    }
    client.upsert(1).await.unwrap();
}

#[tokio::test]
async fn a_delayed_call_takes_its_time_and_can_time_out() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Count").delay(Duration::from_millis(80)));
    let start = Instant::now();
    client.count().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(80));
    double.faults().add(Fault::on("Count").delay(Duration::from_secs(60)));
    let hasty = Endpoint::from_shared(double.url()).unwrap().timeout(Duration::from_millis(50)).connect_lazy();
    let error = Bare(PointsClient::new(hasty)).count().await.code();

    assert!(matches!(error, Code::Cancelled | Code::DeadlineExceeded), "{error:?}");
}

#[tokio::test]
async fn a_lost_request_has_no_effect_and_a_lost_acknowledgement_has() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Upsert").nth(1).lose_request());
    double.faults().add(Fault::on("Upsert").nth(2).lose_acknowledgement());
    assert!(client.upsert(1).await.is_err());
    assert_eq!(client.count().await.unwrap(), 0, "the client connects again, and nothing was done");
    assert!(client.upsert(1).await.is_err());
    assert_eq!(client.count().await.unwrap(), 1, "all was done");
}

#[tokio::test]
async fn a_truncated_answer_is_an_error_and_the_work_is_done() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Upsert").truncate());
    double.faults().add(Fault::on("Scroll").truncate());
    let cut = client.upsert(1).await.code();
    assert!(matches!(cut, Code::Internal | Code::Unknown), "{cut:?}");
    assert_eq!(client.count().await.unwrap(), 1);
    let scroll = async || client.0.clone().scroll(ScrollPointsBuilder::new(NAME).build()).await;
    assert!(scroll().await.is_err());
    assert_eq!(scroll().await.unwrap().into_inner().result.len(), 1);
}

#[tokio::test]
async fn broken_connections_take_calls_in_flight_with_them() {
    let (double, client) = bare().await;
    double.faults().add(Fault::on("Count").delay(Duration::from_secs(60)));
    let in_flight = tokio::spawn({
        let client = client.clone();
        async move { client.count().await }
    });
    while double.faults().calls("Count") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    double.break_connections();
    assert!(in_flight.await.unwrap().is_err());
    assert_eq!(client.count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let (double, client) = bare().await;
    let address = double.url().trim_start_matches("http://").to_owned();
    client.upsert(1).await.unwrap();
    drop(double);
    assert!(client.count().await.is_err());
    // The listener goes with its task, which ends at once and yet not within the drop.
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_servers_know_nothing_of_each_other() {
    let (one, client_of_one) = started().await;
    let two = Double::start().await.unwrap();
    assert_ne!(one.url(), two.url());
    assert!(client_of_one.collection_exists(NAME).await.unwrap());
    assert!(!client(&two).collection_exists(NAME).await.unwrap());
}

#[tokio::test]
async fn a_key_is_needed_where_one_is_set() {
    let double = Double::start_with(Settings::default().api_key("secret")).await.unwrap();
    let with = |key: Option<&str>| {
        Qdrant::from_url(&double.url()).skip_compatibility_check().api_key(key.map(str::to_owned)).build().unwrap()
    };
    assert_eq!(with(None).list_collections().await.code(), Code::Unauthenticated);
    assert_eq!(with(Some("other")).list_collections().await.code(), Code::Unauthenticated);
    assert!(with(Some("secret")).list_collections().await.is_ok());
    let health = with(None).health_check().await.unwrap();
    assert_eq!(health.version, VERSION);
}

#[tokio::test]
async fn what_is_not_imitated_says_so() {
    let (_double, client) = started().await;
    let search = SearchPointsBuilder::new(NAME, vec![1.0, 0.0], 1);
    assert_eq!(client.search_points(search).await.code(), Code::Unimplemented);
    assert_eq!(client.list_aliases().await.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_large_batch_passes_both_ways() {
    let (_double, client) = started().await;
    let text = "x".repeat(1 << 20);
    let payload = || Payload::from([("text", text.as_str().into())]);
    let points = (0..12).map(|id| PointStruct::new(id, vec![1.0, 0.0], payload())).collect::<Vec<_>>();
    client.upsert_points(UpsertPointsBuilder::new(NAME, points).wait(true)).await.unwrap();
    let all = client.scroll(ScrollPointsBuilder::new(NAME).limit(100)).await.unwrap().result;
    assert_eq!(all.len(), 12);
}

#[tokio::test]
async fn the_client_makes_a_call_on_points_again_on_its_own() {
    let (double, client) = started().await;
    let upsert = || client.upsert_points(UpsertPointsBuilder::new(NAME, vec![point(1)]).wait(true));
    double.faults().add(Fault::on("Upsert").lose_acknowledgement());
    upsert().await.unwrap();
    assert_eq!(double.faults().calls("Upsert"), 2, "it was done twice");
    double.faults().add(Fault::on("Upsert").fail(Code::DeadlineExceeded));
    assert_eq!(upsert().await.code(), Code::DeadlineExceeded);
    assert_eq!(double.faults().calls("Upsert"), 3, "other codes are told at once");
    double.faults().add(Fault::on("Collections/Get").fail(Code::Unavailable));
    assert_eq!(client.collection_info(NAME).await.code(), Code::Unavailable, "calls on collections are not made again");
}

#[tokio::test]
async fn compressed_calls_are_understood() {
    let double = Double::start().await.unwrap();
    let client = Qdrant::from_url(&double.url()).skip_compatibility_check().compression(Some(CompressionEncoding::Gzip));
    let client = client.build().unwrap();
    let vectors = VectorParamsBuilder::new(2, Distance::Dot);
    client.create_collection(CreateCollectionBuilder::new(NAME).vectors_config(vectors)).await.unwrap();
    client.upsert_points(UpsertPointsBuilder::new(NAME, vec![point(1)]).wait(true)).await.unwrap();
    assert_eq!(client.scroll(ScrollPointsBuilder::new(NAME)).await.unwrap().result.len(), 1);
}
