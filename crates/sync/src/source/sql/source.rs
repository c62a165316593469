//! What a query on a database can be told.

use super::reader;
use crate::source::{Pages, Position, Source};
use mastra_core::{Error, Result};
use std::{fmt, time::Duration};

/// The rows of a query on a Postgres or SQLite database.
///
/// The query is the operator's own text, one `SELECT` (or `WITH … SELECT`, or `VALUES`) without placeholders. It is read in pages by key, as
///
/// ```sql
/// SELECT … FROM (the query) AS source WHERE (updated_at, id) > ($1, $2) ORDER BY updated_at, id LIMIT 501
/// ```
///
/// so that rows that come, go and change between pages neither hide nor double others; an index on these columns makes every page as cheap as
/// the first. Each page is a transaction of its own, read only. No connection is made before the first page is asked for.
///
/// # Rows
///
/// A row is a JSON object of its columns. On Postgres the server writes it (`row_to_json`), with all digits of a number, times in UTC. On SQLite
/// it is what is stored: integers, reals, texts and null; a row with a blob or an infinite real is [`Item::Failed`](crate::source::Item::Failed),
/// and `hex(column)` in the query makes it a text. The id is the text of the id column. Rows whose id is NULL, blank or no id by its length are
/// `Failed`, and so is every further row of an id; more than a page of rows without an id are an error.
///
/// # All rows, or those that changed
///
/// From the beginning all rows are read, in the order of their ids, since an id is what stays while a row changes. Without a
/// [high-water column](SqlSource::high_water) that is all there is: the cursor only continues a run that broke off. With one, the cursor of
/// the last page is the highest mark that stood there when the run began, and the run that goes on from it reads the rows from this mark on, in
/// the order of mark and id. The mark must not be NULL in any row, which is `InvalidInput` at the beginning of a run: write
/// `coalesce(updated_at, created_at) AS updated_at`.
///
/// **The trap of marks.** A row is stamped before its transaction commits. One that is stamped at 12:00:00 and commits at 12:00:05 appears
/// *behind* a run that has seen 12:00:03, and would be missed for good. [`SqlSource::overlap`] reads again what is that close to the mark, and
/// should be longer than the longest transaction that writes; what is as it was costs only the reading. Marks that are set by hand to times
/// long gone, and deleted rows, are found by a run from the beginning only.
///
/// A cursor holds the mark to the last digit (microseconds on Postgres). It begins anew where the query, its columns or their types have changed.
///
/// # Columns
///
/// On Postgres id and mark are of the types `smallint`, `integer`, `bigint`, `numeric`, `real`, `double precision`, `text`, `varchar`, `char`,
/// `name`, `uuid`, `date`, `timestamp`, `timestamptz` or `oid`; cast others in the query. A text under a nondeterministic collation, which takes
/// different ids for equal, needs `COLLATE "C"` there. On SQLite they are anything but blobs, compared as binary.
///
/// # Errors
///
/// `InvalidInput` for a malformed URL, a query that the database refuses, or columns that it lacks; `NotFound` for an absent SQLite file;
/// `PermissionDenied`, `Unavailable` and `Timeout` as the database says; `Unsupported` for a database whose feature was not compiled in. No
/// error holds the URL or data.
///
/// ```
/// use mastra_sync::source::sql::SqlSource;
/// use std::time::Duration;
///
/// let source = SqlSource::new("postgres://reader@db.example/crm", "SELECT id, name, updated_at FROM contacts", "id")?
///     .high_water("updated_at")
///     .overlap(Duration::from_secs(600))
///     .statement_timeout(Duration::from_secs(60));
/// # let _ = source;
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SqlSource {
    pub(super) url: String,
    pub(super) database: Database,
    pub(super) query: String,
    pub(super) id: String,
    pub(super) high_water: Option<String>,
    pub(super) overlap: Option<Overlap>,
    pub(super) page_rows: usize,
    pub(super) statement_timeout: Option<Duration>,
}

/// Which database a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    Postgres,
    Sqlite,
}

/// How far behind the mark reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// For marks that are times: `date`, `timestamp` and `timestamptz` on Postgres, ISO 8601 texts on SQLite.
    Time(Duration),
    /// For marks that are numbers: a version, a sequence, seconds since 1970.
    Number(u32),
}

impl From<Duration> for Overlap {
    fn from(time: Duration) -> Self {
        Self::Time(time)
    }
}

impl From<u32> for Overlap {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl SqlSource {
    /// The rows of `query` on the database at `url` (`postgres://…`, `sqlite://…`), by the id in the column `id`.
    ///
    /// `InvalidInput` where the URL is of neither, or the query or the column's name is blank.
    pub fn new(url: impl Into<String>, query: impl Into<String>, id: impl Into<String>) -> Result<Self> {
        let url = url.into();
        let database = match url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("postgres" | "postgresql") => Database::Postgres,
            Some("sqlite") => Database::Sqlite,
            _ => return Err(Error::invalid_input("the URL of the database must begin with postgres:// or sqlite://")),
        };
        let query = query.into();
        let query = query.trim().trim_end_matches(|last: char| last == ';' || last.is_whitespace()).to_owned();
        if query.is_empty() {
            return Err(Error::invalid_input("the query is blank"));
        }
        let source = Self {
            url,
            database,
            query,
            id: id.into(),
            high_water: None,
            overlap: None,
            page_rows: 500,
            statement_timeout: None,
        };
        Ok(source)
    }

    /// The column that says when a row changed last: a time, a version, a sequence. It grows with every change and is never NULL.
    #[must_use]
    pub fn high_water(mut self, column: impl Into<String>) -> Self {
        self.high_water = Some(column.into());
        self
    }

    /// How far behind the mark each run begins: a [`Duration`] for times, a `u32` for numbers. Nothing by default.
    #[must_use]
    pub fn overlap(mut self, overlap: impl Into<Overlap>) -> Self {
        self.overlap = Some(overlap.into());
        self
    }

    /// The most rows of a page; 500 by default. A page is held in memory: make it smaller where rows are large.
    #[must_use]
    pub fn page_rows(mut self, rows: usize) -> Self {
        self.page_rows = rows;
        self
    }

    /// How long a statement may run; as long as the server lets it by default. A longer one fails with `Timeout`.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }
}

impl Source for SqlSource {
    fn kind(&self) -> &'static str {
        match self.database {
            Database::Postgres => "postgres",
            Database::Sqlite => "sqlite",
        }
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        reader::pages(self, from.cursor)
    }
}

/// Without the URL, which can hold a password.
impl fmt::Debug for SqlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlSource")
            .field("database", &self.database)
            .field("query", &self.query)
            .field("id", &self.id)
            .field("high_water", &self.high_water)
            .field("overlap", &self.overlap)
            .field("page_rows", &self.page_rows)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}
