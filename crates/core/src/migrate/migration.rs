//! One migration: a numbered SQL file and what its first line says.

use super::header::{self, Header};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Whether clients that are older than a migration can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationKind {
    /// It only adds: every client that worked before works after.
    Additive,
    /// It takes something away or changes a meaning: it raises the oldest client that the schema serves.
    Breaking,
}

impl MigrationKind {
    /// The kind as a file's first line and the table spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::Breaking => "breaking",
        }
    }
}

impl fmt::Display for MigrationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MigrationKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "additive" => Ok(Self::Additive),
            "breaking" => Ok(Self::Breaking),
            _ => Err(Error::invalid_input("a migration is additive or breaking").with("kind", text)),
        }
    }
}

/// One version of a schema, as a client knows it.
///
/// ```
/// use mastra_core::migrate::{Migration, MigrationKind};
///
/// let migration = Migration::parse("0002_tags.sql", "-- mastra: kind=additive oldest_client=1\nCREATE TABLE tags (id int);\n")?;
/// assert_eq!((migration.version(), migration.name()), (2, "tags"));
/// assert_eq!(migration.kind(), MigrationKind::Additive);
/// assert_eq!(migration.oldest_client(), 1);
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    version: u32,
    name: Cow<'static, str>,
    header: Header,
    checksum: Cow<'static, str>,
    sql: Cow<'static, str>,
}

impl Migration {
    /// Reads a migration from its file name, as `0001_engine.sql`, and its text.
    ///
    /// `InvalidInput` where the name has no number, or the first line is not the header.
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        let (version, name) = file_name
            .strip_suffix(".sql")
            .and_then(|stem| stem.split_once('_'))
            .filter(|(digits, name)| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) && is_name(name))
            .and_then(|(digits, name)| digits.parse().ok().filter(|version| *version > 0).map(|version| (version, name)))
            .ok_or_else(|| {
                let message = "a migration's file is named like 0001_engine.sql: four digits from 1, lower case words";
                Error::invalid_input(message).with("file", file_name)
            })?;
        let sql = normalize(text);
        let header =
            header::parse(sql.lines().next().unwrap_or_default(), version).map_err(|error| error.with("file", file_name))?;
        let checksum = checksum(&sql);
        Ok(Self { version, name: Cow::Owned(name.to_owned()), header, checksum: Cow::Owned(checksum), sql: Cow::Owned(sql) })
    }

    /// A migration that was read when it was embedded into a crate; for generated code, which can be constant so.
    pub const fn embedded(
        version: u32,
        name: &'static str,
        kind: MigrationKind,
        oldest_client: u32,
        in_transaction: bool,
        checksum: &'static str,
        sql: &'static str,
    ) -> Self {
        Self {
            version,
            name: Cow::Borrowed(name),
            header: Header { kind, oldest_client, in_transaction },
            checksum: Cow::Borrowed(checksum),
            sql: Cow::Borrowed(sql),
        }
    }

    /// The version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The name in the file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's name.
    pub fn file_name(&self) -> String {
        format!("{:04}_{}.sql", self.version, self.name)
    }

    /// Additive or breaking.
    pub fn kind(&self) -> MigrationKind {
        self.header.kind
    }

    /// The oldest client that the schema serves with this migration applied, by the newest migration that it knows.
    pub fn oldest_client(&self) -> u32 {
        self.header.oldest_client
    }

    /// Whether it runs in one transaction with its bookkeeping. Where it does not, as `transaction=off` says, each statement
    /// stands alone and the migration can be run again after it failed half-way: for `CREATE INDEX CONCURRENTLY`.
    pub fn in_transaction(&self) -> bool {
        self.header.in_transaction
    }

    /// SHA-256 of the text with line endings normalised, in hexadecimal.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// The text, with line endings normalised.
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

/// The text with `\n` at the end of every line and of the file: a checkout on Windows has the same checksum.
fn normalize(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut normal = text.replace("\r\n", "\n").replace('\r', "\n");
    if !normal.ends_with('\n') {
        normal.push('\n');
    }
    normal
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- mastra: kind=additive oldest_client=1\nSELECT 1;\n";

    #[test]
    fn line_endings_do_not_change_the_checksum() {
        let unix = Migration::parse("0003_a.sql", TEXT).unwrap();
        for other in [TEXT.replace('\n', "\r\n"), TEXT.replace('\n', "\r"), format!("\u{feff}{TEXT}"), TEXT.trim_end().to_owned()]
        {
            assert_eq!(Migration::parse("0003_a.sql", &other).unwrap(), unix);
        }
        assert_ne!(Migration::parse("0003_a.sql", &TEXT.replace('1', "2")).unwrap().checksum(), unix.checksum());
    }

    #[test]
    fn the_checksum_is_plain_sha256() {
        // Of the text above, by sha256sum.
        let known = "69c16d73ee135994cb0ba87fc974eb6c05188ce435d7c2569f19055f4f777506";
        assert_eq!(Migration::parse("0001_a.sql", TEXT).unwrap().checksum(), known);
    }

    #[test]
    fn file_names_carry_the_version() {
        let migration = Migration::parse("0042_add_tags_2.sql", TEXT).unwrap();
        assert_eq!((migration.version(), migration.name()), (42, "add_tags_2"));
        assert_eq!(migration.file_name(), "0042_add_tags_2.sql");
        for wrong in ["1_a.sql", "0001.sql", "0001_.sql", "0000_a.sql", "0001_A.sql", "0001_a-b.sql", "0001_a", "+001_a.sql"] {
            assert!(Migration::parse(wrong, TEXT).is_err(), "{wrong}");
        }
    }
}
