//! The one place where names, and the literals that an index expression needs, become SQL text.
//!
//! Values and paths of a query are bound; what cannot be bound is quoted here: identifiers, the literal path of an expression
//! index, and the keys and strings inside a jsonpath, which is itself one bound value.

use mastra_core::{Error, Result};
use std::fmt::Write as _;

/// The longest identifier, in bytes, that Postgres keeps; it cuts a longer one off without an error (NAMEDATALEN - 1).
pub(crate) const MAX_IDENTIFIER_BYTES: usize = 63;

/// A schema and the qualified, quoted names of what lies in it.
///
/// Every statement names its tables by these, so no `search_path` matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    name: String,
    quoted: String,
    /// The entities.
    pub(crate) entities: String,
    /// Their records.
    pub(crate) records: String,
    /// The text of the records that full-text search covers.
    pub(crate) record_texts: String,
    /// Which field indexes exist.
    pub(crate) field_indexes: String,
    /// The migrations that were applied.
    pub(crate) migrations: String,
    /// The sequence that records' generations come from.
    pub(crate) generations: String,
}

impl Schema {
    /// The schema of that name: any identifier that Postgres keeps whole and does not reserve.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid_input(format!("the schema name {why}")));
        if name.trim().is_empty() {
            return refuse("is blank");
        }
        if name.contains('\0') {
            return refuse("holds the character U+0000");
        }
        if name.len() > MAX_IDENTIFIER_BYTES {
            return refuse("is longer than the 63 bytes that Postgres keeps");
        }
        if name.starts_with("pg_") || name == "information_schema" {
            return refuse("is reserved by Postgres");
        }
        let quoted = identifier(name);
        let of = |object: &str| format!("{quoted}.{}", identifier(object));
        Ok(Self {
            entities: of("entities"),
            records: of("records"),
            record_texts: of("record_texts"),
            field_indexes: of("field_indexes"),
            migrations: of("schema_migrations"),
            generations: of("record_generations"),
            name: name.to_owned(),
            quoted,
        })
    }

    /// The same schema, its migrations remembered in a table of another name: for what migrates beside the engine.
    pub(crate) fn remembering_in(self, table: &str) -> Self {
        Self { migrations: self.qualified(table), ..self }
    }

    /// The key of an advisory lock for a purpose in this schema: 64 bits of FNV-1a over both. Locks are per database.
    pub(crate) fn advisory_key(&self, purpose: &str) -> i64 {
        let bytes = purpose.bytes().chain([0]).chain(self.name.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash.cast_signed()
    }

    /// The name as it was given, unquoted; to be bound.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the rows of a bulk load lie between copy and merge.
    pub(crate) fn record_staging(&self) -> String {
        self.qualified("record_staging")
    }

    /// The name, quoted.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }

    /// The qualified, quoted name of any object in the schema.
    pub(crate) fn qualified(&self, object: &str) -> String {
        format!("{}.{}", self.quoted, identifier(object))
    }
}

/// A name as a delimited identifier. It holds no U+0000.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a string constant, whatever `standard_conforming_strings` says. It holds no U+0000.
///
/// With a backslash in it the constant is one with escapes, as libpq's `PQescapeLiteral` writes it.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') { format!("E'{}'", doubled.replace('\\', r"\\")) } else { format!("'{doubled}'") }
}

/// Keys as a constant of type `text[]`, for the expression of an index and for the queries that it has to serve.
pub(crate) fn path_literal(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| literal(key)).collect();
    format!("ARRAY[{}]::text[]", keys.join(","))
}

/// A text as a string of the jsonpath language, quotes included; for keys and values alike.
///
/// The escapes are those that jsonpath shares with JSON. Control characters are spelled out, since the scanner refuses them bare.
pub(crate) fn jsonpath_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                // Writing to a string does not fail. Every control character lies below U+0100.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_stays_inside_it() {
        assert_eq!(identifier(r#"a"; drop"#), r#""a""; drop""#);
        let schema = Schema::new(r#"we"ird"#).unwrap();
        assert_eq!(schema.records, r#""we""ird"."records""#);
        assert_eq!(schema.qualified("x"), r#""we""ird"."x""#);
        assert_eq!((schema.name(), schema.quoted()), (r#"we"ird"#, r#""we""ird""#));
    }

    #[test]
    fn names_that_postgres_would_change_or_refuse_are_refused() {
        for name in ["", " ", "a\0", "pg_catalog", "information_schema", &"é".repeat(32)] {
            assert!(Schema::new(name).is_err(), "{name:?}");
        }
        assert!(Schema::new(&"x".repeat(63)).is_ok());
    }

    #[test]
    fn constants_close_where_they_should() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"\'"), r"E'\\'''");
        assert_eq!(path_literal(&["a".into(), "b'c".into()]), "ARRAY['a','b''c']::text[]");
    }

    #[test]
    fn jsonpath_strings_escape_quotes_backslashes_and_controls() {
        assert_eq!(jsonpath_string("a\"b\\c\n\u{7f}é😀"), "\"a\\\"b\\\\c\\u000a\\u007fé😀\"");
    }
}
