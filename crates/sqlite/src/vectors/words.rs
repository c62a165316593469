//! The text leg: FTS5 gives candidates, core decides and ranks.

use super::{
    place::{Place, word},
    select::Where,
};
use crate::{args::Args, records::rows, row, text::candidates};
use futures::TryStreamExt as _;
use mastra_core::{
    Result,
    text::TextQuery,
    vector::{Placed, VectorQuery, VectorRanking},
};
use sqlx::SqliteConnection;

/// The points that hold these words, best first.
pub(super) async fn words(
    connection: &mut SqliteConnection,
    place: &Place,
    query: &VectorQuery,
    text: &str,
) -> Result<Vec<Placed>> {
    let asked = TextQuery::parse(text)?;
    let Some(namespace) = place.namespace else { return Ok(Vec::new()) };
    let mut args = Args::default();
    let matching = Where::new(place, namespace, &query.filter, &mut args);
    let sql = format!(
        "SELECT p.id, t.body, {} FROM point_text t CROSS JOIN points p ON p.key = t.rowid \
         WHERE point_text MATCH {} AND p.namespace = {namespace} AND {}",
        matching.column(),
        args.bind(candidates(&word(namespace), &asked)),
        matching.sql
    );
    let mut ranking = VectorRanking::new(query.depth());
    let mut rows = rows(connection, sql, args.finish()?);
    while let Some(row) = rows.try_next().await? {
        let Some(worth) = asked.score(row::get(&row, 1)?) else { continue };
        let id = row::get(&row, 0)?;
        if ranking.wants(worth, id) && matching.accepts(row::get(&row, 2)?)? {
            ranking.push(Placed::new(id, worth, None));
        }
    }
    Ok(ranking.finish())
}
