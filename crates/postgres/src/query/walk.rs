//! Reading records along a scalar index, in its order.

use super::{
    order::Order,
    select::{Conditions, limit, remaining},
    statement::Statement,
};
use crate::{
    field_index::{Columns, Indexed, MISSING, has_array},
    rows::RECORD_COLUMNS,
};
use mastra_core::{Direction, Filter, Position, RecordQuery, SortPoint, number::Number};

/// What is read along an index.
///
/// A filter on the field that is sorted by becomes the range of the index that is read, which speaks for rows with one value
/// there; without any order but that by id, it is one value, whose rows the index has in that order. Rows with an array on the way are read beside it, and asked for the filter itself; there should be none. Without such a
/// filter an ascending order is the index's own. Read backwards, the index has what is missing first where the law has it
/// last, so the two parts are read one after the other, the second only where the first does not fill the page.
pub(super) struct Walk<'a> {
    pub(super) from: Conditions<'a>,
    pub(super) query: &'a RecordQuery,
    /// The columns of the index.
    pub(super) columns: Columns,
    pub(super) position: Option<Position>,
    /// Conditions on the field that is sorted by.
    pub(super) here: Vec<Indexed>,
    /// Conditions on other fields that have an index.
    pub(super) elsewhere: Vec<Indexed>,
    /// The other conditions.
    pub(super) rest: Filter,
    pub(super) sealed: bool,
    /// How many rows, with those that the offset skips.
    pub(super) wanted: u64,
}

impl Walk<'_> {
    pub(super) fn statement(&self, offset: u64) -> Statement {
        let mut statement = Statement::default();
        let order = Order::bound(&self.query.sort, &mut statement);
        let ascending = self.ascending();
        let text = if self.here.is_empty() && ascending {
            self.along(&order, "", &[], &mut statement)
        } else {
            let parts =
                if self.here.is_empty() { self.backwards(&order, &mut statement) } else { self.range(&order, &mut statement) };
            format!("{parts}{}", order.clause_of_selected())
        };
        statement.push(&text);
        limit(&mut statement, Some(self.wanted.saturating_sub(offset)), offset);
        statement
    }

    fn ascending(&self) -> bool {
        self.query.sort.first().is_some_and(|key| key.direction == Direction::Ascending)
    }

    /// A range of the index, and the rows beside it.
    fn range(&self, order: &Order, statement: &mut Statement) -> String {
        let values = order.selected();
        let here: Vec<String> = self.here.iter().map(|indexed| indexed.alone(statement)).collect();
        let along = self.along(order, &values, &here, statement);
        let path = self.here.first().map(|indexed| has_array("r.", &indexed.path)).unwrap_or_default();
        let mut beside = self.from.rows(&self.from.entity(), statement);
        beside.push(path);
        beside.extend(remaining(self.from.filter, self.sealed, statement));
        beside.extend(self.position.as_ref().map(|position| order.behind(position, statement)));
        let beside = self.select(&values, &beside);
        let (clause, wanted) = (order.clause(), self.wanted);
        format!("SELECT * FROM (({along} LIMIT {wanted}) UNION ALL ({beside}{clause} LIMIT {wanted})) r")
    }

    /// What is there, backwards, and then what is missing.
    fn backwards(&self, order: &Order, statement: &mut Statement) -> String {
        let (values, wanted) = (order.selected(), self.wanted);
        let Columns { rank, number, text } = &self.columns;
        let among_missing = self.position.as_ref().filter(|position| position.keys.first() == Some(&SortPoint::Missing));
        // Equality with what the index holds there leaves its last column as the order.
        let mut missing = self.conditions(statement);
        missing.push(format!("{rank} = {MISSING} AND {number} = 0 AND {text} = ''"));
        missing.extend(among_missing.map(|position| order.behind(position, statement)));
        let tail = format!(" ORDER BY {} LIMIT {wanted}", order.ties());
        if among_missing.is_some() {
            return format!("SELECT * FROM ({}{tail}) r", self.select(&values, &missing));
        }
        missing.push(format!("(SELECT count(*) FROM present) < {wanted}"));
        let present = self.along(order, &values, &[format!("{rank} < {MISSING}")], statement);
        format!(
            "WITH present AS MATERIALIZED ({present} LIMIT {wanted}), missing AS ({}{tail}) \
             SELECT * FROM (SELECT * FROM present UNION ALL SELECT * FROM missing) r",
            self.select(&values, &missing)
        )
    }

    /// The rows in the index's order, behind the position.
    fn along(&self, order: &Order, values: &str, which: &[String], statement: &mut Statement) -> String {
        let Columns { rank, number, text } = &self.columns;
        let columns = format!("{rank}, {number}, {text}");
        let mut all = self.conditions(statement);
        all.extend_from_slice(which);
        if self.query.sort.is_empty() {
            all.extend(self.position.as_ref().map(|position| order.behind(position, statement)));
            return format!("{} ORDER BY r.id", self.select(values, &all));
        }
        if let Some(position) = &self.position {
            let id = statement.bind(position.id.as_uuid());
            let point = position.keys.first().map(|point| bound(point, statement)).unwrap_or_default();
            match (self.ascending(), self.query.sort.len()) {
                (true, 1) => all.push(format!("({columns}, r.id) > ({point}, {id})")),
                // The first column bounds what is read, and the order decides.
                (ascending, _) => {
                    let operator = if ascending { ">=" } else { "<=" };
                    all.push(format!("({columns}) {operator} ({point})"));
                    all.push(order.behind(position, statement));
                }
            }
        }
        let direction = if self.ascending() { "ASC" } else { "DESC" };
        let terms = format!("{rank} {direction}, {number} {direction}, {text} {direction}, {}", order.ties());
        format!("{} ORDER BY {terms}", self.select(values, &all))
    }

    fn select(&self, values: &str, conditions: &[String]) -> String {
        format!("SELECT {RECORD_COLUMNS}{values} FROM {} r WHERE {}", self.from.records, conditions.join(" AND "))
    }

    /// The conditions of every row, but for those on the field that is sorted by.
    fn conditions(&self, statement: &mut Statement) -> Vec<String> {
        let mut all = self.from.rows(&self.from.entity(), statement);
        all.extend(self.elsewhere.iter().map(|indexed| indexed.condition(statement)));
        all.extend(remaining(&self.rest, self.sealed, statement));
        all
    }
}

/// A point as the columns of an index hold it.
fn bound(point: &SortPoint, statement: &mut Statement) -> String {
    let rank = match point {
        SortPoint::Number(_) => 0,
        SortPoint::String(_) => 1,
        SortPoint::Boolean(false) => 2,
        SortPoint::Boolean(true) => 3,
        SortPoint::Null => 4,
        SortPoint::Array => 5,
        SortPoint::Object => 6,
        SortPoint::Missing => MISSING,
    };
    let number = match point {
        SortPoint::Number(number) => Number::canonical(number),
        _ => "0".to_owned(),
    };
    let text = match point {
        SortPoint::String(text) => text.clone(),
        _ => String::new(),
    };
    let (rank, number, text) = (statement.bind(rank), statement.bind(number), statement.bind(text));
    format!("{rank}, {number}::numeric, {text}")
}
