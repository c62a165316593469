//! The indexes that the migrations make, to tell which are missing.

use mastra_core::migrate::{Migration, statements};

/// An index by name, with the statement that makes it.
#[derive(Debug, PartialEq)]
pub(super) struct Expected {
    pub(super) name: String,
    pub(super) statement: String,
}

/// Every index that the migrations leave behind.
pub(super) fn indexes(migrations: &[Migration]) -> Vec<Expected> {
    let mut expected: Vec<Expected> = Vec::new();
    for migration in migrations {
        for statement in statements(migration.sql()) {
            let text = statement.text;
            let words: Vec<&str> = text.split_whitespace().collect();
            let (made, dropped) = (created(&words), dropped(&words));
            if let Some(name) = made {
                expected.push(Expected { name, statement: words.join(" ") });
            }
            expected.retain(|index| !dropped.contains(&index.name));
        }
    }
    expected
}

fn created(words: &[&str]) -> Option<String> {
    let rest = is(words, "CREATE")?;
    let rest = is(rest, "UNIQUE").unwrap_or(rest);
    let rest = is(rest, "INDEX")?;
    let rest = is(rest, "CONCURRENTLY").unwrap_or(rest);
    let rest = is(rest, "IF").and_then(|rest| is(rest, "NOT")).and_then(|rest| is(rest, "EXISTS")).unwrap_or(rest);
    rest.first().map(|name| plain(name))
}

fn dropped(words: &[&str]) -> Vec<String> {
    let rest = is(words, "DROP").and_then(|rest| is(rest, "INDEX").or_else(|| is(rest, "TABLE")));
    rest.unwrap_or_default().iter().map(|name| plain(name)).collect()
}

fn is<'a>(words: &'a [&'a str], word: &str) -> Option<&'a [&'a str]> {
    words.split_first().filter(|(first, _)| first.eq_ignore_ascii_case(word)).map(|(_, rest)| rest)
}

fn plain(name: &str) -> String {
    name.trim_matches(|c| matches!(c, '"' | ',' | ';')).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_that_are_made_and_not_dropped() {
        let text = "-- mastra: kind=additive oldest_client=1\nCREATE TABLE t (a int);\nCREATE INDEX t_a ON t (a);\n\
            CREATE UNIQUE INDEX IF NOT EXISTS \"t_b\" ON t (a)\n  WHERE a > 1;\nCREATE INDEX t_c ON t (a);\nDROP INDEX t_c;\n";
        let found = indexes(&[Migration::parse("0001_a.sql", text).unwrap()]);
        assert_eq!(found.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["t_a", "t_b"]);
        assert_eq!(found[0].statement, "CREATE INDEX t_a ON t (a)");
    }

    #[test]
    fn both_schemas_have_some() {
        for migrations in [mastra_postgres::migrate::migrations(), mastra_sqlite::migrate::migrations()] {
            assert!(indexes(migrations).len() >= 2);
        }
    }
}
