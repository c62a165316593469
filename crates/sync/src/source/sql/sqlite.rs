//! Rows of SQLite.

use super::{
    cursor::{Key, Mark},
    error::driver,
    session::{self, Row, Session, Survey},
    source::{Overlap, SqlSource},
    statement::{self, Column, Range, Table},
};
use async_trait::async_trait;
use mastra_core::{Error, Result};
use serde_json::{Map, Number, Value};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection, Transaction,
    TypeInfo as _, ValueRef as _,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use std::{
    str::FromStr as _,
    time::{Duration, Instant},
};

/// How many of its own instructions SQLite runs between two looks at the clock.
const INSTRUCTIONS: i32 = 10_000;

pub(super) struct SqliteSession {
    connection: SqliteConnection,
    query: String,
    id: String,
    high_water: Option<String>,
    statement_timeout: Option<Duration>,
    /// Known once the columns are.
    table: Option<Table>,
}

impl SqliteSession {
    pub(super) async fn connect(source: &SqlSource) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(&source.url).map_err(driver)?;
        let options = options.read_only(true).create_if_missing(false).disable_statement_logging();
        let connection = SqliteConnection::connect_with(&options).await.map_err(driver)?;
        Ok(Self {
            connection,
            query: source.query.clone(),
            id: source.id.clone(),
            high_water: source.high_water.clone(),
            statement_timeout: source.statement_timeout,
            table: None,
        })
    }

    async fn begin(&mut self) -> Result<Transaction<'_, Sqlite>> {
        if let Some(timeout) = self.statement_timeout {
            let until = Instant::now().checked_add(timeout);
            let mut handle = self.connection.lock_handle().await.map_err(driver)?;
            handle.set_progress_handler(INSTRUCTIONS, move || until.is_none_or(|until| Instant::now() < until));
        }
        self.connection.begin().await.map_err(driver)
    }

    async fn fetch(&mut self, (text, values): (String, Vec<&Key>)) -> Result<Vec<Row>> {
        let (id, high_water) = (self.id.clone(), self.high_water.clone());
        let mut transaction = self.begin().await?;
        let rows = fetch(&mut transaction, text, values).await?;
        transaction.commit().await.map_err(driver)?;
        rows.iter().map(|one| row(one, &id, high_water.as_deref())).collect()
    }

    fn table(&self) -> Result<(&Table, String)> {
        let table = self.table.as_ref().ok_or_else(|| Error::internal("rows were asked for before the columns"))?;
        Ok((table, format!("{}.*", table.row)))
    }
}

async fn fetch(transaction: &mut Transaction<'_, Sqlite>, text: String, values: Vec<&Key>) -> Result<Vec<SqliteRow>> {
    let mut query = sqlx::query(AssertSqlSafe(text)).persistent(false);
    for Key(kind, value) in values {
        let foreign = || Error::invalid_input("the cursor's key is no number");
        query = match kind.as_str() {
            "integer" => query.bind(value.parse::<i64>().map_err(|_| foreign())?),
            "real" => query.bind(value.parse::<f64>().map_err(|_| foreign())?),
            _ => query.bind(value.clone()),
        };
    }
    query.fetch_all(&mut **transaction).await.map_err(driver)
}

fn row(row: &SqliteRow, id: &str, high_water: Option<&str>) -> Result<Row> {
    let (mut object, mut failure, mut bytes) = (Map::new(), None, 0);
    for (index, column) in row.columns().iter().enumerate() {
        match value(row, index) {
            Ok(value) => {
                bytes += value.as_str().map_or(8, str::len) as u64;
                object.insert(column.name().to_owned(), value);
            }
            Err(error) => failure = failure.or_else(|| Some(error.with("column", column.name()))),
        }
    }
    let position = |name: &str| row.columns().iter().position(|column| column.name() == name);
    let key_at =
        |name: &str| position(name).map_or(Ok(None), |index| key(row, index).map_err(|error| error.with("column", name)));
    let mark = high_water.map_or(Ok(None), key_at)?;
    Ok(Row { id: key_at(id)?, mark, data: failure.map_or(Ok(Value::Object(object)), Err), bytes })
}

/// What is stored, as JSON.
fn value(row: &SqliteRow, index: usize) -> Result<Value> {
    Ok(match kind(row, index)?.as_str() {
        "NULL" => Value::Null,
        "INTEGER" => Value::from(row.try_get_unchecked::<i64, _>(index).map_err(driver)?),
        "REAL" => {
            let real: f64 = row.try_get_unchecked(index).map_err(driver)?;
            Number::from_f64(real)
                .map(Value::Number)
                .ok_or_else(|| Error::invalid_input("the value is infinite, as no number in JSON"))?
        }
        "TEXT" => Value::from(text(row, index)?),
        _ => return Err(Error::invalid_input("the value is a blob, which JSON cannot hold; write hex(column) in the query")),
    })
}

/// What is stored, as a key; none for NULL.
fn key(row: &SqliteRow, index: usize) -> Result<Option<Key>> {
    Ok(Some(match kind(row, index)?.as_str() {
        "NULL" => return Ok(None),
        "INTEGER" => Key("integer".to_owned(), row.try_get_unchecked::<i64, _>(index).map_err(driver)?.to_string()),
        // The shortest text that reads as the same number again.
        "REAL" => Key("real".to_owned(), format!("{:?}", row.try_get_unchecked::<f64, _>(index).map_err(driver)?)),
        "TEXT" => Key("text".to_owned(), text(row, index)?),
        _ => return Err(Error::invalid_input("rows cannot be read in the order of a blob; write hex(column) in the query")),
    }))
}

fn text(row: &SqliteRow, index: usize) -> Result<String> {
    row.try_get_unchecked(index).map_err(|_| Error::invalid_input("the text is not UTF-8"))
}

/// How a value is stored, whatever its column was declared as.
fn kind(row: &SqliteRow, index: usize) -> Result<String> {
    let value = row.try_get_raw(index).map_err(driver)?;
    Ok(if value.is_null() { "NULL".to_owned() } else { value.type_info().name().to_owned() })
}

#[async_trait]
impl Session for SqliteSession {
    async fn survey(&mut self) -> Result<Survey> {
        let (query, id, high_water) = (self.query.clone(), self.id.clone(), self.high_water.clone());
        let mut transaction = self.begin().await?;
        let described = fetch(&mut transaction, statement::columns_of(&query), Vec::new()).await?;
        let columns = described.first().map(|row| row.columns()).unwrap_or_default();
        let names: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
        let row = statement::row_name(names.iter().map(String::as_str));
        let column = |name: &str, what| -> Result<Column> {
            // A quoted name that is no column would be taken for a text.
            session::position(&names, name, what)?;
            // A collation may take different texts for equal, and a page's edge would hide one of them.
            let expression = format!("{row}.{} COLLATE BINARY", statement::quoted(name)?);
            Ok(Column { expression, cast: "", kind: String::new() })
        };
        let mark = high_water.as_deref().map(|name| column(name, "high-water")).transpose()?;
        let table = Table::new(&query, row.clone(), column(&id, "id")?, mark);
        let (mut highest, mut unmarked) = (None, false);
        if let Some(mark) = &table.mark {
            let found = fetch(&mut transaction, table.highest(&mark.expression)?, Vec::new()).await?;
            highest = found.first().map_or(Ok(None), |row| key(row, 0))?;
            unmarked = !fetch(&mut transaction, table.unmarked()?, Vec::new()).await?.is_empty();
        }
        transaction.commit().await.map_err(driver)?;
        // Columns have no type of their own here; each value has.
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
        let number = || Error::invalid_input("the cursor's mark is no number");
        let behind = match (kind.as_str(), overlap) {
            ("integer", Overlap::Number(by)) => {
                value.parse::<i64>().map_err(|_| number())?.saturating_sub(i64::from(by)).to_string()
            }
            ("real", Overlap::Number(by)) => format!("{:?}", value.parse::<f64>().map_err(|_| number())? - f64::from(by)),
            ("text", Overlap::Time(time)) => {
                // Whole seconds, in the spelling of the mark: a shorter text is less than its continuation, so that nothing is left out.
                let format = if value.as_bytes().get(10) == Some(&b'T') { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
                let by = format!("-{} seconds", time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)));
                let mut transaction = self.begin().await?;
                let query = sqlx::query_scalar("SELECT strftime($1, $2, $3)").persistent(false).bind(format).bind(value).bind(by);
                let behind: Option<String> = query.fetch_one(&mut *transaction).await.map_err(driver)?;
                transaction.commit().await.map_err(driver)?;
                behind.ok_or_else(|| session::no_overlap("a text that is no time", overlap))?
            }
            _ => return Err(session::no_overlap(kind, overlap)),
        };
        Ok(Key(kind.clone(), behind))
    }
}
