//! The descriptions, kept in `mastra.toml` for the commands that come after.

use crate::exit::Outcome;
use crate::{
    exit::file_error,
    knowledge::KnowledgeConfig,
    output::{Output, text},
    resolve::CONFIG_FILE,
    sync::SyncConfig,
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
    /// It describes everything already.
    Described,
    /// The file was made.
    Created,
    /// What was missing was added to a file that an earlier run had made.
    Added,
    /// The file is the user's own, and was left alone.
    LeftAlone,
    /// It was not asked for.
    Off,
}

/// Sees to it that later commands know the knowledge base, and the sync where there is one. A file of the user's own is never touched.
pub(super) fn keep(file: &Path, config: &KnowledgeConfig, sync: Option<&SyncConfig>, wanted: bool) -> Result<Kept> {
    let known = config.line.is_some();
    let sync = sync.filter(|sync| !sync.is_described());
    if known && (sync.is_none() || !wanted) {
        return Ok(Kept::Described);
    }
    if !wanted {
        return Ok(Kept::Off);
    }
    let failed = |source| file_error("cannot write", file, source);
    // Who describes the knowledge base in a file that is not ours need not describe how it is loaded.
    let not_ours = if known { Kept::Described } else { Kept::LeftAlone };
    let mut there = match OpenOptions::new().read(true).append(true).create(true).open(file) {
        Ok(there) => there,
        // One that may not be written is not ours, if it is there.
        Err(source) if source.kind() == ErrorKind::PermissionDenied && file.exists() => return Ok(not_ours),
        Err(source) => return Err(failed(source)),
    };
    // Another quickstart of the same folder may be about to write the same.
    there.lock().map_err(failed)?;
    let mut text = String::new();
    there.read_to_string(&mut text).map_err(|source| file_error("cannot read", file, source))?;
    if !text.is_empty() && text.lines().next() != Some(OURS) {
        return Ok(not_ours);
    }
    let mut blocks = blocks((!known).then_some(config), sync)?;
    blocks.retain(|block| !text.contains(block));
    if blocks.is_empty() {
        return Ok(Kept::Described);
    }
    let (before, kept) = match &*text {
        "" => (format!("{OURS}\n\n"), Kept::Created),
        text if text.ends_with('\n') => ("\n".to_owned(), Kept::Added),
        _ => ("\n\n".to_owned(), Kept::Added),
    };
    there.write_all(format!("{before}{}", blocks.join("\n")).as_bytes()).map_err(failed)?;
    Ok(kept)
}

/// The blocks that describe a knowledge base and a sync.
fn blocks(config: Option<&KnowledgeConfig>, sync: Option<&SyncConfig>) -> Result<Vec<String>> {
    #[derive(Serialize)]
    struct Knowledge<'c> {
        knowledge: [&'c KnowledgeConfig; 1],
    }
    #[derive(Serialize)]
    struct Sync<'c> {
        sync: [&'c SyncConfig; 1],
    }
    let failed = |source| Error::internal("the description cannot be written as TOML").with_source(source);
    let knowledge = config.map(|config| toml::to_string(&Knowledge { knowledge: [config] }).map_err(failed));
    let sync = sync.map(|sync| toml::to_string(&Sync { sync: [sync] }).map_err(failed));
    knowledge.into_iter().chain(sync).collect()
}

/// Says what was done.
pub(super) fn told(out: &Output, kept: Kept, config: &KnowledgeConfig, sync: Option<&SyncConfig>) -> Outcome<()> {
    let name = text::clean(&config.name);
    let sync = sync.filter(|sync| !sync.is_described());
    let and_sync = sync.map(|sync| format!(" and the sync {}", text::clean(&sync.id))).unwrap_or_default();
    match kept {
        Kept::Described | Kept::Off => Ok(()),
        Kept::Created => out.say(format!("{CONFIG_FILE} was made, and describes the knowledge base {name}{and_sync}")),
        Kept::Added => out.say(format!("{CONFIG_FILE} describes the knowledge base {name}{and_sync} now, too")),
        Kept::LeftAlone => {
            out.say(format!("{CONFIG_FILE} is yours and was left alone; mastra search, mcp and sync need this in it:\n"))?;
            out.say(blocks(Some(config), sync)?.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{DocumentsConfig, SourceConfig};
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

    fn sync(path: &str) -> SyncConfig {
        let source = SourceConfig::Documents(DocumentsConfig { path: path.into() });
        SyncConfig { id: path.to_owned(), entity: path.to_owned(), source, ..SyncConfig::default() }
    }

    #[test]
    fn a_file_of_ones_own_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mastra.toml");
        assert_eq!(keep(&file, &config("a"), None, false).unwrap(), Kept::Off);
        assert!(!file.exists());
        assert_eq!(keep(&file, &config("a"), Some(&sync("a")), true).unwrap(), Kept::Created);
        let first = fs::read_to_string(&file).unwrap();
        assert_eq!(keep(&file, &config("b"), Some(&sync("b")), true).unwrap(), Kept::Added);
        assert_eq!(keep(&file, &config("b"), Some(&sync("b")), true).unwrap(), Kept::Described, "another run was quicker");
        let both = fs::read_to_string(&file).unwrap();
        assert!(both.starts_with(&first));
        let read: toml::Value = toml::from_str(&both).unwrap();
        assert_eq!(read["knowledge"].as_array().unwrap().len(), 2);
        assert_eq!(read["sync"][1]["source"]["path"].as_str(), Some("b"));
        // What was made before there were syncs gets the one that it lacks, once.
        fs::write(&file, format!("{OURS}\n\n{}", blocks(Some(&config("a")), None).unwrap().concat())).unwrap();
        let described = KnowledgeConfig { line: Some(3), ..config("a") };
        assert_eq!(keep(&file, &described, Some(&sync("a")), false).unwrap(), Kept::Described);
        assert_eq!(keep(&file, &described, Some(&sync("a")), true).unwrap(), Kept::Added);
        assert_eq!(keep(&file, &described, Some(&sync("a")), true).unwrap(), Kept::Described);
        assert_eq!(fs::read_to_string(&file).unwrap(), first);
        fs::write(&file, "# mine\n").unwrap();
        assert_eq!(keep(&file, &config("c"), Some(&sync("c")), true).unwrap(), Kept::LeftAlone);
        assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    }
}
