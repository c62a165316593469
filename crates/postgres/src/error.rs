//! What the server and the driver report, as errors that a caller can act on.
//!
//! The server's message and hint may quote a row's values, so only the SQLSTATE, the constraint and the table are kept.
//! Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use mastra_core::{Error, ErrorKind};
use sqlx::postgres::PgDatabaseError;

/// The SQLSTATEs that the engine acts on by itself.
pub(crate) mod sqlstate {
    /// unique_violation
    pub(crate) const UNIQUE_VIOLATION: &str = "23505";
    /// not_null_violation
    pub(crate) const NOT_NULL_VIOLATION: &str = "23502";
    /// foreign_key_violation
    pub(crate) const FOREIGN_KEY_VIOLATION: &str = "23503";
    /// insufficient_privilege
    pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";
}

/// An error of the driver, mapped.
pub(crate) fn driver(error: sqlx::Error) -> Error {
    use sqlx::Error as E;
    match error {
        E::Database(source) => match source.try_downcast::<PgDatabaseError>() {
            Ok(source) => database(&source),
            Err(_) => Error::internal("the driver reported an error of another database"),
        },
        E::PoolTimedOut => {
            Error::timeout("no connection became free in time; every one is in use, or the server does not accept new ones")
        }
        E::PoolClosed => Error::unavailable("the engine is closed").retryable(false),
        E::Io(source) => Error::unavailable("the connection to the server failed").with("cause", source.kind()),
        // rustls' and native messages name certificates and hosts, never a password.
        E::Tls(source) => Error::unavailable("no encrypted connection to the server could be made").with("cause", source),
        // The driver meets these when the server dies in the middle of a message.
        E::Protocol(_) | E::WorkerCrashed => Error::unavailable("the connection to the server broke off"),
        // A BEGIN that is answered without a transaction: a server that is going down, or a pooler that lost its own.
        E::BeginFailed => Error::unavailable("the server did not begin a transaction"),
        E::RowNotFound => Error::internal("the server answered without the row that the statement gives"),
        E::ColumnDecode { index, .. } => corrupt("a stored value does not have its column's shape").with("column", index),
        E::Decode(_) => corrupt("a stored value does not have its column's shape"),
        E::Configuration(_) => {
            Error::invalid_input("the connection URL is malformed; write postgres://user:password@host:port/database?sslmode=…")
        }
        E::Encode(_) | E::InvalidArgument(_) => Error::internal("an argument could not be written for the server"),
        other => Error::internal("the driver failed").with("cause", variant(&other)),
    }
}

/// Which error of the driver it is, without what it holds.
fn variant(error: &sqlx::Error) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Stored data that breaks an invariant.
pub(crate) fn corrupt(message: &str) -> Error {
    Error::corrupt(message)
}

/// Whether the driver's error is the server's, with this SQLSTATE.
pub(crate) fn is(error: &sqlx::Error, state: &str) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == state)
}

fn database(source: &PgDatabaseError) -> Error {
    let state = source.code();
    let error = by_state(state, source).with("sqlstate", state);
    let error = match source.constraint() {
        Some(constraint) => error.with("constraint", constraint),
        None => error,
    };
    match source.table() {
        Some(table) => error.with("table", table),
        None => error,
    }
}

fn by_state(state: &str, source: &PgDatabaseError) -> Error {
    let conflict = |message: &str| Error::conflict(message).retryable(true);
    match state {
        "40001" => conflict("the transaction could not be serialised with another one; run it again"),
        "40P01" => conflict("the transaction and another one waited for each other; run it again"),
        "55P03" => conflict("a lock is held by another transaction"),
        "23505" => conflict("another writer stored the same key at the same time"),
        "23503" => conflict("what the row belongs to was deleted at the same time"),
        "25P02" => Error::conflict("an earlier statement of this transaction failed, so that it can only be rolled back"),
        "25006" => Error::new(ErrorKind::Unavailable, "the server accepts no writes: it is a standby, or set to read only")
            .retryable(false),
        "57014" => {
            Error::timeout("the statement was cancelled: it ran longer than the statement timeout, or someone cancelled it")
        }
        "25P03" | "25P04" | "57P05" => Error::timeout("the server ended a session that was idle for too long"),
        "57P01" | "57P02" | "57P03" => Error::unavailable("the server is shutting down or starting up"),
        "53300" => {
            Error::unavailable("the server has no connection left; lower max_connections of the pool or raise the server's")
        }
        "53100" => Error::unavailable("the server's disk is full").retryable(false),
        "42501" => Error::permission_denied("the role lacks a right on an object of the engine's schema"),
        "28000" | "28P01" => Error::permission_denied("the server refused the role or its password"),
        "3D000" => Error::unavailable("the database does not exist").retryable(false),
        "3F000" | "42P01" | "42703" | "42883" | "42704" => Error::schema_mismatch(
            "the schema is not there, or is not the one this version needs; run `mastra engine migrate`, for vectors `mastra vectors migrate`",
        ),
        // The server noticed that a prepared statement no longer gives the columns it was prepared with: the schema moved on.
        "0A000" if source.routine() == Some("RevalidateCachedQuery") => {
            Error::schema_mismatch("the schema changed under an open connection; connect again")
        }
        // An unnamed or named statement that is not there, or is there twice: another client's, behind a pooler.
        "26000" | "42P05" => Error::invalid_input(
            "prepared statements got lost: a transaction pooler stands between; connect with `pooler=transaction`",
        ),
        "22P05" | "22021" => Error::invalid_input("the text holds a character that the database cannot store"),
        "22003" | "22P02" | "22P03" => Error::invalid_input("a value is out of the range that the database stores"),
        "54000" => Error::invalid_input("a value is larger than the database stores"),
        "XX001" | "XX002" => corrupt("the server reports damaged data"),
        _ => match state.get(..2) {
            Some("08") => Error::unavailable("the connection to the server failed"),
            Some("53") => Error::unavailable("the server ran out of memory or another resource"),
            Some("57") => Error::unavailable("the server ended the statement or the session"),
            Some("58") => Error::unavailable("the server met an error of its system").retryable(false),
            Some("23") => corrupt("a row would break a constraint of the schema"),
            Some("40") => conflict("the transaction was rolled back by the server; run it again"),
            Some("54") => Error::invalid_input("a limit of the server was reached"),
            _ => Error::internal("the server refused a statement"),
        },
    }
}
