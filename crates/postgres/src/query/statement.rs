//! A statement while it is written: its text, and the values bound to it.

use crate::error::driver;
use mastra_core::{Error, Result};
use sqlx::{
    Arguments as _, AssertSqlSafe, Encode, PgConnection, Postgres, Type,
    postgres::{PgArguments, PgRow},
    query::Query,
};

/// SQL text of constants, quoted names and placeholders, and what stands at these.
#[derive(Debug, Default)]
pub struct Statement {
    /// The text.
    pub sql: String,
    arguments: PgArguments,
    refused: bool,
}

impl Statement {
    /// A statement that begins so.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }

    /// Appends text, which holds no value.
    pub fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Binds a value and gives its placeholder, which can stand in the text any number of times.
    pub fn bind<'t, T>(&mut self, value: T) -> String
    where
        T: Encode<'t, Postgres> + Type<Postgres>,
    {
        // Encoding fails on values that no caller can give, such as an array of more than 2^31 items.
        self.refused |= self.arguments.add(value).is_err();
        format!("${}", self.arguments.len())
    }

    /// The query. Unnamed, where it is not to be kept prepared.
    pub fn query(self, persistent: bool) -> Result<Query<'static, Postgres, PgArguments>> {
        if self.refused {
            return Err(Error::internal("an argument could not be written for the server"));
        }
        // The text came together from constants and quoted names; every value is bound.
        Ok(sqlx::query_with(AssertSqlSafe(self.sql), self.arguments).persistent(persistent))
    }

    /// All rows.
    pub async fn fetch_all(self, conn: &mut PgConnection, persistent: bool) -> Result<Vec<PgRow>> {
        self.query(persistent)?.fetch_all(conn).await.map_err(driver)
    }
}
