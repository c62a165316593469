//! What can name an engine, read from the project's folder.

use super::{CONFIG_FILE, VARIABLES, Variables, unknown};
use crate::{
    exit::file_error,
    knowledge::KnowledgeConfig,
    sync::{SyncConfig, read_syncs, take_key},
};
use mastra_core::{Error, Result};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Everything that can name an engine.
#[derive(Default)]
pub(crate) struct Sources {
    /// `--engine`.
    pub(crate) flag: Option<String>,
    /// The variables of the environment that matter.
    pub(crate) environment: BTreeMap<String, String>,
    /// `.env` and what it holds.
    pub(crate) dotenv: Option<(PathBuf, BTreeMap<String, String>)>,
    /// `mastra.toml` and what it holds.
    pub(crate) config: Option<(PathBuf, Config)>,
}

/// `mastra.toml`. A table that is not known is an error: passed over, a misspelt one would choose another engine.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) engine: EngineConfig,
    #[serde(default)]
    pub(crate) knowledge: Vec<toml::Spanned<KnowledgeConfig>>,
    /// Read by themselves, so that what is wrong inside of one has a line.
    #[serde(default, deserialize_with = "apart")]
    pub(crate) sync: Vec<SyncConfig>,
    /// The line that each knowledge base begins at.
    #[serde(skip)]
    pub(super) lines: Vec<usize>,
}

/// What commands read of `mastra.toml` and `.env` beside the engine.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) knowledge: Vec<KnowledgeConfig>,
    pub(crate) syncs: Vec<SyncConfig>,
    pub(crate) variables: Variables,
}

/// `[engine]` of `mastra.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineConfig {
    pub(crate) url: Option<String>,
    pub(crate) schema: Option<String>,
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("EngineConfig").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// For what was taken out beforehand.
fn apart<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<SyncConfig>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Vec::new())
}

impl Sources {
    /// Reads the environment, and `.env` and `mastra.toml` of the current folder.
    pub(crate) fn read(flag: Option<String>) -> Result<Self> {
        let environment =
            VARIABLES.iter().filter_map(|name| std::env::var(name).ok().map(|value| ((*name).to_owned(), value))).collect();
        Ok(Self { flag, environment, dotenv: dotenv(Path::new(".env"))?, config: config(Path::new(CONFIG_FILE))? })
    }

    /// What is left of it once the engine was chosen.
    pub(crate) fn settings(self) -> Settings {
        let config = self.config.map(|(_, config)| config).unwrap_or_default();
        let knowledge = config.knowledge.into_iter().zip(config.lines).map(|(described, line)| {
            let mut described = described.into_inner();
            described.line = Some(line);
            described
        });
        let variables = Variables::of(self.dotenv.map(|(_, values)| values).unwrap_or_default());
        Settings { knowledge: knowledge.collect(), syncs: config.sync, variables }
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        self.config.as_ref()?.1.engine.schema.as_deref()
    }
}

/// The values of a `.env` file; `None` where there is no such file.
pub(crate) fn dotenv(path: &Path) -> Result<Option<(PathBuf, BTreeMap<String, String>)>> {
    // Read whole beforehand: an error of reading, which a folder of that name gives each time, must not look like a line.
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(file_error("cannot read", path, source)),
    };
    if bytes.contains(&0) {
        // UTF-16, most likely. Passing it over would choose another engine than the file names.
        return Err(Error::invalid_input("the file is no UTF-8 text").with("file", path.display()));
    }
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
    // A line that only the application understands must not stop a command that needs none of it.
    let mut values = BTreeMap::new();
    for (name, value) in dotenvy::Iter::new(text.as_bytes()).flatten() {
        values.entry(name).or_insert(value);
    }
    Ok(Some((path.to_owned(), values)))
}

fn config(path: &Path) -> Result<Option<(PathBuf, Config)>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(file_error("cannot read", path, source)),
    };
    let line_at = |offset: usize| text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
    let malformed = |message: &str, at: usize| {
        Error::invalid_input(format!("malformed: {}", unknown::told(message)))
            .with("file", path.display())
            .with("line", line_at(at))
    };
    // The parser's full report quotes the line, which may hold a password.
    let told = |error: toml::de::Error| malformed(error.message(), error.span().map_or(0, |span| span.start));
    let mut table = DeTable::parse(&text).map_err(told)?;
    let syncs = take_key(table.get_mut(), "sync");
    let mut config = Config::deserialize(toml::Deserializer::from(table)).map_err(told)?;
    if let Some(syncs) = syncs {
        config.sync = read_syncs(syncs, &line_at).map_err(|wrong| malformed(&wrong.message, wrong.at))?;
    }
    config.lines = config.knowledge.iter().map(|described| line_at(described.span().start)).collect();
    Ok(Some((path.to_owned(), config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_does_not_parse_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "# comment\nBROKEN LINE\nexport DATABASE_URL=\"postgres://u:p@h/d\"\nDATABASE_URL=second\n")
            .unwrap();
        let (_, values) = dotenv(&path).unwrap().unwrap();
        assert_eq!(values.get("DATABASE_URL").map(String::as_str), Some("postgres://u:p@h/d"));
        assert!(dotenv(&folder.path().join("absent")).unwrap().is_none());
        std::fs::write(&path, b"\xef\xbb\xbfDATABASE_URL=mock://a\n# caf\xe9\nDB_URL=mock://b\n").unwrap();
        let (_, values) = dotenv(&path).unwrap().unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["DATABASE_URL", "DB_URL"], "a mark and another encoding hide no line");
    }

    #[test]
    fn what_cannot_be_read_as_lines_is_an_error_rather_than_no_engine() {
        let folder = tempfile::tempdir().unwrap();
        assert!(dotenv(folder.path()).is_err(), "a folder");
        let path = folder.path().join(".env");
        std::fs::write(&path, "DATABASE_URL=mock://a\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()).unwrap();
        assert!(dotenv(&path).unwrap_err().message().contains("UTF-8"));
    }

    #[test]
    fn a_malformed_file_is_named_with_its_line_and_nothing_of_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mastra.toml");
        std::fs::write(&path, "[engine]\nurl = postgres://u:s3cret@h/d\n").unwrap();
        let error = config(&path).unwrap_err();
        assert_eq!(error.get("line"), Some("2"));
        assert!(!error.to_string().contains("s3cret"), "{error}");
        std::fs::write(&path, "[engine]\nuri = 'x'\n").unwrap();
        assert!(config(&path).unwrap_err().message().contains("uri"));
        std::fs::write(&path, "[engin]\nurl = 'mock://'\n").unwrap();
        assert!(config(&path).unwrap_err().message().contains("engin"), "a misspelt table chooses no other engine");
        std::fs::write(&path, "[engine]\nurl = 'mock://'\nschema = 'app'\n").unwrap();
        assert_eq!(config(&path).unwrap().unwrap().1.engine.schema.as_deref(), Some("app"));
    }
}
