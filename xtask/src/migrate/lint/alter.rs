//! ALTER TABLE: which of its actions read or rewrite a table that is in use.

use std::collections::BTreeSet;

use super::sql::Words;
use super::{File, Rule};

/// Constraints on the way from NOT VALID to something that SET NOT NULL can lean on, across files.
#[derive(Debug, Default)]
pub(super) struct History {
    /// (table, constraint), added NOT VALID in the file at hand.
    fresh: BTreeSet<(String, String)>,
    /// (table, constraint, column) of every CHECK (column IS NOT NULL).
    not_null: BTreeSet<(String, String, String)>,
    /// (table, column) that such a constraint, validated, vouches for.
    vouched: BTreeSet<(String, String)>,
}

impl History {
    pub(super) fn end_of_file(&mut self) {
        self.fresh.clear();
    }
}

/// Functions that give the same value for every row, so that a default of them is stored once.
const STABLE: &[&str] =
    &["now", "transaction_timestamp", "statement_timestamp", "current_timestamp", "current_date", "localtimestamp"];

/// What follows `ALTER TABLE`, beginning with the table's name.
pub(super) fn check(file: &mut File<'_>, words: &Words, rules: &mut Vec<Rule>) {
    let table = words.name();
    let in_use = file.in_use(&table);
    let actions = if words.qualified() { words.after_word(".") } else { Some(words.clone()) };
    let Some(actions) = actions.map(|words| words.without_first()) else { return };
    for action in actions.parts() {
        let mut found = Vec::new();
        if let Some(rest) = action.after(&["add", "constraint"]) {
            constraint(file, &table, Some(rest.name()), &rest.without_first(), &mut found);
        } else if action.starts(&["add", "check|unique|primary|foreign|exclude"]) {
            constraint(file, &table, None, &action.without_first(), &mut found);
        } else if let Some(rest) = action.after(&["add", "?column", "?if", "?not", "?exists"]) {
            column(&rest.without_first(), &mut found);
        } else if let Some(rest) = action.after(&["alter", "?column"]) {
            alter_column(file, &table, &rest, &mut found);
        } else if let Some(rest) = action.after(&["validate", "constraint"]) {
            validate(file, &table, &rest.name(), &mut found);
        } else if action.starts(&["set", "logged|unlogged|tablespace|access"]) || action.starts(&["cluster"]) {
            found.push(Rule::LocksTable);
        }
        if in_use {
            rules.extend(found);
        }
    }
}

/// What follows the column's name in ADD COLUMN.
fn column(words: &Words, rules: &mut Vec<Rule>) {
    let default = words.after_word("default");
    let volatile = default.as_ref().is_some_and(|default| default.calls().any(|name| !STABLE.contains(&name)));
    let generated = words.contains_pair("generated", "always") || words.contains_pair("generated", "by");
    if volatile || generated || words.contains("serial|bigserial|smallserial") {
        rules.push(Rule::ColumnRewrites);
    }
    if words.contains_pair("not", "null") && default.is_none() && !generated {
        rules.push(Rule::ColumnNeedsDefault);
    }
    if words.contains("references|check|unique|primary") {
        rules.push(Rule::ColumnConstraint);
    }
}

/// A constraint's definition, behind its name.
fn constraint(file: &mut File<'_>, table: &str, name: Option<String>, words: &Words, rules: &mut Vec<Rule>) {
    if words.starts(&["unique|primary|exclude"]) {
        rules.extend((!words.contains_pair("using", "index")).then_some(Rule::KeyBuildsIndex));
        return;
    }
    if !words.contains_pair("not", "valid") {
        rules.push(Rule::ConstraintScans);
        return;
    }
    let Some(name) = name else { return };
    if let Some(column) = words.after(&["check", "("]).filter(|rest| rest.without_first().starts(&["is", "not", "null", ")"])) {
        file.history.not_null.insert((table.to_owned(), name.clone(), column.name()));
    }
    file.history.fresh.insert((table.to_owned(), name));
}

fn validate(file: &mut File<'_>, table: &str, name: &str, rules: &mut Vec<Rule>) {
    let history = &mut file.history;
    if history.fresh.contains(&(table.to_owned(), name.to_owned())) {
        rules.push(Rule::ValidatedAtOnce);
    }
    let vouched = history.not_null.iter().filter(|(of, constraint, _)| of == table && constraint == name);
    history.vouched.extend(vouched.map(|(table, _, column)| (table.clone(), column.clone())).collect::<Vec<_>>());
}

/// What follows ALTER COLUMN, beginning with the column's name.
fn alter_column(file: &File<'_>, table: &str, words: &Words, rules: &mut Vec<Rule>) {
    let (column, action) = (words.name(), words.without_first());
    if action.starts(&["type"]) || action.starts(&["set", "data"]) {
        rules.push(Rule::TypeRewrites);
    }
    if action.starts(&["set", "not"]) && !file.history.vouched.contains(&(table.to_owned(), column)) {
        rules.push(Rule::NotNullScans);
    }
}
