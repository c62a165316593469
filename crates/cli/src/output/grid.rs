//! Tables that fit the terminal: one line a row, cells cut, columns that find no room named below.

use comfy_table::{CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};
use console::{measure_text_width, truncate_str};
use serde_json::Value;

/// A line under the header, none between rows.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction('│'))
    .header_separator(LineStyle::none().fill('─').junction('┼'))
    .content_lines(ContentLineStyle::none().junction('│'));
/// No column is narrower than this where its content is wider.
const NARROWEST: usize = 8;
/// No column is wider than this while others want for room.
const WIDEST: usize = 60;
/// A column's padding, and the line between it and the next.
const PER_COLUMN: usize = 3;

/// Rows under headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    numeric: Vec<bool>,
}

/// A table as text, and the columns that found no room.
#[derive(Debug, PartialEq)]
pub(crate) struct Fitted {
    pub(crate) text: String,
    pub(crate) hidden: Vec<String>,
}

impl Grid {
    pub(crate) fn new<S: Into<String>>(headers: impl IntoIterator<Item = S>) -> Self {
        let headers: Vec<String> = headers.into_iter().map(Into::into).collect();
        Self { numeric: vec![false; headers.len()], headers, rows: Vec::new() }
    }

    /// Aligns columns to the right, by position.
    pub(crate) fn right(mut self, columns: &[usize]) -> Self {
        for (index, numeric) in self.numeric.iter_mut().enumerate() {
            *numeric |= columns.contains(&index);
        }
        self
    }

    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Documents as rows: `lead` gives the first cells of each, then a column a key in the order in which keys appear.
    pub(crate) fn of_documents<'a>(lead: &[&str], documents: impl IntoIterator<Item = (Vec<String>, &'a Value)>) -> Self {
        let documents: Vec<_> = documents.into_iter().collect();
        let mut keys: Vec<&str> = Vec::new();
        for key in documents.iter().filter_map(|(_, data)| data.as_object()).flat_map(|map| map.keys()) {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        let headers = lead.iter().chain(&keys).map(|name| super::text::clean(name));
        let mut grid = Self::new(headers);
        for (index, key) in keys.iter().enumerate() {
            let mut values = documents.iter().filter_map(|(_, data)| data.get(*key)).filter(|value| !value.is_null()).peekable();
            let numeric = values.peek().is_some() && values.all(Value::is_number);
            if let Some(flag) = grid.numeric.get_mut(lead.len() + index) {
                *flag = numeric;
            }
        }
        for (first, data) in documents {
            let rest = keys.iter().map(|key| data.get(*key).map(super::text::cell).unwrap_or_default());
            grid.row(first.into_iter().chain(rest));
        }
        grid
    }

    /// The table within so many columns of the terminal.
    pub(crate) fn fit(&self, width: usize) -> Fitted {
        let widths = share(&self.natural_widths(), width);
        let shown = widths.len();
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
        let cut = |cells: &[String]| -> Vec<String> {
            let padded = cells.iter().map(String::as_str).chain(std::iter::repeat(""));
            padded.zip(&widths).map(|(cell, width)| truncate_str(cell, *width, "…").into_owned()).collect()
        };
        table.set_header(cut(&self.headers));
        table.add_rows(self.rows.iter().map(|row| cut(row)));
        for (column, _) in self.numeric.iter().enumerate().filter(|(_, numeric)| **numeric) {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Fitted { text: table.trim_fmt(), hidden: self.headers.iter().skip(shown).cloned().collect() }
    }

    fn natural_widths(&self) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.chain(self.headers.get(column)).map(|cell| measure_text_width(cell)).max().unwrap_or(0)
        };
        (0..self.headers.len()).map(widest).collect()
    }
}

/// How wide each column may be: as many columns as fit at their narrowest, then the room that is left goes to those that
/// want it, evenly.
fn share(natural: &[usize], width: usize) -> Vec<usize> {
    let narrowest = |wanted: usize| wanted.min(NARROWEST);
    let mut used = 0;
    let shown = natural
        .iter()
        .take_while(|wanted| {
            used += narrowest(**wanted) + PER_COLUMN;
            used <= width
        })
        .count()
        // A single column is always shown, cut to the width there is.
        .max(natural.len().min(1));
    let room = width.saturating_sub(shown * PER_COLUMN);
    let mut widths: Vec<usize> = natural.iter().take(shown).map(|wanted| narrowest(*wanted).min(room.max(1))).collect();
    let mut left = room.saturating_sub(widths.iter().sum());
    for limit in [WIDEST, usize::MAX] {
        while left > 0 {
            let mut grown = false;
            for (width, wanted) in widths.iter_mut().zip(natural) {
                if left > 0 && *width < (*wanted).min(limit) {
                    *width += 1;
                    left -= 1;
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn widest_line(text: &str) -> usize {
        text.lines().map(measure_text_width).max().unwrap_or(0)
    }

    #[test]
    fn a_table_never_leaves_the_terminal() {
        let long = "word ".repeat(40);
        let data = json!({ "a": long, "b": 12, "c": ["x", "y"], "日本語": "日本語のテキスト".repeat(10), "e": { "deep": long }, "f": 1, "g": 2 });
        for width in [20, 40, 80, 200] {
            let grid = Grid::of_documents(&["externalId"], [(vec!["c-1".to_owned()], &data)]);
            let fitted = grid.fit(width);
            assert!(widest_line(&fitted.text) <= width, "{width}: {}", fitted.text);
            let rows = fitted.text.lines().count();
            assert_eq!(rows, 3, "a row takes one line: {}", fitted.text);
        }
    }

    #[test]
    fn columns_without_room_are_named() {
        let data: Value = serde_json::from_str(r#"{"aaaaaaaaa":1,"bbbbbbbbb":2,"ccccccccc":3}"#).unwrap();
        let fitted = Grid::of_documents(&[], [(vec![], &data)]).fit(24);
        assert_eq!(fitted.hidden, ["ccccccccc"]);
        assert!(Grid::of_documents(&[], [(vec![], &data)]).fit(80).hidden.is_empty());
    }

    #[test]
    fn room_goes_to_those_that_want_it() {
        assert_eq!(share(&[3, 100], 60), [3, 51]);
        assert_eq!(share(&[3, 5], 60), [3, 5]);
        assert_eq!(share(&[100, 100], 60), [27, 27]);
        assert_eq!(share(&[], 60), [0; 0]);
    }

    #[test]
    fn every_row_shows_the_keys_of_all() {
        let (one, two) = (json!({ "a": 1 }), json!({ "b": null }));
        let grid = Grid::of_documents(&["id"], [(vec!["1".into()], &one), (vec!["2".into()], &two)]);
        assert_eq!(grid.headers, ["id", "a", "b"]);
        assert_eq!(grid.rows, [["1", "1", ""], ["2", "", "null"]]);
        assert_eq!(grid.numeric, [false, true, false]);
    }
}
