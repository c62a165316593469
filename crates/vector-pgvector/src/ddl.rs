//! Making and dropping indexes: administrative acts, which may need more rights than data does.

use crate::{
    extension::Extension,
    index::{Index, Layout},
    registry::{self, Entry},
    store::PgVector,
};
use mastra_core::{
    Error, FieldIndexKind, Result,
    vector::{IndexKind, IndexSpec},
};
use mastra_postgres::foundation::{driver_error, identifier, is_state, literal, range_columns};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

/// Runs statements made of constants, quoted names and literals.
pub(crate) async fn run(conn: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.map(drop)
}

/// The error of a statement that only some roles may run: the SQL with it, for one that may.
pub(crate) fn refused(error: sqlx::Error, script: &str) -> Error {
    if is_state(&error, "42501") {
        let message = "the role may not make, build or drop vector indexes; a privileged role can run the SQL given here";
        return Error::permission_denied(message).with("sql", script);
    }
    driver_error(error)
}

impl PgVector {
    /// As [`create_index`](mastra_core::vector::VectorStore::create_index), but without the graph: searches look at every point until
    /// [`PgVector::build_index`] was called. Building after a load is several times faster than writing into a graph.
    pub async fn create_index_unbuilt(&self, spec: &IndexSpec) -> Result<()> {
        self.make_index(spec, false).await
    }

    pub(crate) async fn make_index(&self, spec: &IndexSpec, build: bool) -> Result<()> {
        let extension = self.extension_or_make().await?;
        let name = format!("vectors_{}", Uuid::now_v7().simple());
        // Clusters are found among the points that there are: of none nothing can be said.
        let built = build && matches!(spec.kind, IndexKind::Hnsw { .. });
        let layout = Layout::own();
        let table = self.database.qualified(&name);
        let entry = Entry { spec, table_schema: self.database.schema(), table_name: &name, owned: true, built, layout: &layout };
        let registration = entry.insert(&self.database)?;
        let mut statements = vec![
            format!(
                "CREATE TABLE {table} (namespace text COLLATE \"C\" NOT NULL, id text COLLATE \"C\" NOT NULL, embedding {} NOT NULL, \
                 metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'), text text, tokens text, terms tsvector, \
                 PRIMARY KEY (namespace, id))",
                extension.column_type(spec.element, spec.dimension)
            ),
            format!("CREATE INDEX {} ON {table} USING gin (terms) WHERE terms IS NOT NULL", identifier(&format!("{name}_terms"))),
        ];
        if !spec.fields.is_empty() {
            let name = identifier(&format!("{name}_metadata"));
            statements.push(format!("CREATE INDEX {name} ON {table} USING gin (metadata jsonb_path_ops)"));
            statements.extend(ranges(spec, &table));
        }
        if built {
            let name = identifier(&format!("{name}_graph"));
            statements.push(neighbours(&extension, spec, &name, &table, "embedding", false)?);
        }
        let mut work = self.database.write().await?;
        run(work.conn()?, &registration).await.map_err(|error| match is_state(&error, "23505") {
            true => registry::taken(error, &spec.name),
            false => refused(error, &script(&statements, &registration, &table, None)),
        })?;
        let role: String = sqlx::query_scalar("SELECT current_user::text")
            .persistent(false)
            .fetch_one(work.conn()?)
            .await
            .map_err(driver_error)?;
        for statement in &statements {
            let failed = |error| refused(error, &script(&statements, &registration, &table, Some(&role)));
            run(work.conn()?, statement).await.map_err(failed)?;
        }
        work.finish().await
    }

    /// The extension, made where it is missing: a trusted one, which the database's owner may make.
    async fn extension_or_make(&self) -> Result<std::sync::Arc<Extension>> {
        let mut work = self.database.read().await?;
        match self.common.extension(work.conn()?).await {
            Err(error) if error.kind() == mastra_core::ErrorKind::SchemaMismatch => {}
            found => {
                work.finish().await?;
                return found;
            }
        }
        work.finish().await?;
        let sql = "CREATE EXTENSION IF NOT EXISTS vector";
        let mut work = self.database.write().await?;
        match run(work.conn()?, sql).await {
            Ok(()) => work.finish().await?,
            // Another session made it at the same moment.
            Err(error) if is_state(&error, "23505") || is_state(&error, "42710") => drop(work),
            // The server does not have its files: undefined_file, feature_not_supported.
            Err(error) if is_state(&error, "58P01") || is_state(&error, "0A000") => {
                return Err(Error::unsupported("the server does not have pgvector installed").with("sql", sql));
            }
            Err(error) => return Err(refused(error, sql)),
        }
        let mut work = self.database.read().await?;
        let found = self.common.extension(work.conn()?).await?;
        work.finish().await?;
        Ok(found)
    }

    pub(crate) async fn drop_index(&self, name: &str) -> Result<()> {
        let registry = registry::table(&self.database);
        let mut work = self.database.write().await?;
        let statement = format!("DELETE FROM {registry} WHERE name = $1 RETURNING table_schema, table_name, owned");
        let query = sqlx::query(AssertSqlSafe(statement)).persistent(false).bind(name);
        let gone = query.fetch_optional(work.conn()?).await.map_err(|error| refused(error, &unregister(&registry, name)))?;
        let Some(gone) = gone else {
            return Err(Error::not_found("there is no vector index of this name").with("index", name));
        };
        let text = |at: usize| gone.try_get::<String, _>(at).map_err(driver_error);
        if gone.try_get::<bool, _>(2).map_err(driver_error)? {
            let drop = format!("DROP TABLE IF EXISTS {}.{}", identifier(&text(0)?), identifier(&text(1)?));
            let script = format!("{drop}; {}", unregister(&registry, name));
            run(work.conn()?, &drop).await.map_err(|error| refused(error, &script))?;
        }
        work.finish().await?;
        self.common.known.forget(name);
        Ok(())
    }

    /// Removes every point. TRUNCATE is a right of its own: without it each row is deleted.
    pub(crate) async fn empty(&self, index: &Index) -> Result<()> {
        let mut work = self.database.write().await?;
        if index.owned {
            match run(work.conn()?, &format!("TRUNCATE {}", index.table())).await {
                Ok(()) => return work.finish().await,
                Err(error) if is_state(&error, "42501") => {}
                Err(error) => return Err(driver_error(error)),
            }
            drop(work);
            work = self.database.write().await?;
        }
        run(work.conn()?, &format!("DELETE FROM {} AS p WHERE {}", index.table(), index.is_point()))
            .await
            .map_err(driver_error)?;
        work.finish().await
    }
}

fn unregister(registry: &str, name: &str) -> String {
    format!("DELETE FROM {registry} WHERE name = {}", literal(name))
}

fn script(statements: &[String], registration: &str, table: &str, role: Option<&str>) -> String {
    let mut all: Vec<&str> = statements.iter().map(String::as_str).collect();
    let grant = role.map(|role| format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {}", identifier(role)));
    all.push(registration);
    all.extend(grant.as_deref());
    format!("BEGIN; {}; COMMIT", all.join("; "))
}

/// What serves ranges on the fields that hold one value; the inverted index serves equality alone.
fn ranges(spec: &IndexSpec, table: &str) -> impl Iterator<Item = String> {
    let fields = spec.fields.iter().filter(|field| field.kind == FieldIndexKind::Scalar);
    let columns = fields.filter_map(|field| range_columns("metadata", &field.path));
    columns.map(move |columns| format!("CREATE INDEX ON {table} ({columns})"))
}

/// `CREATE INDEX` of the graph or the clusters; `name` and `column` are quoted where they have to be.
pub(crate) fn neighbours(
    extension: &Extension,
    spec: &IndexSpec,
    name: &str,
    table: &str,
    column: &str,
    concurrently: bool,
) -> Result<String> {
    let class = extension.operator_class(spec.element, spec.metric)?;
    let concurrently = if concurrently { "CONCURRENTLY " } else { "" };
    match spec.kind {
        IndexKind::Hnsw { m, ef_construction } => Ok(format!(
            "CREATE INDEX {concurrently}{name} ON {table} USING hnsw ({column} {class}) WITH (m = {m}, ef_construction = {ef_construction})"
        )),
        IndexKind::IvfFlat { lists } => {
            Ok(format!("CREATE INDEX {concurrently}{name} ON {table} USING ivfflat ({column} {class}) WITH (lists = {lists})"))
        }
        _ => Err(Error::invalid_input("a flat index has nothing to build")),
    }
}
