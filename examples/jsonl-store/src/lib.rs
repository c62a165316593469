#![doc = include_str!("../README.md")]

mod folder;
mod index;
mod store;

pub use store::JsonlVectors;

use folder::Folder;
use mastra_core::{EngineInfo, Error, Result, vector::CheckedVectors};
use std::{
    path::PathBuf,
    sync::{Arc, RwLock},
};

/// Opens the folder that a URL names, `jsonl:vectors` or `jsonl:///srv/vectors`, and makes it where it is not there. Reads every point into
/// memory.
///
/// Errors: `InvalidInput` for a URL that names no folder; `Conflict` where the folder is open already, here or in another process;
/// `PermissionDenied` or `Unavailable` where it cannot be read and written; `Corrupt` where a file is none of this store's.
pub async fn connect(url: &str) -> Result<CheckedVectors<JsonlVectors>> {
    let path = url.strip_prefix("jsonl:").map(|path| path.strip_prefix("//").unwrap_or(path)).filter(|path| !path.is_empty());
    let path = PathBuf::from(path.ok_or_else(|| Error::invalid_input("the URL of a folder is jsonl:path/to/folder"))?);
    let info = EngineInfo { system: "mastra.jsonl", namespace: path.display().to_string() };
    let folder = store::blocking(move || Folder::open(path)).await?;
    Ok(CheckedVectors::new(JsonlVectors { info, folder: Arc::new(RwLock::new(Some(folder))) }))
}
