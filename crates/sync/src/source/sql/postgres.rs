//! Rows of Postgres.

use super::{
    cursor::{Key, Mark},
    error::driver,
    session::{self, Row, Session, Survey},
    source::{Overlap, SqlSource},
    statement::{self, Column, Range, Table},
};
use async_trait::async_trait;
use mastra_core::{Error, Result};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, PgConnection, Postgres, Row as _, Transaction,
    TypeInfo as _,
    postgres::{PgConnectOptions, PgRow},
};
use std::{str::FromStr as _, time::Duration};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);

pub(super) struct PostgresSession {
    connection: PgConnection,
    query: String,
    id: String,
    high_water: Option<String>,
    statement_timeout: Option<Duration>,
    /// Known once the columns are.
    table: Option<Table>,
}

/// The types that rows can be ordered by, as the driver calls them, and the cast from text.
const TYPES: [(&str, &str, &str); 15] = [
    ("INT2", "int2", "::int2"),
    ("INT4", "int4", "::int4"),
    ("INT8", "int8", "::int8"),
    ("NUMERIC", "numeric", "::numeric"),
    ("FLOAT4", "float4", "::float4"),
    ("FLOAT8", "float8", "::float8"),
    ("TEXT", "text", "::text"),
    ("VARCHAR", "varchar", "::varchar"),
    ("CHAR", "bpchar", "::bpchar"),
    ("NAME", "name", "::name"),
    ("UUID", "uuid", "::uuid"),
    ("DATE", "date", "::date"),
    ("TIMESTAMP", "timestamp", "::timestamp"),
    ("TIMESTAMPTZ", "timestamptz", "::timestamptz"),
    ("OID", "oid", "::oid"),
];

impl PostgresSession {
    pub(super) async fn connect(source: &SqlSource) -> Result<Self> {
        let options = PgConnectOptions::from_str(&source.url).map_err(driver)?;
        let named = options.get_application_name().is_some();
        // Poolers refuse start-up parameters that they do not know; the server's own setting writes every digit.
        let options = options.extra_float_digits(None).statement_cache_capacity(0).disable_statement_logging();
        let options = if named { options } else { options.application_name("mastra") };
        let connected = tokio::time::timeout(CONNECT, PgConnection::connect_with(&options)).await;
        let connection = connected.map_err(|_| Error::timeout("the database did not answer in time"))?.map_err(driver)?;
        Ok(Self {
            connection,
            query: source.query.clone(),
            id: source.id.clone(),
            high_water: source.high_water.clone(),
            statement_timeout: source.statement_timeout,
            table: None,
        })
    }

    /// A transaction, of one snapshot. A transaction pooler gives others' answers outside of one.
    async fn begin(&mut self) -> Result<Transaction<'_, Postgres>> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut transaction = self.connection.begin_with(begin).await.map_err(driver)?;
        if let Some(timeout) = self.statement_timeout {
            let milliseconds = timeout.as_millis().clamp(1, 2_147_483_647);
            sqlx::query("SELECT set_config('statement_timeout', $1, true)")
                .persistent(false)
                .bind(milliseconds.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(driver)?;
        }
        Ok(transaction)
    }

    async fn fetch(&mut self, (text, values): (String, Vec<&Key>)) -> Result<Vec<Row>> {
        let mut transaction = self.begin().await?;
        let rows = fetch(&mut transaction, text, values).await?;
        transaction.commit().await.map_err(driver)?;
        rows.iter().map(row).collect()
    }

    fn table(&self) -> Result<(&Table, String)> {
        let table = self.table.as_ref().ok_or_else(|| Error::internal("rows were asked for before the columns"))?;
        let text = |column: &Column| format!("{}::text, '{}'", column.expression, column.kind);
        let mark = table.mark.as_ref().map_or_else(|| "NULL::text, NULL::text".to_owned(), text);
        // Every digit of a number, and every microsecond, is in the text that the server writes.
        let select = format!("row_to_json({})::text, {}, {mark}", table.row, text(&table.id));
        Ok((table, select))
    }
}

async fn fetch(transaction: &mut Transaction<'_, Postgres>, text: String, values: Vec<&Key>) -> Result<Vec<PgRow>> {
    let mut query = sqlx::query(AssertSqlSafe(text)).persistent(false);
    for Key(_, value) in values {
        query = query.bind(value.clone());
    }
    query.fetch_all(&mut **transaction).await.map_err(driver)
}

/// A row of document, id and mark, each with its type.
fn row(row: &PgRow) -> Result<Row> {
    let text = |index: usize| row.try_get::<Option<String>, _>(index).map_err(driver);
    let key =
        |index: usize| -> Result<Option<Key>> { Ok(text(index)?.zip(text(index + 1)?).map(|(value, kind)| Key(kind, value))) };
    let document = text(0)?.unwrap_or_default();
    let data = serde_json::from_str(&document).map_err(|_| {
        Error::invalid_input("the row is no JSON object that can be read: nested too deeply, or a number out of range")
    });
    Ok(Row { id: key(1)?, mark: key(3)?, data, bytes: document.len() as u64 })
}

#[async_trait]
impl Session for PostgresSession {
    async fn survey(&mut self) -> Result<Survey> {
        let (query, id, high_water) = (self.query.clone(), self.id.clone(), self.high_water.clone());
        let mut transaction = self.begin().await?;
        let described = fetch(&mut transaction, statement::columns_of(&query), Vec::new()).await?;
        let columns = described.first().map(|row| row.columns()).unwrap_or_default();
        let names: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
        if let Some((_, twice)) = names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|one| one == *name))
        {
            return Err(Error::invalid_input("the query gives two columns of one name").with("column", twice));
        }
        let row = statement::row_name(names.iter().map(String::as_str));
        let column = |name: &str, what| -> Result<Column> {
            let found = columns.get(session::position(&names, name, what)?);
            let kind = found.map(|column| column.type_info().name().to_owned()).unwrap_or_default();
            let Some((_, kind, cast)) = TYPES.into_iter().find(|(known, ..)| *known == kind) else {
                let error = Error::invalid_input(format!("the {what} column is of a type that rows cannot be read in order of"));
                return Err(error.with("column", name).with("type", kind).with("hint", "cast it in the query, as column::text"));
            };
            Ok(Column { expression: format!("{row}.{}", statement::quoted(name)?), cast, kind: kind.to_owned() })
        };
        let mark = high_water.as_deref().map(|name| column(name, "high-water")).transpose()?;
        let table = Table::new(&query, row.clone(), column(&id, "id")?, mark);
        let (mut highest, mut unmarked) = (None, false);
        if let Some(mark) = &table.mark {
            let found = fetch(&mut transaction, table.highest(&format!("{}::text", mark.expression))?, Vec::new()).await?;
            if let Some(row) = found.first() {
                highest = Some(Key(mark.kind.clone(), row.try_get(0).map_err(driver)?));
            }
            unmarked = !fetch(&mut transaction, table.unmarked()?, Vec::new()).await?.is_empty();
        }
        transaction.commit().await.map_err(driver)?;
        let mark_kind = table.mark.as_ref().map(|mark| mark.kind.clone());
        let survey = Survey { id_kind: table.id.kind.clone(), mark_kind, highest, unmarked };
        self.table = Some(table);
        Ok(survey)
    }

    async fn rows(&mut self, range: &Range, most: usize) -> Result<Vec<Row>> {
        let (table, select) = self.table()?;
        let statement = table.rows(&select, range, most)?;
        self.fetch(statement).await
    }

    async fn without_id(&mut self, from: Option<&Mark>, most: usize) -> Result<Vec<Row>> {
        let (table, select) = self.table()?;
        let statement = table.without_id(&select, from, most)?;
        self.fetch(statement).await
    }

    async fn behind(&mut self, mark: &Key, overlap: Overlap) -> Result<Key> {
        let Key(kind, value) = mark;
        let (text, by) = match (kind.as_str(), overlap) {
            // Dates are cut to the day, which begins earlier.
            ("date" | "timestamp" | "timestamptz", Overlap::Time(time)) => {
                (format!("SELECT ($1::{kind} - make_interval(secs => $2::float8))::{kind}::text"), time.as_secs_f64().to_string())
            }
            ("int2" | "int4" | "int8" | "oid", Overlap::Number(by)) => {
                let least = match kind.as_str() {
                    "int2" => i128::from(i16::MIN),
                    "int4" => i128::from(i32::MIN),
                    "int8" => i128::from(i64::MIN),
                    _ => 0,
                };
                let value: i128 = value.parse().map_err(|_| Error::invalid_input("the cursor's mark is no whole number"))?;
                return Ok(Key(kind.clone(), (value - i128::from(by)).max(least).to_string()));
            }
            ("numeric" | "float4" | "float8", Overlap::Number(by)) => {
                (format!("SELECT ($1::{kind} - $2::{kind})::{kind}::text"), by.to_string())
            }
            _ => return Err(session::no_overlap(kind, overlap)),
        };
        let mut transaction = self.begin().await?;
        let query = sqlx::query_scalar(AssertSqlSafe(text)).persistent(false).bind(value.clone()).bind(by);
        let behind = query.fetch_one(&mut *transaction).await.map_err(driver)?;
        transaction.commit().await.map_err(driver)?;
        Ok(Key(kind.clone(), behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sql::SqlSource;
    use uuid::Uuid;

    #[tokio::test]
    async fn an_index_on_the_key_serves_every_page() {
        let url = std::env::var("MASTRA_TEST_POSTGRES_URL").expect("MASTRA_TEST_POSTGRES_URL names the server to test on");
        let mut admin = PgConnection::connect(&url).await.unwrap();
        let schema = format!("sync_plan_{}", Uuid::now_v7().simple());
        let statements = format!(
            "CREATE SCHEMA {schema};
             CREATE TABLE {schema}.r (id bigint PRIMARY KEY, mark bigint NOT NULL);
             INSERT INTO {schema}.r SELECT n, n / 3 FROM generate_series(1, 20000) AS n;
             CREATE INDEX ON {schema}.r (mark, id);
             ANALYZE {schema}.r"
        );
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut admin).await.unwrap();
        let source = SqlSource::new(&url, format!("SELECT * FROM {schema}.r"), "id").unwrap().high_water("mark");
        let mut session = PostgresSession::connect(&source).await.unwrap();
        session.survey().await.unwrap();
        let key = |number: i64| Key("int8".to_owned(), number.to_string());
        let mark = |at, id| Mark { at: key(at), id: Some(key(id)) };
        for range in [
            Range::All { after: Some(key(15_000)) },
            Range::Since { from: mark(5_000, 15_000), to: None },
            Range::Since { from: mark(5_000, 15_000), to: Some(mark(5_500, 16_600)) },
            Range::Since { from: Mark { at: key(5_000), id: None }, to: None },
        ] {
            let (table, select) = session.table().unwrap();
            let (text, values) = table.rows(&select, &range, 501).unwrap();
            let values: Vec<Key> = values.into_iter().cloned().collect();
            let mut transaction = session.begin().await.unwrap();
            let plan = fetch(&mut transaction, format!("EXPLAIN {text}"), values.iter().collect()).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
            let plan = plan.join("\n");
            // Its condition is looked up in the index, and its order is the index's.
            assert!(plan.contains("Index Cond") && !plan.contains("Sort") && !plan.contains("Filter"), "{range:?}\n{plan}");
        }
        drop(session);
        sqlx::raw_sql(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).execute(&mut admin).await.unwrap();
    }
}
