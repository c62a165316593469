//! Reading `[[sync]]` so that every mistake has a line: the source by its kind, the rest around it.

use super::{SourceConfig, SyncConfig};
use serde::Deserialize as _;
use std::collections::BTreeMap;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer, Error},
};

/// What went wrong, and the byte that it stands at.
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) at: usize,
}

/// Takes a key out of a table.
pub(crate) fn take<'i>(table: &mut DeTable<'i>, key: &str) -> Option<Spanned<DeValue<'i>>> {
    table.remove(key)
}

/// The syncs of the value that stands under `sync`. `line_at` tells the line of a byte.
pub(crate) fn read(value: Spanned<DeValue<'_>>, line_at: &dyn Fn(usize) -> usize) -> Result<Vec<SyncConfig>, Wrong> {
    let at = value.span().start;
    let DeValue::Array(tables) = value.into_inner() else {
        return Err(Wrong { message: "syncs are tables of their own: [[sync]], with two brackets".to_owned(), at });
    };
    tables.into_iter().map(|table| one(table, line_at)).collect()
}

fn one(value: Spanned<DeValue<'_>>, line_at: &dyn Fn(usize) -> usize) -> Result<SyncConfig, Wrong> {
    let span = value.span();
    let DeValue::Table(mut table) = value.into_inner() else {
        return Err(Wrong { message: "a sync is a table".to_owned(), at: span.start });
    };
    let mut lines = BTreeMap::from([(String::new(), line_at(span.start))]);
    note(&mut lines, "", &table, line_at);
    let source = take(&mut table, "source");
    let begin = span.start;
    // A key that is not known is told first: `sorce` is why `source` is missing.
    let mut config =
        SyncConfig::deserialize(Deserializer::from(Spanned::new(span, table))).map_err(|error| wrong(&error, begin))?;
    let Some(source) = source else {
        let message = "missing field `source`: where the records come from, such as { kind = \"jsonl\", path = \"a.jsonl\" }";
        return Err(Wrong { message: message.to_owned(), at: begin });
    };
    config.source = SourceConfig::read(source)?;
    config.lines = lines;
    Ok(config)
}

/// Where every key of a table and of those in it stands.
fn note(lines: &mut BTreeMap<String, usize>, prefix: &str, table: &DeTable<'_>, line_at: &dyn Fn(usize) -> usize) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        lines.insert(name.clone(), line_at(key.span().start));
        if let DeValue::Table(below) = value.get_ref() {
            note(lines, &name, below, line_at);
        }
    }
}

/// What the parser says, without the text of the line.
pub(super) fn wrong(error: &Error, at: usize) -> Wrong {
    Wrong { message: error.message().to_owned(), at: error.span().map_or(at, |span| span.start) }
}
