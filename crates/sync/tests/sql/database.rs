//! A fresh database for a test.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// A schema of its own on the Postgres server, or a SQLite file.
pub(crate) struct Database {
    connection: Connection,
    pub(crate) url: String,
    /// What stands in front of a table's name.
    pub(crate) prefix: String,
    _folder: Option<TempDir>,
}

enum Connection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    /// One of each.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::postgres().await, Self::sqlite().await]
    }

    pub(crate) async fn postgres() -> Self {
        let url = std::env::var("MASTRA_TEST_POSTGRES_URL").expect("MASTRA_TEST_POSTGRES_URL names the server to test on");
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let schema = format!("sync_source_{}", Uuid::now_v7().simple());
        connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
        Self { connection: Connection::Postgres(connection), url, prefix: format!("{schema}."), _folder: None }
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("rows.db").display());
        let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
        connection.execute("PRAGMA journal_mode = WAL").await.unwrap();
        Self { connection: Connection::Sqlite(connection), url, prefix: String::new(), _folder: Some(folder) }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.connection, Connection::Postgres(_))
    }

    /// Runs statements; `@` stands for what is in front of a table's name.
    pub(crate) async fn run(&mut self, statements: &str) {
        let statements = AssertSqlSafe(statements.replace('@', &self.prefix));
        match &mut self.connection {
            Connection::Postgres(connection) => sqlx::raw_sql(statements).execute(connection).await.map(drop).unwrap(),
            Connection::Sqlite(connection) => sqlx::raw_sql(statements).execute(connection).await.map(drop).unwrap(),
        }
    }

    /// A source of this database, with `@` as above.
    pub(crate) fn source(&self, query: &str) -> mastra_sync::source::sql::SqlSource {
        mastra_sync::source::sql::SqlSource::new(&self.url, query.replace('@', &self.prefix), "id").unwrap()
    }

    /// Leaves nothing behind on the server.
    pub(crate) async fn end(mut self) {
        if self.is_postgres() {
            let schema = self.prefix.trim_end_matches('.').to_owned();
            self.run(&format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}
