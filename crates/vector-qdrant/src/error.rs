//! Qdrant's errors as ours.
//!
//! A message of the server can hold what was sent to it, and that of a failed connection the URL: neither is passed on. What is: the
//! code, and which limit of strict mode was met.

use mastra_core::{Error, ErrorKind};
use qdrant_client::QdrantError;
use std::{error::Error as _, time::Duration};
use tonic::{Code, Status};

/// A call that failed, and how long the server asks to wait before the next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) retry_after: Option<Duration>,
}

impl From<QdrantError> for Failure {
    fn from(error: QdrantError) -> Self {
        match error {
            QdrantError::ResponseError { status } => Self { error: of_status(&status), retry_after: None },
            QdrantError::ResourceExhaustedError { retry_after_seconds, .. } => Self {
                error: Error::unavailable("the server asks for fewer calls").with("retry_after_seconds", retry_after_seconds),
                retry_after: Some(Duration::from_secs(retry_after_seconds)),
            },
            QdrantError::InvalidUri(_) => Error::invalid_input("not a URL that the client can read").into(),
            QdrantError::Io(source) => Error::unavailable("the connection failed").with_source(source).into(),
            _ => Error::internal("the client could not make the request, or read its answer").into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

fn of_status(status: &Status) -> Error {
    let message = status.message();
    let kind = match status.code() {
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::InvalidArgument | Code::OutOfRange => return refused(message),
        Code::Unimplemented => ErrorKind::Unsupported,
        Code::PermissionDenied | Code::Unauthenticated => ErrorKind::PermissionDenied,
        Code::Aborted | Code::FailedPrecondition => ErrorKind::Conflict,
        // The client's own bound on time comes as `Cancelled`.
        Code::DeadlineExceeded | Code::Cancelled => ErrorKind::Timeout,
        Code::DataLoss => ErrorKind::Corrupt,
        Code::ResourceExhausted | Code::Unavailable => ErrorKind::Unavailable,
        // A server that is not there, and a connection that broke, come as `Internal` or `Unknown` out of the client.
        Code::Internal | Code::Unknown if is_of_transport(status) => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    let message = match kind {
        ErrorKind::NotFound => "the server knows no such collection or point",
        ErrorKind::AlreadyExists => "there is a collection of this name",
        ErrorKind::Unsupported => "the server does not offer this call; it may be older than this client",
        ErrorKind::PermissionDenied => "the server refuses the API key, or its right to do this",
        ErrorKind::Conflict => "the server cannot do this in its present state",
        ErrorKind::Timeout => "the server did not answer in time",
        ErrorKind::Corrupt => "the server lost data",
        ErrorKind::Unavailable => "the server cannot be reached, or dropped the connection",
        _ => "the server failed",
    };
    let error = Error::new(kind, message).with("code", format!("{:?}", status.code()));
    if kind == ErrorKind::Conflict { error.retryable(true) } else { error }
}

/// Strict mode names a limit and at most a key; its help gives it away.
fn refused(message: &str) -> Error {
    if let Some((limit, _)) = message.split_once(". Help: ") {
        let limit = limit.trim_start_matches("Bad request: ");
        return Error::unsupported("the collection's strict mode refuses the request").with("limit", limit);
    }
    if message.contains("Limit exceeded") || message.contains("limit of") {
        return Error::unsupported("the collection's limits refuse the request");
    }
    Error::invalid_input("the server refuses the request").with("code", "InvalidArgument")
}

/// Whether the status was made on this side of the wire.
fn is_of_transport(status: &Status) -> bool {
    const MARKS: [&str; 8] =
        ["Failed to connect", "transport", "h2 protocol", "connection", "body", "EOF", "stream", "compressed"];
    status.source().is_some() || MARKS.iter().any(|mark| status.message().contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_kinds_and_messages_stay_here() {
        let cases = [
            (Code::NotFound, "Collection `secret` doesn't exist", ErrorKind::NotFound, false),
            (Code::Internal, "Failed to connect to http://secret", ErrorKind::Unavailable, true),
            (Code::Internal, "Service internal error: secret", ErrorKind::Internal, false),
            (Code::Unknown, "transport error", ErrorKind::Unavailable, true),
            (Code::Cancelled, "Timeout expired", ErrorKind::Timeout, true),
            (Code::Unauthenticated, "secret", ErrorKind::PermissionDenied, false),
            (Code::InvalidArgument, "Wrong input: secret", ErrorKind::InvalidInput, false),
            (Code::InvalidArgument, "Bad request: Exact search disabled!. Help: Set exact=false.", ErrorKind::Unsupported, false),
        ];
        for (code, message, kind, retryable) in cases {
            let error = of_status(&Status::new(code, message));
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{code:?} {message}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
