//! A folder of documents: Markdown, HTML and text, each file a record.

use super::{
    blocking, cursor,
    document::{self, Document},
    walk::{self, Found, Wanted},
};
use crate::source::{Item, Known, Page, Pages, Position, Source};
use futures::{StreamExt as _, stream};
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::HashMap, path::PathBuf};

/// Files of a page.
const PAGE_FILES: usize = 100;
/// Bytes after which a page ends.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of a file, by default.
const FILE_BYTES: u64 = 8 * 1024 * 1024;
/// What names of documents end in, by default.
const EXTENSIONS: [&str; 10] = ["md", "markdown", "mdx", "html", "htm", "xhtml", "txt", "text", "rst", "adoc"];
/// Folders that hold no documents of the user's own.
const PASSED_OVER: [&str; 4] = ["node_modules", "target", "vendor", "__pycache__"];

/// The documents in a folder and all below it: one record a file.
///
/// The external id is the file's path below the folder, with `/` on every system. Its data:
///
/// | key | what |
/// |---|---|
/// | `path` | the same |
/// | `title` | from Markdown's front matter or first heading, HTML's title or heading; absent where there is none |
/// | `text` | the file as it is, without a byte order mark |
/// | `format` | `markdown`, `html` or `text`, by what the name ends in |
/// | `bytes` | its size |
/// | `modifiedAt` | when it was changed last, in UTC; absent where the file system does not say |
///
/// The [version](Item::version) is the SHA-256 of the content. Every run reads all files, and tells those as [`Item::Unchanged`] whose version
/// is known, whatever their time says. Files that are not UTF-8, hold U+0000, are too large, keep changing, cannot be read, or have a name that
/// is no id are [`Item::Failed`]. A file that is gone by the time it is read is as if it had not been there. Hidden files and folders are left
/// out, and links are not followed.
///
/// Pages hold up to 100 files or 4 MiB, in the order of the paths; the cursor is the last path, and after the last page the beginning.
/// An absent folder is `NotFound`; one that cannot be read, anywhere below too, is an error (`PermissionDenied` or `Unavailable`), since its
/// documents would be taken for deleted; more than 1,000,000 files are `InvalidInput`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// # let folder = tempfile::tempdir().map_err(|source| mastra_core::Error::io("no folder", source))?;
/// # let path = folder.path();
/// # std::fs::write(path.join("tea.md"), "# Tea\n\nLeaves in water.\n").map_err(|source| mastra_core::Error::io("no file", source))?;
/// use futures::TryStreamExt as _;
/// use mastra_sync::source::{Item, Position, Source as _, files::Folder};
///
/// let source = Folder::new(path).extensions(["md"]);
/// let pages: Vec<_> = source.pages(Position::start()).try_collect().await?;
/// let Item::Record { external_id, data, .. } = &pages[0].items[0] else { panic!("no record") };
/// assert_eq!((external_id.as_str(), &data["title"]), ("tea.md", &"Tea".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    wanted: Wanted,
    most: u64,
}

impl Folder {
    /// The documents below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted { extensions: owned(&EXTENSIONS), passed_over: owned(&PASSED_OVER) };
        Self { root: root.into(), wanted, most: FILE_BYTES }
    }

    /// What the names of documents end in, without the dot, in any case. By default `md`, `markdown`, `mdx`, `html`, `htm`, `xhtml`, `txt`,
    /// `text`, `rst` and `adoc`; what is neither Markdown nor HTML by these is text.
    #[must_use]
    pub fn extensions(mut self, extensions: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let lower = |end: &str| end.trim_start_matches('.').to_ascii_lowercase();
        self.wanted.extensions = extensions.into_iter().map(|end| lower(end.as_ref())).collect();
        self
    }

    /// The names of folders that are passed over, wherever they stand below the root; by default `node_modules`, `target`, `vendor` and
    /// `__pycache__`.
    #[must_use]
    pub fn pass_over(mut self, folders: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.wanted.passed_over = folders.into_iter().map(Into::into).collect();
        self
    }

    /// The largest file that is read, in bytes; 8 MiB by default.
    #[must_use]
    pub fn max_file_bytes(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }
}

impl Source for Folder {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let step = move |step: Step| async move {
            let reader = match step {
                Step::Open(cursor) => self.open(cursor).await?,
                Step::Read(reader) => reader,
                Step::End => return Ok(None),
            };
            let (reader, read) = blocking::run(move || Ok(reader.read())).await?;
            let page = page(read, from.known).await?;
            let (cursor, next) = match reader.after() {
                Some(after) => (cursor::write(&Cursor::new(Some(after)))?, Step::Read(reader)),
                None => (cursor::write(&Cursor::new(None))?, Step::End),
            };
            Ok(Some((page.cursor(cursor), next)))
        };
        stream::try_unfold(Step::Open(from.cursor), step).boxed()
    }
}

/// What the source is called in traces and cursors.
const KIND: &str = "folder";

/// The last path that was read; the beginning where there is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    format: String,
    after: Option<String>,
}

impl Cursor {
    fn new(after: Option<&str>) -> Self {
        Self { format: KIND.to_owned(), after: after.map(str::to_owned) }
    }
}

enum Step {
    Open(Option<String>),
    Read(Reader),
    End,
}

impl Folder {
    async fn open(&self, cursor: Option<String>) -> Result<Reader> {
        let cursor = cursor.map(|text| cursor::read::<Cursor>(&text, KIND)).transpose()?;
        if cursor.as_ref().is_some_and(|cursor| cursor.format != KIND) {
            return Err(cursor::foreign(KIND));
        }
        let (root, wanted, most) = (self.root.clone(), self.wanted.clone(), self.most);
        blocking::run(move || {
            let files = walk::walk(&root, &wanted)?;
            if files.is_empty() {
                return Err(Error::not_found("the folder holds no document").with("path", root.display()));
            }
            let after = cursor.and_then(|cursor| cursor.after);
            let next = after.map_or(0, |after| files.partition_point(|file| file.name <= after));
            Ok(Reader { files, next, most })
        })
        .await
    }
}

/// The files, and which of them is next.
struct Reader {
    files: Vec<Found>,
    next: usize,
    most: u64,
}

/// What was read of a file.
enum Read {
    Document(Document),
    Failed(Item),
}

impl Reader {
    /// Reads the files of a page.
    fn read(mut self) -> (Self, Vec<Read>) {
        let (mut read, mut bytes) = (Vec::new(), 0);
        while read.len() < PAGE_FILES && bytes < PAGE_BYTES {
            let Some(file) = self.files.get(self.next) else { break };
            self.next += 1;
            if !file.fit {
                let error = Error::invalid_input("the file's path is not UTF-8, or too long for an id").with("path", &file.name);
                read.push(Read::Failed(Item::failed(None, json!({ "path": file.name }), error)));
                continue;
            }
            match document::read(&file.path, &file.name, self.most) {
                Ok(Some(document)) => {
                    bytes += document.bytes;
                    read.push(Read::Document(document));
                }
                Ok(None) => {}
                Err(error) => {
                    let error = error.with("path", &file.name);
                    read.push(Read::Failed(Item::failed(Some(file.name.clone()), json!({ "path": file.name }), error)));
                }
            }
        }
        (self, read)
    }

    /// The file that was read last; none where it was the last of all.
    fn after(&self) -> Option<&str> {
        self.files.get(self.next)?;
        Some(self.files.get(self.next.checked_sub(1)?)?.name.as_str())
    }
}

/// A page of what was read; what is known is not sent again.
async fn page(read: Vec<Read>, known: Option<&dyn Known>) -> Result<Page> {
    let ids: Vec<String> = read
        .iter()
        .filter_map(|read| match read {
            Read::Document(document) => Some(document.name.clone()),
            Read::Failed(_) => None,
        })
        .collect();
    let known = match known {
        Some(known) if !ids.is_empty() => known.versions(&ids).await?,
        _ => HashMap::new(),
    };
    // Titles are looked for in the text, which takes a while.
    blocking::run(move || {
        let mut page = Page::default();
        for read in read {
            page.items.push(match read {
                Read::Failed(item) => item,
                Read::Document(document) => {
                    page.bytes += document.bytes;
                    if known.get(&document.name) == Some(&document.version) {
                        Item::Unchanged { external_id: document.name }
                    } else {
                        document.into_item()
                    }
                }
            });
        }
        Ok(page)
    })
    .await
}
