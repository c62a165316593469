//! The gRPC statuses that Qdrant answers with.
//!
//! A client decides by the code. The messages are worded like the server's, but no message is promised.

use std::fmt::Display;

use tonic::Status;

/// What every step of a call returns.
pub(crate) type Result<T> = std::result::Result<T, Status>;

/// A request that is malformed, whatever the collection holds: `InvalidArgument`.
pub(crate) fn malformed(message: impl Display) -> Status {
    Status::invalid_argument(message.to_string())
}

/// A field out of its bounds: `InvalidArgument`, found before anything else is looked at.
pub(crate) fn validation(field: &str, message: impl Display) -> Status {
    Status::invalid_argument(format!("Validation error in body: [{field}: {message}]"))
}

/// An argument that does not fit the collection, such as a wrong dimension: `InvalidArgument`.
pub(crate) fn bad_input(message: impl Display) -> Status {
    Status::invalid_argument(format!("Wrong input: {message}"))
}

/// A request that makes no sense: `InvalidArgument`.
pub(crate) fn bad_request(message: impl Display) -> Status {
    Status::invalid_argument(format!("Bad request: {message}"))
}

/// What strict mode forbids: `InvalidArgument`, as the server maps it since it has a strict mode.
pub(crate) fn strict(error: impl Display, help: &str) -> Status {
    bad_request(format!("{error}. Help: {help}"))
}

/// No such collection: `NotFound`.
pub(crate) fn no_collection(name: &str) -> Status {
    Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"))
}

/// A point that a request names and that is not there: `NotFound`.
pub(crate) fn no_point(id: impl Display) -> Status {
    Status::not_found(format!("Not found: No point with id {id} found"))
}

/// A collection of that name is there already: `AlreadyExists`.
pub(crate) fn collection_exists(name: &str) -> Status {
    Status::already_exists(format!("Wrong input: Collection `{name}` already exists!"))
}

/// What this double does not imitate: `Unimplemented`, never a guess.
pub(crate) fn not_imitated(what: &str) -> Status {
    Status::unimplemented(format!("mastra-doubles does not imitate {what}"))
}
