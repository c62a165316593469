//! The text index: declaring it, keeping it, searching it.

use crate::{entities, error::driver, lookup, rows::ENTITY_COLUMNS, store::Shared};
use futures::TryStreamExt as _;
use mastra_core::{
    Entity, EntityId, EntityRef, Error, Path, RecordId, Result, TextHit, TextResults, TextSearch,
    text::{Ranking, TextQuery, index_text, snippet},
};
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

/// How many records a declaration indexes in one statement.
const BACKFILL: i64 = 1_000;

/// Stores the text of records, or what changed of it.
pub(crate) async fn store(conn: &mut PgConnection, shared: &Shared, entity: EntityId, texts: &[(Uuid, String)]) -> Result<()> {
    let statement = format!(
        "INSERT INTO {} AS t (record_id, entity_id, tokens, terms) \
         SELECT i.id, $1, i.tokens, array_to_tsvector(string_to_array(translate(i.tokens, E'\\n', ' '), ' ')) \
         FROM unnest($2::uuid[], $3::text[]) AS i (id, tokens) ORDER BY i.id \
         ON CONFLICT (record_id) DO UPDATE SET tokens = excluded.tokens, terms = excluded.terms \
         WHERE t.tokens IS DISTINCT FROM excluded.tokens",
        shared.schema.record_texts
    );
    shared
        .query(&statement)
        .bind(entity.as_uuid())
        .bind(texts.iter().map(|(id, _)| *id).collect::<Vec<Uuid>>())
        .bind(texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<&str>>())
        .execute(conn)
        .await
        .map(drop)
        .map_err(driver)
}

/// Declares which fields are searched, and indexes the records that are there.
///
/// The lock on the entity's row waits for every transaction that has written records of it, and holds off those that come
/// later until they read the new declaration; see the insertion of records.
pub(crate) async fn declare(conn: &mut PgConnection, shared: &Shared, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
    let id = entities::resolve(conn, shared, entity).await?.id;
    let lock = format!("SELECT e.text_fields FROM {} e WHERE e.id = $1 FOR UPDATE", shared.schema.entities);
    let locked = shared.query(&lock).bind(id.as_uuid()).fetch_optional(&mut *conn).await.map_err(driver)?;
    let before: Vec<String> =
        locked.ok_or_else(|| Error::not_found("the entity was deleted at the same time"))?.try_get(0).map_err(driver)?;
    let wanted: Vec<String> = fields.iter().map(Path::to_string).collect();
    if before == wanted {
        return entities::resolve(conn, shared, &EntityRef::Id(id)).await;
    }
    let statement = format!(
        "UPDATE {} AS e SET text_fields = $2, updated_at = greatest(statement_timestamp(), e.updated_at + interval '1 microsecond') \
         WHERE e.id = $1 RETURNING {ENTITY_COLUMNS}",
        shared.schema.entities
    );
    let updated = shared.query(&statement).bind(id.as_uuid()).bind(&wanted).fetch_one(&mut *conn).await.map_err(driver)?;
    let clear = format!("DELETE FROM {} WHERE entity_id = $1", shared.schema.record_texts);
    shared.query(&clear).bind(id.as_uuid()).execute(&mut *conn).await.map_err(driver)?;
    if !fields.is_empty() {
        backfill(conn, shared, id, fields).await?;
    }
    crate::rows::entity(&updated)
}

async fn backfill(conn: &mut PgConnection, shared: &Shared, entity: EntityId, fields: &[Path]) -> Result<()> {
    let statement = format!(
        "SELECT r.id, r.data FROM {} r WHERE r.entity_id = $1 AND r.id > $2 AND r.deleted_at IS NULL ORDER BY r.id LIMIT {BACKFILL}",
        shared.schema.records
    );
    let mut after = Uuid::nil();
    loop {
        let rows = shared.query(&statement).bind(entity.as_uuid()).bind(after).fetch_all(&mut *conn).await.map_err(driver)?;
        let texts = rows.iter().map(|row| indexed(row, fields)).collect::<sqlx::Result<Vec<_>>>().map_err(driver)?;
        let Some((last, _)) = texts.last() else { return Ok(()) };
        after = *last;
        store(conn, shared, entity, &texts).await?;
    }
}

fn indexed(row: &PgRow, fields: &[Path]) -> sqlx::Result<(Uuid, String)> {
    let data: Json<serde_json::Value> = row.try_get(1)?;
    Ok((row.try_get(0)?, index_text(&data, fields)))
}

/// Searches the declared fields: the inverted index finds candidates, core decides and ranks them.
pub(crate) async fn search(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &EntityRef,
    search: &TextSearch,
) -> Result<TextResults> {
    let entity = entities::resolve(conn, shared, entity).await?;
    if entity.text_fields.is_empty() {
        return Err(Error::invalid_input("no text fields are declared for this entity; declare_text_index does")
            .with("entity", entity.id));
    }
    let query = TextQuery::parse(&search.query)?;
    let ranking = rank(conn, shared, &entity, &query, search).await?;
    let total = ranking.total();
    let ranked = ranking.finish();
    let ids: Vec<RecordId> = ranked.iter().map(|(id, _)| *id).collect();
    let mut records = lookup::by_ids(conn, shared, &ids).await?;
    let hits = ranked.into_iter().filter_map(|(id, score)| {
        let record = records.remove(&id)?;
        let snippet = snippet(&record.data, &entity.text_fields, &query);
        Some(TextHit { record, score, snippet })
    });
    Ok(TextResults { hits: hits.collect(), total })
}

async fn rank(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    query: &TextQuery,
    search: &TextSearch,
) -> Result<Ranking> {
    let (texts, records) = (&shared.schema.record_texts, &shared.schema.records);
    let filtered = !search.filter.is_trivially_true();
    let (data, join) =
        if filtered { (", r.data", format!(" JOIN {records} r ON r.id = t.record_id")) } else { ("", String::new()) };
    let statement = format!(
        "SELECT t.record_id, t.tokens{data} FROM {texts} t{join} WHERE t.entity_id = $1 AND t.terms @@ $2::text::tsquery"
    );
    // Not kept prepared: which index serves best depends on the words.
    let statement = shared.query(&statement).persistent(false).bind(entity.id.as_uuid()).bind(candidates(query));
    let matcher = search.filter.clone().matcher();
    let mut rows = statement.fetch(conn);
    let mut ranking = Ranking::new(search.limit, search.offset);
    while let Some(row) = rows.try_next().await.map_err(driver)? {
        let tokens: &str = row.try_get(1).map_err(driver)?;
        let Some(score) = query.score(tokens) else { continue };
        if filtered && !matcher.matches(&row.try_get::<Json<_>, _>(2).map_err(driver)?.0) {
            continue;
        }
        ranking.push(row.try_get::<Uuid, _>(0).map_err(driver)?.into(), score);
    }
    Ok(ranking)
}

/// The query's words as a `tsquery`: all of them, each quoted, so that no operator of that language can stand in a word.
pub(crate) fn candidates(query: &TextQuery) -> String {
    let mut words = Vec::new();
    for clause in query.clauses() {
        for (position, token) in clause.tokens.iter().enumerate() {
            let prefix = clause.prefix && position + 1 == clause.tokens.len();
            let quoted = token.replace('\\', r"\\").replace('\'', "''");
            words.push(format!("'{quoted}'{}", if prefix { ":*" } else { "" }));
        }
    }
    words.join(" & ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_quoted() {
        let query = TextQuery::parse(r#"ada "first prog*""#).unwrap();
        assert_eq!(candidates(&query), "'ada' & 'first' & 'prog':*");
    }
}
