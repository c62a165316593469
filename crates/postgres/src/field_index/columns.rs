//! The expressions that field indexes are built on.

use crate::{
    query::constant_value,
    quote::{jsonpath_string, literal},
};
use mastra_core::Path;

/// The most characters of a string that a scalar index holds; a row of a B-tree may have 2,704 bytes.
pub(crate) const CHARACTERS: usize = 256;

/// The most digits, on either side of the point, of a number that a scalar index holds as it is.
pub(crate) const DIGITS: usize = 300;

/// The rank of an array.
pub(super) const ARRAY: i32 = 5;

/// The rank of a missing value.
pub(crate) const MISSING: i32 = 7;

/// The columns of a scalar index: the rank of the value's type, its number, its text, in the one order of values.
///
/// None of them is ever NULL, so that an equality fixes a column. A long string is cut and a number of many digits is moved
/// aside, to where no number that the index holds whole can be: they compare rightly with every other value, but may tie.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) rank: String,
    pub(crate) number: String,
    pub(crate) text: String,
}

impl Columns {
    /// The columns for a field of the data of `table`, `r.` in a query and nothing in an index.
    pub(crate) fn new(table: &str, path: &Path) -> Self {
        Self::of(&format!("{table}data"), path)
    }

    /// The columns for a field of the documents in a column.
    pub(super) fn of(column: &str, path: &Path) -> Self {
        let value = constant_value(column, path);
        let numeric = format!("({value})::numeric");
        Self {
            rank: format!(
                "(CASE jsonb_typeof({value}) WHEN 'number' THEN 0 WHEN 'string' THEN 1 \
                 WHEN 'boolean' THEN CASE WHEN {value} = 'false' THEN 2 ELSE 3 END \
                 WHEN 'null' THEN 4 WHEN 'array' THEN {ARRAY} WHEN 'object' THEN 6 ELSE {MISSING} END)"
            ),
            number: format!(
                "(CASE WHEN jsonb_typeof({value}) = 'number' THEN CASE \
                 WHEN abs({numeric}) >= '1e{DIGITS}'::numeric THEN sign({numeric}) * '1e{DIGITS}'::numeric \
                 WHEN min_scale({numeric}) > {DIGITS} \
                 THEN trunc({numeric}, {DIGITS}) + sign({numeric}) * '5e-{}'::numeric \
                 ELSE {numeric} END ELSE 0 END)",
                DIGITS + 1
            ),
            text: format!(
                "((CASE WHEN jsonb_typeof({value}) = 'string' THEN left({value} #>> '{{}}', {CHARACTERS}) ELSE '' END) \
                 COLLATE \"C\")"
            ),
        }
    }
}

/// Whether the field, or one above it, is an array, so that a filter sees more than the one value of a scalar index.
pub(crate) fn has_array(table: &str, path: &Path) -> String {
    has_array_in(&format!("{table}data"), path)
}

/// The same for the documents in a column.
pub(super) fn has_array_in(column: &str, path: &Path) -> String {
    let arrays: Vec<String> = (1..=path.segments().len())
        .filter_map(|length| path.segments().get(..length))
        .filter_map(|prefix| Path::from_segments(prefix).ok())
        .map(|prefix| format!("jsonb_typeof({}) = 'array'", constant_value(column, &prefix)))
        .collect();
    format!("({})", arrays.join(" OR "))
}

/// All values that a filter finds under the field, as one array: what a multi index is built on.
pub(crate) fn leaves(table: &str, path: &Path) -> String {
    let keys: String = path.segments().iter().map(|key| format!(".{}", jsonpath_string(key))).collect();
    format!("jsonb_path_query_array({table}data, {}::jsonpath)", literal(&format!("${keys}")))
}
