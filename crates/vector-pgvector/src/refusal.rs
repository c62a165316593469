//! Why a table of somebody else's refused a point: it has rules of its own, which whoever wrote can keep, or its owner change.

use crate::index::Index;
use mastra_core::{Error, ErrorKind};
use mastra_postgres::foundation::driver_error;
use sqlx::postgres::PgDatabaseError;

/// The error of a write: `InvalidInput` where another point would pass, `SchemaMismatch` where none would.
pub(crate) fn refusal(index: &Index, error: sqlx::Error) -> Error {
    if index.owned {
        return driver_error(error);
    }
    let column = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let column = column.and_then(|error| error.column()).map(str::to_owned);
    let error = driver_error(error);
    let message = match error.get("sqlstate") {
        Some("22001") => {
            "an id, a namespace or a text is longer than its column of the adopted table takes: shorten it, or make the column text"
        }
        Some("23502") => "another column of the adopted table must not be NULL: give it a default, or allow NULL",
        Some("23514" | "23503" | "23P01") => "a constraint of the adopted table refuses the point",
        Some("428C9") => "a column of the adopted table is generated, and takes no values",
        Some("42P10") => "the adopted table has lost the unique index on its ids: make it again",
        Some("55000") => {
            "a unique index on the ids of the adopted table is DEFERRABLE, so that points cannot be written over: put another in its place"
        }
        _ => return error,
    };
    let kind = match error.get("sqlstate") {
        Some("22001" | "23514" | "23503" | "23P01") => ErrorKind::InvalidInput,
        _ => ErrorKind::SchemaMismatch,
    };
    let mut told = Error::new(kind, message).with("table", &index.table_name);
    if let Some(column) = column {
        told = told.with("column", column);
    }
    for key in ["constraint", "sqlstate"] {
        if let Some(value) = error.get(key) {
            told = told.with(key, value.to_owned());
        }
    }
    told
}
