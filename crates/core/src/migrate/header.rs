//! The first line of a migration: `-- mastra: kind=additive oldest_client=1 [transaction=off]`.

use super::MigrationKind;
use crate::error::{Error, Result};

/// What the first line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: MigrationKind,
    pub(super) oldest_client: u32,
    pub(super) in_transaction: bool,
}

/// Reads the first line of the migration of that version.
pub(super) fn parse(line: &str, version: u32) -> Result<Header> {
    let words = line.strip_prefix("-- mastra:").ok_or_else(|| {
        Error::invalid_input("the first line of a migration reads like `-- mastra: kind=additive oldest_client=1`")
    })?;
    let (mut kind, mut oldest_client, mut in_transaction) = (None, None, None);
    for word in words.split_whitespace() {
        let repeated = match word.split_once('=') {
            Some(("kind", value)) => kind.replace(value.parse()?).is_some(),
            Some(("oldest_client", value)) => oldest_client.replace(client(value, version)?).is_some(),
            Some(("transaction", value @ ("on" | "off"))) => in_transaction.replace(value == "on").is_some(),
            _ => return Err(Error::invalid_input("unknown word in a migration's first line").with("word", word)),
        };
        if repeated {
            return Err(Error::invalid_input("a migration's first line repeats a word").with("word", word));
        }
    }
    let missing = |name| Error::invalid_input("a migration's first line lacks a word").with("word", name);
    Ok(Header {
        kind: kind.ok_or_else(|| missing("kind"))?,
        oldest_client: oldest_client.ok_or_else(|| missing("oldest_client"))?,
        in_transaction: in_transaction.unwrap_or(true),
    })
}

fn client(value: &str, version: u32) -> Result<u32> {
    value.parse().ok().filter(|client| (1..=version).contains(client)).ok_or_else(|| {
        Error::invalid_input("oldest_client is a schema version from 1 to the migration's own").with("oldest_client", value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_word_in_any_order() {
        let header = parse("-- mastra: transaction=off oldest_client=2 kind=breaking", 3).unwrap();
        assert_eq!(header, Header { kind: MigrationKind::Breaking, oldest_client: 2, in_transaction: false });
        assert!(parse("-- mastra: kind=additive oldest_client=1", 1).unwrap().in_transaction);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in [
            "",
            "CREATE TABLE a ();",
            "-- mastra:",
            "-- mastra: kind=additive",
            "-- mastra: oldest_client=1",
            "-- mastra: kind=huge oldest_client=1",
            "-- mastra: kind=additive oldest_client=0",
            "-- mastra: kind=additive oldest_client=9",
            "-- mastra: kind=additive oldest_client=one",
            "-- mastra: kind=additive kind=additive oldest_client=1",
            "-- mastra: kind=additive oldest_client=1 transaction=maybe",
            "-- mastra: kind=additive oldest_client=1 fast",
        ] {
            assert!(parse(line, 3).is_err(), "{line}");
        }
    }
}
