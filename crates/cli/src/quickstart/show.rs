//! What quickstart shows: each answer under the command that asks for it again.

use super::{CONNECTION, load::Loaded};
use crate::{
    context::Context,
    exit::Outcome,
    output::{Output, grid::Grid, text},
    records::highlighted,
};
use mastra_core::{Page, Record, TextResults};
use serde_json::json;
use std::time::Duration;

/// The entities as commands name them.
pub(super) struct Names {
    pub(super) documents: String,
    pub(super) deals: String,
}

/// A result and how long it took.
pub(super) struct Answer<T> {
    pub(super) result: T,
    pub(super) took: Duration,
}

/// What was loaded, in a line.
pub(super) fn loaded(out: &Output, loaded: &Loaded) -> Outcome<()> {
    let all = loaded.created + loaded.updated + loaded.unchanged;
    let what = if loaded.unchanged == all {
        format!("{} unchanged", text::count(all as u64))
    } else {
        let parts = [(loaded.created, "created"), (loaded.updated, "updated"), (loaded.unchanged, "unchanged")];
        let said =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", text::count(*count as u64)));
        said.collect::<Vec<_>>().join(", ")
    };
    out.say(format!("{:>10}  {what} in {}", loaded.entity, text::took(Duration::from_secs_f64(loaded.seconds))))?;
    if loaded.searched_in_part > 0 {
        out.note(format!("{} too long to be searched to the end", text::plural(loaded.searched_in_part as u64, "document")));
    }
    Ok(())
}

/// Both answers, and what to try next.
pub(super) fn answers(
    context: &Context,
    names: &Names,
    loaded: [&Loaded; 2],
    page: &Answer<Page<Record>>,
    hits: Option<&(&str, Answer<TextResults>)>,
) -> Outcome<()> {
    let out = &context.out;
    let Names { documents, deals } = names;
    let filter = r#"{"stage": "won", "amount": {"$gte": 20000}}"#;
    let query = format!(
        "mastra records query --entity {deals} --filter '{filter}' --sort -amount --limit 5 --fields company,product,amount,closed"
    );
    let search = |text: &str| format!("mastra records search '{}' --entity {documents} --limit 3", text.replace('\'', r"'\''"));
    out.document(&json!({
        "engine": { "url": context.choice.shown(), "chosenBy": context.choice.origin().to_string() },
        "connectionId": CONNECTION,
        "loaded": loaded,
        "query": { "command": query, "seconds": page.took.as_secs_f64(), "items": page.result.items },
        "search": hits.map(|(text, answer)| json!({
            "command": search(text), "seconds": answer.took.as_secs_f64(), "total": answer.result.total, "hits": answer.result.hits,
        })),
    }))?;

    out.say(format!("\n{}", out.bold("A filter and a sort: the largest deals that were won")))?;
    out.say(out.dim(&query))?;
    out.grid(&Grid::of_documents(
        &["external id"],
        page.result.items.iter().map(|record| (vec![record.external_id.clone()], &record.data)),
    ))?;
    out.say(out.dim(&format!("{} in {}", text::plural(page.result.items.len() as u64, "record"), text::took(page.took))))?;

    if let Some((question, answer)) = hits {
        out.say(format!("\n{}", out.bold("A full-text search, best hits first")))?;
        out.say(out.dim(&search(question)))?;
        for hit in &answer.result.hits {
            let title = hit.record.data.get("title").map(text::cell).unwrap_or_default();
            out.say(format!("{}  {}", out.bold(&title), out.dim(&text::clean(&hit.record.external_id))))?;
            out.say(format!("  {}", highlighted(&hit.snippet, out)))?;
        }
        let shown = answer.result.hits.len();
        out.say(out.dim(&format!("{shown} of {} in {}", text::plural(answer.result.total, "hit"), text::took(answer.took))))?;
    }

    out.say(format!("\n{}", out.bold("Next")))?;
    let as_json = format!("mastra records search '\"write ahead\" log*' --entity {documents} --json");
    for (command, why) in [
        ("mastra entities list", "what is there now"),
        (as_json.as_str(), "as JSON, for programs"),
        ("mastra records import FILE --entity NAME --id-field ID", "data of your own: JSON lines, JSON, CSV"),
        ("mastra engine add", "a Postgres, when one file is not enough"),
        ("mastra engine generate --out types", "Rust and TypeScript types of your records"),
    ] {
        out.say(format!("  {command:<66}  {}", out.dim(why)))?;
    }
    Ok(())
}
