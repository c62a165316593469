//! Sources that read files.

use super::{bad, is_default};
use mastra_core::Result;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `jsonl` and `parquet`: a file, or a folder of such files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileConfig {
    pub(crate) path: PathBuf,
    /// Items of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_items: Option<usize>,
}

/// `csv`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvConfig {
    pub(crate) path: PathBuf,
    /// What stands between the fields; a comma where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<char>,
    /// Whether numbers, booleans and empty fields are taken for such.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) infer: bool,
    /// Items of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_items: Option<usize>,
}

/// `folder`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderConfig {
    pub(crate) path: PathBuf,
    /// What names of files end in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extensions: Option<Vec<String>>,
    /// Names of folders that are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pass_over: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_file_bytes: Option<u64>,
}

/// `documents`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentsConfig {
    /// A folder, or one file.
    pub(crate) path: PathBuf,
}

impl FileConfig {
    pub(super) fn check(&self) -> Result<()> {
        there(&self.path)?;
        match self.page_items {
            Some(0) => Err(bad("a page holds one item at least", "source.page_items")),
            _ => Ok(()),
        }
    }
}

impl CsvConfig {
    pub(super) fn check(&self) -> Result<()> {
        FileConfig { path: self.path.clone(), page_items: self.page_items }.check()?;
        match self.delimiter {
            Some(c) if !c.is_ascii() || matches!(c, '"' | '\r' | '\n') => {
                Err(bad("a delimiter is one ASCII character, and neither a quote nor a line break", "source.delimiter"))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn there(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() { Err(bad("the path is blank", "source.path")) } else { Ok(()) }
}
