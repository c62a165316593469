//! What databases and the driver report, as errors that a caller can act on.
//!
//! Messages can quote rows and connection strings. Only codes are kept, and what a database says of a statement before it ran, which is about
//! the operator's own query.

use mastra_core::Error;

/// An error of the driver, mapped. `query` is what the database refused before reading any row.
pub(super) fn driver(error: sqlx::Error) -> Error {
    use sqlx::Error as E;
    match error {
        E::Database(source) => {
            #[cfg(feature = "postgres")]
            if let Some(source) = source.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                return postgres(source);
            }
            #[cfg(feature = "sqlite")]
            if let Some(source) = source.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
                return sqlite(source);
            }
            let _ = source;
            Error::internal("the driver reported an error of another database")
        }
        E::Io(source) => Error::unavailable("the connection to the database failed").with("cause", source.kind()),
        // The library's messages name certificates and hosts, never a password.
        E::Tls(source) => Error::unavailable("no encrypted connection to the database could be made").with("cause", source),
        E::Protocol(_) | E::WorkerCrashed | E::BeginFailed => Error::unavailable("the connection to the database broke off"),
        E::Configuration(_) => Error::invalid_input(
            "the URL of the database is malformed; write postgres://user:password@host:port/database or sqlite://path",
        ),
        E::ColumnDecode { .. } | E::Decode(_) => Error::corrupt("a value does not have the shape that the database says"),
        _ => Error::internal("the database's driver failed"),
    }
}

/// Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
#[cfg(feature = "postgres")]
fn postgres(source: &sqlx::postgres::PgDatabaseError) -> Error {
    let state = source.code();
    let error = match state {
        "57014" => Error::timeout("the query was cancelled: it ran longer than the statement timeout, or someone cancelled it"),
        "42501" => Error::permission_denied("the role may not read what the query names"),
        "28000" | "28P01" => Error::permission_denied("the database refused the role or its password"),
        "3D000" => Error::not_found("the database does not exist"),
        "25006" => Error::invalid_input("the query writes; a source only reads"),
        "40001" | "40P01" => Error::conflict("the query collided with another transaction; run it again").retryable(true),
        "08P01" => Error::invalid_input("the query has placeholders, which nothing is given for"),
        _ => match state.get(..2) {
            // Syntax and names: the message is about the query's text.
            Some("42") => Error::invalid_input(format!("the database refused the query: {}", source.message())),
            Some("0A") => Error::invalid_input("the query asks for what the database does not offer"),
            Some("22") => Error::invalid_input("a value in the query could not be computed or converted"),
            Some("08" | "53" | "57") => Error::unavailable("the database is not available"),
            Some("58" | "XX") => Error::unavailable("the database met an error of its own").retryable(false),
            _ => Error::internal("the database refused the query"),
        },
    };
    error.with("sqlstate", state)
}

/// Codes: <https://www.sqlite.org/rescode.html>.
#[cfg(feature = "sqlite")]
fn sqlite(source: &sqlx::sqlite::SqliteError) -> Error {
    use sqlx::error::DatabaseError as _;
    let code: i32 = source.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let error = match code & 0xff {
        // SQLITE_ERROR covers the query's text and what fails as it runs; only functions that raise an error on purpose quote a row.
        1 => Error::invalid_input(format!("the database refused the query: {}", source.message())),
        3 | 23 => Error::permission_denied("the database file may not be read"),
        5 | 6 => Error::conflict("the database is locked by another writer").retryable(true),
        8 => Error::invalid_input("the query writes; a source only reads"),
        9 => Error::timeout("the query ran longer than the statement timeout"),
        10 | 13 => Error::unavailable("the database file could not be read").retryable(false),
        11 | 26 => Error::corrupt("the file is no SQLite database, or is damaged"),
        14 => Error::not_found("the database file could not be opened; it has to exist"),
        18 => Error::invalid_input("a value is larger than the database stores"),
        _ => Error::internal("the database refused the query"),
    };
    error.with("code", code)
}
