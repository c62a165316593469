//! What is made of items, told by a mark: where it changes, what was read before is read again.

use super::config::SyncConfig;
use futures::StreamExt as _;
use mastra_core::{Path, Result};
use mastra_sync::source::{Page, Pages, Position, Source};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What stands before a mark in a cursor, and between a version and a mark.
const SIGN: char = '#';
/// The length of a mark.
const LENGTH: usize = 8;

/// The mark of a description; none where items are taken as they are, so that simple cursors stay simple.
pub(super) fn of(config: &SyncConfig) -> Option<String> {
    let deep = |text: &String| text.parse::<Path>().is_ok_and(|path| path.segments().len() > 1);
    let deep = !config.source.has_columns() && config.id_field.as_ref().is_some_and(deep);
    let plain = config.map.is_empty() && config.entity_type.is_none() && config.merge.0.is_empty() && !deep;
    let made = json!([config.id_field, config.map, config.keep, config.entity_type, config.merge]).to_string();
    (!plain).then(|| Sha256::digest(made).iter().take(LENGTH / 2).map(|byte| format!("{byte:02x}")).collect())
}

/// A version of what was made: its source does not know it, should the mark go one day, and says the item again. That a record is as it was
/// is told by what is made of the item then.
pub(super) fn version(version: &str, mark: &str) -> String {
    format!("{version}{SIGN}{mark}")
}

/// A source whose cursors carry the mark: behind one of another mark it begins at the beginning.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) source: Arc<dyn Source>,
    pub(super) mark: Option<String>,
}

impl Marked {
    /// The source's own cursor, where this mark made it.
    fn own(&self, cursor: String) -> Option<String> {
        match (split(&cursor), &self.mark) {
            (None, None) => Some(cursor),
            (Some((mark, own)), Some(wanted)) if mark == wanted => Some(own.to_owned()),
            _ => None,
        }
    }
}

impl Source for Marked {
    fn kind(&self) -> &'static str {
        self.source.kind()
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let own = |cursor: Option<String>| cursor.and_then(|cursor| self.own(cursor));
        let (cursor, last) = (own(from.cursor), own(from.last));
        let Some(mark) = &self.mark else { return self.source.pages(Position { cursor, last, known: from.known }) };
        // A version that is stored without this mark may be the source's own, of a record that was made otherwise.
        let pages = self.source.pages(Position { cursor, last, known: None });
        let marked = move |page: Result<Page>| {
            page.map(|page| Page { cursor: page.cursor.map(|cursor| format!("{SIGN}{mark} {cursor}")), ..page })
        };
        pages.map(marked).boxed()
    }
}

/// Mark and cursor.
fn split(cursor: &str) -> Option<(&str, &str)> {
    let (mark, own) = cursor.strip_prefix(SIGN)?.split_once(' ')?;
    (mark.len() == LENGTH && mark.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some((mark, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(toml: &str) -> Option<String> {
        of(&toml::from_str(&format!("id = 'a'\nentity = 'A'\n{toml}")).unwrap())
    }

    #[test]
    fn what_decides_on_a_record_is_marked_and_nothing_else() {
        assert_eq!(mark("id_field = 'id'\nlimits = { batch = 7 }\nmode = 'full'"), None);
        let marks =
            ["map = { a = 'b' }", "map = { a = 'c' }", "entity_type = 'x'", "merge = { a = 'keep_manual' }", "id_field = 'a.b'"];
        let marks: std::collections::BTreeSet<String> = marks.iter().map(|toml| mark(toml).unwrap()).collect();
        assert_eq!(marks.len(), 5);
        assert_eq!(mark("map = { a = 'b' }\nlimits = { batch = 7 }"), mark("map = { a = 'b' }"));
    }

    #[test]
    fn a_cursor_of_another_mark_is_none() {
        let marked = |mark: Option<&str>| Marked {
            source: Arc::new(mastra_sync::source::files::JsonLines::new("x")),
            mark: mark.map(str::to_owned),
        };
        let own = |mark, cursor: &str| marked(mark).own(cursor.to_owned());
        assert_eq!(own(Some("0123abcd"), "#0123abcd {\"a\":1}").as_deref(), Some("{\"a\":1}"));
        assert_eq!(own(Some("0123abcd"), "{\"a\":1}"), None);
        assert_eq!(own(None, "#0123abcd {\"a\":1}"), None);
        assert_eq!(own(None, "#1 {\"a\":1}").as_deref(), Some("#1 {\"a\":1}"), "a source's own cursor may begin like that");
    }
}
