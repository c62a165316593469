//! Writing points.
//!
//! Rows are written and locked in order of their ids, so that writers of the same points wait for each other and never in a circle.

use crate::{index::Index, refusal::refusal, wire};
use mastra_core::{
    Error, Filter, Result,
    text::index_string,
    vector::{MetadataChange, NewPoint, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
};
use mastra_postgres::foundation::{Database, Line, Rows, Statement, compile, driver_error, identifier};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, types::Json};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Where the vector of a row comes from.
const EMBEDDING: &str = "i.embedding";
/// How many points travel in one statement, and how many bytes of vectors.
const BATCH: usize = 4_000;
const BATCH_BYTES: usize = 32 << 20;
/// How much is written before it is sent by `COPY`.
const CHUNK: usize = 1 << 18;
/// An array of words as the column that the inverted index is on.
const TERMS: &str =
    "CASE WHEN i.tokens IS NOT NULL THEN array_to_tsvector(string_to_array(translate(i.tokens, E'\\n', ' '), ' ')) END";

/// A point on its way, with its id and the words of its text.
struct Prepared<'p> {
    id: &'p str,
    point: &'p NewPoint,
    tokens: Option<String>,
}

/// Writes points, and removes those that `replace_where` names, in one transaction.
pub(crate) async fn upsert(
    database: &Database,
    index: &Index,
    scope: &Scope,
    points: &[NewPoint],
    options: &PointUpsertOptions,
) -> Result<PointUpsertReport> {
    index.spec.still_takes(None, options.model.as_deref())?;
    for point in points {
        index.spec.still_takes(Some(&point.vector), None)?;
        index.keeps_text(point.text.as_deref())?;
    }
    if !points.is_empty() {
        index.keeps(scope)?;
    }
    let id = |point: &NewPoint| point.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    let ids: Vec<String> = points.iter().map(id).collect();
    if points.is_empty() && options.replace_where.is_none() {
        return Ok(PointUpsertReport::new(ids, Some(0)));
    }
    let keeps_tokens = index.layout.tokens.is_some();
    let tokens = |point: &NewPoint| point.text.as_deref().filter(|_| keeps_tokens).map(index_string);
    let mut prepared: Vec<Prepared<'_>> =
        ids.iter().zip(points).map(|(id, point)| Prepared { id, point, tokens: tokens(point) }).collect();
    prepared.sort_by(|a, b| a.id.cmp(b.id));
    let mut work = database.write().await?;
    let mut line = work.line()?;
    let mut removed = 0;
    if let Some(filter) = &options.replace_where {
        one_at_a_time(line.conn(), database, index, scope, filter).await?;
        removed = remove(line.conn(), index, scope, &PointSelector::Filter(filter.clone()), &ids).await?;
    }
    let rest = load(&mut line, database, index, scope, prepared).await?;
    let most = (BATCH_BYTES / (index.spec.dimension * 4).max(1)).clamp(1, BATCH);
    for batch in rest.chunks(most) {
        merge(line.conn(), database, index, scope, batch).await?;
    }
    work.finish().await?;
    Ok(PointUpsertReport::new(ids, Some(removed)))
}

/// Makes calls that replace what the same filter matches wait for one another: a statement does not see what another transaction is
/// writing, so that both would leave their points behind.
async fn one_at_a_time(
    conn: &mut PgConnection,
    database: &Database,
    index: &Index,
    scope: &Scope,
    filter: &Filter,
) -> Result<()> {
    let mut statement = Statement::new("SELECT pg_advisory_xact_lock(".to_owned());
    let key = statement.bind(database.advisory_key(&format!("replace {} {:?} {filter:?}", index.table(), scope.namespace)));
    statement.push(&format!("{key}), {SORTS}"));
    statement.query(database.persistent())?.execute(conn).await.map(drop).map_err(driver_error)
}

/// Lets a transaction that writes sort again. Without that the server would find what a filter means in the order of the key, which it is
/// locked in, and so look at every point of the namespace, whatever index serves the filter.
const SORTS: &str = "set_config('enable_sort', 'on', true)";

async fn let_sort(conn: &mut PgConnection, selector: &PointSelector) -> Result<()> {
    if let PointSelector::Filter(_) = selector {
        let statement = Statement::new(format!("SELECT {SORTS}"));
        statement.query(false)?.execute(conn).await.map_err(driver_error)?;
    }
    Ok(())
}

/// The columns that are written, and what is written there from `i`.
fn assignments(index: &Index, scope: &Scope, statement: &mut Statement) -> Vec<(String, String)> {
    let layout = &index.layout;
    let mut all = Vec::new();
    if let Some(column) = &layout.namespace {
        all.push((identifier(column), statement.bind(scope.namespace.clone())));
    }
    all.push((identifier(&layout.id), "i.id".to_owned()));
    all.push((identifier(&layout.vector), EMBEDDING.to_owned()));
    all.push((identifier(&layout.metadata), "i.metadata::jsonb".to_owned()));
    let texts = [(&layout.text, "i.text"), (&layout.tokens, "i.tokens"), (&layout.terms, TERMS)];
    all.extend(texts.into_iter().filter_map(|(column, value)| Some((identifier(column.as_deref()?), value.to_owned()))));
    all
}

/// Writes a batch, sorted by id: what is there takes the place of what was there, where that differs.
async fn merge(conn: &mut PgConnection, database: &Database, index: &Index, scope: &Scope, batch: &[Prepared<'_>]) -> Result<()> {
    let mut statement = Statement::default();
    let columns = assignments(index, scope, &mut statement);
    let ids = statement.bind(batch.iter().map(|row| row.id).collect::<Vec<&str>>());
    let vectors = batch.iter().map(|row| row.point.vector.as_slice()).collect();
    let (vectors, embedding) = index.arguments(vectors, database.persistent(), &mut statement);
    let metadata = statement.bind(batch.iter().map(|row| row.point.metadata.to_string()).collect::<Vec<String>>());
    let texts = statement.bind(batch.iter().map(|row| row.point.text.as_deref()).collect::<Vec<Option<&str>>>());
    let tokens = statement.bind(batch.iter().map(|row| row.tokens.as_deref()).collect::<Vec<Option<&str>>>());
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<&str> =
        columns.iter().map(|(_, value)| if value == EMBEDDING { embedding.as_str() } else { value.as_str() }).collect();
    let layout = &index.layout;
    let keys: Vec<String> = layout.namespace.iter().chain([&layout.id]).map(|key| identifier(key)).collect();
    let set: Vec<String> = names
        .iter()
        .filter(|name| !keys.iter().any(|key| key == *name))
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let (vector, meta) = (identifier(&layout.vector), identifier(&layout.metadata));
    let text = layout.text.as_deref().map(identifier);
    let text = text.map_or_else(String::new, |text| format!("p.{text} IS DISTINCT FROM excluded.{text} OR "));
    statement.push(&format!(
        "INSERT INTO {} AS p ({}) SELECT {} FROM unnest({ids}, {vectors}, {metadata}, {texts}, {tokens}) \
         WITH ORDINALITY AS i (id, embedding, metadata, text, tokens, position) ON CONFLICT ({}) DO UPDATE SET {} \
         WHERE {text}p.{meta} IS DISTINCT FROM excluded.{meta} OR (p.{vector} {} excluded.{vector}) IS NOT TRUE",
        index.table(),
        names.join(", "),
        values.join(", "),
        keys.join(", "),
        set.join(", "),
        index.extension.equals(),
    ));
    statement.query(database.persistent())?.execute(conn).await.map(drop).map_err(|error| refusal(index, error))
}

/// Copies what is new, where it is much; gives back what is left to merge.
async fn load<'p>(
    line: &mut Line<'_>,
    database: &Database,
    index: &Index,
    scope: &Scope,
    points: Vec<Prepared<'p>>,
) -> Result<Vec<Prepared<'p>>> {
    // A table of somebody else's may have columns that COPY would have to know.
    if points.len() < BATCH || !index.owned {
        return Ok(points);
    }
    let mut statement = Statement::new(format!("SELECT {}::text FROM {} p", index.id(), index.table()));
    let namespace = index.in_namespace(scope, &mut statement);
    let ids = statement.bind(points.iter().map(|row| row.id).collect::<Vec<&str>>());
    statement.push(&format!(" WHERE {namespace} AND {} = ANY({ids})", index.id()));
    let rows = statement.fetch_all(line.conn(), database.persistent()).await?;
    let there: HashSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(driver_error)?;
    let (old, new): (Vec<_>, Vec<_>) = points.into_iter().partition(|row| there.contains(row.id));
    if new.len() < BATCH {
        let mut all = old;
        all.extend(new);
        all.sort_by(|a, b| a.id.cmp(b.id));
        return Ok(all);
    }
    run(line.conn(), "SAVEPOINT mastra_load").await?;
    match copy(line, index, scope, &new).await {
        Ok(()) => {
            run(line.conn(), "RELEASE SAVEPOINT mastra_load").await?;
            Ok(old)
        }
        // Another writer stores one of the same points at this moment, which COPY cannot resolve.
        Err(error) if error.get("sqlstate") == Some("23505") => {
            run(line.conn(), "ROLLBACK TO SAVEPOINT mastra_load; RELEASE SAVEPOINT mastra_load").await?;
            let mut all = old;
            all.extend(new);
            all.sort_by(|a, b| a.id.cmp(b.id));
            Ok(all)
        }
        Err(error) => Err(error),
    }
}

async fn run(conn: &mut PgConnection, statement: &'static str) -> Result<()> {
    sqlx::raw_sql(statement).execute(conn).await.map(drop).map_err(driver_error)
}

/// Copies points into a table of our own.
async fn copy(line: &mut Line<'_>, index: &Index, scope: &Scope, points: &[Prepared<'_>]) -> Result<()> {
    let statement =
        format!("COPY {} (namespace, id, embedding, metadata, text, tokens, terms) FROM STDIN (FORMAT binary)", index.table());
    let mut copy = line.copy_in(&statement).await?;
    let mut stream = Rows::begin(CHUNK + (CHUNK >> 2));
    for row in points {
        stream.row(7);
        stream.text(Some(&scope.namespace))?;
        stream.text(Some(row.id))?;
        stream.field(|out| wire::write(row.point.vector.as_slice(), index.spec.element, out))?;
        stream.jsonb(&row.point.metadata)?;
        stream.text(row.point.text.as_deref())?;
        stream.text(row.tokens.as_deref())?;
        match &row.tokens {
            Some(tokens) => stream.field(|out| terms(tokens, out))?,
            None => stream.text(None)?,
        }
        if stream.written() >= CHUNK {
            copy.send(stream.bytes()).await?;
            stream.sent();
        }
    }
    stream.end();
    copy.send(stream.bytes()).await?;
    copy.finish().await.map(drop)
}

/// Words as a `tsvector` without positions: their number, then each with a zero byte and the number of its positions, in order of
/// their bytes (`tsvectorrecv`).
fn terms(tokens: &str, out: &mut Vec<u8>) {
    let words: BTreeSet<&str> = tokens.split([' ', '\n']).filter(|word| !word.is_empty()).collect();
    out.extend_from_slice(&u32::try_from(words.len()).unwrap_or(u32::MAX).to_be_bytes());
    for word in words {
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(&[0, 0, 0]);
    }
}

/// The points to change or remove: exactly those that the selector means, locked.
enum Chosen {
    /// What a condition says.
    Condition(String),
    /// These ids.
    Ids(Vec<String>),
}

async fn choose(
    conn: &mut PgConnection,
    index: &Index,
    scope: &Scope,
    filter: &Filter,
    statement: &mut Statement,
) -> Result<Chosen> {
    let compiled = compile(filter);
    if compiled.exact {
        return Ok(Chosen::Condition(index.matching(scope, &compiled, statement)));
    }
    // What core has to finish is locked before it is looked at, so that it stays what it was seen to be.
    let mut look = Statement::new(format!("SELECT {}::text, {} FROM {} p", index.id(), index.metadata(), index.table()));
    let matching = index.matching(scope, &compiled, &mut look);
    look.push(&format!(" WHERE {matching} ORDER BY {} FOR UPDATE", index.id_in_order()));
    let matcher = filter.clone().matcher();
    let mut ids = Vec::new();
    for row in look.fetch_all(conn, false).await? {
        if matcher.matches(&row.try_get::<Json<Value>, _>(1).map_err(driver_error)?.0) {
            ids.push(row.try_get(0).map_err(driver_error)?);
        }
    }
    Ok(Chosen::Ids(ids))
}

/// `WITH chosen AS (…)`: the ids of the points, locked in their order.
async fn chosen(
    conn: &mut PgConnection,
    index: &Index,
    scope: &Scope,
    selector: &PointSelector,
    but: &[String],
    statement: &mut Statement,
) -> Result<()> {
    let by_ids = |ids: Vec<String>, statement: &mut Statement| {
        let namespace = index.in_namespace(scope, statement);
        format!("{namespace} AND {} = ANY({})", index.id(), statement.bind(ids))
    };
    let mut condition = match selector {
        PointSelector::Ids(ids) => by_ids(ids.clone(), statement),
        PointSelector::Filter(filter) => match choose(conn, index, scope, filter, statement).await? {
            Chosen::Condition(condition) => condition,
            Chosen::Ids(ids) => by_ids(ids, statement),
        },
        _ => return Err(Error::unsupported("this store does not offer such a selection")),
    };
    if !but.is_empty() {
        let but = statement.bind(but.to_vec());
        // Of a list in brackets the server makes a table to look up in: https://www.postgresql.org/docs/current/functions-subquery.html
        condition.push_str(&format!(" AND NOT {} = ANY({but})", index.id()));
    }
    statement.push(&format!(
        "WITH chosen AS MATERIALIZED (SELECT {} AS id FROM {} p WHERE {condition} ORDER BY {} FOR UPDATE) ",
        index.id(),
        index.table(),
        index.id_in_order()
    ));
    Ok(())
}

/// Removes points, but for those of some ids; how many.
async fn remove(conn: &mut PgConnection, index: &Index, scope: &Scope, selector: &PointSelector, but: &[String]) -> Result<u64> {
    let mut statement = Statement::default();
    chosen(conn, index, scope, selector, but, &mut statement).await?;
    let namespace = index.in_namespace(scope, &mut statement);
    statement.push(&format!("DELETE FROM {} AS p USING chosen WHERE {namespace} AND {} = chosen.id", index.table(), index.id()));
    Ok(statement.query(false)?.execute(conn).await.map_err(driver_error)?.rows_affected())
}

/// Removes points; how many.
pub(crate) async fn delete(database: &Database, index: &Index, scope: &Scope, selector: &PointSelector) -> Result<u64> {
    let mut work = database.write().await?;
    let_sort(work.conn()?, selector).await?;
    let removed = remove(work.conn()?, index, scope, selector, &[]).await?;
    work.finish().await?;
    Ok(removed)
}

/// Removes every point of a namespace; how many.
pub(crate) async fn delete_all(database: &Database, index: &Index, scope: &Scope) -> Result<u64> {
    let mut work = database.write().await?;
    let mut statement = Statement::default();
    let namespace = index.in_namespace(scope, &mut statement);
    statement.push(&format!(
        "WITH chosen AS MATERIALIZED (SELECT {0} AS id FROM {1} p WHERE {namespace} ORDER BY {2} FOR UPDATE) \
         DELETE FROM {1} AS p USING chosen WHERE {namespace} AND {0} = chosen.id",
        index.id(),
        index.table(),
        index.id_in_order()
    ));
    let removed = statement.query(false)?.execute(work.conn()?).await.map_err(driver_error)?.rows_affected();
    work.finish().await?;
    Ok(removed)
}

/// Changes points; how many.
pub(crate) async fn update(
    database: &Database,
    index: &Index,
    scope: &Scope,
    selector: &PointSelector,
    update: &PointUpdate,
) -> Result<u64> {
    index.spec.still_takes(update.vector.as_ref(), update.model.as_deref())?;
    index.keeps_text(update.text.as_ref().and_then(Option::as_deref))?;
    let mut work = database.write().await?;
    let_sort(work.conn()?, selector).await?;
    let mut statement = Statement::default();
    chosen(work.conn()?, index, scope, selector, &[], &mut statement).await?;
    let set = changes(index, update, &mut statement)?;
    if set.is_empty() {
        statement.push("SELECT count(*) FROM chosen");
        let row = statement.query(false)?.fetch_one(work.conn()?).await.map_err(driver_error)?;
        work.finish().await?;
        return Ok(u64::try_from(row.try_get::<i64, _>(0).map_err(driver_error)?).unwrap_or_default());
    }
    let namespace = index.in_namespace(scope, &mut statement);
    statement.push(&format!(
        "UPDATE {} AS p SET {} FROM chosen WHERE {namespace} AND {} = chosen.id",
        index.table(),
        set.join(", "),
        index.id()
    ));
    let result = statement.query(false)?.execute(work.conn()?).await;
    let changed = result.map_err(|error| refusal(index, error))?.rows_affected();
    work.finish().await?;
    Ok(changed)
}

fn changes(index: &Index, update: &PointUpdate, statement: &mut Statement) -> Result<Vec<String>> {
    let layout = &index.layout;
    let mut set = Vec::new();
    if let Some(vector) = &update.vector {
        let vector = index.argument(vector.as_slice(), false, statement);
        set.push(format!("{} = {vector}", identifier(&layout.vector)));
    }
    if let Some(change) = &update.metadata {
        let value = statement.bind(Json(change.value()));
        let column = identifier(&layout.metadata);
        set.push(match change {
            // Others may have stored something else than an object, which there is nothing to merge into.
            MetadataChange::Merge(_) if !index.owned => {
                format!(
                    "{column} = CASE WHEN jsonb_typeof({0}) = 'object' THEN {0} || {value} ELSE {value} END",
                    index.metadata()
                )
            }
            MetadataChange::Merge(_) => format!("{column} = {} || {value}", index.metadata()),
            MetadataChange::Replace(_) => format!("{column} = {value}"),
            _ => return Err(Error::unsupported("this store does not offer such a change of metadata")),
        });
    }
    if let (Some(text), Some(column)) = (&update.text, &layout.text) {
        let words = statement.bind(text.as_deref().map(index_string));
        let text = statement.bind(text.clone());
        set.push(format!("{} = {text}", identifier(column)));
        if let Some(column) = &layout.tokens {
            set.push(format!("{} = {words}", identifier(column)));
        }
        if let Some(column) = &layout.terms {
            let terms = TERMS.replace("i.tokens", &format!("{words}::text"));
            set.push(format!("{} = {terms}", identifier(column)));
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_once_and_in_order() {
        let mut out = Vec::new();
        terms("b a\nb", &mut out);
        assert_eq!(out, [0, 0, 0, 2, b'a', 0, 0, 0, b'b', 0, 0, 0]);
    }
}
