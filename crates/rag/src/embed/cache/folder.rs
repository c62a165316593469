//! A cache in a folder: a file a vector.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use mastra_core::{Error, Result};
use sha2::{Digest as _, Sha256};

use super::{CacheKey, EmbeddingCache};
use crate::embed::blocking::blocking;

/// What every file begins with; the last byte is the version of what follows.
const MAGIC: &[u8; 8] = b"mastraE1";
/// How much of a SHA-256 over the numbers ends the file.
const SUM: usize = 8;

/// Keeps vectors in a folder, for later runs and for other processes, any number of which may use it at once.
///
/// A vector is a file of its own under `ab/cdef…`, named by its key, 16 bytes longer than its numbers (384 of them: 1,552 bytes).
/// It is written beside and renamed into place, so that a file is whole or not there; a damaged one counts as absent and is written
/// again. Nothing is ever removed: delete the folder, or what is old in it, whenever you like.
#[derive(Debug, Clone)]
pub struct FolderCache(PathBuf);

impl FolderCache {
    /// Keeps vectors there; the folder is made where it is missing, which can fail as `PermissionDenied` or `Unavailable`.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|source| error("cannot make the folder of the cache", &folder, source))?;
        Ok(Self(folder))
    }

    fn file(&self, key: &CacheKey) -> PathBuf {
        let name = key.to_string();
        let (folder, file) = name.split_at_checked(2).unwrap_or(("", &name));
        self.0.join(folder).join(file)
    }

    fn read(&self, key: &CacheKey) -> Result<Option<Vec<f32>>> {
        let file = self.file(key);
        match fs::read(&file) {
            Ok(bytes) => Ok(decode(&bytes)),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(error("cannot read a file of the cache", &file, source)),
        }
    }

    fn write(&self, key: &CacheKey, bytes: &[u8]) -> Result<()> {
        let file = self.file(key);
        let folder = file.parent().unwrap_or(&self.0);
        let write = || {
            fs::create_dir_all(folder)?;
            let mut beside = tempfile::NamedTempFile::new_in(folder)?;
            beside.write_all(bytes)?;
            beside.persist(&file).map_err(|failed| failed.error)
        };
        write().map(drop).map_err(|source| error("cannot write a file of the cache", &file, source))
    }
}

#[async_trait]
impl EmbeddingCache for FolderCache {
    async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>> {
        let (cache, keys) = (self.clone(), keys.to_vec());
        blocking(move || keys.iter().map(|key| cache.read(key)).collect()).await
    }

    async fn put(&self, entries: &[(CacheKey, &[f32])]) -> Result<()> {
        let cache = self.clone();
        let entries: Vec<(CacheKey, Vec<u8>)> = entries.iter().map(|(key, vector)| (*key, encode(vector))).collect();
        blocking(move || entries.iter().try_for_each(|(key, bytes)| cache.write(key, bytes))).await
    }
}

fn encode(vector: &[f32]) -> Vec<u8> {
    let numbers: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    let sum = Sha256::digest(&numbers);
    MAGIC.iter().chain(&numbers).chain(sum.iter().take(SUM)).copied().collect()
}

/// `None`: not such a file, or not whole.
fn decode(bytes: &[u8]) -> Option<Vec<f32>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (numbers, sum) = rest.split_at_checked(rest.len().checked_sub(SUM)?)?;
    let (numbers_of_4, odd) = numbers.as_chunks::<4>();
    let whole = odd.is_empty() && Sha256::digest(numbers).iter().zip(sum).all(|(is, was)| is == was);
    whole.then(|| numbers_of_4.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

fn error(message: &str, path: &Path, source: io::Error) -> Error {
    let error = match source.kind() {
        io::ErrorKind::PermissionDenied => Error::permission_denied(message),
        _ => Error::unavailable(message),
    };
    error.with("path", path.display()).with_source(source)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::embed::{EmbedKind, EmbedderInfo};

    fn keys() -> [CacheKey; 2] {
        let info = EmbedderInfo::new("example/two", 2);
        ["a", "b"].map(|text| CacheKey::new(&info, EmbedKind::Document, text))
    }

    #[tokio::test]
    async fn vectors_come_back_to_the_bit_in_another_process_s_eyes() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = keys();
        let vector = [0.1_f32, -1e-30];
        FolderCache::open(folder.path()).unwrap().put(&[(a, &vector)]).await.unwrap();
        let kept = FolderCache::open(folder.path()).unwrap().get(&[b, a]).await.unwrap();
        assert_eq!(kept, [None, Some(vector.to_vec())]);
    }

    #[tokio::test]
    async fn a_damaged_file_counts_as_absent_and_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FolderCache::open(folder.path().join("new/folder")).unwrap();
        let [a, _] = keys();
        cache.put(&[(a, &[1.0, 2.0])]).await.unwrap();
        let file = cache.file(&a);
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        *flipped.get_mut(9).unwrap() ^= 1;
        for damaged in [&whole[..whole.len() - 1], &whole[..8], &[], &flipped] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(cache.get(&[a]).await.unwrap(), [None]);
        }
        cache.put(&[(a, &[3.0, 4.0])]).await.unwrap();
        assert_eq!(cache.get(&[a]).await.unwrap(), [Some(vec![3.0, 4.0])]);
        let beside = fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "no half-written file stays");
    }
}
