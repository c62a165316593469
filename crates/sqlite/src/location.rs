//! Where a database is: from URLs.

use crate::builder::SqliteEngineBuilder;
use mastra_core::{Error, Result};
use std::path::PathBuf;

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) place: Place,
    pub(crate) mode: Mode,
}

/// A file, or memory that goes with the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Memory,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Created where it is not there.
    #[default]
    Create,
    /// Has to be there.
    Existing,
    /// Has to be there, and is not written.
    ReadOnly,
}

impl Location {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let Some(rest) = url.strip_prefix("sqlite:").or_else(|| url.strip_prefix("file:")) else {
            return Err(Error::invalid_input("a SQLite URL begins with sqlite: or file:, as in sqlite:data.db"));
        };
        // An authority is not part of a file's name: both `sqlite:x.db` and `sqlite://x.db` name x.db.
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut location = Self { place: Place::of(&decode(path)?)?, mode: Mode::default() };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("mode", "rwc")) => location.mode = Mode::Create,
                Some(("mode", "rw")) => location.mode = Mode::Existing,
                Some(("mode", "ro")) => location.mode = Mode::ReadOnly,
                Some(("mode", "memory")) => location.place = Place::Memory,
                other => {
                    let name = other.map_or(parameter, |(name, _)| name);
                    return Err(Error::invalid_input("a SQLite URL takes mode=ro, mode=rw, mode=rwc or mode=memory")
                        .with("parameter", name));
                }
            }
        }
        Ok(location)
    }

    pub(crate) fn into_builder(self) -> SqliteEngineBuilder {
        SqliteEngineBuilder::at(self)
    }
}

impl Place {
    /// The place of a path as SQLite's users write it.
    pub(crate) fn of(path: &str) -> Result<Self> {
        match path {
            ":memory:" => Ok(Self::Memory),
            "" => Err(Error::invalid_input("a SQLite URL names a file, or :memory:")),
            path if path.contains('\0') => Err(Error::invalid_input("a file's name cannot hold the character U+0000")),
            path => Ok(Self::File(path.into())),
        }
    }
}

/// Undoes percent encoding.
fn decode(text: &str) -> Result<String> {
    let bad = || Error::invalid_input("the SQLite URL's percent encoding is malformed");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().ok_or_else(bad)?, rest.next().ok_or_else(bad)?];
        let digits = std::str::from_utf8(&digits).map_err(|_| bad())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> PathBuf {
        match Location::parse(url).unwrap().place {
            Place::File(path) => path,
            Place::Memory => panic!("{url} is memory"),
        }
    }

    #[test]
    fn every_spelling_names_its_file() {
        for url in ["sqlite:a b.db", "sqlite://a b.db", "file:a%20b.db", "sqlite:a%20b.db?mode=rwc"] {
            assert_eq!(file(url), PathBuf::from("a b.db"), "{url}");
        }
        for url in ["sqlite:/var/x.db", "sqlite:///var/x.db", "file:///var/x.db"] {
            assert_eq!(file(url), PathBuf::from("/var/x.db"), "{url}");
        }
        for url in ["sqlite::memory:", "sqlite://:memory:", "file::memory:", "sqlite:x?mode=memory"] {
            assert_eq!(Location::parse(url).unwrap().place, Place::Memory, "{url}");
        }
        assert_eq!(Location::parse("sqlite:x?mode=ro").unwrap().mode, Mode::ReadOnly);
    }

    #[test]
    fn malformed_urls_are_refused() {
        for url in [
            "",
            "x.db",
            "postgres://x",
            "sqlite:",
            "sqlite://",
            "sqlite:x?mode=no",
            "sqlite:x?cache=shared",
            "sqlite:%2",
            "sqlite:%ff",
            "sqlite:%00",
        ] {
            assert!(Location::parse(url).is_err(), "{url}");
        }
    }
}
