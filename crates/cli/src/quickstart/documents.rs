//! The documents to load: those of this program, or the files of folders.

use super::html;
use crate::exit::{HINT, file_error};
use mastra_core::{Error, NewRecord, Result, text::MAX_INDEX_BYTES};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};

macro_rules! built_in {
    ($($name:literal,)*) => {
        /// The documents of this program, by name.
        const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../assets/documents/", $name))),)*];
    };
}

built_in![
    "agent-memory.md",
    "btree-indexes.md",
    "chunking-documents.md",
    "connection-pooling.md",
    "embedded-or-server.md",
    "full-text-search.md",
    "hybrid-search.md",
    "idempotent-sync.md",
    "json-documents-in-sql.md",
    "measuring-honestly.md",
    "retrieval-augmented-generation.md",
    "schema-migrations.md",
    "transactions-and-isolation.md",
    "vector-search.md",
    "write-ahead-logging.md",
];

/// Folders that hold no documents of the user's own.
const SKIPPED: [&str; 4] = ["node_modules", "target", "vendor", "__pycache__"];
/// The largest file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What was found below the given paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<PathBuf>,
    /// Files that are not read, and why.
    pub(super) skipped: Vec<String>,
}

/// The documents of this program.
pub(super) fn built_in() -> Vec<NewRecord> {
    BUILT_IN.iter().map(|(name, text)| markdown(name, text)).collect()
}

/// The files of documents below these paths, sorted, without hidden ones.
pub(super) fn find(paths: &[PathBuf]) -> Result<Found> {
    let mut found = Found::default();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|source| file_error("cannot read", path, source))?;
        if metadata.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.files.push(path.clone());
        }
    }
    if found.files.is_empty() {
        return Err(Error::not_found("no documents here: files that end in .md, .txt, .html or .json")
            .with("paths", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))
            .with(HINT, "mastra quickstart without a path, for the built-in documents"));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Found) -> Result<()> {
    let failed = |source| file_error("cannot read the folder", folder, source);
    let mut entries: Vec<_> = std::fs::read_dir(folder).map_err(failed)?.collect::<std::io::Result<_>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // Links are not followed: they may lead round in a circle.
        let kind = entry.file_type().map_err(failed)?;
        if name.starts_with('.') || SKIPPED.contains(&name.as_ref()) {
            continue;
        }
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() && Kind::of(&path).is_some() {
            let size = entry.metadata().map_err(failed)?.len();
            if size > LARGEST {
                found.skipped.push(format!("{}: larger than {} MiB", path.display(), LARGEST >> 20));
            } else if is_binary(&path) {
                found.skipped.push(format!("{}: not UTF-8 text", path.display()));
            } else {
                found.files.push(path);
            }
        }
    }
    Ok(())
}

/// Whether a file begins with what no text holds: UTF-16 does too, and would become words that nobody can find. A file that
/// cannot be read is the reader's to refuse.
fn is_binary(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(8 * 1024).read_to_end(&mut head));
    read.is_ok() && head.contains(&0)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Markdown,
    Text,
    Html,
    Json,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdx" => Some(Self::Markdown),
            "txt" | "text" | "rst" | "adoc" => Some(Self::Text),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The documents of one file: one, or, of a JSON list, one a member.
pub(super) fn read(path: &Path) -> Result<Vec<NewRecord>> {
    let bytes = std::fs::read(path).map_err(|source| file_error("cannot read", path, source))?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}').replace('\0', "\u{fffd}");
    let name = path.to_string_lossy().replace('\\', "/");
    let name = name.trim_start_matches("./");
    Ok(match Kind::of(path).unwrap_or(Kind::Text) {
        Kind::Markdown => vec![markdown(name, &text)],
        Kind::Text => vec![document(name, "text", &first_line(&text, name), &text)],
        Kind::Html => {
            let (title, text) = html::strip(&text);
            let title = title.unwrap_or_else(|| first_line(&text, name));
            vec![document(name, "html", &title, &text)]
        }
        Kind::Json => match serde_json::from_str(&text) {
            Ok(Value::Array(members)) => {
                let numbered = members.iter().enumerate();
                numbered.map(|(index, member)| json_document(&format!("{name}#{index}"), member)).collect()
            }
            Ok(value) => vec![json_document(name, &value)],
            Err(_) => vec![document(name, "text", &first_line(&text, name), &text)],
        },
    })
}

fn markdown(name: &str, text: &str) -> NewRecord {
    let heading = text.lines().find_map(|line| line.strip_prefix("# ")).map(|heading| heading.trim().to_owned());
    document(name, "markdown", &heading.unwrap_or_else(|| first_line(text, name)), text)
}

fn json_document(name: &str, value: &Value) -> NewRecord {
    let named = ["title", "name", "subject", "question"].iter().find_map(|key| value.get(*key)?.as_str());
    let mut strings = Vec::new();
    collect_strings(value, &mut strings);
    let text = strings.join("\n");
    document(name, "json", named.map_or_else(|| first_line(&text, name), str::to_owned).as_str(), &text)
}

fn collect_strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(members) => members.iter().for_each(|member| collect_strings(member, into)),
        Value::Object(map) => map.values().for_each(|member| collect_strings(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn document(name: &str, format: &str, title: &str, text: &str) -> NewRecord {
    let words = text.split_whitespace().count();
    NewRecord::new(name, json!({ "path": name, "title": title, "format": format, "words": words, "text": text }))
}

/// The first line that says something, else the file's name.
fn first_line(text: &str, name: &str) -> String {
    let line = text.lines().map(|line| line.trim().trim_start_matches(['#', '=', '-', '*']).trim()).find(|line| !line.is_empty());
    line.map_or_else(|| name.to_owned(), |line| line.chars().take(120).collect())
}

/// How much of a document's text is searched.
pub(super) fn is_cut(record: &NewRecord) -> bool {
    record.data.get("text").and_then(Value::as_str).is_some_and(|text| text.len() > MAX_INDEX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_documents_are_real_ones() {
        let documents = built_in();
        assert!(documents.len() >= 12);
        for document in documents {
            assert!(document.data["words"].as_u64().unwrap() > 200, "{}", document.external_id);
            assert!(
                document.data["text"].as_str().unwrap().starts_with(&format!("# {}", document.data["title"].as_str().unwrap()))
            );
        }
    }

    #[test]
    fn a_folder_of_every_kind() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("b/guide.md", "intro\n# The guide\ntext");
        write("a.txt", "\n  First line\nmore");
        write("page.html", "<title>Page</title><p>Body");
        write("list.json", r#"[{"title":"One","n":1},{"body":{"deep":"Two"}}]"#);
        write("broken.json", "{");
        write(".hidden/x.md", "# no");
        write("node_modules/x.md", "# no");
        write("image.png", "no");
        write("binary.md", "\u{1}\0\u{2}");
        let found = find(&[folder.path().to_owned()]).unwrap();
        let titles: Vec<String> = found
            .files
            .iter()
            .flat_map(|file| read(file).unwrap())
            .map(|record| record.data["title"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(titles[0], "First line");
        assert_eq!(titles[1..], ["The guide", "{", "One", "Two", "Page"]);
        assert_eq!(found.skipped.len(), 1);
        assert!(found.skipped[0].contains("binary.md"));
        assert!(find(&[folder.path().join(".hidden")]).is_ok());
        assert!(find(&[folder.path().join("absent")]).unwrap_err().is_not_found());
    }
}
