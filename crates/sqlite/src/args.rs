//! Bound values of a statement that is put together.

use mastra_core::{Error, Result};
use sqlx::{Arguments as _, Encode, Sqlite, Type, sqlite::SqliteArguments};

/// Values with their numbers: a value is bound once and may stand in several places of the statement, in any order.
#[derive(Debug, Default)]
pub(crate) struct Args {
    values: SqliteArguments,
    refused: bool,
}

impl Args {
    /// Binds a value and gives the placeholder that stands for it.
    pub(crate) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> String {
        self.refused |= self.values.add(value).is_err();
        format!("?{}", self.values.len())
    }

    /// Binds the next of many values, each of which stands once, in order, as a bare `?`.
    ///
    /// SQLite keeps a list of the parameters that have a number in the statement and searches it for each: a thousand rows of them
    /// cost more than the rows.
    pub(crate) fn push<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) {
        self.refused |= self.values.add(value).is_err();
    }

    /// The values, to run the statement with.
    pub(crate) fn finish(self) -> Result<SqliteArguments> {
        if self.refused { Err(Error::internal("a value could not be bound")) } else { Ok(self.values) }
    }
}

/// The placeholders of that many rows.
pub(crate) fn placeholders(row: &str, rows: usize) -> String {
    let mut list = String::with_capacity((row.len() + 1) * rows);
    for index in 0..rows {
        if index > 0 {
            list.push(',');
        }
        list.push_str(row);
    }
    list
}

/// Cuts a list into pieces of a power of two, largest first, so that a handful of prepared statements serves every length.
pub(crate) fn powers_of_two<T>(items: Vec<T>, most: usize) -> impl Iterator<Item = Vec<T>> {
    let mut left = items.into_iter();
    std::iter::from_fn(move || {
        let size = left.len().min(most);
        let size = size.checked_ilog2().map(|log| 1 << log)?;
        Some(left.by_ref().take(size).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_few_and_of_few_sizes() {
        let sizes: Vec<usize> = powers_of_two((0..1_000).collect(), 512).map(|piece| piece.len()).collect();
        assert_eq!(sizes, [512, 256, 128, 64, 32, 8]);
        assert_eq!(powers_of_two(Vec::<u8>::new(), 512).count(), 0);
        assert_eq!(powers_of_two((0..1_337).collect(), 512).flatten().collect::<Vec<_>>(), (0..1_337).collect::<Vec<_>>());
    }
}
