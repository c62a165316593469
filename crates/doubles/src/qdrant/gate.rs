//! What every call passes: the API key and the faults.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;

use super::connection::Switch;
use super::faults::{Effect, Faults};

/// The one call that needs no key.
const HEALTH_CHECK: &str = "/qdrant.Qdrant/HealthCheck";

/// A service behind the gate.
#[derive(Debug, Clone)]
pub(super) struct Gate<S> {
    pub(super) service: S,
    pub(super) faults: Arc<Faults>,
    pub(super) api_key: Option<Arc<str>>,
}

impl<S: NamedService> NamedService for Gate<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Gate<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let effects = self.faults.meet(request.uri().path());
        let refused = self.refuse(&request);
        let mut service = self.service.clone();
        Box::pin(async move {
            let switch = request.extensions().get::<Arc<Switch>>().cloned();
            let (mut silent, mut truncated) = (false, false);
            for effect in effects {
                match effect {
                    Effect::Delay(latency) => tokio::time::sleep(latency).await,
                    Effect::Fail(status) => return Ok(status.into_http()),
                    Effect::LoseRequest => return break_off(switch).await,
                    Effect::LoseAcknowledgement => silent = true,
                    Effect::Truncate => truncated = true,
                }
            }
            if let Some(status) = refused {
                return Ok(status.into_http());
            }
            let response = service.call(request).await?;
            if silent {
                return break_off(switch).await;
            }
            Ok(if truncated { response.map(|body| Body::new(Half { body, ended: false })) } else { response })
        })
    }
}

impl<S> Gate<S> {
    /// The key stands in `api-key`, or behind `Bearer` in `authorization`.
    fn refuse(&self, request: &http::Request<Body>) -> Option<Status> {
        let wanted = self.api_key.as_deref()?;
        if request.uri().path() == HEALTH_CHECK {
            return None;
        }
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        match header("api-key").or_else(|| header("authorization")?.strip_prefix("Bearer ")) {
            Some(key) if key == wanted => None,
            Some(_) => Some(Status::unauthenticated("Invalid API key or JWT")),
            None => Some(Status::unauthenticated("Must provide an API key or an Authorization bearer token")),
        }
    }
}

/// Breaks the connection. The call ends with it, without an answer.
async fn break_off(switch: Option<Arc<Switch>>) -> Result<http::Response<Body>, Infallible> {
    if let Some(switch) = switch {
        switch.break_off();
    }
    std::future::pending().await
}

/// An answer that ends after half of its first piece, with no word about how the call went.
struct Half {
    body: Body,
    ended: bool,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.ended = true;
        Poll::Ready(frame.and_then(|frame| {
            let data = frame.ok()?.into_data().ok()?;
            Some(Ok(Frame::data(data.slice(..data.len() / 2))))
        }))
    }
}
