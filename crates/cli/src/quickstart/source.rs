//! What is loaded, and under which names.

use super::{ARTICLES, CONNECTION, folder::Folder, loading};
use crate::exit::{Outcome, file_error};
use mastra_core::{EntityRef, Result};
use std::path::{Path, PathBuf};

/// The longest name that is made of a folder's.
const NAME: usize = 30;

/// Documents and the entity that they go to.
#[derive(Debug)]
pub(super) struct Source {
    /// The name of the knowledge base, if nothing else has it.
    pub(super) knowledge: String,
    pub(super) entity: String,
    pub(super) connection: String,
    /// The user's own documents; those of this program where there is none.
    pub(super) own: Option<Own>,
}

/// Documents of the user's own.
#[derive(Debug)]
pub(super) struct Own {
    /// A folder or a file, from the project's folder where it lies in that.
    pub(super) path: PathBuf,
    pub(super) folder: Folder,
}

impl Source {
    /// The documents of this program.
    pub(super) fn built_in() -> Self {
        Self { knowledge: ARTICLES.to_lowercase(), entity: ARTICLES.to_owned(), connection: CONNECTION.to_owned(), own: None }
    }

    /// The documents of a folder, or one file. The connection names the folder, so that another one of the same name is another entity.
    pub(super) fn of(path: &Path) -> Outcome<Self> {
        let folder = loading::found(path)?;
        let (whole, place) = place(path)?;
        let name = slug(&whole);
        let connection = format!("{CONNECTION}:{place}");
        let own = Own { path: PathBuf::from(place), folder };
        Ok(Self { knowledge: name.clone(), entity: name, connection, own: Some(own) })
    }

    pub(super) fn entity_ref(&self) -> EntityRef {
        EntityRef::named(&self.entity).in_connection(&self.connection)
    }
}

/// Where the documents are: the whole path, and what names it. That is the path from the project's folder for what is in it, so that the
/// project can be moved.
fn place(path: &Path) -> Result<(PathBuf, String)> {
    let absolute = |path: &Path| path.canonicalize().map_err(|source| file_error("cannot read", path, source));
    let (path, here) = (absolute(path)?, absolute(Path::new("."))?);
    let named = match path.strip_prefix(&here) {
        Ok(below) if below.as_os_str().is_empty() => Path::new("."),
        Ok(below) => below,
        Err(_) => &path,
    };
    let named = named.to_string_lossy().replace('\\', "/");
    Ok((path, named))
}

/// A name that a knowledge base can have, made of the last part of a path.
fn slug(place: &Path) -> String {
    let name = if place.is_dir() { place.file_name() } else { place.file_stem() };
    let name = name.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-");
    slug.truncate(NAME);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "documents".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_the_last_part() {
        assert_eq!(slug(Path::new("/data/My Notes (2026)")), "my-notes-2026");
        assert_eq!(slug(Path::new("README.md")), "readme");
        assert_eq!(slug(Path::new("/")), "documents");
        assert_eq!(slug(Path::new("/x/文書")), "documents");
        assert_eq!(slug(Path::new(&"a-".repeat(40))).len(), 29);
    }

    #[test]
    fn one_place_has_one_name_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let place = |path: &str| place(&folder.path().join(path)).unwrap();
        assert_eq!(place("a"), place("./a/../a/"));
        assert_ne!(place("a"), place("."));
        let here = super::place(Path::new("src/..")).unwrap();
        assert_eq!((here.1.as_str(), here.0.is_absolute()), (".", true));
        assert_eq!(super::place(Path::new("./src/quickstart/")).unwrap().1, "src/quickstart");
    }
}
