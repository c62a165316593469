//! Schemas of their own on the Postgres server of the tests.

use mastra_core::{Error, RecordId, Result};

/// The server that `cargo xtask services up` brings up.
const POSTGRES_URL: &str = "MASTRA_TEST_POSTGRES_URL";

/// A schema that nothing else uses. Whoever makes it drops it.
#[derive(Clone)]
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Schema {
    pub(crate) fn fresh() -> Result<Self> {
        let url = std::env::var(POSTGRES_URL).map_err(|_| {
            Error::unavailable(format!("{POSTGRES_URL} names no server; `cargo xtask conformance` brings one up and sets it"))
        })?;
        Ok(Self { url, name: format!("conformance_{}", RecordId::generate().as_uuid().simple()) })
    }

    /// Drops it with all that it holds; whatever still uses it has to be closed.
    pub(crate) async fn drop(self) {
        let Ok(mut connection) = <sqlx::PgConnection as sqlx::Connection>::connect(&self.url).await else { return };
        let statement = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name);
        if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await {
            eprintln!("warning: the schema {} is left behind: {error}", self.name);
        }
    }
}
