//! Three-valued conditions, and putting them together.

/// A condition that is 1, 0 or, unless it is total, NULL where core has to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) sql: String,
    /// Never NULL.
    pub(crate) total: bool,
}

impl Term {
    pub(crate) fn total(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), total: true }
    }

    pub(crate) fn partial(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), total: false }
    }

    /// Not a literal: SQLite drops what stands beside a literal false, and with it what proves that a partial index serves.
    pub(crate) fn constant(value: bool) -> Self {
        Self::total(if value { "1 = 1" } else { "0 = 1" })
    }

    /// Core judges every row.
    pub(crate) fn unknown() -> Self {
        Self::partial("NULL")
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.sql == "NULL"
    }

    pub(crate) fn negate(self) -> Self {
        if self.is_unknown() { self } else { Self { sql: format!("NOT ({})", self.sql), total: self.total } }
    }
}

/// All of them; none at all is true.
pub(crate) fn all(terms: Vec<Term>) -> Term {
    join(terms, "AND", true)
}

/// At least one of them; none at all is false.
pub(crate) fn any(terms: Vec<Term>) -> Term {
    join(terms, "OR", false)
}

fn join(terms: Vec<Term>, operator: &str, empty: bool) -> Term {
    if terms.is_empty() {
        return Term::constant(empty);
    }
    let total = terms.iter().all(|term| term.total);
    let sql: Vec<String> = terms.into_iter().map(|term| term.sql).collect();
    Term { sql: balanced(&sql, operator), total }
}

/// SQLite bounds how deep an expression nests (1,000), and reads `a OR b OR c` as nested: halves keep a long list shallow.
/// <https://www.sqlite.org/limits.html#max_expr_depth>
pub(crate) fn balanced(parts: &[String], operator: &str) -> String {
    match parts {
        [] => String::new(),
        [only] => format!("({only})"),
        parts => {
            let (left, right) = parts.split_at(parts.len() / 2);
            format!("({} {operator} {})", balanced(left, operator), balanced(right, operator))
        }
    }
}
