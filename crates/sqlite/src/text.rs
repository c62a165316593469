//! Full-text search.

use crate::{
    args::Args,
    entities::{self, Known},
    error::Mapped as _,
    fields::{Beside, RECORDS},
    records, row, scope,
};
use futures::TryStreamExt as _;
use mastra_core::{
    Entity, Error, Path, RecordId, Result, TextHit, TextResults, TextSearch,
    text::{Ranking, TextQuery, index_text, snippet},
};
use sqlx::SqliteConnection;

/// How many records are indexed at a time.
const PIECE: i64 = 500;

/// Declares the fields, and indexes the live records that are there.
pub(crate) async fn declare(connection: &mut SqliteConnection, mut known: Known, fields: &[Path]) -> Result<Entity> {
    if known.entity.text_fields == fields {
        return Ok(known.entity);
    }
    entities::set_text_fields(connection, &mut known, fields).await?;
    let sql = "DELETE FROM record_text WHERE rowid IN (SELECT key FROM records WHERE entity = ?1)";
    sqlx::query(sql).bind(known.key).execute(&mut *connection).await.mapped()?;
    let mut after: Option<Vec<u8>> = None;
    while !fields.is_empty() {
        let sql = "SELECT key, id, data FROM records WHERE entity = ?1 AND deleted_at IS NULL AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3";
        let rows = sqlx::query(sql).bind(known.key).bind(&after).bind(PIECE).fetch_all(&mut *connection).await.mapped()?;
        let Some(last) = rows.last() else { break };
        after = Some(row::get(last, 1)?);
        let mut beside = Beside::default();
        for row in &rows {
            beside.add(row::get(row, 0)?, true, Some(index_text(&row::json(row, 2)?, fields)), Vec::new());
        }
        beside.write(connection, RECORDS, &scope(known.key), known.has_lists()).await?;
    }
    Ok(known.entity)
}

/// Searches.
pub(crate) async fn search(connection: &mut SqliteConnection, known: &Known, search: &TextSearch) -> Result<TextResults> {
    let fields = &known.entity.text_fields;
    if fields.is_empty() {
        return Err(Error::invalid_input(
            "no text index is declared for this entity; declare_text_index says which fields it covers",
        ));
    }
    let query = TextQuery::parse(&search.query)?;
    let matcher = (!search.filter.is_trivially_true()).then(|| search.filter.clone().matcher());
    let mut args = Args::default();
    let candidates = args.bind(candidates(&scope(known.key), &query));
    let data = if matcher.is_some() { "r.data" } else { "NULL" };
    let sql = format!(
        "SELECT r.id, t.body, {data} FROM record_text t CROSS JOIN records r ON r.key = t.rowid WHERE record_text MATCH {candidates} AND r.entity = {}",
        known.key
    );
    let mut ranking = Ranking::new(search.limit, search.offset);
    {
        let mut rows = records::rows(connection, sql, args.finish()?);
        while let Some(row) = rows.try_next().await? {
            let Some(score) = query.score(row::get(&row, 1)?) else { continue };
            if matcher.as_ref().map_or(Ok(true), |matcher| row::json(&row, 2).map(|data| matcher.matches(&data)))? {
                ranking.push(RecordId::from(row::uuid(&row, 0)?), score);
            }
        }
    }
    let total = ranking.total();
    let best = ranking.finish();
    let ids: Vec<RecordId> = best.iter().map(|(id, _)| *id).collect();
    let found = records::by_ids(connection, known, &ids).await?;
    let hits = found.into_iter().zip(best).map(|(record, (_, score))| {
        let snippet = snippet(&record.data, fields, &query);
        TextHit { record, score, snippet }
    });
    Ok(TextResults { hits: hits.collect(), total })
}

/// The candidates of a scope in FTS5's query language: every token of every clause, each quoted, so that none is an operator.
/// <https://www.sqlite.org/fts5.html#full_text_query_syntax>
pub(crate) fn candidates(scope: &str, query: &TextQuery) -> String {
    let mut all = vec![format!("scope : \"{scope}\"")];
    for clause in query.clauses() {
        let last = clause.tokens.len().saturating_sub(1);
        for (position, token) in clause.tokens.iter().enumerate() {
            let star = if clause.prefix && position == last { " *" } else { "" };
            all.push(format!("body : \"{}\"{star}", token.replace('"', "\"\"")));
        }
    }
    all.join(" AND ")
}
