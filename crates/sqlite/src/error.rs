//! From SQLite's result codes to what a caller can do.
//!
//! <https://www.sqlite.org/rescode.html>. The driver's message is kept as the source only where it cannot hold data: constraint
//! messages name columns, never values.

use mastra_core::{Error, ErrorKind, Result};

/// The kinds of failure that more than one place tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Unique,
    Constraint,
    Busy,
    BusySnapshot,
    Locked,
    ReadOnly,
    Permission,
    CannotOpen,
    NotADatabase,
    Corrupt,
    Full,
    Io,
    TooBig,
    Interrupted,
    Memory,
    Schema,
    Other(i32),
}

impl Code {
    /// The code of a driver's error, where SQLite gave one.
    pub(crate) fn of(error: &sqlx::Error) -> Option<Self> {
        let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
        Some(match (code, code & 0xff) {
            // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID.
            (1555 | 2067 | 2579, _) => Self::Unique,
            (517, _) => Self::BusySnapshot,
            (_, 3) => Self::Permission,
            (_, 5) => Self::Busy,
            (_, 6) => Self::Locked,
            (_, 7) => Self::Memory,
            (_, 8) => Self::ReadOnly,
            (_, 9) => Self::Interrupted,
            (_, 10) => Self::Io,
            (_, 11) => Self::Corrupt,
            (_, 13) => Self::Full,
            (_, 14) => Self::CannotOpen,
            (_, 17) => Self::Schema,
            (_, 18) => Self::TooBig,
            (_, 19) => Self::Constraint,
            (_, 23) => Self::Permission,
            (_, 26) => Self::NotADatabase,
            (code, _) => Self::Other(code),
        })
    }
}

/// The error of a statement.
pub(crate) fn statement(error: sqlx::Error) -> Error {
    let Some(code) = Code::of(&error) else {
        return without_code(error);
    };
    let mapped = match code {
        Code::Busy => Error::timeout("another process kept the database locked for longer than the busy timeout"),
        Code::BusySnapshot | Code::Locked => {
            Error::conflict("another writer changed the database since this transaction began to read").retryable(true)
        }
        Code::Schema => Error::conflict("the schema changed while the statement ran").retryable(true),
        Code::Unique => Error::already_exists("a row with the same unique key exists"),
        Code::Constraint => Error::corrupt("the database refused a row that breaks one of its constraints"),
        Code::ReadOnly => {
            Error::permission_denied("the database is read-only; check the file's and its directory's permissions and the mode")
        }
        Code::Permission => Error::permission_denied("the database refused access"),
        Code::CannotOpen => Error::unavailable("the database file cannot be opened"),
        Code::NotADatabase => Error::corrupt("the file is not a SQLite database, or is encrypted"),
        Code::Corrupt => Error::corrupt("the database file is damaged; restore a backup, or recover it with sqlite3's .recover"),
        Code::Full => Error::unavailable("the disk, or the database's size limit, is full"),
        Code::Io => Error::unavailable("the disk failed to read or write the database"),
        Code::TooBig => Error::invalid_input("a value is larger than SQLite's limit of 1,000,000,000 bytes"),
        Code::Interrupted => Error::unavailable("the statement was interrupted"),
        Code::Memory => Error::unavailable("SQLite ran out of memory"),
        Code::Other(_) => Error::internal("SQLite refused a statement"),
    };
    let mapped = match error.as_database_error().and_then(|error| error.code()) {
        Some(code) => mapped.with("sqlite_code", code),
        None => mapped,
    };
    mapped.with_source(error)
}

fn without_code(error: sqlx::Error) -> Error {
    let (kind, message) = match &error {
        sqlx::Error::Io(_) => (ErrorKind::Unavailable, "the database file cannot be reached"),
        sqlx::Error::WorkerCrashed => {
            (ErrorKind::Unavailable, "the database's thread ended; the connection will be opened again")
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            (ErrorKind::Corrupt, "a stored value has another type than the schema says")
        }
        _ => (ErrorKind::Internal, "the database driver failed"),
    };
    Error::new(kind, message).with_source(error)
}

/// A stored value that breaks the schema.
pub(crate) fn corrupt(what: &'static str) -> Error {
    Error::corrupt(format!("the database holds {what} that this engine did not write"))
}

/// Maps the error of a driver's call.
pub(crate) trait Mapped<T> {
    fn mapped(self) -> Result<T>;
}

impl<T> Mapped<T> for sqlx::Result<T> {
    fn mapped(self) -> Result<T> {
        self.map_err(statement)
    }
}
