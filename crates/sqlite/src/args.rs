//! Bound values of a statement that is put together.

use mastra_core::{Error, Result};
use sqlx::{Arguments as _, Encode, Sqlite, Type, sqlite::SqliteArguments};

/// Values with their numbers: a value is bound once and may stand in several places of the statement, in any order.
#[derive(Debug, Default)]
pub(crate) struct Args {
    values: SqliteArguments,
    refused: bool,
}

impl Args {
    /// Binds a value and gives the placeholder that stands for it.
    pub(crate) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> String {
        self.refused |= self.values.add(value).is_err();
        format!("?{}", self.values.len())
    }

    /// The values, to run the statement with.
    pub(crate) fn finish(self) -> Result<SqliteArguments> {
        if self.refused { Err(Error::internal("a value could not be bound")) } else { Ok(self.values) }
    }
}
