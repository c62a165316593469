//! The one order of values, in SQL.
//!
//! A sort key is three expressions: the rank of the value's type, its number, its text. `numeric` compares by decimal value and
//! `COLLATE "C"` by code point, whatever the database's own collation is; jsonb's own order would not do, since it has other
//! ranks and compares strings by that collation.

use super::{statement::Statement, value::sort_value};
use mastra_core::{Direction, Position, SortKey, SortPoint};

/// The expressions of one sort key.
#[derive(Debug, Clone)]
pub(crate) struct KeyExpressions {
    /// The rank of the type, -1 or [`MISSING`] for a missing value, so that it is last in the key's direction.
    rank: String,
    number: String,
    text: String,
    direction: Direction,
}

/// The rank of what is missing where the order is ascending; -1 where it is descending.
const MISSING: i32 = 7;

impl KeyExpressions {
    /// The expressions of a key, its path bound.
    pub(crate) fn bound(key: &SortKey, statement: &mut Statement) -> Self {
        Self::of(&sort_value(&key.path, statement), key.direction)
    }

    fn of(value: &str, direction: Direction) -> Self {
        let missing = match direction {
            Direction::Ascending => MISSING,
            Direction::Descending => -1,
        };
        Self {
            rank: format!(
                "(CASE jsonb_typeof({value}) WHEN 'number' THEN 0 WHEN 'string' THEN 1 \
                 WHEN 'boolean' THEN CASE WHEN {value} = 'false' THEN 2 ELSE 3 END \
                 WHEN 'null' THEN 4 WHEN 'array' THEN 5 WHEN 'object' THEN 6 ELSE {missing} END)"
            ),
            number: format!("(CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric END)"),
            text: format!("((CASE WHEN jsonb_typeof({value}) = 'string' THEN {value} #>> '{{}}' END) COLLATE \"C\")"),
            direction,
        }
    }

    /// The terms of `ORDER BY`.
    fn terms(&self) -> String {
        let direction = self.direction_name();
        format!("{} {direction}, {} {direction}, {} {direction}", self.rank, self.number, self.text)
    }

    const fn direction_name(&self) -> &'static str {
        match self.direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        }
    }

    /// The conditions for a value to stand behind the point and to tie with it.
    fn against(&self, point: &SortPoint, statement: &mut Statement) -> (String, String) {
        let rank = match point {
            SortPoint::Number(_) => 0,
            SortPoint::String(_) => 1,
            SortPoint::Boolean(false) => 2,
            SortPoint::Boolean(true) => 3,
            SortPoint::Null => 4,
            SortPoint::Array => 5,
            SortPoint::Object => 6,
            SortPoint::Missing if self.direction == Direction::Ascending => MISSING,
            SortPoint::Missing => -1,
        };
        let rank = statement.bind(rank);
        let behind = match self.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        };
        let same_rank = format!("{} = {rank}", self.rank);
        let next_rank = format!("{} {behind} {rank}", self.rank);
        let within = match point {
            SortPoint::Number(number) => Some((&self.number, format!("{}::numeric", statement.bind(number.canonical())))),
            SortPoint::String(text) => Some((&self.text, statement.bind(text.clone()))),
            _ => None,
        };
        match within {
            Some((expression, value)) => (
                format!("({next_rank} OR ({same_rank} AND {expression} {behind} {value}))"),
                format!("({same_rank} AND {expression} = {value})"),
            ),
            None => (next_rank, same_rank),
        }
    }
}

/// The order of a query: its keys, ties by id.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    keys: Vec<KeyExpressions>,
}

impl Order {
    /// The order of these keys, their paths bound.
    pub(crate) fn bound(sort: &[SortKey], statement: &mut Statement) -> Self {
        Self { keys: sort.iter().map(|key| KeyExpressions::bound(key, statement)).collect() }
    }

    /// `ORDER BY …`.
    pub(crate) fn clause(&self) -> String {
        let keys = self.keys.iter().map(KeyExpressions::terms);
        format!(" ORDER BY {}", keys.chain(["r.id".to_owned()]).collect::<Vec<_>>().join(", "))
    }

    /// How rows stand that tie in the first key.
    pub(crate) fn ties(&self) -> String {
        let keys = self.keys.iter().skip(1).map(KeyExpressions::terms);
        keys.chain(["r.id".to_owned()]).collect::<Vec<_>>().join(", ")
    }

    /// The keys as further columns of a `SELECT`.
    pub(crate) fn selected(&self) -> String {
        let keys = self.keys.iter().enumerate();
        keys.map(|(at, KeyExpressions { rank, number, text, .. })| {
            format!(", {rank} AS rank_{at}, {number} AS number_{at}, {text} AS text_{at}")
        })
        .collect()
    }

    /// `ORDER BY …` those columns.
    pub(crate) fn clause_of_selected(&self) -> String {
        let keys = self.keys.iter().enumerate().map(|(at, key)| {
            let direction = key.direction_name();
            format!("r.rank_{at} {direction}, r.number_{at} {direction}, r.text_{at} {direction}")
        });
        format!(" ORDER BY {}", keys.chain(["r.id".to_owned()]).collect::<Vec<_>>().join(", "))
    }

    /// The condition for a row to stand behind the position, as [`Position::compare`] has it.
    pub(crate) fn behind(&self, position: &Position, statement: &mut Statement) -> String {
        let id = statement.bind(position.id.as_uuid());
        let mut condition = format!("r.id > {id}");
        for (key, point) in self.keys.iter().zip(&position.keys).rev() {
            let (behind, ties) = key.against(point, statement);
            condition = format!("({behind} OR ({ties} AND {condition}))");
        }
        condition
    }
}
