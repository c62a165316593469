//! The rules of migrations: what would hold up a running application, or break an older client that was promised it would work.
//!
//! Locks by statement: <https://www.postgresql.org/docs/current/explicit-locking.html> and the notes of ALTER TABLE and CREATE INDEX.
//! What a file does to a table that it creates itself holds up nobody. `lock_timeout` is the migrator's, on every migration.

mod alter;
mod sql;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use mastra_core::migrate::{Migration, MigrationKind, statements};

use crate::codegen::Backend;
use sql::Words;

/// A rule that a statement breaks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    file: PathBuf,
    line: usize,
    rule: Rule,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.rule.cure())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    IndexBlocksWrites,
    IndexDropBlocks,
    ConcurrentlyInTransaction,
    IndexNotRepeatable,
    NotAlone,
    TransactionOffUnsupported,
    OwnTransaction,
    OwnSetting,
    QualifiedTable,
    ColumnRewrites,
    ColumnNeedsDefault,
    ColumnConstraint,
    TypeRewrites,
    NotNullScans,
    ConstraintScans,
    KeyBuildsIndex,
    ValidatedAtOnce,
    AdditiveTakesAway,
    RowsRewritten,
    LocksTable,
}

impl Rule {
    /// What is wrong, and what to write instead.
    const fn cure(self) -> &'static str {
        match self {
            Self::IndexBlocksWrites => {
                "CREATE INDEX stops writes while it builds: write CREATE INDEX CONCURRENTLY in a file with transaction=off"
            }
            Self::IndexDropBlocks => {
                "DROP INDEX waits for and stops everything on its table: write DROP INDEX CONCURRENTLY IF EXISTS in a file with \
                 transaction=off"
            }
            Self::ConcurrentlyInTransaction => {
                "CONCURRENTLY cannot run in a transaction: put transaction=off into the file's first line"
            }
            Self::IndexNotRepeatable => {
                "a build that was cut off leaves an invalid index: write DROP INDEX CONCURRENTLY IF EXISTS before it, and no IF NOT \
                 EXISTS, which would keep the invalid one"
            }
            Self::NotAlone => {
                "a file with transaction=off is run again after it failed half-way: only CREATE INDEX CONCURRENTLY, DROP INDEX \
                 CONCURRENTLY IF EXISTS and REINDEX … CONCURRENTLY belong there"
            }
            Self::TransactionOffUnsupported => "transaction=off is for Postgres",
            Self::OwnTransaction => "the migrator begins and ends the transaction",
            Self::OwnSetting => "the migrator sets search_path, lock_timeout and the rest, in `mastra engine migrate --sql` too",
            Self::QualifiedTable => "names are unqualified: the schema is chosen when the migration is applied",
            Self::ColumnRewrites => {
                "a volatile default, an identity or a stored expression rewrites the table under a lock: add the column without it, \
                 then set the default"
            }
            Self::ColumnNeedsDefault => {
                "NOT NULL without a default fails on rows that are there, and older clients do not write the column"
            }
            Self::ColumnConstraint => {
                "a constraint inside ADD COLUMN reads the table or builds an index under a lock: add it on its own, with NOT VALID or \
                 USING INDEX"
            }
            Self::TypeRewrites => "changing a column's type rewrites the table under a lock: add a column instead",
            Self::NotNullScans => {
                "SET NOT NULL reads the table under a lock: first ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, and in a later \
                 file VALIDATE CONSTRAINT"
            }
            Self::ConstraintScans => {
                "ADD CONSTRAINT reads the table under a lock: write NOT VALID, and VALIDATE CONSTRAINT in a later file"
            }
            Self::KeyBuildsIndex => {
                "a key builds its index under a lock: CREATE UNIQUE INDEX CONCURRENTLY in a file before, then ADD CONSTRAINT … USING INDEX"
            }
            Self::ValidatedAtOnce => {
                "VALIDATE CONSTRAINT belongs in a later file than its NOT VALID, whose lock it would hold while it reads"
            }
            Self::AdditiveTakesAway => "RENAME and DROP break older clients: the migration is kind=breaking",
            Self::RowsRewritten => "rewriting rows of a table that is in use belongs into code, in batches",
            Self::LocksTable => "this holds the whole table for as long as it takes",
        }
    }
}

/// Every finding in a series, in order.
pub(super) fn check(backend: Backend, series: &[Migration]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut history = alter::History::default();
    for migration in series {
        let mut file = File { backend, migration, created: BTreeSet::new(), dropped: BTreeSet::new(), history: &mut history };
        for statement in statements(migration.sql()) {
            let path = backend.folder().join(migration.file_name());
            let rules = file.statement(&Words::of(statement.text));
            findings.extend(rules.into_iter().map(|rule| Finding { file: path.clone(), line: statement.line, rule }));
        }
        history.end_of_file();
    }
    findings
}

/// One file, as far as it was read.
pub(super) struct File<'a> {
    backend: Backend,
    migration: &'a Migration,
    /// Tables and indexes that it creates, which nobody else uses yet.
    created: BTreeSet<String>,
    /// Indexes that it drops, so that a second run can build them.
    dropped: BTreeSet<String>,
    history: &'a mut alter::History,
}

impl File<'_> {
    fn statement(&mut self, words: &Words) -> Vec<Rule> {
        let mut rules = Vec::new();
        if words.starts(&["begin|commit|rollback|start|end|abort|savepoint|release"]) {
            rules.push(Rule::OwnTransaction);
        }
        if words.starts(&["set|reset"]) {
            rules.push(Rule::OwnSetting);
        }
        if self.additive() && takes_away(words) {
            rules.push(Rule::AdditiveTakesAway);
        }
        match self.backend {
            Backend::Sqlite if !self.migration.in_transaction() => rules.push(Rule::TransactionOffUnsupported),
            Backend::Sqlite => {}
            Backend::Postgres | Backend::Pgvector => self.postgres(words, &mut rules),
        }
        rules
    }

    fn additive(&self) -> bool {
        self.migration.kind() == MigrationKind::Additive
    }

    /// Whether others may be using a table: it was not created in this file.
    fn in_use(&self, table: &str) -> bool {
        !self.created.contains(table)
    }

    fn postgres(&mut self, words: &Words, rules: &mut Vec<Rule>) {
        let concurrently = words.contains("concurrently");
        if concurrently && self.migration.in_transaction() {
            rules.push(Rule::ConcurrentlyInTransaction);
        }
        let repeatable = concurrently && words.contains("index");
        if !self.migration.in_transaction() && !repeatable {
            rules.push(Rule::NotAlone);
        }
        if let Some(rest) = words.after(&["create", "?unlogged|temp|temporary", "table", "?if", "?not", "?exists"]) {
            rules.extend(rest.qualified().then_some(Rule::QualifiedTable));
            self.created.insert(rest.name());
        } else if let Some(rest) = words.after(&["create", "?unique", "index"]) {
            self.create_index(&rest, concurrently, rules);
        } else if let Some(rest) = words.after(&["drop", "index", "?concurrently", "?if", "?exists"]) {
            rules.extend((!concurrently && self.in_use(&rest.name())).then_some(Rule::IndexDropBlocks));
            rules.extend((concurrently && !words.contains("exists")).then_some(Rule::IndexNotRepeatable));
            self.dropped.insert(rest.name());
        } else if let Some(rest) = words.after(&["alter", "table", "?if", "?exists", "?only"]) {
            rules.extend(rest.qualified().then_some(Rule::QualifiedTable));
            alter::check(self, &rest, rules);
        } else if let Some(rest) = words.after(&["update|truncate|lock", "?table", "?only"]) {
            self.rewrites(words, &rest, rules);
        } else if let Some(rest) = words.after(&["delete", "from", "?only"]) {
            self.rewrites(words, &rest, rules);
        } else if words.starts(&["vacuum|cluster|reindex|refresh"]) && !concurrently {
            rules.push(Rule::LocksTable);
        }
    }

    fn create_index(&mut self, rest: &Words, concurrently: bool, rules: &mut Vec<Rule>) {
        let repeatable = !rest.contains_pair("if", "not");
        let rest = rest.after(&["?concurrently", "?if", "?not", "?exists"]).unwrap_or_default();
        let name = rest.name();
        let table = rest.after_word("on").and_then(|rest| rest.after(&["?only"])).unwrap_or_default();
        rules.extend(table.qualified().then_some(Rule::QualifiedTable));
        if concurrently {
            rules.extend((!repeatable || !self.dropped.contains(&name)).then_some(Rule::IndexNotRepeatable));
        } else if self.in_use(&table.name()) {
            rules.push(Rule::IndexBlocksWrites);
        }
        self.created.insert(name);
    }

    fn rewrites(&self, words: &Words, rest: &Words, rules: &mut Vec<Rule>) {
        rules.extend(rest.qualified().then_some(Rule::QualifiedTable));
        if self.in_use(&rest.name()) {
            rules.push(if words.starts(&["lock"]) { Rule::LocksTable } else { Rule::RowsRewritten });
        }
    }
}

/// Whether a statement removes or renames something that a client may name. Indexes are nobody's business but the planner's.
fn takes_away(words: &Words) -> bool {
    if words.starts(&["drop"]) {
        return !words.starts(&["drop", "index"]);
    }
    if !words.starts(&["alter"]) || words.starts(&["alter", "index"]) {
        return false;
    }
    let dropped_column = words.parts().iter().any(|part| {
        let Some(rest) = part.after_word("drop") else { return false };
        // DROP CONSTRAINT and ALTER COLUMN … DROP NOT NULL | DEFAULT take away a rule, not what it is about.
        !rest.starts(&["constraint|not|default|identity|expression"])
    });
    dropped_column || words.contains("rename") || words.contains_pair("set", "schema")
}
