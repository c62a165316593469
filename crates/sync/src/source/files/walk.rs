//! The files below a folder that are documents.

use super::state;
use mastra_core::{Error, Result, validate::MAX_NAME_BYTES};
use std::path::{Path, PathBuf};

/// The most files of one folder: their names are held in memory.
const MOST: usize = 1_000_000;

/// What to look for, and where not to.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// What names end in, in lower case.
    pub(super) extensions: Vec<String>,
    /// The names of folders that are passed over.
    pub(super) passed_over: Vec<String>,
}

/// A file, by its path below the folder, with `/` on every system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) name: String,
    /// Whether the name can be an id: UTF-8, and short enough.
    pub(super) fit: bool,
    pub(super) path: PathBuf,
}

/// The files below a folder, in the order of their names.
///
/// Links are not followed: what they lead to inside the folder is found there, and what is outside is not asked for. Hidden files and folders
/// are passed over. A folder that cannot be read is an error, and not an empty one: what was loaded of it before would be taken for deleted.
pub(super) fn walk(root: &Path, wanted: &Wanted) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    // A stack of our own: folders can be nested more deeply than calls.
    let mut stack = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = stack.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|source| state::unreadable(source, &folder))? {
            let entry = entry.map_err(|source| state::unreadable(source, &folder))?;
            let file_name = entry.file_name();
            let utf8 = file_name.to_str().is_some();
            let name = file_name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().map_err(|source| state::unreadable(source, &entry.path()))?;
            let below = if prefix.is_empty() { name.clone().into_owned() } else { format!("{prefix}/{name}") };
            if kind.is_dir() && !wanted.passed_over.iter().any(|passed| *passed == *name) {
                stack.push((entry.path(), below));
            } else if kind.is_file() && wanted.extensions.contains(&extension(&below)) {
                // A folder's name that is not UTF-8 holds the mark of what was replaced in it.
                let fit = utf8 && entry.path().to_str().is_some() && below.len() <= MAX_NAME_BYTES;
                found.push(Found { name: below, fit, path: entry.path() });
            }
            if found.len() > MOST {
                let error = Error::invalid_input(format!("more than {MOST} documents: name a folder below this one"));
                return Err(error.with("path", root.display()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What a name ends in, in lower case; empty where it has no such end.
pub(super) fn extension(name: &str) -> String {
    Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let wanted = Wanted { extensions: vec!["md".to_owned()], passed_over: vec!["node_modules".to_owned()] };
        walk(root, &wanted).unwrap().into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn documents_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["b/guide.md", "b.md", "a.MD", "b/c/x.md", "page.htm", ".hidden/x.md", ".x.md", "node_modules/x.md", "é.md", "md"]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        }
        assert_eq!(names(folder.path()), ["a.MD", "b.md", "b/c/x.md", "b/guide.md", "é.md"]);
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
        assert_eq!(names(folder.path()), ["a.md"]);
        // A link that was named is the folder it leads to.
        let link = outside.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert_eq!(names(&link), ["a.md"]);
    }
}
