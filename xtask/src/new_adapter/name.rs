//! The name of an adapter, and how it is spelt where.

use mastra_core::{Error, Result};

/// Longer names fit no line.
const LONGEST: usize = 40;

/// Names that a store cannot have: schemes that the registry knows.
const TAKEN: [&str; 8] = ["mock", "sqlite", "file", "postgres", "postgresql", "pgvector", "qdrant", "qdrants"];

/// A checked name: lower-case letters, digits and single dashes, a letter first and no dash last. Behind `mastra-` it names a crate, and by
/// itself the scheme of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn parse(name: &str) -> Result<Self> {
        let refused = |why: &str| Err(Error::invalid_input(format!("not a name for an adapter: {why}")).with("name", name));
        let bare = name.strip_prefix("mastra-").unwrap_or(name);
        if bare.is_empty() || bare.len() > LONGEST {
            return refused("it has between 1 and 40 letters");
        }
        if !bare.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refused("it begins with a lower-case letter");
        }
        if !bare.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return refused("it consists of lower-case letters, digits and dashes");
        }
        if bare.ends_with('-') || bare.contains("--") {
            return refused("a dash stands between letters or digits");
        }
        if TAKEN.contains(&bare) {
            return refused("the project has a backend of that name");
        }
        Ok(Self(bare.to_owned()))
    }

    /// As a scheme and in a folder's name: `new-store`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The package: `mastra-new-store`.
    pub(super) fn package(&self) -> String {
        format!("mastra-{}", self.0)
    }

    /// The crate in Rust code: `mastra_new_store`.
    pub(super) fn krate(&self) -> String {
        self.package().replace('-', "_")
    }

    /// In the names of types: `NewStore`.
    pub(super) fn camel(&self) -> String {
        let word = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        };
        self.0.split('-').map(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_and_a_url_take() {
        for (name, package, krate, camel) in [
            ("turbopuffer", "mastra-turbopuffer", "mastra_turbopuffer", "Turbopuffer"),
            ("mastra-new-store", "mastra-new-store", "mastra_new_store", "NewStore"),
            ("s3", "mastra-s3", "mastra_s3", "S3"),
            ("fn", "mastra-fn", "mastra_fn", "Fn"),
            ("a-1", "mastra-a-1", "mastra_a_1", "A1"),
        ] {
            let parsed = Name::parse(name).unwrap();
            assert_eq!((parsed.package(), parsed.krate(), parsed.camel()), (package.into(), krate.into(), camel.into()));
        }
        let long = "a".repeat(41);
        let refused = [
            "",
            "mastra-",
            "New",
            "new_store",
            "1st",
            "-a",
            "a-",
            "a--b",
            "a/b",
            "../a",
            "a b",
            "é",
            "qdrant",
            "mastra-sqlite",
            &long,
        ];
        for name in refused {
            assert!(Name::parse(name).is_err(), "{name:?}");
        }
    }
}
