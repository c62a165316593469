//! The description, kept in `mastra.toml` for the commands that come after.

use crate::exit::Outcome;
use crate::{
    exit::file_error,
    knowledge::KnowledgeConfig,
    output::{Output, text},
    resolve::CONFIG_FILE,
};
use mastra_core::{Error, Result};
use serde::Serialize;
use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read as _, Write as _},
    path::Path,
};

/// The first line of a file that is ours to add to.
const OURS: &str = "# Written by mastra quickstart, which adds to the end of this file as long as this line is its first.";

/// What was done about `mastra.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kept {
    /// It describes the knowledge base already.
    Described,
    /// The file was made.
    Created,
    /// The block was added to a file that an earlier run had made.
    Added,
    /// The file is the user's own, and was left alone.
    LeftAlone,
    /// It was not asked for.
    Off,
}

/// Sees to it that later commands know the knowledge base. A file of the user's own is never touched.
pub(super) fn keep(file: &Path, config: &KnowledgeConfig, wanted: bool) -> Result<Kept> {
    if config.line.is_some() {
        return Ok(Kept::Described);
    }
    if !wanted {
        return Ok(Kept::Off);
    }
    let failed = |source| file_error("cannot write", file, source);
    let mut there = match OpenOptions::new().read(true).append(true).create(true).open(file) {
        Ok(there) => there,
        // One that may not be written is not ours, if it is there.
        Err(source) if source.kind() == ErrorKind::PermissionDenied && file.exists() => return Ok(Kept::LeftAlone),
        Err(source) => return Err(failed(source)),
    };
    // Another quickstart of the same folder may be about to write the same.
    there.lock().map_err(failed)?;
    let mut text = String::new();
    there.read_to_string(&mut text).map_err(|source| file_error("cannot read", file, source))?;
    let block = block(config)?;
    if text.is_empty() {
        there.write_all(format!("{OURS}\n\n{block}").as_bytes()).map_err(failed)?;
        return Ok(Kept::Created);
    }
    if text.lines().next() != Some(OURS) {
        return Ok(Kept::LeftAlone);
    }
    if text.contains(&block) {
        return Ok(Kept::Described);
    }
    let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
    there.write_all(format!("{gap}{block}").as_bytes()).map_err(failed)?;
    Ok(Kept::Added)
}

/// The block that describes a knowledge base.
fn block(config: &KnowledgeConfig) -> Result<String> {
    #[derive(Serialize)]
    struct File<'c> {
        knowledge: [&'c KnowledgeConfig; 1],
    }
    toml::to_string(&File { knowledge: [config] })
        .map_err(|source| Error::internal("the description cannot be written as TOML").with_source(source))
}

/// Says what was done.
pub(super) fn told(out: &Output, kept: Kept, config: &KnowledgeConfig) -> Outcome<()> {
    let name = text::clean(&config.name);
    match kept {
        Kept::Described | Kept::Off => Ok(()),
        Kept::Created => out.say(format!("{CONFIG_FILE} was made, and describes the knowledge base {name}")),
        Kept::Added => out.say(format!("{CONFIG_FILE} describes the knowledge base {name} now, too")),
        Kept::LeftAlone => {
            out.say(format!("{CONFIG_FILE} is yours and was left alone; mastra search and mastra mcp need this in it:\n"))?;
            out.say(block(config)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn config(name: &str) -> KnowledgeConfig {
        KnowledgeConfig {
            name: name.to_owned(),
            entity: name.to_owned(),
            connection: Some(format!("quickstart:{name}")),
            fields: vec!["text".parse().unwrap()],
            ..KnowledgeConfig::default()
        }
    }

    #[test]
    fn a_file_of_ones_own_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mastra.toml");
        assert_eq!(keep(&file, &config("a"), false).unwrap(), Kept::Off);
        assert!(!file.exists());
        assert_eq!(keep(&file, &config("a"), true).unwrap(), Kept::Created);
        let first = fs::read_to_string(&file).unwrap();
        assert_eq!(keep(&file, &config("b"), true).unwrap(), Kept::Added);
        assert_eq!(keep(&file, &config("b"), true).unwrap(), Kept::Described, "another run was quicker");
        let both = fs::read_to_string(&file).unwrap();
        assert!(both.starts_with(&first));
        let read: toml::Value = toml::from_str(&both).unwrap();
        assert_eq!(read["knowledge"].as_array().unwrap().len(), 2);
        fs::write(&file, "# mine\n").unwrap();
        assert_eq!(keep(&file, &config("c"), true).unwrap(), Kept::LeftAlone);
        assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    }
}
