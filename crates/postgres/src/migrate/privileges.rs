//! Which rights migrating and using a schema need.

use super::MigrationSet;
use crate::error::driver;
use crate::quote::{MAX_IDENTIFIER_BYTES, Schema, identifier};
use mastra_core::{Error, Result};
use sqlx::{PgConnection, Row as _};

/// The SQL that lets a role run everything but migrations and index administration on a schema: rights on data alone, also on
/// what later migrations add. The owner of the schema runs it, after migrating.
///
/// ```
/// let sql = mastra_postgres::migrate::grants("mastra", "app")?;
/// assert!(sql.contains("GRANT USAGE ON SCHEMA \"mastra\" TO \"app\";"));
/// # Ok::<(), mastra_core::Error>(())
/// ```
pub fn grants(schema: &str, role: &str) -> Result<String> {
    grants_for(schema, role, MigrationSet::ENGINE)
}

/// As [`grants`], for another series of migrations than the engine's.
pub fn grants_for(schema: &str, role: &str, set: MigrationSet) -> Result<String> {
    let schema = Schema::new(schema)?.remembering_in(set.table);
    if role.trim().is_empty() || role.contains('\0') || role.len() > MAX_IDENTIFIER_BYTES {
        return Err(Error::invalid_input("this is no name of a role"));
    }
    let (schema, migrations, role) = (schema.quoted(), &schema.migrations, identifier(role));
    let data = "SELECT, INSERT, UPDATE, DELETE";
    Ok(format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT {data} ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {data} ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role};
REVOKE INSERT, UPDATE, DELETE ON {migrations} FROM {role};
"
    ))
}

/// Turns a refusal into one that carries the SQL that cures it, run by a privileged role.
pub(super) async fn explain(conn: &mut PgConnection, schema: &Schema, refused: Error) -> Error {
    match cure(conn, schema).await {
        Ok((role, sql)) => Error::permission_denied(
            "the role may not migrate this schema: run as a privileged role what `mastra engine migrate --sql` prints, or give \
             the role the right",
        )
        .with("role", role)
        .with("schema", schema.name())
        .with("sql", sql)
        .with_source(refused),
        // Whatever kept us from asking matters less than the refusal.
        Err(_) => refused,
    }
}

async fn cure(conn: &mut PgConnection, schema: &Schema) -> Result<(String, String)> {
    let row = sqlx::query(
        "SELECT current_user::text AS role, n.oid IS NOT NULL AS exists,
             coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'), false) AS may_create,
             (SELECT min(pg_get_userbyid(c.relowner)::text) FROM pg_class c
              WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE')) AS owner
         FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1",
    )
    .persistent(false)
    .bind(schema.name())
    .fetch_one(conn)
    .await
    .map_err(driver)?;
    let role: String = row.try_get("role").map_err(driver)?;
    let quoted = identifier(&role);
    let mut sql = Vec::new();
    if !row.try_get::<bool, _>("exists").map_err(driver)? {
        sql.push(format!("CREATE SCHEMA {} AUTHORIZATION {quoted}", schema.quoted()));
    } else if !row.try_get::<bool, _>("may_create").map_err(driver)? {
        sql.push(format!("GRANT USAGE, CREATE ON SCHEMA {} TO {quoted}", schema.quoted()));
    }
    if let Some(owner) = row.try_get::<Option<String>, _>("owner").map_err(driver)? {
        sql.push(format!("GRANT {} TO {quoted}", identifier(&owner)));
    }
    Ok((role, sql.join("; ")))
}
