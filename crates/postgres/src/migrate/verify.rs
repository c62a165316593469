//! What every ordinary connection asks first: does this schema serve me?

use super::{MigrationSet, bookkeeping};
use crate::error::{driver, is};
use crate::quote::Schema;
use mastra_core::migrate::{Admission, assess};
use mastra_core::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};

/// Whether this client may work with the schema: `SchemaMismatch` with the command to run where it is behind, was edited, or is
/// newer and serves this client no longer. A newer one that does warns, once a process.
///
/// One round trip, no DDL, and no prepared statement: any pooler will do.
pub async fn verify(conn: &mut PgConnection, schema: &str) -> Result<Admission> {
    verify_schema(conn, &Schema::new(schema)?, MigrationSet::ENGINE).await
}

pub(crate) async fn verify_schema(conn: &mut PgConnection, schema: &Schema, set: MigrationSet) -> Result<Admission> {
    let schema = &schema.clone().remembering_in(set.table);
    let select = bookkeeping::select(schema);
    let applied = match sqlx::raw_sql(AssertSqlSafe(select)).fetch_all(conn).await {
        Ok(rows) => bookkeeping::applied(&rows)?,
        // undefined_table, invalid_schema_name
        Err(error) if is(&error, "42P01") || is(&error, "3F000") => Vec::new(),
        Err(error) if is(&error, "42501") => {
            let message = "the role may not read the engine's schema; a privileged role can grant it the use of data";
            let grant =
                format!("GRANT USAGE ON SCHEMA {0} TO role; GRANT SELECT ON {1} TO role", schema.quoted(), schema.migrations);
            return Err(Error::permission_denied(message).with("schema", schema.name()).with("sql", grant));
        }
        Err(error) => return Err(driver(error)),
    };
    assess(set.migrations, &applied).admit_naming(schema.name(), set.command).map_err(|error| error.with("name", schema.name()))
}
