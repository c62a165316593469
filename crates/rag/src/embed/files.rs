//! The files of a model: in a folder, or in the cache that Hugging Face's tools share.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mastra_core::{Error, Result};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// A model's folder. What is read of it is digested on the way: two folders with the same digest make the same vectors.
#[derive(Debug)]
pub(super) struct ModelFiles {
    folder: PathBuf,
    name: String,
    digest: Sha256,
}

impl ModelFiles {
    /// The folder of that path, or of that id in the cache: `ORGANISATION/NAME`, of which the first may be `assumed`, and
    /// `@REVISION` may follow.
    pub(super) fn find(reference: &str, assumed: &str) -> Result<Self> {
        Self::find_in(reference, assumed, |variable| {
            std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
        })
    }

    fn find_in(reference: &str, assumed: &str, environment: impl Fn(&str) -> Option<PathBuf>) -> Result<Self> {
        let path = Path::new(reference);
        if path.is_dir() {
            let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(Self { folder: whole, name, digest: Sha256::new() });
        }
        let (id, revision) = reference.split_once('@').unwrap_or((reference, "main"));
        let id = if id.contains('/') { id.to_owned() } else { format!("{assumed}/{id}") };
        let cache = cache(environment);
        let found = cache.as_deref().filter(|_| is_id(&id) && is_id(revision)).and_then(|cache| snapshot(cache, &id, revision));
        match found {
            Some(folder) => Ok(Self { folder, name: id, digest: Sha256::new() }),
            None => Err(missing(reference, &id, cache.as_deref())),
        }
    }

    /// What the model is called, with the digest of all that was read so far.
    pub(super) fn identity(&self) -> String {
        let hex: String = self.digest.clone().finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}@{hex}", self.name)
    }

    /// Adds to the digest what decides on vectors beside the files.
    pub(super) fn add(&mut self, what: &str) {
        self.digest.update((what.len() as u64).to_le_bytes());
        self.digest.update(what);
    }

    /// A file's content; `NotFound` where there is none.
    pub(super) fn bytes(&mut self, file: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(file);
        let bytes = fs::read(&path).map_err(|source| {
            let error = match source.kind() {
                io::ErrorKind::NotFound => Error::not_found("the model's folder lacks a file"),
                io::ErrorKind::PermissionDenied => Error::permission_denied("a file of the model cannot be read"),
                _ => Error::unavailable("a file of the model cannot be read"),
            };
            error.with("path", path.display()).with_source(source)
        })?;
        self.add(file);
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(&bytes);
        Ok(bytes)
    }

    /// A file of JSON; `NotFound` where there is none, `Corrupt` where it says something else than such files do.
    pub(super) fn json<T: DeserializeOwned>(&mut self, file: &str) -> Result<T> {
        let bytes = self.bytes(file)?;
        serde_json::from_slice(&bytes).map_err(|source| {
            Error::corrupt("a file of the model is not as such files are")
                .with("path", self.folder.join(file).display())
                .with_source(source)
        })
    }

    /// The tokenizer, which neither cuts nor fills up.
    pub(super) fn tokenizer(&mut self) -> Result<tokenizers::Tokenizer> {
        let bytes = self.bytes("tokenizer.json")?;
        let bad = |reason: String| Error::corrupt("the model's tokenizer.json cannot be read").with("reason", reason);
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| bad(error.to_string()))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| bad(error.to_string()))?;
        Ok(tokenizer)
    }
}

/// Where Hugging Face's tools keep what they downloaded.
fn cache(environment: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    environment("HF_HUB_CACHE")
        .or_else(|| Some(environment("HF_HOME")?.join("hub")))
        .or_else(|| Some(environment("XDG_CACHE_HOME")?.join("huggingface/hub")))
        .or_else(|| Some(environment("HOME").or_else(|| environment("USERPROFILE"))?.join(".cache/huggingface/hub")))
}

/// The files of a revision, by its name or its commit.
fn snapshot(cache: &Path, id: &str, revision: &str) -> Option<PathBuf> {
    let model = cache.join(format!("models--{}", id.replace('/', "--")));
    let commit = fs::read_to_string(model.join("refs").join(revision)).unwrap_or_else(|_| revision.to_owned());
    let folder = model.join("snapshots").join(commit.trim());
    (is_id(commit.trim()) && folder.is_dir()).then_some(folder)
}

/// What is no id must not lead out of the cache.
fn is_id(text: &str) -> bool {
    let part = |part: &str| {
        let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        plain && !part.is_empty() && !part.starts_with('.')
    };
    text.split('/').count() <= 2 && text.split('/').all(part)
}

fn missing(reference: &str, id: &str, cache: Option<&Path>) -> Error {
    let fetch = format!("hf download {id}");
    let message = if is_id(id) {
        "there is no such folder, and no such model in the cache of Hugging Face; nothing is downloaded here: fetch it, or name its folder"
    } else {
        "there is no such folder of a model"
    };
    let error = Error::not_found(message).with("model", reference);
    let error = if is_id(id) { error.with("fetch", fetch) } else { error };
    cache.into_iter().fold(error, |error, cache| error.with("cache", cache.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use mastra_core::ErrorKind;

    fn find(home: &Path, reference: &str) -> Result<ModelFiles> {
        ModelFiles::find_in(reference, "sentence-transformers", |variable| (variable == "HF_HOME").then(|| home.to_owned()))
    }

    #[test]
    fn ids_are_looked_up_in_the_cache_by_name_and_by_commit() {
        let home = tempfile::tempdir().unwrap();
        let model = home.path().join("hub/models--sentence-transformers--small");
        fs::create_dir_all(model.join("refs")).unwrap();
        fs::create_dir_all(model.join("snapshots/abc123")).unwrap();
        fs::write(model.join("refs/main"), "abc123\n").unwrap();
        for reference in ["small", "sentence-transformers/small", "small@main", "small@abc123"] {
            let found = find(home.path(), reference).unwrap();
            assert_eq!(
                (found.folder, &*found.name),
                (model.join("snapshots/abc123"), "sentence-transformers/small"),
                "{reference}"
            );
        }
        for reference in ["other", "small@v2", "../small", "a/b/c", "small@../abc123", ""] {
            assert_eq!(find(home.path(), reference).unwrap_err().kind(), ErrorKind::NotFound, "{reference}");
        }
        let error = find(home.path(), "org/other").unwrap_err();
        assert_eq!(error.get("fetch"), Some("hf download org/other"));
    }

    #[test]
    fn the_digest_is_of_the_content_and_not_of_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let identity = |place: &str, content: &str| {
            let folder = folder.path().join(place).join("small");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("config.json"), content).unwrap();
            let mut files = find(&folder, folder.to_str().unwrap()).unwrap();
            files.json::<serde_json::Value>("config.json").unwrap();
            files.identity()
        };
        let first = identity("a", "{}");
        assert!(first.starts_with("small@"), "{first}");
        assert_eq!(identity("b", "{}"), first);
        assert_ne!(identity("c", "{ }"), first);
    }

    #[test]
    fn absent_and_damaged_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = find(folder.path(), folder.path().to_str().unwrap()).unwrap();
        assert_eq!(files.json::<u8>("config.json").unwrap_err().kind(), ErrorKind::NotFound);
        for name in ["config.json", "tokenizer.json"] {
            fs::write(folder.path().join(name), "{").unwrap();
        }
        assert_eq!(files.json::<u8>("config.json").unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(files.tokenizer().unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
