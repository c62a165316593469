//! Folders of documents.

use super::*;
use async_trait::async_trait;
use mastra_core::ErrorKind;
use mastra_sync::source::{Known, files::Folder};
use serde_json::json;
use std::collections::HashMap;

#[derive(Debug)]
struct Stored(HashMap<String, String>);

#[async_trait]
impl Known for Stored {
    async fn versions(&self, external_ids: &[String]) -> Result<HashMap<String, String>> {
        let known = |id: &String| self.0.get(id).map(|version| (id.clone(), version.clone()));
        Ok(external_ids.iter().filter_map(known).collect())
    }
}

fn stored(pages: &[Page]) -> Stored {
    let versions = pages.iter().flat_map(|page| &page.items).filter_map(|item| match item {
        Item::Record { external_id, version, .. } => Some((external_id.clone(), version.clone().unwrap())),
        _ => None,
    });
    Stored(versions.collect())
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

#[tokio::test]
async fn each_document_is_a_record() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "b/ö.md", "\u{feff}---\ntitle: Tea\n---\n# Leaves\r\n");
    write(folder.path(), "a.HTM", "<title>Caf&eacute;</title><p>x");
    write(folder.path(), "c.txt", "");
    write(folder.path(), "c.bin", "no document");
    let pages = pages(&Folder::new(folder.path()), Position::start()).await.unwrap();
    let records: Vec<_> = pages[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Record { external_id, data, version, .. } => (external_id.as_str(), data, version.as_deref().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(records.iter().map(|record| record.0).collect::<Vec<_>>(), ["a.HTM", "b/ö.md", "c.txt"]);
    let mut data = records[1].1.clone();
    assert!(data["modifiedAt"].as_str().unwrap().ends_with('Z'));
    data.as_object_mut().unwrap().remove("modifiedAt");
    let text = "---\ntitle: Tea\n---\n# Leaves\r\n";
    assert_eq!(data, json!({ "path": "b/ö.md", "title": "Tea", "text": text, "format": "markdown", "bytes": text.len() + 3 }));
    assert_eq!((&records[0].1["title"], &records[0].1["format"]), (&json!("Café"), &json!("html")));
    assert_eq!(records[0].1["text"], "<title>Caf&eacute;</title><p>x");
    assert_eq!((records[2].1.get("title"), &records[2].1["bytes"]), (None, &json!(0)));
    // The SHA-256 of nothing.
    assert_eq!(records[2].2, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[tokio::test]
async fn what_is_known_by_its_content_is_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.md", "b.md", "c.md"] {
        write(folder.path(), name, name);
    }
    let source = Folder::new(folder.path());
    let known = stored(&pages(&source, Position::start()).await.unwrap());
    // Written again as it was, changed at the same size, and new.
    write(folder.path(), "a.md", "a.md");
    write(folder.path(), "b.md", "B.md");
    write(folder.path(), "d.md", "d.md");
    let from = Position { known: Some(&known), ..Position::default() };
    let items = shown(&pages(&source, from).await.unwrap());
    assert_eq!((items[0].as_str(), items[2].as_str(), items.len()), ("~a.md", "~c.md", 4));
    assert!(items[1].starts_with("b.md=") && items[3].starts_with("d.md="));
}

#[tokio::test]
async fn what_is_no_text_fails_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "binary.md", b"a\0b");
    write(folder.path(), "large.md", "x".repeat(101));
    write(folder.path(), "latin.md", b"caf\xe9");
    write(folder.path(), "ok.md", "ok");
    let items = all(&Folder::new(folder.path()).max_file_bytes(100)).await;
    assert_eq!(items[0], "!binary.md: the file holds U+0000, as no text does (path=binary.md)");
    assert_eq!(items[1], "!large.md: the file is too large (bytes=101, most_bytes=100, path=large.md)");
    assert_eq!(items[2], "!latin.md: the file is not UTF-8 (path=latin.md)");
    assert!(items[3].starts_with("ok.md="));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_is_no_id_fails_without_one() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.md")), "x").unwrap();
    let items = all(&Folder::new(folder.path())).await;
    assert_eq!(items.len(), 1);
    assert!(items[0].starts_with("!: the file's path is not UTF-8, or too long for an id"), "{}", items[0]);
}

#[tokio::test]
async fn a_file_that_is_gone_by_then_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    for id in 0..150 {
        write(folder.path(), &format!("{id:03}.md"), "x");
    }
    let source = Folder::new(folder.path());
    let read = interrupted(&source, || std::fs::remove_file(folder.path().join("120.md")).unwrap()).await.unwrap();
    let ids = shown(&read);
    assert!(ids.len() == 149 && !ids.iter().any(|item| item.starts_with("120.md")));
    // All of the last page gone: its cursor is the beginning all the same.
    let read =
        interrupted(&source, || (100..150).for_each(|id| drop(std::fs::remove_file(folder.path().join(format!("{id:03}.md"))))));
    let read = read.await.unwrap();
    assert_eq!((read.len(), read[1].items.len()), (2, 0));
    assert_eq!(rest(&source, read[1].cursor.as_deref().unwrap()).await.0.len(), 100);
}

#[tokio::test]
async fn what_cannot_be_looked_through_is_no_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert!(pages(&Folder::new(folder.path().join("absent")), Position::start()).await.unwrap_err().is_not_found());
    assert!(pages(&Folder::new(folder.path()), Position::start()).await.unwrap_err().is_not_found());
    write(folder.path(), "a.md", "x");
    let no_folder = Folder::new(folder.path().join("a.md"));
    assert_eq!(pages(&no_folder, Position::start()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let error = pages(&Folder::new(folder.path()), behind("{\"format\":\"csv\",\"after\":null}")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn folders_of_others_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["vendor/a.md", "docs/target/b.md", "docs/c.md", ".git/d.md", "e.org"] {
        write(folder.path(), name, "x");
    }
    let names = |items: Vec<String>| items.iter().map(|item| item.split('=').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(all(&Folder::new(folder.path())).await), ["docs/c.md"]);
    let source = Folder::new(folder.path()).pass_over(["docs"]).extensions([".ORG", "md"]);
    assert_eq!(names(all(&source).await), ["e.org", "vendor/a.md"]);
}
