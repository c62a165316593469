//! Documents as a source of a sync: what quickstart loads, and `kind = "documents"` of `[[sync]]`.

use super::{
    documents,
    folder::{File, Folder, Kind},
    read::{self, Content},
    skipped::{Reason, Skipped},
};
use crate::exit::HINT;
use futures::{StreamExt as _, stream};
use mastra_core::{Error, NewRecord, Result};
use mastra_sync::source::{Item, Known, Page, Pages, Position, Source};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// So many files are read at once, fewer where they are long.
const FILES: usize = 100;
const BYTES: u64 = 4 * 1024 * 1024;
/// Grows when other records are made of the same files.
const EDITION: u32 = 1;

/// The documents in a folder and all below it, or one file: a record a document, ready to be indexed.
///
/// Every run reads all files; what is as it was is known by its content, and not made again. A part that cannot be read makes the
/// enumeration incomplete, so that nothing of it is deleted.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    path: PathBuf,
    left_out: Arc<Mutex<Skipped>>,
}

/// The last file that was read; the beginning where there is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    after: Option<String>,
}

enum Step {
    Open(Option<String>),
    Read(Reader),
    End,
}

/// The files, and which of them is next.
struct Reader {
    files: Vec<File>,
    next: usize,
    /// Why something of the folder is missing.
    unread: Vec<String>,
}

/// A file, as it stood at one moment.
struct Text {
    file: File,
    content: Content,
    version: String,
}

impl Documents {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), left_out: Arc::default() }
    }

    /// What the last reading left out.
    pub(super) fn left_out(&self) -> Skipped {
        std::mem::take(&mut *self.left_out.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn leave_out(&self, reason: Reason, name: &str) {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).add(reason, name);
    }

    async fn open(&self, cursor: Option<String>) -> Result<Reader> {
        let after = cursor.as_deref().map(serde_json::from_str::<Cursor>).transpose();
        let after =
            after.map_err(|_| Error::invalid_input("the cursor is not one of documents"))?.and_then(|cursor| cursor.after);
        let path = self.path.clone();
        let folder = blocking(move || found(&path)).await?;
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) = folder.skipped;
        let next = after.map_or(0, |after| folder.files.partition_point(|file| file.name <= after));
        Ok(Reader { files: folder.files, next, unread: folder.unread })
    }

    /// The next page, and the reader behind it.
    async fn read(&self, reader: Reader, known: Option<&dyn Known>) -> Result<(Reader, Page)> {
        let (mut reader, read) = blocking(move || Ok(reader.read())).await?;
        let (mut page, mut texts) = (Page::default(), Vec::new());
        for (name, text) in read {
            match text {
                Ok(text) => texts.push(text),
                Err(reason) => {
                    self.leave_out(reason, &name);
                    if matches!(reason, Reason::Unreadable | Reason::Changing) {
                        reader.unread.push(name);
                    }
                }
            }
        }
        page.bytes = texts.iter().map(|text| text.content.text.len() as u64).sum();
        let ids: Vec<String> = texts.iter().filter(|text| !text.is_list()).map(|text| text.file.name.clone()).collect();
        let versions = versions(known, &ids).await?;
        let (same, other): (Vec<Text>, Vec<Text>) =
            texts.into_iter().partition(|text| versions.get(&text.file.name) == Some(&text.version));
        page.items.extend(same.into_iter().map(|text| Item::Unchanged { external_id: text.file.name }));
        let made = blocking(move || Ok(other.into_iter().map(Text::made).collect::<Vec<_>>())).await?;
        for (name, version, records) in made {
            match records {
                Ok(records) => page.items.extend(of_list(records, &version, known).await?),
                Err(reason) => self.leave_out(reason, &name),
            }
        }
        page.incomplete = match reader.unread.as_slice() {
            [] => None,
            [one] => Some(format!("{one} cannot be read")),
            [first, rest @ ..] => Some(format!("{first} and {} more cannot be read", rest.len())),
        };
        let after = reader.after().map(str::to_owned);
        let cursor = serde_json::to_string(&Cursor { after })
            .map_err(|source| Error::internal("the cursor cannot be written").with_source(source))?;
        Ok((reader, page.cursor(cursor)))
    }
}

impl Source for Documents {
    fn kind(&self) -> &'static str {
        "documents"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let step = move |step: Step| async move {
            let reader = match step {
                Step::Open(cursor) => self.open(cursor).await?,
                Step::Read(reader) => reader,
                Step::End => return Ok(None),
            };
            let (reader, page) = self.read(reader, from.known).await?;
            let next = if reader.next < reader.files.len() { Step::Read(reader) } else { Step::End };
            Ok(Some((page, next)))
        };
        stream::try_unfold(Step::Open(from.cursor), step).boxed()
    }
}

/// The documents that are there; none is an error, as a folder that is not mounted looks the same.
pub(super) fn found(path: &Path) -> Result<Folder> {
    let folder = Folder::find(path)?;
    if !folder.files.is_empty() {
        return Ok(folder);
    }
    let error =
        Error::not_found("no documents here: files that end in .md, .txt, .html, .json or .jsonl").with("path", path.display());
    let error = match folder.skipped.told() {
        Some(told) => error.with("but", told),
        None => error,
    };
    Err(error.with(HINT, "mastra quickstart without a path, for the built-in documents"))
}

/// The members of a list, or one document.
async fn of_list(records: Vec<NewRecord>, version: &str, known: Option<&dyn Known>) -> Result<Vec<Item>> {
    let mut items = Vec::with_capacity(records.len());
    // A list may be longer than what may be asked for at once.
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let part: Vec<NewRecord> = records.by_ref().take(1_000).collect();
        let ids: Vec<String> = part.iter().map(|record| record.external_id.clone()).collect();
        let versions = versions(known, &ids).await?;
        items.extend(part.into_iter().map(|record| {
            if versions.get(&record.external_id).is_some_and(|known| known == version) {
                return Item::Unchanged { external_id: record.external_id };
            }
            Item::record(record.external_id, record.data).version(version)
        }));
    }
    Ok(items)
}

async fn versions(known: Option<&dyn Known>, ids: &[String]) -> Result<HashMap<String, String>> {
    match known {
        Some(known) if !ids.is_empty() => known.versions(ids).await,
        _ => Ok(HashMap::new()),
    }
}

impl Reader {
    /// Reads the files of a page.
    #[allow(clippy::type_complexity, reason = "a name, and its text or why there is none")]
    fn read(mut self) -> (Self, Vec<(String, std::result::Result<Text, Reason>)>) {
        let (mut read, mut bytes) = (Vec::new(), 0);
        while read.len() < FILES && bytes < BYTES {
            let Some(file) = self.files.get(self.next).cloned() else { break };
            self.next += 1;
            let name = file.name.clone();
            let text = read::text(&file.path).map(|content| Text { version: version(&content.text), file, content });
            bytes += text.as_ref().map_or(0, |text| text.content.text.len() as u64);
            read.push((name, text));
        }
        (self, read)
    }

    /// The file that was read last; none where it was the last of all.
    fn after(&self) -> Option<&str> {
        self.files.get(self.next)?;
        Some(self.files.get(self.next.checked_sub(1)?)?.name.as_str())
    }
}

impl Text {
    /// Whether its records are known only once it is parsed.
    fn is_list(&self) -> bool {
        matches!(self.file.kind, Kind::Json | Kind::JsonLines)
    }

    /// Its records, or why it has none.
    fn made(self) -> (String, String, std::result::Result<Vec<NewRecord>, Reason>) {
        let records = documents::of(&self.file, self.content);
        (self.file.name, self.version, records)
    }
}

fn version(text: &str) -> String {
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{EDITION}:{hash}")
}

/// On a thread of its own: a slow disk must not keep others waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|source| Error::internal("reading documents ended badly").with_source(source))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn ids(page: &Page) -> Vec<&str> {
        page.items
            .iter()
            .map(|item| match item {
                Item::Record { external_id, .. } => external_id.as_str(),
                _ => "?",
            })
            .collect()
    }

    #[tokio::test]
    async fn pages_go_on_behind_their_cursors() {
        let names: Vec<String> = (0..250).map(|n| format!("{n:03}.md")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "text")).collect();
        let folder = folder(&files);
        let documents = Documents::new(folder.path());
        let pages: Vec<Page> = documents.pages(Position::start()).map(std::result::Result::unwrap).collect().await;
        assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [100, 100, 50]);
        let behind = |cursor: &Option<String>| Position { cursor: cursor.clone(), ..Position::start() };
        let rest: Vec<Page> = documents.pages(behind(&pages[0].cursor)).map(std::result::Result::unwrap).collect().await;
        assert_eq!(ids(&rest[0]), ids(&pages[1]));
        let again: Vec<Page> = documents.pages(behind(&pages[2].cursor)).map(std::result::Result::unwrap).collect().await;
        assert_eq!(ids(&again[0]), ids(&pages[0]), "behind the last page comes the first");
        let foreign = Position { cursor: Some("{}x".into()), ..Position::start() };
        assert!(documents.pages(foreign).next().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_makes_the_reading_incomplete() {
        let folder = folder(&[("a.md", "# A"), ("b.md", "# B")]);
        let documents = Documents::new(folder.path());
        let reader = documents.open(None).await.unwrap();
        fs::remove_file(folder.path().join("b.md")).unwrap();
        let (_, page) = documents.read(reader, None).await.unwrap();
        assert_eq!((ids(&page), page.incomplete.as_deref()), (vec!["a.md"], Some("b.md cannot be read")));
        assert_eq!(documents.left_out().told().unwrap(), "left out: 1 that cannot be read (b.md)");
        assert!(Documents::new(folder.path().join("absent")).open(None).await.is_err());
    }
}
