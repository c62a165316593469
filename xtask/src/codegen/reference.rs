//! docs/schema.md: the tables, as the migrations leave them.
//!
//! Reads the style that the migrations are written in: a column a line, and its description in the comment above it.

use std::path::PathBuf;

use mastra_core::migrate::{Migration, Statement, statements, tokens};

use super::{Backend, Generated};

/// A table, as far as the migrations were read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    name: String,
    about: String,
    columns: Vec<Column>,
    /// Constraints, options and indexes, as SQL.
    rest: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Column {
    name: String,
    definition: String,
    about: String,
}

/// The page of both backends.
pub(super) fn page(series: &[(Backend, Vec<Migration>)]) -> Generated {
    let mut text = String::from(
        "<!-- Generated from migrations/ by `cargo xtask codegen`: do not edit. -->\n\n# The schema\n\nTables as the migrations leave \
         them. Beside them stands `schema_migrations` (`vector_migrations` for vectors in Postgres), which the migrator keeps: one row for each migration that was applied, with \
         `version`, `name`, `checksum` (SHA-256 of the file, line endings normalised), `kind`, `oldest_client` and `applied_at`.\n",
    );
    for (backend, migrations) in series {
        text.push_str(&format!("\n## {}\n", title(*backend)));
        for table in tables(migrations) {
            text.push_str(&table.section());
        }
    }
    Generated { path: PathBuf::from("docs/schema.md"), text }
}

fn title(backend: Backend) -> &'static str {
    match backend {
        Backend::Postgres => "Postgres",
        Backend::Sqlite => "SQLite",
        Backend::Pgvector => "Vectors in Postgres",
    }
}

impl Table {
    fn section(&self) -> String {
        let mut text = format!("\n### {}\n\n", self.name);
        if !self.about.is_empty() {
            text.push_str(&format!("{}\n\n", self.about));
        }
        if !self.columns.is_empty() {
            text.push_str("| column | definition | |\n|---|---|---|\n");
        }
        for column in &self.columns {
            let cell = |text: &str| text.replace('|', "\\|");
            text.push_str(&format!("| `{}` | `{}` | {} |\n", column.name, cell(&column.definition), cell(&column.about)));
        }
        if !self.rest.is_empty() {
            let gap = if self.columns.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}```sql\n{}\n```\n", self.rest.join("\n")));
        }
        text
    }
}

fn tables(migrations: &[Migration]) -> Vec<Table> {
    let mut tables = Vec::new();
    for migration in migrations {
        for statement in statements(migration.sql()) {
            apply(&mut tables, &statement, &comment_above(migration.sql(), statement.line));
        }
    }
    tables
}

/// What a statement does to the tables; those that concern none are left out.
fn apply(tables: &mut Vec<Table>, statement: &Statement<'_>, about: &str) {
    let words: Vec<String> = tokens(statement.text).map(|token| token.trim_matches('"').to_owned()).collect();
    let upper: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
    let after = |word: &str| upper.iter().position(|found| found == word).and_then(|at| words.get(at + 1)).cloned();
    let find = |name: &str, tables: &[Table]| tables.iter().position(|table| table.name == name);
    match upper.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["CREATE", "VIRTUAL", "TABLE", ..] => {
            let name = words.get(3).cloned().unwrap_or_default();
            tables.push(Table { name, about: about.to_owned(), columns: Vec::new(), rest: vec![one_line(statement.text)] });
        }
        ["CREATE", "TABLE", ..] => tables.push(create(words.get(2).cloned().unwrap_or_default(), statement.text, about)),
        ["CREATE", ..] if upper.iter().take(3).any(|word| word == "INDEX") => {
            let table = after("ON").and_then(|name| find(&name, tables)).and_then(|at| tables.get_mut(at));
            if let Some(table) = table {
                table.rest.push(one_line(statement.text));
            }
        }
        ["ALTER", "TABLE", _, "RENAME", "TO", ..] => {
            let table = words.get(2).and_then(|name| find(name, tables)).and_then(|at| tables.get_mut(at));
            if let (Some(table), Some(name)) = (table, words.get(5)) {
                table.name.clone_from(name);
            }
        }
        ["ALTER", "TABLE", ..] => {
            let table = words.get(2).and_then(|name| find(name, tables)).and_then(|at| tables.get_mut(at));
            if let Some(table) = table {
                table.rest.push(one_line(statement.text));
            }
        }
        ["DROP", "TABLE", ..] => tables.retain(|table| words.last() != Some(&table.name)),
        _ => {}
    }
}

/// A table from the lines of its CREATE statement.
fn create(name: String, text: &str, about: &str) -> Table {
    let mut table = Table { name, about: about.to_owned(), ..Table::default() };
    let (mut comment, mut entry) = (Vec::new(), String::new());
    for line in text.lines().skip(1).map(str::trim) {
        if let Some(words) = line.strip_prefix("--") {
            comment.push(words.trim());
            continue;
        }
        if entry.is_empty() && line.starts_with(')') {
            let options = line.trim_start_matches(')').trim();
            table.rest.extend((!options.is_empty()).then(|| options.to_owned()));
            break;
        }
        entry.push_str(line);
        let open = entry.matches('(').count() > entry.matches(')').count();
        if open && !entry.is_empty() {
            entry.push(' ');
            continue;
        }
        let definition = one_line(std::mem::take(&mut entry).trim_end_matches(','));
        match definition.split_once(' ') {
            Some(("CONSTRAINT" | "UNIQUE" | "PRIMARY" | "CHECK" | "FOREIGN", _)) => table.rest.push(definition),
            Some((name, rest)) => table.columns.push(Column {
                name: name.trim_matches('"').to_owned(),
                definition: rest.trim().to_owned(),
                about: comment.join(" "),
            }),
            None => {}
        }
        comment.clear();
    }
    table
}

/// The comment that ends on the line above a statement, without the header.
fn comment_above(sql: &str, line: usize) -> String {
    let lines: Vec<&str> = sql.lines().take(line.saturating_sub(1)).collect();
    let comment = lines.iter().rev().map_while(|line| line.strip_prefix("--")).map(str::trim);
    let mut comment: Vec<&str> = comment.filter(|words| !words.starts_with("mastra:")).collect();
    comment.reverse();
    comment.join(" ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Vec<Table> {
        let text = format!("-- mastra: kind=breaking oldest_client=1\n{sql}\n");
        tables(&[Migration::parse("0001_a.sql", &text).unwrap()])
    }

    #[test]
    fn tables_columns_and_what_is_said_of_them() {
        let found = read(
            "-- Things,\n-- of course.\nCREATE TABLE things (\n    id uuid PRIMARY KEY,\n    -- What it is called.\n    name text NOT \
             NULL CHECK (\n        name <> ''\n    ),\n    UNIQUE (name)\n) STRICT;\nCREATE INDEX things_idx ON things\n  (name);",
        );
        let [table] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((table.name.as_str(), table.about.as_str()), ("things", "Things, of course."));
        let names: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.about.as_str())).collect();
        assert_eq!(names, [("id", ""), ("name", "What it is called.")]);
        assert_eq!(table.columns[1].definition, "text NOT NULL CHECK ( name <> '' )");
        assert_eq!(table.rest, ["UNIQUE (name)", "STRICT", "CREATE INDEX things_idx ON things (name)"]);
    }

    #[test]
    fn later_statements_change_what_is_there() {
        let found = read(
            "CREATE TABLE a (\n    b int\n);\nALTER TABLE a ADD COLUMN c int;\nALTER TABLE a RENAME TO d;\nCREATE TABLE e (\n    f int\n);\nDROP TABLE e;",
        );
        let [table] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((table.name.as_str(), table.rest.as_slice()), ("d", &["ALTER TABLE a ADD COLUMN c int".to_owned()][..]));
    }
}
