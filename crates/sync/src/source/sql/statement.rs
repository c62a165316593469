//! The text of statements: the one place where names become SQL. Values are bound.

use super::cursor::{Key, Mark};
use mastra_core::{Error, Result};

/// Which rows are read, and in which order.
#[derive(Debug, Clone)]
pub(super) enum Range {
    /// All, by id, behind one.
    All { after: Option<Key> },
    /// By mark and id: behind `from`, and up to `to`.
    Since { from: Mark, to: Option<Mark> },
}

/// A query as a table, and the expressions of its key columns.
#[derive(Debug)]
pub(super) struct Table {
    from: String,
    /// The name that a whole row has in statements.
    pub(super) row: String,
    pub(super) id: Column,
    pub(super) mark: Option<Column>,
}

/// An expression to order by, what stands behind a placeholder to make it of the same type, and the type.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) expression: String,
    pub(super) cast: &'static str,
    pub(super) kind: String,
}

/// A condition, and the values of its placeholders in their order.
pub(super) struct Condition<'a> {
    pub(super) text: String,
    pub(super) values: Vec<&'a Key>,
}

/// A name for the query's rows that is none of its columns: where one is called like the row, the column would be meant.
pub(super) fn row_name<'a>(columns: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let mut name = "source".to_owned();
    while columns.clone().into_iter().any(|column| column.eq_ignore_ascii_case(&name)) {
        name.push('_');
    }
    name
}

/// The query as a table. Its text ends in a line of its own, as it may end in a comment.
pub(super) fn subquery(query: &str, name: &str) -> String {
    format!("(\n{query}\n) AS {name}")
}

/// One row that has the query's columns, whatever rows it gives: what the columns are called is known without reading any.
pub(super) fn columns_of(query: &str) -> String {
    format!("SELECT described.* FROM (SELECT 1) AS one LEFT JOIN {} ON 1 = 0", subquery(query, "described"))
}

/// A name in quotes.
pub(super) fn quoted(name: &str) -> Result<String> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::invalid_input("a column's name must not be empty or hold U+0000"));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

impl Table {
    pub(super) fn new(query: &str, row: String, id: Column, mark: Option<Column>) -> Self {
        Self { from: subquery(query, &row), row, id, mark }
    }

    fn mark(&self) -> Result<&Column> {
        self.mark.as_ref().ok_or_else(|| Error::internal("marks were asked for without a high-water column"))
    }

    /// The rows of a range that have an id.
    pub(super) fn rows<'a>(&self, select: &str, range: &'a Range, most: usize) -> Result<(String, Vec<&'a Key>)> {
        let (condition, order) = match range {
            Range::All { after } => {
                let mut condition = Condition { text: String::new(), values: Vec::new() };
                if let Some(after) = after {
                    condition.text = format!(" AND {} > $1{}", self.id.expression, self.id.cast);
                    condition.values.push(after);
                }
                (condition, self.id.expression.clone())
            }
            Range::Since { from, to } => {
                let mut condition = self.since(from)?;
                if let Some(to) = to {
                    self.up_to(to, &mut condition)?;
                }
                (condition, format!("{}, {}", self.mark()?.expression, self.id.expression))
            }
        };
        let text = format!(
            "SELECT {select} FROM {} WHERE {} IS NOT NULL{} ORDER BY {order} LIMIT {most}",
            self.from, self.id.expression, condition.text
        );
        Ok((text, condition.values))
    }

    /// Rows without an id, from a mark on where there is one.
    pub(super) fn without_id<'a>(&self, select: &str, from: Option<&'a Mark>, most: usize) -> Result<(String, Vec<&'a Key>)> {
        let condition = match from {
            Some(Mark { at, .. }) => {
                let mark = self.mark()?;
                Condition { text: format!(" AND {} >= $1{}", mark.expression, mark.cast), values: vec![at] }
            }
            None => Condition { text: String::new(), values: Vec::new() },
        };
        let text =
            format!("SELECT {select} FROM {} WHERE {} IS NULL{} LIMIT {most}", self.from, self.id.expression, condition.text);
        Ok((text, condition.values))
    }

    /// The highest mark; no row where there is none.
    pub(super) fn highest(&self, select: &str) -> Result<String> {
        let mark = &self.mark()?.expression;
        Ok(format!("SELECT {select} FROM {} WHERE {mark} IS NOT NULL ORDER BY {mark} DESC LIMIT 1", self.from))
    }

    /// A row where the mark is missing; no row where there is none.
    pub(super) fn unmarked(&self) -> Result<String> {
        Ok(format!("SELECT 1 FROM {} WHERE {} IS NULL LIMIT 1", self.from, self.mark()?.expression))
    }

    fn since<'a>(&self, from: &'a Mark) -> Result<Condition<'a>> {
        let mark = self.mark()?;
        let (at, id) = (&mark.expression, &self.id.expression);
        Ok(match &from.id {
            Some(behind) => Condition {
                text: format!(" AND ({at}, {id}) > ($1{}, $2{})", mark.cast, self.id.cast),
                values: vec![&from.at, behind],
            },
            None => Condition { text: format!(" AND {at} >= $1{}", mark.cast), values: vec![&from.at] },
        })
    }

    fn up_to<'a>(&self, to: &'a Mark, condition: &mut Condition<'a>) -> Result<()> {
        let mark = self.mark()?;
        let next = condition.values.len() + 1;
        condition.values.push(&to.at);
        condition.text += &match &to.id {
            Some(last) => {
                condition.values.push(last);
                let (at, id) = (&mark.expression, &self.id.expression);
                format!(" AND ({at}, {id}) <= (${next}{}, ${}{})", mark.cast, next + 1, self.id.cast)
            }
            None => format!(" AND {} < ${next}{}", mark.expression, mark.cast),
        };
        Ok(())
    }
}
