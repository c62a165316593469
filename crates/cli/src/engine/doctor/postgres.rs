//! Examining a Postgres server. Nothing is written.

use super::{Findings, assess, expected};
use crate::{
    engine::place::{PATIENCE, PostgresUrl},
    output::text,
    resolve::Choice,
};
use mastra_core::{Error, ErrorKind, Result};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use std::time::Instant;

/// The oldest major version that is tested.
const OLDEST: i32 = 14;
/// The oldest pgvector whose filtered searches can go on where their first answer is short.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

/// What the server says that it is.
pub(super) async fn version(url: &PostgresUrl) -> Result<String> {
    let mut connection = connect(url).await?;
    let version = setting(&mut connection, "server_version").await?;
    connection.close().await.map_err(failed)?;
    Ok(format!("Postgres {version}"))
}

pub(super) async fn examine(choice: &Choice, findings: &mut Findings) -> Result<()> {
    let url = match PostgresUrl::parse(choice.url()) {
        Ok(url) => url,
        Err(error) => {
            findings.problem("url", error.to_string(), format!("mend the URL, which is named by {}", choice.origin()));
            return Ok(());
        }
    };
    let began = Instant::now();
    let mut connection = match connect(&url).await {
        Ok(connection) => connection,
        Err(error) => {
            let cure = match error.kind() {
                ErrorKind::PermissionDenied => "check user and password in the URL",
                ErrorKind::NotFound => "create the database, or name another in the URL",
                _ => {
                    "mastra engine up, where `mastra engine add` made the server; else start it, or check host and port in the URL"
                }
            };
            findings.problem("reachable", error.to_string(), cure);
            return Ok(());
        }
    };
    findings.good("reachable", format!("connected in {}", text::took(began.elapsed())));
    server(&mut connection, findings).await?;
    pooler(choice, &url, findings).await?;
    pgvector(&mut connection, findings).await?;
    indexes(&mut connection, &url.schema, findings).await?;
    settings(&mut connection, &url, findings).await?;
    connection.close().await.map_err(failed)
}

async fn server(connection: &mut PgConnection, findings: &mut Findings) -> Result<()> {
    let version = setting(connection, "server_version").await?;
    let major: i32 = setting(connection, "server_version_num").await?.parse::<i32>().unwrap_or_default() / 10_000;
    if major < OLDEST {
        findings.problem("version", format!("Postgres {version} is older than {OLDEST}"), "upgrade the server");
    } else {
        findings.good("version", format!("Postgres {version}"));
    }
    let encoding = setting(connection, "server_encoding").await?;
    if encoding == "UTF8" {
        findings.good("encoding", "UTF8");
    } else {
        findings.problem(
            "encoding",
            format!("{encoding} cannot hold every text"),
            "CREATE DATABASE app ENCODING 'UTF8' TEMPLATE template0;",
        );
    }
    if major >= 15 {
        let moved: bool = sqlx::query_scalar(
            "SELECT coalesce(datcollversion <> pg_database_collation_actual_version(oid), false) FROM pg_database WHERE datname = current_database()",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
        if moved {
            let cure = "REINDEX DATABASE; ALTER DATABASE … REFRESH COLLATION VERSION;";
            findings.problem("collation", "the operating system sorts text otherwise than when the indexes were built", cure);
        }
    }
    Ok(())
}

/// Whether a pooler stands in between, and whether the URL says so; the schema's state where none does.
async fn pooler(choice: &Choice, url: &PostgresUrl, findings: &mut Findings) -> Result<()> {
    if url.pooled {
        findings.good("pooler", "the URL says pooler=transaction");
        findings.warning(
            "schema",
            "not examined through a pooler",
            "mastra engine doctor --engine URL, with one that leads to the server itself",
        );
        return Ok(());
    }
    match assess(choice, findings).await {
        Ok(()) => {
            findings.good("pooler", "none");
            Ok(())
        }
        Err(error) if error.message().contains("pooler") => {
            findings.problem(
                "pooler",
                "the URL leads to a connection pooler and does not say so",
                "add pooler=transaction to the URL, as in postgres://…/app?pooler=transaction",
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn pgvector(connection: &mut PgConnection, findings: &mut Findings) -> Result<()> {
    let row = sqlx::query(
        "SELECT default_version::text AS available, installed_version::text AS installed FROM pg_available_extensions WHERE name = 'vector'",
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed)?;
    let major = setting(connection, "server_version_num").await?.parse::<i32>().unwrap_or_default() / 10_000;
    let Some(row) = row else {
        findings.warning(
            "pgvector",
            "not available: vector search needs it",
            format!("apt-get install postgresql-{major}-pgvector"),
        );
        return Ok(());
    };
    let (available, installed): (Option<String>, Option<String>) = (row.get("available"), row.get("installed"));
    match (installed, available) {
        (Some(version), _) if is_older(&version) => {
            findings.warning(
                "pgvector",
                format!("{version}: filtered searches need 0.8"),
                "ALTER EXTENSION vector UPDATE;, after upgrading the package",
            );
        }
        (Some(version), _) => findings.good("pgvector", format!("{version} is installed")),
        (None, Some(version)) => findings.warning(
            "pgvector",
            format!("{version} is available, not installed in this database"),
            "CREATE EXTENSION vector;",
        ),
        (None, None) => findings.warning("pgvector", "not available", format!("apt-get install postgresql-{major}-pgvector")),
    }
    Ok(())
}

fn is_older(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST_PGVECTOR
}

async fn indexes(connection: &mut PgConnection, schema: &str, findings: &mut Findings) -> Result<()> {
    let rows = sqlx::query(
        "SELECT i.relname::text AS name, x.indisvalid AS valid, quote_ident(n.nspname) || '.' || quote_ident(i.relname) AS spelled
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
         WHERE n.nspname = $1",
    )
    .bind(schema)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    if rows.is_empty() {
        // No schema yet: that is a finding already.
        return Ok(());
    }
    let names: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
    let expected = expected::indexes(mastra_postgres::migrate::migrations());
    let mut sound = true;
    for index in expected.iter().filter(|index| !names.contains(&index.name)) {
        sound = false;
        findings.problem(
            "indexes",
            format!("{} is missing", index.name),
            format!("SET search_path TO \"{}\"; {};", schema.replace('"', "\"\""), index.statement),
        );
    }
    for row in rows.iter().filter(|row| !row.get::<bool, _>("valid")) {
        sound = false;
        let spelled: String = row.get("spelled");
        findings.problem(
            "indexes",
            format!("{spelled} is invalid: its build was interrupted"),
            format!("REINDEX INDEX CONCURRENTLY {spelled};"),
        );
    }
    if sound {
        findings.good("indexes", format!("all {} of the schema are there, {} in all, each valid", expected.len(), names.len()));
    }
    Ok(())
}

async fn settings(connection: &mut PgConnection, url: &PostgresUrl, findings: &mut Findings) -> Result<()> {
    for (name, why) in [
        ("fsync", "a power cut can destroy the whole database"),
        ("full_page_writes", "a power cut can leave torn pages"),
        ("autovacuum", "dead rows are never removed and transaction ids run out"),
    ] {
        match setting(connection, name).await?.as_str() {
            "on" => findings.good(name, "on"),
            value => findings.problem(
                name,
                format!("{value}: {why}"),
                format!("ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"),
            ),
        }
    }
    match setting(connection, "synchronous_commit").await?.as_str() {
        "off" => findings.warning(
            "synchronous_commit",
            "off: a crash loses the last acknowledged writes",
            "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();",
        ),
        value => findings.good("synchronous_commit", value),
    }
    connections(connection, findings).await?;
    let shared: i64 = bytes(connection, "shared_buffers").await?;
    let found = format!("{} MiB", shared >> 20);
    if shared < 128 << 20 {
        findings.warning(
            "shared_buffers",
            found,
            "ALTER SYSTEM SET shared_buffers = '128MB';, then restart the server; a quarter of the memory is usual",
        );
    } else {
        findings.good("shared_buffers", found);
    }
    timeouts(connection, findings).await?;
    let wal = setting(connection, "wal_level").await?;
    match wal.as_str() {
        "minimal" => findings.warning(
            "wal_level",
            "minimal: no replica and no point-in-time recovery",
            "ALTER SYSTEM SET wal_level = 'replica';, then restart the server",
        ),
        _ => findings.good("wal_level", wal),
    }
    if url.local_port().is_none() {
        let tls: Option<bool> = sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
        match tls {
            Some(true) => findings.good("tls", "the connection is encrypted"),
            _ => findings.warning("tls", "the connection is not encrypted", "add sslmode=verify-full to the URL"),
        }
    }
    Ok(())
}

async fn connections(connection: &mut PgConnection, findings: &mut Findings) -> Result<()> {
    let most: i64 = setting(connection, "max_connections").await?.parse().unwrap_or_default();
    let used: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let found = format!("{used} of {most} in use");
    if most < 20 || used * 10 > most * 8 {
        findings.warning(
            "max_connections",
            found,
            "ALTER SYSTEM SET max_connections = 100;, then restart the server; or a pooler, with pooler=transaction in the URL",
        );
    } else {
        findings.good("max_connections", found);
    }
    Ok(())
}

async fn timeouts(connection: &mut PgConnection, findings: &mut Findings) -> Result<()> {
    let statement = setting(connection, "statement_timeout").await?;
    findings.good("statement_timeout", if statement == "0" { "none".to_owned() } else { statement });
    match setting(connection, "idle_in_transaction_session_timeout").await?.as_str() {
        "0" => findings.warning(
            "idle transactions",
            "never ended: a forgotten one holds its locks and keeps dead rows",
            "ALTER SYSTEM SET idle_in_transaction_session_timeout = '10min'; SELECT pg_reload_conf();",
        ),
        value => findings.good("idle transactions", format!("ended after {value}")),
    }
    Ok(())
}

async fn connect(url: &PostgresUrl) -> Result<PgConnection> {
    let options = url.options()?.application_name("mastra engine doctor").disable_statement_logging();
    match tokio::time::timeout(PATIENCE, options.connect()).await {
        Ok(connected) => connected.map_err(failed),
        Err(_) => Err(Error::timeout("the server does not answer").with("after", text::took(PATIENCE))),
    }
}

async fn setting(connection: &mut PgConnection, name: &str) -> Result<String> {
    sqlx::query_scalar("SELECT current_setting($1)").persistent(false).bind(name).fetch_one(connection).await.map_err(failed)
}

async fn bytes(connection: &mut PgConnection, name: &str) -> Result<i64> {
    sqlx::query_scalar("SELECT pg_size_bytes(current_setting($1))")
        .persistent(false)
        .bind(name)
        .fetch_one(connection)
        .await
        .map_err(failed)
}

/// What a server says never holds the URL; what the driver says of a failed connection may.
fn failed(source: sqlx::Error) -> Error {
    let (kind, said) = match source.as_database_error() {
        Some(error) => match error.code().as_deref() {
            Some("28P01" | "28000" | "42501") => (ErrorKind::PermissionDenied, error.message().to_owned()),
            Some("3D000") => (ErrorKind::NotFound, error.message().to_owned()),
            _ => (ErrorKind::Unavailable, error.message().to_owned()),
        },
        None => match &source {
            sqlx::Error::Io(error) => (ErrorKind::Unavailable, format!("cannot be reached: {}", error.kind())),
            _ => (ErrorKind::Unavailable, "cannot be reached".to_owned()),
        },
    };
    Error::new(kind, said).with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_pgvector() {
        for (version, older) in [("0.8.0", false), ("0.10.1", false), ("1.0", false), ("0.7.4", true), ("odd", true)] {
            assert_eq!(is_older(version), older, "{version}");
        }
    }
}
