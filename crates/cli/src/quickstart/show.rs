//! What quickstart says of what it did.

use super::{describe::Known, keep::Kept, load::Loaded};
use crate::{
    context::Context,
    exit::Outcome,
    knowledge::Indexed,
    output::{Output, text},
    resolve::Origin,
    sync::SyncConfig,
};
use std::time::Duration;

/// What was loaded, in a line.
pub(super) fn loaded(out: &Output, loaded: &Loaded) -> Outcome<()> {
    let parts = [
        (loaded.created, "new"),
        (loaded.updated, "changed"),
        (loaded.unchanged, "unchanged"),
        (loaded.removed, "gone and removed"),
        (loaded.set_aside, "set aside"),
    ];
    let said = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", text::count(*count)));
    let said = said.collect::<Vec<_>>().join(", ");
    let said = if said.is_empty() { "nothing".to_owned() } else { said };
    out.say(format!(
        "{}: {said}; read and stored in {}",
        out.bold(&text::clean(&loaded.entity)),
        text::took(Duration::from_secs_f64(loaded.seconds))
    ))
}

/// What the embedder can and cannot do.
pub(super) fn embedder(out: &Output, indexed: &Indexed) -> Outcome<()> {
    if !indexed.is_lexical() {
        return Ok(());
    }
    let line = format!(
        "{} compares words, not meanings, and sends nothing anywhere; for meanings: another embedder in mastra.toml, then mastra reindex",
        text::clean(indexed.model())
    );
    out.say(out.dim(&line))
}

/// What to try next.
pub(super) fn next(context: &Context, known: &Known, kept: Kept, sync: Option<&SyncConfig>) -> Outcome<()> {
    let out = &context.out;
    out.say(format!("\n{}", out.bold("Next")))?;
    let which = if context.settings.knowledge.iter().all(|config| config.name == known.config.name) {
        String::new()
    } else {
        format!(" --knowledge {}", known.config.name)
    };
    let search = format!("mastra search 'your question'{which}");
    let mut commands = Vec::new();
    let described = matches!(kept, Kept::Described | Kept::Created | Kept::Added);
    let load = sync.map(|sync| format!("mastra sync run {}", text::clean(&sync.id))).unwrap_or_default();
    if described {
        commands.extend([
            (search.as_str(), "passages that answer, with citations"),
            ("mastra mcp", "the same for an assistant, over MCP"),
            ("mastra index --watch", "follow records as they change"),
            ("mastra verify", "hold the index against the records"),
        ]);
    }
    if sync.is_none() {
        commands.extend([
            ("mastra quickstart PATH", "documents of your own: a folder or a file"),
            ("mastra records import FILE --entity NAME --id-field ID", "records of your own: JSON lines, JSON, CSV"),
            ("mastra engine add", "a Postgres, when one file is not enough"),
        ]);
    } else {
        commands.push(("the same command again", "loads what has changed since"));
        if described {
            commands.push((load.as_str(), "the same, without questions: for a schedule"));
        }
    }
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    for (command, why) in commands {
        out.say(format!("  {command:<width$}  {}", out.dim(why)))?;
    }
    if *context.choice.origin() == Origin::Flag {
        out.say(out.dim("  each with the same --engine, or with MASTRA_ENGINE_URL set to it"))?;
    }
    Ok(())
}
