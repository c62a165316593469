//! The text leg: the inverted index finds candidates, core decides and ranks them.

use crate::index::Index;
use futures::TryStreamExt as _;
use mastra_core::{
    Filter, Result,
    text::{TextQuery, index_string},
    vector::{Placed, Scope, VectorRanking},
};
use mastra_postgres::foundation::{Compiled, Statement, driver_error, identifier, tsquery};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, types::Json};

/// The best points whose texts hold the words.
pub(crate) async fn find(
    conn: &mut PgConnection,
    index: &Index,
    scope: &Scope,
    text: &str,
    filter: &Filter,
    compiled: &Compiled,
    depth: usize,
) -> Result<Vec<Placed>> {
    let asked = TextQuery::parse(text)?;
    let layout = &index.layout;
    let (words, kept) = match (&layout.tokens, &layout.text) {
        (Some(tokens), _) => (format!("p.{}", identifier(tokens)), true),
        // An adopted table keeps texts alone; their words are found as they come.
        (None, Some(text)) => (format!("p.{}::text", identifier(text)), false),
        (None, None) => return Ok(Vec::new()),
    };
    let metadata = if compiled.exact { "NULL::jsonb".to_owned() } else { index.metadata() };
    let mut statement = Statement::new(format!("SELECT {}::text, {words}, {metadata} FROM {} p", index.id(), index.table()));
    let matching = index.matching(scope, compiled, &mut statement);
    statement.push(&format!(" WHERE {matching}"));
    match &layout.terms {
        Some(terms) => {
            let candidates = statement.bind(tsquery(&asked));
            statement.push(&format!(" AND p.{} @@ {candidates}::text::tsquery", identifier(terms)));
        }
        None => statement.push(&format!(" AND {words} IS NOT NULL")),
    }
    let matcher = (!compiled.exact).then(|| filter.clone().matcher());
    let mut ranking = VectorRanking::new(depth);
    let mut rows = statement.query(false)?.fetch(conn);
    while let Some(row) = rows.try_next().await.map_err(driver_error)? {
        let words: &str = row.try_get(1).map_err(driver_error)?;
        let worth = if kept { asked.score(words) } else { asked.score(&index_string(words)) };
        let id: &str = row.try_get(0).map_err(driver_error)?;
        let Some(worth) = worth.filter(|worth| ranking.wants(*worth, id)) else { continue };
        if let Some(matcher) = &matcher
            && !matcher.matches(&row.try_get::<Json<Value>, _>(2).map_err(driver_error)?.0)
        {
            continue;
        }
        ranking.push(Placed::new(id, worth, None));
    }
    Ok(ranking.finish())
}
