//! The files of a folder that are documents, and what of it is left out.

use super::skipped::{Reason, Skipped};
use crate::exit::{HINT, file_error};
use mastra_core::{Error, Result};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Folders that hold no documents of the user's own.
const PASSED_OVER: [&str; 4] = ["node_modules", "target", "vendor", "__pycache__"];
/// The most files of one folder.
const MOST: usize = 100_000;

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Markdown,
    Text,
    Html,
    Json,
    JsonLines,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdx" => Self::Markdown,
            "txt" | "text" | "rst" | "adoc" => Self::Text,
            "html" | "htm" | "xhtml" => Self::Html,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::JsonLines,
            _ => return None,
        })
    }
}

/// A file to load.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Its path below the folder, with `/` on every system.
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// A folder, or one file of it.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// In order of their paths.
    pub(super) files: Vec<File>,
    pub(super) skipped: Skipped,
    /// Files and folders that are there and could not be read: what was loaded of them before is kept.
    pub(super) unread: Vec<String>,
}

impl Folder {
    /// Looks through a folder, or takes the one file. Links are not followed: what they lead to inside the folder is found there, and
    /// what is outside is not asked for.
    pub(super) fn find(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|source| missing(path, source))?;
        let mut found = Self::default();
        if metadata.is_dir() {
            found.walk(path)?;
        } else if !metadata.is_file() {
            return Err(Error::invalid_input("neither a folder nor a file").with("path", path.display()));
        } else {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // A file that was named is text, whatever its name ends in.
            found.files.push(File { path: path.to_owned(), name, kind: Kind::of(path).unwrap_or(Kind::Text) });
        }
        Ok(found)
    }

    fn walk(&mut self, root: &Path) -> Result<()> {
        // A stack of our own: folders can be nested more deeply than calls.
        let mut stack = vec![(root.to_owned(), String::new())];
        while let Some((folder, prefix)) = stack.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(source) if prefix.is_empty() => return Err(file_error("cannot read the folder", &folder, source)),
                Err(_) => {
                    self.leave_unread(prefix);
                    continue;
                }
            };
            for entry in entries {
                let Ok(entry) = entry else {
                    self.leave_unread(prefix.clone());
                    break;
                };
                let Ok(name) = entry.file_name().into_string() else {
                    self.skipped.add(Reason::Name, entry.file_name().to_string_lossy());
                    continue;
                };
                let below = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
                match entry.file_type() {
                    Ok(kind) if kind.is_symlink() => self.skipped.add(Reason::Link, below),
                    _ if name.starts_with('.') => self.skipped.add(Reason::Hidden, below),
                    Ok(kind) if kind.is_dir() => {
                        if PASSED_OVER.contains(&name.as_str()) {
                            self.skipped.add(Reason::Folder, below);
                        } else {
                            stack.push((entry.path(), below));
                        }
                    }
                    Ok(kind) if kind.is_file() => self.take(entry.path(), below)?,
                    Ok(_) => self.skipped.add(Reason::Other, below),
                    Err(_) => self.leave_unread(below),
                }
            }
        }
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    fn take(&mut self, path: PathBuf, name: String) -> Result<()> {
        match Kind::of(&path) {
            None => self.skipped.add(Reason::Other, name),
            // Ids of records are bounded; members of JSON lists have a number behind it.
            Some(_) if name.len() > mastra_core::validate::MAX_NAME_BYTES - 16 => self.skipped.add(Reason::Name, name),
            Some(kind) => self.files.push(File { path, name, kind }),
        }
        if self.files.len() > MOST {
            return Err(Error::invalid_input(format!("more than {MOST} documents: name a folder below this one")));
        }
        Ok(())
    }

    /// Something is there and cannot be read.
    pub(super) fn leave_unread(&mut self, name: String) {
        self.skipped.add(Reason::Unreadable, &name);
        self.unread.push(name);
    }

    /// Whether it is not known what a file says now.
    pub(super) fn is_unread(&self, name: &str) -> bool {
        let covers =
            |unread: &String| name.strip_prefix(unread.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.unread.iter().any(covers)
    }
}

fn missing(path: &Path, source: std::io::Error) -> Error {
    let absent = source.kind() == ErrorKind::NotFound;
    let error = file_error("cannot read", path, source);
    if absent {
        error.with(HINT, "the path of a folder or a file; without one, mastra quickstart shows built-in documents")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/guide.md", "a.TXT", "page.htm", "c.jsonl", ".hidden/x.md", ".x.md", "node_modules/x.md", "image.png"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        }
        let found = Folder::find(folder.path()).unwrap();
        let names: Vec<&str> = found.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.TXT", "b/guide.md", "c.jsonl", "page.htm"]);
        assert_eq!(serde_json::to_value(&found.skipped).unwrap()["hidden"]["count"], 2);
        assert!(Folder::find(&folder.path().join("absent")).unwrap_err().is_not_found());
        let one = Folder::find(&folder.path().join("image.png")).unwrap();
        assert_eq!((one.files[0].name.as_str(), one.files[0].kind), ("image.png", Kind::Text));
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_neither_out_nor_in_circles() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret.md"), "text").unwrap();
        std::fs::write(folder.path().join("a.md"), "text").unwrap();
        symlink(outside.path(), folder.path().join("out")).unwrap();
        symlink(outside.path().join("secret.md"), folder.path().join("secret.md")).unwrap();
        symlink(folder.path(), folder.path().join("round")).unwrap();
        symlink("nowhere", folder.path().join("dangling.md")).unwrap();
        let found = Folder::find(folder.path()).unwrap();
        assert_eq!(found.files.len(), 1);
        assert_eq!(serde_json::to_value(&found.skipped).unwrap()["link"]["count"], 4);
        // A link that was named is the folder it leads to.
        let link = outside.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert_eq!(Folder::find(&link).unwrap().files.len(), 1);
    }

    #[test]
    fn what_could_not_be_read_covers_what_is_below() {
        let mut folder = Folder::default();
        folder.leave_unread("a/b".to_owned());
        assert!(folder.is_unread("a/b") && folder.is_unread("a/b/c.md"));
        assert!(!folder.is_unread("a/bc.md") && !folder.is_unread("a"));
    }
}
