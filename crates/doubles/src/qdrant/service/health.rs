//! The health check.

use qdrant_client::qdrant::qdrant_server::Qdrant;
use qdrant_client::qdrant::{HealthCheckReply, HealthCheckRequest};
use tonic::{Request, Response, Status};

use super::Service;
use crate::qdrant::VERSION;

#[tonic::async_trait]
impl Qdrant for Service {
    async fn health_check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckReply>, Status> {
        let title = "qdrant - vector search engine".to_owned();
        Ok(Response::new(HealthCheckReply { title, version: VERSION.to_owned(), commit: None }))
    }
}
