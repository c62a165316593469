//! Schemas to migrate, and migrations that this version does not have.
#![allow(dead_code, reason = "each test file uses its part")]

use crate::common::url;
use mastra_core::migrate::{Migration, MigrationKind};
use mastra_core::{Checked, Result};
use mastra_postgres::PostgresEngine;
use mastra_postgres::migrate::PostgresMigrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::time::Duration;

/// The migrations of this version.
pub(crate) fn series() -> Vec<Migration> {
    mastra_postgres::migrate::migrations().to_vec()
}

/// What a migration is, apart from its number.
pub(crate) struct Draft {
    kind: MigrationKind,
    transaction: &'static str,
    sql: String,
}

pub(crate) fn additive(sql: impl Into<String>) -> Draft {
    Draft { kind: MigrationKind::Additive, transaction: "on", sql: sql.into() }
}

pub(crate) fn breaking(sql: impl Into<String>) -> Draft {
    Draft { kind: MigrationKind::Breaking, transaction: "on", sql: sql.into() }
}

impl Draft {
    pub(crate) fn alone(mut self) -> Self {
        self.transaction = "off";
        self
    }
}

/// The migrations of a later version: those given and one more. A breaking one serves its own version only.
pub(crate) fn with(known: &[Migration], draft: Draft) -> Vec<Migration> {
    let version = known.len() + 1;
    let oldest = match draft.kind {
        MigrationKind::Additive => known.last().map_or(1, Migration::oldest_client),
        MigrationKind::Breaking => version as u32,
    };
    let Draft { kind, transaction, sql } = draft;
    let text = format!("-- mastra: kind={kind} oldest_client={oldest} transaction={transaction}\n{sql}\n");
    let mut series = known.to_vec();
    series.push(Migration::parse(&format!("{version:04}_later.sql"), &text).unwrap());
    series
}

pub(crate) fn sleep(schema: &str, seconds: f32) -> String {
    format!("SELECT pg_sleep({seconds}) /* {schema} */;")
}

/// A schema that is not there yet, dropped with the value.
pub(crate) struct Scratch {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Scratch {
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(&url(), name)
    }

    pub(crate) fn on(url: &str, name: &str) -> Self {
        Self { url: url.to_owned(), name: name.to_owned() }
    }

    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }

    pub(crate) async fn migrator(&self) -> PostgresMigrator {
        PostgresMigrator::connect(&self.url, &self.name).await.unwrap()
    }

    pub(crate) async fn engine(&self) -> Result<Checked<PostgresEngine>> {
        PostgresEngine::builder(self.url.clone()).schema(self.name.clone()).max_connections(4).connect().await
    }

    /// A connection whose search path is the schema.
    pub(crate) async fn connection(&self) -> PgConnection {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let path = format!("SET search_path = {}", self.quoted());
        sqlx::raw_sql(AssertSqlSafe(path)).execute(&mut conn).await.unwrap();
        conn
    }

    /// Runs a script on a fresh connection.
    pub(crate) async fn run(&self, script: &str) -> sqlx::Result<()> {
        let mut conn = PgConnection::connect(&self.url).await?;
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut conn).await.map(drop)
    }

    pub(crate) async fn exists(&self) -> bool {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)");
        exists.bind(&self.name).fetch_one(&mut conn).await.unwrap()
    }

    /// The tables of the schema, by name.
    pub(crate) async fn relations(&self) -> Vec<String> {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = \
                      (SELECT oid FROM pg_namespace WHERE nspname = $1) ORDER BY 1";
        sqlx::query_scalar(tables).bind(&self.name).fetch_all(&mut conn).await.unwrap()
    }

    /// A statement that sleeps, and by which [`Scratch::wait_for_sleep`] tells this schema's migration from others.
    pub(crate) fn sleep(&self, seconds: f32) -> String {
        sleep(&self.name, seconds)
    }

    /// Returns once a migration of this schema is inside a [`Scratch::sleep`].
    pub(crate) async fn wait_for_sleep(&self) {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let sleeping = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep' \
                        AND position($1 IN query) > 0)";
        let mark = format!("/* {} */", self.name);
        while !sqlx::query_scalar::<_, bool>(sleeping).bind(&mark).fetch_one(&mut conn).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns once the schema has that version.
    pub(crate) async fn wait_for_version(&self, version: usize) {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let select = format!("SELECT max(version)::bigint FROM {}.schema_migrations", self.quoted());
        while sqlx::query_scalar::<_, Option<i64>>(AssertSqlSafe(select.as_str())).fetch_one(&mut conn).await.ok().flatten()
            != Some(version as i64)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn drop_schema(&self) {
        self.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.quoted())).await.unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (url, schema) = (self.url.clone(), self.quoted());
        // Dropping happens inside a runtime, where nothing may block on another one: a thread of its own may.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(mut conn) = PgConnection::connect(&url).await {
                    let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
                    let _ = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await;
                }
            });
        });
        let _ = dropped.join();
    }
}
