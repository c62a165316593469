//! Serving a table that is there already.

use crate::{
    ddl::{refused, run},
    extension::operator_class_name,
    index::Layout,
    registry::{self, Entry},
    store::PgVector,
};
use mastra_core::{
    Error, Result, validate,
    vector::{Element, IndexKind, IndexSpec, Metric, Provenance},
};
use mastra_postgres::foundation::{driver_error, identifier, is_state};
use sqlx::{PgConnection, Row as _};
use std::collections::HashMap;

/// Which columns of an adopted table hold what.
///
/// ```
/// use mastra_pgvector::Columns;
///
/// // As @mastra/pg makes its tables.
/// let columns = Columns::new("vector_id", "embedding", "metadata").namespace("namespace");
/// assert_eq!(columns.id, "vector_id");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Columns {
    /// The id: `text` or `varchar`, unique, or unique together with the namespace. Ids longer than a `varchar(n)` takes are refused.
    pub id: String,
    /// The vector: `vector(n)` or `halfvec(n)`.
    pub vector: String,
    /// The metadata: `jsonb`, with objects. NULL reads as an empty one; merged into something else, metadata take its place.
    pub metadata: String,
    /// The namespace: `text`, not null. Without it there is the default namespace alone.
    pub namespace: Option<String>,
    /// The text: `text`. Without it points have none.
    pub text: Option<String>,
}

impl Columns {
    /// The columns that each table has to have.
    pub fn new(id: impl Into<String>, vector: impl Into<String>, metadata: impl Into<String>) -> Self {
        Self { id: id.into(), vector: vector.into(), metadata: metadata.into(), namespace: None, text: None }
    }

    /// The column of the namespace.
    #[must_use]
    pub fn namespace(mut self, column: impl Into<String>) -> Self {
        self.namespace = Some(column.into());
        self
    }

    /// The column of the text.
    #[must_use]
    pub fn text(mut self, column: impl Into<String>) -> Self {
        self.text = Some(column.into());
        self
    }
}

/// How a table is adopted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Adoption {
    /// The name of the index; the table's by default.
    pub name: Option<String>,
    /// The table's schema; `public` by default.
    pub schema: String,
    /// How nearness is measured. Nothing in a table says it.
    pub metric: Metric,
    /// What made the vectors.
    pub provenance: Option<Provenance>,
}

impl Adoption {
    /// A table of the schema `public`, measured so.
    pub fn new(metric: Metric) -> Self {
        Self { name: None, schema: "public".to_owned(), metric, provenance: None }
    }

    /// Another name of the index.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Another schema.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// What made the vectors.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Some(provenance);
        self
    }
}

/// A column as the catalog has it.
struct Found {
    type_name: String,
    dimension: i32,
    not_null: bool,
}

impl PgVector {
    /// Serves an existing table as an index, for reading and writing: it is written down in the registry, and nothing of the table
    /// changes. Deleting the index forgets the table and leaves it as it is.
    ///
    /// An index on the vectors is used where it measures as the table is said to. Other columns of the table need defaults. Rows whose
    /// vector or id is NULL are no points: nothing finds, counts or removes them.
    ///
    /// Errors: `NotFound` where there is no such table, `InvalidInput` where a column is missing, of another type, or no unique index
    /// covers the id but one that is DEFERRABLE, and for a name of an index that other stores would not take; `AlreadyExists` where there
    /// is an index of the name.
    ///
    /// ```no_run
    /// use mastra_core::vector::Metric;
    /// use mastra_pgvector::{Adoption, Columns, PgVector};
    ///
    /// # async fn example() -> mastra_core::Result<()> {
    /// let store = PgVector::connect("postgres://app@localhost/app").await?;
    /// let columns = Columns::new("vector_id", "embedding", "metadata");
    /// store.inner().adopt("documents", &columns, &Adoption::new(Metric::Cosine)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn adopt(&self, table: &str, columns: &Columns, adoption: &Adoption) -> Result<()> {
        self.write_down(table, columns, adoption).await.map_err(|error| error.with("table", table).with_operation("adopt"))
    }

    async fn write_down(&self, table: &str, columns: &Columns, adoption: &Adoption) -> Result<()> {
        let names = [Some(table), Some(&adoption.schema), adoption.name.as_deref(), Some(&columns.id), Some(&columns.vector)];
        let more = [Some(columns.metadata.as_str()), columns.namespace.as_deref(), columns.text.as_deref()];
        if names.into_iter().chain(more).flatten().any(|name| name.trim().is_empty() || name.contains('\0')) {
            return Err(Error::invalid_input("a name is blank or holds the character U+0000"));
        }
        validate::name("index name", adoption.name.as_deref().unwrap_or(table))?;
        let qualified = format!("{}.{}", identifier(&adoption.schema), identifier(table));
        let mut work = self.database.write().await?;
        let conn = work.conn()?;
        self.common.extension(conn).await?;
        let found = catalog(conn, &qualified).await?;
        let vector = column(&found, &columns.vector, &["vector", "halfvec"])?;
        let element = if vector.type_name == "halfvec" { Element::F16 } else { Element::F32 };
        let dimension = usize::try_from(vector.dimension).ok().filter(|dimension| *dimension > 0).ok_or_else(|| {
            Error::invalid_input("the column of vectors has no dimension: make it vector(n)").with("column", &columns.vector)
        })?;
        column(&found, &columns.id, &["text", "varchar"])?;
        let metadata = column(&found, &columns.metadata, &["jsonb"])?;
        if let Some(name) = &columns.namespace
            && !column(&found, name, &["text", "varchar"])?.not_null
        {
            return Err(Error::invalid_input("the column of the namespace may be NULL: make it NOT NULL, by '' for none")
                .with("column", name));
        }
        if let Some(name) = &columns.text {
            column(&found, name, &["text", "varchar"])?;
        }
        let keys: Vec<&str> = columns.namespace.iter().chain([&columns.id]).map(String::as_str).collect();
        let list = keys.iter().map(|key| identifier(key)).collect::<Vec<_>>().join(", ");
        match keys_of(conn, &qualified, &keys).await? {
            Keys::Immediate => {}
            Keys::Deferrable(name) => {
                let message =
                    "a unique index on the ids is DEFERRABLE, so that points cannot be written over: put another in its place";
                let sql = format!(
                    "ALTER TABLE {qualified} DROP CONSTRAINT {}; CREATE UNIQUE INDEX ON {qualified} ({list})",
                    identifier(&name)
                );
                return Err(Error::invalid_input(message).with("sql", sql));
            }
            Keys::None => {
                return Err(Error::invalid_input("no unique index keeps the ids of the table apart, within their namespaces")
                    .with("sql", format!("CREATE UNIQUE INDEX ON {qualified} ({list})")));
            }
        }
        let kind = neighbours_of(conn, &qualified, &columns.vector, element, adoption.metric).await?;
        let mut spec = IndexSpec::new(adoption.name.as_deref().unwrap_or(table), dimension)
            .metric(adoption.metric)
            .element(element)
            .kind(kind);
        spec.provenance.clone_from(&adoption.provenance);
        let layout = Layout {
            id: columns.id.clone(),
            vector: columns.vector.clone(),
            metadata: columns.metadata.clone(),
            namespace: columns.namespace.clone(),
            text: columns.text.clone(),
            tokens: None,
            terms: None,
            ranges: false,
            nullable_metadata: !metadata.not_null,
        };
        let entry = Entry {
            spec: &spec,
            table_schema: &adoption.schema,
            table_name: table,
            owned: false,
            built: kind != IndexKind::Flat,
            layout: &layout,
        };
        let insert = entry.insert(&self.database)?;
        run(work.conn()?, &insert).await.map_err(|error| match is_state(&error, "23505") {
            true => registry::taken(error, &spec.name),
            false => refused(error, &insert),
        })?;
        work.finish().await
    }
}

/// The columns of a table, by name.
async fn catalog(conn: &mut PgConnection, table: &str) -> Result<HashMap<String, Found>> {
    let rows = sqlx::query(
        "SELECT a.attname::text, t.typname::text, a.atttypmod, a.attnotnull FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped",
    )
    .persistent(false)
    .bind(table)
    .fetch_all(conn)
    .await
    .map_err(driver_error)?;
    if rows.is_empty() {
        return Err(Error::not_found("there is no such table"));
    }
    let read = |row: &sqlx::postgres::PgRow| {
        Ok((row.try_get(0)?, Found { type_name: row.try_get(1)?, dimension: row.try_get(2)?, not_null: row.try_get(3)? }))
    };
    rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(driver_error)
}

fn column<'f>(found: &'f HashMap<String, Found>, name: &str, types: &[&str]) -> Result<&'f Found> {
    let column = found.get(name).ok_or_else(|| Error::invalid_input("the table has no such column").with("column", name))?;
    if types.contains(&column.type_name.as_str()) {
        return Ok(column);
    }
    Err(Error::invalid_input(format!("the column is not of the type {}", types.join(" or ")))
        .with("column", name)
        .with("type", &column.type_name))
}

/// What keeps ids apart.
enum Keys {
    Immediate,
    /// An index of this name, which is checked at the end of a transaction perhaps: `ON CONFLICT` takes none, even beside another.
    Deferrable(String),
    None,
}

/// The unique indexes without a condition that cover exactly these columns.
async fn keys_of(conn: &mut PgConnection, table: &str, columns: &[&str]) -> Result<Keys> {
    let found: Option<(bool, String)> = sqlx::query_as(
        "SELECT i.indimmediate, n.relname::text FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid \
         WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid \
         AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality($2::text[]) \
         AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE \"C\") FROM pg_attribute a WHERE a.attrelid = i.indrelid \
         AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])) \
         = (SELECT array_agg(c ORDER BY c COLLATE \"C\") FROM unnest($2::text[]) c) ORDER BY i.indimmediate LIMIT 1",
    )
    .persistent(false)
    .bind(table)
    .bind(columns)
    .fetch_optional(conn)
    .await
    .map_err(driver_error)?;
    Ok(match found {
        Some((true, _)) => Keys::Immediate,
        Some((false, name)) => Keys::Deferrable(name),
        None => Keys::None,
    })
}

/// What kind of index on the vectors measures as the table is said to; flat where none does.
async fn neighbours_of(
    conn: &mut PgConnection,
    table: &str,
    column: &str,
    element: Element,
    metric: Metric,
) -> Result<IndexKind> {
    let class = operator_class_name(element, metric)?;
    let row = sqlx::query(
        "SELECT m.amname::text, coalesce(array_to_string(c.reloptions, ','), '') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_am m ON m.oid = c.relam JOIN pg_opclass o ON o.oid = i.indclass[0] \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
         WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND i.indpred IS NULL AND a.attname = $2 AND o.opcname = $3 \
         AND m.amname IN ('hnsw', 'ivfflat') ORDER BY m.amname LIMIT 1",
    )
    .persistent(false)
    .bind(table)
    .bind(column)
    .bind(class)
    .fetch_optional(conn)
    .await
    .map_err(driver_error)?;
    let Some(row) = row else { return Ok(IndexKind::Flat) };
    let method: String = row.try_get(0).map_err(driver_error)?;
    let options: String = row.try_get(1).map_err(driver_error)?;
    let option = |name: &str, usual: u32| {
        let mut all = options.split(',').filter_map(|option| option.split_once('='));
        all.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(usual)
    };
    Ok(match method.as_str() {
        "hnsw" => IndexKind::Hnsw { m: option("m", 16), ef_construction: option("ef_construction", 64) },
        _ => IndexKind::IvfFlat { lists: option("lists", 100) },
    })
}
